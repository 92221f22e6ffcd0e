"""Queue dock: the run in progress and those that wait for their turn."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, ClassVar

from PySide6.QtCore import QSize, Qt, Signal, Slot
from PySide6.QtGui import QAction, QKeyEvent, QKeySequence
from PySide6.QtWidgets import QAbstractItemView, QListView, QPushButton, QToolButton, QWidget

from spikestudio.app import theme
from spikestudio.app.viewmodels.queue import QueueModel
from spikestudio.app.viewmodels.queued_run import QueuedRun
from spikestudio.app.views.base import View
from spikestudio.app.views.parts import Caption, EmptyStack, fill, line, stacked, tool_row
from spikestudio.app.views.queue_rows import QueueDelegate, QueueRows
from spikestudio.language import tr

if TYPE_CHECKING:
    from spikestudio.app.viewmodels.run import RunModel

EMPTY = tr(
    "Nothing is being sampled and nothing waits. "
    "What is asked for while a run goes on is listed here until its turn."
)
NOTHING_LEFT = tr("Nothing waits.")
CHOOSE = tr("Choose a run first.")
RUNS = tr("It is being sampled: only those that wait can change places.")


class QueueView(View):
    """List of the queue, and what can be done with the entry that is chosen."""

    view_id: ClassVar[str] = "queue"
    title: ClassVar[str] = tr("Queue")
    help_text: ClassVar[str] = tr(
        "The run in progress, and those that wait, each with what it asks for that the one before it\n"
        "does not. Sample (Ctrl+Enter) during a run lets another one wait; Ctrl+Shift+Enter puts it\n"
        "in front. What waits keeps its settings and model, whatever the sliders do meanwhile. Layer\n"
        "and neurons recorded in full are those looked at when it starts.\n"
        "Drag a row, or Alt+Up, Alt+Down: another place. Del: stop this run, or take this one away.\n"
        "Ctrl+Z: put back what was taken away last. Ctrl+D: the same once more. Ctrl+P: the queue\n"
        "pauses after this one, until Go on.\n"
        "A run that was cancelled or failed does not stop the queue; two failures in a row do. A run\n"
        "that is paused goes first. Another model is loaded when it is needed."
    )

    sampleRequested = Signal()  # noqa: N815

    def __init__(self, run: RunModel, queue: QueueModel, parent: QWidget | None = None) -> None:
        super().__init__(run, parent)
        self._queue = queue
        self._is_progress_dirty = False
        self.rows = QueueRows(run, queue)
        self.list = self._made_list()
        self.actions_by_name: dict[str, QAction] = {}
        buttons = [
            self._add("cancel", tr("Cancel this"), ("Del",), self._cancel),
            self._add("pausing", tr("Pause after this"), ("Ctrl+P",), self._toggle_pausing),
            self._add("duplicate", tr("Duplicate"), ("Ctrl+D",), self._duplicate),
            self._add("up", tr("Up"), ("Alt+Up",), self._up),
            self._add("down", tr("Down"), ("Alt+Down",), self._down),
            self._add("clear", tr("Clear"), ("Ctrl+Del",), self._clear),
            self._add("put-back", tr("Put back"), ("Ctrl+Z",), self._put_back),
        ]
        self.put_back = buttons[-1]  # only where there is something to put back
        self.actions_by_name["pausing"].setCheckable(True)
        self.go_on = QPushButton(tr("Go on"))
        theme.set_role(self.go_on, "outline")
        self.go_on.setToolTip(tr("Start the next one of the queue"))
        self.reason = Caption(token="warn")
        self.held = line(self.reason, self.go_on)
        self.held.hide()
        self.caption = Caption()
        content = stacked(tool_row(*buttons), self.held, self.list, self.caption, stretch=self.list)
        self.stack = EmptyStack(content, EMPTY)
        fill(self, self.stack)
        self._connect()

    def _made_list(self) -> QListView:
        made = _List()
        made.setModel(self.rows)
        made.setItemDelegate(QueueDelegate(made))
        made.setAccessibleName(tr("Run in progress and runs that wait"))
        made.setUniformItemSizes(True)
        made.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        made.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        made.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        made.setContextMenuPolicy(Qt.ContextMenuPolicy.ActionsContextMenu)
        made.setDragDropMode(QAbstractItemView.DragDropMode.InternalMove)
        made.setDefaultDropAction(Qt.DropAction.MoveAction)
        made.setDragDropOverwriteMode(False)
        made.setMouseTracking(True)
        made.setMinimumHeight(theme.px(80))
        return made

    def _add(
        self, name: str, text: str, keys: tuple[str, ...], call: Callable[[], None]
    ) -> QToolButton:
        action = QAction(text, self.list)
        action.setShortcuts([QKeySequence(key) for key in keys])
        action.setShortcutContext(Qt.ShortcutContext.WidgetShortcut)
        action.triggered.connect(call)
        self.list.addAction(action)
        self.actions_by_name[name] = action
        button = QToolButton()
        button.setDefaultAction(action)
        button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextOnly)
        button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        return button

    def _connect(self) -> None:
        self.stack.sampleRequested.connect(self.sampleRequested)
        self.go_on.clicked.connect(self._queue.go_on)
        self.list.selectionModel().currentChanged.connect(self._show_actions)
        self.rows.moved.connect(self.choose)
        for signal in (self._queue.changed, self.run.stateChanged, self.run.started):
            signal.connect(self.mark_dirty)
        for signal in (self.run.stepFinished, self.run.previewChanged):
            signal.connect(self._mark_progress_dirty)
        theme.manager.changed.connect(self._restyle)

    @property
    def chosen(self) -> QueuedRun | None:
        """What the chosen row shows."""
        return self.rows.entry(self.list.currentIndex())

    @Slot(int)
    def choose(self, key: int) -> None:
        """Choose the row of a key."""
        self.list.setCurrentIndex(self.rows.index_of(key))

    # drawing --------------------------------------------------------------------------------

    @Slot()
    def _mark_progress_dirty(self) -> None:
        self._is_progress_dirty = True

    def draw_if_needed(self) -> bool:
        has_drawn = super().draw_if_needed()
        if has_drawn or not (self._is_progress_dirty and self.isVisible()):
            return has_drawn
        self._is_progress_dirty = False
        self.rows.show_progress()
        return True

    def refresh(self) -> None:
        """List what runs and waits now."""
        self._is_progress_dirty = False
        queue = self._queue
        if not queue.entries and not queue.can_put_back:
            self.rows.reload()
            self.stack.show_empty(EMPTY)
            return
        self.stack.show_content()
        self._reload()
        self.reason.set_text(queue.held)
        self.held.setVisible(bool(queue.held))
        self.caption.set_text(self._summary())
        self._show_actions()

    def _summary(self) -> str:
        queue = self._queue
        number = len(queue.waiting)
        if not queue.entries:
            return NOTHING_LEFT
        running = tr("1 run in progress") if queue.current else tr("no run in progress")
        others = sum(not each.is_made_with(queue.model) for each in queue.waiting)
        model = (
            tr(", {others:,} with another model than the one in use", others=others)
            if others
            else ""
        )
        return tr(
            "{running}, {number:,} waiting{model}", running=running, number=number, model=model
        )

    def _reload(self) -> None:
        """Take over what there is; the row that is chosen stays, or the one in its place is."""
        before, row = self.chosen, self.list.currentIndex().row()
        if not self.rows.reload():
            return
        if before is not None:
            self.choose(before.key)
        if self.chosen is None and self.rows.rowCount():
            row = min(max(row, 0), self.rows.rowCount() - 1)
            self.list.setCurrentIndex(self.rows.index(row))

    @Slot()
    def _show_actions(self, *_: object) -> None:
        """Say of each action whether it can be done with the entry chosen, and if not why."""
        entry, queue = self.chosen, self._queue
        is_current = entry is not None and entry is queue.current
        place = queue.place(entry.key) if entry else None
        is_last = place is not None and place == len(queue.waiting) - 1
        none = CHOOSE if entry is None else ""
        stays = none or (RUNS if is_current else "")
        cancel = (
            tr("Stop this run and keep what it has") if is_current else tr("Take this one away")
        )
        for name, tip, obstacle in (
            ("cancel", cancel, none),
            ("pausing", tr("Start nothing after this one until Go on"), none),
            ("duplicate", tr("Let the same wait once more, right behind this one"), none),
            (
                "up",
                tr("One place nearer"),
                stays or (tr("It is the next one.") if place == 0 else ""),
            ),
            (
                "down",
                tr("One place further back"),
                stays or (tr("It is the last one.") if is_last else ""),
            ),
            ("clear", tr("Take away all that wait"), "" if queue.waiting else NOTHING_LEFT),
            (
                "put-back",
                tr("Let what was taken away last wait again"),
                "" if queue.can_put_back else tr("Nothing was taken away."),
            ),
        ):
            action = self.actions_by_name[name]
            action.setEnabled(not obstacle)
            keys = action.shortcut().toString(QKeySequence.SequenceFormat.NativeText)
            action.setToolTip(obstacle or f"{tip} ({keys})")
        self.actions_by_name["pausing"].setChecked(bool(entry and entry.is_pausing))
        self.put_back.setVisible(queue.can_put_back)

    # actions --------------------------------------------------------------------------------

    @Slot()
    def _cancel(self) -> None:
        self._with_chosen(lambda entry: self._queue.cancel(entry.key))

    @Slot()
    def _toggle_pausing(self) -> None:
        self._with_chosen(
            lambda entry: self._queue.set_pausing(entry.key, is_pausing=not entry.is_pausing)
        )

    @Slot()
    def _duplicate(self) -> None:
        self._with_chosen(lambda entry: self._queue.duplicate(entry.key))

    @Slot()
    def _up(self) -> None:
        self._move(-1)

    @Slot()
    def _down(self) -> None:
        self._move(1)

    def _move(self, by: int) -> None:
        entry = self.chosen
        place = self._queue.place(entry.key) if entry else None
        if entry is not None and place is not None:
            self._queue.move(entry.key, max(place + by, 0))
            self._redraw()

    @Slot()
    def _clear(self) -> None:
        self._queue.clear()
        self._redraw()

    @Slot()
    def _put_back(self) -> None:
        self._queue.put_back()
        self._redraw()

    def _with_chosen(self, call: Callable[[QueuedRun], object]) -> None:
        entry = self.chosen
        if entry is not None:
            call(entry)
            self._redraw()

    def _redraw(self) -> None:
        self.mark_dirty()
        self.draw_if_needed()

    @Slot()
    def _restyle(self) -> None:
        self.list.doItemsLayout()

    def sizeHint(self) -> QSize:  # noqa: N802  Qt override
        return QSize(theme.px(320), theme.px(320))


class _List(QListView):
    """Leaves the keys of an action alone also where that cannot be done."""

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802  Qt override
        is_arrow = event.key() in (Qt.Key.Key_Up, Qt.Key.Key_Down)
        if not (is_arrow and event.modifiers() & Qt.KeyboardModifier.AltModifier):
            super().keyPressEvent(event)
