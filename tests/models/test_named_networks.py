"""Networks of timm and transformers by name, through the whole flow, and from the hub's cache."""

import importlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from huggingface_hub import constants
from safetensors.torch import save_file

import permviz as pv
from permviz.models import libraries
from permviz.models.sources import load_model
from permviz.session.plan import session_plan

_REVISION = "0" * 40


@pytest.fixture(autouse=True)
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache of the hub's."""
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    return tmp_path


def _cached(hub: Path, repository: str) -> Path:
    """The folder of a repository in the cache, as the hub lays it out."""
    home = hub / f"models--{repository.replace('/', '--')}"
    (home / "refs").mkdir(parents=True)
    (home / "refs" / "main").write_text(_REVISION)
    files = home / "snapshots" / _REVISION
    files.mkdir(parents=True)
    return files


@pytest.mark.parametrize("name", ["timm:test_resnet", "transformers:bert", "transformers:gpt2"])
def test_a_network_by_name_is_permuted_and_computes_the_same(name: str) -> None:
    loaded = load_model(name)
    assert not loaded.trained
    assert "random weights" in loaded.about
    graph = pv.analyze(loaded.model, loaded.example_inputs)
    with pv.Session(graph, pv.SearchSettings(("channel_swap",))) as session:
        session.start()
        assert session.wait(120)
        plan = session_plan(session)
        gained = [result.efficacy for result in session.results.values()]
    assert len(gained) > 3
    assert min(gained) > 5
    permuted = pv.apply(loaded.model, plan)
    report = pv.verify(loaded.model, permuted, loaded.example_inputs)
    assert report.float64_error < 1e-10
    assert report.control_change > 1e-2
    assert not _equal(loaded.model.state_dict(), permuted.state_dict())


def _equal(one: Mapping[str, torch.Tensor], other: Mapping[str, torch.Tensor]) -> bool:
    return all(torch.equal(value, other[name]) for name, value in one.items())


def test_weights_of_timm_in_the_hub_s_cache_are_used(hub: Path) -> None:
    name = "timm:mobilevit_xxs"
    halves = {
        key: value if not value.is_floating_point() else torch.full_like(value, 0.5)
        for key, value in load_model(name).model.state_dict().items()
    }
    settings = importlib.import_module("timm").get_pretrained_cfg("mobilevit_xxs")
    save_file(halves, _cached(hub, settings.hf_hub_id) / "model.safetensors")
    loaded = load_model(name)
    assert loaded.trained
    assert "trained weights from model.safetensors" in loaded.about
    assert _equal(halves, loaded.model.state_dict())


def test_weights_of_transformers_in_the_hub_s_cache_are_used(hub: Path) -> None:
    stored = _tiny_bert()
    stored.save_pretrained(_cached(hub, "somebody/tiny"))
    loaded = load_model("transformers:somebody/tiny")
    assert loaded.trained
    assert _equal(stored.state_dict(), loaded.model.state_dict())
    assert pv.analyze(loaded.model, loaded.example_inputs).groups


def test_a_configuration_without_weights_gives_random_ones(hub: Path) -> None:
    _tiny_bert().config.save_pretrained(_cached(hub, "somebody/tiny"))
    loaded = load_model("transformers:somebody/tiny")
    assert not loaded.trained
    assert "random weights" in loaded.about


def _tiny_bert() -> Any:
    library: Any = importlib.import_module("transformers")
    return library.BertModel(
        library.BertConfig(
            hidden_size=32, num_hidden_layers=1, num_attention_heads=2, intermediate_size=48
        )
    )


@pytest.mark.parametrize("name", ["timm:nonesuch", "timm:hub/resnet18"])
def test_a_name_that_timm_does_not_know_is_refused(name: str) -> None:
    with pytest.raises(pv.PermvizError, match="timm knows no model"):
        load_model(name)


def test_a_model_that_is_not_in_the_cache_says_how_to_fetch_it() -> None:
    with pytest.raises(pv.PermvizError, match=r"huggingface-cli download somebody/tiny"):
        load_model("transformers:somebody/tiny")


def test_suggestions_are_of_every_library() -> None:
    found = {name.partition(":")[0] for name in libraries.suggestions()}
    assert found == {"torchvision", "timm", "transformers"}
