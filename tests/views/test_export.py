from dataclasses import dataclass, replace
from pathlib import Path

from permviz.views.export import ExportView, deployability_frame, export_sentence


@dataclass
class Report:
    directory: Path = Path("out")
    message: str = "Exported <3> layers."


@dataclass
class Packed:
    report: Report
    archive: bytes = b"zip"


def make(**params):
    asked = []
    view = ExportView(
        lambda order, directory: asked.append((order, directory)),
        lambda: asked.append("verify"),
        **params,
    )
    view.__panel__().get_root()
    return view, asked


def test_button_exports_the_chosen_order_to_the_directory(rows):
    view, asked = make(rows=rows, orders=["best", "osg"])
    view._order.value = "osg"
    view._directory.value = "some/where"
    view._export.clicks += 1
    assert asked == [("osg", "some/where")]


def test_a_new_first_order_is_taken_and_others_keep_what_was_chosen(rows):
    view, _ = make(rows=rows, orders=["best", "osg"])
    view._order.value = "osg"
    view.orders = ["best", "osg", "swap"]
    assert view._order.value == "osg"
    view.orders = ["chosen", "best", "osg", "swap"]
    assert view._order.value == "chosen"
    view.orders = ["best", "osg"]
    assert view._order.value == "best"


def test_nothing_can_be_downloaded_before_it_was_checked():
    view, asked = make(orders=["best"])
    assert view._download.disabled
    assert view._verify.disabled
    view.packed = Packed(Report())
    assert not view._download.disabled
    assert view._archive().read() == b"zip"
    assert view._download.filename == "out.zip"
    view._verify.clicks += 1
    assert asked == ["verify"]


def test_export_under_way_blocks_another():
    view, _ = make(orders=["best"], packed=Packed(Report()))
    view.busy = True
    assert view._export.disabled
    assert view._download.disabled


def test_chosen_order_survives_new_offers():
    view, _ = make(orders=["best", "osg"])
    view._order.value = "osg"
    view.orders = ["best", "swap", "osg"]
    assert view._order.value == "osg"
    view.orders = ["best"]
    assert view._order.value == "best"


def test_layers_are_judged_by_shape_pattern_and_what_stays_dense(row):
    frame = deployability_frame(
        [row("a", shape=(64, 64)), row("b", status="dense"), row("c", shape=(10, 64))], "2:4"
    )
    assert frame["runs sparse in"].tolist() == ["fp16/bf16, int8/fp8", "nothing", "nothing"]
    assert "b is dense." in frame["what is in the way"][1]
    assert "10 output channels" in frame["what is in the way"][2]


def test_a_layer_whose_weight_reads_its_first_axis_is_judged_by_its_channels(row):
    turned = replace(row("a", shape=(64, 48, 3, 3)), axes=(1, 0))
    grouped = replace(row("b", shape=(64, 64)), conv_groups=4)
    assert deployability_frame([turned, grouped], "2:4")["runs sparse in"].tolist() == [
        "fp16/bf16",
        "nothing",
    ]


def test_sentence_is_escaped():
    assert export_sentence(None, busy=False) == "Nothing exported yet."
    assert "read back" in export_sentence(None, busy=True)
    assert "&lt;3&gt;" in export_sentence(Packed(Report()), busy=False)
