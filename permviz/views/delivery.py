"""What a notebook's cell shows gets every change, in order.

A cell that is shown first becomes models in the browser, which open a line to the kernel,
and then a picture. Panel sends a change that comes before the line is open a little later,
after changes that build on it if they come in between; and its browser part drops what
comes before the picture is there. What the browser says is heard in another thread where
the kernel has subshells, and Panel then drops the changes that are under way in the main
one. On a busy machine all this leaves a cell that differs from what the kernel holds, or
is empty.
"""

import asyncio
import threading
from functools import partial
from importlib import import_module
from typing import Any
from weakref import WeakKeyDictionary

import panel as pn
from bokeh.document import Document
from IPython.display import publish_display_data  # pyright: ignore[reportUnknownVariableType]
from panel import reactive
from panel.io import datamodel
from panel.io import notebook as panel_notebook
from panel.io.model import diff
from panel.pane import base, plot
from panel.viewable import MimeRenderMixin
from panel.widgets import misc
from pyviz_comms import Comm

SENDERS = (reactive, datamodel, panel_notebook, base, plot, misc)
"""Where Panel has a name of its own for the function that sends."""

_AS_WIDGETS = {"vscode", "ipywidgets"}
"""Where views are shown as widgets, which have lines of their own."""

_lock = threading.RLock()
_waiting: WeakKeyDictionary[Comm, list[Any]] = WeakKeyDictionary()

_KEEP_EARLY_CHANGES = """
(function mend(tries) {
  const manager = window.Bokeh?.Models?.get("panel.models.comm_manager.CommManager");
  if (manager == null) {
    if (tries > 0) setTimeout(() => mend(tries - 1), 10);
    return;
  }
  const handle = manager.prototype.msg_handler;
  if (handle.keepsEarlyChanges) return;  // another notebook on this page
  manager.prototype.msg_handler = function (message) {
    const shown = () => [this.ns.plot_index, window.Bokeh.index].some(
      (index) => this.plot_id in index && index[this.plot_id] != null);
    const drain = (tries) => {
      if (!shown() && tries > 0) return setTimeout(() => drain(tries - 1), 20);
      const early = this._early;
      this._early = null;
      for (const one of early) {
        try { handle.call(this, one); } catch (problem) { console.error(problem); }
      }
    };
    if (this._early != null) {
      this._early.push(message);
    } else if (shown()) {
      handle.call(this, message);
    } else {
      this._early = [message];
      drain(3000);
    }
  };
  manager.prototype.msg_handler.keepsEarlyChanges = true;
})(1000);
"""


def install() -> None:
    """Deliver the changes of all cells that this kernel shows from now on.

    Called by a cell, so that the loop that runs is the kernel's own; none runs in a terminal.
    """
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:
        return
    for module in SENDERS:
        vars(module)["push"] = push
    # What Panel binds to each line.
    hear = MimeRenderMixin._on_msg  # noqa: SLF001
    MimeRenderMixin._on_msg = heard_by(loop, showing(hear))  # noqa: SLF001
    if pn.config.comms in _AS_WIDGETS:
        widget: Any = import_module("jupyter_bokeh.widgets").BokehModel
        widget._sync_model = heard_by(loop, widget._sync_model)  # noqa: SLF001
    if pn.config.comms == "colab":
        # Each cell there is a page of its own, for which Panel calls this anew.
        notebook: Any = panel_notebook
        notebook.load_notebook = mending(notebook.load_notebook)
    _mend()


def mending(load: Any) -> Any:
    """Let what loads a page's part of Panel also keep its early changes."""

    def loaded(*how: Any, **named: Any) -> None:
        load(*how, **named)
        _mend()

    return loaded


def _mend() -> None:
    publish_display_data({"application/javascript": _KEEP_EARLY_CHANGES})


def heard_by(loop: asyncio.AbstractEventLoop, hear: Any) -> Any:
    """Let what a browser says be heard by the thread of a loop, in order.

    While a cell runs it waits, as it does in kernels without subshells.
    """
    thread = threading.current_thread()

    def heard(view: Any, *said: Any) -> None:
        if threading.current_thread() is thread:
            hear(view, *said)
        else:
            loop.call_soon_threadsafe(partial(hear, view, *said))

    return heard


def showing(hear: Any) -> Any:
    """Show below the cell what goes wrong when something is heard, as Panel does."""

    def heard(view: Any, ref: str, manager: Any, said: Any) -> None:
        try:
            hear(view, ref, manager, said)
        except Exception as problem:  # noqa: BLE001 - shown
            view._on_error(ref, problem)  # noqa: SLF001

    return heard


def push(doc: Document, comm: Any, binary: bool = True, msg: Any = None) -> None:  # noqa: FBT001, FBT002 - Panel's signature
    """Send the changes of a document to its cell, after all that went before."""
    with _lock:
        message = diff(doc, binary=binary) if msg is None else msg
        if message is None:
            return
        if comm._comm:  # noqa: SLF001 - how Panel itself sees whether the line is open
            panel_notebook.send(comm, message)
            return
        if comm not in _waiting:
            _waiting[comm] = []
            _send_when_open(comm)
        _waiting[comm].append(message)


def _send_when_open(comm: Any) -> None:
    opened = comm.init

    def init() -> None:
        with _lock:
            opened()
            for message in _waiting.pop(comm, ()):
                panel_notebook.send(comm, message)

    comm.init = init
