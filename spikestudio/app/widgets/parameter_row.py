"""One numeric parameter: title, number box, reset dot, slider, and a note."""

from __future__ import annotations

from PySide6.QtCore import QEvent, Qt, Signal, Slot
from PySide6.QtGui import QPainter, QPaintEvent, QWheelEvent
from PySide6.QtWidgets import (
    QDoubleSpinBox,
    QHBoxLayout,
    QLabel,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from spikestudio.app import theme
from spikestudio.app.viewmodels.parameters import Parameter
from spikestudio.app.widgets.slider import NumberSlider
from spikestudio.language import tr
from spikestudio.sampling.request import RANGES


class NumberBox(QDoubleSpinBox):
    """Box for a number within its legal range; scrolling past it changes nothing.

    ``edited`` is emitted when typing is done or an arrow key is pressed, never by ``set_number``.
    The style sheet leaves the arrow buttons no room; ``NoButtons`` would leave the text none either.
    """

    edited = Signal(float)

    def __init__(self, parameter: Parameter, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        limits = RANGES[parameter.name]
        self.setDecimals(parameter.decimals)
        # A double holds whole numbers exactly up to 2**53 only.
        self.setRange(limits.low, min(limits.high, 2.0**53))
        self.lineEdit().setTextMargins(0, 0, theme.SPACE, 0)
        self.setSingleStep(10.0**-parameter.decimals)
        self.setAlignment(Qt.AlignmentFlag.AlignRight)
        self.setKeyboardTracking(False)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        if parameter.unit:
            self.setSuffix(f" {parameter.unit}")
        self.setAccessibleName(parameter.title)
        self.setAccessibleDescription(parameter.help_text)
        self.valueChanged.connect(self._on_value_changed)
        self._is_set_by_program = False

    def set_number(self, number: float) -> None:
        """Show a value; emits nothing."""
        self._is_set_by_program = True
        self.setValue(number)
        self._is_set_by_program = False

    @Slot(float)
    def _on_value_changed(self, number: float) -> None:
        if not self._is_set_by_program:
            self.edited.emit(number)

    def textFromValue(self, value: float) -> str:  # noqa: N802  Qt override
        return f"{value:.{self.decimals()}f}"

    def wheelEvent(self, event: QWheelEvent) -> None:  # noqa: N802  Qt override
        if self.hasFocus():
            super().wheelEvent(event)
        else:
            event.ignore()


class ResetDot(QToolButton):
    """Dot that is there while a value differs from the model's default; a click takes the default."""

    SIZE = 16

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("role", "reset")
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setAccessibleName(tr("Back to the default"))
        policy = self.sizePolicy()
        policy.setRetainSizeWhenHidden(True)
        self.setSizePolicy(policy)
        self.setFixedSize(self.SIZE, self.SIZE)

    def show_default(self, text: str | None) -> None:
        """Offer to go back to ``text``; None hides the dot."""
        self.setVisible(text is not None)
        if text is not None:
            self.setToolTip(tr("Back to the default, {the_text}", the_text=text))
            self.setAccessibleName(tr("Back to the default, {the_text}", the_text=text))

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802  Qt override
        super().paintEvent(event)
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(theme.color("accent" if self.underMouse() else "muted"))
        painter.drawEllipse(self.rect().center(), 3, 3)


class ParameterRow(QWidget):
    """Title and number box above a slider; the signals carry the parameter's name."""

    changed = Signal(str, float)
    resetRequested = Signal(str)  # noqa: N815

    def __init__(self, parameter: Parameter, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.parameter = parameter
        limits = RANGES[parameter.name]
        self.box = NumberBox(parameter)
        self.slider = NumberSlider(parameter)
        self.reset = ResetDot()
        self.title = QLabel(parameter.title)
        self.title.setBuddy(self.box)
        self.note = QLabel()
        self.note.setWordWrap(True)
        theme.set_role(self.note, "caption")
        self.note.hide()
        legal = tr("{low:g} to {high:g}", low=limits.low, high=limits.high)
        self.setToolTip(
            tr("{help_text}\nFrom {legal}.", help_text=parameter.help_text, legal=legal)
        )

        self.top = QHBoxLayout()
        self.top.setSpacing(theme.SPACE)
        self.top.addWidget(self.title)
        self.top.addStretch(1)
        self.top.addWidget(self.reset)
        self.top.addWidget(self.box)
        self.column = QVBoxLayout(self)
        self.column.setContentsMargins(0, 0, 0, 0)
        self.column.setSpacing(theme.SPACE)
        self.column.addLayout(self.top)
        self.column.addWidget(self.slider)
        self.column.addWidget(self.note)

        self.box.edited.connect(self._on_chosen)
        self.slider.numberChanged.connect(self._on_chosen)
        self.reset.clicked.connect(self._on_reset)
        self._fit()

    def set_parameter(self, parameter: Parameter) -> None:
        """Span the slider differently."""
        self.parameter = parameter
        self.slider.set_parameter(parameter)

    def show_value(self, number: float, default: float) -> None:
        """Show a value and whether it is the default; emits nothing."""
        self.box.set_number(number)
        self.slider.set_number(number)
        text = None if number == default else f"{default:.{self.parameter.decimals}f}"
        self.reset.show_default(text)

    def show_note(self, text: str, role: str = "caption") -> None:
        """Show a line under the slider; an empty one hides it."""
        self.note.setText(text)
        self.note.setVisible(bool(text))
        if text and self.note.property("role") != role:
            theme.set_role(self.note, role)

    def lock(self, reason: str) -> None:
        """Disable the control and say why; an empty reason enables it."""
        for widget in (self.box, self.slider, self.reset):
            widget.setEnabled(not reason)
        if reason:
            self.show_note(reason)

    @Slot(float)
    def _on_chosen(self, number: float) -> None:
        self.changed.emit(self.parameter.name, number)

    @Slot()
    def _on_reset(self) -> None:
        self.resetRequested.emit(self.parameter.name)

    def changeEvent(self, event: QEvent) -> None:  # noqa: N802  Qt override
        if event.type() == QEvent.Type.FontChange:
            self._fit()
        super().changeEvent(event)

    def _fit(self) -> None:
        digits = "0" * max(5, self.parameter.decimals + 2)
        self.box.setFixedWidth(self.box.fontMetrics().horizontalAdvance(digits) + theme.px(28))
