"""Which outputs count, casts inside a model, and models that are run in a way of their own."""

from collections.abc import Callable
from dataclasses import dataclass

import pytest
import torch
from torch import Tensor, nn

import permviz as pv
from permviz.errors import CaptureError
from permviz.graph.analyze import analyze
from permviz.graph.apply import apply_moves, moves
from permviz.graph.calling import Inputs
from permviz.graph.capture import capture
from permviz.graph.selection import counted
from permviz.graph.types import ChannelGraph
from permviz.graph.verify import verify

Lively = Callable[[nn.Module], nn.Module]
WORDS = torch.tensor([[3, 1, 4, 1, 5], [9, 2, 6, 5, 3]])


class RMSNorm(nn.Module):
    """Computed in float32 and cast back, as Llama's is."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))

    def forward(self, x: Tensor) -> Tensor:
        wide = x.to(torch.float32)
        wide = wide * torch.rsqrt(wide.pow(2).mean(-1, keepdim=True) + 1e-6)
        return self.weight * wide.to(x.dtype)


class Cache:
    """Something that torch cannot look into."""


@dataclass
class Answer:
    logits: Tensor
    hidden_states: tuple[Tensor, ...] | None = None
    cache: Cache | None = None


class Language(nn.Module):
    """An embedding, a block and a head; tells its hidden states on the way."""

    def __init__(self) -> None:
        super().__init__()
        self.words, self.norm = nn.Embedding(10, 16), RMSNorm(16)
        self.up, self.down = nn.Linear(16, 24), nn.Linear(24, 16)
        self.head = nn.Linear(16, 10)

    def forward(self, words: Tensor) -> Answer:
        x = self.words(words)
        y = x + self.down(torch.relu(self.up(self.norm(x))).softmax(-1, dtype=torch.float32))
        return Answer(self.head(self.norm(y)), (x, y), Cache())


def names(graph: ChannelGraph) -> list[str]:
    return [group.name for group in graph.groups]


def frozen(graph: ChannelGraph) -> list[str]:
    return [layer.name for layer in graph.layers if layer.frozen]


def test_casts_to_float32_do_not_cost_the_residual_stream(lively: Lively) -> None:
    graph = analyze(lively(Language()), WORDS)
    assert frozen(graph) == []
    assert names(graph) == ["up", "down"]
    report = graph.verification
    assert report is not None
    assert report.ok
    assert report.casts == 3
    assert report.float64_error < 1e-13
    assert report.control_change > 1e-6
    assert "3 casts to a narrower type left out" in report.message


def test_a_wrong_permutation_is_still_caught_behind_casts(lively: Lively) -> None:
    model = lively(Language())
    graph = analyze(model, WORDS)
    order = pv.Permutation.of([*range(1, 16), 0])
    right = moves(graph, {"up": order})
    assert verify(model, apply_moves(model, right), graph.example_inputs).ok
    wrong = [move for move in right if move.tensor != "norm.weight"]
    report = verify(model, apply_moves(model, wrong), graph.example_inputs)
    assert not report.equal
    assert report.float64_error > 1e-3


def test_the_least_number_of_a_type_is_made_in_that_type(lively: Lively) -> None:
    class Masked(Language):
        def forward(self, words: Tensor) -> Answer:
            x = self.down(torch.relu(self.up(self.words(words))))
            least = torch.full((), torch.finfo(x.dtype).min)
            return Answer(self.head(torch.maximum(x, least)))

    graph = analyze(lively(Masked()), WORDS)
    assert names(graph) == ["up", "down", "head"]
    assert graph.verification is not None
    assert graph.verification.ok


def test_narrow_constants_and_new_tensors_do_not_break_the_float64_run(lively: Lively) -> None:
    class Positions(Language):
        table = torch.arange(80.0).reshape(5, 16).sin()

        def forward(self, words: Tensor) -> Answer:
            mask = torch.zeros(5, 5).masked_fill_(torch.ones(5, 5).triu(1).bool(), -1e9)
            x = self.words(words) + self.table @ torch.eye(16)
            x = mask.softmax(-1).to(x.dtype) @ x
            scaled = torch.full((16,), 0.1, dtype=torch.float16).sum() * x.half()
            return Answer(self.head(self.down(torch.relu(self.up(scaled.to(x.dtype))))))

    report = analyze(lively(Positions()), WORDS).verification
    assert report is not None
    assert report.ok
    assert report.float64_error < 1e-13


def test_hidden_states_beside_logits_do_not_count_and_are_named(lively: Lively) -> None:
    graph = analyze(lively(Language()), WORDS)
    assert graph.outputs == ("logits",)
    assert graph.left_out == ("hidden_states", "cache")
    assert "Not counted: hidden_states, cache." in graph.verification.message


@pytest.mark.parametrize("outputs", [["logits", "hidden_states"], [0, 1], (0, -2)])
def test_outputs_that_are_asked_for_count(outputs: list[str | int], lively: Lively) -> None:
    graph = analyze(lively(Language()), WORDS, outputs=outputs)
    assert graph.outputs == ("logits", "hidden_states.0", "hidden_states.1")
    assert graph.left_out == ("cache",)
    assert names(graph) == ["down"]
    assert [item.name for item in graph.verification.by_output] == [*graph.outputs]
    reasons = {layer.name: layer.frozen.reason for layer in graph.layers if layer.frozen}
    assert [*reasons] == ["up", "head"]
    assert "model output" in reasons["up"]


def test_a_function_says_what_counts(lively: Lively) -> None:
    model = lively(Language())
    graph = analyze(model, WORDS, outputs=lambda answer: {"last": answer.hidden_states[-1].sum(-1)})
    assert graph.outputs == ("chosen.last",)
    assert names(graph) == ["up", "down"]
    # The graph's inputs remember the choice.
    moved = apply_moves(model, moves(graph, {"up": pv.Permutation.of([*range(1, 16), 0])}))
    report = verify(model, moved, graph.example_inputs)
    assert report.ok
    assert [item.name for item in report.by_output] == ["chosen.last"]
    everything = verify(model, moved, WORDS, outputs=["logits", "hidden_states"])
    assert not everything.equal
    assert "in hidden_states.0, hidden_states.1" in everything.message


@pytest.mark.parametrize("outputs", ["nothing", 7, ["logits", "other"]])
def test_an_output_that_is_not_there_is_said_with_those_that_are(outputs, lively: Lively) -> None:
    with pytest.raises(CaptureError, match="it returns logits, hidden_states, cache"):
        analyze(lively(Language()), WORDS, outputs=outputs)


def test_outputs_that_cannot_be_looked_into_are_refused_and_not_passed_over(lively) -> None:
    class Opaque(Language):
        def forward(self, words: Tensor) -> tuple[Tensor, Cache]:
            return super().forward(words).logits, Cache()

    with pytest.raises(CaptureError, match=r"'1' is a Cache.*outputs="):
        analyze(lively(Opaque()), WORDS)
    assert analyze(lively(Opaque()), WORDS, outputs=0).outputs == ("0",)


def test_plain_dicts_count_whole_whatever_their_names() -> None:
    found = counted({"logits": torch.ones(1), "hidden_states": [torch.ones(2)]})
    assert found.names == ("logits", "hidden_states.0")
    assert found.left_out == ()


class Undecided(nn.Module):
    """Returns as many boxes as score, which no capture can follow."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.middle = nn.Conv2d(3, 8, 1), nn.Conv2d(8, 8, 1)
        self.last = nn.Conv2d(8, 4, 1)

    def forward(self, x: Tensor) -> Tensor:
        scores = self.scores(x)
        return scores[scores > 0]

    def scores(self, x: Tensor) -> Tensor:
        return self.last(torch.relu(self.middle(torch.relu(self.first(x)))))


def test_a_forward_function_stands_in_for_a_forward_that_cannot_be_captured(lively) -> None:
    model, image = lively(Undecided()), torch.randn(2, 3, 6, 6)
    with pytest.raises(CaptureError, match=r"depends on the data|could not be captured"):
        analyze(model, image)
    graph = analyze(model, image, forward=Undecided.scores)
    assert names(graph) == ["middle", "last"]
    orders = {group.name: pv.Permutation.of([*range(1, 8), 0]) for group in graph.groups}
    permuted = apply_moves(model, moves(graph, orders))
    assert verify(model, permuted, graph.example_inputs).ok
    torch.testing.assert_close(permuted(image), model(image))


class Logging(nn.Module):
    """Logs what it computes as a number of numpy's, which torch.export cannot follow."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.last = nn.Linear(6, 8), nn.Linear(8, 4)
        self.seen: object = None

    def forward(self, x: Tensor, scale: Tensor | None = None) -> Tensor:
        y = torch.relu(self.first(x))
        self.seen = y.detach().numpy().mean()
        if scale is not None:
            y = y * scale
        return self.last(y)


def test_what_export_refuses_may_be_read_by_torch_fx(lively: Lively) -> None:
    model = lively(Logging())
    with pytest.raises(CaptureError, match=r"could not be captured at .*test_calling.py:\d+"):
        capture(model, Inputs.of(torch.randn(2, 6), forward=Logging.forward))
    graph = analyze(model, torch.randn(2, 6))
    assert names(graph) == ["last"]
    assert graph.verification.ok
    assert model.seen is None


def test_random_outputs_are_said_with_the_line_that_draws(lively: Lively) -> None:
    class Dropping(Language):
        def forward(self, words: Tensor) -> Answer:
            x = nn.functional.dropout(self.words(words), 0.5, training=True)
            return Answer(self.head(x))

    model = lively(Dropping())
    with pytest.raises(CaptureError, match=r"not deterministic.*dropout at .*test_calling.py:\d+"):
        analyze(model, WORDS)
    assert frozen(analyze(model, WORDS, verify=False)) == ["head"]


def test_random_numbers_that_no_output_depends_on_are_fine(lively: Lively) -> None:
    class Idle(Language):
        def forward(self, words: Tensor) -> Answer:
            torch.rand(3)
            return super().forward(words)

    assert names(analyze(lively(Idle()), WORDS)) == ["up", "down"]


def test_complex_numbers_freeze_what_they_touch_and_are_compared_whole(lively: Lively) -> None:
    class Turning(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.middle = nn.Linear(6, 8), nn.Linear(8, 8)
            self.last = nn.Linear(8, 8)

        def forward(self, x: Tensor) -> Tensor:
            y = self.last(torch.relu(self.middle(self.first(x)))).unflatten(-1, (4, 2))
            return torch.view_as_complex(y) * torch.polar(torch.ones(4), torch.arange(4.0))

    graph = analyze(lively(Turning()), torch.randn(2, 6))
    assert names(graph) == ["middle", "last"]
    assert graph.verification.ok


def test_what_a_forward_pass_keeps_in_containers_is_given_back(lively: Lively) -> None:
    class Keeping(Language):
        def __init__(self) -> None:
            super().__init__()
            self.by_size: dict[int, Tensor] = {}
            self.seen: list[Tensor] = []
            self.register_buffer("last", torch.zeros(2, 5, 16), persistent=False)

        def forward(self, words: Tensor) -> Answer:
            x = self.words(words)
            self.by_size[words.shape[1]] = x
            self.seen.append(x)
            self.last = x
            return super().forward(words)

    model = lively(Keeping())
    kept = model.last
    assert names(analyze(model, WORDS)) == ["up", "down"]
    assert (model.by_size, model.seen) == ({}, [])
    assert model.last is kept


def test_a_model_that_amplifies_rounding_is_held_to_its_own_conditioning(lively: Lively) -> None:
    class Sharp(nn.Module):
        """Turns a small difference into another angle."""

        def __init__(self) -> None:
            super().__init__()
            self.first, self.middle, self.last = nn.Linear(6, 8), nn.Linear(8, 8), nn.Linear(8, 4)

        def forward(self, x: Tensor) -> Tensor:
            y = self.middle(torch.relu(self.first(x)))
            return self.last(torch.sin(1e5 * y))

    model = lively(Sharp())
    graph = analyze(model, torch.randn(2, 6))
    assert names(graph) == ["middle", "last"]
    report = graph.verification
    assert 1e-10 < report.float64_tolerance <= 1e-6
    assert report.ok
    assert report.control_change > 100 * report.float64_tolerance
