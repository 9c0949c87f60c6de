"""The weights of a model that take an N:M pattern, and why the others do not."""

import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from torch import Tensor, nn
from torch.nn.utils import parametrize

from permviz.core.pattern import NMPattern
from permviz.errors import SourceError
from permviz.graph.wrappers import bare

CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d)
TRANSPOSED = (nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)
# An attention projects its inputs itself, by one packed weight or by three.
_PROJECTIONS = ("in_proj_weight", "q_proj_weight", "k_proj_weight", "v_proj_weight")
# GPT-2's linear layer, whose weight is input by output; found only where it is loaded, and by
# identity, because many other classes have its name.
_INPUT_FIRST = ("transformers.pytorch_utils", "Conv1D")
#: Weights that only a graph can tell, by name: their input axes, as `ChannelGraph.stacks`.
Stacks = Mapping[str, int]
NO_STACKS: Stacks = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Prunable:
    """One weight that the pattern may be applied to.

    Attributes:
        layer: name of the layer: a module path, or the name of a stack of expert matrices.
        module: path of the module that holds the weight.
        parameter: name of the weight there.
        kind: ``conv1d`` to ``3d``, ``conv_transpose1d`` to ``3d``, ``linear`` or ``experts``.
        axis: axis of the weight that reads input channels, along which stripes run.
        groups: number of convolution groups that lie one after the other on that axis.
    """

    layer: str
    module: str
    parameter: str
    kind: str
    axis: int
    groups: int = 1

    @property
    def tensor(self) -> str:
        """Name of the weight; a model that is a single layer has no name."""
        return f"{self.module}.{self.parameter}" if self.module else self.parameter


def prunables(model: nn.Module, stacks: Stacks = NO_STACKS) -> dict[str, Prunable]:
    """Every weight of a convolution, linear layer or attention, and every stack, by layer name.

    Raises:
        SourceError: a stack is not in the model.
    """
    found = {
        item.layer: item for name, part in model.named_modules() for item in _weights(name, part)
    }
    names = dict(model.named_parameters(remove_duplicate=False))
    for tensor, axis in stacks.items():
        module, _, parameter = tensor.rpartition(".")
        if tensor not in names or not 0 < axis < names[tensor].ndim:
            raise SourceError(
                f"The model has no stack {tensor!r} with an input axis {axis}; pass the stacks of "
                "a ChannelGraph of this model."
            )
        layer = tensor.removesuffix(".weight")
        found.setdefault(layer, Prunable(layer, module, parameter, "experts", axis))
    return found


def prunable(layer: nn.Module) -> bool:
    """Whether the module is a convolution or linear layer, whose weight takes a pattern."""
    return isinstance(layer, (*CONVOLUTIONS, *TRANSPOSED, nn.Linear)) or _input_first(layer)


def input_axis(layer: nn.Module) -> int:
    """The axis of a prunable layer's weight that reads its input channels."""
    return 0 if isinstance(layer, TRANSPOSED) or _input_first(layer) else 1


def eligibility(
    model: nn.Module, pattern: NMPattern | str = "2:4", stacks: Stacks = NO_STACKS
) -> dict[str, str]:
    """Why each convolution, linear layer and stack stays dense, by the name of its weight.

    Empty for a layer that `sparsify` prunes, else one sentence.

    Raises:
        PatternError: the pattern makes no sense.
        SourceError: a stack is not in the model.
    """
    model, parsed = bare(model), NMPattern.parse(pattern)
    users = _users(model)
    return {
        item.tensor: _reason(item, model.get_submodule(item.module), parsed, users)
        for item in prunables(model, stacks).values()
    }


def remainders(
    model: nn.Module, pattern: NMPattern | str = "2:4", stacks: Stacks = NO_STACKS
) -> dict[str, str]:
    """What stays dense inside pruned layers, by the name of the weight; one sentence each.

    Raises:
        PatternError: the pattern makes no sense.
        SourceError: a stack is not in the model.
    """
    model, parsed = bare(model), NMPattern.parse(pattern)
    reasons = eligibility(model, parsed, stacks)
    notes: dict[str, str] = {}
    for item in prunables(model, stacks).values():
        if not reasons[item.tensor]:
            channels = model.get_parameter(item.tensor).shape[item.axis]
            rest = channels % parsed.m
            last = "channel stays" if rest == 1 else f"{rest} channels stay"
            if rest:
                notes[item.tensor] = (
                    f"The last {last} dense, because {channels} is not a multiple of {parsed.m}."
                )
    return notes


def _weights(name: str, part: nn.Module) -> Iterator[Prunable]:
    """The weights of a module, without those of the modules in it, that take a pattern."""
    if prunable(part):
        yield Prunable(name, name, "weight", _kind(part), input_axis(part), _groups_on_axis(part))
    elif isinstance(part, nn.MultiheadAttention):
        for parameter in _PROJECTIONS:
            if getattr(part, parameter, None) is not None:
                tensor = f"{name}.{parameter}" if name else parameter
                yield Prunable(tensor, name, parameter, "linear", 1)


def _kind(layer: nn.Module) -> str:
    if isinstance(layer, TRANSPOSED):
        return f"conv_transpose{layer.weight.ndim - 2}d"
    return f"conv{layer.weight.ndim - 2}d" if isinstance(layer, CONVOLUTIONS) else "linear"


def _groups_on_axis(layer: nn.Module) -> int:
    return layer.groups if isinstance(layer, TRANSPOSED) else 1


def _input_first(layer: nn.Module) -> bool:
    home = sys.modules.get(_INPUT_FIRST[0])
    return home is not None and isinstance(layer, getattr(home, _INPUT_FIRST[1]))


def _users(model: nn.Module) -> dict[int, list[str]]:
    """Every name of each parameter, by its identity, a module under two names counted once."""
    users: dict[int, list[str]] = {}
    for prefix, part in model.named_modules():
        for name, parameter in part.named_parameters(prefix, recurse=False):
            users.setdefault(id(parameter), []).append(name)
    return users


def _reason(
    item: Prunable, layer: nn.Module, pattern: NMPattern, users: dict[int, list[str]]
) -> str:
    weight = layer._parameters.get(item.parameter)  # noqa: SLF001 # a computed one is not there
    if weight is None:
        return _computed(layer, item.parameter)
    others = [other for other in users[id(weight)] if other != item.tensor]
    if others:
        return f"Its weight is shared with {others[0]!r}, which pruning would change too."
    return _too_narrow(weight, item, pattern)


def _computed(layer: nn.Module, parameter: str) -> str:
    """Why a computed weight stays dense, and how it would not."""
    how, call = "in each forward pass", "register it as a parameter"
    if parametrize.is_parametrized(layer, parameter):
        steps = layer.get_submodule(f"parametrizations.{parameter}").children()
        how = f"by the parametrization {', '.join(type(s).__name__.strip('_') for s in steps)}"
        call = f"torch.nn.utils.parametrize.remove_parametrizations(layer, {parameter!r})"
    elif hasattr(layer, f"{parameter}_g"):
        how, call = "by weight_norm", "torch.nn.utils.remove_weight_norm(layer)"
    elif hasattr(layer, f"{parameter}_orig"):
        how = "from weight_orig"
        call = "torch.nn.utils.remove_spectral_norm(layer), or prune.remove(layer, 'weight')"
    return (
        f"Its weight is computed {how}, which a mask would not survive; its channels move with the "
        f"others. To prune it, fix the weight first: {call}."
    )


def _too_narrow(weight: Tensor, item: Prunable, pattern: NMPattern) -> str:
    channels = weight.shape[item.axis] // item.groups
    if channels < pattern.m:
        plural = "channel is" if channels == 1 else "channels are"
        return f"{channels} input {plural} fewer than the {pattern.m} of a stripe."
    if item.groups > 1 and channels % pattern.m:
        return (
            f"Its {item.groups} convolution groups read {channels} channels each, which is not a "
            f"multiple of {pattern.m}, so that stripes would run over from one group to the next."
        )
    return ""
