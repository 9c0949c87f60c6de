"""A function of the user's makes a model; nothing that is not typed at the machine calls one."""

import sys

import pytest
import torch
from torch import nn

from permviz.errors import SourceError
from permviz.models.factories import made, names_a_factory
from permviz.models.sources import load_model, load_state

CODE = """
import torch
from torch import nn

def make():
    return nn.Sequential(nn.Linear(8, 8), nn.Linear(8, 4)), torch.ones(1, 8)

def half():
    return nn.Linear(8, 4)

def fails():
    raise KeyError("weights")
"""


@pytest.fixture
def module(tmp_path, monkeypatch):
    """A module in the working directory."""
    (tmp_path / "factory_of_a_test.py").write_text(CODE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    yield "factory_of_a_test"
    sys.modules.pop("factory_of_a_test", None)


def test_the_model_and_its_inputs_are_the_function_s(module):
    loaded = made(f"{module}:make")
    assert isinstance(loaded.model, nn.Sequential)
    assert not loaded.model.training
    assert torch.equal(loaded.example_inputs, torch.ones(1, 8))


@pytest.mark.parametrize(
    ("function", "said"),
    [
        ("half", "returned Linear instead of a pair"),
        ("fails", "KeyError: 'weights'"),
        ("nonesuch", "no attribute 'nonesuch'"),
    ],
)
def test_a_function_that_makes_no_model_is_told(module, function, said):
    with pytest.raises(SourceError, match=said):
        made(f"{module}:{function}")


def test_only_the_command_line_calls_a_function(module):
    name = f"{module}:make"
    for load in (load_model, lambda asked: load_state(asked, b"", "w.pt")):
        with pytest.raises(SourceError, match="is unknown"):
            load(name)
    assert "factory_of_a_test" not in sys.modules


@pytest.mark.parametrize("name", ["digits", "timm:resnet18", "transformers:google/vit"])
def test_other_names_are_no_functions(name):
    assert not names_a_factory(name)
