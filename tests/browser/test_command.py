"""What `make explore` serves, and `panel serve apps/explorer.py`."""

import json
import re
import signal
import urllib.parse

import pytest

from tests.browser.visits import COLD, COMMAND, Visit, serving


def _asked(strategy):
    return "?" + urllib.parse.urlencode({"strategies": json.dumps([strategy])})


SHORT, ENDLESS = _asked("osg"), _asked("channel_swap(escapes=1000000000)")


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


def test_1_a_search_is_started_before_anything_is_loaded(visit_cold):
    """The first page of a cold server works, and shows what it is asked for once it can."""
    page = visit_cold(SHORT)
    assert page.page.locator(".tabulator-row").count() == 0
    page.button("Start").click()
    page.see(re.compile("starting once the model is loaded"))
    page.see(re.compile("^finished: "))
    page.see("passed")
    page.page.get_by_text("torchvision, timm, transformers").click()
    networks = page.page.get_by_label("Some of their networks")
    networks.locator("option", has_text="timm:resnet50d").wait_for(state="attached")


# Where interrupts are ignored from the start, only the first command hears one.
@pytest.mark.parametrize(
    ("command", "told"), [(COMMAND, signal.SIGINT), (COLD, signal.SIGTERM)], ids=["own", "panel"]
)
def test_a_server_that_searches_ends_when_it_is_told_to(command, told, tmp_path, browser):
    with serving(tmp_path, command) as served:
        page = Visit(browser, served.url() + ENDLESS)
        page.see(re.compile("^ready: "))
        page.page.get_by_label("Seconds a strategy").fill("600")
        page.page.get_by_label("Seconds a strategy").press("Tab")
        page.button("Start").click()
        page.see(re.compile("^running: "))
        served.process.send_signal(told)
        assert served.process.wait(60) == 0
        page.close()
