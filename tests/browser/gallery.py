"""The README's pictures: every tab after a search on the demo, in light and in dark.

Run as `python -m tests.browser.gallery`.
"""

import io
import json
import re
import tempfile
import urllib.parse
from pathlib import Path

from PIL import Image

from permviz.app.values import TABS
from tests.browser.visits import COMMAND, ROOT, Visit, browsing, serving

FOLDER = ROOT / "apps" / "images"
QUERY = "?" + urllib.parse.urlencode(
    {
        "layer": "blocks.2.project",
        "strategies": json.dumps(["channel_swap()", "osg(stripes=2)", "auto"]),
    }
)
DRAWN_MILLISECONDS = 4000


def take(visit, theme):
    for tab in TABS:
        visit.tab(tab)
        visit.page.mouse.move(640, 20)
        visit.page.wait_for_timeout(DRAWN_MILLISECONDS)
        shot = Image.open(io.BytesIO(visit.page.screenshot()))
        few = shot.convert("RGB").quantize(
            256, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE
        )
        few.save(FOLDER / f"{tab.lower()}-{theme}.png", optimize=True)


def main():
    with (
        tempfile.TemporaryDirectory() as folder,
        serving(Path(folder), COMMAND) as server,
        browsing() as browser,
    ):
        visit = Visit(browser, server.url() + QUERY)
        visit.button("Start").click()
        visit.see(re.compile("^finished"))
        visit.page.get_by_text("as is", exact=True).wait_for()
        take(visit, "light")
        visit.page.get_by_role("button", name=re.compile("theme|mode", re.IGNORECASE)).click()
        take(visit, "dark")
        visit.close()


if __name__ == "__main__":
    main()
