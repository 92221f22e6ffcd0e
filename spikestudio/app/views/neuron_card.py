"""The update rule of one neuron at one SNN step, with its numbers filled in."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PySide6.QtCore import QRect, QSize, Qt
from PySide6.QtGui import QFontMetrics, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from spikestudio.app import theme
from spikestudio.app.plots.traces_data import TracesData
from spikestudio.app.plots.watch_pens import watch_color
from spikestudio.language import tr
from spikestudio.neurons.constants import Constants

DECIMALS = 3
MOST_DECIMALS = 7  # of float32 that mean something


@dataclass(frozen=True, slots=True)
class Moment:
    """One neuron at one SNN step; ``index`` is its place in the watch list.

    ``start`` is the potential that the step began with. ``forced`` as in ``TracesData``.
    """

    index: int
    neuron: int
    step: int
    snn_step: int
    start: float
    current: float
    h: float
    v: float
    is_spike: bool
    constants: Constants
    forced: float


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of the line; ``token`` is its colour, an optional one goes where room is short."""

    text: str
    token: str = "text"
    is_optional: bool = False


def moment_of(data: TracesData, index: int, step: int, snn_step: int) -> Moment | None:
    """Return what a watched neuron did at an SNN step; None where that is not known."""
    is_there = 0 <= step < data.filled and 0 <= snn_step < data.snn_steps
    if not is_there or np.isnan(data.h[index, step, snn_step]):
        return None
    constants = data.constants_of(step)
    start = data.v[index, step, snn_step - 1] if snn_step else constants.rest
    return Moment(
        index,
        data.neurons[index],
        step,
        snn_step,
        float(start),
        float(data.current[index, step, snn_step]),
        float(data.h[index, step, snn_step]),
        float(data.v[index, step, snn_step]),
        bool(data.spikes[index, step, snn_step]),
        constants,
        float(data.forced[index, step]),
    )


def equation(moment: Moment) -> list[Part]:
    """Return the rule, the same with numbers, what comes out, and whether the neuron fires."""
    constants, h = moment.constants, moment.h
    v, current = _number(moment.start), _number(moment.current)
    if constants.tau is None:
        rule, filled = "v + I", f"{v} {_added(moment.current)}"
    elif constants.rest:
        rest = _number(constants.rest)
        rule = "v + (I − (v − v₀))/τ"
        filled = f"{v} + ({current} − ({v} − {_grouped(rest)}))/{constants.tau:g}"
    else:
        rule = "v + (I − v)/τ"
        filled = f"{v} + ({current} − {_grouped(v)})/{constants.tau:g}"
    parts = [Part("h = "), Part(f"{rule} = ", "muted", is_optional=True), Part(f"{filled} = ")]
    return parts + _outcome(moment, _decimals(h, constants.v_threshold))


def _outcome(moment: Moment, decimals: int) -> list[Part]:
    constants = moment.constants
    h, threshold = (_number(each, decimals) for each in (moment.h, constants.v_threshold))
    v = _number(moment.v)
    if np.isinf(moment.forced):
        why = tr("silenced") if moment.forced > 0 else tr("clamped")
        head = [Part(h), Part(f"; {why}: {'fires' if moment.is_spike else 'silent'}", "warn")]
    elif moment.is_spike:
        head = [Part(f"{h} ≥ θ {threshold}: "), Part(tr("fires"), "spike")]
    else:
        head = [Part(f"{h} < θ {threshold}: "), Part(tr("silent"), "muted")]
    if not moment.is_spike:
        return [*head, Part(f", v = {v}")]
    if constants.v_reset is None:
        return [*head, Part(tr(", v = h − θ = {v} (soft reset)", v=v))]
    return [*head, Part(tr(", v = {v} (hard reset)", v=v))]


def spoken(moment: Moment) -> str:
    """Return the same in words, for a screen reader and the tooltip."""
    constants = moment.constants
    text = "".join(part.text for part in equation(moment))
    why = tr("at least") if moment.h >= constants.v_threshold else tr("below")
    kind = tr("soft") if constants.v_reset is None else tr("hard")
    end = tr("fires ({kind} reset)", kind=kind) if moment.is_spike else tr("silent")
    return tr(
        "Neuron {neuron:,}, step {moment_step:,}, SNN step {snn_step}: {the_text}\n"
        "v: potential before, I: input current, h: potential before reset, θ: threshold. "
        "{end}: h is {why} the threshold.",
        neuron=moment.neuron,
        moment_step=moment.step + 1,
        snn_step=moment.snn_step + 1,
        the_text=text,
        end=end.capitalize(),
        why=why,
    )


class NeuronCard(QWidget):
    """One line with the equation of a moment, cut with an ellipsis where it does not fit."""

    def __init__(self) -> None:
        super().__init__()
        self._moment: Moment | None = None
        self._parts: list[Part] = []
        self._note = ""
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        theme.manager.changed.connect(self.updateGeometry)
        self.set_moment(None)

    @property
    def text(self) -> str:
        """The whole line."""
        return "".join(part.text for part in self._parts) or self._note

    def set_moment(self, moment: Moment | None, note: str = "") -> None:
        """Show a moment, or a note why there is none."""
        if (moment, note) == (self._moment, self._note) and self.accessibleName():
            return
        self._moment, self._note = moment, note
        self._parts = []
        if moment is not None:
            self._parts = [Part(f"{moment.neuron:,}: ", "watch"), *equation(moment)]
        tip = tr("Update rule of the neuron that is pointed at, or of the first one at the cursor")
        self.setToolTip(spoken(moment) if moment else note or tip)
        self.setAccessibleName(spoken(moment) if moment else note or tip)
        self.update()

    def sizeHint(self) -> QSize:  # noqa: N802  Qt override
        return QSize(0, QFontMetrics(theme.font("caption")).height() + theme.px(2))

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802  Qt override
        painter = QPainter(self)
        painter.setFont(theme.font("caption"))
        metrics = painter.fontMetrics()
        parts = self._parts or [Part(self._note, "muted")]
        if sum(metrics.horizontalAdvance(part.text) for part in parts) > self.width():
            parts = [part for part in parts if not part.is_optional]
        x = 0
        for part in parts:
            room = self.width() - x
            if part.token == "watch" and self._moment is not None:
                painter.setPen(watch_color(self._moment.index))
            else:
                painter.setPen(theme.color(part.token))
            shown = metrics.elidedText(part.text, Qt.TextElideMode.ElideRight, room)
            area = QRect(x, 0, room, self.height())
            painter.drawText(
                area, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter, shown
            )
            if shown != part.text:
                break
            x += metrics.horizontalAdvance(part.text)


def _decimals(h: float, threshold: float) -> int:
    """Return how many decimals tell a potential from the threshold."""
    for decimals in range(DECIMALS, MOST_DECIMALS):
        if h == threshold or f"{h:.{decimals}f}" != f"{threshold:.{decimals}f}":
            return decimals
    return MOST_DECIMALS


def _number(value: float, decimals: int = DECIMALS) -> str:
    text = f"{value:.{decimals}f}"
    if float(text) == 0:
        text = text.lstrip("-")
    return text.replace("-", "\N{MINUS SIGN}")


def _grouped(number: str) -> str:
    return f"({number})" if number.startswith("\N{MINUS SIGN}") else number


def _added(value: float) -> str:
    sign = "\N{MINUS SIGN}" if value < 0 else "+"
    return f"{sign} {_number(abs(value))}"
