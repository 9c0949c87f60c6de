"""What it takes until a server's first page is there."""

import subprocess
import sys
from types import SimpleNamespace

from permviz.app import flow as flows
from permviz.app import quiet
from permviz.app.flow import Flow

WITHOUT_TORCH = """
import os, sys
import panel as pn
pn.extension("tabulator", "filedropper", notifications=True)
from permviz.app import quiet
from permviz.app.shell import build
quiet.note_arrival()
build().get_root()
print(sorted({"torch", "scipy.optimize", "safetensors"} & set(sys.modules)), flush=True)
os._exit(0)  # the model is still to be loaded
"""


def test_the_page_is_built_before_torch_is_imported():
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", WITHOUT_TORCH],
        check=True,
        capture_output=True,
        text=True,
    )
    assert done.stdout.strip() == "[]"


def test_a_model_is_loaded_once_the_first_page_is_there(monkeypatch):
    told, waited = [], []
    monkeypatch.setattr(flows, "wait_for_arrival", lambda: waited.append(len(told)))
    with monkeypatch.context() as patched:
        patched.setattr(flows, "sys", SimpleNamespace(modules={}))
        flows._let_the_first_page_through()
    assert waited == [0]
    Flow().open("digits", lambda text, _: told.append(text))
    assert waited == [0]


def test_an_arrival_is_waited_for_but_not_forever(monkeypatch):
    now = [1000.0]
    monkeypatch.setattr(quiet, "monotonic", lambda: now[0])
    monkeypatch.setattr(quiet, "sleep", lambda _: now.__setitem__(0, now[0] + 1))
    monkeypatch.setattr(quiet._Clock, "acted", 0.0)
    quiet.wait_for_arrival()
    assert now == [1000.0]
    quiet.note_arrival()
    quiet.wait_for_arrival()
    assert now == [1003.0]
    monkeypatch.setattr(quiet._Clock, "acted", 5000.0)
    quiet.wait_for_arrival()
    assert now == [1007.0]
