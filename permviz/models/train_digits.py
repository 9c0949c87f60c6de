"""Train the demo network: ``python -m permviz.models.train_digits --out digits.safetensors``.

Plain training on the 4,000 training images: AdamW, one cycle of the learning rate, label
smoothing, and small random rotations, shifts and scalings. All random numbers come from the
seed and torch runs in its deterministic mode, so the same versions on the same kind of
processor give the same weights. The test images are only used for the accuracy at the end.
"""

import argparse
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn import functional

from permviz.models.accuracy import accuracy
from permviz.models.digits import DigitsNet
from permviz.models.digits_data import DigitsData, as_input, as_labels, load_digits
from permviz.models.threads import torch_threads


@dataclass(frozen=True, slots=True)
class Recipe:
    """How the network is trained; the defaults made the shipped weights.

    Attributes:
        epochs: passes over the training images.
        batch: images a step.
        rate: highest learning rate.
        decay: weight decay.
        smoothing: label smoothing.
        seed: of the initial weights, the order of the images and the distortions.
        threads: of torch; another number cuts sums differently and ends in other weights.
        steps: stop after so many steps; None for all.
    """

    epochs: int = 16
    batch: int = 100
    rate: float = 4e-3
    decay: float = 0.02
    smoothing: float = 0.1
    seed: int = 0
    threads: int = 1
    steps: int | None = None


def train(
    data: DigitsData,
    recipe: Recipe | None = None,
    on_step: Callable[[int, float], None] | None = None,
) -> DigitsNet:
    """Train a network from its initial weights and return it in evaluation mode.

    Args:
        data: the digits; only the training part is used.
        recipe: how to train.
        on_step: called with the number of steps done and the loss.
    """
    chosen = recipe or Recipe()
    with _reproducible(chosen):
        # Channels last is a third faster on a CPU.
        network = DigitsNet().train().to(memory_format=torch.channels_last)
        per_epoch = -(-data.train_labels.size // chosen.batch)
        optimizer = torch.optim.AdamW(
            network.parameters(), lr=chosen.rate, weight_decay=chosen.decay
        )
        schedule = torch.optim.lr_scheduler.OneCycleLR(
            optimizer, chosen.rate, total_steps=per_epoch * chosen.epochs
        )
        for step, (images, labels) in enumerate(_batches(data, chosen), start=1):
            optimizer.zero_grad()
            loss = functional.cross_entropy(
                network(images), labels, label_smoothing=chosen.smoothing
            )
            loss.backward()
            optimizer.step()
            schedule.step()
            if on_step is not None:
                on_step(step, loss.item())
    return network.eval().to(memory_format=torch.contiguous_format)


@contextmanager
def _reproducible(recipe: Recipe) -> Iterator[None]:
    strict = torch.are_deterministic_algorithms_enabled()
    torch.use_deterministic_algorithms(mode=True)
    try:
        with torch_threads(recipe.threads), torch.random.fork_rng(devices=[]):
            torch.manual_seed(recipe.seed)
            yield
    finally:
        torch.use_deterministic_algorithms(strict)


def _batches(data: DigitsData, recipe: Recipe) -> Iterator[tuple[Tensor, Tensor]]:
    images, labels = as_input(data.train_images), as_labels(data.train_labels)
    step = 0
    for _ in range(recipe.epochs):
        for chosen in torch.randperm(len(labels)).split(recipe.batch):
            if step == recipe.steps:
                return
            step += 1
            inputs = distorted(images[chosen]).contiguous(memory_format=torch.channels_last)
            yield inputs, labels[chosen]


def distorted(images: Tensor) -> Tensor:
    """Rotate by up to 12 degrees, scale by up to 10 %, shift by up to 2 pixels, at random.

    The background is put at zero for the resampling, which fills with zeros.
    """
    count = len(images)
    angle = (torch.rand(count) * 2 - 1) * (12 * torch.pi / 180)
    scale = 1 + (torch.rand(count) * 2 - 1) * 0.1
    shift = (torch.rand(count, 2) * 2 - 1) * (2 * 2 / images.shape[-1])
    cos, sin = torch.cos(angle) * scale, torch.sin(angle) * scale
    rows = torch.stack([cos, -sin, shift[:, 0], sin, cos, shift[:, 1]], dim=1)
    grid = functional.affine_grid(rows.view(count, 2, 3), list(images.shape), align_corners=False)
    background = images.amin()
    return functional.grid_sample(images - background, grid, align_corners=False) + background


def save(network: nn.Module, file: Path) -> None:
    """Write the weights as safetensors."""
    state = {name: tensor.detach().contiguous() for name, tensor in network.state_dict().items()}
    save_file(state, file)


def main(arguments: list[str] | None = None) -> int:
    """Train, write the weights and print the test accuracy."""
    parser = argparse.ArgumentParser(description="Train the network of the digits demo.")
    parser.add_argument("--out", type=Path, default=Path("digits.safetensors"))
    parser.add_argument("--epochs", type=int, default=Recipe().epochs)
    parser.add_argument("--seed", type=int, default=Recipe().seed)
    options = parser.parse_args(arguments)
    started = time.monotonic()

    def report(step: int, loss: float) -> None:
        if step % 40 == 0:
            seconds = time.monotonic() - started
            sys.stdout.write(f"step {step} loss {loss:.4f} {seconds:.0f} s\n")
            sys.stdout.flush()

    data = load_digits()
    network = train(data, Recipe(epochs=options.epochs, seed=options.seed), report)
    save(network, options.out)
    sys.stdout.write(f"{options.out}: test accuracy {accuracy(network, data):.1f} %\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
