"""The served explorer and visits to it in a browser; a visit notes whatever goes wrong."""

import contextlib
import http.client
import os
import re
import shutil
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from playwright.sync_api import sync_playwright

ROOT = Path(__file__).parents[2]
TICK = threading.Event()
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
# What a page does when it is closed in the middle of a message is no fault of ours.
_CLOSED = re.compile(r"WebSocketClosedError|StreamClosedError|Task exception was never retrieved")

# Bokeh's own ping may find a page closed before its socket says so, and then it closes twice;
# or the last messages of a page are read when it is closed already.
_CLOSED_TWICE = re.compile(
    r"(?: error: AssertionError\(\)\nTraceback .*\n(?: .*\n)*?)?"
    r" *assert self\._session is not None\n[ ^]*\nAssertionError"
)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


# The explorer as a script, beside a page on a wide layer and one that counts pages.
PANEL = [
    *("-m", "panel", "serve"),
    str(ROOT / "apps" / "explorer.py"),
    *(str(Path(__file__).parent / page) for page in ("wide.py", "alive.py")),
    *("--liveness", "--warm"),
    *("--unused-session-lifetime", "15000", "--check-unused-sessions", "500"),
]
# The same without anything loaded before the first visit.
COLD = ["-m", "panel", "serve", str(ROOT / "apps" / "explorer.py"), "--liveness"]
# What `make explore` runs.
COMMAND = ["-m", "permviz", "explore", "digits", "--no-open"]


class Server:
    """A process that serves the explorer on a port of its own."""

    def __init__(self, folder, arguments):
        self.port = free_port()
        self.log = folder / "server.log"
        self._file = self.log.open("w")
        self.process = subprocess.Popen(
            [sys.executable, *arguments, "--port", str(self.port)],
            cwd=ROOT,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
            stdout=self._file,
            stderr=subprocess.STDOUT,
        )

    def url(self, page="explorer"):
        return f"http://127.0.0.1:{self.port}/{page}"

    def wait(self):
        for _ in range(1200):
            try:
                if self._alive():
                    return
            except (OSError, http.client.HTTPException):
                if self.process.poll() is not None:
                    break
                TICK.wait(0.1)
        pytest.fail(f"the server did not start:\n{self.log.read_text()}")

    def _alive(self):
        asked = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        with contextlib.closing(asked):
            asked.request("GET", "/liveness")
            return asked.getresponse().status == http.HTTPStatus.OK

    def complaints(self):
        lines = _CLOSED_TWICE.sub("", self.log.read_text()).splitlines()
        wrong = [line for line in lines if re.search(r"_pending_writes|ERROR|Error\b", line)]
        return [line for line in wrong if not _CLOSED.search(line)]

    def stop(self):
        self.process.terminate()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self._file.close()


@contextlib.contextmanager
def serving(folder, arguments):
    served = Server(folder, arguments)
    try:
        served.wait()
        yield served
    finally:
        served.stop()


@contextlib.contextmanager
def browsing():
    """A headless Chromium: the system's, or the one that Playwright brought."""
    with sync_playwright() as playwright:
        path = os.environ.get("PERMVIZ_CHROMIUM") or shutil.which("chromium")
        launched = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield launched
        launched.close()


class Visit:
    """A browser tab on a served page, with what went wrong in it.

    It is there when an element is, or, without one, when all Bokeh models are drawn.
    """

    def __init__(self, browser, url, ready=None):
        self.context = browser.new_context(viewport={"width": 1280, "height": 800})
        self.page = self.context.new_page()
        self.page.set_default_timeout(60_000)
        self.wrong = []
        self.received = 0
        self.page.on("console", self._console)
        self.page.on("pageerror", lambda error: self.wrong.append(f"{error}\n{error.stack}"))
        self.page.on("request", self._request)
        self.page.on("websocket", lambda ws: ws.on("framereceived", self._frame))
        self.page.goto(url)
        if ready is not None:
            self.page.locator(ready).wait_for()
        else:
            self.page.wait_for_function("window.Bokeh?.documents?.[0]?.is_idle", timeout=60_000)

    def _console(self, message):
        if message.type == "error":
            self.wrong.append(message.text)

    def _request(self, request):
        if not re.match(r"(https?|wss?)://(127\.0\.0\.1|localhost)[:/]|data:|blob:", request.url):
            self.wrong.append(f"request to {request.url}")

    def _frame(self, payload):
        self.received += len(payload)

    def tab(self, name):
        self.page.locator(".bk-tab").get_by_text(name, exact=True).click()

    def button(self, name):
        return self.page.get_by_role("button", name=name, exact=True)

    def see(self, text, timeout=60_000):
        self.page.get_by_text(text).first.wait_for(timeout=timeout)

    def models(self, script):
        """Evaluate an expression over `models`, all Bokeh models of the page."""
        return self.page.evaluate(f"(() => {{ {_MODELS} return {script} }})()")

    def until(self, script, timeout=60_000):
        """Wait until an expression over `models` is true, and return it."""
        done = self.page.wait_for_function(
            f"(() => {{ {_MODELS} return {script} }})()", timeout=timeout
        )
        return done.json_value()

    def receive(self, total):
        """Wait until so many bytes have come over the websocket."""
        for _ in range(600):
            self.page.evaluate("0")  # lets Playwright hand out what has come
            if self.received >= total:
                return
            TICK.wait(0.1)
        pytest.fail(f"{self.received} bytes came, {total} were expected")

    def shoot(self, name):
        folder = os.environ.get("PERMVIZ_SHOTS")
        if folder and not self.page.is_closed():
            self.page.screenshot(path=Path(folder) / f"{name}.png")

    def close(self):
        self.context.close()


_MODELS = "const models = [...Bokeh.documents[0]._all_models.values()];"


@contextlib.contextmanager
def visiting(server, browser):
    """Open pages; whatever goes wrong in one of them, or in the server's log, fails."""
    opened = []
    told = len(server.complaints())

    def open_page(query="", page="explorer"):
        opened.append(Visit(browser, server.url(page) + query))
        return opened[-1]

    yield open_page
    for number, one in enumerate(opened):
        one.shoot(f"last-{number}")
        one.close()
    time_to_hear(server)
    wrong = [fault for one in opened for fault in one.wrong]
    assert wrong == [], wrong
    complaints = server.complaints()[told:]
    assert complaints == [], complaints


def time_to_hear(server):
    """Let the server notice that the pages are gone, so that its log is complete."""
    end = time.monotonic() + 30
    while time.monotonic() < end:
        text = server.log.read_text()
        if text.count("WebSocket connection opened") <= text.count("connection closed: code="):
            return
        TICK.wait(0.1)
