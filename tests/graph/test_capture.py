from concurrent.futures import ThreadPoolExecutor

import torch
from torch import Tensor, nn

from permviz.graph.capture import Inputs, canonical_names, capture, source_line
from permviz.graph.rules import find_rule, registered


class Odd(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.one, self.other = nn.Linear(4, 4), nn.Linear(4, 4)
        self.other.weight = self.one.weight
        self.register_buffer("hidden", torch.ones(4), persistent=False)
        self.plain = torch.arange(4.0)

    def forward(self, x: Tensor, *, scale: Tensor) -> Tensor:
        return self.other(self.one(x * scale + self.hidden)) * self.plain + torch.tensor(2.0)


def test_placeholders_have_canonical_names_and_constants_their_values() -> None:
    program = capture(Odd().train(), Inputs((torch.ones(2, 4),), {"scale": torch.ones(4)}))
    assert sorted(set(program.tensors.values())) == [
        "hidden",
        "one.bias",
        "one.weight",
        "other.bias",
    ]
    assert any(torch.equal(value, torch.arange(4.0)) for value in program.constants.values())
    assert program.overlapping == frozenset()


def test_canonical_names_are_the_first_of_tied_names() -> None:
    names = canonical_names(Odd())
    assert names["other.weight"] == names["one.weight"] == "one.weight"
    assert names["other.bias"] == "other.bias"


def test_source_lines_skip_the_library() -> None:
    library = torch.__file__
    stack = (
        f'File "/model.py", line 7, in forward\n    x = f(x)\n  File "{library}", line 3, in g\n'
    )
    assert source_line(stack) == "/model.py:7"
    assert source_line(f'File "{library}", line 3, in g') == ""


def test_every_rule_names_an_operation_that_exists() -> None:
    for name in registered():
        space, operation = name.split(".")[:2]
        if space == "aten":
            assert hasattr(torch.ops.aten, operation), name


def test_in_place_forms_have_the_rule_and_unknown_operations_none() -> None:
    assert find_rule("aten.relu_", "default") is find_rule("aten.relu", "default")
    assert find_rule("aten.max", "other") is not None
    assert find_rule("aten.max", "names_dim") is None
    assert find_rule("aten.renorm", "default") is None


def test_two_threads_may_analyse_at_once():
    models = [nn.Sequential(nn.Linear(4, 8 + n), nn.ReLU(), nn.Linear(8 + n, 2)) for n in range(6)]
    with ThreadPoolExecutor(6) as pool:
        programs = list(pool.map(lambda model: capture(model, Inputs.of(torch.ones(1, 4))), models))
    assert all(len(program.tensors) == 4 for program in programs)
