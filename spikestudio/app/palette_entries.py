"""What the palette offers, gathered from the window as it is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from PySide6.QtGui import QAction
from PySide6.QtWidgets import QAbstractButton, QAbstractSpinBox, QComboBox, QMenu, QWidget

from spikestudio.app.actions import Actions, keys_text
from spikestudio.app.commands import COMMANDS
from spikestudio.app.context import Context
from spikestudio.app.docks import DockManager
from spikestudio.app.layouts import LAYOUTS
from spikestudio.app.views.palette import Entry
from spikestudio.app.widgets.command_button import CommandButton
from spikestudio.checkpoints.catalog import titles
from spikestudio.language import tr, tr_in
from spikestudio.types import LayerInfo

NOT_FROM_HERE = ("palette",)  # it is open
MOST_NAMED = 60  # characters of a button's name
DISABLED = tr("It cannot be used now.")


@dataclass(frozen=True, slots=True)
class Sources:
    """The window, and what is asked about it."""

    window: QWidget
    context: Context
    docks: DockManager
    commands: Actions
    obstacle: Callable[[str], str]
    open_dock: Callable[[str], None]


def entries(sources: Sources) -> list[Entry]:
    """Return commands, docks, layouts, models, what menus offer, and the buttons that can be seen."""
    return [
        *_commands(sources),
        *_docks(sources),
        *_layouts(sources),
        *_models(sources),
        *_menus(sources),
        *_buttons(sources),
    ]


def layers(sources: Sources) -> list[Entry]:
    """Return the layers of the run that is shown."""
    run = sources.context.run
    return [
        Entry(
            f"layer:{layer.id}",
            layer.id,
            tr("layer"),
            lambda layer=layer: run.select(layer=layer.id),  # type: ignore[misc]
            tr("{num_neurons:,} neurons", num_neurons=layer.num_neurons),
        )
        for layer in run.layers
    ]


def neurons(sources: Sources, typed: str) -> list[Entry]:
    """Return the neuron of the selected layer that a number names, or of the layer named before it."""
    run = sources.context.run
    *named, number = typed.split() or [""]
    if not (number.isascii() and number.isdigit() and len(number) < 10):
        return []
    wanted = " ".join(named)
    layer = _layer(sources, wanted)
    if layer is None:
        return []
    neuron = int(number)
    is_there = neuron < layer.num_neurons
    reason = (
        ""
        if is_there
        else tr(
            "{layer} has the neurons 0 to {num_neurons:,}.",
            layer=layer.id,
            num_neurons=layer.num_neurons - 1,
        )
    )
    return [
        Entry(
            f"neuron:{layer.id}:{neuron}",
            tr("Neuron {neuron:,} of {layer}", neuron=neuron, layer=layer.id),
            tr("neuron"),
            lambda: run.select(layer=layer.id, neurons=(neuron,)),
            reason=reason,
        )
    ]


def _layer(sources: Sources, wanted: str) -> LayerInfo | None:
    run = sources.context.run
    if not wanted:
        return run.layer(run.selection.layer)
    return next((each for each in run.layers if wanted.casefold() in each.id.casefold()), None)


def _commands(sources: Sources) -> Iterator[Entry]:
    for command in COMMANDS:
        if command.id in NOT_FROM_HERE:
            continue
        action = sources.commands[command.id]
        yield Entry(
            f"command:{command.id}",
            action.text().rstrip("…"),
            tr("command"),
            action.trigger,
            keys_text(action),
            sources.obstacle(command.id),
        )


def _docks(sources: Sources) -> Iterator[Entry]:
    for view_id, dock in sources.docks.docks.items():
        yield Entry(
            f"dock:{view_id}",
            tr("Go to {view}", view=dock.view.title),
            tr("dock"),
            lambda view_id=view_id: sources.open_dock(view_id),  # type: ignore[misc]
            "" if not dock.isHidden() else tr("closed"),
        )
    for view_id, dock in sources.docks.docks.items():
        if not dock.isHidden():
            yield Entry(
                f"close:{view_id}", tr("Close {view}", view=dock.view.title), tr("dock"), dock.close
            )


def _layouts(sources: Sources) -> Iterator[Entry]:
    in_force = sources.docks.layout_name
    for name in LAYOUTS:
        yield Entry(
            f"layout:{name}",
            tr("Layout {name}", name=tr_in("layout", name)),
            tr("layout"),
            lambda name=name: sources.docks.apply(name),  # type: ignore[misc]
            tr("in use") if name == in_force else "",
        )


def _models(sources: Sources) -> Iterator[Entry]:
    checkpoint = sources.context.checkpoint
    loaded = checkpoint.model.path if checkpoint.model else None
    names = titles(checkpoint.entries)
    for entry in checkpoint.entries:
        yield Entry(
            f"model:{entry.path}",
            tr("Load {entry}", entry=names[entry.path]),
            tr("model"),
            lambda path=entry.path: checkpoint.load(path),  # type: ignore[misc]
            tr("in use") if entry.path == loaded else "",
            "" if entry.card is not None else tr("This file cannot be used: the library says why."),
        )


def _menus(sources: Sources) -> Iterator[Entry]:
    """What only the menus of the window offer, such as the text size."""
    known = {id(sources.commands[command.id]) for command in COMMANDS}
    known |= {id(dock.toggleViewAction()) for dock in sources.docks.docks.values()}
    for menu in sources.window.findChildren(QMenu):
        for action in menu.actions():
            is_listed = id(action) in known or action.data() in LAYOUTS or not action.text()
            if is_listed or action.menu() is not None or not action.isEnabled():
                continue
            known.add(id(action))
            title = menu.title().replace("&", "")
            text = f"{title}: {action.text()}" if title else action.text()
            yield Entry(f"menu:{text}", text, tr("menu"), action.trigger, _state(action))


def _buttons(sources: Sources) -> Iterator[Entry]:
    """Buttons of the docks that can be seen, so that each can be pressed without going to it."""
    for dock in sources.docks.docks.values():
        if dock.isHidden() or not dock.is_in_front:
            continue
        for button in dock.view.findChildren(QAbstractButton):
            name = button.accessibleName() or button.text()
            is_part = isinstance(button.parentWidget(), QComboBox | QAbstractSpinBox)
            if not name or is_part or isinstance(button, CommandButton) or not button.isVisible():
                continue
            if len(name) > MOST_NAMED:
                name = f"{name[:MOST_NAMED]}…"
            yield Entry(
                f"button:{dock.view.view_id}:{name}",
                f"{dock.view.title}: {name}",
                tr("button"),
                button.click,
                tr("on") if button.isCheckable() and button.isChecked() else "",
                "" if button.isEnabled() else DISABLED,
            )


def _state(action: QAction) -> str:
    return tr("on") if action.isCheckable() and action.isChecked() else ""
