"""Doctor's page: what is wrong with one checkpoint file, renames to accept, a report."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QModelIndex, Qt, Slot
from PySide6.QtGui import QAction, QGuiApplication, QKeySequence
from PySide6.QtWidgets import QFileDialog, QLabel, QToolButton, QVBoxLayout, QWidget

from spikestudio.app import theme
from spikestudio.app.views.doctor_table import LIKELY, DoctorRows, DoctorTable
from spikestudio.app.views.parts import Caption, fill, stacked, tool_row
from spikestudio.checkpoints.catalog import SUFFIX, SUFFIXES
from spikestudio.checkpoints.library import printable
from spikestudio.language import tr, tr_n

if TYPE_CHECKING:
    from spikestudio.app.viewmodels.doctor import DoctorModel
    from spikestudio.checkpoints.diagnosis import Diagnosis

NOTHING = tr(
    "No file was examined yet. Choose one in Files and press Doctor…, or take another file."
)
SOUND = tr("All tensors are as the network needs them.")
BUSY = tr("Examining: every tensor is read…")
FIRST = tr("Examine a file first.")
Action = tuple[str, str, tuple[str, ...], Callable[[], None]]


class DoctorPage(QWidget):
    """Table of findings with commands above it."""

    def __init__(self, doctor: DoctorModel, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.doctor = doctor
        self.setAccessibleName(tr("Checkpoint doctor"))
        self.rows = DoctorRows()
        self.table = DoctorTable(self.rows)
        self.title = Caption(role="title", token="text")
        self.verdict = QLabel()
        self.verdict.setWordWrap(True)
        self.verdict.setTextFormat(Qt.TextFormat.PlainText)
        self.verdict.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.summary = Caption()
        self.actions_by_name: dict[str, QAction] = {}
        given: tuple[Action, ...] = (
            ("accept", tr("Accept rename"), ("Return", "Enter"), self._accept),
            ("accept-all", tr("Accept all likely"), (), doctor.accept_likely),
            ("forget", tr("Forget renames"), (), doctor.forget_renames),
            ("mended", tr("Save mended copy…"), (), self._ask_mended),
            ("report", tr("Save report…"), (), self._ask_report),
            ("copy", tr("Copy report"), ("Ctrl+C",), self._copy),
            ("other", tr("Other file…"), (), self._ask_file),
        )
        buttons = [self._add(*each) for each in given]
        empty = QWidget()  # takes the table's room where there is nothing to list
        layout = QVBoxLayout(empty)
        self.sentence = QLabel(NOTHING)
        self.sentence.setWordWrap(True)
        self.sentence.setAlignment(Qt.AlignmentFlag.AlignCenter)
        theme.set_role(self.sentence, "muted")
        layout.addWidget(self.sentence)
        self.empty = empty
        body = QWidget()
        column = QVBoxLayout(body)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.table)
        column.addWidget(empty)
        content = stacked(
            *(self.title, self.verdict, tool_row(*buttons), body, self.summary), stretch=body
        )
        fill(self, content)
        self.table.doubleClicked.connect(self._accept)
        self.table.selectionModel().currentChanged.connect(self._show_actions)
        doctor.changed.connect(self.draw)
        self.draw()

    def _add(
        self, name: str, text: str, keys: tuple[str, ...], call: Callable[[], None]
    ) -> QToolButton:
        action = QAction(text, self.table)
        action.setIconText(text)  # a button would else leave out the dots
        action.setShortcuts([QKeySequence(key) for key in keys])
        action.setShortcutContext(Qt.ShortcutContext.WidgetShortcut)
        action.triggered.connect(call)
        self.table.addAction(action)
        self.actions_by_name[name] = action
        button = QToolButton()
        button.setDefaultAction(action)
        button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextOnly)
        button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        return button

    def examine(self, path: Path) -> None:
        """Examine a file."""
        self.doctor.examine(path)

    # drawing --------------------------------------------------------------------------------

    @Slot()
    def draw(self) -> None:
        """Show what was found."""
        doctor, found = self.doctor, self.doctor.found
        name = printable(doctor.path.name) if doctor.path is not None else ""
        self.title.set_text(name)
        self.title.setVisible(bool(name))
        is_other = self.rows.show([] if found is None else found.brief_rows())
        self._show_verdict(found)
        self.table.setVisible(bool(self.rows.rows))
        self.empty.setVisible(not self.rows.rows)
        is_sound = found is not None and not doctor.is_busy
        is_new = found is None and not (doctor.is_busy or doctor.failure)
        self.sentence.setText(SOUND if is_sound else NOTHING if is_new else "")
        self.summary.set_text(_summary(found))
        likely = [at for at, row in enumerate(self.rows.rows) if row.kind == LIKELY]
        if is_other and likely:
            self.table.setCurrentIndex(self.rows.index(likely[0], 0))
            if self.isVisible():
                self.table.setFocus()  # Return accepts there; a disabled button gave its focus away
        if is_other:
            self.table.scrollToTop()  # the worst stands there
        self._show_actions()

    def _show_verdict(self, found: Diagnosis | None) -> None:
        text, role = "", "muted"
        if self.doctor.failure:
            text, role = self.doctor.failure, "error"
        elif self.doctor.is_busy:
            text = BUSY
        elif found is not None and found.error is not None:
            text, role = tr("Cannot be used: {error}", error=found.error), "error"
        elif found is not None:
            how = tr("with the accepted renames") if found.choices.renames else tr("as it is")
            text, role = tr("Can be used {how}.", how=how), "ok"
        self.verdict.setText(printable(text))
        self.verdict.setVisible(bool(text))
        theme.set_role(self.verdict, role)

    @Slot()
    def _show_actions(self, *_: object) -> None:
        doctor = self.doctor
        nothing = "" if doctor.found is not None and not doctor.is_busy else FIRST
        row = self.rows.row(self.table.currentIndex())
        is_likely = row is not None and row.kind == LIKELY
        for name, tip, obstacle in (
            (
                "accept",
                tr("Read this tensor under the likely name"),
                nothing or ("" if is_likely else tr("Choose a likely rename in the table first.")),
            ),
            (
                "accept-all",
                tr("Read all these tensors under their likely names"),
                nothing or ("" if doctor.likely else tr("There is no likely rename.")),
            ),
            (
                "forget",
                tr("Examine the file again as it is"),
                nothing or ("" if doctor.accepted else tr("No rename was accepted.")),
            ),
            ("mended", tr("Save a copy with the accepted names, and load it"), doctor.cannot_mend),
            ("report", tr("Save all findings as text or JSON"), nothing),
            ("copy", tr("Copy all findings as text"), nothing),
            ("other", tr("Examine a file that is not in the list"), ""),
        ):
            action = self.actions_by_name[name]
            action.setEnabled(not obstacle)
            keys = action.shortcut().toString(QKeySequence.SequenceFormat.NativeText)
            action.setToolTip(obstacle or (f"{tip} ({keys})" if keys else tip))

    # actions --------------------------------------------------------------------------------

    @Slot(QModelIndex)
    def _accept(self, _index: object = None) -> None:
        row = self.rows.row(self.table.currentIndex())
        if row is not None and row.kind == LIKELY and not self.doctor.is_busy:
            self.doctor.accept({row.name: self.doctor.likely[row.name]})

    @Slot()
    def _copy(self) -> None:
        if self.doctor.found is not None:
            QGuiApplication.clipboard().setText(self.doctor.found.to_text())

    @Slot()
    def _ask_report(self) -> None:
        dialog = self._ask_to_save(
            tr("Save report"), ".report.txt", [tr("Text (*.txt)"), tr("JSON (*.json)")]
        )
        dialog.setDefaultSuffix("txt")
        dialog.filterSelected.connect(
            lambda kind: dialog.setDefaultSuffix("json" if "json" in kind else "txt")
        )
        dialog.fileSelected.connect(lambda name: self.doctor.save_report(Path(name)))
        dialog.open()

    @Slot()
    def _ask_mended(self) -> None:
        dialog = self._ask_to_save(tr("Save mended copy"), f"-mended{SUFFIX}", [f"(*{SUFFIX})"])
        dialog.setDefaultSuffix(SUFFIX[1:])
        dialog.fileSelected.connect(lambda name: self.doctor.save_mended(Path(name)))
        dialog.open()

    def _ask_to_save(self, title: str, ending: str, kinds: list[str]) -> QFileDialog:
        path = self.doctor.path or Path()
        dialog = QFileDialog(self, title, str(path.parent))
        dialog.setNameFilters(kinds)
        dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        dialog.selectFile(f"{path.stem}{ending}")
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        return dialog

    @Slot()
    def _ask_file(self) -> None:
        dialog = QFileDialog(self, tr("Examine a checkpoint"))
        dialog.setFileMode(QFileDialog.FileMode.ExistingFile)
        kinds = " ".join(f"*{suffix}" for suffix in SUFFIXES)
        dialog.setNameFilters([tr("Checkpoints ({kinds})", kinds=kinds), tr("All files (*)")])
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.fileSelected.connect(lambda name: self.examine(Path(name)))
        dialog.open()


def _summary(found: Diagnosis | None) -> str:
    """Return how many findings there are of each kind, and what was read."""
    if found is None:
        return ""
    kinds = Counter(row.kind for row in found.rows())
    parts = [f"{number:,} {kind}" for kind, number in kinds.items()]
    if found.num_tensors:
        read = tr(
            "{num_tensors:,} tensors, {num_parameters:,} numbers",
            num_tensors=found.num_tensors,
            num_parameters=found.num_parameters,
        )
        parts.append(read if not parts else tr("of {read}", read=read))
    if number := len(found.choices.renames):
        parts.append(
            tr_n("{number:,} rename accepted", "{number:,} renames accepted", number, number=number)
        )
    return "   ".join(parts)
