"""What `make explore` serves."""

import re


def test_1_cold_and_second_visit_show_working_controls(visit_command):
    """The root leads to the page; whatever either visit asks of another machine fails it."""
    for page in ("", "explorer"):
        seen = visit_command(page=page)
        row = seen.page.locator(".tabulator-row", has_text="blocks.0.expand")
        row.locator("[tabulator-field=layer]").click()
        seen.page.wait_for_url(re.compile(r"/explorer\?.*layer=blocks\.0\.expand"))
        seen.page.get_by_label("Seed").fill("3")
        seen.page.get_by_label("Seed").press("Tab")
        seen.page.wait_for_url(re.compile("seed=3"))
        assert seen.button("Start").is_enabled()
