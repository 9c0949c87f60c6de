"""When Bokeh looks for what the models of a page refer to."""

from contextlib import ExitStack

import holoviews as hv
import panel as pn
import pytest
from bokeh.document import Document
from bokeh.document.models import DocumentModelManager
from bokeh.models import Column, Div
from holoviews.streams import Pipe
from hypothesis import given
from hypothesis import strategies as st
from panel.io.state import set_curdoc

from permviz.app import shell
from permviz.app.references import References

CHANGES = ("tell", "add", "remove", "refer", "add root", "remove root")


class Counted(References):
    looked = 0

    def recompute(self):
        self.looked += 1
        super().recompute()


def page_of(models):
    page = Document()
    page.models = models(page)
    page.add_root(Column(children=[Div(text="first")]))
    return page


def change(page, what, number):
    if what == "add root":
        page.add_root(Column(children=[Div(name=str(number))]))
        return
    if not page.roots:
        return
    column = page.roots[number % len(page.roots)]
    if what == "remove root":
        page.remove_root(column)
    elif what == "add":
        column.children.append(Div(name=str(number)))
    elif not column.children:
        return
    elif what == "remove":
        column.children = column.children[1:]
    else:
        div = column.children[number % len(column.children)]
        new = {"text": str(number)} if what == "tell" else {"tags": [Div(name=f"of {number}")]}
        div.update(**new)


def seen(page):
    return {model.id for model in page.models}


@given(st.lists(st.tuples(st.sampled_from(CHANGES), st.integers(0, 9), st.integers(0, 2))))
def test_a_page_knows_what_its_models_refer_to(changes):
    page = page_of(References)
    for what, number, depth in changes:
        with ExitStack() as held:
            for _ in range(depth):
                held.enter_context(page.models.freeze())
            change(page, what, number)
        assert seen(page) == {model.id for root in page.roots for model in root.references()}
        assert all(model.document is page for model in page.models)


@pytest.mark.parametrize("look_through", [DocumentModelManager, References])
def test_models_that_leave_a_page_belong_to_none(look_through):
    page = page_of(look_through)
    (column,) = page.roots
    (div,) = column.children
    with page.models.freeze():
        column.children = []
    assert div.document is None
    assert page.models.seen(div.id)


def test_a_figure_with_new_data_does_not_have_the_page_looked_through():
    page = page_of(Counted)
    pipe = Pipe(data=[1.0, 2.0])
    figure = pn.pane.HoloViews(hv.DynamicMap(hv.Curve, streams=[pipe]))
    page.add_root(figure.get_root(page))
    looked = page.models.looked
    assert looked > 0
    pipe.send([3.0, 4.0])
    assert page.models.looked == looked
    (source,) = page.select({"type": hv.plotting.bokeh.plot.ColumnDataSource})
    assert source.data["y"].tolist() == [3.0, 4.0]
    (column, *_) = page.roots
    column.children.append(Div())
    assert page.models.looked == looked + 1


def test_served_pages_are_looked_through_like_this(monkeypatch):
    class EnoughError(Exception):
        pass

    def no_more(**_):
        raise EnoughError

    monkeypatch.setattr(shell, "served", lambda: True)
    monkeypatch.setattr(shell, "Explorer", no_more)
    page = Document()
    with set_curdoc(page), pytest.raises(EnoughError):
        shell.build()
    assert isinstance(page.models, References)
