"""What a search promises whatever it does: its budget, the answer to a cancel, a cheap trace.

Printed for each strategy and shape: by how much budgets are overrun at worst, beside what is
allowed (50 ms, or 5 % where that is more); how long a cancel takes; and the share of a search
that goes into its trace.
"""

import time
from threading import Timer

import numpy as np
import pytest

from permviz.core.problem import SearchProblem
from permviz.kernels.select import select
from permviz.search import runner
from permviz.search.control import Control
from permviz.search.registry import parse
from permviz.search.runner import Limits, run

WIDE = ((64, 128), (512, 512), (2048, 2048), (64, 4096), (4096, 256), (100_000, 64))
CASES = {
    "random(count=100000000)": WIDE,
    "channel_swap(escapes=100000000)": WIDE,
    "osg(escapes=100000000)": WIDE,
    "osg(stripes=3, escapes=100000000)": WIDE,
    "osg(stripes=4, escapes=100000000)": WIDE,
    "assignment(restarts=1000000)": WIDE,
    "anneal(sweeps=100000000)": WIDE,
    "perfect(sweeps=100000000)": WIDE,
    "auto(sweeps=100000000)": WIDE,
    "exact": ((64, 24), (2048, 24)),
    "enumerate": ((64, 16), (2048, 16)),
}
BUDGETS = (0.05, 0.5, 2.0)
AFTER = 0.3
KERNELS = select("cpu")


@pytest.mark.parametrize("text", CASES)
def test_promises(text, monkeypatch):
    for rows, channels in CASES[text]:
        problem = SearchProblem.of(np.random.RandomState(1).rand(rows, channels))
        run(problem, parse(text), KERNELS, Limits(0, 0.05))  # compiles
        recorded = recording(monkeypatch)
        walls = {budget: wall(problem, text, budget) for budget in BUDGETS}
        share = sum(recorded) / sum(walls.values())
        overs = [(walls[some] - some, max(0.05, 0.05 * some)) for some in BUDGETS]
        over, allowed = max(overs, key=lambda pair: pair[0] / pair[1])
        print(
            f"{text:36} {rows:6}x{channels:<5}"
            f" budget over by {1000 * over:6.1f} of {1000 * allowed:3.0f} ms;"
            f" cancelled in {1000 * cancelled(problem, text):5.1f} ms;"
            f" trace {100 * share:5.2f} %"
        )
        monkeypatch.undo()


def wall(problem, text, budget):
    begun = time.perf_counter()
    run(problem, parse(text), KERNELS, Limits(0, budget))
    return time.perf_counter() - begun


def cancelled(problem, text):
    """Seconds from the cancel to the result."""
    control, when = Control(), []

    def cancel():
        when.append(time.perf_counter())
        control.cancel()

    timer = Timer(AFTER, cancel)
    timer.start()
    run(problem, parse(text), KERNELS, Limits(0, None, control))
    ended = time.perf_counter()
    timer.cancel()
    timer.join()
    return ended - when[0] if when else 0.0


def recording(monkeypatch):
    """Seconds that recording takes, each time that it is done."""
    spent = []

    def timed(method):
        def call(search):
            begun = time.perf_counter()
            found = method(search)
            spent.append(time.perf_counter() - begun)
            return found

        return call

    for name in ("_improvement", "_worth_an_event"):
        monkeypatch.setattr(runner._Search, name, timed(getattr(runner._Search, name)))
    return spent
