"""A layer of 2048 x 2048: what it costs on the wire, and what a zoom ends in."""

import io
import re

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

HALF_A_MEGABYTE = 512 * 1024
IMAGES = """models.filter(m => m.type == 'ColumnDataSource' && m.data.image !== undefined)
    .map(m => ({keys: Object.keys(m.data), x: m.data.x[0], y: m.data.y[0],
                shape: m.data.image[0].shape,
                value: m.data.value ? Array.from(m.data.value[0]) : null,
                original: m.data.original ? Array.from(m.data.original[0]) : null}))"""
RANGES = """models.filter(m => m.type == 'Figure' && m.title?.text)
    .filter(m => Bokeh.index.find_one_by_id(m.id) && /: (order|perm)/.test(m.title.text))
    .map(m => [m.x_range, m.y_range].map(r => [r.start, r.end].sort((a, b) => a - b)))"""


def weights():
    torch.manual_seed(0)
    network = nn.Sequential(
        nn.Linear(16, 2048), nn.ReLU(), nn.Linear(2048, 2048), nn.ReLU(), nn.Linear(2048, 4)
    )
    return network[2].weight.detach().numpy()


def test_both_heatmaps_arrive_in_half_a_megabyte_and_zoom_to_the_weights(visit):
    wide = visit(page="wide")
    wide.see(re.compile("^ready: "))
    wide.tab("Layer")
    wide.until(f"({IMAGES}).filter(i => i.shape[0] == 410 && i.shape[1] == 410).length == 2")
    axes_end_at_the_tensor(wide)
    many_colours_are_seen(wide)
    before = wide.received
    wide.button("pruned").click()
    wide.receive(before + 2 * 410 * 410)
    wide.page.wait_for_function("Bokeh.documents[0].is_idle")
    assert wide.received - before <= HALF_A_MEGABYTE

    wide.button("|w|").click()
    zoom(wide)
    near = [image for image in wide.models(IMAGES) if image["value"] and len(image["value"]) > 1]
    assert len(near) == 2
    matrix = weights()
    the_tooltip_tells_the_weight(wide, matrix)
    for image in near:
        rows, columns = image["shape"]
        top, left = round(image["y"] + 0.5), round(image["x"] + 0.5)
        expected = matrix[top : top + rows, left : left + columns]
        np.testing.assert_allclose(np.reshape(image["value"], (rows, columns)), expected, rtol=1e-6)
        originals = np.reshape(image["original"], (rows, columns))
        np.testing.assert_array_equal(originals, [range(left, left + columns)] * rows)


def zoom(wide):
    """Draw a small box in the first heatmap; both follow it to single entries."""
    box = figures(wide).first.bounding_box()
    x, y = box["x"] + box["width"] * 0.4, box["y"] + box["height"] * 0.5
    mouse = wide.page.mouse
    mouse.move(x, y)
    mouse.down()
    mouse.move(x + 4, y + 4)
    mouse.move(x + 8, y + 8)
    mouse.up()
    wide.until(f"({IMAGES}).filter(i => i.value && i.value.length > 1).length == 2")


def figures(wide):
    return wide.page.locator(".bk-Canvas, .bk-canvas").filter(visible=True)


def axes_end_at_the_tensor(wide):
    ranges = wide.models(RANGES)
    assert ranges == [[[-0.5, 2047.5], [-0.5, 2047.5]]] * 2


def many_colours_are_seen(wide):
    """An image with broken axes or colours is one flat shade."""
    wide.page.wait_for_function("Bokeh.documents[0].is_idle")
    for place in (0, 1):
        picture = Image.open(io.BytesIO(figures(wide).nth(place).screenshot()))
        assert len(picture.convert("RGB").getcolors(1 << 24)) > 100


def the_tooltip_tells_the_weight(wide, matrix):
    """Hover over entries of both zoomed heatmaps: the value is the tensor's."""
    for place in (0, 1):
        box = figures(wide).nth(place).bounding_box()
        for share in (0.35, 0.5):
            wide.page.mouse.move(box["x"] + box["width"] * share, box["y"] + box["height"] * share)
            tip = wide.page.locator(".bk-Tooltip, .bk-tooltip").filter(visible=True).last
            tip.get_by_text("original channel").wait_for()
            names = tip.locator(".bk-tooltip-row-label").all_inner_texts()
            values = tip.locator(".bk-tooltip-row-value").all_inner_texts()
            told = {
                name.strip(": "): value.strip() for name, value in zip(names, values, strict=True)
            }
            row, channel = int(told["row"]), int(told["original channel"])
            assert float(told["value"]) == pytest.approx(matrix[row, channel], rel=1e-3)
            wide.page.mouse.move(1, 1)
            tip.wait_for(state="hidden")
