import csv
from dataclasses import dataclass

import numpy as np
import pytest

from permviz.core.pattern import NMPattern
from permviz.figures.compare import compare_info
from permviz.figures.curves import Track, curve_info
from permviz.figures.frontier import frontier_info
from permviz.figures.gains import gains_info
from permviz.figures.heatmap import KINDS, heatmap_info
from permviz.figures.moves import moves_info
from permviz.figures.pair import OrderPair, stripe_info
from permviz.figures.tabular import csv_text
from permviz.session.comparison import ComparedLayer, Comparison


@dataclass
class Told:
    table: dict


@pytest.fixture
def pair():
    rng = np.random.default_rng(0)
    weights = rng.standard_normal((6, 16)).astype(np.float32)
    return OrderPair("a", np.abs(weights), rng.permutation(16), NMPattern(2, 4), weights)


def lines(info):
    return list(csv.DictReader(csv_text(info).splitlines()))


def test_numbers_keep_their_digits_and_texts_their_commas():
    single, double = np.array([0.1, 1e-9], dtype=np.float32), np.array([0.1, 1 / 3])
    read = lines(Told({"text": ["a,b", 'say "c"'], "single": single, "double": double}))
    assert [line["text"] for line in read] == ["a,b", 'say "c"']
    assert np.array([line["single"] for line in read], dtype=np.float32).tolist() == single.tolist()
    assert [float(line["double"]) for line in read] == double.tolist()
    assert read[0]["single"] == "0.1"


def test_heatmap_near_lists_every_weight_with_its_channel(pair):
    read = lines(heatmap_info(pair, pair.order))
    assert len(read) == 96
    at = {(int(line["row"]), int(line["original_channel"])): line for line in read}
    for (row, channel), line in at.items():
        assert np.float32(line["weight"]) == pair.weights[row, channel]
        assert pair.order[int(line["position"])] == channel
        assert int(line["kept"]) == pair.kept_found[row, channel]


@pytest.mark.parametrize("kind", KINDS.values())
def test_heatmap_far_lists_its_pixels(kind):
    rng = np.random.default_rng(0)
    pair = OrderPair("a", rng.random((4, 4096)), rng.permutation(4096), NMPattern(2, 4))
    info = heatmap_info(pair, pair.order, kind=kind)
    read = lines(info)
    assert len(read) == info.shade.size
    shown = list(read[0])[-1]
    assert shown == ("kept_percent" if kind == "mask" else kind)
    values = np.array([float(line[shown]) for line in read]).reshape(info.shade.shape)
    np.testing.assert_allclose(values, info.value(info.shade), atol=1e-8)
    assert int(read[1]["first_position"]) == info.block[1]


def test_every_other_figure_has_a_table(pair):
    layer = ComparedLayer("a", ("g",), 0.0, 10.0, {"osg": 5.0, "swap": 4.0})
    found = Comparison(
        ("osg", "swap"), (layer,), {("g", "osg"): 1.0, ("g", "swap"): 0.5}, {"g": "osg"}
    )
    track = Track(np.array([0.5]), np.array([3]), np.array([40.0]), 1.0, 9, True, 60.0)
    expected = {
        csv_text(compare_info(found)): 2,
        csv_text(frontier_info(found)): 2,
        csv_text(moves_info(pair)): 16,
        csv_text(stripe_info(pair)): 4,
        csv_text(gains_info(pair, pair.order)): 16 + 4,
        csv_text(curve_info({"osg": track})): 3 + 2,
    }
    for text, count in expected.items():
        assert len(text.splitlines()) == 1 + count
    assert lines(curve_info({"osg": track}))[-1] == {
        "curve": "upper bound",
        "seconds": "",
        "efficacy_percent": "60.0",
    }
    assert lines(compare_info(found))[0]["best_on_the_layer"] == "1"
