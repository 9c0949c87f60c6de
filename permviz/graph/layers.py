"""The layers of a model with the groups that they read and write, and what stays frozen."""

from collections.abc import Mapping, Sequence

import numpy as np

from permviz.graph.components import Components
from permviz.graph.groups import Axis, Grouping, layer_name
from permviz.graph.labels import Cause
from permviz.graph.ledger import LayerCall, Ledger
from permviz.graph.types import ChannelGroup, Frozen, Layer

UNLIKE = Cause("No two of its channels are used alike.")
UNUSED = Cause("No layer that can be pruned reads its channels, so their order is free.")
SINGLE = "Each row reads one input channel, so there is nothing to permute."
Dropped = Mapping[str, Cause]


def frozen_axes(components: Components, grouping: Grouping, dropped: Dropped) -> tuple[Frozen, ...]:
    """Every labelled axis without a single channel that may move, with its reason."""
    return tuple(
        frozen
        for axis in grouping.axes
        if (frozen := _frozen_axis(axis, components, grouping, dropped)) is not None
    )


def layers(
    ledger: Ledger, groups: Sequence[ChannelGroup], frozen: Sequence[Frozen]
) -> tuple[Layer, ...]:
    """One layer for every weight, in the order of first execution."""
    first = {call.tensor: call for call in reversed(ledger.layers)}
    ordered = dict.fromkeys(call.tensor for call in ledger.layers)
    reasons = {(item.tensor, item.axis): item for item in frozen}
    names = _names_by_place(groups)
    return tuple(_layer(first[tensor], names, reasons) for tensor in ordered)


def _frozen_axis(
    axis: Axis, components: Components, grouping: Grouping, dropped: Dropped
) -> Frozen | None:
    atoms = axis.atoms
    channels = components.of[atoms.start : atoms.start + atoms.count]
    found = np.unique(grouping.of[channels]).tolist()
    names = [grouping.groups[int(group)].name for group in found if group >= 0]
    if any(name not in dropped for name in names):
        return None
    places = components.frozen[channels]
    if names:
        cause = dropped[names[0]]
    elif (places >= 0).any():
        cause = components.causes[int(places[places >= 0].min())]
    else:
        kinds = np.unique(components.alike[channels]).size
        cause = UNUSED if kinds < np.unique(channels).size else UNLIKE
    return Frozen(atoms.tensor, atoms.axis, cause.reason, cause.op, cause.source)


def _names_by_place(groups: Sequence[ChannelGroup]) -> Mapping[tuple[str, int], tuple[str, ...]]:
    names: dict[tuple[str, int], dict[str, None]] = {}
    for group in groups:
        for place in group.occurrences:
            names.setdefault((place.tensor, place.axis), {})[group.name] = None
    return {place: tuple(found) for place, found in names.items()}


def _layer(
    call: LayerCall,
    names: Mapping[tuple[str, int], tuple[str, ...]],
    reasons: Mapping[tuple[str, int], Frozen],
) -> Layer:
    inputs = names.get((call.tensor, call.input_axis), ()) if call.width > 1 else ()
    single = Frozen(call.tensor, call.input_axis, SINGLE)
    return Layer(
        name=layer_name(call.tensor),
        kind=call.kind,
        tensor=call.tensor,
        shape=call.shape,
        conv_groups=call.conv_groups,
        inputs=inputs,
        outputs=names.get((call.tensor, call.output_axis), ()),
        frozen=None if inputs else reasons.get((call.tensor, call.input_axis), single),
        input_axis=call.input_axis,
        output_axis=call.output_axis,
        computed=call.computed,
    )
