from types import SimpleNamespace

from permviz.session.events import Progress, Running
from permviz.session.report import ModelTotals
from permviz.views.summary import SummaryView
from permviz.views.words import layer_sentence, legend_html, progress_sentence, summary_html

TOTALS = ModelTotals(
    dense=100.0,
    default=70.0,
    permuted=75.0,
    row_optimum=80.0,
    permuted_layers=3,
    frozen_layers=1,
    dense_layers=2,
)


def test_tiles_before_anything_is_known():
    told = summary_html(None, None, None)
    assert told.count("class=") > 5
    assert "NaN" not in told


def test_tiles_tell_shares_efficacy_and_counts():
    told = summary_html(TOTALS, None, None)
    assert "70.00 %" in told
    assert "75.00 %" in told
    assert "80.00 %" in told
    assert "50.0 %" in told
    assert "1 frozen, 2 dense" in told


def test_failed_check_is_told_as_such():
    check = SimpleNamespace(ok=False, native_error=0.5, float64_error=0.25)
    told = summary_html(TOTALS, check, None)
    assert "failed" in told
    assert "5.0e-01" in told


def test_accuracy_comes_with_its_spread():
    single = SimpleNamespace(
        label="permuted 2:4",
        accuracy=91.25,
        deviation=None,
        recalibrated=98.0,
        recalibrated_deviation=None,
    )
    several = SimpleNamespace(
        label="5 random orders 2:4",
        accuracy=80.0,
        deviation=5.55,
        recalibrated=97.0,
        recalibrated_deviation=0.1,
    )
    told = summary_html(None, None, SimpleNamespace(rows=(single, several)))
    assert "91.2 %" in told
    assert "80.0 &plusmn; 5.5 %" in told or "80.0 &plusmn; 5.6 %" in told


def test_view_follows_what_it_is_told():
    view = SummaryView()
    root = view.__panel__().get_root()
    view.totals = TOTALS
    assert "75.00" in root.text


def test_layer_sentence_counts_what_moved_and_escapes(rows, pair, row):
    shown = pair("body")
    told = layer_sentence(rows, "body", shown)
    moved = sum(int(old != new) for new, old in enumerate(shown.order))
    assert f"{moved} of 32 channels moved" in told
    assert "retained 70.00 % by default, 80.00 % at best" in told
    assert layer_sentence(rows, "nonesuch", None) == ""
    hostile = row("<script>")
    assert "<script>" not in layer_sentence([hostile], "<script>", None)


def test_progress_is_told_with_the_time_left_in_all_and_by_search():
    running = (Running("a<b", "osg", 1.24), Running("c", "channel_swap", None))
    progress = Progress(2, 8, 0.25, seconds=3.0, seconds_left=9.2, running=running)
    assert progress_sentence(None, "empty") == "No search yet."
    told = progress_sentence(progress, "running").split("<br>")
    assert told[0].endswith("2 of 8 searches, 3.0 s, about 9 s left")
    assert told[1] == "a&lt;b by osg, at most 1.2 s more"
    assert told[2] == "c by channel_swap, until it converges"
    assert told[3:] == ["4 more wait"]
    assert progress_sentence(progress, "finished") == "finished: 2 of 8 searches, 3.0 s"


def test_legend_names_every_color():
    told = legend_html({"a<b": "#000000"})
    assert "#000000" in told
    assert "a&lt;b" in told
