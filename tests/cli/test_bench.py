"""`permviz bench`: strategies beside each other on random matrices."""

import csv
import io
import json
from collections.abc import Callable

import numpy as np
import pytest

from permviz.cli import measuring
from permviz.search.run import search

Program = Callable[..., int]
SMALL = ("bench", "--rows", "8", "--channels", "16", "--seeds", "3")


def test_json_has_the_mean_and_deviation_of_every_strategy(
    run: Program, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(*SMALL, "--strategies", "channel_swap,osg(stripes=2, escapes=2)",
               "--format", "json", "--device", "cpu") == 0  # fmt: skip
    printed = json.loads(capsys.readouterr().out)
    assert [row["strategy"] for row in printed["rows"]] == [
        "channel_swap", "osg(stripes=2, escapes=2)",
    ]  # fmt: skip
    found = [
        search(np.random.RandomState(s).rand(8, 16), "channel_swap", seed=s).efficacy
        for s in range(3)
    ]
    row = printed["rows"][0]
    assert row["runs"] == 3
    assert row["efficacy"] == pytest.approx(np.mean(found))
    assert row["efficacy deviation"] == pytest.approx(np.std(found))
    assert row["seconds"] > 0
    assert "cores of" in printed["machine"]


def test_csv_has_a_row_for_every_strategy_and_budget(
    run: Program, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(*SMALL, "--strategies", "auto,random(count=3)", "--budgets", "0.01,0.02",
               "--format", "csv", "--distribution", "heavy", "--pattern", "1:4") == 0  # fmt: skip
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    found = [(row["strategy"], row["budget"]) for row in rows]
    assert found == [(text, b) for text in ("auto", "random(count=3)") for b in ("0.01", "0.02")]
    assert all(row["not run because"] == "" for row in rows)


def test_the_table_says_what_was_not_run_and_why(
    run: Program, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("bench", "--rows", "2", "--channels", "28", "--seeds", "1",
               "--strategies", "exact,channel_swap", "--distribution", "normal") == 0  # fmt: skip
    refused, done = capsys.readouterr().out.splitlines()[-3:-1]
    assert "exact takes up to 24 channels" in refused
    assert refused.split()[:4] == ["exact", "0", "-", "-"]
    assert done.split()[:2] == ["channel_swap", "1"]


def test_a_torch_device_is_measured_too(run: Program, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(*SMALL, "--strategies", "anneal(sweeps=5)", "--device", "torch:cpu") == 0
    assert "device torch:cpu" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--strategies", "magic"), "magic"),
        (("--strategies", "osg(stripes=0)"), "stripes"),
        (("--strategies", " , "), "--strategies auto"),
        (("--budgets", "soon"), "--budgets 0.1,1"),
        (("--budgets", "-1"), "positive"),
        (("--budgets", "nan"), "positive"),
        (("--distribution", "square"), "uniform, normal, heavy"),
        (("--pattern", "4:2"), "4:2"),
        (("--rows", "0"), "at least 1"),
        (("--seeds", "0"), "at least 1"),
        (("--rows", "1000000", "--channels", "1000000"), "at most"),
        (("--format", "xml"), "table, csv, json"),
        (("--device", "abacus"), 'Choose "cpu"'),
    ],
)
def test_what_cannot_be_measured_is_one_sentence(
    run: Program, arguments: tuple[str, ...], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("bench", *arguments) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert sentence in captured.err
    assert captured.err.count("\n") == 1


def test_an_interrupted_benchmark_keeps_its_complete_rows(
    run: Program, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(rows):
        yield next(rows)
        raise KeyboardInterrupt

    keep = measuring.gathered
    monkeypatch.setattr("permviz.cli.bench.gathered", lambda rows: keep(interrupted(rows)))
    assert run(*SMALL, "--strategies", "channel_swap,osg", "--format", "csv") == 130
    captured = capsys.readouterr()
    assert "channel_swap" in captured.out
    assert "osg" not in captured.out
    assert "Interrupted" in captured.err


def test_commas_inside_brackets_belong_to_the_strategy() -> None:
    assert measuring.texts("a, b(c=1, d=2) ,e(f=3)") == ("a", "b(c=1, d=2)", "e(f=3)")
