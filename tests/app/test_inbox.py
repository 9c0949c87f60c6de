import os
import sys
import threading

import pytest

from permviz.app.inbox import Advanced, Failed, Inbox, Succeeded
from permviz.errors import SourceError

TICK = threading.Event()


@pytest.fixture
def inbox():
    box = Inbox()
    yield box
    box.close()


def wait_for(inbox, kind):
    heard = []
    for _ in range(3000):
        heard += inbox.drain()
        if not inbox.busy(kind):
            return heard
        TICK.wait(0.01)
    return pytest.fail(f"the job {kind} never ended")


def test_messages_come_in_order(inbox):
    def work(report):
        report("half", 0.5)
        return 42

    inbox.start("a", "beginning", work)
    assert wait_for(inbox, "a") == [
        Advanced("a", "beginning", -1.0),
        Advanced("a", "half", 0.5),
        Succeeded("a", 42),
    ]


def test_expected_errors_keep_their_sentence(inbox):
    def work(_):
        raise SourceError("No such file; choose another.")

    inbox.start("a", "", work)
    assert wait_for(inbox, "a")[-1] == Failed("a", "No such file; choose another.")


def test_newer_job_of_a_kind_silences_the_older(inbox):
    go = threading.Event()
    inbox.start("a", "old", lambda _: go.wait(60) and "old")
    inbox.start("a", "new", lambda _: "new")
    assert wait_for(inbox, "a") == [Advanced("a", "new", -1.0), Succeeded("a", "new")]
    go.set()
    inbox.start("b", "", lambda _: None)
    assert {message.kind for message in wait_for(inbox, "b")} == {"b"}


def test_forgotten_job_is_not_heard(inbox):
    go = threading.Event()
    inbox.start("a", "", lambda _: go.wait(60))
    inbox.forget("a")
    go.set()
    assert not inbox.busy("a")
    assert list(inbox.drain()) == []


def test_what_one_message_makes_stale_is_not_heard_after_it(inbox):
    def posted(count):
        while len(inbox._messages) < count:
            TICK.wait(0.01)

    inbox.start("a", "", lambda _: None)
    inbox.start("b", "", lambda _: posted(3))
    posted(4)
    heard = []
    for message in inbox.drain():
        heard.append(message)
        if message == Succeeded("a", None):
            inbox.forget("b")
    assert Succeeded("a", None) in heard
    assert Succeeded("b", None) not in heard


def test_patient_job_ends_when_nobody_waits_for_it_any_more(inbox):
    told, go, ended = threading.Event(), threading.Event(), threading.Event()

    def work(report):
        try:
            told.set()
            go.wait(60)
            report("further", 0.5)
            pytest.fail("it went on")
        finally:
            ended.set()

    inbox.start("a", "", work, patient=True)
    assert told.wait(60)
    inbox.forget("a")
    go.set()
    assert ended.wait(60)
    inbox.start("b", "", lambda _: "next", patient=True)
    assert wait_for(inbox, "b")[-1] == Succeeded("b", "next")


def test_only_patient_jobs_give_way(inbox):
    def urgency(_):
        return os.getpriority(os.PRIO_PROCESS, threading.get_native_id())

    inbox.start("a", "", urgency)
    usual = wait_for(inbox, "a")[-1].value
    inbox.start("a", "", urgency, patient=True)
    lowered = wait_for(inbox, "a")[-1].value
    assert (lowered > usual) == (sys.platform == "linux")


def test_only_patient_jobs_wait_while_somebody_acts(inbox, monkeypatch):
    waited = []
    monkeypatch.setattr("permviz.app.inbox.wait_for_quiet", lambda: waited.append(1))

    def work(report):
        report("half", 0.5)

    inbox.start("a", "", work)
    wait_for(inbox, "a")
    assert waited == []
    inbox.start("a", "", work, patient=True)
    wait_for(inbox, "a")
    assert waited == [1]
