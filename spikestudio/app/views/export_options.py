"""Form with the options of one export."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from PySide6.QtCore import QSize, Qt, Slot
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QFormLayout,
    QLabel,
    QLineEdit,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from spikestudio.app import theme
from spikestudio.app.viewmodels.export import PRESETS, ExportModel
from spikestudio.app.views.parts import Combo
from spikestudio.app.widgets.number_field import NumberField
from spikestudio.export.kinds import FORMAT_NAMES
from spikestudio.language import tr

LABEL_WORDS = {
    "none": tr("No labels"),
    "number": tr("Numbers"),
    "class": tr("Classes"),
    "seed": tr("Seeds"),
    "uses": tr("Numbers and uses"),
}
BESIDE_WORDS = {"raster": tr("Raster"), "membrane": tr("Membrane"), "tokens": tr("Token map")}
WIDTH = 250
# name: label, tip, lowest, highest, decimals, unit, word for the lowest
NUMBERS: dict[str, tuple[str, str, float, float, int, str, str]] = {
    "step": (tr("After step"), tr("Denoising step, from 1"), 0, 1000, 0, "", tr("newest")),
    "image": (tr("Image"), tr("Which image of the batch, from 1"), 1, 100_000, 0, "", ""),
    "rows": (tr("Neurons"), tr("At most this many, taken by the rule"), 1, 100_000, 0, "", ""),
    "columns": (tr("Columns"), tr("Images per row"), 0, 1000, 0, "", tr("automatic")),
    "padding": (tr("Padding"), tr("Between images and around them"), 0, 200, 0, "px", ""),
    "scale": (
        tr("Enlarge"),
        tr("Pixels per pixel of an image: they stay sharp"),
        1,
        64,
        0,
        "x",
        "",
    ),
    "width_mm": (tr("Width"), tr("Width of the figure"), 20, 1000, 1, "mm", ""),
    "height_mm": (tr("Height"), tr("Height of the figure"), 0, 1000, 1, "mm", tr("automatic")),
    "font_pt": (tr("Text"), tr("Size of the text"), 4, 40, 1, "pt", ""),
    "dpi": (tr("Resolution"), tr("Dots per inch of a PNG"), 30, 1200, 0, "dpi", ""),
    "height": (tr("Height"), tr("Height of a frame"), 120, 2160, 0, "px", ""),
    "fps": (tr("Speed"), tr("Denoising steps per second"), 0.1, 50, 1, tr("per s"), ""),
    "hold": (tr("Hold the end"), tr("How long the last frame stays"), 0, 60, 1, "s", ""),
}
ORDER = (
    *("format", "figure", "step", "image", "steps", "rule", "rows"),
    *("columns", "padding", "scale", "labels", "preset", "width_mm", "height_mm", "font_pt", "dpi"),
    *("beside", "height", "fps", "hold", "loop"),
)


class ExportOptions(QWidget):
    """Shows the options that the kind heeds, and hands every change to the model."""

    def __init__(self, model: ExportModel) -> None:
        super().__init__()
        self._model = model
        self.setAccessibleName(tr("Options"))
        self.format = Combo(tr("Format"), tr("Format of the file"))
        self.figure = Combo(tr("Figure"), tr("What the bundle is of"))
        self.rule = Combo(tr("Rule"), tr("How the neurons are chosen and ordered"))
        self.labels = Combo(tr("Labels"), tr("What stands under each image"))
        self.preset = Combo(tr("Preset"), tr("Size of the figure"))
        self.steps = QLineEdit()
        self.steps.setPlaceholderText(tr("all"))
        self.steps.setAccessibleName(tr("Denoising steps"))
        self.steps.setToolTip(tr("Denoising steps from 1: 3, 1-10 or 5-; all if it is empty"))
        self.loop = QCheckBox(tr("Begin again at the end"))
        self.loop.setToolTip(
            tr("Whether the animation begins again; an MP4 leaves that to the player")
        )
        self.beside = {name: QCheckBox(word) for name, word in BESIDE_WORDS.items()}
        self.numbers = {
            name: NumberField(label, tip, low, high, decimals=decimals, unit=unit, lowest=lowest)
            for name, (label, tip, low, high, decimals, unit, lowest) in NUMBERS.items()
        }
        self._rows = self._build()
        self._connect()
        model.changed.connect(self.show_options)
        self.show_options()

    def _build(self) -> dict[str, QWidget]:
        self._form = form = QFormLayout(self)
        form.setContentsMargins(0, 0, 8, 0)
        form.setHorizontalSpacing(8)
        form.setVerticalSpacing(8)
        form.setRowWrapPolicy(QFormLayout.RowWrapPolicy.WrapLongRows)
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        form.setLabelAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        beside = QWidget()
        column = QVBoxLayout(beside)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        for name, box in self.beside.items():
            box.setToolTip(
                tr(
                    "Show the {beside_word} beside the images",
                    beside_word=BESIDE_WORDS[name].lower(),
                )
            )
            box.setAccessibleName(
                tr("Beside the images: {beside_word}", beside_word=BESIDE_WORDS[name])
            )
            column.addWidget(box)
        widgets: dict[str, tuple[str, QWidget]] = {
            "format": (tr("Format"), self.format),
            "figure": (tr("Figure"), self.figure),
            "steps": (tr("Steps"), self.steps),
            "rule": (tr("Rule"), self.rule),
            "labels": (tr("Labels"), self.labels),
            "preset": (tr("Preset"), self.preset),
            "beside": (tr("Beside"), beside),
            "loop": ("", self.loop),
            **{name: (NUMBERS[name][0], box) for name, box in self.numbers.items()},
        }
        for name in ORDER:
            text, widget = widgets[name]
            if isinstance(widget, QComboBox | QLineEdit | NumberField):
                widget.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
                widget.setMinimumWidth(0)
            if isinstance(widget, QComboBox):
                widget.setSizeAdjustPolicy(
                    QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon
                )
                widget.setMinimumContentsLength(8)
            if text:
                label = QLabel(text)
                theme.set_role(label, "muted")
                label.setBuddy(widget)
                form.addRow(label, widget)
            else:
                form.addRow(widget)
        return {name: widgets[name][1] for name in ORDER}

    def _connect(self) -> None:
        for name in ("format", "figure", "rule", "labels", "preset"):
            box: QComboBox = getattr(self, name)
            box.activated.connect(lambda _, name=name, box=box: self._set(name, box.currentData()))
        for name, field in self.numbers.items():
            field.edited.connect(lambda value, name=name: self._on_number(name, value))
        self.steps.editingFinished.connect(self._on_steps)
        self.loop.clicked.connect(lambda is_on: self._set("loop", is_on))
        for each in self.beside.values():
            each.clicked.connect(self._on_beside)

    @property
    def shown(self) -> tuple[str, ...]:
        """Names of the options that are to be seen."""
        return tuple(name for name in ORDER if self._form.isRowVisible(self._rows[name]))

    @Slot()
    def show_options(self) -> None:
        """Show what the model holds; emits nothing."""
        model, options = self._model, self._model.options
        heeded = {"format", *model.kind.options}
        if options.format == ".png" or model.kind.id == "bundle":
            pass
        elif options.format in (".npz", ".csv"):
            heeded -= {"preset", "width_mm", "height_mm", "font_pt", "dpi", "padding", "scale"}
            heeded -= {"columns", "labels", "image"}
        else:
            heeded.discard("dpi")
        if model.kind.id == "animation" and "tokens" not in options.beside:
            heeded.discard("image")
        if model.kind.id == "bundle":
            heeded -= self._foreign(options.figure)
        for name in ORDER:
            self._form.setRowVisible(self._rows[name], name in heeded)
        formats = [(_named(FORMAT_NAMES[s], why), s, not why) for s, why in model.formats()]
        _fill(self.format, formats, options.format)
        figures = [(_named(kind.title, why), kind.id, not why) for kind, why in model.figures()]
        _fill(self.figure, figures, options.figure)
        rules = [(tr(rule).capitalize(), rule, True) for rule in model.rules()]
        _fill(self.rule, rules, options.rule)
        names = (
            ("none", "number", "uses") if model.kind.id == "codebook" else tuple(LABEL_WORDS)[:4]
        )
        _fill(self.labels, [(LABEL_WORDS[name], name, True) for name in names], options.labels)
        presets = [(words, name, True) for name, (words, _) in PRESETS.items()]
        _fill(self.preset, presets, options.preset)
        for name, field in self.numbers.items():
            if not field.hasFocus() or field.value() != getattr(options, name):
                field.set_number(getattr(options, name))
        self._limit_numbers()
        if not self.steps.hasFocus():
            self.steps.setText(options.steps)
        for box, is_on in (
            (self.loop, options.loop),
            *((self.beside[name], name in options.beside) for name in self.beside),
        ):
            box.setChecked(is_on)
        for name, box in self.beside.items():
            why = model.why_not(name)
            box.setEnabled(not why)
            box.setText(_named(BESIDE_WORDS[name], why))

    def _foreign(self, figure: str) -> set[str]:
        """Options of a bundle that the figure does not heed."""
        kind = next(kind for kind, _ in self._model.figures() if kind.id == figure)
        return {"steps", "rule", "rows"} - set(kind.options)

    def _limit_numbers(self) -> None:
        run = self._model.material.run
        if run is not None:
            self.numbers["step"].setMaximum(max(run.steps_done, 1))

    def sizeHint(self) -> QSize:  # noqa: N802  Qt override
        return QSize(theme.px(WIDTH), super().sizeHint().height())

    @Slot()
    def _on_steps(self) -> None:
        self._set("steps", self.steps.text().strip())

    @Slot()
    def _on_beside(self) -> None:
        chosen = tuple(name for name, box in self.beside.items() if box.isChecked())
        self._set("beside", chosen)

    def _on_number(self, name: str, value: float) -> None:
        is_whole = NUMBERS[name][4] == 0
        self._set(name, round(value) if is_whole else value)

    def _set(self, name: str, value: Any) -> None:  # noqa: ANN401
        self._model.set(**{name: value})


def _named(text: str, why: str) -> str:
    return f"{text}: {why}" if why else text


def _fill(box: QComboBox, items: Sequence[tuple[str, object, bool]], value: object) -> None:
    """Offer items as (text, value, can be chosen), and show one; emits nothing that is heeded."""
    texts = [text for text, _, _ in items]
    if texts != [box.itemText(k) for k in range(box.count())]:
        box.clear()
        for text, data, _ in items:
            box.addItem(text, data)
    model: Any = box.model()
    for k, (_, _, is_enabled) in enumerate(items):
        model.item(k).setEnabled(is_enabled)
    found = next((k for k, (_, data, _) in enumerate(items) if data == value), 0)
    box.setCurrentIndex(found)
