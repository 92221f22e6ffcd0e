"""Lesson packs in a window: opened from a file, their locks shown, and the editor that makes them."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QEvent, QObject, QPoint, Qt, QTimer, Slot
from PySide6.QtWidgets import QFileDialog, QWidget
from shiboken6 import isValid

from spikestudio.app.context import Context
from spikestudio.app.docks import STATE_VERSION, DockManager
from spikestudio.app.layouts import LAYOUTS, page_columns
from spikestudio.app.lesson_controls import (
    CONTROLS,
    Parts,
    control_of,
    locks_of,
    title_of,
    widget_of,
    widgets_of,
)
from spikestudio.app.lesson_locks import Noted, NotedLocks
from spikestudio.app.levels import LEVELS, ROWS, Levels
from spikestudio.app.notifications import Notifications
from spikestudio.app.viewmodels.lesson_numbers import written
from spikestudio.app.viewmodels.pack import PackModel, Ports
from spikestudio.app.views.pack_pick import Picker
from spikestudio.language import tr, tr_n
from spikestudio.lessons import shelf
from spikestudio.lessons.equations import EQUATIONS
from spikestudio.lessons.pack import CONTROL_VALUES, SUFFIX, Locked
from spikestudio.lessons.reading import Known
from spikestudio.lessons.states import STATES

if TYPE_CHECKING:
    from spikestudio.app.views.pack_editor import PackEditor
    from spikestudio.lessons.lesson import Lesson
    from spikestudio.sessions.document import Session

FILTER = tr("Lesson pack (*{suffix})", suffix=SUFFIX)


class Packs(QObject):
    """Opens packs and answers for ``PackModel``; one per window, made after its ``Lessons``.

    ``begin`` opens a lesson that was read; ``show`` brings the dock with the lesson to the front.
    """

    def __init__(
        self,
        window: QWidget,
        context: Context,
        docks: DockManager,
        parts: Parts,
        levels: Levels,
        messages: Notifications,
        *,
        begin: Callable[[Lesson], None],
        show: Callable[[], None],
    ) -> None:
        super().__init__(window)
        self._window, self._context, self._docks = window, context, docks
        self._parts, self._levels, self._messages = parts, levels, messages
        self._show = show
        self.locks = NotedLocks(self)
        self.editor: PackEditor | None = None
        self._editor_at = QPoint()
        self._is_away = False  # the editor, while its preview is tried
        self.picker = Picker(
            window,
            lambda widget: control_of(widget, parts),
            lambda control: widget_of(control, parts),
        )
        self.picker.picked.connect(self._on_picked)
        self.model = PackModel(
            context.sampler,
            context.neuron_lab,
            context.lesson,
            context.checkpoint,
            Ports(context.jobs.submit, begin, context.session.model_file.restore, self.known),
            self,
        )
        self._size = window.size()
        self._settle = QTimer(self)
        self._settle.setSingleShot(True)
        self._settle.timeout.connect(self._keep_size)
        self.model.opened.connect(self._on_opened)
        self.model.released.connect(self._on_released)
        self.model.failed.connect(messages.error)
        self.model.warned.connect(messages.warn)
        self.locks.refused.connect(messages.info)
        window.installEventFilter(self)

    def known(self) -> Known:
        """Return the names that a pack may use in this window."""
        return shelf.known(tuple(CONTROLS), tuple(self._docks.docks))

    # opening --------------------------------------------------------------------------------

    @Slot()
    def ask(self) -> None:
        """Ask for a pack, and open it."""
        folder = self._context.settings.session_folder or str(Path.home())
        dialog = QFileDialog(self._window, tr("Open a lesson pack"), folder, FILTER)
        dialog.setFileMode(QFileDialog.FileMode.ExistingFile)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.fileSelected.connect(lambda name: self.open(Path(name)))
        dialog.open()

    def open(self, path: Path, *, is_preview: bool = False) -> None:
        """Open a pack; if it cannot be used, one sentence says why and nothing has changed."""
        self.model.open(path, is_preview=is_preview)
        self._context.bridge.wake()

    # editing --------------------------------------------------------------------------------

    @Slot()
    def edit(self) -> None:
        """Open the editor, or bring it to the front."""
        if self._has_editor():
            self._bring_back()
            return
        from spikestudio.app.views.pack_editor import Desk, PackEditor

        context, parts = self._context, self._parts
        desk = Desk(
            submit=self._submit,
            known=self.known,
            titles={name: title_of(name, parts) for name in CONTROLS},
            rows={name: title_of(name, parts) for name in ROWS},
            session=self._seen,
            value_of=self._value_of,
            request=lambda: context.sampler.request.to_json(),
            docks=lambda: page_columns(self._docks.columns()),
            written=self._written,
        )
        editor = self.editor = PackEditor(desk, self._window)
        editor.failed.connect(self._messages.error)
        editor.saved.connect(self._on_saved)
        editor.previewRequested.connect(partial(self.open, is_preview=True))
        editor.pickRequested.connect(self._on_pick)
        editor.show()

    def _submit(
        self,
        job: Callable[[], Any],
        done: Callable[[Any], None],
        failed: Callable[[str, str], None],
    ) -> None:
        """Do a job of the editor, which may be closed by the time that it is done."""
        editor = self.editor

        def is_there() -> bool:
            return editor is None or isValid(editor)

        self._context.jobs.submit(
            job,
            lambda result: done(result) if is_there() else None,
            lambda *texts: failed(*texts) if is_there() else None,
        )
        self._context.bridge.wake()

    def _written(self, name: str) -> str:
        """Return what a page shows in the place of a name; one that is not known stays."""
        is_known = name in STATES or name.removeprefix("equation: ") in EQUATIONS
        return written(self._context.lesson.state, name) if is_known else name

    def _seen(self) -> Session:
        """What is seen now, as the start of a pack; runs are left out."""
        session = self._context.session
        return session.session(
            session.place(
                layout=self._docks.layout_name,
                dock_state=self._docks.save(),
                dock_version=STATE_VERSION,
            )
        )

    def _value_of(self, control: str) -> float | str:
        """Return the value that a control has now."""
        owner, _, name = CONTROL_VALUES[control].partition(".")
        source = self._context.sampler.request if owner == "request" else self._context.neuron_lab
        found: float | str = getattr(source, name)
        return found

    @Slot(object, int)
    def _on_saved(self, path: Path, _nbytes: int) -> None:
        self._messages.done(tr("Saved {path} in {parent}.", path=path.name, parent=path.parent))

    @Slot()
    def _on_pick(self) -> None:
        """Let a control be clicked, with the editor out of the way."""
        if self.editor is not None:
            self._put_away()
            self._messages.info(tr("Click the control that the page points at; Escape gives up."))
            self.picker.start()

    @Slot(str)
    def _on_picked(self, control: str) -> None:
        if self.editor is not None and isValid(self.editor):
            self._bring_back()
            if control:
                self.editor.pages.point_at(control)

    def _has_editor(self) -> bool:
        return self.editor is not None and isValid(self.editor)

    def _put_away(self) -> None:
        if self.editor is not None:
            self._editor_at = self.editor.pos()
            self.editor.hide()

    @Slot()
    def _bring_back(self) -> None:
        """Show the editor where it was."""
        self._is_away = False
        if self.editor is None or not isValid(self.editor) or not self._window.isVisible():
            return
        if self.editor.isHidden():
            self.editor.show()
            self.editor.move(self._editor_at)  # shown anew, it would sink by its frame
        self.editor.raise_()
        self.editor.activateWindow()

    def _make_room(self, path: Path) -> None:
        """Put the editor away where it lies on the window that its preview is tried in."""
        editor = self.editor
        if editor is None or not isValid(editor) or path != editor.preview_path:
            return
        if editor.isVisible() and editor.geometry().intersects(self._window.geometry()):
            self._is_away = True
            self._put_away()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802  Qt override
        editor = self.editor
        is_close = watched is self._window and event.type() == QEvent.Type.Close
        if is_close and editor is not None and isValid(editor) and editor.is_unsaved:
            event.ignore()
            self._bring_back()
            editor.close_then(self._window.close)
            return True
        return super().eventFilter(watched, event)

    # in force -------------------------------------------------------------------------------

    @Slot()
    def _on_opened(self) -> None:
        current = self.model.current
        if current is None:
            return
        pack, session = current.pack, current.session
        self._size = self._window.size()
        self._settle.start(0)
        if session is not None:
            if session.place.layout in LAYOUTS:
                self._docks.apply(session.place.layout)
            if session.place.dock_state:
                self._docks.restore(session.place.dock_state, session.place.dock_version)
        self._show()
        self._make_room(current.path)
        self.locks.lock_noted([self._noted(each) for each in pack.locked])
        self._levels.hold(pack.level, pack.visible)
        by = tr(" by {author}", author=pack.author) if pack.author else ""
        number = len(pack.locked)
        held = (
            tr_n("{number} control locked", "{number} controls locked", number, number=number)
            if number
            else tr("nothing locked")
        )
        level = tr(", level {level}", level=LEVELS[pack.level][0]) if pack.level else ""
        text = tr(
            "Opened the lesson pack {current_path}{by}: {held}{level}. "
            "Docks, locks and the sampler's settings go back when the lesson is left.",
            current_path=current.path.name,
            by=by,
            held=held,
            level=level,
        )
        if self._is_away:
            text = tr("{text} Then the editor comes back.", text=text)
        self._messages.info(text)

    @Slot()
    def _keep_size(self) -> None:
        """Undo what docks asked for that were beside each other for a moment."""
        if not self._window.isMaximized() and not self._window.isFullScreen():
            self._window.resize(self._size)

    def _noted(self, locked: Locked) -> Noted:
        title = title_of(locked.control, self._parts)
        held = "" if locked.value is None else tr(" at {locked}", locked=locked.value)
        text = tr("{title} is locked{held} by the lesson pack.", title=title, held=held)
        if locked.note:
            text = f"{text} {locked.note}"
        return Noted(
            tuple(locks_of(locked.control, self._parts)),
            tuple(widgets_of(locked.control, self._parts)),
            text,
        )

    @Slot()
    def _on_released(self) -> None:
        self.locks.lift()
        self._levels.release()
        if self._is_away:
            QTimer.singleShot(0, self, self._bring_back)
        self._context.sampler.commandsChanged.emit()  # what was changed meanwhile holds now
        self._context.sampler.requestChanged.emit()
        for view in self._parts.views.values():
            view.mark_dirty()
        self._context.bridge.wake()
