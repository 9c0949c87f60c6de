"""Networks of libraries by name: trained where this machine has weights, else said to be random."""

import pytest
import safetensors.torch
import torch

from permviz.errors import SourceError
from permviz.models import libraries
from permviz.models.sources import load_model, load_state


@pytest.fixture
def bare(tmp_path, monkeypatch):
    """A machine without trained weights of torchvision's."""
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))


@pytest.mark.usefixtures("bare")
def test_random_weights_are_said_and_are_the_same_every_time():
    first, second = load_model("torchvision:resnet18"), load_model("torchvision:resnet18")
    assert not first.trained
    assert "random weights" in first.about
    assert not first.model.training
    ones, others = first.model.state_dict(), second.model.state_dict()
    assert all(torch.equal(value, others[name]) for name, value in ones.items())


def test_trained_weights_of_this_machine_are_used_and_named():
    loaded = load_model("torchvision:mobilenet_v2")
    assert loaded.trained
    assert loaded.about.endswith("with trained weights from mobilenet_v2-b0353104.pth.")
    plain = load_model("mobilenet_v2").model.state_dict()
    assert all(torch.equal(plain[name], v) for name, v in loaded.model.state_dict().items())


@pytest.mark.usefixtures("bare")
def test_a_file_of_weights_fits_a_library_s_network():
    state = {
        name: torch.full_like(value, 0.5)
        for name, value in load_model("torchvision:resnet18").model.state_dict().items()
    }
    loaded = load_state("torchvision:resnet18", safetensors.torch.save(state), "halves.safetensors")
    assert loaded.trained
    assert float(loaded.model.get_parameter("conv1.weight").detach().mean()) == 0.5
    with pytest.raises(SourceError, match="does not fit torchvision:resnet18"):
        load_state(
            "torchvision:resnet18", safetensors.torch.save({"x": torch.ones(1)}), "x.safetensors"
        )


@pytest.mark.parametrize(
    "name", ["torchvision:nonesuch", "torchvision:", "torchvision:../resnet18", "torchvision:a b"]
)
def test_unknown_names_are_refused_with_some_that_are_known(name):
    with pytest.raises(SourceError, match="torchvision:"):
        load_model(name)


def test_a_library_that_is_not_installed_is_said_with_the_command(monkeypatch):
    monkeypatch.setattr(libraries, "find_spec", lambda _: None)
    with pytest.raises(SourceError, match=r"timm, which is not installed; run: pip install"):
        load_model("timm:resnet18")


def test_whatever_a_library_raises_becomes_one_sentence(monkeypatch):
    def broken(_name, _trained):
        raise ZeroDivisionError("a bug\nof theirs")

    monkeypatch.setitem(libraries._FINDERS, "torchvision", broken)
    with pytest.raises(SourceError, match=r"ZeroDivisionError: a bug\); choose another"):
        load_model("torchvision:resnet18")


def test_suggestions_name_their_library():
    found = libraries.suggestions()
    assert "torchvision:resnet50" in found
    assert all(libraries.belongs(name) for name in found)
    assert not libraries.belongs("resnet50")
