"""History dock: the runs of this session, to be looked at, repeated and compared."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, ClassVar

from PySide6.QtCore import QSize, Qt, Signal, Slot
from PySide6.QtGui import QAction, QGuiApplication, QKeySequence
from PySide6.QtWidgets import QAbstractItemView, QListView, QToolButton, QWidget

from spikestudio.app import theme
from spikestudio.app.viewmodels.comparison import ComparisonModel
from spikestudio.app.viewmodels.history import Entry, HistoryModel
from spikestudio.app.viewmodels.provenance import FAILED, command_of, origin_of, python_of
from spikestudio.app.views.base import View
from spikestudio.app.views.history_rows import HistoryDelegate, HistoryRows
from spikestudio.app.views.parts import Caption, EmptyStack, fill, stacked, tool_row
from spikestudio.errors import ConfigError
from spikestudio.language import tr, tr_n
from spikestudio.recording.record import MEBIBYTE

if TYPE_CHECKING:
    from spikestudio.app.viewmodels.run import RunModel
    from spikestudio.app.viewmodels.sampler import SamplerModel
    from spikestudio.app.viewmodels.timeline import TimelineModel

EMPTY = tr("Every run of this session is listed here once it has ended.")
CHOOSE = tr("Choose a run first.")


class HistoryView(View):
    """List of runs, and what can be done with the one that is chosen."""

    view_id: ClassVar[str] = "history"
    title: ClassVar[str] = tr("History")
    help_text: ClassVar[str] = tr(
        "Every run of this session that has ended, the newest first, and what it asks for that the\n"
        "run before it, or the one that it was made from, did not.\n"
        "Look: show it in every dock again (double-click, Enter). Duplicate: put its settings in the\n"
        "sampler (Ctrl+D). Branch: go on from the step looked at with other settings (Ctrl+B).\n"
        "A, B: compare it in the compare dock (Ctrl+1, Ctrl+2). Keep: let its recording go last\n"
        "(Ctrl+K). Delete: forget it (Del). Copy as Python, as command line: the program or command\n"
        "that draws the same pixels again, in the menu of a run.\n"
        "Recordings together take at most twice what one may; beyond that the oldest goes first. Its\n"
        "images, settings and rates stay. Right-click a run for all of this."
    )

    sampleRequested = Signal()  # noqa: N815
    told = Signal(str)  # what was copied, or why not

    def __init__(
        self,
        run: RunModel,
        timeline: TimelineModel,
        history: HistoryModel,
        comparison: ComparisonModel,
        parent: QWidget | None = None,
        *,
        sampler: SamplerModel | None = None,
    ) -> None:
        super().__init__(run, parent)
        self._sampler = sampler
        self._timeline, self._history, self._comparison = timeline, history, comparison
        self.rows = HistoryRows(history, comparison)
        self.list = QListView()
        self.list.setModel(self.rows)
        self.list.setItemDelegate(HistoryDelegate(self.list))
        self.list.setAccessibleName(tr("Runs of this session"))
        self.list.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.list.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.list.setContextMenuPolicy(Qt.ContextMenuPolicy.ActionsContextMenu)
        self.list.setMouseTracking(True)
        self.list.setMinimumHeight(theme.px(80))
        self.actions_by_name: dict[str, QAction] = {}
        buttons = [
            self._add("look", tr("Look"), ("Return", "Enter"), self._look),
            self._add("duplicate", tr("Duplicate"), ("Ctrl+D",), self._duplicate),
            self._add("branch", tr("Branch"), ("Ctrl+B",), self._branch),
            self._add("a", "A", ("Ctrl+1",), self._mark_a),
            self._add("b", "B", ("Ctrl+2",), self._mark_b),
            self._add("keep", tr("Keep"), ("Ctrl+K",), self._keep),
            self._add("delete", tr("Delete"), ("Del",), self._delete),
        ]
        self.actions_by_name["keep"].setCheckable(True)
        self._add_to_menu("python", tr("Copy as Python"), (), self._copy_python)
        self._add_to_menu("command", tr("Copy as command line"), (), self._copy_command)
        self.caption = Caption()
        self.stack = EmptyStack(
            stacked(tool_row(*buttons), self.list, self.caption, stretch=self.list), EMPTY
        )
        fill(self, self.stack)
        self.stack.sampleRequested.connect(self.sampleRequested)
        self.list.doubleClicked.connect(self._look)
        self.list.selectionModel().currentChanged.connect(self._show_actions)
        history.entryAdded.connect(self._on_entry_added)
        for signal in (history.changed, comparison.changed, timeline.cursorChanged, run.started):
            signal.connect(self.mark_dirty)
        theme.manager.changed.connect(self._restyle)

    def _add(
        self, name: str, text: str, keys: tuple[str, ...], call: Callable[[], None]
    ) -> QToolButton:
        button = QToolButton()
        button.setDefaultAction(self._add_to_menu(name, text, keys, call))
        button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextOnly)
        button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        return button

    def _add_to_menu(
        self, name: str, text: str, keys: tuple[str, ...], call: Callable[[], None]
    ) -> QAction:
        action = QAction(text, self.list)
        action.setShortcuts([QKeySequence(key) for key in keys])
        action.setShortcutContext(Qt.ShortcutContext.WidgetShortcut)
        action.triggered.connect(call)
        self.list.addAction(action)
        self.actions_by_name[name] = action
        return action

    @property
    def chosen(self) -> Entry | None:
        """The run of the row that is chosen."""
        return self.rows.entry(self.list.currentIndex())

    def choose(self, key: int) -> None:
        """Choose the row of a run."""
        self.list.setCurrentIndex(self.rows.index_of(key))

    def refresh(self) -> None:
        """List the runs that there are now."""
        if not self._history.entries:
            self.rows.reload()
            self.stack.show_empty(EMPTY)
            return
        self.stack.show_content()
        self._reload()
        number = len(self._history.entries)
        used, budget = self._history.bytes_used, self._history.budget_bytes
        self.caption.set_text(
            tr_n(
                "{number:,} run, recordings {used:,.3g} of {budget:,.0f} MiB",
                "{number:,} runs, recordings {used:,.3g} of {budget:,.0f} MiB",
                number,
                number=number,
                used=used / MEBIBYTE,
                budget=budget / MEBIBYTE,
            )
        )
        self._show_actions()

    @Slot()
    def _show_actions(self, *_: object) -> None:
        """Say of each action whether it can be done with the run chosen, and if not why."""
        entry, history = self.chosen, self._history
        step = self._timeline.cursor.step
        a, b = self._comparison.a, self._comparison.b
        for name, tip, obstacle in (
            ("look", tr("Show this run in every dock again"), entry and history.cannot_look(entry)),
            (
                "duplicate",
                tr("Put the settings of this run in the sampler"),
                entry and history.cannot_duplicate(entry),
            ),
            (
                "branch",
                tr(
                    "Go on from step {step:,}, which is looked at, with other settings",
                    step=step + 1,
                ),
                entry and history.cannot_branch(entry),
            ),
            (
                "a",
                tr("Compare this run, as A"),
                tr("This run is A.") if entry and entry is a else "",
            ),
            (
                "b",
                tr("Compare this run, as B"),
                tr("This run is B.") if entry and entry is b else "",
            ),
            ("keep", tr("Let the recording of this run go last"), _cannot_keep(entry)),
            ("delete", tr("Forget this run"), ""),
            ("python", tr("Copy the program that repeats this run"), _cannot_copy(entry)),
            ("command", tr("Copy the command that repeats this run"), _cannot_copy(entry)),
        ):
            action = self.actions_by_name[name]
            reason = CHOOSE if entry is None else obstacle or ""
            action.setEnabled(not reason)
            keys = action.shortcut().toString(QKeySequence.SequenceFormat.NativeText)
            action.setToolTip(reason or (f"{tip} ({keys})" if keys else tip))
        self.actions_by_name["keep"].setChecked(bool(entry and entry.is_pinned))

    # actions --------------------------------------------------------------------------------

    @Slot()
    def _look(self, _index: object = None) -> None:
        self._with_chosen(self._history.look)

    @Slot()
    def _duplicate(self) -> None:
        self._with_chosen(self._history.duplicate)

    @Slot()
    def _branch(self) -> None:
        step = self._timeline.cursor.step
        self._with_chosen(lambda key: self._history.branch(key, step))

    @Slot()
    def _mark_a(self) -> None:
        self._with_chosen(lambda key: self._comparison.mark("a", key))

    @Slot()
    def _mark_b(self) -> None:
        self._with_chosen(lambda key: self._comparison.mark("b", key))

    @Slot()
    def _keep(self) -> None:
        entry = self.chosen
        if entry is not None:
            self._history.set_pinned(entry.key, is_pinned=not entry.is_pinned)
            self._redraw()

    @Slot()
    def _delete(self) -> None:
        row = self.list.currentIndex().row()
        self._with_chosen(self._history.delete)
        if self.rows.rowCount():
            self.list.setCurrentIndex(self.rows.index(min(row, self.rows.rowCount() - 1)))

    @Slot()
    def _copy_python(self) -> None:
        self._copy(python_of)

    @Slot()
    def _copy_command(self) -> None:
        self._copy(command_of)

    def _copy(self, text_of: Callable[..., str]) -> None:
        """Put what repeats the chosen run on the clipboard."""
        entry = self.chosen
        origin = None if entry is None else origin_of(entry)
        if entry is None or origin is None:
            return
        model = None if self._sampler is None else self._sampler.model
        try:
            QGuiApplication.clipboard().setText(text_of(origin, model))
        except ConfigError as error:
            self.told.emit(str(error))
            return
        self.told.emit(tr("Copied what repeats {entry}.", entry=entry.name))

    def _with_chosen(self, call: Callable[[int], None]) -> None:
        entry = self.chosen
        if entry is not None:
            call(entry.key)
            self._redraw()

    def _redraw(self) -> None:
        self.mark_dirty()
        self.draw_if_needed()

    @Slot(int)
    def _on_entry_added(self, key: int) -> None:
        """Choose the newest run, unless the user is at another one of the list."""
        is_newest_chosen = self.list.currentIndex().row() <= 0
        self._reload()
        if is_newest_chosen:
            self.choose(key)
        self.mark_dirty()

    def _reload(self) -> None:
        """Take over the runs that there are; the one that is chosen stays."""
        before = self.chosen
        if self.rows.reload():
            if before is not None:
                self.choose(before.key)
            if self.chosen is None:
                self.list.setCurrentIndex(self.rows.index(0))

    @Slot()
    def _restyle(self) -> None:
        self.list.doItemsLayout()

    def sizeHint(self) -> QSize:  # noqa: N802  Qt override
        return QSize(theme.px(320), theme.px(320))


def _cannot_copy(entry: Entry | None) -> str:
    return FAILED if entry and entry.result is None else ""


def _cannot_keep(entry: Entry | None) -> str:
    is_gone = entry is not None and entry.ended is None and entry.stored is None
    return tr("Its recording was let go.") if is_gone else ""
