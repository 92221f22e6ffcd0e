"""The controls that a lesson can point at or lock: id, dock, and how the widget is found."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from PySide6.QtGui import QAction
from PySide6.QtWidgets import QLabel, QWidget

from spikestudio.language import tr

if TYPE_CHECKING:
    from spikestudio.app.actions import Actions
    from spikestudio.app.views.base import View

RUN_COMMANDS = ("sample", "sample-next", "step")  # the actions that begin a run


@dataclass(frozen=True, slots=True)
class Parts:
    """What controls are found in."""

    views: Mapping[str, View]
    toolbar: Any  # ToolBar: its buttons
    actions: Actions


@dataclass(frozen=True, slots=True)
class Control:
    """A control: the dock it lies in (empty: the bar at the top) and its widget in that view.

    ``locks`` names actions that are locked with it, ``twins`` other widgets that set the same value,
    each by dock and how it is found there. Where there are actions its own widget follows them,
    unless it ``is_apart``. ``title`` is what it is called where its widget says something else, or
    not always the same.
    """

    dock: str
    find: Callable[[Any], QWidget]
    locks: tuple[str, ...] = ()
    twins: tuple[tuple[str, Callable[[Any], QWidget]], ...] = ()
    is_apart: bool = False
    title: str = ""


def _row(name: str) -> Callable[[Any], QWidget]:
    def find(view: Any) -> QWidget:  # noqa: ANN401  the sampler's view
        row: QWidget = view.rows[name]
        return row

    return find


def _lab(name: str) -> Callable[[Any], QWidget]:
    def find(view: Any) -> QWidget:  # noqa: ANN401  the neuron lab's view
        row: QWidget = view.controls.rows[name]
        return row

    return find


CONTROLS: dict[str, Control] = {
    "sampler.sample": Control("", lambda bar: bar.sample, RUN_COMMANDS, title=tr("Sample")),
    "sampler.seed": Control(
        "",
        lambda bar: bar.seed,
        ("roll-seed",),
        (
            ("sampler", lambda view: view.seed),
            ("sampler", lambda view: getattr(view, "dice", view.seed)),
            ("", lambda bar: bar.dice),
        ),
        is_apart=True,
        title=tr("Seed"),
    ),
    "sampler.dice": Control(
        "", lambda bar: bar.dice, ("roll-seed",), is_apart=True, title=tr("New seed")
    ),
    "sampler.num": Control("", lambda bar: bar.num, (), (("sampler", lambda view: view.num),)),
    "model.chooser": Control("", lambda bar: bar.model, title=tr("Model")),
    "sampler.steps": Control("sampler", _row("steps")),
    "sampler.snn-steps": Control("sampler", _row("snn_steps")),
    "sampler.threshold": Control("sampler", _row("threshold")),
    "sampler.temperature": Control("sampler", _row("temperature")),
    "sampler.guidance": Control("sampler", _row("guidance")),
    "sampler.clip": Control(
        "sampler",
        lambda view: view.clip.parentWidget(),
        title=tr("Clip predicted x0 to the image range"),
    ),
    "sampler.sampler": Control("sampler", lambda view: view.samplers),
    "image.tiles": Control("image", lambda view: view.tiles),
    "timeline.play": Control("timeline", lambda view: view.play),
    "timeline.lanes": Control("timeline", lambda view: view.lanes),
    "timeline.live": Control("timeline", lambda view: view.live),
    "raster.layer": Control("raster", lambda view: view.layers),
    "raster.rule": Control("raster", lambda view: view.rule),
    "raster.plot": Control("raster", lambda view: view.plot),
    "membrane.plot": Control("membrane", lambda view: view.plot),
    "rates.plot": Control("rates", lambda view: view.plot),
    "mosaic.dock": Control("mosaic", lambda view: view),
    "layers.table": Control("layers", lambda view: view.table),
    "tokens.map": Control("tokens", lambda view: view.map),
    "tokens.colour": Control("tokens", lambda view: view.color),
    "tokens.edit": Control("tokens", lambda view: view.tools.toggle, title=tr("Edit")),
    "tokens.go": Control("tokens", lambda view: view.tools.go),
    "codebook.grid": Control("codebook", lambda view: view.grid),
    "vqsvae.stages": Control("vqsvae", lambda view: view.stages),
    "efficiency.totals": Control("efficiency", lambda view: view.totals),
    "efficiency.counting": Control("efficiency", lambda view: view.choice),
    "lesions.kind": Control("lesions", lambda view: view.kind),
    "lesions.sample": Control("lesions", lambda view: view.sample),
    "sweep.start": Control("sweep", lambda view: view.start, title=tr("Start")),
    "sweep.pages": Control("sweep", lambda view: view.pages),
    "bench.start": Control("bench", lambda view: view.start),
    "lab.kind": Control("neuron-lab", lambda view: view.controls.kind),
    "lab.tau": Control("neuron-lab", _lab("tau")),
    "lab.threshold": Control("neuron-lab", _lab("threshold")),
    "lab.amplitude": Control("neuron-lab", _lab("amplitude")),
    "lab.steps": Control("neuron-lab", _lab("steps")),
    "lab.reset": Control("neuron-lab", lambda view: view.controls.resets),
    "lab.shape": Control("neuron-lab", lambda view: view.controls.shape),
    "lab.traces": Control("neuron-lab", lambda view: view.traces),
    "lab.rates": Control("neuron-lab", lambda view: view.rates),
    "lab.take": Control("neuron-lab", lambda view: view.take, title=tr("Take a real neuron")),
    "lesson.noise": Control("lesson", lambda view: view.noise.slider),
}


def widget_of(control_id: str, parts: Parts) -> QWidget | None:
    """Return the widget of a control; None where the window has no such dock."""
    control = CONTROLS[control_id]
    return _found(control.dock, control.find, parts)


def widgets_of(control_id: str, parts: Parts) -> list[QWidget]:
    """Return the widget of a control, and all others that set the same value."""
    control = CONTROLS[control_id]
    places = ((control.dock, control.find), *control.twins)
    found = (_found(dock, find, parts) for dock, find in places)
    return [each for each in found if each is not None]


def locks_of(control_id: str, parts: Parts) -> list[QWidget | QAction]:
    """Return what has to be disabled to lock a control."""
    control = CONTROLS[control_id]
    actions = [parts.actions[name] for name in control.locks]
    if actions and not control.is_apart:
        return list(actions)
    return [*actions, *widgets_of(control_id, parts)]


def control_of(widget: QWidget | None, parts: Parts) -> str:
    """Return the control that a widget is, or is a part of; empty if it is none.

    Of controls within each other the inner one.
    """
    owners: dict[QWidget, str] = {}
    for control_id in CONTROLS:
        for each in widgets_of(control_id, parts):
            owners.setdefault(each, control_id)
    while widget is not None:
        if widget in owners:
            return owners[widget]
        widget = None if widget.isWindow() else widget.parentWidget()
    return ""


def title_of(control_id: str, parts: Parts) -> str:
    """Return a control's name as it is shown to people: dock and what it is called there."""
    control, widget = CONTROLS[control_id], widget_of(control_id, parts)
    view = parts.views.get(control.dock)
    where = view.title if view is not None else tr("Bar")
    title = getattr(widget, "title", None)
    name = control.title or (title.text() if isinstance(title, QLabel) else "")
    name = name or (widget.accessibleName() if widget is not None else "")
    if not name or name == where:
        name = control_id.partition(".")[2].replace("-", " ").capitalize()
    return f"{where}: {name}"


def _found(dock: str, find: Callable[[Any], QWidget], parts: Parts) -> QWidget | None:
    if not dock:
        return find(parts.toolbar)
    view = parts.views.get(dock)
    return None if view is None else find(view)
