import panel as pn
import pytest
from bokeh.document import Document
from panel.io.location import Location
from panel.io.state import set_curdoc

from permviz.app.address import Address, address
from permviz.app.shell import _ADDRESS
from permviz.app.state import Explorer

NAMES = ["2", "1.10", "0.0", "1e5", "007", "true", "[0]", "features.0", "nan", "a b&c=d"]


def asking_for(**names):
    location = Address()
    location.update_query(**names)
    return Address(search=location.search)


@pytest.mark.parametrize("name", NAMES)
def test_names_come_back_as_they_were(name):
    location = asking_for(layer=name, model=name, tab=name, seed=3)
    assert location.query_params == {"layer": name, "model": name, "tab": name, "seed": 3}
    # What else changes leaves them alone.
    location.update_query(seed=4)
    assert location.query_params["layer"] == name


def test_others_are_read_as_by_panel():
    search = "?seed=3&strategies=%5B%22osg%22%5D&layer="
    assert Address(search=search).query_params == Location(search=search).query_params


@pytest.mark.parametrize("name", NAMES)
def test_link_restores_a_layer_whatever_it_is_called(name):
    state = Explorer()
    try:
        asking_for(layer=name, seed=7).sync(state, list(_ADDRESS), pytest.fail)
        assert (state.layer, state.seed) == (name, 7)
    finally:
        state.close()


def test_what_is_not_served_keeps_the_address_that_it_has():
    assert address() is pn.state.location
    with set_curdoc(Document()):
        assert type(address()) is Location
