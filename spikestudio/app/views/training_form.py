"""Page of the training dock on which a run is set up."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, QTimer, Slot
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import (
    QCheckBox,
    QFileDialog,
    QFrame,
    QGridLayout,
    QLabel,
    QLineEdit,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from spikestudio.app import theme
from spikestudio.app.viewmodels.training_form import PRECISIONS, PRESETS
from spikestudio.app.viewmodels.training_texts import plan_text
from spikestudio.app.views.parts import Combo, line
from spikestudio.app.views.sweep_form import Words
from spikestudio.app.widgets.icons import IconButton
from spikestudio.data.registry import DATASETS
from spikestudio.language import tr

if TYPE_CHECKING:
    from spikestudio.app.viewmodels.training_form import TrainingFormModel

PAUSE_MS = 500  # after the last key before it is checked
FIELDS = ("architecture", "preset", "dataset", "data", "out", "length", "precision", "init")


class TrainingForm(QScrollArea):
    """What to train, on what, where to, and the command that does it."""

    def __init__(self, form: TrainingFormModel) -> None:
        super().__init__()
        self._form = form
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setWidgetResizable(True)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.architecture = Combo(
            tr("Architecture"), tr("Which network is trained"), tuple(PRESETS)
        )
        self.preset = Combo(
            tr("Preset"), tr("Size of the network and how it is trained: see the README")
        )
        self.dataset = Combo(tr("Data set"), tr("What the images are"), tuple(DATASETS))
        self.precision = Combo(
            tr("Precision"), tr("Of the arithmetic; float16 needs CUDA"), PRECISIONS
        )
        self.data = _field(tr("Folder of the data set"), tr("Where its published files are"))
        self.out = _field(
            tr("Output file"), tr("Checkpoint to write; the run's folder is beside it")
        )
        self.length = _field(
            tr("Length"), tr("Multiplies the steps of the preset: 0.01 is a short trial")
        )
        self.init = _field(
            tr("Start from"), tr("Checkpoint whose weights to start from; empty: random")
        )
        self.resume = QCheckBox(tr("Resume the run of this output"))
        self.resume.setToolTip(tr("Go on from the state that was saved last"))
        self.browse_data = IconButton(
            "mdi6.folder-outline", tr("Choose the folder of the data set")
        )
        self.browse_out = IconButton("mdi6.content-save-outline", tr("Choose the output file"))
        self.browse_init = IconButton(
            "mdi6.file-outline", tr("Choose the checkpoint to start from")
        )
        self.words = {name: Words() for name in (*FIELDS, "resume", "")}
        self.command = QLineEdit()
        self.command.setReadOnly(True)
        self.command.setAccessibleName(tr("Command that is run"))
        self.copy = IconButton("mdi6.content-copy", tr("Copy the command"))
        self._build()
        self._pause = QTimer(self)
        self._pause.setSingleShot(True)
        self._pause.setInterval(PAUSE_MS)
        self._pause.timeout.connect(self._check)
        self._connect()

    def _build(self) -> None:
        content = QWidget()
        grid = QGridLayout()
        grid.setHorizontalSpacing(8)
        grid.setVerticalSpacing(4)
        grid.setColumnStretch(1, 1)
        rows: tuple[tuple[str, QWidget, str], ...] = (
            (tr("Architecture"), self.architecture, "architecture"),
            (tr("Preset"), self.preset, "preset"),
            (tr("Data set"), self.dataset, "dataset"),
            (tr("Its folder"), line(self.data, self.browse_data), "data"),
            (tr("Output"), line(self.out, self.browse_out), "out"),
            ("", self.resume, "resume"),
            (tr("Length"), self.length, "length"),
            (tr("Precision"), self.precision, "precision"),
            (tr("Start from"), line(self.init, self.browse_init), "init"),
            (tr("Command"), line(self.command, self.copy), ""),
        )
        for number, (text, field, name) in enumerate(rows):
            label = QLabel(text)
            theme.set_role(label, "muted")
            grid.addWidget(label, 2 * number, 0)
            grid.addWidget(field, 2 * number, 1)
            grid.addWidget(self.words[name], 2 * number + 1, 1)
        layout = QVBoxLayout(content)
        layout.setContentsMargins(0, 0, theme.px(4), 0)
        layout.addLayout(grid)
        layout.addStretch()
        self.setWidget(content)

    def _connect(self) -> None:
        self.architecture.activated.connect(self._on_edited)
        for combo in (self.preset, self.dataset, self.precision):
            combo.activated.connect(self._on_edited)
        for field in (self.data, self.out, self.length, self.init):
            field.textEdited.connect(self._on_edited)
        self.resume.toggled.connect(self._on_edited)
        self.copy.clicked.connect(self._on_copy)
        self.browse_data.clicked.connect(self._on_browse_data)
        self.browse_out.clicked.connect(self._on_browse_out)
        self.browse_init.clicked.connect(self._on_browse_init)

    # showing --------------------------------------------------------------------------------

    def show_form(self) -> None:
        """Show the form as it is, and have it checked if nobody has."""
        form, options = self._form, self._form.options
        presets = PRESETS[options.architecture]
        if [self.preset.itemText(k) for k in range(self.preset.count())] != list(presets):
            self.preset.clear()
            self.preset.addItems(presets)
        for combo, value in (
            (self.architecture, options.architecture),
            (self.preset, options.preset),
            (self.dataset, options.dataset),
            (self.precision, options.precision),
        ):
            combo.setCurrentText(value)
        for field, text in (
            (self.data, options.data),
            (self.out, options.out),
            (self.init, options.init),
            (self.length, f"{options.length:.6g}"),
        ):
            if not field.hasFocus() and field.text() != text:
                field.setText(text)
                field.setCursorPosition(len(text))
        self.resume.blockSignals(True)
        self.resume.setChecked(options.resume)
        self.resume.blockSignals(False)
        if self.command.text() != form.command_text:
            self.command.setText(form.command_text)
            self.command.setCursorPosition(0)
            self.command.setToolTip(form.command_text)
        self._show_words()
        is_unasked = form.checked is None and not form.is_checking and not form.problems
        if is_unasked and not self._pause.isActive():
            self._pause.start()

    def _show_words(self) -> None:
        form = self._form
        for name, words in self.words.items():
            words.say(form.problems.get(name, ""), "error")
        if form.checked is not None:
            self.words["length"].say(plan_text(form.checked), "caption")
            if form.checked.is_overwriting:
                self.words["out"].say(
                    tr("Warning: the file that is there will be replaced."), "warn"
                )
        elif not form.problems:
            self.words[""].say(tr("Checking…"), "caption")

    # what the user does -----------------------------------------------------------------------

    @Slot()
    def _check(self) -> None:
        if self.isVisible():
            self._form.check()

    @Slot()
    def _on_edited(self) -> None:
        self._pause.start()
        try:
            length = float(self.length.text())
        except ValueError:
            length = 0.0  # which the check names
        self._form.set(
            architecture=self.architecture.currentText(),
            preset=self.preset.currentText(),
            dataset=self.dataset.currentText(),
            precision=self.precision.currentText(),
            data=self.data.text(),
            length=length,
            init=self.init.text(),
            resume=self.resume.isChecked(),
            **({"out": self.out.text()} if self.out.text() != self._form.options.out else {}),
        )

    @Slot()
    def _on_copy(self) -> None:
        QGuiApplication.clipboard().setText(self._form.command_text)

    @Slot()
    def _on_browse_data(self) -> None:
        dialog = self._dialog(tr("Folder of the data set"), self._form.options.data)
        dialog.setFileMode(QFileDialog.FileMode.Directory)
        dialog.setOption(QFileDialog.Option.ShowDirsOnly)
        dialog.fileSelected.connect(lambda path: self._form.set(data=path))
        dialog.open()

    @Slot()
    def _on_browse_out(self) -> None:
        dialog = self._dialog(tr("Output file"), str(Path(self._form.options.out).parent))
        dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        dialog.setDefaultSuffix("safetensors")
        dialog.setNameFilter(tr("Checkpoints (*.safetensors)"))
        dialog.fileSelected.connect(lambda path: self._form.set(out=path))
        dialog.open()

    @Slot()
    def _on_browse_init(self) -> None:
        dialog = self._dialog(tr("Checkpoint to start from"), self._form.options.init)
        dialog.setFileMode(QFileDialog.FileMode.ExistingFile)
        dialog.setNameFilter(tr("Checkpoints (*.safetensors)"))
        dialog.fileSelected.connect(lambda path: self._form.set(init=path))
        dialog.open()

    def _dialog(self, title: str, folder: str) -> QFileDialog:
        dialog = QFileDialog(self, title, folder)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        return dialog


def _field(name: str, tip: str) -> QLineEdit:
    field = QLineEdit()
    field.setAccessibleName(name)
    field.setToolTip(tip)
    field.setMinimumWidth(theme.px(80))
    return field
