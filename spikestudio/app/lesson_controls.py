"""The controls that a lesson can point at or lock: id, dock, and how the widget is found."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from PySide6.QtGui import QAction
from PySide6.QtWidgets import QWidget

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

    ``locks`` names actions that are locked with it.
    """

    dock: str
    find: Callable[[Any], QWidget]
    locks: tuple[str, ...] = ()


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
    "sampler.sample": Control("", lambda bar: bar.sample, RUN_COMMANDS),
    "sampler.seed": Control("", lambda bar: bar.seed),
    "sampler.dice": Control("", lambda bar: bar.dice),
    "sampler.num": Control("", lambda bar: bar.num),
    "model.chooser": Control("", lambda bar: bar.model),
    "sampler.steps": Control("sampler", _row("steps")),
    "sampler.snn-steps": Control("sampler", _row("snn_steps")),
    "sampler.threshold": Control("sampler", _row("threshold")),
    "sampler.temperature": Control("sampler", _row("temperature")),
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
    "tokens.edit": Control("tokens", lambda view: view.tools.toggle),
    "tokens.go": Control("tokens", lambda view: view.tools.go),
    "codebook.grid": Control("codebook", lambda view: view.grid),
    "vqsvae.stages": Control("vqsvae", lambda view: view.stages),
    "efficiency.totals": Control("efficiency", lambda view: view.totals),
    "efficiency.counting": Control("efficiency", lambda view: view.choice),
    "lesions.kind": Control("lesions", lambda view: view.kind),
    "lesions.sample": Control("lesions", lambda view: view.sample),
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
    "lab.take": Control("neuron-lab", lambda view: view.take),
    "lesson.noise": Control("lesson", lambda view: view.noise.slider),
}


def widget_of(control_id: str, parts: Parts) -> QWidget | None:
    """Return the widget of a control; None where the window has no such dock."""
    control = CONTROLS[control_id]
    if not control.dock:
        return control.find(parts.toolbar)
    view = parts.views.get(control.dock)
    return None if view is None else control.find(view)


def locks_of(control_id: str, parts: Parts) -> list[QWidget | QAction]:
    """Return what has to be disabled to lock a control."""
    actions = [parts.actions[name] for name in CONTROLS[control_id].locks]
    if actions:
        return list(actions)
    widget = widget_of(control_id, parts)
    return [] if widget is None else [widget]
