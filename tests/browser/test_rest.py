"""A page at which nobody does anything leaves the processor alone."""

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
