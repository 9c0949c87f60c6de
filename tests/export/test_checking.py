"""Whatever is missing, corrupt, mixed up or edited in an export is found and named."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

import permviz as pv
from permviz.core.plan import PermutationPlan
from permviz.errors import ExportError, PermvizError, PlanError
from permviz.export.checking import check
from permviz.export.checkpoint import export
from permviz.export.files import stamp
from permviz.export.names import MASKS, MODEL, NAMES, PLAN, REPORT

Planned = Callable[..., PermutationPlan]
Edit = Callable[[dict[str, Any]], object]


def restamp(directory: Path) -> None:
    """Make the report agree with changed files, as a careful forger would."""
    report = json.loads((directory / REPORT).read_text())
    report["files"] = {name: stamp(directory / name) for name in (MODEL, MASKS, PLAN)}
    (directory / REPORT).write_text(json.dumps(report))


def edit_tensor(path: Path, name: str, change: Callable[[Tensor], object]) -> None:
    tensors = load_file(path)
    change(tensors[name])
    save_file(tensors, path)


def edit_json(path: Path, change: Edit) -> None:
    data = json.loads(path.read_text())
    change(data)
    path.write_text(json.dumps(data))


def move_of(data: dict[str, Any], tensor: str) -> dict[str, Any]:
    return next(move for move in data["tensors"] if move["tensor"] == tensor)


def exchange_first_two(data: dict[str, Any]) -> None:
    """Edit a permutation everywhere it stands, so that only the model can tell."""
    move = move_of(data, "head.weight")
    move["order"][:2] = move["order"][1::-1]
    move["inverse"] = [move["order"].index(channel) for channel in range(len(move["order"]))]


def test_a_whole_export_passes_and_says_what_was_proved(exported: Path) -> None:
    report = check(exported)
    assert (report.sparse_layers, str(report.pattern)) == (2, "2:4")
    assert report.verification is None
    assert any("2:4 along their input channels" in sentence for sentence in report.checks)


def test_with_the_model_the_output_is_verified(
    exported: Path, model: nn.Module, inputs: tuple[Tensor]
) -> None:
    report = check(exported, model, inputs)
    assert report.verification is not None
    assert report.verification.ok
    assert report.verification.control_change > report.verification.native_tolerance
    assert report.checks[-1] == report.verification.message


def test_without_inputs_the_tensors_are_compared_and_the_output_is_not(
    exported: Path, model: nn.Module
) -> None:
    report = check(exported, model)
    assert report.verification is None
    assert "not compared" in report.checks[-1]


@pytest.mark.parametrize("name", NAMES)
def test_a_missing_file_is_named(exported: Path, name: str) -> None:
    (exported / name).unlink()
    with pytest.raises(ExportError, match=name):
        check(exported)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("content", [b"", b"\xff\xfe\x00", b"[" * 100_000, b'{"a": 1}'])
def test_a_corrupt_file_is_refused(exported: Path, name: str, content: bytes) -> None:
    (exported / name).write_bytes(content)
    with pytest.raises(PermvizError):
        check(exported)


@pytest.mark.parametrize("name", [MODEL, MASKS])
def test_a_truncated_file_is_named(exported: Path, name: str) -> None:
    whole = (exported / name).read_bytes()
    (exported / name).write_bytes(whole[:-7])
    with pytest.raises(ExportError, match=f"{name}.*not readable as safetensors"):
        check(exported)


def test_what_is_no_directory_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="not a directory"):
        check(tmp_path / "nowhere")
    with pytest.raises(ExportError, match="report"):
        check(tmp_path)


@pytest.mark.parametrize("name", [MODEL, MASKS, PLAN])
def test_any_changed_byte_is_noticed(exported: Path, name: str) -> None:
    content = (exported / name).read_bytes()
    if name == PLAN:
        changed = content.replace(b'"given"', b'"taken"')
        (exported / name).write_bytes(changed)
    else:
        key = "norm.bias" if name == MODEL else "head.weight"
        edit_tensor(exported / name, key, lambda tensor: tensor.copy_(tensor.flip(0)))
    with pytest.raises(ExportError, match="chang"):
        check(exported)


def test_a_flipped_mask_bit_is_noticed_even_if_restamped(exported: Path) -> None:
    def prune_a_kept_weight(mask: Tensor) -> None:
        row, channel, *_ = mask.nonzero()[0].tolist()
        mask[row, channel] = False

    edit_tensor(exported / MASKS, "point.weight", prune_a_kept_weight)
    restamp(exported)
    with pytest.raises(ExportError, match=r"'point\.weight' is not zero where its mask prunes"):
        check(exported)


def test_a_mask_that_keeps_too_much_is_not_the_pattern(exported: Path) -> None:
    edit_tensor(exported / MASKS, "point.weight", lambda mask: mask.fill_(value=True))
    restamp(exported)
    with pytest.raises(ExportError, match=r"'point\.weight' is not 2:4"):
        check(exported)


def test_a_revived_weight_is_noticed_even_if_restamped(exported: Path) -> None:
    def revive(weight: Tensor) -> None:
        row, channel, *_ = (weight == 0).nonzero()[0].tolist()
        weight[row, channel] = 1.0

    edit_tensor(exported / MODEL, "head.weight", revive)
    restamp(exported)
    with pytest.raises(ExportError, match="is not zero where its mask prunes"):
        check(exported)


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("head.weight", lambda weight: weight.mul_(1.0001)),
        ("head.weight", lambda weight: torch.where(weight == 0, -0.0, weight)),
        ("norm.running_var", lambda values: values.roll(1)),
        ("norm.num_batches_tracked", lambda count: count + 1),
    ],
)
def test_a_changed_weight_is_noticed_with_the_model(
    exported: Path, model: nn.Module, name: str, change: Callable[[Tensor], Tensor]
) -> None:
    edit_tensor(exported / MODEL, name, lambda tensor: tensor.copy_(change(tensor)))
    restamp(exported)
    with pytest.raises(ExportError, match=f"'{name}' is not the pruned tensor"):
        check(exported, model)


def test_a_mask_without_a_tensor_is_noticed(exported: Path) -> None:
    masks = load_file(exported / MASKS)
    save_file({**masks, "ghost.weight": torch.ones(4, 4, dtype=torch.bool)}, exported / MASKS)
    restamp(exported)
    with pytest.raises(ExportError, match=r"disagree about 'ghost\.weight'"):
        check(exported)


def test_a_forgotten_mask_is_noticed(exported: Path) -> None:
    masks = load_file(exported / MASKS)
    save_file({"head.weight": masks["head.weight"]}, exported / MASKS)
    restamp(exported)
    with pytest.raises(ExportError, match=r"disagree about 'point\.weight'"):
        check(exported)


def test_a_mask_of_another_shape_or_type_is_noticed(exported: Path) -> None:
    masks = load_file(exported / MASKS)
    for odd in (torch.ones(4, 4, dtype=torch.bool), masks["head.weight"].float()):
        save_file({**masks, "head.weight": odd}, exported / MASKS)
        restamp(exported)
        with pytest.raises(ExportError, match=r"'head\.weight' does not fit"):
            check(exported)


def test_an_order_and_its_inverse_must_agree(exported: Path) -> None:
    edit_json(exported / PLAN, lambda data: data["tensors"][0]["order"].reverse())
    restamp(exported)
    with pytest.raises(PlanError, match="contradict"):
        check(exported)


def test_an_edited_order_is_noticed(exported: Path) -> None:
    edit_json(exported / PLAN, exchange_first_two)
    with pytest.raises(ExportError, match=r"plan\.json.*was changed"):
        check(exported)


def test_an_edited_order_is_noticed_with_the_model_even_if_restamped(
    exported: Path, model: nn.Module
) -> None:
    edit_json(exported / PLAN, exchange_first_two)
    restamp(exported)
    with pytest.raises(PlanError):
        check(exported, model)


@pytest.mark.parametrize("name", ["../../etc/passwd", "point.ghost", "", "a\x00b"])
def test_a_move_of_an_unknown_tensor_is_refused(exported: Path, name: str) -> None:
    edit_json(exported / PLAN, lambda data: data["tensors"][0].update(tensor=name))
    restamp(exported)
    with pytest.raises(ExportError, match="does not hold"):
        check(exported)


@pytest.mark.parametrize(
    "change", [{"axis": 9}, {"axis": -1}, {"axis": 1}, {"rows": [0, 99]}, {"rows": [4, 2]}]
)
def test_a_move_that_does_not_fit_is_refused(exported: Path, change: dict[str, object]) -> None:
    edit_json(exported / PLAN, lambda data: move_of(data, "stem.weight").update(change))
    restamp(exported)
    with pytest.raises(ExportError, match="does not fit its shape"):
        check(exported)


def test_files_of_two_exports_do_not_mix(
    exported: Path, model: nn.Module, planned: Planned
) -> None:
    other = export(model, planned(model, 7), exported.parent / "other").directory
    (other / PLAN).write_bytes((exported / PLAN).read_bytes())
    with pytest.raises(ExportError, match="different models"):
        check(other)


def test_another_model_is_refused(exported: Path, model: nn.Module) -> None:
    with torch.no_grad():
        model.get_parameter("head.bias").add_(1)
    with pytest.raises(PlanError):
        check(exported, model)


@pytest.mark.parametrize(
    "change",
    [
        lambda data: data.pop("layers"),
        lambda data: data.update(layers=3),
        lambda data: data["layers"][0].pop("tensor"),
        lambda data: data["layers"][0].update(shape=["wide"]),
        lambda data: data.update(pattern="4:2"),
        lambda data: data.update(files=[1]),
        lambda data: data.update(format="permviz.export/99"),
    ],
)
def test_a_report_of_another_shape_is_refused(exported: Path, change: Edit) -> None:
    edit_json(exported / REPORT, change)
    with pytest.raises(ExportError, match=r"report\.json"):
        check(exported)


@pytest.mark.parametrize("pattern", ["1:4", "4:8", "1:2", "3:5"])
def test_other_patterns_are_exported_and_checked(
    model: nn.Module,
    planned: Planned,
    inputs: tuple[Tensor],
    tmp_path: Path,
    pattern: str,
) -> None:
    plan = planned(model, 3, pattern)
    export(model, plan, tmp_path / "out", example_inputs=inputs)
    assert str(check(tmp_path / "out", model, inputs).pattern) == pattern


def test_the_importance_of_the_plan_is_used_and_recorded(
    model: nn.Module, plan: PermutationPlan, tmp_path: Path
) -> None:
    squared = replace(plan, provenance={"importance": "squared"})
    report = export(model, squared, tmp_path / "out")
    assert report.importance == "squared"
    check(tmp_path / "out", model)


def test_with_the_graph_each_group_is_compared_alone(
    model: nn.Module, inputs: tuple[Tensor], tmp_path: Path
) -> None:
    graph = pv.analyze(model, inputs)
    plan = pv.plan(graph, "random(count=2)")
    report = pv.export(model, plan, tmp_path / "out", example_inputs=graph)
    moved = {name for name, one in plan.by_group.items() if not one.permutation.is_identity}
    assert moved
    assert {group["name"] for group in report.verification["by_group"]} == moved
    checked = check(tmp_path / "out", model, graph)
    assert {group.name for group in checked.verification.by_group} == moved
    assert sum(sentence.startswith("Group ") for sentence in checked.checks) == len(moved)


def test_comparing_tells_how_far_it_is(
    model: nn.Module, inputs: tuple[Tensor], tmp_path: Path
) -> None:
    graph = pv.analyze(model, inputs)
    plan = pv.plan(graph, "random(count=2)")
    pv.export(model, plan, tmp_path / "out")
    told: list[tuple[str, float]] = []
    check(tmp_path / "out", model, graph, on_progress=lambda *step: told.append(step))
    shares = [share for _, share in told]
    assert [doing for doing, _ in told[:2]] == ["Verifying", "Verifying by group"]
    assert shares == sorted(shares)
    assert len(set(shares)) == len(told) > 2
    assert shares[-1] < 1
