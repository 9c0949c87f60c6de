"""Whether somebody waits for an answer, on any page: one thread draws all of them."""

from time import monotonic, sleep

_QUIET_SECONDS = 1.5
"""Whoever clicks several times rests less in between; whoever reads rests longer."""

_ARRIVAL_SECONDS = 3.0
"""What a browser takes at most from asking for a page to showing it, on a busy machine."""

_LONGEST_SECONDS = 4.0
_LOOK_SECONDS = 0.05


class _Clock:
    """When somebody last did something, or is about to."""

    acted = 0.0


def note_act() -> None:
    """Somebody did something on a page."""
    _Clock.acted = monotonic()


def note_arrival() -> None:
    """A browser asked for a page, and is busy with showing it; then it tells that it is there."""
    _Clock.acted = monotonic() + _ARRIVAL_SECONDS


def wait_for_arrival() -> None:
    """Wait while a browser is busy with showing a page, but not forever: others may come."""
    end = monotonic() + _LONGEST_SECONDS
    while _Clock.acted > monotonic() and monotonic() < end:
        sleep(_LOOK_SECONDS)


def quiet() -> bool:
    """Whether nobody has done anything for a while."""
    return monotonic() - _Clock.acted > _QUIET_SECONDS


def wait_for_quiet() -> None:
    """Wait until it is quiet, but not forever: people may never rest."""
    end = monotonic() + _LONGEST_SECONDS
    while not quiet() and monotonic() < end:
        sleep(_LOOK_SECONDS)
