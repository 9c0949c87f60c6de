"""Weights from files that nobody vouches for."""

import io
import json
import pickle
import struct
import zipfile
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path

import pytest
import safetensors.torch
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from permviz.errors import SourceError
from permviz.models import checkpoint
from permviz.models.checkpoint import fit_state, read_state


def tiny() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(4, 8, 3), nn.BatchNorm2d(8), nn.Flatten(), nn.Linear(8, 4))


def saved(value: object) -> bytes:
    buffer = io.BytesIO()
    torch.save(value, buffer)
    return buffer.getvalue()


def as_safetensors(state: dict[str, Tensor]) -> bytes:
    return safetensors.torch.save(state)


def outcome(content: bytes, name: str) -> dict[str, Tensor] | str:
    """What was read, or what was said instead."""
    try:
        return read_state(content, name)
    except SourceError as problem:
        return str(problem)


class Hostile:
    """Creates a file when it is unpickled."""

    def __init__(self, victim: Path) -> None:
        self.victim = victim

    def __reduce__(self) -> tuple[Callable[..., object], tuple[object, ...]]:
        return Path.touch, (self.victim,)


@pytest.mark.parametrize("ending", [".pt", ".pth", ".PT"])
@pytest.mark.parametrize(
    "wrap",
    [
        lambda state: state,
        lambda state: {"state_dict": state, "epoch": 3},
        lambda state: {"model": state},
        lambda state: {"model_state_dict": {f"module.{name}": state[name] for name in state}},
        lambda state: OrderedDict((f"module._orig_mod.{name}", state[name]) for name in state),
    ],
)
def test_usual_wrappings_are_removed(wrap: Callable[[object], object], ending: str) -> None:
    state = tiny().state_dict()
    found = read_state(saved(wrap(state)), f"weights{ending}")
    assert found.keys() == state.keys()
    assert all(torch.equal(found[name], state[name]) for name in state)


def test_safetensors_are_read_from_a_path(tmp_path: Path) -> None:
    file = tmp_path / "weights.safetensors"
    state = tiny().state_dict()
    file.write_bytes(as_safetensors(state))
    found = read_state(file, file.name)
    assert all(torch.equal(found[name], state[name]) for name in state)


def test_the_old_format_of_torch_is_read() -> None:
    buffer = io.BytesIO()
    state = tiny().state_dict()
    torch.save(state, buffer, _use_new_zipfile_serialization=False)
    found = read_state(buffer.getvalue(), "weights.pth")
    assert all(torch.equal(found[name], state[name]) for name in state)


@pytest.mark.parametrize("new_format", [True, False])
def test_pickled_code_is_never_executed(tmp_path: Path, *, new_format: bool) -> None:
    victim = tmp_path / "executed"
    buffer = io.BytesIO()
    state = {**tiny().state_dict(), "surprise": Hostile(victim)}
    torch.save(state, buffer, _use_new_zipfile_serialization=new_format)
    with pytest.raises(SourceError, match="nothing was loaded"):
        read_state(buffer.getvalue(), "weights.pt")
    assert not victim.exists()


def test_the_hostile_file_would_have_run(tmp_path: Path) -> None:
    victim = tmp_path / "executed"
    torch.load(io.BytesIO(saved(Hostile(victim))), weights_only=False)
    assert victim.exists()


def test_a_bare_pickle_is_never_executed(tmp_path: Path) -> None:
    victim = tmp_path / "executed"
    with pytest.raises(SourceError):
        read_state(pickle.dumps(Hostile(victim)), "weights.pt")
    with pytest.raises(SourceError):
        read_state(pickle.dumps(Hostile(victim)), "weights.safetensors")
    assert not victim.exists()


def test_the_environment_cannot_allow_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD", "1")
    victim = tmp_path / "executed"
    with pytest.raises(SourceError):
        read_state(saved(Hostile(victim)), "weights.pt")
    assert not victim.exists()


def test_a_whole_pickled_model_is_refused_with_the_next_step() -> None:
    with pytest.raises(SourceError, match=r"Sequential.*save model.state_dict\(\) alone"):
        read_state(saved(tiny()), "model.pt")


@pytest.mark.parametrize("name", ["w.safetensors", "w.pt"])
def test_every_cut_is_noticed(name: str) -> None:
    state = tiny().state_dict()
    whole = as_safetensors(state) if name.endswith("safetensors") else saved(state)
    for length in (1, 7, 100, len(whole) // 2, len(whole) - 1):
        with pytest.raises(SourceError, match=r"^w\."):
            read_state(whole[:length], name)


def test_an_archive_that_names_another_disk_is_damaged() -> None:
    whole = bytearray(saved({"a": torch.arange(6.0)}))
    whole[whole.rindex(b"PK\x06\x07") + 4] = 1
    with pytest.raises(SourceError, match=r"^w\.pt .*damaged"):
        read_state(bytes(whole), "w.pt")


@settings(deadline=None, max_examples=150)
@given(st.data(), st.sampled_from(["w.safetensors", "w.pt"]))
def test_damage_gives_a_sentence_or_tensors(data: st.DataObject, name: str) -> None:
    state = {"a": torch.arange(6.0).reshape(2, 3)}
    whole = bytearray(as_safetensors(state) if name.endswith("safetensors") else saved(state))
    for _ in range(data.draw(st.integers(1, 4))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    found = outcome(bytes(whole), name)
    if isinstance(found, str):
        assert name in found
        assert "\n" not in found
    else:
        assert all(isinstance(value, Tensor) for value in found.values())


@settings(deadline=None, max_examples=50)
@given(st.binary(max_size=200), st.sampled_from([".safetensors", ".pt", ".pth"]))
def test_noise_is_refused(content: bytes, ending: str) -> None:
    with pytest.raises(SourceError):
        read_state(content, f"noise{ending}")


def test_an_empty_file_is_refused() -> None:
    with pytest.raises(SourceError, match="is empty"):
        read_state(b"", "weights.pt")


@pytest.mark.parametrize("name", ["weights.onnx", "weights", "weights.pt.zip"])
def test_other_formats_are_refused(name: str) -> None:
    with pytest.raises(SourceError, match="weights are read from"):
        read_state(b"anything", name)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="No such file"):
        read_state(tmp_path / "weights.pt", "weights.pt")


def test_a_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="cannot be read"):
        read_state(tmp_path, "weights.pt")


def test_a_huge_file_is_refused_before_it_is_read(tmp_path: Path) -> None:
    file = tmp_path / "weights.safetensors"
    with file.open("wb") as stream:
        stream.truncate(checkpoint.MAX_BYTES + 1)
    with pytest.raises(SourceError, match=r"has 2\.0 GiB"):
        read_state(file, file.name)


def test_huge_declared_shapes_are_refused() -> None:
    entry = {"a": {"dtype": "F32", "shape": [2**40, 2**20], "data_offsets": [0, 8]}}
    header = json.dumps(entry).encode()
    content = struct.pack("<Q", len(header)) + header + bytes(8)
    with pytest.raises(SourceError, match="not a whole safetensors file"):
        read_state(content, "weights.safetensors")
    with pytest.raises(SourceError, match="not a whole safetensors file"):
        read_state(struct.pack("<Q", 2**62) + header, "weights.safetensors")


def test_a_compressed_archive_is_refused() -> None:
    packed = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(saved({"a": torch.zeros(1_000_000)}))) as plain,
        zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive,
    ):
        for entry in plain.namelist():
            archive.writestr(entry, plain.read(entry))
    with pytest.raises(SourceError, match="unpacks to 4"):
        read_state(packed.getvalue(), "weights.pt")


def test_a_huge_view_of_one_number_never_takes_memory() -> None:
    state = {**tiny().state_dict(), "3.weight": torch.zeros(1).expand(2**30, 2**20)}
    loaded = read_state(saved(state), "weights.pt")
    with pytest.raises(SourceError, match=r"has shape \[1073741824, 1048576\]"):
        fit_state(tiny(), loaded, "weights.pt", "tiny")


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ([1, 2], "holds a list"),
        ({}, "holds nothing"),
        (torch.zeros(3), "holds a Tensor"),
        ({"a": 1}, "holds a int under 'a'"),
        ({1: torch.zeros(1)}, "holds a Tensor under '1'"),
        ({"a": torch.zeros(3, device="meta")}, "not a dense tensor"),
    ],
)
def test_anything_but_tensors_by_name_is_refused(value: object, said: str) -> None:
    with pytest.raises(SourceError, match=said):
        read_state(saved(value), "weights.pt")


@pytest.mark.filterwarnings("ignore:Validating sparse tensor invariants")
def test_sparse_tensors_are_refused() -> None:
    with pytest.raises(SourceError, match="not a dense tensor"):
        read_state(saved({"a": torch.eye(3).to_sparse()}), "weights.pt")


def test_weights_are_fitted() -> None:
    network, other = tiny(), tiny()
    state = {name: value + 1 for name, value in other.state_dict().items()}
    fit_state(network, state, "w.pt", "tiny")
    assert all(torch.equal(network.state_dict()[name], state[name]) for name in state)


def test_old_files_without_counters_fit() -> None:
    network = tiny()
    state = network.state_dict()
    del state["1.num_batches_tracked"]
    fit_state(network, state, "w.pt", "tiny")
    assert int(network.state_dict()["1.num_batches_tracked"]) == 0


@pytest.mark.parametrize(
    ("saved_as", "becomes"),
    [
        (torch.float64, torch.float64),
        (torch.float16, torch.float32),
        (torch.bfloat16, torch.float32),
    ],
)
def test_precision_is_never_lost(saved_as: torch.dtype, becomes: torch.dtype) -> None:
    network = tiny()
    state = tiny().to(saved_as).state_dict()
    if saved_as == torch.float64:
        state["3.bias"][0] = 1e300
    fit_state(network, state, "w.pt", "tiny")
    assert network.get_parameter("0.weight").dtype == becomes
    assert torch.equal(network.state_dict()["0.weight"].to(saved_as), state["0.weight"])


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"0.weight": None}, "1 tensors are missing, such as '0.weight'"),
        ({"extra": torch.zeros(1)}, "1 tensors are unknown to it, such as 'extra'"),
        ({"3.weight": torch.zeros(5, 8)}, r"has shape \[5, 8\] where \[4, 8\] is expected"),
        ({"3.weight": torch.zeros(4, 8, dtype=torch.int8)}, "has type torch.int8"),
        ({"3.weight": torch.zeros(4, 8, dtype=torch.complex64)}, "has type torch.complex64"),
        ({"3.bias": torch.tensor([0, torch.nan, 0, 0])}, "has 1 NaN or infinite values"),
        ({"1.running_var": torch.full((8,), torch.inf)}, "has 8 NaN or infinite values"),
    ],
)
def test_what_does_not_fit_is_named_and_nothing_is_loaded(
    change: dict[str, Tensor | None], said: str
) -> None:
    network = tiny()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    changed = {**{name: value + 1 for name, value in before.items()}, **change}
    state = {name: value for name, value in changed.items() if value is not None}
    with pytest.raises(SourceError, match=said):
        fit_state(network, state, "w.pt", "tiny")
    assert all(torch.equal(network.state_dict()[name], before[name]) for name in before)
