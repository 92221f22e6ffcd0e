"""How much of the window is shown: three levels, as data, that hide parts and never change a value."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, QObject, QTimer, Signal, Slot
from PySide6.QtGui import QAction, QActionGroup
from PySide6.QtWidgets import QMenu, QVBoxLayout, QWidget

from spikestudio.app.layouts import LAYOUTS
from spikestudio.app.lesson_controls import CONTROLS, Parts, title_of, widget_of
from spikestudio.app.views.palette import Entry
from spikestudio.language import tr

if TYPE_CHECKING:
    from spikestudio.app.docks import DockManager
    from spikestudio.app.viewmodels.lesson import LessonModel

LEVELS = {
    "intro": (
        tr("Intro"),
        tr("The image, spikes and potentials, and the few controls of a first lesson"),
    ),
    "explore": (
        tr("Explore"),
        tr("Also tokens, runs compared, layers, and every control of the sampler"),
    ),
    "lab": (
        tr("Lab"),
        tr("Everything: lesions, sweeps, benchmarks, training and the model library"),
    ),
}
FIRST = {
    "dock": {
        **dict.fromkeys(
            ("mosaic", "layers", "codebook", "vqsvae", "efficiency", "history", "queue"), "explore"
        ),
        **dict.fromkeys(("compare", "thresholds", "notes"), "explore"),
        **dict.fromkeys(("lesions", "sweep", "bench", "training", "library"), "lab"),
    },
    "command": {
        **dict.fromkeys(("sample-next", "record", "export-raster", "report"), "explore"),
        **dict.fromkeys(("compare-mode", "swap", "image-info", "bookmark"), "explore"),
        **dict.fromkeys(("recall-all", "recall-seed", "remix"), "explore"),
        **dict.fromkeys(("copy-python", "copy-command", "keys"), "lab"),
    },
    "layout": {"Inspect": "explore", "Tokens": "explore", "Sweep": "lab", "Models": "lab"},
    "row": {
        **dict.fromkeys(("sampler.snn-steps", "sampler.temperature"), "explore"),
        "sampler.guidance": "explore",
        "sampler.clip": "lab",
    },
}
"""The level from which on something is shown; what is not here is always shown."""

ROWS = (
    *("sampler.steps", "sampler.snn-steps", "sampler.threshold", "sampler.temperature"),
    *("sampler.guidance", "sampler.clip"),
)
"""Controls that can be hidden, by a level or by a lesson pack."""
_ORDER = tuple(LEVELS)


def first_level(kind: str, name: str) -> str:
    """Return the level from which on a ``dock``, ``command``, ``layout`` or ``row`` is shown."""
    return FIRST[kind].get(name, _ORDER[0])


class Levels(QObject):
    """Shows and hides docks, commands, layouts and rows of the sampler in one window.

    What a page of a lesson shows or points at is there at every level. A pack may ``hold`` a level,
    which the user's own gives way to until it is released.
    """

    changed = Signal(str)

    def __init__(
        self,
        window: QWidget,
        docks: DockManager,
        parts: Parts,
        view_menu: QMenu,
        lesson: LessonModel,
        level: str = "lab",
    ) -> None:
        super().__init__(window)
        self._docks, self._parts, self._menu, self._lesson = docks, parts, view_menu, lesson
        self.own = level if level in LEVELS else _ORDER[-1]
        self._held: str = ""
        self._visible: tuple[str, ...] | None = None
        self._closed: list[str] = []  # docks that a level closed, and opens again
        self._covers: dict[str, Cover] = {}
        self._settle = QTimer(self)
        self._settle.setSingleShot(True)
        self._settle.timeout.connect(self.enforce)
        self._group = QActionGroup(self)
        self.actions = {name: self._action(name) for name in LEVELS}
        view_menu.addSeparator()
        view_menu.addAction(tr("Level")).setEnabled(False)
        view_menu.addActions(list(self.actions.values()))
        docks.layoutChanged.connect(self._on_layout)
        docks.frontChanged.connect(self._soon)
        lesson.changed.connect(self._soon)
        self.enforce()

    def _action(self, name: str) -> QAction:
        title, tip = LEVELS[name]
        action = QAction(tr("Level {title}", title=title), self)
        action.setToolTip(tip)
        action.setCheckable(True)
        action.triggered.connect(lambda: self.choose(name))
        self._group.addAction(action)
        return action

    # the level ------------------------------------------------------------------------------

    @property
    def level(self) -> str:
        """The level in force."""
        return self._held or self.own

    @property
    def is_held(self) -> bool:
        """Whether a pack says what is shown."""
        return bool(self._held) or self._visible is not None

    def choose(self, level: str) -> None:
        """Show as much as a level has."""
        self.own = level
        self._announce()

    def hold(self, level: str, visible: Iterable[str] | None) -> None:
        """Show what a pack says: a level (empty: the user's), and of the rows only these."""
        self._held = level
        self._visible = None if visible is None else tuple(visible)
        self._announce()

    def release(self) -> None:
        """Go back to the user's level."""
        self.hold("", None)

    def reveal(self, kind: str, name: str) -> None:
        """Go to the lowest level that shows something, unless it is shown."""
        if not self.shows(kind, name) and not self.is_held:
            self.choose(first_level(kind, name))

    def shows(self, kind: str, name: str) -> bool:
        """Whether something is shown now."""
        if name in self._needed(kind):
            return True
        if kind == "row" and self._visible is not None:
            return name in self._visible
        return _ORDER.index(first_level(kind, name)) <= _ORDER.index(self.level)

    def _needed(self, kind: str) -> set[str]:
        """Return what the page of a lesson needs."""
        page = self._lesson.page
        if page is None:
            return set()
        predict = page.predict
        controls = {page.point, *(predict.locks if predict else ())} & CONTROLS.keys()
        if kind == "row":
            return controls
        if kind == "dock":
            docks = {name for column in page.start.show for name in column}
            return docks | {CONTROLS[each].dock for each in controls}
        return set()

    def _announce(self) -> None:
        self.enforce()
        self.changed.emit(self.level)

    # what is shown --------------------------------------------------------------------------

    @Slot(str)
    def _on_layout(self, _name: str) -> None:
        self._closed = []  # the docks are arranged anew
        self._soon()

    @Slot()
    def _soon(self) -> None:
        if not self._settle.isActive():
            self._settle.start(0)

    @Slot()
    def enforce(self) -> None:
        """Show and hide everything as the level says."""
        self._show_docks()
        for command in FIRST["command"]:
            _set_visible(self._parts.actions[command], self.shows("command", command))
        for action in self._menu.actions():
            if action.text() in LAYOUTS:
                _set_visible(action, self.shows("layout", action.text()))
        for row in ROWS:
            self._show_row(row, is_shown=self.shows("row", row))
        for name, action in self.actions.items():
            action.setChecked(name == self.level)
            action.setEnabled(not self.is_held)

    def _show_docks(self) -> None:
        docks = self._docks.docks
        if self._docks.is_presenting:
            return
        front = [dock for dock in docks.values() if not dock.isHidden() and dock.is_in_front]
        opened = False
        for name, dock in docks.items():
            is_shown = self.shows("dock", name)
            _set_visible(dock.toggleViewAction(), is_shown)
            if not is_shown and not dock.isHidden():
                self._closed.append(name)
                dock.hide()
            elif is_shown and name in self._closed:
                self._closed.remove(name)
                opened |= dock.isHidden()
                dock.show()
        if opened:
            for dock in front:  # a tab that came back does not cover what was looked at
                dock.raise_()

    def _show_row(self, control_id: str, *, is_shown: bool) -> None:
        cover = self._covers.get(control_id)
        if cover is None and not is_shown:
            widget = widget_of(control_id, self._parts)
            if widget is not None:
                cover = self._covers[control_id] = Cover(widget)
        if cover is not None:
            cover.set_shown(is_shown)

    # the palette ----------------------------------------------------------------------------

    def found(self, entries: Iterable[Entry]) -> list[Entry]:
        """Return the palette's entries: what is hidden says at which level it is shown.

        Choosing it goes to that level first. Rows that are hidden are added.
        """
        result = []
        for entry in entries:
            kind, _, name = entry.key.partition(":")
            kind = "dock" if kind == "close" else kind
            is_hidden = kind in FIRST and not self.shows(kind, name)
            result.append(self._told(entry, kind, name) if is_hidden else entry)
        for row in ROWS:
            if not self.shows("row", row):
                text = title_of(row, self._parts)
                entry = Entry(f"row:{row}", text, tr("control"), self._opener(row))
                result.append(self._told(entry, "row", row))
        return result

    def _told(self, entry: Entry, kind: str, name: str) -> Entry:
        title = LEVELS[first_level(kind, name)][0]
        reason = tr("The lesson pack hides it: leave the lesson first.") if self.is_held else ""
        call = entry.call

        def reveal() -> None:
            self.reveal(kind, name)
            call()

        return replace(
            entry, detail=tr("shown at level {title}", title=title), reason=reason, call=reveal
        )

    def _opener(self, row: str) -> Callable[[], None]:
        return lambda: self._docks.bring(CONTROLS[row].dock)


class Cover(QWidget):
    """Takes the place of a widget in its layout, so that it can be hidden without its knowing.

    Whether the widget itself is to be seen stays what its view made it.
    """

    def __init__(self, content: QWidget) -> None:
        parent = content.parentWidget()
        assert parent is not None  # it lies in a layout
        super().__init__(parent)
        self._content, self._is_shown = content, True
        is_hidden = content.isHidden()
        layout = parent.layout()
        if layout is not None:
            layout.replaceWidget(content, self)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(content)
        content.setVisible(not is_hidden)
        content.installEventFilter(self)

    def set_shown(self, is_shown: bool) -> None:
        """Show the widget, if its view does, or hide it."""
        self._is_shown = is_shown
        self._follow()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802  Qt override
        if event.type() in (QEvent.Type.ShowToParent, QEvent.Type.HideToParent):
            self._follow()
        return False

    def _follow(self) -> None:
        self.setVisible(self._is_shown and not self._content.isHidden())


def _set_visible(action: QAction, is_visible: bool) -> None:
    if action.isVisible() != is_visible:
        action.setVisible(is_visible)
