"""One torch thread, and tests that share what is dear to make stay in one process."""

import os

import pytest
import torch

# The tests' tensors are small, and waiting threads spin on all cores; also in the servers,
# notebooks and commands that tests start.
os.environ["OMP_NUM_THREADS"] = "1"
torch.set_num_threads(1)

_FOLDERS = {"browser"}
"""Folders whose tests share a server; elsewhere the tests of a file share their fixtures."""


def pytest_collection_modifyitems(items):
    for item in items:
        folder = item.path.parent.name
        together = folder if folder in _FOLDERS else str(item.path)
        item.add_marker(pytest.mark.xdist_group(together))
    # The longest first, so that no process works alone at the end.
    items.sort(key=lambda item: item.path.parent.name not in _FOLDERS)
