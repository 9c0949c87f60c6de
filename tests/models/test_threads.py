"""The number of threads of torch."""

import threading

import pytest
import torch

from permviz.models import threads
from permviz.models.threads import torch_threads


def test_the_number_is_restored() -> None:
    before = torch.get_num_threads()
    with torch_threads(before + 1):
        assert torch.get_num_threads() == before + 1
    assert torch.get_num_threads() == before


def test_the_number_is_restored_after_an_error() -> None:
    before = torch.get_num_threads()
    with pytest.raises(ValueError, match="inside"), torch_threads(before + 1):
        raise ValueError("inside")
    assert torch.get_num_threads() == before


def test_overlapping_users_end_where_the_first_began(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads, "_inside", [])
    entered, leave = threading.Event(), threading.Event()
    after: list[int] = []

    def other() -> None:
        with torch_threads(3):
            entered.set()
            leave.wait(10)
        after.append(torch.get_num_threads())

    def first() -> None:
        torch.set_num_threads(4)
        thread = threading.Thread(target=other)
        with torch_threads(2):
            thread.start()
            assert entered.wait(10)
        leave.set()
        thread.join(10)
        after.append(torch.get_num_threads())

    before = torch.get_num_threads()
    outer = threading.Thread(target=first)
    outer.start()
    outer.join(30)
    torch.set_num_threads(before)
    assert after == [4, 4]
