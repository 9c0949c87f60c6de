"""The figures of a layer as a visitor sees them, and what can be kept of them."""

import csv
import json
import re
import urllib.parse

import numpy as np

from permviz.models.sources import load_model

# 192 channels, too many for lines; and 24, which are drawn as lines.
LAYER, SMALL = "blocks.1.project", "blocks.1.excite.expand"
ASKED = "?" + urllib.parse.urlencode(
    {"strategies": json.dumps(["osg", "channel_swap"]), "layer": LAYER, "tab": "Layer"}
)
# Where the data of every figure in sight lie on the page, by the axis that they share.
FRAMES = """[...Bokeh.index.query(view => view.model.type == 'Figure' && view.frame)]
    .map(v => ({axis: v.model.x_range.id, title: v.model.title?.text,
                left: v.el.getBoundingClientRect().x + v.frame.bbox.left,
                right: v.el.getBoundingClientRect().x + v.frame.bbox.right}))"""
BARS = "models.filter(m => m.type == 'ColorBar').map(m => m.title)"
CLOSE = """models.filter(m => m.type == 'ColumnDataSource' && m.data.value !== undefined)
    .map(m => Math.min(...m.data.value[0]))"""
# A picture begins with these bytes.
PNG = b"\x89PNG\r\n\x1a\n"


def test_weights_are_read_kept_as_picture_and_table_and_followed_to_their_new_places(
    visit, tmp_path
):
    page = visit(ASKED)
    page.button("Start").click()
    page.see(re.compile(r"^finished: "))
    strips_stand_below_their_heatmaps(page)
    page.see("passed")
    page.shoot("figures")

    weights = load_model("digits").model.get_submodule(LAYER).weight.detach().numpy()[:, :, 0, 0]
    table = saved(page, tmp_path, "heatmap order as given", lambda: csv_of(page, 0))
    read = list(csv.DictReader(table.decode().splitlines()))
    np.testing.assert_allclose(
        np.reshape([float(line["weight"]) for line in read], weights.shape), weights, rtol=1e-6
    )
    picture = saved(page, tmp_path, "heatmap order as given", lambda: save_of(page, 0))
    assert picture.startswith(PNG)

    page.button("sign").click()
    page.until(f"({BARS}).filter(title => title == 'w').length == 2")
    page.until(f"({CLOSE}).filter(least => least < 0).length == 2")
    page.button("mask").click()
    page.until(f"({BARS}).filter(title => title == '% kept').length == 2")
    page.button("|w|").click()

    page.button("log").click()
    page.until("models.some(m => m.type == 'LogScale')")
    page.until("models.some(m => m.type == 'Legend' && m.items.length == 3)")
    page.button("lost by stripe").click()
    page.until("models.some(m => m.type == 'ColumnDataSource' && m.data.lost?.length == 48)")
    page.button("where each channel went").click()
    page.until("models.some(m => m.type == 'ColumnDataSource' && m.data.distance?.length == 192)")

    page.page.get_by_label("Layer", exact=True).locator("visible=true").select_option(SMALL)
    page.until("models.some(m => m.type == 'ColumnDataSource' && m.data.level?.length == 24)")
    page.until(f"({FRAMES}).filter(f => f.title?.startsWith('{SMALL}: ')).length == 2")
    page.page.get_by_role("button", name=re.compile("theme|mode", re.IGNORECASE)).first.click()
    page.until("models.some(m => m.type == 'Figure' && m.border_fill_color != '#fff')")
    page.shoot("figures-dark")


def strips_stand_below_their_heatmaps(page):
    """Columns of both strips stand where those of their heatmaps do, on one axis."""
    page.until(f"({FRAMES}).some(f => f.title == '{LAYER}: permuted')")
    shared = f"({FRAMES}).filter(f => f.axis == ({FRAMES}).find(g => g.title).axis)"
    page.until(f"({shared}).length == 4")
    frames = sorted(page.models(shared), key=lambda frame: frame["left"])
    for one, other in (frames[:2], frames[2:]):
        assert abs(one["left"] - other["left"]) <= 1
        assert abs(one["right"] - other["right"]) <= 1


def csv_of(page, number):
    page.page.get_by_text("csv", exact=True).filter(visible=True).nth(number).click()


def save_of(page, number):
    page.page.get_by_title("Save").filter(visible=True).nth(number).click()


def saved(page, folder, name, click):
    """What a click saves, under the name that it should have."""
    with page.page.expect_download() as caught:
        click()
    assert caught.value.suggested_filename.rsplit(".", 1)[0] == name
    caught.value.save_as(folder / "saved")
    return (folder / "saved").read_bytes()
