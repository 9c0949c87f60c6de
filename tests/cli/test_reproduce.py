"""`permviz reproduce`: the paper's rows beside ours."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from permviz.cli import reproduce
from permviz.search import experiments, published
from permviz.search.benchmark import Setting
from permviz.search.matrices import without_smallest
from permviz.search.minimum_sparsity import minimum_sparsity
from permviz.search.run import search

Program = Callable[..., int]


def rows_of(run, capsys, *arguments):
    assert run("reproduce", *arguments, "--format", "json") == 0
    return json.loads(capsys.readouterr().out)["rows"]


def test_table_9_is_the_paper_s_beside_ours(run, capsys):
    chosen = ("--strategies", "random,channel_swap(escapes=0),assignment")
    rows = rows_of(run, capsys, "table9", "--seeds", "8", *chosen, "--budget", "60")
    found = {row["strategy"]: row for row in rows}
    assert [row["published"] for row in rows if row["published"]] == [7.5, 46.5, 46.1]
    # Eight matrices of the size at which the greedy search reaches what is in print.
    assert found["greedy"]["efficacy"] == pytest.approx(46.5, abs=1)
    assert found["best of 10 random, then greedy"]["efficacy"] == pytest.approx(46.1, abs=2)
    assert 0 < found["best of 10 random"]["efficacy"] < 10
    assert found["ours: assignment"]["published"] is None
    assert found["ours: assignment"]["efficacy"] > found["greedy"]["efficacy"]
    assert all(row["runs"] == 8 for row in rows)


def test_table_1_counts_the_optima_found_and_says_what_was_not_run(run, capsys):
    chosen = ("--strategies", "exact,channel_swap(escapes=0)", "--budget", "60")
    rows = rows_of(run, capsys, "table1", "--seeds", "3", *chosen)
    large, small = rows[:2], rows[2:]
    assert [row["strategy"] for row in large] == ["ours: exact", "channel swap"]
    assert "24 channels" in large[0]["not run because"]
    assert (large[0]["runs"], large[0]["efficacy"], large[0]["seconds"]) == (0, None, None)
    assert large[1]["published"] == 47.45
    assert large[1]["optima found"] is None
    assert small[0]["optima found"] == 3
    assert small[1]["optima found"] < 3


def test_a_bare_name_stands_for_all_such_strategies_and_others_are_added(run, capsys):
    rows = rows_of(run, capsys, "table1", "--seeds", "1", "--budget", "0.01", "--strategies",
                   "random,channel_swap(escapes=2)")  # fmt: skip
    labels = [row["strategy"] for row in rows if row["matrices"].startswith("64")]
    assert labels == ["random 1000", "ours: channel_swap(escapes=2)"]


def test_table_10_is_of_a_layer_dense_and_pruned(monkeypatch, run, capsys):
    layer = np.random.default_rng(0).random((6, 16))
    monkeypatch.setattr(reproduce, "_layer", lambda: layer)
    rows = rows_of(run, capsys, "table10", "--strategies", "channel_swap(escapes=0)")
    assert [row["matrices"] for row in rows] == ["dense", "70% zeroed", "75% zeroed"]
    assert [row["published"] for row in rows] == [None, 95.2, 99.7]
    pruned = without_smallest(layer, 0.7)
    assert (pruned == 0).sum() == round(0.7 * layer.size)
    assert pruned[pruned > 0].min() > layer[pruned == 0].max()
    assert rows[1]["efficacy"] == pytest.approx(search(pruned, "channel_swap").efficacy)


def test_table_10_tells_the_least_sparsity_at_which_nothing_is_lost(monkeypatch, run, capsys):
    layer = np.random.default_rng(0).random((6, 16))
    monkeypatch.setattr(reproduce, "_layer", lambda: layer)
    chosen = ("--strategies", "perfect", "--budget", "0.2", "--format", "json")
    assert run("reproduce", "table10", *chosen) == 0
    remark = json.loads(capsys.readouterr().out)["remark"]
    least = float(remark.split(":")[1].split("%")[0])
    exact = minimum_sparsity(layer, "exact", resolution=0.005)
    assert least == pytest.approx(100 * exact.sparsity, abs=1.5)
    assert "1.2 s a search" in remark


def test_table_10_is_usually_run_with_five_seconds():
    usual = reproduce.Request("table10", None, None, "", "cpu", "json", None)
    assert usual.seconds == 5
    assert replace(usual, name="table1").seconds == 1
    assert replace(usual, budget=2.0).seconds == 2


def test_table_10_s_layer_scores_as_in_print():
    layer = reproduce._layer()
    assert layer.shape == (64, 384)
    # Between equal gains rounding decides, which differs from processor to processor.
    assert search(without_smallest(layer, 0.7), "channel_swap").efficacy > 95.2 - 0.5
    assert search(layer, "channel_swap").efficacy == pytest.approx(54.64, abs=0.5)


def test_table_3_has_the_paper_s_sizes_and_one_seed():
    experiment = experiments.table3(1.0)
    assert [part.matrices.draw(0).shape for part in experiment.parts] == list(
        published.TABLE_3_SIZES
    )
    first = experiment.parts[3].matrices
    assert np.array_equal(first.draw(0), np.random.RandomState(1).rand(128, 64))
    by_label = {trial.label: trial.published for trial in experiment.parts[3].trials}
    assert by_label["OSG(2)"].seconds == 0.013
    assert not any("OSG(3)" in trial.label for trial in experiment.parts[-1].trials)


def test_table_3_stops_what_would_take_hours_and_says_so():
    trials = [trial for part in experiments.table3(1.0).parts for trial in part.trials]
    assert {trial.budget for trial in trials if trial.label.startswith("ours")} == {1.0}
    assert {trial.budget for trial in trials if not trial.label.startswith("ours")} == {30.0}
    assert "30 s was stopped" in experiments.table3(1.0).remark
    longer = experiments.table3(60.0)
    assert {trial.budget for part in longer.parts for trial in part.trials} == {60.0}


def test_every_run_is_named_before_it_starts():
    told: list[str] = []
    experiment = experiments.table9(0.01, seeds=2).only(["random", "channel_swap"], 0.01)
    rows = list(experiments.measured(experiment, Setting(device="cpu"), told.append))
    assert len(told) == experiment.runs == 2 * len(rows)
    assert told[0] == told[1] == f"{rows[0].trial.label}, {rows[0].matrices}"


def test_the_table_names_machine_and_sources_and_goes_to_a_file(
    run: Program, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "table3.txt"
    assert run("reproduce", "table3", "--strategies", "random(count=2)", "--out", file) == 0
    assert capsys.readouterr().out == ""
    text = file.read_text()
    assert text.startswith("Table 3")
    assert "cores of" in text
    assert "2048x2048 uniform, seed 1" in text


def test_figure_3_goes_in_even_steps_beside_the_published_ones(run, capsys):
    rows = rows_of(run, capsys, "figure3")
    assert [row["published"] for row in rows] == list(published.FIGURE_3)
    assert rows[0]["efficacy"] == 0
    assert rows[-1]["efficacy"] == pytest.approx(35.5, abs=3)
    assert all(abs(row["efficacy"] - row["even efficacy"]) < 2 for row in rows)
    other = rows_of(run, capsys, "figure3", "--strategies", "auto", "--budget", "0.05")
    assert {row["published"] for row in other} == {None}


def test_figure_4_says_how_sparse_a_layer_must_be(monkeypatch, run, capsys):
    layer = np.random.default_rng(0).random((6, 16))
    monkeypatch.setattr(reproduce, "_layer", lambda: layer)
    rows = rows_of(run, capsys, "figure4", "--strategies", "channel_swap,perfect",
                   "--budget", "0.1")  # fmt: skip
    assert [row["strategy"] for row in rows] == ["channel_swap", "perfect"]
    for row in rows:
        assert 50 <= row["impossible below %"] <= row["least sparsity %"] < 100
        assert row["searches"] > 0


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("table2",), "table1, table3"),
        (("figure3", "--strategies", "auto,osg"), "one strategy"),
        (("coverage", "--networks", "unet,resnet5"), "'resnet5' is unknown"),
        (("figure4", "--strategies", "magic"), "magic"),
        (("table9", "--seeds", "0"), "--seeds 0"),
        (("table9", "--budget", "0"), "positive"),
        (("table9", "--strategies", "magic"), "magic"),
        (("table9", "--format", "xml"), "table, csv, json"),
        (("table9", "--device", "abacus"), 'Choose "cpu"'),
        (("table9", "--out", "nowhere/file"), "nowhere"),
    ],
)
def test_what_cannot_be_reproduced_is_one_sentence(
    run: Program, arguments: tuple[str, ...], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("reproduce", *arguments) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert sentence in captured.err
    assert captured.err.count("\n") == 1


def test_coverage_is_a_row_for_each_network(run, capsys):
    names = ("--networks", "lstm stack,transformer (norm first)")
    rows = rows_of(run, capsys, "coverage", *names)
    assert [row["network"] for row in rows] == ["lstm stack", "transformer (norm first)"]
    assert rows[0]["layers"] == "7 of 7"
    assert all(row["captured"] == "yes" and row["weights %"] == 100 for row in rows)
    assert all(float(row["change float64"]) < 1e-13 < float(row["control"]) for row in rows)
