"""Everything by keyboard: moments, neurons, runs and docks, and the palette that finds them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PySide6.QtCore import QObject
from PySide6.QtWidgets import QMainWindow

from spikestudio.app import theme
from spikestudio.app.actions import Actions
from spikestudio.app.context import Context
from spikestudio.app.dock_focus import DockFocus
from spikestudio.app.docks import DockManager, Views
from spikestudio.app.palette_entries import Sources, entries, layers, neurons
from spikestudio.app.viewmodels.provenance import FAILED, Opened, origin_of, rows
from spikestudio.app.views.compare_controls import MODES
from spikestudio.app.views.keys_dialog import KeysDialog
from spikestudio.app.views.palette import Entry, Palette
from spikestudio.app.views.provenance_card import ProvenanceCard
from spikestudio.errors import ConfigError, SpikeStudioError
from spikestudio.language import tr
from spikestudio.sampling.request import SamplingRequest

if TYPE_CHECKING:
    from spikestudio.app.levels import Levels
    from spikestudio.app.notifications import Notifications
    from spikestudio.app.viewmodels.history import Entry as EndedEntry

NOTHING_SAMPLED = tr("Nothing was sampled yet.")
NO_RUN = tr("No run is in progress.")
NO_MODEL = tr("No model is loaded.")
LOADING = tr("The model is being loaded.")
NO_PAIR = tr("Two runs that have ended are compared: sample twice first.")
NOT_ENDED = tr("No run has ended yet.")
ELSEWHERE = tr("It cannot be done now.")
MOST_RECENT = 20


class Navigation(QObject):
    """Does the commands that belong to no single dock, and opens the palette.

    A command that cannot be done now says why when it is asked for.
    """

    def __init__(
        self,
        window: QMainWindow,
        context: Context,
        views: Views,
        docks: DockManager,
        commands: Actions,
        messages: Notifications,
    ) -> None:
        super().__init__(window)
        self._window, self._context, self._views = window, context, views
        self._docks, self._commands, self._messages = docks, commands, messages
        self.focus = DockFocus(window, docks)
        self.levels: Levels | None = None  # set by the window, which makes it later
        self.recent: list[str] = []  # what was done from the palette, the newest first
        for dock in docks.docks.values():
            dock.installEventFilter(commands)  # one that floats is a window of its own
        self._obstacles, self._calls = self._obstacle_table(), self._call_table()
        for name, call in self._calls.items():
            commands[name].triggered.connect(self._guarded(name, call))

    def _call_table(self) -> dict[str, Callable[[], object]]:
        timeline, focus, theme_ = self._context.timeline, self.focus, theme.manager
        return {
            "palette": self.open_palette,
            "find": self.open_find,
            "keys": self.open_keys,
            "high-contrast": lambda: theme_.set_high_contrast(on=not theme_.is_high_contrast),
            "next-dock": lambda: focus.go(1),
            "previous-dock": lambda: focus.go(-1),
            "next-tab": lambda: focus.turn(1),
            "previous-tab": lambda: focus.turn(-1),
            "snn-back": lambda: timeline.snn_by(-1),
            "snn-forward": lambda: timeline.snn_by(1),
            "step-back": lambda: timeline.step_by(-1),
            "step-forward": lambda: timeline.step_by(1),
            "first": timeline.go_first,
            "last": timeline.go_last,
            "live": timeline.go_live,
            "play": timeline.toggle_playing,
            "faster": timeline.faster,
            "slower": timeline.slower,
            "bookmark": timeline.toggle_bookmark,
            "next-neuron": lambda: self._go_neuron(1),
            "previous-neuron": lambda: self._go_neuron(-1),
            "compare-mode": self._change_comparison,
            "swap": self._context.comparison.swap,
            "image-info": self._show_information,
            "recall-all": self._recall_all,
            "recall-seed": self._recall_seed,
            "remix": self._remix,
        }

    def _obstacle_table(self) -> dict[str, Callable[[], str]]:
        context = self._context
        sampler, timeline = context.sampler, context.timeline

        def sampling() -> str:
            if sampler.model is None:
                return NO_MODEL
            return LOADING if sampler.is_loading else ""

        def moment() -> str:
            return "" if timeline.steps_done else NOTHING_SAMPLED

        def pair() -> str:
            return "" if context.comparison.b is not None else NO_PAIR

        def recall() -> str:
            entry = self._entry()
            return NOT_ENDED if entry is None else context.history.cannot_duplicate(entry)

        def information() -> str:
            entry = self._entry()
            if entry is None:
                return NOT_ENDED
            return FAILED if entry.result is None else ""

        moments = (
            *("snn-back", "snn-forward", "step-back", "step-forward", "first", "last", "live"),
            *("play", "bookmark", "next-neuron", "previous-neuron"),
        )
        return {
            **dict.fromkeys(("sample", "sample-next", "step"), sampling),
            **dict.fromkeys(("pause", "cancel"), lambda: NO_RUN),
            **dict.fromkeys(("copy-python", "copy-command"), lambda: NOT_ENDED),
            **dict.fromkeys(moments, moment),
            **dict.fromkeys(("compare-mode", "swap"), pair),
            **dict.fromkeys(("recall-all", "remix"), recall),
            "recall-seed": lambda: NOT_ENDED if self._entry() is None else sampling(),
            "image-info": information,
        }

    def obstacle(self, command_id: str) -> str:
        """Return why a command cannot be done now, as a sentence; empty if it can."""
        is_enabled = self._commands[command_id].isEnabled()
        if is_enabled and command_id not in self._calls:
            return ""
        found = self._obstacles[command_id]() if command_id in self._obstacles else ""
        return found if is_enabled else found or ELSEWHERE

    def _guarded(self, name: str, call: Callable[[], object]) -> Callable[[], None]:
        def run() -> None:
            reason = self.obstacle(name)
            if reason:
                self._messages.info(reason)
                return
            try:
                call()
            except ConfigError as error:
                self._messages.warn(str(error))
            self._context.bridge.wake()

        return run

    # palette --------------------------------------------------------------------------------

    def open_palette(self) -> None:
        """Offer every command, layout, dock and model."""
        found = self._found(self._sources())
        self._open(Palette(tr("Command palette"), found, self.recent, self._window))

    def open_find(self) -> None:
        """Offer the layers of the run, neurons by their number, and everything else."""
        sources = self._sources()
        found = [*layers(sources), *self._found(sources)]
        palette = Palette(
            tr("Find a layer, neuron or command"),
            found,
            self.recent,
            self._window,
            lambda typed: neurons(sources, typed),
        )
        self._open(palette)

    def _open(self, palette: Palette) -> None:
        del self.recent[MOST_RECENT:]
        palette.open()
        palette.field.setFocus()

    def _found(self, sources: Sources) -> list[Entry]:
        """Return what there is; what the level hides says so."""
        found = entries(sources)
        return found if self.levels is None else self.levels.found(found)

    def _sources(self) -> Sources:
        return Sources(
            self._window, self._context, self._docks, self._commands, self.obstacle, self.focus.open
        )

    def open_keys(self) -> None:
        """Open the dialog in which commands are given other keys."""
        KeysDialog(self._commands, self._window).open()

    # neurons --------------------------------------------------------------------------------

    def _go_neuron(self, rows_on: int) -> None:
        """Watch the neuron ``rows_on`` below the newest watched one in the raster."""
        run = self._context.run
        layer = run.layer(run.selection.layer)
        if layer is None:
            return
        order = self._raster_order(layer.id)
        if order is None:
            order = np.arange(layer.num_neurons)
        if not order.size:
            self._messages.info(tr("The raster shows no neuron of this layer."))
            return
        watched = run.selection.neurons
        places = np.flatnonzero(order == watched[-1]) if watched else np.empty(0, np.intp)
        before = -1 if rows_on > 0 else 0  # of what is gone to if none is watched
        place = (int(places[0]) if places.size else before) + rows_on
        run.select(neurons=(int(order[place % order.size]),))

    def _raster_order(self, layer: str) -> np.ndarray | None:
        """Neurons of a layer from top to bottom of the raster, where that can be seen."""
        raster = self._views.raster
        shown = raster.shown() if raster.isVisible() and not raster.stack.is_empty else None
        groups = shown.groups if shown is not None else ()
        found = [order for each, order in groups if each.id == layer]
        return found[0] if found else None

    # runs -----------------------------------------------------------------------------------

    def _entry(self) -> EndedEntry | None:
        """The run chosen in the history while that is in use, else the run shown, else the last."""
        history = self._context.history
        if self._docks.dock_in_use().view is self._views.history and self._views.history.chosen:
            return self._views.history.chosen
        return history.shown or (history.entries[-1] if history.entries else None)

    def _recall_all(self) -> None:
        entry = self._entry()
        assert entry is not None
        self._context.history.duplicate(entry.key)
        self._messages.done(tr("All settings of {entry} are in the sampler.", entry=entry.name))

    def _recall_seed(self) -> None:
        entry = self._entry()
        assert entry is not None
        self._context.sampler.set(seed=entry.request.seed)
        self._messages.done(
            tr(
                "The seed of {entry} is in the sampler: {seed}.",
                entry=entry.name,
                seed=entry.request.seed,
            )
        )

    def _remix(self) -> None:
        entry = self._entry()
        assert entry is not None
        request = replace(entry.request, seed=self._context.sampler.request.seed)
        values = {each.name: getattr(request, each.name) for each in fields(SamplingRequest)}
        self._context.sampler.set(**values)
        self._context.history.derive_from(entry.key)
        self._messages.done(
            tr("All settings of {entry} but its seed are in the sampler.", entry=entry.name)
        )

    def _show_information(self) -> None:
        """Show how the run was made, as a file of it would tell."""
        from spikestudio.export.origin import Origin

        entry = self._entry()
        values = None if entry is None else origin_of(entry)
        if entry is None or values is None:
            return
        try:
            origin = Origin.of(values)
        except SpikeStudioError as error:
            self._messages.warn(str(error))
            return
        name = entry.path or Path(entry.name[:1].upper() + entry.name[1:])
        opened = Opened(name, origin, (), tuple(rows(origin, ())))
        ProvenanceCard(opened, self._context.provenance, self._window).open()

    def _change_comparison(self) -> None:
        """Bring the comparison to the front, or show it the next way if it is there."""
        compare = self._docks.docks["compare"]
        if compare.isHidden() or not compare.is_in_front:
            self._docks.bring("compare")
            return
        modes = self._views.compare.controls.mode
        offered = [each for each in range(len(MODES)) if not modes.button(each).isHidden()]
        place = offered.index(modes.current) if modes.current in offered else -1
        modes.button(offered[(place + 1) % len(offered)]).click()
