"""torch.export, one capture at a time and without what it tells the terminal on the way."""

import io
import logging
import threading
import warnings
from collections.abc import Generator, Mapping
from contextlib import contextmanager, redirect_stderr
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn.modules import transformer

# torch.export patches torch itself while it captures, so two captures at a time would break.
_EXPORTING = threading.Lock()
_TALKING = ("torch.fx.experimental.symbolic_shapes", "torch.export")


def exported(
    module: nn.Module, args: tuple[Any, ...], kwargs: Mapping[str, Any]
) -> torch.export.ExportedProgram:
    """Capture a module, operations whole; whatever goes wrong is raised and nothing printed."""
    with one_at_a_time(), _plain_masks():
        return torch.export.export(module, args, dict(kwargs), strict=False)


@contextmanager
def one_at_a_time() -> Generator[None]:
    """Keep other captures out of the block, and what torch tells the terminal in it."""
    with _EXPORTING, _quiet():
        yield


@contextmanager
def _quiet() -> Generator[None]:
    """Keep to the exception what torch also prints: warnings, advice, the graph so far."""
    loggers = [logging.getLogger(name) for name in _TALKING]
    before = [logger.disabled for logger in loggers]
    try:
        for logger in loggers:
            logger.disabled = True
        # Tracing warns about the model's own habits (tracer constants, deprecated calls);
        # whatever matters to the analysis is in the graph.
        with warnings.catch_warnings(), redirect_stderr(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, disabled in zip(loggers, before, strict=True):
            logger.disabled = disabled


@contextmanager
def _plain_masks() -> Generator[None]:
    """Let `torch.nn.Transformer` take a mask as a mask.

    It compares each mask with the causal one to save time, which no capture can follow.
    Without the hint the mask itself is used, and the result is the same.
    """
    home, name = cast("Any", transformer), "_detect_is_causal_mask"
    compares = getattr(home, name)

    def told(mask: Tensor | None, is_causal: bool | None = None, size: int | None = None) -> bool:  # noqa: ARG001, FBT001 # torch's signature
        return is_causal is True

    try:
        setattr(home, name, told)
        yield
    finally:
        setattr(home, name, compares)
