"""Dialog about an official file: what it does not say, asked once and remembered."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Slot
from PySide6.QtWidgets import (
    QCheckBox,
    QDialog,
    QFileDialog,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from spikestudio.app import theme
from spikestudio.app.views.parts import Caption, line
from spikestudio.app.widgets.choice_box import ChoiceBox
from spikestudio.app.widgets.icons import IconButton
from spikestudio.app.widgets.number_field import NumberField
from spikestudio.checkpoints.catalog import SUFFIXES
from spikestudio.checkpoints.library import printable
from spikestudio.data.registry import DATASETS
from spikestudio.language import tr

if TYPE_CHECKING:
    from spikestudio.app.viewmodels.checkpoint import CheckpointModel
    from spikestudio.checkpoints.told import Told
    from spikestudio.sampling.worker import ModelInfo

WIDTH = 460
AS_ASSUMED = tr("as assumed")
ENTRIES = ("net_model", "ema_model", "model", "ema", "state_dict")


class ToldDialog(QDialog):
    """Fields for what nobody but a paper vouches for; Load takes them and loads the file again."""

    def __init__(self, model: ModelInfo, checkpoint: CheckpointModel, parent: QWidget) -> None:
        super().__init__(parent)
        self._path, self._checkpoint = model.path, checkpoint
        self.setWindowTitle(tr("What the file does not say"))
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setMinimumWidth(theme.px(WIDTH))
        title = Caption(printable(model.path.name), role="title", token="text")
        assumed = str(model.card.training.get("assumed", "")).replace("_", " ")
        note = QLabel(tr("Assumed now: {assumed}.", assumed=assumed or tr("nothing")))
        note.setWordWrap(True)
        theme.set_role(note, "muted")
        self.snn_steps = _number(
            tr("SNN time steps"), tr("T that the network was trained with"), 64
        )
        self.image_size = _number(tr("Image size"), tr("Side of its images in pixels"), 1024)
        self.timesteps = _number(
            tr("Diffusion steps"), tr("Of the chain that it was trained on"), 100_000
        )
        self.dataset = ChoiceBox(tr("Data set"))
        self.dataset.setToolTip(
            tr("What it was trained on: names classes, and crops enlarged images")
        )
        named = [(info.title, name) for name, info in DATASETS.items()]
        self.dataset.set_choices([(tr("not known"), None), *named])
        self.part = ChoiceBox(tr("Weights"))
        self.part.setToolTip(tr("Entry of the file to take, where it holds several"))
        self.part.set_choices(
            [(tr("the first there is"), None), *((each, each) for each in ENTRIES)]
        )
        self.second = QLineEdit()
        self.second.setAccessibleName(tr("Other half"))
        self.second.setPlaceholderText(tr("beside this file"))
        self.second.setToolTip(
            tr("The denoiser's file of this auto-encoder, or the other way round")
        )
        self.browse = IconButton("mdi6.file-outline", tr("Choose the other half"))
        self.browse.clicked.connect(self._ask_second)
        self.strict = QCheckBox(tr("Numbers of the papers' code, quirks included"))
        self.strict.setToolTip(
            tr("Takes nothing but what that code would load, and samples as it does")
        )
        form = QFormLayout()
        form.setHorizontalSpacing(4 * theme.SPACE)
        form.setVerticalSpacing(2 * theme.SPACE)
        for field in (self.snn_steps, self.image_size, self.timesteps, self.dataset, self.part):
            form.addRow(field.accessibleName(), field)
        if model.card.architecture == "spiking-diffusion":
            form.addRow(tr("Other half"), line(self.second, self.browse))
        form.addRow(tr("Strict"), self.strict)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(24, 16, 24, 16)
        layout.setSpacing(3 * theme.SPACE)
        layout.addWidget(title)
        layout.addWidget(note)
        layout.addLayout(form)
        layout.addLayout(self._buttons())
        self._show(checkpoint.told.get(model.path))

    def _buttons(self) -> QHBoxLayout:
        self.load = QPushButton(tr("Load"))
        self.load.setToolTip(tr("Load the file with these settings, now and whenever it is opened"))
        self.load.setDefault(True)
        theme.set_role(self.load, "primary")
        self.load.clicked.connect(self._load)
        cancel = QPushButton(tr("Cancel"))
        cancel.setAutoDefault(False)
        cancel.setToolTip(tr("Leave the model as it is (Esc)"))
        theme.set_role(cancel, "outline")
        cancel.clicked.connect(self.reject)
        row = QHBoxLayout()
        row.addStretch(1)
        row.addWidget(cancel)
        row.addWidget(self.load)
        return row

    def _show(self, told: Told | None) -> None:
        if told is None:
            return
        choices = told.choices
        self.snn_steps.set_number(choices.snn_steps or 0)
        self.image_size.set_number(choices.image_size or 0)
        self.timesteps.set_number(choices.num_train_timesteps or 0)
        self.dataset.set_choice(choices.dataset and choices.dataset.name)
        self.part.set_choice(choices.part)
        self.second.setText(str(told.second or ""))
        self.strict.setChecked(choices.strict)

    @Slot()
    def _load(self) -> None:
        from spikestudio.checkpoints.told import Told

        before = self._checkpoint.told.get(self._path)
        values = {
            "snn_steps": int(self.snn_steps.value()),
            "image_size": int(self.image_size.value()),
            "num_train_timesteps": int(self.timesteps.value()),
            "dataset": self.dataset.choice,
            "part": self.part.choice,
            "second": self.second.text().strip(),
            "strict": self.strict.isChecked(),
            "renames": dict(before.choices.renames) if before else {},
        }
        given = {name: value for name, value in values.items() if value}
        self._checkpoint.load_told(self._path, Told.from_json(given))
        self.accept()

    @Slot()
    def _ask_second(self) -> None:
        dialog = QFileDialog(self, tr("Other half of the model"), str(self._path.parent))
        dialog.setFileMode(QFileDialog.FileMode.ExistingFile)
        dialog.setNameFilter(
            tr("Checkpoints ({suffixes})", suffixes=" ".join(f"*{suffix}" for suffix in SUFFIXES))
        )
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.fileSelected.connect(self.second.setText)
        dialog.open()


def _number(name: str, tip: str, high: int) -> NumberField:
    return NumberField(name, tip, 0, high, lowest=AS_ASSUMED)
