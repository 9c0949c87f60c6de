"""Read an export back and prove that it is what it claims, in any process.

Without the model: every file is whole, the zeros of each pruned tensor are those of its
mask, the mask is N:M along the input channels, and the plan fits the tensors. With the
model: the plan is the model's, the permuted model computes the model's output, a wrong
order would have been noticed, and the export is the permuted model, pruned.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from permviz.core.pattern import NMPattern
from permviz.core.plan import PermutationPlan
from permviz.errors import ExportError, VerificationError
from permviz.export.files import read_tensors, read_text, stamp, state_of
from permviz.export.names import MASKS, MODEL, PLAN
from permviz.export.replace import recover
from permviz.export.report import ExportReport, read_report
from permviz.graph.apply import apply
from permviz.graph.types import ChannelGraph
from permviz.graph.verify import GroupError, Progress, VerifyReport, verify
from permviz.models.sparsify import plain, sparsify


@dataclass(frozen=True, slots=True)
class CheckReport:
    """What was checked of an export; a failed check raises, so this is always good news.

    Attributes:
        directory: that was checked.
        pattern: of the export.
        sparse_layers: number of pruned tensors.
        tensors: number of tensors.
        checks: what was proved, a sentence each.
        verification: of the output, if the model and inputs were given.
    """

    directory: Path
    pattern: NMPattern
    sparse_layers: int
    tensors: int
    checks: tuple[str, ...]
    verification: VerifyReport | None


@dataclass(frozen=True, slots=True, eq=False)
class Contents:
    """An export in memory.

    Attributes:
        tensors: the exported state dict.
        masks: by tensor name, True where a weight is kept.
        plan: the permutation plan.
        report: what report.json says.
    """

    tensors: Mapping[str, Tensor]
    masks: Mapping[str, Tensor]
    plan: PermutationPlan
    report: ExportReport


def check(
    directory: Path | str,
    model: nn.Module | None = None,
    example_inputs: object = None,
    *,
    on_progress: Progress | None = None,
) -> CheckReport:
    """Prove that an export is whole and consistent, and is this model's if one is given.

    Args:
        directory: of the export.
        model: the model that was exported, not permuted and not pruned.
        example_inputs: for comparing outputs: tensor, tuple (positional) or dict (keyword);
            or the plan's `ChannelGraph`, with which each group is compared alone as well.
        on_progress: called with what is being done and the fraction done, 0 to 1.

    Raises:
        ExportError: a file is missing, corrupt, or was changed after it was written.
        PlanError: the plan is malformed, or is of another model.
        VerificationError: the permuted model does not compute the model's output.
    """
    source = Path(directory).expanduser().resolve()
    recover(source)
    contents = read_contents(source)
    checks = check_contents(source, contents)
    verification = None
    if model is not None:
        verification = _check_model(contents, model, example_inputs, on_progress)
        checks += _model_checks(verification)
    return CheckReport(
        directory=source,
        pattern=contents.plan.pattern,
        sparse_layers=len(contents.masks),
        tensors=len(contents.tensors),
        checks=checks,
        verification=verification,
    )


def read_contents(source: Path) -> Contents:
    """Read the files of an export, proving only that each is readable.

    Raises:
        ExportError: missing or corrupt.
        PlanError: the plan is malformed.
    """
    if not source.is_dir():
        raise ExportError(f"{source} is not a directory; pass one that pv.export wrote.")
    return Contents(
        report=read_report(source),
        plan=_read_plan(source / PLAN),
        masks=read_tensors(source / MASKS),
        tensors=read_tensors(source / MODEL),
    )


def _read_plan(path: Path) -> PermutationPlan:
    try:
        return PermutationPlan.from_json(read_text(path))
    except RecursionError as problem:
        raise ExportError(f"{path} is nested too deeply to be a plan; export again.") from problem


def demand_verified(report: VerifyReport) -> VerifyReport:
    """Pass on a verification that succeeded.

    Raises:
        VerificationError: the outputs differ, or the check proved nothing.
    """
    if not report.ok or report.vacuous:
        raise VerificationError(report.message)
    return report


def check_contents(source: Path, contents: Contents) -> tuple[str, ...]:
    """Prove that the files of an export agree with each other; say what was proved.

    Raises:
        ExportError: they do not.
    """
    pattern = contents.plan.pattern
    _check_masks(contents, pattern)
    _check_plan(contents)
    _check_stamps(source, contents.report)
    return (
        f"All {len(contents.masks)} pruned tensors are {pattern} along their input channels.",
        "Their zeros are those of the masks.",
        "The plan's permutations are bijections that fit the tensors.",
        "No file was changed since it was written.",
    )


def _check_masks(contents: Contents, pattern: NMPattern) -> None:
    axes = {row.tensor: row.input_axis for row in contents.report.layers if row.status == "sparse"}
    if set(axes) != set(contents.masks):
        odd = min(set(axes) ^ set(contents.masks))
        raise ExportError(
            f"{MASKS} and the report disagree about {odd!r}; files of two exports were mixed "
            "or changed, export again."
        )
    for name, mask in contents.masks.items():
        weight = contents.tensors.get(name)
        if weight is None or mask.shape != weight.shape or not 0 <= axes[name] < mask.ndim:
            raise ExportError(_misfit(name))
        _check_mask(name, mask.movedim(axes[name], -1), weight.movedim(axes[name], -1), pattern)


def _misfit(name: str) -> str:
    return (
        f"The mask {name!r} does not fit a tensor of {MODEL}; files of two exports were "
        "mixed or changed, export again."
    )


def _check_mask(name: str, kept: Tensor, weight: Tensor, pattern: NMPattern) -> None:
    """Check one mask, input channels last."""
    if kept.dtype != torch.bool or kept.ndim < 2:
        raise ExportError(_misfit(name))
    whole = kept.shape[-1] // pattern.m * pattern.m
    counts = kept[..., :whole].unflatten(-1, (-1, pattern.m)).sum(-1)
    if bool((counts > pattern.n).any()):
        raise ExportError(f"The mask of {name!r} is not {pattern}; it was changed, export again.")
    if bool((weight[~kept] != 0).any()):
        raise ExportError(
            f"{name!r} is not zero where its mask prunes; a file was changed, export again."
        )


def _check_plan(contents: Contents) -> None:
    recorded = contents.report.fingerprints
    plan = contents.plan
    if recorded != {"original": plan.fingerprint, "permuted": plan.result_fingerprint}:
        raise ExportError(
            f"{PLAN} and the report name different models; files of two exports were mixed, "
            "export again."
        )
    for move in plan.moves:
        tensor = contents.tensors.get(move.tensor)
        if tensor is None:
            raise ExportError(
                f"The plan moves {move.tensor!r}, which {MODEL} does not hold; export again."
            )
        fits = 0 <= move.axis < tensor.ndim and tensor.shape[move.axis] == len(move.permutation)
        rows = move.rows is None or 0 <= move.rows[0] < move.rows[1] <= tensor.shape[0]
        if not fits or not rows:
            raise ExportError(
                f"The plan's move of {move.tensor!r} does not fit its shape "
                f"{tuple(tensor.shape)}; {PLAN} was changed, export again."
            )


def _check_stamps(source: Path, report: ExportReport) -> None:
    for name in (MODEL, MASKS, PLAN):
        if report.files.get(name) != stamp(source / name):
            raise ExportError(
                f"{name} in {source} was changed after it was written (its SHA-256 differs); "
                "export again."
            )


def _check_model(
    contents: Contents, model: nn.Module, example_inputs: object, on_progress: Progress | None
) -> VerifyReport | None:
    permuted = apply(model, contents.plan)
    plan, importance = contents.plan, contents.report.importance
    sparse = sparsify(permuted, plan.pattern, importance=importance, stacks=plan.stacks)
    expected = state_of(plain(sparse))
    demand_equal(expected, contents.tensors)
    if example_inputs is None:
        return None
    return demand_verified(compared(model, permuted, example_inputs, plan, on_progress))


def compared(
    model: nn.Module,
    permuted: nn.Module,
    example_inputs: object,
    plan: PermutationPlan,
    on_progress: Progress | None = None,
) -> VerifyReport:
    """Compare the outputs, by channel group too if a `ChannelGraph` says how to call the model.

    Raises:
        VerificationError: one of the two cannot be run, or the plan is of another graph.
        CaptureError: the example inputs are nothing that a model can be called with.
    """
    known = isinstance(example_inputs, ChannelGraph)
    named = plan if known else None
    return verify(model, permuted, example_inputs, plan=named, on_progress=on_progress)


def demand_equal(expected: Mapping[str, Tensor], found: Mapping[str, Tensor]) -> None:
    """Demand the same names and the same bytes.

    Raises:
        ExportError: a tensor is missing, new or different.
    """
    if set(expected) != set(found):
        odd = min(set(expected) ^ set(found))
        raise ExportError(f"The export and the model disagree about having {odd!r}; export again.")
    for name, tensor in expected.items():
        other = found[name]
        same = tensor.dtype == other.dtype and tensor.shape == other.shape
        if not same or not torch.equal(_bytes(tensor), _bytes(other)):
            raise ExportError(
                f"{name!r} is not the pruned tensor of the permuted model; "
                f"{MODEL} was changed or belongs to other weights, export again."
            )


def _bytes(tensor: Tensor) -> Tensor:
    """Compare bits, so that -0.0 and NaN count as what they are."""
    return tensor.contiguous().reshape(-1).view(torch.uint8)


def _model_checks(verification: VerifyReport | None) -> tuple[str, ...]:
    equal = "The tensors are those of the permuted model, pruned, bit for bit."
    if verification is None:
        return (equal, "The output was not compared: no example inputs were given.")
    alone = [_group_sentence(group) for group in verification.by_group]
    return (equal, verification.message, *alone)


def _group_sentence(group: GroupError) -> str:
    """What the comparison of one channel group has found."""
    others = f", with {group.together - 1} other groups," if group.together > 1 else ""
    return (
        f"Group {group.name} alone{others}: relative error {group.native_error:.1e}, in float64 "
        f"{group.float64_error:.1e}; wrongly permuted {group.control_change:.1e}."
    )
