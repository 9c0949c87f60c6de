from typing import get_args

import panel as pn
import pytest
from panel.io.resources import parse_template

from permviz.app.explore import explore
from permviz.app.flow import Flow
from permviz.app.page import Page, _standing
from permviz.app.shell import _take_what_fits, build
from permviz.app.template import TEMPLATE
from permviz.app.values import BEST, CHOSEN, TABS, Task
from permviz.errors import SourceError
from permviz.session.events import Status
from permviz.views.drawn import Drawn
from permviz.views.notebook import EXTENSIONS

pn.extension(*EXTENSIONS)


@pytest.fixture
def page(state):
    made = Page(state)
    made.__panel__().get_root()
    return made


def test_views_show_what_the_state_finds(page, settle):
    page.state.load()
    settle(page.state, lambda it: it.rows and it.pair is not None)
    layers, layer, export = map(page.view, ("Layers", "Layer", "Export"))
    assert [row.name for row in layers.rows] == ["0", "2", "4"]
    assert layer.pair is page.state.pair
    assert export.orders == [BEST, *page.state.searched]


def test_layer_picked_in_one_view_is_picked_in_all(page, settle):
    page.state.load()
    settle(page.state, lambda it: it.pair is not None)
    layers, *others = map(page.view, ("Layers", "Layer", "Compare", "Graph"))
    layers.layer = "4"
    assert page.state.layer == "4"
    assert {view.layer for view in others} == {"4"}


def test_tabs_and_the_address_agree(page):
    page.state.tab = "Export"
    assert page.tabs.active == TABS.index("Export")
    page.tabs.active = 1
    assert page.state.tab == "Layer"


def test_only_the_active_tab_is_seen_and_the_others_wait_to_be_built(page):
    first, last = TABS[0], TABS[-1]
    assert {tab: view.seen for tab, view in page._views.items()} == {first: True}
    assert [tab for tab, place in page._places.items() if len(place)] == [first]
    page.tabs.active = len(TABS) - 1
    assert {tab: view.seen for tab, view in page._views.items()} == {first: False, last: True}
    assert [tab for tab, place in page._places.items() if len(place)] == [first, last]


def test_choice_between_strategies_is_offered_for_export_and_taken(page, settle):
    page.state.load()
    settle(page.state, lambda it: it.rows and it.pair is not None)
    compare, export = page.view("Compare"), page.view("Export")
    compare.choice = {"2": page.state.searched[0]}
    assert page.state.choice == compare.choice
    assert export.orders == [CHOSEN, BEST, *page.state.searched]
    assert export._order.value == CHOSEN
    page.state.choice = {}
    assert compare.choice == {}
    assert export._order.value == BEST


def test_served_page_is_built_for_every_visit():
    # At hand, so that no thread that loads it outlives this test.
    Flow().open("digits", lambda *_: None)
    first, second = build(), build()
    assert first is not second
    for shell in (first, second):
        assert len(shell.sidebar) == 1
        assert any(isinstance(part, pn.Column) for part in shell.main)


def test_module_of_ones_own_is_analysed(opened, settle):
    model, inputs = opened.loaded.model, opened.loaded.example_inputs
    page = explore(model, inputs)
    settle(page.state, lambda it: it.rows)
    assert page.state.model == "Sequential"
    assert page.state.opened.loaded.model is model
    page.state.close()


def test_outside_a_served_page_the_clock_starts_when_the_page_is_drawn(opened, settle):
    page = explore(opened.loaded.model, opened.loaded.example_inputs)
    (drawn,) = page.__panel__().select(Drawn)
    assert drawn._call == page._start_clock
    # Shown twice, it still has one clock.
    assert page.__panel__().select(Drawn) == [drawn]
    settle(page.state, lambda it: it.rows)
    page.state.close()


def test_module_without_inputs_is_refused(opened):
    with pytest.raises(SourceError, match="example_inputs"):
        explore(opened.loaded.model)


def test_of_a_link_is_taken_what_is_possible(state):
    _take_what_fits(state, {"tab": "Nonsense", "seed": -1, "layer": "4", "strategies": 3})
    assert (state.tab, state.seed, state.layer) == ("Layers", 0, "4")
    assert state.strategies == ["osg(stripes=2)", "channel_swap()"]
    assert state.notice.level == "warning"
    assert state.notice.number == 3


def test_every_state_of_the_page_says_what_to_do_next(opened):
    assert "No model is loaded" in _standing(None, "empty", ())
    loading = (Task("open", "capturing a<b", 0.25),)
    assert _standing(None, "empty", loading).endswith("capturing a&lt;b (25%) ...")
    told = {status: _standing(opened, status, ()) for status in get_args(Status)}
    assert all(told.values())
    assert len(set(told.values())) == len(told)


def test_the_page_says_where_it_stands(page, settle):
    (line,) = [pane for pane in page.main if isinstance(pane, pn.pane.HTML)]
    page.state.load()
    settle(page.state, lambda it: it.status == "ready" and not it.tasks)
    assert line.object.startswith("<b>Ready.</b>")


def test_imports_by_name_work_where_the_widgets_are_no_bundle():
    base = "{% block preamble %}{% endblock %}{% block js_resources %}{% endblock %}"

    def script(**variables):
        return parse_template(TEMPLATE).render(base=parse_template(base), **variables)

    assert "importShim" in script(largest_part="./bundle.js")
    assert "importShim" not in script()
