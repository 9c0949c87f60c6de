"""A page at which nobody does anything leaves the processor alone, and a closed one nothing."""

import re

from tests.browser.visits import TICK

TABLES = """models.filter(one => one.type.endsWith('DataTabulator'))
    .map(one => Bokeh.index.find_one_by_id(one.id)).filter(view => view != null)"""
RESTING = f"(all => all.length > 0 && all.every(view => !view._resize_pending))({TABLES})"
# What the theme does to a table that was just drawn, whose sheets are being loaded still.
THEMED = f"""{TABLES}.forEach(view => {{
    view.watch_stylesheets();
    view.model.stylesheets = [...view.model.stylesheets, ":host {{ --gap: 0px; }}"];
    view._request_resize_redraw();
}})"""


def test_tables_come_to_rest_with_the_sheets_of_the_theme(visit):
    visit = visit()
    for tab in ("Layers", "Export"):
        visit.tab(tab)
        visit.until(RESTING)
        visit.models(THEMED)
        visit.until(RESTING)


# How many frames of the screen are asked for in a second.
FRAMES = """new Promise(done => {
    const ask = window.requestAnimationFrame;
    let asked = 0;
    window.requestAnimationFrame = call => ++asked && ask.call(window, call);
    setTimeout(() => { window.requestAnimationFrame = ask; done(asked); }, 1000);
})"""


def test_a_page_at_rest_draws_no_frames(visit):
    visit = visit()
    visit.see("classifier")
    assert any(visit.page.evaluate(FRAMES) < 5 for _ in range(20))
    visit.page.get_by_text("Weights from a file").click()
    visit.page.locator("input[type=file]").first.wait_for(state="attached")
    assert any(visit.page.evaluate(FRAMES) < 5 for _ in range(20))


ROWS = f"{TABLES}[0].shadow_el.querySelectorAll('.tabulator-row')"
CHANGED = """[...rows].map(row => row.querySelector('[tabulator-field="permuted %"]').textContent)
    .filter(text => text != '-').length"""
TOLD = f"""(rows => {CHANGED})({ROWS})"""
SCROLLS = f"""(rows => {{
    window.rows = [...rows];
    window.scrolled = 0;
    rows[0].closest('.tabulator-tableholder').addEventListener('scroll', () => scrolled++);
}})({ROWS})"""
TRUE_CELLS = f"""(table => table.tabulator.getRows().every(row => {{
    const {{source}} = table.model, {{_index, ...cells}} = row.getData();
    return Object.keys(cells).every(name => Object.is(cells[name], source.get_array(name)[_index]));
}}))({TABLES}[0])"""


def test_cells_of_a_search_change_in_rows_that_stay_where_they_are(visit):
    visit = visit()
    visit.until(f"{ROWS}.length > 5 && {RESTING}")
    visit.models(SCROLLS)
    assert visit.models(TOLD) == 0
    budget = visit.page.get_by_label("Seconds a strategy")
    budget.fill("1")
    budget.press("Tab")
    visit.button("Start").click()
    visit.see(re.compile("^finished: "), 120_000)
    visit.until(f"{TOLD} > 5")
    assert visit.page.evaluate("rows.every(row => row.isConnected) && scrolled == 0")
    assert visit.models(TRUE_CELLS)
    # Sorted rows may have to change places, for which the table is filled anew.
    visit.page.locator(".tabulator-col[tabulator-field='permuted %']").first.click()
    visit.until(f"{TABLES}[0].model.sorters.length > 0")
    visit.models(f"{TABLES}[0].model.source.patch(new Map([['permuted %', [[0, 1.5]]]]))")
    visit.until("!rows[0].isConnected")
    visit.until(TRUE_CELLS)


# Who asked for the part of the page that all widgets are in: its head is "other".
LOADERS = """performance.getEntriesByType('resource')
    .filter(one => one.name.includes('panel-material-ui.bundle.js'))
    .map(one => one.initiatorType)"""


def test_the_largest_part_is_loaded_once_from_the_head(visit):
    visit = visit()
    visit.see("classifier")
    assert visit.page.evaluate(LOADERS) == ["other"]


FIGURES = """models.filter(one => one.type == 'Figure')
    .map(one => Bokeh.index.find_one_by_id(one.id)).filter(view => view?.el.offsetWidth > 0)"""
# How often the whole page is laid out when every figure in sight asks for it.
PAGE_LAYOUTS = f"""(figures => {{
    const above = view => view.parent?.update_layout == null ? view : above(view.parent);
    const page = above(figures[0]);
    let count = 0;
    page.update_layout = function () {{
        count++;
        Object.getPrototypeOf(this).update_layout.call(this);
    }};
    figures.forEach(figure => figure.invalidate_layout());
    delete page.update_layout;
    return count;
}})({FIGURES})"""
WIDTHS = f"{FIGURES}.map(view => [view.bbox.width, view.el.getBoundingClientRect().width])"


def test_a_figure_is_laid_out_without_the_rest_of_the_page(visit):
    visit = visit()
    visit.tab("Layer")
    figures = visit.until(f"(count => count > 4 && count)({FIGURES}.length)")
    assert visit.models(PAGE_LAYOUTS) == 0
    for known, drawn in visit.models(WIDTHS):
        assert abs(known - drawn) <= 1
    # Without its tag a part is laid out with the page, each time.
    visit.models("models.forEach(one => { one.tags = []; })")
    assert visit.models(PAGE_LAYOUTS) >= figures


COUNT = f"""(page => {{
    while (page.parent?.compute_layout != null) page = page.parent;
    window.laid_out = 0;
    page.compute_layout = function () {{
        window.laid_out++;
        Object.getPrototypeOf(this).compute_layout.call(this);
    }};
}})({FIGURES}[0])"""
TEXTS = """models.filter(one => one.type.endsWith('markup.HTML'))
    .map(one => Bokeh.index.find_one_by_id(one.id)).filter(view => view?.el.offsetHeight > 0)"""
LINES = f"""({TEXTS}).forEach(view => {{ view.model.text += "<br>more<br>more"; }})"""
HEIGHTS = f"{TEXTS}.map(view => view.el.offsetHeight)"


def test_what_becomes_higher_has_no_figure_laid_out_and_what_becomes_wider_has(visit):
    visit = visit()
    visit.tab("Layer")
    visit.until(f"{FIGURES}.length > 4")
    visit.models(COUNT)
    before = visit.models(HEIGHTS)
    visit.models(LINES)
    assert sum(visit.models(HEIGHTS)) > sum(before)
    # Resizes are told between two frames.
    visit.page.evaluate(
        "new Promise(next => requestAnimationFrame(() => requestAnimationFrame(next)))"
    )
    assert visit.models("window.laid_out") == 0
    visit.page.set_viewport_size({"width": 1500, "height": 800})
    visit.until("window.laid_out > 0")
    for known, drawn in visit.models(WIDTHS):
        assert abs(known - drawn) <= 1


EMPTY_ONE = f"""(figures => {{
    let part = figures[0];
    while (!part.model.tags.includes('island')) part = part.parent;
    part.model.children = [];
    window.emptied = part;
}})({FIGURES})"""
LAY_OUT = """(part => {
    while (part.parent?.compute_layout != null) part = part.parent;
    part.compute_layout();
})(emptied)"""


def test_a_page_can_be_laid_out_after_a_part_of_it_was_emptied(visit):
    visit = visit()
    visit.tab("Layer")
    visit.until(f"{FIGURES}.length > 4")
    # A part that was laid out by itself is known to its parent once the whole page was.
    visit.models(f"{FIGURES}[0].root.invalidate_layout()")
    visit.models(EMPTY_ONE)
    visit.until("emptied.child_views.length == 0")
    visit.models(LAY_OUT)


def test_a_closed_page_leaves_the_memory(visit):
    for _ in range(3):
        explorer = visit()
        explorer.tab("Layer")
        explorer.until(f"{FIGURES}.length > 4")
        explorer.close()
    for _ in range(60):
        page = visit(page="alive")
        page.see(re.compile("^pages alive: "))
        alive = int(page.page.get_by_text("pages alive: ").inner_text().split(": ")[1])
        page.close()
        # A task of Panel's own was begun by the first page and knows its document for good.
        if alive <= 1:
            return
        TICK.wait(1)
    raise AssertionError(f"{alive} pages are in memory still")
