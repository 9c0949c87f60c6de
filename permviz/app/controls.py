"""The left side: what to search, and the switches of the search."""

from collections.abc import Sequence
from html import escape
from typing import Any

import panel as pn
import param

from permviz.app.flow import Opened
from permviz.app.state import Explorer
from permviz.app.values import SUGGESTED, Task
from permviz.errors import PermvizError
from permviz.kernels.select import devices, resolved
from permviz.models.names import architectures
from permviz.search.registry import describe, parse, strategies
from permviz.session.events import Progress
from permviz.views.chart import ISLAND
from permviz.views.menu import Menu
from permviz.views.words import progress_sentence

PATTERNS = ["2:4", "1:4", "4:8", "1:2", "2:8"]
_MEGABYTE = 1 << 20
_WIDE = {"sizing_mode": "stretch_width", "margin": (4, 0)}


class Controls(pn.viewable.Viewer):
    """Widgets of an `Explorer`'s choices."""

    def __init__(self, state: Explorer, **params: Any) -> None:
        super().__init__(**params)
        self._state = state
        self._layout = pn.Column(
            *self._source(),
            pn.layout.Divider(margin=(2, 0)),
            *self._search(),
            self._buttons(),
            *self._progress(),
            sizing_mode="stretch_width",
            margin=(0, 6),
            tags=[ISLAND],
        )

    def __panel__(self) -> pn.viewable.Viewable:
        return self._layout

    def _source(self) -> list[pn.viewable.Viewable]:
        state = self._state
        model = Menu(label="Model", **_WIDE)

        def show(*_: object) -> None:
            # A given model, or one that a link asks for, need not be a known one.
            names = list(dict.fromkeys([*architectures(), *model.options, state.model]))
            model.param.update(options=names, value=state.model)

        show()
        state.param.watch(show, "model")
        model.param.watch(self._choose_model, "value")
        # Browsers know no type for files of weights, and would refuse them by it.
        upload = pn.widgets.FileDropper(
            max_file_size="1000MB",
            chunk_size=2 * _MEGABYTE,
            height=76,
            **_WIDE,
        )
        upload.param.watch(lambda event: self._upload(upload, event.new), "value")
        demo = pn.widgets.Button(label="Back to the model's own weights", **_WIDE)
        demo.visible = state.param.uploaded.rx()
        demo.on_click(lambda _: state.load())
        about = pn.pane.HTML(pn.bind(_about, state.param.opened), styles={"font-size": "12px"})
        libraries = _folded("torchvision, timm, transformers", *self._libraries())
        return [model, about, libraries, _folded("Weights from a file", upload), demo]

    def _libraries(self) -> list[pn.widgets.Widget]:
        # A field that completes what is typed would take its first guess, resnet50d for resnet50.
        some = Menu(label="Some of their networks", options={"choose": ""}, **_WIDE)

        def offer(*_: object) -> None:
            some.options = {"choose": ""} | {name: name for name in self._state.suggestions}

        offer()
        self._state.param.watch(offer, "suggestions")
        named = pn.widgets.TextInput(
            label="Any other, by library and name", placeholder="timm:resnet18", **_WIDE
        )
        for field in (some, named):
            field.param.watch(lambda event: self._named(event.obj, event.new), "value")
        return [some, named]

    def _choose_model(self, event: param.parameterized.Event) -> None:
        state = self._state
        opened = state.opened.loaded.name if state.opened is not None else ""
        if event.new and event.new != opened:
            state.model = event.new
            state.load()

    def _named(self, field: pn.widgets.Widget, name: str) -> None:
        if name.strip():
            self._state.model = name.strip()
            self._state.load()
            field.value = ""

    def _upload(self, dropper: pn.widgets.FileDropper, files: dict[str, bytes | str]) -> None:
        for filename, content in files.items():
            raw = content.encode() if isinstance(content, str) else content
            self._state.load_file(self._state.model, raw, filename)
        if files:
            dropper.value = {}

    def _search(self) -> list[pn.viewable.Viewable]:
        state = self._state
        pattern = pn.widgets.AutocompleteInput.from_param(
            state.param.pattern,
            name="Pattern N:M",
            options=PATTERNS,
            restrict=False,
            min_characters=0,
            stylesheets=[_LOW],
            **_WIDE,
        )
        importance = Menu.from_param(state.param.importance, name="Importance", **_WIDE)
        device = Menu.from_param(state.param.device, name="Device", options=_devices(), **_WIDE)
        seed = pn.widgets.IntInput.from_param(state.param.seed, name="Seed", **_WIDE)
        budget = pn.widgets.FloatInput.from_param(
            state.param.budget, name="Seconds a strategy", placeholder="no limit", **_WIDE
        )
        return [
            pn.Row(pattern, importance, sizing_mode="stretch_width"),
            *self._strategies(),
            pn.Row(seed, budget, sizing_mode="stretch_width"),
            device,
        ]

    def _strategies(self) -> list[pn.viewable.Viewable]:
        state = self._state
        chosen = pn.widgets.MultiChoice(label="Strategies", **_WIDE)

        def show(*_: object) -> None:
            wanted = list(state.strategies)
            # Options first: a value that is no option yet would be dropped.
            chosen.options = list(dict.fromkeys([*SUGGESTED, *chosen.options, *wanted]))
            chosen.value = wanted

        show()
        state.param.watch(show, "strategies")
        chosen.param.watch(lambda event: state.param.update(strategies=list(event.new)), "value")
        other = pn.widgets.TextInput(
            label="Add a strategy with its parameters",
            placeholder="osg(stripes=3, escapes=50)",
            description=_parameters(),
            **_WIDE,
        )
        other.param.watch(lambda event: self._add(other, event.new), "value")
        return [chosen, other]

    def _add(self, field: pn.widgets.TextInput, text: str) -> None:
        if not text.strip():
            return
        try:
            named = describe(parse(text))
        except PermvizError as problem:
            self._state.tell("error", str(problem))
            return
        self._state.strategies = list(dict.fromkeys([*self._state.strategies, named]))
        field.value = ""

    def _buttons(self) -> pn.viewable.Viewable:
        state = self._state
        start = pn.widgets.Button(label="Start", color="primary", **_WIDE)
        hold = pn.widgets.Button(label="Pause", **_WIDE)
        cancel = pn.widgets.Button(label="Cancel", **_WIDE)
        start.on_click(lambda _: state.start())
        hold.on_click(lambda _: state.resume() if state.status == "paused" else state.pause())
        cancel.on_click(lambda _: state.cancel())

        def show(*_: object) -> None:
            active = state.status in {"running", "paused"}
            preparing = any(task.kind == "start" for task in state.tasks)
            start.disabled = active or preparing
            hold.param.update(
                label="Resume" if state.status == "paused" else "Pause", disabled=not active
            )
            cancel.disabled = not (active or preparing)

        show()
        state.param.watch(show, ["status", "tasks"])
        return pn.Row(start, hold, cancel, sizing_mode="stretch_width")

    def _progress(self) -> list[pn.viewable.Viewable]:
        state = self._state
        bar = pn.indicators.Progress(
            value=pn.bind(_percent, state.param.progress), max=100, height=8, **_WIDE
        )
        said = pn.pane.HTML(
            pn.bind(progress_sentence, state.param.progress, state.param.status),
            styles={"font-size": "12px"},
        )
        tasks = pn.pane.HTML(pn.bind(_tasks, state.param.tasks), styles={"font-size": "12px"})
        return [bar, said, tasks]


def _folded(title: str, *inside: pn.viewable.Viewable) -> pn.Card:
    """A folded card, which costs a page nothing until it is opened for the first time."""
    card = pn.Card(
        header=pn.pane.HTML(title, styles={"font-size": "12px"}),
        collapsed=True,
        sizing_mode="stretch_width",
        margin=(4, 0),
        stylesheets=[_ARROW],
    )

    def fill(_: param.parameterized.Event) -> None:
        card.objects = list(inside)
        card.param.unwatch(watcher)

    watcher: Any = card.param.watch(fill, "collapsed")
    return card


# The design makes a field beside a menu taller than it, and the arrow of a card invisible.
_LOW = "input.bk-input { height: 36px; min-height: 36px; }"
_ARROW = ".card-button svg { stroke: currentColor; }"


def _about(opened: Opened | None) -> str:
    if opened is None:
        return ""
    about = escape(opened.loaded.about)
    return about if opened.loaded.trained else f"<b>{about}</b>"


def _devices() -> dict[str, str]:
    """The devices to search on, by what they are called."""
    automatic = "auto: the CPU" if resolved("auto") == "cpu" else "auto: the GPU for wide layers"
    return {automatic: "auto"} | {name: name for name in devices()[1:]}


def _percent(progress: Progress | None) -> int:
    return 0 if progress is None else round(100 * progress.fraction)


def _tasks(tasks: Sequence[Task]) -> str:
    lines = [
        escape(task.text) + (f" ({task.fraction:.0%})" if task.fraction >= 0 else " ...")
        for task in tasks
        if task.text
    ]
    return "<br>".join(lines)


def _parameters() -> str:
    written = [
        f"{name}({', '.join(f'{key}={value}' for key, value in params.items())})"
        for name, params in strategies().items()
    ]
    return "Known, with their defaults: " + "; ".join(written)
