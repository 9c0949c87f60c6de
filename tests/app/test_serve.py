import os
import signal
import socket

import pytest

from permviz.app import serve as serving
from permviz.app.port import check_port
from permviz.app.serve import serve
from permviz.errors import ServeError


def test_port_in_use_is_refused_before_anything_starts():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(ServeError, match=f"Port {port} .* choose another port"):
            serve(port=port, open_browser=False)


def test_free_port_is_accepted():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    check_port(port)


@pytest.mark.parametrize(("port", "address"), [(70_000, "127.0.0.1"), (5006, "192.0.2.1")])
def test_impossible_places_are_told(port, address):
    with pytest.raises(ServeError, match="choose"):
        check_port(port, address)


@pytest.fixture
def interruptible():
    """Ctrl+C is heard, as by a running server: what a shell runs behind it is deaf to it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interruptible")
@pytest.mark.parametrize("told", [signal.SIGINT, signal.SIGTERM])
def test_work_ends_with_the_server_whoever_ends_it(told, monkeypatch):
    ended, before = [], signal.getsignal(signal.SIGTERM)
    monkeypatch.setattr(serving, "end_all", lambda: ended.append(True))
    monkeypatch.setattr(serving, "_warm_up", lambda _: None)
    monkeypatch.setattr(serving.pn, "serve", lambda *_, **__: os.kill(os.getpid(), told))
    with pytest.raises(KeyboardInterrupt):
        serve(port=0, open_browser=False)
    assert ended == [True]
    assert signal.getsignal(signal.SIGTERM) is before
