"""Changes of a cell reach it in order, whenever its line to the kernel opens."""

import asyncio
import json
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from bokeh.document import Document
from bokeh.models import Div
from panel import reactive
from panel.viewable import MimeRenderMixin
from pyviz_comms import Comm

from permviz.views import delivery


class Line(Comm):
    """A line that opens when the browser is ready, and remembers what was sent."""

    def __init__(self):
        super().__init__()
        self.sent = []

    def init(self, _on_msg=None):
        self._comm = object()

    def send(self, data=None, _metadata=None, _buffers=()):
        assert self._comm is not None
        self.sent.append(data)

    @property
    def texts(self):
        """What the sent patches set; each is a header, metadata and content."""
        return [json.loads(content)["events"][0]["new"] for content in self.sent[2::3]]


def in_a_kernel(cell):
    """Run a cell; this thread may have a loop of its own."""
    with ThreadPoolExecutor(1) as kernel:
        kernel.submit(asyncio.run, cell()).result()


@pytest.fixture
def line():
    return Line()


@pytest.fixture
def show(line):
    """Change a document and send the change."""
    document, text = Document(), Div(text="")
    document.add_root(text)
    document.hold()

    def change(new):
        text.text = new
        delivery.push(document, line)

    return change


def test_what_comes_before_the_line_is_open_goes_first(line, show):
    show("a")
    show("b")
    assert line.sent == []
    line.init()
    assert line.texts == ["a", "b"]
    show("c")
    assert line.texts == ["a", "b", "c"]


def test_nothing_overtakes_while_the_line_opens(line, show):
    numbers = [str(number) for number in range(200)]
    begun = threading.Event()

    def work():
        for number in numbers:
            show(number)
            begun.set()

    worker = threading.Thread(target=work)
    worker.start()
    begun.wait()
    line.init()
    worker.join()
    assert line.texts == numbers


def test_what_is_heard_elsewhere_is_told_to_the_thread_of_the_loop_in_order():
    told, shown, threads = [], [], []

    def hear(*message):
        said = message[-1]
        told.append(said)
        threads.append(threading.current_thread())
        if said == 3:
            raise ValueError(said)

    class View:
        def _on_error(self, ref, problem):
            shown.append((ref, str(problem)))

    async def cell():
        heard = delivery.heard_by(asyncio.get_running_loop(), delivery.showing(hear))
        heard(View(), "ref", None, 0)
        assert told == [0]
        for said in (1, 2, 3, 4):
            await asyncio.to_thread(heard, View(), "ref", None, said)

    in_a_kernel(cell)
    assert told == [0, 1, 2, 3, 4]
    assert len(set(threads)) == 1
    assert shown == [("ref", "3")]


def test_all_of_panel_sends_and_hears_so(monkeypatch):
    published = []
    monkeypatch.setattr(delivery, "publish_display_data", published.append)
    monkeypatch.setattr(MimeRenderMixin, "_on_msg", MimeRenderMixin._on_msg)
    for module in delivery.SENDERS:
        monkeypatch.setattr(module, "push", module.push)

    async def cell():
        delivery.install()

    in_a_kernel(cell)
    assert reactive.push is delivery.push
    assert MimeRenderMixin._on_msg.__module__ == delivery.__name__
    assert "msg_handler" in published[0]["application/javascript"]


def test_a_page_for_each_cell_keeps_its_own_early_changes(monkeypatch):
    published, loaded = [], []
    monkeypatch.setattr(delivery, "publish_display_data", published.append)
    load = delivery.mending(loaded.append)
    load(True)
    assert loaded == [True]
    assert "msg_handler" in published[0]["application/javascript"]


def test_a_terminal_has_nothing_to_deliver_to(monkeypatch):
    monkeypatch.setattr(delivery, "publish_display_data", None)
    with ThreadPoolExecutor(1) as terminal:
        terminal.submit(delivery.install).result()
    assert reactive.push is not delivery.push
