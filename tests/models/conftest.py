"""Torch runs on one thread here: on a busy machine its threads wait for each other."""

from collections.abc import Iterator

import pytest

from permviz.models.threads import torch_threads


@pytest.fixture(autouse=True, scope="module")
def _one_thread() -> Iterator[None]:
    with torch_threads(1):
        yield
