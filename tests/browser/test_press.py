"""A row that is pressed is picked, also when its table is laid out anew under the finger."""

import json
import re
import urllib.parse

SEARCHED = "?" + urllib.parse.urlencode({"strategies": json.dumps(["channel_swap"])})
CURVES = "models.some(one => one.type == 'ColumnDataSource' && one.data.efficacy?.length > 1)"
ASKED = "new URLSearchParams(location.search).get('layer')"
TABLES = "models.filter(one => one.type.endsWith('DataTabulator'))"


def test_a_press_outlives_new_rows(visit):
    visit = visit()
    row = cells(visit).nth(3)
    name, pressed = row.inner_text(), row.element_handle()
    hold(visit, row)
    # What a table does when it is filled with other layers.
    visit.models(f"{TABLES}.forEach(table => table.source.properties.data.change.emit())")
    visit.page.wait_for_function("cell => !cell.isConnected", arg=pressed)
    visit.page.mouse.up()
    visit.page.wait_for_function(f"{ASKED} == {json.dumps(name)}")


def test_a_press_that_ends_elsewhere_picks_nothing(visit):
    visit = visit()
    # Once a layer was picked, only a pick changes the address.
    before = json.dumps(cells(visit).nth(1).inner_text())
    cells(visit).nth(1).click()
    visit.page.wait_for_function(f"{ASKED} == {before}")
    hold(visit, cells(visit).nth(3))
    cells(visit).nth(5).hover()
    visit.page.mouse.up()
    # Whatever that press said arrives before the next pick.
    last = cells(visit).nth(7)
    last.click()
    first = visit.page.wait_for_function(f"{ASKED} != {before} && {ASKED}")
    assert first.json_value() == last.inner_text()


def test_a_press_counts_at_once_when_curves_are_left(visit):
    visit = visit(SEARCHED)
    visit.button("Start").click()
    visit.see(re.compile(r"^finished: "))
    visit.see("passed")
    for turn in range(10):
        visit.tab("Layer")
        visit.until(CURVES)
        visit.tab("Layers")
        name = "blocks.3.expand" if turn % 2 else "blocks.1.project"
        cells(visit).get_by_text(name, exact=True).click()
        visit.page.wait_for_function(f"{ASKED} == {json.dumps(name)}")


def test_the_address_names_the_layer_that_is_shown_first(visit):
    # The second visit finds the model in memory, and so begins with all of its layers.
    for _ in range(2):
        visit().page.wait_for_function(f"{ASKED} == 'blocks.3.expand'")


def cells(visit):
    return visit.page.locator(".tabulator-row [tabulator-field=layer]")


def hold(visit, row):
    row.hover()
    visit.page.mouse.down()
