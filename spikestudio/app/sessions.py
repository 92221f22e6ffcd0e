"""The session commands of a window: files, questions, the title, and what a crash left."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QDateTime, QLocale, QObject, Qt, Signal, Slot
from PySide6.QtWidgets import QFileDialog, QMessageBox, QWidget

from spikestudio.app.context import Context
from spikestudio.app.docks import STATE_VERSION, DockManager
from spikestudio.app.layouts import LAYOUTS
from spikestudio.app.notifications import Notifications
from spikestudio.app.views.session_notice import SessionNotice
from spikestudio.atomic import unused
from spikestudio.language import current, tr, tr_n
from spikestudio.sessions.document import Place
from spikestudio.sessions.files import MEBIBYTE, SUFFIX

if TYPE_CHECKING:
    from spikestudio.sessions.recovery import Abandoned
    from spikestudio.sessions.writing import Saved

FILTER = tr("Session (*{suffix})", suffix=SUFFIX)
NAMED = 4  # runs whose recordings are left out, by name


class Sessions(QObject):
    """Asks for files and answers for ``SessionModel``; one per window."""

    titleChanged = Signal()  # noqa: N815

    def __init__(
        self, window: QWidget, context: Context, docks: DockManager, messages: Notifications
    ) -> None:
        super().__init__(window)
        self._window, self._context, self._docks = window, context, docks
        self._messages = messages
        self.model = context.session
        self.notice: SessionNotice | None = None
        self.question: QMessageBox | None = None
        self._after_saving: Callable[[], None] | None = None
        self._title = ""
        self._is_answered = False  # whether to close
        model = self.model
        model.saved.connect(self._on_saved)
        model.reported.connect(self._on_reported)
        model.failed.connect(self._on_failed)
        model.told.connect(messages.info)
        model.warned.connect(messages.warn)
        model.placeWanted.connect(self._on_place_wanted)
        model.found.connect(self._on_found)
        model.changed.connect(self._on_changed)

    @property
    def title(self) -> str:
        """What the window's title begins with: name and a mark of what is unsaved; may be empty."""
        if not self.model.name:
            return ""
        return f"{self.model.name}{'*' if self.model.is_unsaved else ''}"

    # saving ---------------------------------------------------------------------------------

    @Slot()
    def save(self) -> None:
        """Save the session to its file; ask for one if it has none."""
        if self.model.path is None:
            self.save_as()
        else:
            self.model.save(self.model.path, self._place())

    @Slot()
    def save_as(self) -> None:
        """Ask for a file, and save the session to it."""
        folder = Path(self._context.settings.session_folder or Path.home())
        dialog = QFileDialog(self._window, tr("Save session"), str(folder), FILTER)
        dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        dialog.setDefaultSuffix(SUFFIX[1:])
        dialog.selectFile(unused(folder / f"{self.model.name or 'session'}{SUFFIX}").name)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.fileSelected.connect(self.save_to)
        dialog.rejected.connect(self._forget_plan)
        dialog.open()

    @Slot(str)
    def save_to(self, name: str) -> None:
        """Save the session to a file."""
        path = Path(name)
        if path.suffix.lower() != SUFFIX:
            path = path.with_name(path.name + SUFFIX)
        self._context.settings.session_folder = str(path.parent)
        self.model.save(path, self._place())

    def _place(self) -> Place:
        return self.model.place(
            layout=self._docks.layout_name,
            dock_state=self._docks.save(),
            dock_version=STATE_VERSION,
        )

    @Slot(object)
    def _on_saved(self, saved: Saved) -> None:
        size = saved.nbytes / MEBIBYTE
        text = tr("Saved {saved_path}, {size:,.3g} MiB.", saved_path=saved.path.name, size=size)
        if saved.left_out:
            number = len(saved.left_out)
            names = ", ".join(saved.left_out[:NAMED]) + (
                tr(" and others") if number > NAMED else ""
            )
            text += tr(
                " Without the recordings of {names}: they are gone, or beyond the limit of "
                "{limit_mb:,.0f} MiB. Keep a run to have its recording in any case.",
                names=names,
                limit_mb=self.model.limit_mb,
            )
        self._messages.done(text)
        plan, self._after_saving = self._after_saving, None
        if plan is not None:
            plan()

    # report ---------------------------------------------------------------------------------

    @Slot()
    def ask_report(self) -> None:
        """Ask for a file, and write a page of the session to it."""
        if not self.model.has_content:
            self._messages.info(tr("Nothing was sampled yet: sample first, then write a report."))
            return
        folder = Path(self._context.settings.export_folder or Path.home())
        dialog = QFileDialog(self._window, tr("Write report"), str(folder), tr("Web page (*.html)"))
        dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        dialog.setDefaultSuffix("html")
        dialog.selectFile(unused(folder / f"{self.model.name or 'session'}.html").name)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.fileSelected.connect(self._on_report_chosen)
        dialog.open()

    @Slot(str)
    def _on_report_chosen(self, name: str) -> None:
        self._context.settings.export_folder = str(Path(name).parent)
        self.model.report(Path(name))

    @Slot(object)
    def _on_reported(self, path: Path) -> None:
        self._messages.done(tr("Wrote {path} in {parent}.", path=path.name, parent=path.parent))

    @Slot(str, str)
    def _on_failed(self, message: str, details: str) -> None:
        self._forget_plan()
        self._messages.error(message, details)

    @Slot()
    def _forget_plan(self) -> None:
        self._after_saving = None

    # opening --------------------------------------------------------------------------------

    def open(self, path: Path) -> None:
        """Open a session, after what is unsaved in this one is saved or given up."""
        self._with_consent(lambda: self.model.open(path), tr("Open another session"))

    def may_close(self) -> bool:
        """Whether the window may be closed now; else it is asked, and closes after the answer."""
        is_session = self.model.is_unsaved and bool(self.model.name or self.model.note)
        if self._is_answered or self._context.is_closed or not is_session:
            return True  # runs that nobody has made a session of are let go without a word
        self._ask(self._close, tr("Close the window"))
        return False

    def _close(self) -> None:
        self._is_answered = True
        self._window.close()

    def _with_consent(self, act: Callable[[], None], what: str) -> None:
        if self.model.is_unsaved and self.model.has_content:
            self._ask(act, what)
        else:
            act()

    def _ask(self, act: Callable[[], None], what: str) -> None:
        if self.question is not None:
            self.question.raise_()
            return
        number = len(self._context.history.entries)
        runs = tr_n("{number:,} run", "{number:,} runs", number, number=number)
        buttons = QMessageBox.StandardButton
        box = QMessageBox(
            QMessageBox.Icon.NoIcon,
            what,
            tr(
                "The session {model} has changes that are not saved ({runs}, notes and settings).",
                model=self.model.name or tr("of this window"),
                runs=runs,
            ),
            buttons.Save | buttons.Discard | buttons.Cancel,
            self._window,
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

    @Slot(object)
    def _on_place_wanted(self, place: Place) -> None:
        """Arrange the docks as they were when the session was saved."""
        if place.layout in LAYOUTS:
            self._docks.apply(place.layout)
        if place.dock_state:
            self._docks.restore(place.dock_state, place.dock_version)

    # after a crash --------------------------------------------------------------------------

    @Slot(object)
    def _on_found(self, journal: Abandoned) -> None:
        ended = QDateTime.fromSecsSinceEpoch(int(journal.ended.timestamp()))
        when = QLocale(current()).toString(ended, tr("d MMMM, HH:mm"))
        text = tr(
            "The last session ended unexpectedly ({when}): {journal}.",
            when=when,
            journal=journal.text,
        )
        self.notice = SessionNotice(text, self._window)
        self.notice.recoverRequested.connect(
            lambda: self._with_consent(lambda: self.model.recover(journal), tr("Recover a session"))
        )
        self.notice.discardRequested.connect(lambda: self.model.discard(journal))
        self.notice.closed.connect(lambda: journal.leave())

    @Slot()
    def _on_changed(self) -> None:
        if self.title != self._title:
            self._title = self.title
            self.titleChanged.emit()
