from pathlib import Path

import numpy as np
import panel as pn
import pytest

from permviz.core.pattern import NMPattern
from permviz.figures.curves import Track
from permviz.figures.pair import OrderPair
from permviz.session.report import LayerRow

pn.extension("tabulator")


def pytest_collection_modifyitems(items):
    # Bokeh turns data frames into columns in a way that pandas 3.1 announces the end of.
    ended = "ignore:The inplace keyword in DataFrame.reset_index:DeprecationWarning"
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.filterwarnings(ended))


def _row(name, *, status="permuted", default=70.0, found=None, shape=(64, 32)):
    return LayerRow(
        name=name,
        kind="linear",
        shape=shape,
        groups=(name,),
        status=status,
        reason="" if status == "permuted" else f"{name} is {status}.",
        rows=shape[0],
        channels=shape[1],
        total=100.0,
        default=default,
        row_optimum=90.0,
        by_strategy=found or {},
    )


@pytest.fixture
def row():
    return _row


@pytest.fixture
def rows():
    return (
        _row("stem", status="frozen"),
        _row("body", found={"osg": 80.0, "swap": 75.0}),
        _row("head", found={"osg": 72.0, "swap": 74.0}),
    )


@pytest.fixture
def pair():
    def make(layer="body", seed=0, channels=32):
        rng = np.random.default_rng(seed)
        scores = np.abs(np.random.default_rng(1).standard_normal((64, channels)))
        order = rng.permutation(channels)
        return OrderPair(layer, scores.astype(np.float32), order, NMPattern(2, 4))

    return make


@pytest.fixture
def tracks():
    def make(points):
        return {
            name: Track(
                seconds=np.arange(1.0, points + 1),
                iterations=np.arange(1, points + 1),
                efficacies=np.arange(1.0, points + 1),
                seconds_now=float(points),
                iterations_now=points,
                finished=False,
            )
            for name in ("osg", "swap")
        }

    return make


@pytest.fixture
def figures():
    """Bokeh figures of a rendered view, in order of their ids."""

    def of(root):
        found = [model for model in root.select({}) if type(model).__name__ == "figure"]
        return sorted(found, key=lambda figure: int(figure.id.strip("p")))

    return of


@pytest.fixture
def sources():
    """Data sources of a rendered view that have a column."""

    def of(root, column):
        models = [model for model in root.select({}) if type(model).__name__ == "ColumnDataSource"]
        return [model.data for model in models if column in model.data]

    return of
