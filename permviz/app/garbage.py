"""When garbage is collected: while nobody waits for an answer."""

import gc
from functools import cache

_USUAL = 10
"""Collections of what is younger, after which the interpreter looks through everything."""

_PATIENT = 4 * _USUAL
"""The same on a server, in case that it is never quiet.

That many layers looked at without a rest leave some 25 MB behind.
"""


@cache
def set_libraries_aside() -> None:
    """Spare the collector the libraries, which are all loaded by now and stay.

    It holds the interpreter's lock for half a second whenever it looks through their
    700,000 objects, which a page that closes makes it do.
    """
    gc.collect()
    gc.freeze()


@cache
def put_off() -> None:
    """Leave it to `collect` when to look through everything.

    That takes a fifth of a second when some pages are open, and comes while a page is built.
    """
    young, middle, _ = gc.get_threshold()
    gc.set_threshold(young, middle, _PATIENT)


def collect() -> None:
    """Look through everything if the interpreter would have done so by now.

    Not while the libraries are still to be set aside: their import is no garbage.
    """
    if set_libraries_aside.cache_info().currsize and gc.get_count()[2] > _USUAL:
        gc.collect()
