import threading
import time
from pathlib import Path

import pytest
import torch
from torch import nn

from permviz.app.flow import Flow, Opened
from permviz.app.state import Explorer
from permviz.errors import SourceError
from permviz.graph.analyze import analyze
from permviz.models.sources import LoadedModel

TICK = threading.Event()


def pytest_collection_modifyitems(items):
    # Bokeh turns data frames into columns in a way that pandas 3.1 announces the end of.
    ended = "ignore:The inplace keyword in DataFrame.reset_index:DeprecationWarning"
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.filterwarnings(ended))


def _small_network():
    torch.manual_seed(0)
    network = nn.Sequential(
        nn.Linear(12, 32), nn.ReLU(), nn.Linear(32, 24), nn.ReLU(), nn.Linear(24, 3)
    )
    return network.eval()


@pytest.fixture(scope="session")
def opened():
    network, inputs = _small_network(), (torch.randn(4, 12),)
    loaded = LoadedModel("small", network, inputs, None, "A small network.")
    return Opened(loaded, analyze(network, inputs))


class SmallFlow(Flow):
    """The real flow on a small network, without files or compilers."""

    def __init__(self, opened):
        super().__init__()
        self.opened = opened
        self.uploads = []
        self.remembered = None

    def at_hand(self, name):
        return self.remembered if name == "small" else None

    def open(self, name, report):
        report(f"loading {name}", 0.5)
        if name != "small":
            raise SourceError(f"There is no model {name!r}; choose small.")
        return self.opened

    def open_state(self, architecture, content, filename, report):
        report("reading", -1.0)
        self.uploads.append((architecture, content, filename))
        if content == b"crash":
            raise ZeroDivisionError("a bug")
        if content != b"good":
            raise SourceError(f"{filename} is damaged; upload another file.")
        return self.opened


@pytest.fixture
def flow(opened):
    return SmallFlow(opened)


@pytest.fixture
def state(flow):
    explorer = Explorer(
        flow=flow, model="small", strategies=["osg(stripes=2)", "channel_swap()"], budget=None
    )
    yield explorer
    explorer.close()


@pytest.fixture
def settle():
    """Drain a state until a condition holds, as the page's clock does."""

    def until(state, condition, seconds=60.0):
        end = time.monotonic() + seconds
        while True:
            state.drain()
            if condition(state):
                return
            if time.monotonic() > end:
                pytest.fail(f"never came true; notice {state.notice}, tasks {state.tasks}")
            TICK.wait(0.01)

    return until


@pytest.fixture
def loaded(state, settle):
    """A state whose model is loaded and looked at."""
    state.load()
    settle(state, lambda it: it.rows and it.pair is not None)
    return state


@pytest.fixture
def searched(loaded, settle):
    """A state whose search has ended and was summed up."""
    loaded.start()
    settle(loaded, lambda it: it.check is not None and is_summed_up(it) and is_drawn(it))
    return loaded


def is_drawn(state):
    tracks = state.tracks
    return set(tracks) == set(state.searched) and all(track.finished for track in tracks.values())


def is_summed_up(state):
    ended = [row for row in state.rows if row.status == "permuted"]
    return len(ended) == state.totals.permuted_layers and all(
        row.best > row.default and len(row.by_strategy) == len(state.searched) for row in ended
    )
