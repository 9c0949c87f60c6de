"""Write an export: the sparse model, its masks, the plan and the report.

Everything is written beside the directory, read back and compared bit for bit, and only
then put in its place; until then a previous export stays as it is.
"""

import importlib.metadata
import platform
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from safetensors import SafetensorError
from torch import Tensor, nn

from permviz.core.plan import PermutationPlan
from permviz.errors import ExportError
from permviz.export.checking import (
    CheckReport,
    check,
    check_contents,
    compared,
    demand_equal,
    demand_verified,
    read_contents,
)
from permviz.export.files import stamp, state_of, write_tensors, write_text
from permviz.export.layers import LayerExport, Pruned, layer_exports
from permviz.export.names import FIGURES, FORMATS, MASKS, MODEL, NAMES, PAGE, PLAN, REPORT
from permviz.export.replace import staged
from permviz.export.report import ExportReport, is_export
from permviz.graph.apply import apply
from permviz.graph.calling import Inputs
from permviz.graph.types import ChannelGraph
from permviz.graph.verify import VerifyReport
from permviz.models.accuracy_report import AccuracyTable
from permviz.models.prunable import eligibility, remainders
from permviz.models.sparsify import masks, plain, sparsify
from permviz.session.session import Session

__all__ = ["CheckReport", "Details", "ExportReport", "check", "check_target", "export"]

Progress = Callable[[str, float], None]


@dataclass(frozen=True, slots=True)
class Details:
    """What is known of a model beyond its tensors, for the report.

    Attributes:
        graph: says why layers could not be permuted.
        accuracy: of the dense, default and permuted models.
        session: that the plan was made from, for the report's figures.
    """

    graph: ChannelGraph | None = None
    accuracy: AccuracyTable | None = None
    session: Session | None = None


def export(  # noqa: PLR0913 - each argument is one choice of the user's, none needs another
    model: nn.Module,
    plan: PermutationPlan,
    directory: Path | str,
    formats: Sequence[str] = ("safetensors",),
    *,
    importance: str | None = None,
    example_inputs: object = None,
    details: Details = Details(),
    on_progress: Progress | None = None,
) -> ExportReport:
    """Write the permuted and pruned model into a directory, checked by reading it back.

    The directory then holds ``model.safetensors`` (dense tensors containing zeros, under
    the model's own names), ``masks.safetensors``, ``plan.json`` and ``report.json``, and
    ``figures.json`` if the search is among the details. A previous export there is replaced
    in one step, and is untouched if anything fails.

    Args:
        model: the model that the plan was made for; it is not changed.
        plan: permutations of its channels.
        directory: new, empty, or holding a previous export and nothing else.
        formats: which formats to write; ``safetensors`` is the only one.
        importance: what pruning ranks the weights by; by default what the plan was
            searched for.
        example_inputs: if given, the permuted model's output is compared with the model's
            before anything is written; with the plan's `ChannelGraph`, by group too.
        details: what the report should say beyond that.
        on_progress: called with what is being done and the fraction done before it.

    Raises:
        ExportError: unknown format, unusable directory, or a failure to write.
        PlanError: the plan is of another model.
        VerificationError: the permuted model does not compute the model's output.
    """
    target = Path(directory).expanduser().resolve()
    _check_formats(formats)
    check_target(target)
    tell = on_progress or _tell_nobody
    tell("Permuting and verifying", 0.0)
    ranked_by = importance or str(plan.provenance.get("importance", "magnitude"))
    draft = _draft(model, plan, ranked_by, example_inputs, details)
    tell("Writing", 0.4)
    with _clear_failures(target), staged(target) as fresh:
        report = _write(fresh, draft)
        tell("Reading back", 0.7)
        _compare(fresh, draft)
    tell("Exported", 1.0)
    return replace(report, directory=target)


@dataclass(frozen=True, slots=True, eq=False)
class _Draft:
    """An export before it is written; `report` lacks the files' stamps."""

    tensors: Mapping[str, Tensor]
    masks: Mapping[str, Tensor]
    plan: PermutationPlan
    report: ExportReport
    figures: str


def _draft(
    model: nn.Module,
    plan: PermutationPlan,
    importance: str,
    example_inputs: object,
    details: Details,
) -> _Draft:
    permuted = apply(model, plan)
    verification = {}
    if example_inputs is not None:
        verified = demand_verified(compared(model, permuted, example_inputs, plan))
        verification = _verification(verified) | {"outputs": _asked(example_inputs)}
    sparse = sparsify(permuted, plan.pattern, importance=importance, stacks=plan.stacks)
    tensors = state_of(plain(sparse))
    _check_kept(plan, tensors)
    pruned = Pruned(
        before=state_of(model),
        permuted=state_of(permuted),
        after=tensors,
        reasons=eligibility(model, plan.pattern, plan.stacks),
        notes=remainders(model, plan.pattern, plan.stacks),
        importance=importance,
    )
    layers = layer_exports(model, plan, pruned, details.graph)
    kept = {name: mask.cpu().contiguous() for name, mask in masks(sparse).items()}
    report = _report(plan, importance, layers, verification, details.accuracy)
    session = details.session
    figures = "" if session is None else _figures(session, plan)
    return _Draft(tensors, kept, plan, report, figures)


def _figures(session: Session, plan: PermutationPlan) -> str:
    # What draws takes as long to import as all else of an export, which may have no figures.
    from permviz.export.gallery import session_gallery

    return session_gallery(session, plan).to_json()


def _asked(example_inputs: object) -> list[str | int] | None:
    """Which outputs were asked for, as far as a file can tell it; None for the default."""
    graph = example_inputs if isinstance(example_inputs, ChannelGraph) else None
    given = example_inputs if graph is None else graph.example_inputs
    wanted = given.outputs if isinstance(given, Inputs) else None
    if wanted is None or callable(wanted):
        return None
    return [wanted] if isinstance(wanted, str | int) else list(wanted)


def _check_kept(plan: PermutationPlan, tensors: Mapping[str, Tensor]) -> None:
    lost = [move.tensor for move in plan.moves if move.tensor not in tensors]
    if lost:
        raise ExportError(
            f"{lost[0]!r} is permuted but not part of the state dict, so a loaded export would "
            "lack it; register that buffer with persistent=True."
        )


def _report(
    plan: PermutationPlan,
    importance: str,
    layers: tuple[LayerExport, ...],
    verification: Mapping[str, Any],
    accuracy: AccuracyTable | None,
) -> ExportReport:
    return ExportReport(
        directory=Path(),
        pattern=plan.pattern,
        importance=importance,
        fingerprints={"original": plan.fingerprint, "permuted": plan.result_fingerprint},
        strategies=Counter(group.strategy for group in plan.by_group.values()),
        layers=layers,
        verification=verification,
        accuracy=tuple(asdict(row) for row in accuracy.rows) if accuracy is not None else (),
        versions=_versions(),
        files={},
    )


def _verification(report: VerifyReport) -> dict[str, Any]:
    told: dict[str, Any] = asdict(report) | {"ok": report.ok, "message": report.message}
    # As JSON reads it back, so that the report in memory is the one in the file.
    lists = {name: list(part) for name, part in told.items() if isinstance(part, tuple)}
    return told | lists


def _versions() -> dict[str, str]:
    packages = ("permviz", "torch", "numpy", "safetensors")
    installed = {name: importlib.metadata.version(name) for name in packages}
    return installed | {"python": platform.python_version()}


def _write(fresh: Path, draft: _Draft) -> ExportReport:
    write_tensors(fresh / MODEL, draft.tensors)
    write_tensors(fresh / MASKS, draft.masks)
    write_text(fresh / PLAN, draft.plan.to_json())
    written = [MODEL, MASKS, PLAN]
    if draft.figures:
        write_text(fresh / FIGURES, draft.figures)
        written.append(FIGURES)
    stamps = {name: stamp(fresh / name) for name in written}
    report = replace(draft.report, files=stamps)
    write_text(fresh / REPORT, report.to_json())
    return report


def _compare(fresh: Path, draft: _Draft) -> None:
    found = read_contents(fresh)
    check_contents(fresh, found)
    demand_equal(draft.tensors, found.tensors)
    demand_equal(draft.masks, found.masks)
    if found.plan.to_json() != draft.plan.to_json():
        raise ExportError(
            f"{PLAN} does not read back as the plan that was written; please report this."
        )


def _check_formats(formats: Sequence[str]) -> None:
    wanted = (formats,) if isinstance(formats, str) else tuple(formats)
    unknown = [name for name in wanted if name not in FORMATS]
    if unknown or not wanted:
        got = f"The export format {unknown[0]!r} is unknown" if unknown else "No format was given"
        raise ExportError(f"{got}; choose from {', '.join(FORMATS)}.")


def check_target(directory: Path | str) -> None:
    """Refuse a directory that cannot become an export, before any work is done.

    Raises:
        ExportError: it is a file, holds something else than an export, or nothing can be
            written beside it.
    """
    target = Path(directory).expanduser().resolve()
    try:
        if target.exists() and not target.is_dir():
            raise ExportError(f"{target} is a file; choose a new or empty directory.")
        held = {entry.name for entry in target.iterdir()} if target.exists() else set()
        _try_writing(target)
    except OSError as problem:
        raise ExportError(
            f"{target} cannot be used ({problem.strerror}); choose another directory."
        ) from problem
    foreign = sorted(held - {*NAMES, FIGURES, PAGE})
    if foreign or (held and not is_export(target)):
        what = f"holds {foreign[0]!r}" if foreign else "holds files"
        raise ExportError(
            f"{target} {what}, which no export of permviz wrote; choose an empty directory."
        )


def _try_writing(target: Path) -> None:
    """Make and remove a directory where the export will be staged."""
    beside = next(parent for parent in target.parents if parent.exists())
    with TemporaryDirectory(dir=beside, prefix=f".{target.name}."):
        pass


@contextmanager
def _clear_failures(target: Path) -> Iterator[None]:
    """Say failures of the disk in one sentence."""
    try:
        yield
    except (OSError, SafetensorError) as problem:
        cause = getattr(problem, "strerror", None) or problem
        raise ExportError(
            f"The export to {target} failed ({cause}) and left everything as it was; "
            "choose a writable directory with free space."
        ) from problem


def _tell_nobody(_doing: str, _fraction: float) -> None:
    pass
