"""What the coupling analysis finds out about a model, as frozen values."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from permviz.graph.rendering import as_html, as_line, as_text
from permviz.graph.verify_report import VerifyReport

if TYPE_CHECKING:  # a page shows graphs before torch is there
    from torch import nn

Role = Literal["consumer", "producer", "passenger"]
Indices = NDArray[np.int64]
_MATRICES = ("linear", "experts")
_STACKED = 3  # axes: expert, and two of its matrix


@dataclass(frozen=True, slots=True, eq=False)
class Occurrence:
    """One place where channels of a group occur: an axis of a tensor.

    Permuting the group by `order` makes the new tensor's index `positions[i, r]` hold what
    was at `positions[order[i], r]`, for every listed channel and repeat.

    Attributes:
        tensor: canonical name in the state dict.
        axis: axis of the tensor.
        role: consumer (reads the channels), producer (writes them) or passenger.
        rows: half-open range of axis 0 that the occurrence is limited to (the rows of one
            convolution group, on the input axis of a grouped convolution); None for all.
        channels: int64[k], the group's channels that occur here, ascending.
        positions: int64[k, repeats], where each of them stands along the axis.
    """

    tensor: str
    axis: int
    role: Role
    rows: tuple[int, int] | None
    channels: Indices = field(repr=False)
    positions: Indices = field(repr=False)


@dataclass(frozen=True, slots=True, eq=False)
class ChannelGroup:
    """Channels that must be permuted together everywhere.

    Attributes:
        name: unique and stable, from the first consumer layer.
        size: number of channels.
        blocks: disjoint sets of channels; a channel may move only inside its block.
        occurrences: every place, consumers first.
    """

    name: str
    size: int
    blocks: tuple[Indices, ...] = field(repr=False)
    occurrences: tuple[Occurrence, ...] = field(repr=False)

    @property
    def consumers(self) -> tuple[Occurrence, ...]:
        """The places that read the channels, which are pruned by stripes of them."""
        return tuple(place for place in self.occurrences if place.role == "consumer")


@dataclass(frozen=True, slots=True)
class Frozen:
    """An axis that may not be permuted, and why.

    Attributes:
        tensor: canonical name in the state dict.
        axis: axis of the tensor.
        reason: one sentence for the user.
        op: the operation that caused it, such as ``aten.cumsum.default``; empty if none.
        source: line of the model's source that called it; empty if unknown.
    """

    tensor: str
    axis: int
    reason: str
    op: str = ""
    source: str = ""


@dataclass(frozen=True, slots=True)
class Layer:
    """One convolution, linear or recurrent layer, or projection inside one.

    Attributes:
        name: module path; with the weight's own name where that is not ``weight``.
        kind: ``conv1d``, ``conv2d``, ``conv3d``, ``conv_transpose1d`` to ``3d``,
            ``linear``, ``experts`` (a stack of linear layers), ``lstm``, ``gru`` or ``rnn``.
        tensor: canonical name of its weight.
        shape: shape of its weight.
        conv_groups: number of convolution groups, 1 for a linear layer.
        inputs: names of the channel groups on its input axis, empty if frozen.
        outputs: names of the channel groups on its output axis, empty if frozen.
        frozen: why the input axis cannot be permuted; None if at least a part can.
        input_axis: axis of its weight that reads channels, to which patterns apply.
        output_axis: axis of its weight that writes channels.
        computed: whether its weight is computed from the tensor in each forward pass, as by
            weight normalisation; it is permuted, but a mask on the tensor would not prune it.
    """

    name: str
    kind: str
    tensor: str
    shape: tuple[int, ...]
    conv_groups: int
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    frozen: Frozen | None
    input_axis: int = 1
    output_axis: int = 0
    computed: bool = False

    @property
    def width(self) -> int:
        """Number of input channels that each row reads, those of one convolution group."""
        size = self.shape[self.input_axis]
        return size // self.conv_groups if self.kind.startswith("conv_transpose") else size

    @property
    def channels(self) -> int:
        """Number of input channels, those of all convolution groups."""
        return self.width * self.conv_groups


@dataclass(frozen=True, slots=True, eq=False)
class ChannelGraph:
    """All that the analysis found out about one model.

    Attributes:
        model: the analysed model, never changed.
        example_inputs: what it was captured and verified with; passed on to `verify` or
            `export`, they remember the forward function and the outputs that count.
        groups: the channel groups, each verified unless the analysis was told not to.
        layers: every layer with a weight that reads channels, in the order of execution.
        frozen: every axis that may not be permuted, with its reason.
        fingerprint: of the model.
        outputs: names of the outputs that count.
        left_out: names of the outputs that do not, so that their channels may move.
        verification: of all groups permuted at random together; None if nothing was verified.
        controls: by group, how much moving its channels on one side alone changed the output.
        unverified: why nothing was verified; empty if it was.
    """

    model: "nn.Module" = field(repr=False)
    example_inputs: object = field(repr=False)
    groups: tuple[ChannelGroup, ...]
    layers: tuple[Layer, ...] = field(repr=False)
    frozen: tuple[Frozen, ...] = field(repr=False)
    fingerprint: str
    outputs: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()
    verification: VerifyReport | None = field(default=None, repr=False)
    controls: Mapping[str, float] = field(default_factory=dict[str, float], repr=False)
    unverified: str = ""

    @property
    def by_name(self) -> Mapping[str, ChannelGroup]:
        """The groups by their names."""
        return {group.name: group for group in self.groups}

    @property
    def stacks(self) -> Mapping[str, int]:
        """Input axes of the stacks of expert matrices, by name, as `sparsify` takes them."""
        return {
            layer.tensor: layer.input_axis
            for layer in self.layers
            if layer.kind in _MATRICES and len(layer.shape) == _STACKED and not layer.computed
        }

    def __repr__(self) -> str:
        return as_line(self)

    def __str__(self) -> str:
        """Layers and groups as text, columns aligned."""
        return as_text(self)

    def _repr_html_(self) -> str:
        """Layers and groups as a notebook shows them, with a small picture."""
        return as_html(self)
