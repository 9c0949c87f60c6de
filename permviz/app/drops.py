"""Where files are dropped, which costs a page nothing until it is opened.

FilePond asks for every frame of the screen from the moment that it is loaded, and a page at
which nothing happens would be put together sixty times a second. It joins a clock that is
there already.
"""

from typing import Any

import panel as pn
import param

CLOCK = """{% extends base %}
{% block preamble %}{{ super() }}
<script>
  (clock => {
    window.__framePainter = clock;
    setInterval(() => {
      clock.readers.forEach(read => read());
      clock.writers.forEach(write => write(performance.now()));
    }, 16);
  })({readers: [], writers: []});
</script>
{% endblock %}
"""
"""A page with FilePond's clock, which moves it as often and asks for no frames."""


def opening(card: pn.Card, *inside: pn.viewable.Viewable) -> pn.Card:
    """Put into a folded card what is inside when it is opened for the first time."""

    def fill(_: param.parameterized.Event) -> None:
        card.objects = list(inside)
        card.param.unwatch(watcher)

    watcher: Any = card.param.watch(fill, "collapsed")
    return card
