"""Running torch with a fixed number of threads."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import torch

_lock = threading.Lock()
# Who is inside, and the number that it will go back to.
_inside: list[tuple[int, int]] = []


@contextmanager
def torch_threads(count: int) -> Iterator[None]:
    """Let torch use `count` threads inside, and as many as it was told to before afterwards.

    Results then do not depend on the number of cores. One thread is also the fastest choice
    beside a search that uses every core: threads that wait for each other spin, and take
    twenty times as long.
    """
    me = threading.get_ident()
    with _lock:
        # A thread that starts while another one is inside would take over its number.
        alone = not _inside or me in {thread for thread, _ in _inside}
        entry = me, torch.get_num_threads() if alone else _inside[0][1]
        _inside.append(entry)
        torch.set_num_threads(count)
    try:
        yield
    finally:
        with _lock:
            _inside.remove(entry)
            torch.set_num_threads(entry[1])
