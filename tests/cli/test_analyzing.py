"""The coverage of a model, as a table and as JSON."""

import json
from collections.abc import Callable

import pytest

from permviz.errors import SourceError
from permviz.graph.analyze import analyze
from permviz.graph.types import ChannelGraph

Program = Callable[..., int]


@pytest.fixture(autouse=True)
def _once(graph: ChannelGraph, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("permviz.cli.analyzing.analyze", lambda *_, **__: graph)


def test_json_tells_every_layer_its_problem_or_its_reason(
    run: Program, graph: ChannelGraph, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("analyze", "digits", "--json") == 0
    told = json.loads(capsys.readouterr().out)
    layers = {layer["name"]: layer for layer in told["layers"]}
    assert list(layers) == [layer.name for layer in graph.layers]
    assert told["permutable_layers"] == sum(layer["permutable"] for layer in told["layers"])
    for layer in layers.values():
        assert layer["permutable"] == (layer["rows"] > 0)
        assert layer["permutable"] or layer["reason"]
    expanded = layers["blocks.0.project"]
    group = next(group for group in graph.groups if group.name in expanded["groups"])
    assert expanded["channels"] == group.size
    assert 0 < told["permutable_share"] < 100


def test_table_sums_up(run: Program, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("analyze", "digits") == 0
    printed = capsys.readouterr().out
    assert "blocks.0.expand" in printed
    assert "can be permuted." in printed


def test_unknown_pattern_is_one_sentence(run: Program, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("analyze", "digits", "--pattern", "4:2") == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "4:2" in captured.err


def test_networks_of_the_coverage_are_analysed_and_outputs_chosen(
    run: Program, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("permviz.cli.analyzing.analyze", analyze)
    assert run("analyze", "gru stack", "--json", "--outputs", "output") == 0
    told = json.loads(capsys.readouterr().out)
    assert told["outputs"] == ["output"]
    assert told["verification"]["control_change"] > 1e-3
    assert run("analyze", "gru stack", "--outputs", "logits,-1") == 2
    assert "no output 'logits'; it returns output" in capsys.readouterr().err
    assert run("analyze", "nonsense") == 2
    assert "'nonsense' is unknown; choose one of digits" in capsys.readouterr().err


def test_networks_of_libraries_are_looked_for_by_their_names(
    run: Program, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def loaded(model: str, state: object) -> object:
        asked.append(model)
        raise SourceError(f"{model} was looked for, with {state}.")

    monkeypatch.setattr("permviz.cli.analyzing.load", loaded)
    assert run("analyze", "timm:resnet50d") == 2
    assert asked == ["timm:resnet50d"]
    assert "timm:resnet50d was looked for, with None." in capsys.readouterr().err
