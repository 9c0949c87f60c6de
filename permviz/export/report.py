"""What an export says of itself: report.json and the value it is read back into."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from permviz.core.pattern import NMPattern
from permviz.errors import ExportError, PermvizError
from permviz.export.deployability import Deployability
from permviz.export.files import read_text
from permviz.export.layers import LayerExport, Totals, totals
from permviz.export.names import FORMAT, REPORT


@dataclass(frozen=True, slots=True)
class ExportReport:
    """An export, described: which layers are sparse, what was retained, what was verified.

    Attributes:
        directory: where it is.
        pattern: that the sparse layers hold.
        importance: name of the importance that pruning ranked by.
        fingerprints: of the model as given (``original``) and ``permuted``.
        strategies: which strategies found the orders, with the number of channel groups.
        layers: every layer that takes a pattern, in the model's order.
        verification: figures of the output check; empty if no inputs were given.
        accuracy: rows of the accuracy table; empty if none was given.
        versions: of everything that took part.
        files: size and SHA-256 of the other files, by name.
    """

    directory: Path
    pattern: NMPattern
    importance: str
    fingerprints: Mapping[str, str]
    strategies: Mapping[str, int]
    layers: tuple[LayerExport, ...] = field(repr=False)
    verification: Mapping[str, Any]
    accuracy: tuple[Mapping[str, Any], ...] = field(repr=False)
    versions: Mapping[str, str] = field(repr=False)
    files: Mapping[str, Mapping[str, Any]] = field(repr=False)

    @property
    def totals(self) -> Totals:
        """Sums over the layers."""
        return totals(self.layers)

    @property
    def message(self) -> str:
        """What was exported and verified, in two sentences."""
        sums = self.totals
        verified = self.verification.get(
            "message", "The output was not compared: no example inputs were given."
        )
        return (
            f"Exported {sums.sparse_layers} layers in {self.pattern} and {sums.dense_layers} "
            f"dense ones to {self.directory}. {verified}"
        )

    def to_json(self) -> str:
        """Write everything but the directory as JSON text."""
        data: dict[str, Any] = {"format": FORMAT, "pattern": str(self.pattern)}
        data |= {name: getattr(self, name) for name in _PLAIN}
        data["totals"] = asdict(self.totals) | {"efficacy": self.totals.efficacy}
        data["layers"] = [asdict(row) | {"efficacy": row.efficacy} for row in self.layers]
        return json.dumps(data, indent=1, allow_nan=False)


# What taking a value of another shape apart may raise.
_MALFORMED = (AttributeError, LookupError, RecursionError, TypeError, ValueError)

_PLAIN = (
    "importance",
    "fingerprints",
    "strategies",
    "verification",
    "accuracy",
    "versions",
    "files",
)


def read_report(directory: Path) -> ExportReport:
    """Read the report of an export.

    Raises:
        ExportError: missing, or not the report of an export.
    """
    text = read_text(directory / REPORT)
    try:
        return _report(directory, json.loads(text))
    except (PermvizError, *_MALFORMED) as problem:
        raise ExportError(
            f"{REPORT} in {directory} is not the report of an export "
            f"({type(problem).__name__}: {problem}); export again."
        ) from problem


def is_export(directory: Path) -> bool:
    """Whether a directory holds an export."""
    try:
        read_report(directory)
    except ExportError:
        return False
    return True


def _report(directory: Path, data: Mapping[str, Any]) -> ExportReport:
    if data["format"] != FORMAT:
        raise ValueError(f"format {data['format']!r} instead of {FORMAT!r}")
    return ExportReport(
        directory=directory,
        pattern=NMPattern.parse(data["pattern"]),
        importance=str(data["importance"]),
        fingerprints=_texts(data["fingerprints"]),
        strategies={str(name): int(count) for name, count in data["strategies"].items()},
        layers=tuple(_layer(row) for row in data["layers"]),
        verification=dict(data["verification"]),
        accuracy=tuple(dict(row) for row in data["accuracy"]),
        versions=_texts(data["versions"]),
        files={str(name): dict(stamp) for name, stamp in data["files"].items()},
    )


def _layer(row: Mapping[str, Any]) -> LayerExport:
    fitness = row["deployability"]
    return LayerExport(
        name=str(row["name"]),
        kind=str(row["kind"]),
        tensor=str(row["tensor"]),
        shape=tuple(int(size) for size in row["shape"]),
        status=str(row["status"]),
        permuted=bool(row["permuted"]),
        reason=str(row["reason"]),
        note=str(row["note"]),
        total=float(row["total"]),
        default=float(row["default"]),
        retained=float(row["retained"]),
        row_optimum=float(row["row_optimum"]),
        zeros=int(row["zeros"]),
        deployability=Deployability(
            tuple(map(str, fitness["targets"])), tuple(map(str, fitness["reasons"]))
        ),
        input_axis=int(row["input_axis"]),
    )


def _texts(data: Mapping[str, Any]) -> dict[str, str]:
    return {str(name): str(value) for name, value in data.items()}
