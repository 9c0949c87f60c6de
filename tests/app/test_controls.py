from dataclasses import replace

import panel as pn
import pytest

from permviz.app.controls import Controls, _about
from permviz.kernels.select import devices
from permviz.views.notebook import EXTENSIONS

pn.extension(*EXTENSIONS)


def unfolded(controls):
    root = controls.__panel__()
    for card in root.select(pn.Card):
        card.collapsed = False
    return root


@pytest.fixture
def widgets(state):
    root = unfolded(Controls(state))
    root.get_root()

    def by_label(label):
        return next(
            widget for widget in root.select(pn.widgets.Widget) if label in (widget.label or "")
        )

    return by_label


def test_unknown_strategy_is_told_and_not_added(state, widgets):
    before = list(state.strategies)
    widgets("Add a strategy").value = "nonesuch(1)"
    assert state.strategies == before
    assert state.notice.level == "error"


def test_strategy_is_added_by_its_shortest_name(state, widgets):
    field = widgets("Add a strategy")
    field.value = "osg(stripes=2, escapes=7)"
    assert "osg(escapes=7)" in state.strategies
    assert len(state.strategies) == 3
    assert "osg(escapes=7)" in widgets("Strategies").value
    assert field.value == ""


def test_the_device_is_chosen_among_those_there_are(state, widgets):
    menu = widgets("Device")
    assert list(menu.options.values()) == list(devices())
    assert menu.value == "auto"
    menu.value = "cpu"
    assert state.settings().device == "cpu"


def test_buttons_follow_the_search(state, widgets, settle):
    state.load()
    settle(state, lambda it: it.status == "ready")
    assert not widgets("Start").disabled
    state.strategies = ["channel_swap(escapes=100000000)"]
    widgets("Start").clicks += 1
    settle(state, lambda it: it.status == "running")
    assert widgets("Start").disabled
    hold = widgets("Pause")
    hold.clicks += 1
    settle(state, lambda it: it.status == "paused")
    assert hold.label == "Resume"
    hold.clicks += 1
    settle(state, lambda it: it.status == "running")
    widgets("Cancel").clicks += 1
    settle(state, lambda it: it.status == "cancelled")
    assert widgets("Cancel").disabled


def test_upload_goes_to_the_chosen_architecture(state, flow, settle):
    controls = Controls(state)
    (dropper,) = unfolded(controls).select(pn.widgets.FileDropper)
    dropper.value = {"weights.pt": b"good"}
    settle(state, lambda it: it.uploaded)
    assert flow.uploads == [("small", b"good", "weights.pt")]
    assert dropper.value == {}


def test_a_drop_of_files_is_on_the_page_when_it_has_been_opened(state):
    root = Controls(state).__panel__()
    cards = root.select(pn.Card)
    assert [len(card.objects) for card in cards] == [0, 0]
    assert root.select(pn.widgets.FileDropper) == []
    cards[1].collapsed = False
    (dropper,) = root.select(pn.widgets.FileDropper)
    cards[1].collapsed = True
    assert root.select(pn.widgets.FileDropper) == [dropper]
    assert len(cards[0].objects) == 0


def test_a_model_of_a_library_is_asked_for_by_its_name(state, widgets, settle):
    field = widgets("Any other, by library and name")
    field.value = " torchvision:resnet18 "
    settle(state, lambda it: it.notice is not None)
    assert "'torchvision:resnet18'" in state.notice.text
    assert field.value == ""


def test_some_models_of_libraries_are_there_to_be_chosen(state, widgets, settle):
    some = widgets("Some of their networks")
    state.begin()
    settle(state, lambda _: "timm:resnet50d" in some.options)
    some.value = "transformers:bert"
    settle(state, lambda it: it.notice is not None)
    assert "'transformers:bert'" in state.notice.text
    assert some.value == ""


def test_random_weights_stand_out(opened):
    assert not _about(opened).startswith("<b>")
    loaded = replace(opened.loaded, trained=False)
    assert _about(replace(opened, loaded=loaded)).startswith("<b>A small network.")
