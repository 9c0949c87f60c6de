"""What can be permuted in a model before anything is searched, and why the rest cannot."""

from dataclasses import dataclass
from math import prod

from permviz.graph.types import Layer
from permviz.session.report import LayerRow, layer_rows
from permviz.session.session import Session

_STAYS = {"frozen", "skipped", "dense"}


@dataclass(frozen=True, slots=True)
class LayerCoverage:
    """One layer: how it can be permuted, or what keeps it.

    Attributes:
        name: module path.
        kind: of layer.
        shape: shape of its weight.
        groups: names of the channel groups on its input axis.
        rows: rows of the scores that these groups are searched on, summed; 0 without any.
        channels: channels that are searched, summed over the groups; 0 without any.
        permutable: whether some order of its input channels can be chosen.
        reason: why not, or what to know; one or more sentences, possibly none.
        op: operation that froze it, such as ``aten.cumsum.default``; empty if none did.
        source: line of the model that called the operation; empty if unknown.
    """

    name: str
    kind: str
    shape: tuple[int, ...]
    groups: tuple[str, ...]
    rows: int
    channels: int
    permutable: bool
    reason: str
    op: str
    source: str


@dataclass(frozen=True, slots=True)
class Coverage:
    """All layers of a model.

    Attributes:
        layers: in the order of execution.
    """

    layers: tuple[LayerCoverage, ...]

    @property
    def permutable_layers(self) -> int:
        """How many layers can be permuted."""
        return sum(layer.permutable for layer in self.layers)

    @property
    def permutable_share(self) -> float:
        """Share of the weights that are in layers that can be permuted, in percent."""
        total = sum(prod(layer.shape) for layer in self.layers)
        can = sum(prod(layer.shape) for layer in self.layers if layer.permutable)
        return 100.0 * can / total if total else 0.0


def coverage(session: Session) -> Coverage:
    """Sum up what a session can search; nothing has to have run."""
    rows = {row.name: row for row in layer_rows(session)}
    return Coverage(tuple(_of(session, layer, rows[layer.name]) for layer in session.graph.layers))


def _of(session: Session, layer: Layer, row: LayerRow) -> LayerCoverage:
    problems = [session.problems[name] for name in layer.inputs if name in session.problems]
    stays = row.status in _STAYS
    return LayerCoverage(
        name=layer.name,
        kind=layer.kind,
        shape=layer.shape,
        groups=layer.inputs,
        rows=sum(problem.scores.shape[0] for problem in problems),
        channels=sum(problem.channels for problem in problems),
        permutable=not stays,
        reason=row.reason,
        op=layer.frozen.op if stays and layer.frozen else "",
        source=layer.frozen.source if stays and layer.frozen else "",
    )
