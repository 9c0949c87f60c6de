"""Whether a server can listen somewhere, told before anything large is imported."""

import socket

from permviz.errors import ServeError


def check_port(port: int, address: str = "127.0.0.1") -> None:
    """Make sure that a server can listen here.

    Raises:
        ServeError: it cannot, with what to do instead.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # As the server does it: a port that was free a moment ago is free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, port))
        except OverflowError as problem:
            raise ServeError(f"Port {port} does not exist; choose one up to 65535.") from problem
        except OSError as problem:
            raise ServeError(
                f"Port {port} on {address} cannot be used ({problem.strerror}); stop what uses "
                "it, or choose another port."
            ) from problem
