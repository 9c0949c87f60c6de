import contextlib
import io
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from permviz.cli import main
from permviz.core.problem import SearchProblem
from permviz.errors import SessionError
from permviz.search.run import search
from permviz.session import store as storing
from permviz.session.arrays import checked_order, from_arrays, to_arrays
from permviz.session.session import Session
from permviz.session.settings import SearchSettings
from permviz.session.store import Store, at_least

SETTINGS = SearchSettings(("channel_swap(escapes=30)", "osg(escapes=10)"), seed=4)
KEY = ("b", SETTINGS.strategies[0])


def problem_of(rows=12, channels=16, **options):
    return SearchProblem.of(np.random.default_rng(0).random((rows, channels)), **options)


def finished(chain, store=None, settings=SETTINGS):
    with Session(chain, settings, store=store) as session:
        session.start()
        assert session.wait(60)
        return session.results


def kept(chain, folder, settings=SETTINGS):
    return Store(folder, chain.fingerprint, settings)


def test_a_result_comes_back_whole_from_its_arrays():
    scores = np.random.default_rng(0).random((12, 16))
    result = search(scores, "osg(escapes=20)", blocks=[range(4, 12), range(12, 16)], bound="lp")
    problem = SearchProblem.of(scores, blocks=[range(4, 12), range(12, 16)])
    back = from_arrays(to_arrays(result), problem)
    assert back.permutation == result.permutation == back.trace.replay()
    assert back.trace.efficacies() == pytest.approx(result.trace.efficacies())
    assert (back.efficacy, back.gap, back.label) == (result.efficacy, result.gap, result.label)
    assert (back.seconds, back.seed, back.bound_by) == (result.seconds, 0, result.bound_by)
    assert back.trace.bounds == result.trace.bounds


def test_a_search_that_ended_is_not_run_again(chain, tmp_path, monkeypatch):
    first = finished(chain, kept(chain, tmp_path))

    def fail(*_):
        raise AssertionError

    monkeypatch.setattr("permviz.session.session.run", fail)
    second = finished(chain, kept(chain, tmp_path))
    assert second.keys() == first.keys()
    for key, result in first.items():
        assert second[key].permutation == result.permutation
        assert second[key].seconds == result.seconds


def test_other_models_and_settings_are_refused_and_lose_nothing(chain, tmp_path):
    store = kept(chain, tmp_path)
    finished(chain, store)
    with pytest.raises(SessionError, match=r"seed 4 not 5; search as it was"):
        kept(chain, tmp_path, SearchSettings(SETTINGS.strategies, seed=5))
    with pytest.raises(SessionError, match="model "):
        Store(tmp_path, "another", SETTINGS)
    assert store.result(KEY, Session(chain, SETTINGS).problems["b"]) is not None
    assert kept(chain, tmp_path, SearchSettings(("random",), seed=4)).failure == ""


def test_what_is_damaged_is_searched_again(chain, tmp_path):
    first = finished(chain, kept(chain, tmp_path))
    for number, file in enumerate(sorted(tmp_path.glob("*.npz"))):
        content = file.read_bytes()
        file.write_bytes(content[: len(content) // 2] if number % 2 else b"nonsense")
    store = kept(chain, tmp_path)
    second = finished(chain, store)
    assert "begins again" in store.failure
    assert {k: r.permutation for k, r in second.items()} == {
        k: r.permutation for k, r in first.items()
    }


@pytest.mark.parametrize(
    "spoil",
    [
        {"order": np.arange(16)},
        {"order": np.arange(16)[::-1] * 1.0},
        {"order": np.zeros(16, dtype=np.int64)},
        {"order": np.arange(12)},
        {"slots": np.empty(0, dtype=np.int64)},
        {"told": np.array("{}")},
        {"told": np.array("nonsense")},
    ],
)
def test_arrays_that_contradict_each_other_are_refused(spoil):
    arrays = to_arrays(search(problem_of().scores, "channel_swap")) | spoil
    with pytest.raises(SessionError):
        from_arrays(arrays, problem_of())


def test_an_order_that_leaves_its_block_is_refused():
    problem = problem_of(blocks=[range(8), range(8, 14)])
    inside = np.array([7, 6, 5, 4, 3, 2, 1, 0, 11, 10, 9, 8, 12, 13, 14, 15])
    assert checked_order(inside, problem) is inside
    across, rest = inside.copy(), inside.copy()
    across[[0, 8]] = across[[8, 0]]
    rest[[8, 12]] = rest[[12, 8]]
    for wrong in (across, rest):
        with pytest.raises(SessionError, match="order"):
            checked_order(wrong, problem)


def test_the_better_of_two_runs_counts():
    problem = problem_of()
    worse, better = search(problem.scores, "random(count=1)"), search(problem.scores, "exact")
    raised = at_least(worse, better.permutation.order, problem)
    assert raised.permutation == better.permutation == raised.trace.replay()
    assert raised.retained == pytest.approx(better.retained)
    assert raised.efficacy == pytest.approx(raised.trace.efficacies()[-1])
    assert at_least(better, worse.permutation.order, problem) is better
    assert at_least(better, None, problem) is better


def test_a_worse_order_never_replaces_what_an_earlier_run_had(tmp_path, monkeypatch):
    monkeypatch.setattr(storing, "_SECONDS", 0.0)
    problem = problem_of()
    good = search(problem.scores, "exact")
    Store(tmp_path, "m", SETTINGS).note(KEY, good.permutation.order, good.retained)
    again = Store(tmp_path, "m", SETTINGS)
    again.note(KEY, np.arange(16), problem.baseline)
    assert np.array_equal(again.best(KEY, problem), good.permutation.order)


def test_a_full_disk_ends_no_search(chain, tmp_path, monkeypatch):
    store = kept(chain, tmp_path)

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(storing, "_replace", full)
    assert len(finished(chain, store)) == 4
    assert "takes no more (No space left on device); free some space" in store.failure


def test_an_unusable_directory_is_told(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(SessionError, match="choose another directory"):
        Store(tmp_path / "file" / "inside", "m", SETTINGS)
    (tmp_path / "session.json").write_text("{")
    with pytest.raises(SessionError, match="damaged"):
        Store(tmp_path, "m", SETTINGS)


def test_a_killed_run_ends_as_an_unbroken_one(tmp_path, monkeypatch):
    monkeypatch.chdir(Path(__file__).parents[2])
    model = "tests.session.chain_of_layers:network"
    asked = ["search", model, "--strategy", "osg(escapes=400)", "--no-accuracy", "--keep"]
    killed, whole = tmp_path / "killed", tmp_path / "whole"
    command = [sys.executable, "-m", "permviz", *asked, str(killed)]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as running:
        until(lambda: any(killed.glob("*.npz")))
        os.kill(running.pid, signal.SIGKILL)
    left = len(list(killed.glob("*.ended.npz")))
    for keep in (killed, whole):
        with contextlib.redirect_stdout(io.StringIO()), pytest.raises(SystemExit) as end:
            main([*asked, str(keep)])
        assert end.value.code == 0
    assert left < len(list(whole.glob("*.ended.npz"))) == len(list(killed.glob("*.ended.npz")))
    assert orders(killed) == orders(whole)


def until(happened):
    for _ in range(1800):
        if happened():
            return
        time.sleep(0.1)
    pytest.fail("nothing was kept within three minutes")


def orders(folder: Path):
    found = {}
    for file in folder.glob("*.ended.npz"):
        with np.load(file) as arrays:
            found[file.name] = arrays["order"].tolist()
    return found
