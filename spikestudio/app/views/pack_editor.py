"""The editor of lesson packs: forms, a source page, a preview as a student, and saving."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from PySide6.QtCore import Qt, QTimer, Signal, Slot
from PySide6.QtGui import QCloseEvent, QKeySequence, QShortcut
from PySide6.QtWidgets import (
    QAbstractSpinBox,
    QDialog,
    QFileDialog,
    QHBoxLayout,
    QLineEdit,
    QMessageBox,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from spikestudio.app import theme
from spikestudio.app.viewmodels import pack_file
from spikestudio.app.viewmodels.pack_draft import PackDraft
from spikestudio.app.views.pack_forms import GeneralForm, LocksForm
from spikestudio.app.views.pack_pages import PagesForm
from spikestudio.app.views.pack_parts import button
from spikestudio.app.views.pack_source import SourcePage
from spikestudio.app.views.parts import Segmented
from spikestudio.app.views.sweep_form import Words
from spikestudio.atomic import unused
from spikestudio.language import tr, tr_n
from spikestudio.lessons.pack import SUFFIX, Pack
from spikestudio.lessons.problem import PackError
from spikestudio.lessons.reading import Known
from spikestudio.sessions.document import Session

WIDTH, HEIGHT = 1000, 660
PAUSE_MS = 350  # after the last change before it is checked
GENERAL, LOCKED, PAGES, SOURCE = range(4)
TABS = (
    (tr("Pack"), tr("Title, author, start and what is visible")),
    (tr("Locked"), tr("Controls that a student cannot use, and why")),
    (tr("Pages"), tr("Words, questions, and what is pointed at")),
    (tr("Source"), tr("The pack's texts as they are stored")),
)
FILTER = tr("Lesson pack (*{suffix})", suffix=SUFFIX)
Submit = Callable[[Callable[[], Any], Callable[[Any], None], Callable[[str, str], None]], None]


@dataclass(frozen=True, slots=True)
class Desk:
    """What the editor asks of the window.

    ``titles`` are names of controls and ``rows`` of those that can be hidden; ``session`` is what is
    seen now, ``value_of`` the value of a control, ``request`` all of the sampler's and ``docks`` the
    docks beside the lesson by columns; ``written`` is what a page has in the place of a state's name.
    """

    submit: Submit
    known: Callable[[], Known]
    titles: Mapping[str, str]
    rows: Mapping[str, str]
    session: Callable[[], Session]
    value_of: Callable[[str], Any]
    request: Callable[[], dict[str, Any]]
    docks: Callable[[], list[list[str]]]
    written: Callable[[str], str]


class PackEditor(QDialog):
    """One pack at a time, beside the window, which can be used meanwhile."""

    previewRequested = Signal(object)  # noqa: N815  path of a pack
    pickRequested = Signal()  # noqa: N815
    saved = Signal(object, int)  # path and bytes
    failed = Signal(str, str)

    def __init__(self, desk: Desk, parent: QWidget) -> None:
        super().__init__(parent)
        self._desk = desk
        self.path: Path | None = None
        self.problem: PackError | None = None
        self.draft = PackDraft(self)
        self.question: QMessageBox | None = None
        self._after_saving: Callable[[], None] | None = None
        self._checked = 0  # changes that were checked last
        self._changes = 0
        self._is_certain = False  # that it is to be closed
        self._where = ""  # it was saved last
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.tabs = Segmented(tr("Part of the pack"), TABS)
        self.stack = QStackedWidget()
        self.general = GeneralForm(self.draft, desk.rows)
        self.locks = LocksForm(self.draft, desk.titles, desk.value_of)
        self.pages = PagesForm(
            self.draft, desk.titles, desk.written, request=desk.request, docks=desk.docks
        )
        self.source = SourcePage(self.draft)
        self.message = Words()
        self.show_error = button(tr("Show the place"), tr("Go to the line in the source"))
        self.new = button(tr("New"), tr("Begin another pack, from what you see"))
        self.open_button = button(tr("Open…"), tr("Edit a pack that there is"))
        self.preview = button(
            tr("Preview as a student"), tr("Open it in the window as a student would")
        )
        self.save_as_button = button(tr("Save as…"), tr("Save it in another file"))
        self.save_button = button(tr("Save"), tr("Save the pack (Ctrl+S)"), "primary")
        self._pause = QTimer(self)
        self._pause.setSingleShot(True)
        self._pause.setInterval(PAUSE_MS)
        self._pause.timeout.connect(self.check)
        self._build()
        self._connect()
        self.begin()

    def _build(self) -> None:
        for page in (self.general, self.locks, self.pages, self.source):
            self.stack.addWidget(page)
        top, bottom, place = QHBoxLayout(), QHBoxLayout(), QHBoxLayout()
        for row in (top, bottom, place):
            row.setSpacing(2 * theme.SPACE)
        top.addWidget(self.tabs)
        top.addStretch(1)
        top.addWidget(self.new)
        top.addWidget(self.open_button)
        place.addWidget(self.message, 1)
        place.addWidget(self.show_error)
        bottom.addWidget(self.preview)
        bottom.addStretch(1)
        bottom.addWidget(self.save_as_button)
        bottom.addWidget(self.save_button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(16, 12, 16, 12)
        layout.setSpacing(2 * theme.SPACE)
        layout.addLayout(top)
        layout.addWidget(self.stack, 1)
        layout.addLayout(place)
        layout.addLayout(bottom)
        room = self.screen().availableGeometry().size()
        self.resize(
            min(theme.px(WIDTH), room.width() - 40), min(theme.px(HEIGHT), room.height() - 60)
        )

    def _connect(self) -> None:
        self.tabs.chosen.connect(self.show_tab)
        self.draft.changed.connect(self._on_changed)
        self.general.startRequested.connect(self._take_start)
        self.pages.pickRequested.connect(self.pickRequested)
        self.pages.told.connect(lambda text: self.message.say(text, "warn"))
        self.new.clicked.connect(lambda: self._with_consent(self.begin, tr("Begin another pack")))
        self.open_button.clicked.connect(self._ask_open)
        self.preview.clicked.connect(self._on_preview)
        self.save_button.clicked.connect(self.save)
        self.save_as_button.clicked.connect(self.save_as)
        self.show_error.clicked.connect(self._on_show_error)
        self.failed.connect(lambda text, _details: self.message.say(f"✗ {text}", "error"))
        QShortcut(QKeySequence.StandardKey.Save, self, self.save)

    # the draft ------------------------------------------------------------------------------

    def begin(self) -> None:
        """Begin a new pack from what is seen now."""
        self.path, self._where = None, ""
        self.draft.begin(self._desk.session())
        self.refresh()

    def load(self, path: Path) -> None:
        """Edit a pack; on ``failed`` the one being edited stays."""

        def done(found: tuple[dict[str, bytes], Session | None]) -> None:
            self.path, self._where = path, ""
            self.draft.load(*found)
            self.refresh()

        self._desk.submit(
            partial(pack_file.parts_of, path, self._desk.known()), done, self.failed.emit
        )

    @Slot()
    def _take_start(self) -> None:
        self.draft.set_session(self._desk.session())

    @Slot(int)
    def show_tab(self, index: int) -> None:
        """Show one of the parts."""
        self._take_typed()
        self.tabs.button(index).setChecked(True)
        self.stack.setCurrentIndex(index)
        self.refresh()

    def _take_typed(self) -> None:
        """Hand over what is being typed: neither a key nor every click ends it in a field."""
        self.source.take()
        field = self.focusWidget()
        if isinstance(field, QAbstractSpinBox):
            field.interpretText()
        elif isinstance(field, QLineEdit):
            field.editingFinished.emit()

    @Slot()
    def _on_changed(self) -> None:
        self._changes += 1
        self._pause.start()
        self.refresh()

    def refresh(self) -> None:
        """Show the draft."""
        mark = "*" if self.draft.is_unsaved else ""
        name = self.path.name if self.path is not None else tr("not saved yet")
        self.setWindowTitle(
            tr(
                "Lesson pack editor: {draft}{mark} ({name})",
                draft=self.draft.title,
                mark=mark,
                name=name,
            )
        )
        page = (self.general, self.locks, self.pages, self.source)[self.stack.currentIndex()]
        page.refresh()
        broken = self.draft.broken
        for form in (self.general, self.locks, self.pages):
            form.setEnabled(not broken)
        if not self._pause.isActive():
            self.check()

    # checking -------------------------------------------------------------------------------

    @Slot()
    def check(self) -> None:
        """Read the draft as if it were a pack, in the background; its first problem is shown."""
        number, self._checked = self._changes, self._changes
        path = self.path or Path(f"{self.draft.title or 'lesson'}{SUFFIX}")
        files, known = self.draft.files(), self._desk.known()

        def look() -> PackError | Pack:
            try:
                return pack_file.check_parts(path, files, known)
            except PackError as error:
                return error

        def done(found: PackError | Pack) -> None:
            if number == self._checked:
                self._tell(found if isinstance(found, PackError) else None)

        self._desk.submit(look, done, self.failed.emit)

    def _tell(self, problem: PackError | None) -> None:
        self.problem = problem
        if problem is None:
            number = len(self.draft.pages)
            text = tr_n(
                "✓ {number} page, no problems",
                "✓ {number} pages, no problems",
                number,
                number=number,
            )
            if self._where and not self.draft.is_unsaved:
                text = f"{text}. {self._where}"
            self.message.say(text, "ok")
        else:
            text = problem.detail
            if not (problem.file and text.startswith(problem.file)):  # a file is named as it is
                text = f"{text[:1].upper()}{text[1:]}"
            self.message.say(f"✗ {text}", "error")
        self.show_error.setVisible(problem is not None and bool(problem.file))
        for each in (self.preview, self.save_button, self.save_as_button):
            each.setEnabled(problem is None)
        self.source.mark(problem)

    @Slot()
    def _on_show_error(self) -> None:
        problem = self.problem
        if problem is not None:
            self.show_tab(SOURCE)
            self.source.show_file(problem.file, problem.line)
            self.source.mark(problem)
            self.source.text.setFocus()

    # saving ---------------------------------------------------------------------------------

    @Slot()
    def save(self) -> None:
        """Save the pack to its file; ask for one if it has none."""
        if self.path is None:
            self.save_as()
        else:
            self.save_to(self.path)

    @Slot()
    def save_as(self) -> None:
        """Ask for a file, and save the pack to it."""
        folder = self.path.parent if self.path is not None else Path.home()
        dialog = QFileDialog(self, tr("Save lesson pack"), str(folder), FILTER)
        dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        dialog.setDefaultSuffix(SUFFIX[1:])
        stem = "".join(c if c.isalnum() else "-" for c in self.draft.title).strip("-") or "lesson"
        dialog.selectFile(unused(folder / f"{stem}{SUFFIX}").name)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.fileSelected.connect(lambda name: self.save_to(Path(name)))
        dialog.rejected.connect(self._forget_plan)
        dialog.open()

    def save_to(self, path: Path, then: Callable[[Path, int], None] | None = None) -> None:
        """Save the pack to a file in the background; nothing is replaced by one that has problems."""
        self._take_typed()
        if path.suffix.lower() != SUFFIX:
            path = path.with_name(path.name + SUFFIX)
        files, session = self.draft.files(), self.draft.session

        def done(nbytes: int) -> None:
            self.path = path
            self._where = tr("Saved {path} in {parent}.", path=path.name, parent=path.parent)
            self.draft.mark_saved_as(files, session)
            self.refresh()
            self.saved.emit(path, nbytes)
            plan, self._after_saving = self._after_saving, None
            if plan is not None:
                plan()

        def failed(message: str, details: str) -> None:
            self._forget_plan()
            self.failed.emit(message, details)

        end = done if then is None else partial(then, path)
        self._desk.submit(
            partial(pack_file.save, path, files, session, self._desk.known()), end, failed
        )

    @Slot()
    def _forget_plan(self) -> None:
        self._after_saving = None

    @property
    def preview_path(self) -> Path:
        """The copy that a preview opens."""
        return self.pages.folder / f"preview{SUFFIX}"

    @Slot()
    def _on_preview(self) -> None:
        """Save a copy beside the preview's pictures, and have it opened."""
        self.save_to(self.preview_path, lambda path, _nbytes: self.previewRequested.emit(path))

    # opening and closing --------------------------------------------------------------------

    @Slot()
    def _ask_open(self) -> None:
        self._with_consent(self._choose, tr("Edit another pack"))

    def _choose(self) -> None:
        folder = str(self.path.parent if self.path is not None else Path.home())
        dialog = QFileDialog(self, tr("Edit a lesson pack"), folder, FILTER)
        dialog.setFileMode(QFileDialog.FileMode.ExistingFile)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.fileSelected.connect(lambda name: self.load(Path(name)))
        dialog.open()

    def _with_consent(self, act: Callable[[], None], what: str) -> None:
        self._take_typed()
        if not self.draft.is_unsaved:
            act()
            return
        buttons = QMessageBox.StandardButton
        box = QMessageBox(
            QMessageBox.Icon.NoIcon,
            what,
            tr("The lesson pack “{draft}” has changes that are not saved.", draft=self.draft.title),
            buttons.Save | buttons.Discard | buttons.Cancel,
            self,
        )
        box.setInformativeText(tr("Save them first?"))
        box.setDefaultButton(buttons.Save)
        box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.question = box

        def answered(_result: int) -> None:
            self.question = None
            chosen = box.standardButton(box.clickedButton())
            if chosen == buttons.Save:
                self._after_saving = act
                self.save()
            elif chosen == buttons.Discard:
                act()

        box.finished.connect(answered)
        box.open()

    @property
    def is_unsaved(self) -> bool:
        """Whether closing it would ask."""
        self._take_typed()
        return self.draft.is_unsaved

    def close_then(self, act: Callable[[], Any]) -> None:
        """Close, and do something then; what is unsaved is asked about, and may keep it open."""

        def close() -> None:
            self._close_now()
            act()

        if self.question is None:
            self._with_consent(close, tr("Close the editor"))

    def _close_now(self) -> None:
        self._is_certain = True
        self.close()

    def reject(self) -> None:
        """Close on Escape as by the window's own button: what is unsaved is asked about."""
        self.close()

    def closeEvent(self, event: QCloseEvent) -> None:  # noqa: N802  Qt override
        self._take_typed()
        if not self._is_certain and self.draft.is_unsaved:
            event.ignore()
            if self.question is None:
                self._with_consent(self._close_now, tr("Close the editor"))
            return
        self.pages.close_form()
        event.accept()  # a dialog's own handler would call ``reject``, and stay open
