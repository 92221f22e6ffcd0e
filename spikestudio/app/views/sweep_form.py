"""Page of the sweep dock on which a sweep is set up."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, QTimer, Signal, Slot
from PySide6.QtWidgets import (
    QFileDialog,
    QFrame,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QScrollArea,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from spikestudio.app import theme
from spikestudio.app.viewmodels.sweep_texts import (
    NUM_SEEDS,
    AxisText,
    axis_names,
    example,
    expansion,
    facts,
)
from spikestudio.app.views.parts import Combo, tool_row
from spikestudio.app.widgets.icons import IconButton
from spikestudio.language import tr
from spikestudio.sampling.request import RANGES
from spikestudio.sweeps.words import axis_title

if TYPE_CHECKING:
    from spikestudio.app.viewmodels.sampler import SamplerModel
    from spikestudio.app.viewmodels.sweep_form import SweepFormModel

PAUSE_MS = 500  # after the last key before it is planned and timed
VALUES_TIP = tr(
    "Values: 2,4,8 or 1,2,..,8 or 1-8 or 0.997-1.003(+0.001) for steps, or 1-10[5] for five values"
)


class Words(QLabel):
    """Text under a field; it wraps, and takes no room while it is empty."""

    def __init__(self) -> None:
        super().__init__()
        self.setWordWrap(True)
        self.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.say("", "caption")

    def say(self, text: str, role: str) -> None:
        """Show a text as caption, warning or error; the last two say so in words as well."""
        if (text, role) != (self.text(), self.property("role")):
            self.setText(text)
            theme.set_role(self, role)
            self.setVisible(bool(text))


class AxisRow(QWidget):
    """Name and values of one axis, with what they expand to."""

    edited = Signal()
    removed = Signal()

    def __init__(self, number: int) -> None:
        super().__init__()
        self.name = Combo(tr("Axis {number}", number=number + 1), tr("What is varied"))
        self.name.setSizeAdjustPolicy(Combo.SizeAdjustPolicy.AdjustToContents)
        self.values = QLineEdit()
        self.values.setAccessibleName(tr("Values of axis {number}", number=number + 1))
        self.values.setToolTip(VALUES_TIP)
        self.remove = IconButton(
            "mdi6.close", tr("Remove axis {number}", number=number + 1), size=16
        )
        self.words = Words()
        row = QHBoxLayout()
        row.setSpacing(8)
        row.addWidget(self.name)
        row.addWidget(self.values, 1)
        row.addWidget(self.remove)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        layout.addLayout(row)
        layout.addWidget(self.words)
        self.values.textEdited.connect(self.edited)
        self.name.activated.connect(self._on_name)
        self.remove.clicked.connect(self.removed)

    @property
    def text(self) -> AxisText:
        """What is typed."""
        return AxisText(self.name.currentData() or "", self.values.text())

    def show_axis(self, axis: AxisText, names: tuple[str, ...], problem: str) -> None:
        """Show an axis; what is being typed stays as it is."""
        names = names if axis.name in names else (*names, axis.name)
        if [self.name.itemData(k) for k in range(self.name.count())] != list(names):
            self.name.clear()
            for name in names:
                self.name.addItem(axis_title(name), name)
        self.name.setCurrentIndex(names.index(axis.name))
        if self.values.text() != axis.text:
            self.values.setText(axis.text)
        text, is_right = expansion(axis)
        wrong = problem or ("" if is_right else text)
        self.words.say(wrong or text, "error" if wrong else "caption")

    @Slot()
    def _on_name(self) -> None:
        self.values.setText(example(self.name.currentData()))
        self.edited.emit()


class SweepForm(QScrollArea):
    """Axes, images, folder, and what all that comes to."""

    quickRequested = Signal()  # noqa: N815

    def __init__(self, form: SweepFormModel, sampler: SamplerModel) -> None:
        super().__init__()
        self._form, self._sampler = form, sampler
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setWidgetResizable(True)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.rows: list[AxisRow] = []
        self.quick = QPushButton(tr("Threshold × {num_seeds} seeds", num_seeds=NUM_SEEDS))
        self.quick.setToolTip(
            tr(
                "Start at once: thresholds 0.997 to 1.003 with five seeds each, and the curve of "
                "the effect"
            )
        )
        theme.set_role(self.quick, "outline")
        self.add = QPushButton(tr("Add axis"))
        self.add.setToolTip(tr("Vary one more parameter; every combination is a cell"))
        theme.set_role(self.add, "outline")
        self.num = QSpinBox()
        self.num.setRange(int(RANGES["num"].low), int(RANGES["num"].high))
        self.num.setAlignment(Qt.AlignmentFlag.AlignRight)
        self.num.setKeyboardTracking(False)
        self.num.setAccessibleName(tr("Images in each cell"))
        self.num.setToolTip(
            tr("Images in each cell, the same noise in all of them unless the seed varies")
        )
        self.num.setFixedWidth(theme.px(64))
        self.folder = QLineEdit()
        self.folder.setAccessibleName(tr("Folder of the sweep"))
        self.folder.setToolTip(tr("A new or empty folder; that of the same sweep resumes it"))
        self.browse = IconButton("mdi6.folder-outline", tr("Choose a folder"))
        self.num_words, self.folder_words, self.words, self.fixed = (Words() for _ in range(4))
        self.warning = Words()
        self._axes = QVBoxLayout()
        self._axes.setSpacing(8)
        self._build()
        self._pause = QTimer(self)
        self._pause.setSingleShot(True)
        self._pause.setInterval(PAUSE_MS)
        self._pause.timeout.connect(self._check)
        self.add.clicked.connect(self._on_add)
        self.quick.clicked.connect(self.quickRequested)
        self.num.valueChanged.connect(self._on_num)
        self.folder.textEdited.connect(self._on_folder)
        self.browse.clicked.connect(self._on_browse)
        sampler.requestChanged.connect(self._on_request)
        sampler.modelChanged.connect(self._on_request)

    def _build(self) -> None:
        content = QWidget()
        layout = QVBoxLayout(content)
        layout.setContentsMargins(0, 0, theme.px(4), 0)
        layout.setSpacing(8)
        layout.addWidget(self._group(tr("Axes: the first runs across the sheet, the second down")))
        layout.addLayout(self._axes)
        layout.addWidget(tool_row(self.add, self.quick))
        layout.addWidget(self._group(tr("Every cell")))
        images = QHBoxLayout()
        images.addWidget(self.num)
        images.addWidget(QLabel(tr("images")))
        images.addStretch()
        layout.addLayout(images)
        layout.addWidget(self.num_words)
        layout.addWidget(self.fixed)
        layout.addWidget(self._group(tr("Folder")))
        row = QHBoxLayout()
        row.setSpacing(8)
        row.addWidget(self.folder, 1)
        row.addWidget(self.browse)
        layout.addLayout(row)
        layout.addWidget(self.folder_words)
        layout.addWidget(self.words)
        layout.addWidget(self.warning)
        layout.addStretch()
        self.setWidget(content)

    @staticmethod
    def _group(text: str) -> QLabel:
        label = QLabel(text)
        label.setWordWrap(True)
        theme.set_role(label, "group")
        return label

    # showing --------------------------------------------------------------------------------

    def show_form(self) -> None:
        """Show the form as it is, and have it checked if nobody has."""
        form = self._form
        names = axis_names(self._sampler)
        self._match_rows(len(form.axes))
        for k, (row, axis) in enumerate(zip(self.rows, form.axes, strict=True)):
            row.show_axis(axis, names, form.problems.get(f"axis {k}", ""))
        self.add.setEnabled(len(form.axes) < len(names))
        if self.num.value() != form.num:
            self.num.setValue(form.num)
        if not self.folder.hasFocus() and self.folder.text() != str(form.folder):
            text = str(form.folder) if form.folder.parts else ""
            self.folder.setText(text)
        self.num_words.say(form.problems.get("num", ""), "error")
        self.folder_words.say(form.problems.get("folder", ""), "error")
        self.fixed.say(self._settings(), "caption")
        self._show_facts()
        is_unasked = form.checked is None and not form.is_checking and not form.problems
        if is_unasked and not self._pause.isActive():
            self._pause.start()

    def _show_facts(self) -> None:
        form, warning = self._form, ""
        if form.problems:
            self.words.say(form.problems.get("", ""), "error")
        elif form.checked is not None:
            text, warning = facts(form.checked.estimate)
            self.words.say(text, "caption")
        else:
            self.words.say(tr("Two steps are timed to estimate how long it takes…"), "caption")
        self.warning.say(tr("Warning: {warning}", warning=warning) if warning else "", "warn")

    def _settings(self) -> str:
        checked = self._form.checked
        if checked is None:
            return tr("Everything else is as in the sampler.")
        from spikestudio.sweeps.words import settings

        common = settings(checked.plan).partition(", ")[2]
        return (
            tr("As in the sampler: {common}", common=common)
            if common
            else tr("Everything else is as in the sampler.")
        )

    def _match_rows(self, number: int) -> None:
        while len(self.rows) < number:
            row = AxisRow(len(self.rows))
            row.edited.connect(self._on_edited)
            row.removed.connect(partial(self._on_removed, row))
            self.rows.append(row)
            self._axes.addWidget(row)
        while len(self.rows) > number:
            row = self.rows.pop()
            row.hide()
            row.deleteLater()

    # what the user does -----------------------------------------------------------------------

    @Slot()
    def _check(self) -> None:
        if self.isVisible():
            self._form.check()

    @Slot()
    def _on_request(self) -> None:
        # A sweep of its own that is being set up follows the sampler.
        self._form.forget_check()

    @Slot()
    def _on_edited(self) -> None:
        self._pause.start()
        self._form.set_axes(tuple(row.text for row in self.rows))

    def _on_removed(self, row: AxisRow) -> None:
        self._form.set_axes(tuple(each.text for each in self.rows if each is not row))

    @Slot()
    def _on_add(self) -> None:
        self._form.add_axis(axis_names(self._sampler))

    @Slot(int)
    def _on_num(self, num: int) -> None:
        if num != self._form.num:
            self._pause.start()
            self._form.set_num(num)

    @Slot(str)
    def _on_folder(self, text: str) -> None:
        self._pause.start()
        self._form.set_folder(text)

    @Slot()
    def _on_browse(self) -> None:
        dialog = QFileDialog(self, tr("Folder of the sweep"), str(self._form.folder.parent))
        dialog.setFileMode(QFileDialog.FileMode.Directory)
        dialog.setOption(QFileDialog.Option.ShowDirsOnly)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.fileSelected.connect(self._form.set_folder)
        dialog.open()
