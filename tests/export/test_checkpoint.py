"""An export holds what it promises, and refuses what it cannot promise."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from permviz.core.pattern import NMPattern
from permviz.core.permutation import Permutation
from permviz.core.plan import PermutationPlan, TensorMove
from permviz.errors import ExportError, PlanError, VerificationError
from permviz.export.checkpoint import export
from permviz.export.names import NAMES
from permviz.export.report import read_report
from permviz.graph.apply import apply, apply_moves
from permviz.graph.fingerprint import fingerprint
from permviz.models.sparsify import plain, sparsify

Planned = Callable[..., PermutationPlan]
Inputs = tuple[Tensor]


def test_the_export_is_the_permuted_model_pruned(
    model: nn.Module, plan: PermutationPlan, inputs: Inputs, exported: Path
) -> None:
    expected = plain(sparsify(apply(model, plan), "2:4"))
    loaded = load_file(exported / "model.safetensors")
    assert set(loaded) == set(expected.state_dict())
    fresh = type(model)().eval()
    fresh.load_state_dict(loaded, strict=True)
    torch.testing.assert_close(fresh(*inputs), expected(*inputs), rtol=1e-6, atol=1e-6)


def test_sparse_layers_are_two_in_four_and_the_remainder_is_dense(exported: Path) -> None:
    loaded = load_file(exported / "model.safetensors")
    point = (loaded["point.weight"] != 0).flatten(1)
    assert (point.unflatten(1, (-1, 4)).sum(2) == 2).all()
    head = loaded["head.weight"] != 0
    assert (head[:, :16].unflatten(1, (-1, 4)).sum(2) == 2).all()
    assert head[:, 16:].all()
    assert (loaded["stem.weight"] != 0).all()
    assert (loaded["depthwise.weight"] != 0).all()


def test_masks_are_boolean_and_only_of_pruned_layers(exported: Path) -> None:
    masks = load_file(exported / "masks.safetensors")
    assert {name: mask.dtype for name, mask in masks.items()} == {
        "point.weight": torch.bool,
        "head.weight": torch.bool,
    }


def test_a_new_process_needs_safetensors_only(exported: Path) -> None:
    script = """
import sys, json, pathlib
from safetensors.numpy import load_file
there = pathlib.Path(sys.argv[1])
tensors, masks = load_file(there / "model.safetensors"), load_file(there / "masks.safetensors")
assert masks
for name, mask in masks.items():
    kept = mask.reshape(len(mask), -1)[:, :16].reshape(len(mask), -1, 4)
    assert (kept.sum(2) == 2).all(), name
    assert (tensors[name][~mask] == 0).all(), name
json.loads((there / "plan.json").read_text())
assert "torch" not in sys.modules
"""
    done = subprocess.run(
        [sys.executable, "-c", script, exported], check=False, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr


def test_the_model_is_left_as_it_was(
    model: nn.Module, plan: PermutationPlan, tmp_path: Path
) -> None:
    before = fingerprint(model)
    export(model, plan, tmp_path / "out")
    assert fingerprint(model) == before


def test_the_report_tells_why_layers_are_dense_and_what_was_verified(exported: Path) -> None:
    report = read_report(exported)
    status = {layer.name: layer.status for layer in report.layers}
    assert status == {"stem": "dense", "depthwise": "dense", "point": "sparse", "head": "sparse"}
    reasons = {layer.name: layer.reason for layer in report.layers}
    assert "3 input channels are fewer than the 4" in reasons["stem"]
    head = report.layers[-1]
    assert "18 is not a multiple of 4" in head.note
    assert head.permuted
    assert report.verification["ok"] is True
    assert report.verification["native_error"] <= 1e-5
    assert report.verification["float64_error"] <= 1e-10
    assert report.strategies == {"given": 2}
    assert report.totals.sparse_layers == 2


def test_the_returned_report_is_the_one_in_the_file(
    model: nn.Module, plan: PermutationPlan, inputs: Inputs, tmp_path: Path
) -> None:
    report = export(model, plan, tmp_path / "out", example_inputs=inputs)
    assert read_report(tmp_path / "out") == report
    assert str(tmp_path / "out") in report.message


def test_without_inputs_the_report_says_that_nothing_was_compared(
    model: nn.Module, plan: PermutationPlan, tmp_path: Path
) -> None:
    report = export(model, plan, tmp_path / "out")
    assert report.verification == {}
    assert "not compared" in report.message


def test_the_same_export_is_the_same_bytes(
    model: nn.Module, plan: PermutationPlan, tmp_path: Path
) -> None:
    export(model, plan, tmp_path / "one")
    export(model, plan, tmp_path / "two")
    for name in NAMES:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


def test_others_may_read_the_files(exported: Path) -> None:
    modes = {(exported / name).stat().st_mode for name in NAMES}
    assert len(modes) == 1


def test_tied_weights_are_stored_under_both_names_and_stay_dense(tmp_path: Path) -> None:
    tied = nn.ModuleDict({"one": nn.Linear(8, 8), "two": nn.Linear(8, 8)})
    tied["two"].weight = tied["one"].weight
    mark = fingerprint(tied)
    empty = PermutationPlan(mark, mark, NMPattern(2, 4), {}, (), {})
    export(tied, empty, tmp_path / "out")
    loaded = load_file(tmp_path / "out" / "model.safetensors")
    assert torch.equal(loaded["one.weight"], loaded["two.weight"])
    tied.load_state_dict(loaded, strict=True)
    assert {layer.status for layer in read_report(tmp_path / "out").layers} == {"dense"}


def test_a_permuted_buffer_that_is_not_saved_is_refused(tmp_path: Path) -> None:
    model = nn.Linear(8, 8)
    model.register_buffer("scale", torch.rand(8), persistent=False)
    moves = (TensorMove("scale", 0, None, Permutation(np.arange(8)[::-1])),)
    result = fingerprint(apply_moves(model, moves))
    plan = PermutationPlan(fingerprint(model), result, NMPattern(2, 4), {}, moves, {})
    with pytest.raises(ExportError, match=r"'scale'.*persistent=True"):
        export(model, plan, tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def test_progress_runs_from_nothing_to_all(
    model: nn.Module, plan: PermutationPlan, tmp_path: Path
) -> None:
    seen: list[float] = []
    export(
        model, plan, tmp_path / "out", on_progress=lambda _doing, fraction: seen.append(fraction)
    )
    assert seen == sorted(seen)
    assert (seen[0], seen[-1]) == (0.0, 1.0)


@pytest.mark.parametrize("formats", [("onnx",), "onnx", ("safetensors", "gguf"), ()])
def test_unknown_formats_name_the_known_ones(
    model: nn.Module, plan: PermutationPlan, tmp_path: Path, formats: tuple[str, ...]
) -> None:
    with pytest.raises(ExportError, match="safetensors"):
        export(model, plan, tmp_path / "out", formats)
    assert not (tmp_path / "out").exists()


def test_a_wrong_permutation_is_caught_before_anything_is_written(
    model: nn.Module, planned: Planned, inputs: Inputs, tmp_path: Path
) -> None:
    wrong = planned(model, 0, wrong=True)
    with pytest.raises(VerificationError):
        export(model, wrong, tmp_path / "out", example_inputs=inputs)
    assert list(tmp_path.iterdir()) == []


def test_a_check_that_proves_nothing_is_no_pass(
    model: nn.Module, planned: Planned, inputs: Inputs, tmp_path: Path
) -> None:
    with torch.no_grad():
        model.get_parameter("head.weight").zero_()
    with pytest.raises(VerificationError):
        export(model, planned(model, 0), tmp_path / "out", example_inputs=inputs)


def test_a_plan_of_another_model_is_refused(
    model: nn.Module, plan: PermutationPlan, tmp_path: Path
) -> None:
    with torch.no_grad():
        model.get_parameter("head.bias").add_(1)
    with pytest.raises(PlanError):
        export(model, plan, tmp_path / "out")
    assert list(tmp_path.iterdir()) == []
