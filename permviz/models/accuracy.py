"""Test accuracy of the demo, and the table that tells what a permutation is worth."""

import copy
import statistics
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim.swa_utils import update_bn

from permviz.core.permutation import Permutation
from permviz.core.plan import PermutationPlan
from permviz.errors import SourceError
from permviz.graph.apply import apply, apply_moves, moves
from permviz.graph.types import ChannelGraph, ChannelGroup
from permviz.models.accuracy_report import AccuracyRow, AccuracyTable
from permviz.models.digits_data import DigitsData, as_input, as_labels
from permviz.models.sources import LoadedModel
from permviz.models.sparsify import sparsify
from permviz.models.threads import torch_threads

# Small enough for the features to stay in the cache.
_BATCH = 100
_STATISTICS_IMAGES = 1000

OnProgress = Callable[[str, float], None]
OnBatch = Callable[[], None]


@dataclass(slots=True)
class _Measure:
    """Measures variants one by one and reports how far it got."""

    data: DigitsData
    total: int
    on_progress: OnProgress | None
    done: int = field(default=0, init=False)

    def __call__(self, label: str, model: nn.Module) -> tuple[float, float]:
        def tell() -> None:
            if self.on_progress is not None:
                self.on_progress(label, self.done / self.total)

        before = accuracy(model, self.data, tell)
        # Not within recalibrating: its random numbers are the process's, and it must not wait.
        fresh = recalibrated(model, self.data)
        after = accuracy(fresh, self.data, tell)
        self.done += 1
        return before, after


def accuracy(model: nn.Module, data: DigitsData, on_batch: OnBatch | None = None) -> float:
    """Share of the test digits that a model recognises, in percent.

    A copy of the model is run in evaluation mode; the model stays in the mode that it is in.

    Args:
        model: that recognises digits.
        data: with the test digits.
        on_batch: called before each batch.
    """
    judged = _fast(model).eval()
    images = _fitting(judged, as_input(data.test_images))
    with torch_threads(1), torch.inference_mode():
        logits = torch.cat([judged(part) for part in _batches(images, on_batch)])
    hits = int((logits.argmax(1).cpu() == as_labels(data.test_labels)).sum())
    return 100.0 * hits / data.test_labels.size


def recalibrated(model: nn.Module, data: DigitsData) -> nn.Module:
    """Copy a model with its batch norm statistics taken anew from training images.

    No label is used. The copy is in evaluation mode and keeps its momenta; the model stays
    as it is.
    """
    fresh = _fast(model)
    images = _fitting(fresh, as_input(data.train_images[:_STATISTICS_IMAGES]))
    # Dropout is active while statistics are taken, so the seed makes them repeatable.
    with torch_threads(1), torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(0)
        update_bn(images.split(_BATCH), fresh)
    return fresh.eval().to(memory_format=torch.contiguous_format)


def accuracy_table(  # noqa: PLR0913 # a report names all that it is about
    loaded: LoadedModel,
    graph: ChannelGraph,
    plan: PermutationPlan,
    *,
    importance: str = "magnitude",
    orders: int = 5,
    seed: int = 0,
    on_progress: OnProgress | None = None,
) -> AccuracyTable:
    """Compare dense, default, permuted and randomly ordered N:M models on the test digits.

    The order in the file is one draw among random orders, so their mean and deviation stand
    beside it: a lucky order must not pass for a gain.

    Args:
        loaded: a model with test data.
        graph: its analysis.
        plan: the permutations to judge, and the pattern.
        importance: what decides which weights stay.
        orders: how many random orders to draw, at least two.
        seed: of the random orders.
        on_progress: called with what is measured next and the share done, 0 to 1.

    Raises:
        SourceError: the model has no test data, or there are fewer than two orders.
        PlanError: the plan was made for another model.
        ScoresError: a weight is NaN or infinite, or the importance is unknown.
    """
    data = _checked(loaded, orders)
    measure = _Measure(data, 3 + orders, on_progress)
    model, pattern = loaded.model, plan.pattern

    def pruned(whole: nn.Module) -> nn.Module:
        return sparsify(whole, pattern, importance=importance, stacks=graph.stacks)

    rows = [
        _single("dense", measure("dense", model)),
        _single(
            f"default {pattern}",
            measure(f"default {pattern}", pruned(model)),
        ),
        _single(f"permuted {pattern}", measure(f"permuted {pattern}", pruned(apply(model, plan)))),
    ]
    rng = np.random.default_rng(seed)
    drawn = [
        measure(
            f"random order {index + 1} of {orders}",
            pruned(shuffled(graph, rng)),
        )
        for index in range(orders)
    ]
    rows.append(_mean(f"{orders} random orders {pattern}", drawn))
    if on_progress is not None:
        on_progress("done", 1.0)
    return AccuracyTable(tuple(rows), orders, data.test_labels.size)


def shuffled(graph: ChannelGraph, rng: np.random.Generator) -> nn.Module:
    """Copy the model of a graph with every channel group in a random order."""
    orders = {group.name: _random_order(group, rng) for group in graph.groups}
    return apply_moves(graph.model, moves(graph, orders))


def _random_order(group: ChannelGroup, rng: np.random.Generator) -> Permutation:
    order = np.arange(group.size)
    for block in group.blocks:
        order[block] = rng.permutation(block)
    return Permutation(order)


def _checked(loaded: LoadedModel, orders: int) -> DigitsData:
    if loaded.data is None:
        raise SourceError(
            f"There are no labelled test images for {loaded.name}, so its accuracy cannot be "
            "measured here; export the model and measure it where your data is."
        )
    if orders < 2:
        raise SourceError(f"{orders} random orders have no deviation; ask for at least 2.")
    return loaded.data


def _single(label: str, measured: tuple[float, float]) -> AccuracyRow:
    return AccuracyRow(label, measured[0], None, measured[1], None)


def _mean(label: str, measured: list[tuple[float, float]]) -> AccuracyRow:
    plain, fresh = zip(*measured, strict=True)
    return AccuracyRow(
        label,
        statistics.mean(plain),
        statistics.stdev(plain),
        statistics.mean(fresh),
        statistics.stdev(fresh),
    )


def _batches(images: Tensor, on_batch: OnBatch | None) -> Iterator[Tensor]:
    for part in images.split(_BATCH):
        if on_batch is not None:
            on_batch()
        yield part


def _fitting(model: nn.Module, images: Tensor) -> Tensor:
    """Move images to the device and floating type of a model."""
    weight = next(model.parameters())
    return images.to(weight.device, weight.dtype)


def _fast(model: nn.Module) -> nn.Module:
    """Copy a model into the memory order that CPUs convolve fastest in."""
    return copy.deepcopy(model).to(memory_format=torch.channels_last)
