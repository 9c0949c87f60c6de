"""The figures of an export are the search's, survive the disk, and are drawn without a network."""

import json
import re
import struct
import zlib

import numpy as np
import pytest
import torch
from torch import nn

from permviz.core.score import mask
from permviz.errors import ExportError
from permviz.export.archive import archive
from permviz.export.checkpoint import Details, check, export
from permviz.export.drawing import png
from permviz.export.gallery import Gallery, session_gallery
from permviz.export.html import page, write_page
from permviz.export.report import read_report
from permviz.graph.analyze import analyze
from permviz.session.plan import session_plan
from permviz.session.session import Session
from permviz.session.settings import SearchSettings

STRATEGIES = ("channel_swap", "osg")


@pytest.fixture(scope="module")
def session():
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(8, 32), nn.ReLU(), nn.Linear(32, 24), nn.Linear(24, 4))
    with Session(analyze(network.eval(), torch.randn(2, 8)), SearchSettings(STRATEGIES)) as made:
        made.start()
        made.wait()
        yield made


@pytest.fixture(scope="module")
def gallery(session):
    return session_gallery(session, session_plan(session))


@pytest.fixture
def exported(session, tmp_path):
    plan = session_plan(session)
    details = Details(session.graph, None, session)
    export(session.graph.model, plan, tmp_path / "out", details=details)
    return tmp_path / "out"


def test_pictures_show_what_the_pattern_keeps_in_the_planned_order(session, gallery):
    assert [picture.layer for picture in gallery.pictures] == ["0", "2", "3"]
    plan = session_plan(session)
    weight = np.abs(session.graph.model[2].weight.detach().numpy())
    order = plan.by_group["2"].permutation.order
    picture = gallery.pictures[1]
    for shade, scores in ((picture.given, weight), (picture.found, weight[:, order])):
        kept = np.where(mask(scores, plan.pattern), scores, 0)
        expected = np.rint(np.minimum(kept / picture.limit, 1) * 255)
        np.testing.assert_array_equal(shade, expected)


def test_curves_and_comparison_are_the_search_s(session, gallery):
    assert gallery.compare.strategies == STRATEGIES
    for one in gallery.curves:
        for line in one.curves.lines:
            found = session.results[one.group, line.strategy].efficacy
            assert line.efficacy[-1] == pytest.approx(found, abs=1e-3)


def test_a_gallery_survives_json(gallery):
    text = gallery.to_json()
    assert Gallery.from_json(text).to_json() == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '{"format": "permviz.figures/1", "gallery": 3}',
        '{"format": "permviz.figures/1", "gallery": {"is": "Path"}}',
        '{"format": "permviz.figures/2", "gallery": {"is": "Gallery"}}',
        '{"format": "permviz.figures/1", "gallery": {"is": "Gallery", "nonesuch": 1}}',
    ],
)
def test_anything_else_is_refused(text):
    with pytest.raises(ExportError, match="export again"):
        Gallery.from_json(text)


def test_the_report_has_every_figure_and_asks_for_nothing(exported):
    text = write_page(exported).read_text()
    for title in ("Pruned magnitude", "Strategies by layer", "Channel groups", "Search of 2"):
        assert f"<h2>{title}</h2>" in text
    assert text.count("<img alt=") == 6
    own = re.sub(r"<script>.*?</script>", "", text, count=1, flags=re.DOTALL)
    assert re.findall(r"(?:src|href)=[\"'](?!data:)", own) == []
    assert "default-src 'none'" in text
    check(exported)


def test_figures_that_were_changed_are_refused(exported):
    (exported / "figures.json").write_text("{}")
    with pytest.raises(ExportError, match="was changed after it was written"):
        write_page(exported)


def test_the_figures_are_packed_and_replaced_with_the_export(exported, session):
    assert b"figures.json" in archive(exported).getvalue()
    export(session.graph.model, session_plan(session), exported)
    assert not (exported / "figures.json").exists()


def test_names_of_a_model_cannot_break_out_of_the_page(exported, gallery):
    evil = "</script><script>alert(1)</script>"
    text = gallery.to_json().replace('"2"', json.dumps(evil))
    drawn = page(read_report(exported), Gallery.from_json(text))
    assert "<script>alert(1)" not in drawn


def test_a_picture_is_png():
    shade = np.arange(12, dtype=np.uint8).reshape(3, 4)
    content = png(shade)
    assert content[:8] == b"\x89PNG\r\n\x1a\n"
    assert struct.unpack(">II", content[16:24]) == (4, 3)
    start = content.index(b"IDAT")
    lines = zlib.decompress(content[start + 4 :])
    np.testing.assert_array_equal(np.frombuffer(lines, np.uint8).reshape(3, 5)[:, 1:], shade)
