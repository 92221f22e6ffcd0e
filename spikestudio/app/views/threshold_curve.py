"""A threshold for every denoising step, and the firing rates of the last two runs below it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QPointF, Qt, Slot
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QCheckBox, QVBoxLayout, QWidget

from spikestudio.app import theme
from spikestudio.app.plots.curve_item import CurvePicture
from spikestudio.app.plots.curve_plot import CurvePlot, RatePlot
from spikestudio.app.plots.rate_lines import RateLine
from spikestudio.app.viewmodels import parameters
from spikestudio.app.viewmodels.threshold_lab import ThresholdLab
from spikestudio.app.views.parts import Caption, Combo, Segmented, line, tool_row
from spikestudio.app.views.threshold_layers import words
from spikestudio.app.widgets.icons import IconButton
from spikestudio.app.widgets.parameter_row import NumberBox
from spikestudio.language import tr
from spikestudio.neurons.schedules import PRESETS, place
from spikestudio.neurons.thresholds import schedule_of, scheduled
from spikestudio.sampling.request import RANGES

DRAWN = tr("Drawn by hand")
SHOWN = (
    (tr("Rate"), tr("Mean firing rate of all layers, of the last run and the one before")),
    (tr("Change"), tr("By how many per cent the last run fired more than the one before")),
)
CHANGE = 1
PATH_PLACES = 201  # at which a curve is drawn
THOUSANDTH = 0.001


class CurvePage(QWidget):
    """The curve is edited with the mouse or the keys; every edit puts it in force."""

    def __init__(self, lab: ThresholdLab, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._lab = lab
        self._selected: int | None = None
        self._is_wide = False
        self._hovered: float | None = None  # denoising step, in parts
        self.used = QCheckBox(tr("Use"))
        self.used.setToolTip(tr("Let the curve take the place of the threshold of all layers"))
        self.used.setAccessibleName(tr("Use the curve"))
        self.preset = Combo(
            tr("Form of the curve"), tr("Draw a curve of this form"), (DRAWN, *map(tr, PRESETS))
        )
        self.value = NumberBox(parameters.THRESHOLD)
        self.value.setToolTip(
            tr("Threshold that the form is drawn with; elsewhere it is that of all")
        )
        self.value.setAccessibleName(tr("Threshold of the form"))
        self.smooth = QCheckBox(tr("Smooth"))
        self.smooth.setToolTip(tr("Join the points by half waves of a cosine instead of lines"))
        self.add = IconButton("mdi6.plus", tr("Add a point behind the selected one (Insert)"))
        self.remove = IconButton("mdi6.minus", tr("Remove the selected point (Delete)"))
        self.shown = Segmented(tr("Shown below"), SHOWN)
        self.curve = CurvePlot()
        self.rates = RatePlot()
        self.caption = Caption()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(theme.SPACE)
        layout.addWidget(
            tool_row(self.used, self.preset, self.value, self.smooth, line(self.add, self.remove))
        )
        layout.addWidget(self.curve, 3)
        layout.addWidget(line(self.caption, self.shown))
        layout.addWidget(self.rates, 2)
        layout.addWidget(words())
        self._connect()
        self._restyle()

    def _connect(self) -> None:
        self.used.clicked.connect(self._on_used)
        self.preset.activated.connect(self._on_preset)
        self.value.edited.connect(self._on_value)
        self.smooth.clicked.connect(self._on_smooth)
        self.add.clicked.connect(self._add_behind)
        self.remove.clicked.connect(self._remove_selected)
        self.shown.chosen.connect(self.refresh)
        curve = self.curve
        curve.pointSelected.connect(self._select)
        curve.pointDragged.connect(self._drag)
        curve.pointNudged.connect(self._nudge)
        curve.pointAdded.connect(self._on_added)
        curve.pointRemoved.connect(self._on_removed)
        curve.addRequested.connect(self._add_behind)
        queued = Qt.ConnectionType.QueuedConnection
        for plot in (curve, self.rates):
            plot.tip_at = self._tip
            plot.hovered.connect(self._on_hovered)
            plot.windowChanged.connect(self.refresh, queued)
        theme.manager.changed.connect(self._restyle)

    def set_wide(self, *, is_wide: bool) -> None:
        """Let the y axis span much or little."""
        self._is_wide = is_wide

    # to the user ----------------------------------------------------------------------------

    @Slot()
    def refresh(self) -> None:
        """Draw the curve of the next run, and the rates of the last two."""
        lab = self._lab
        if self._selected is not None:
            self._selected = min(self._selected, len(lab.curve.points) - 1)
        self.used.setChecked(lab.is_scheduled)
        index = 0 if lab.preset is None else 1 + list(PRESETS).index(lab.preset)
        self.preset.setCurrentIndex(index)
        self.value.set_number(lab.preset_value)
        self.value.setEnabled(lab.preset is not None)
        self.smooth.setChecked(lab.curve.is_smooth)
        self.remove.setEnabled(len(lab.curve.points) > 1 and self._selected is not None)
        self._draw_curve()
        self._draw_rates()
        self._show_caption()

    def _draw_curve(self) -> None:
        lab, number, plot = self._lab, self._lab.num_steps, self.curve
        plot.set_run(number, tr("denoising step of the next run"))
        values = self._values()
        span = parameters.WIDE_THRESHOLD if self._is_wide else parameters.THRESHOLD
        points = [point.value for point in lab.curve.points]
        low, high = (f(*points, *values) for f in (min, max))
        is_inside = span.low <= low and high <= span.high
        marks = span.marks if is_inside else ()
        plot.set_range(min(low, span.low), max(high, span.high), marks, "{:.3f}")
        places = np.linspace(0, 1, PATH_PLACES)
        columns = np.array([plot.column_of(each * (number - 1)) for each in places])
        plot.set_picture(
            CurvePicture(
                values=values,
                path=np.column_stack((columns, lab.curve.at(places))),
                points=tuple(
                    (plot.column_of(point.at * (number - 1)), point.value)
                    for point in lab.curve.points
                ),
                selected=self._selected,
                before=last.thresholds if (last := lab.traces.last) is not None else None,
                lines=plot.levels,
                is_used=lab.is_scheduled,
                columns=plot.columns,
            )
        )

    def _values(self) -> NDArray[np.float64]:
        """Threshold of every step of the next run, as it is or as it would be."""
        lab, request = self._lab, self._lab.sampler.request
        if lab.is_scheduled:
            base = np.full(request.steps, request.threshold)
            return scheduled(schedule_of(request.overrides), base)
        return lab.curve.steps(request.steps)

    def _draw_rates(self) -> None:
        plot, traces = self.rates, self._lab.traces
        last, before = traces.last, traces.before
        plot.set_run(self._lab.num_steps, tr("denoising step"))
        lines: list[RateLine] = []
        low, high = 0.0, 0.5
        if self.shown.current == CHANGE:
            plot.set_title(tr("change, %"), "%")
            change = self._change()
            if change is not None:
                lines = [RateLine(change, tr("last run against the one before"), "text")]
            most = _most(change, 1.0)
            low, high = -most, most
        else:
            plot.set_title(tr("mean rate"), tr("rate"))
            if before is not None:
                lines.append(RateLine(before.rates, tr("run before"), "muted", is_dashed=True))
            if last is not None:
                lines.append(RateLine(last.rates, tr("last run"), "text"))
            known = np.concatenate([line.values for line in lines]) if lines else np.empty(0)
            known = known[np.isfinite(known)]
            if len(known):
                low, high = _padded(float(known.min()), float(known.max()))
        plot.set_range(low, high)
        plot.set_lines(tuple(lines))

    def _change(self) -> NDArray[np.float64] | None:
        """Per cent by which the last run fired more than the one before, step by step."""
        last, before = self._lab.traces.last, self._lab.traces.before
        if last is None or before is None or len(last.rates) != len(before.rates):
            return None
        with np.errstate(divide="ignore", invalid="ignore"):
            change = 100 * (last.rates / before.rates - 1)
        return np.where(np.isfinite(change), change, np.nan)

    def _show_caption(self) -> None:
        step = self._step_looked_at()
        text = self._step_text(step) if step is not None else self._runs_text()
        self.caption.set_text(text)
        self.curve.setAccessibleDescription(text)
        self.rates.setAccessibleDescription(text)

    def _tip(self, where: QPointF) -> str:
        step = round(self.curve.step_at(where))
        return self._step_text(step) if 0 <= step < self._lab.num_steps else ""

    def _step_looked_at(self) -> int | None:
        number = self._lab.num_steps
        if self._hovered is not None:
            step = round(self._hovered)
        elif self._selected is not None and self.curve.hasFocus():
            step = round(self._lab.curve.points[self._selected].at * (number - 1))
        else:
            return None
        return step if 0 <= step < number else None

    def _step_text(self, step: int) -> str:
        text = tr("step {step:,}: threshold {value:.4f}", step=step + 1, value=self._values()[step])
        if not self._lab.is_scheduled:
            text += tr(", not in use")
        last, before = self._lab.traces.last, self._lab.traces.before
        if last is None or len(last.rates) != self._lab.num_steps or np.isnan(last.rates[step]):
            return text
        text += tr("   rate {rate:.4f}", rate=last.rates[step])
        change = self._change()
        if before is not None and change is not None and np.isfinite(change[step]):
            sign = f"{change[step]:+.2f}".replace("-", "\N{MINUS SIGN}")
            text += tr(", before {rate:.4f}: {sign} %", rate=before.rates[step], sign=sign)
        return text

    def _runs_text(self) -> str:
        last, before, number = self._lab.traces.last, self._lab.traces.before, self._lab.num_steps
        if last is None:
            return tr(
                "The rates of a run appear below; those of the run before stay for comparison."
            )
        if self.shown.current == CHANGE and self._change() is None:
            return tr("To compare, sample twice with the same number of steps.")
        text = tr("Below: mean rate of all layers")
        others = {len(each.rates) for each in (last, before) if each is not None} - {number}
        if others:
            names = tr(" and ").join(f"{each:,}" for each in sorted(others))
            text += tr("; {names} steps, drawn over the same width", names=names)
        return text

    # from the user --------------------------------------------------------------------------

    @Slot(bool)
    def _on_used(self, is_used: bool) -> None:
        self._lab.set_scheduled(is_scheduled=is_used)
        self.refresh()

    @Slot(int)
    def _on_preset(self, index: int) -> None:
        if index:
            self._lab.use_preset(list(PRESETS)[index - 1])
        self.refresh()

    @Slot(float)
    def _on_value(self, value: float) -> None:
        self._lab.set_preset_value(value)
        self.refresh()

    @Slot(bool)
    def _on_smooth(self, is_smooth: bool) -> None:
        self._lab.set_smooth(is_smooth=is_smooth)
        self.refresh()

    @Slot(int)
    def _select(self, index: int) -> None:
        self._selected = index
        self.refresh()

    @Slot(int, float, float)
    def _drag(self, index: int, step: float, value: float) -> None:
        points = self._lab.curve.points
        if index < len(points):
            self._lab.move_point(index, step, _legal(value))
            self._select(index)

    @Slot(int, int, int)
    def _nudge(self, index: int, steps: int, thousandths: int) -> None:
        point = self._lab.curve.points[index]
        step = round(point.at * (self._lab.num_steps - 1)) + steps
        self._drag(index, step, point.value + thousandths * THOUSANDTH)

    @Slot(float, float)
    def _on_added(self, step: float, value: float) -> None:
        self._select(self._lab.add_point(step, _legal(value)))

    @Slot()
    def _add_behind(self) -> None:
        """Add a point half-way to the next one, or before the last."""
        curve, number = self._lab.curve, self._lab.num_steps
        index = min(self._selected or 0, len(curve.points) - 1)
        at = curve.points[index].at
        if index + 1 < len(curve.points):
            end = curve.points[index + 1].at
        else:
            end = 1.0 if at < 1 else curve.points[index - 1].at if index else 0.0
        step = round((at + end) / 2 * (number - 1))
        if place(step, number) not in [point.at for point in curve.points]:
            value = float(curve.at([place(step, number)])[0])
            self._on_added(step, value)

    @Slot()
    def _remove_selected(self) -> None:
        if self._selected is not None:
            self._on_removed(self._selected)

    @Slot(int)
    def _on_removed(self, index: int) -> None:
        self._lab.remove_point(index)
        self._select(min(index, len(self._lab.curve.points) - 1))

    @Slot(object)
    def _on_hovered(self, where: QPointF | None) -> None:
        self._hovered = None if where is None else self.curve.step_at(where)
        self._show_caption()

    # sizes ----------------------------------------------------------------------------------

    @Slot()
    def _restyle(self) -> None:
        self.value.setFixedWidth(self.value.fontMetrics().horizontalAdvance("00000") + theme.px(28))
        for box in (self.used, self.smooth):
            box.setMinimumHeight(theme.px(28))
        self.curve.setMinimumHeight(theme.px(140))
        self.rates.setMinimumHeight(theme.px(100))
        self.refresh()

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802  Qt override
        super().resizeEvent(event)
        self.refresh()


def _legal(value: float) -> float:
    limits = RANGES["threshold"]
    return round(min(max(value, limits.low), limits.high), 3)


def _most(values: NDArray[np.float64] | None, least: float) -> float:
    """Return the largest size of a value, or more where all are small."""
    if values is None or not np.isfinite(values).any():
        return least
    return max(least, float(np.nanmax(np.abs(values))))


def _padded(low: float, high: float) -> tuple[float, float]:
    """Return a range around values that never shrinks to a line."""
    spare = max(0.02 - (high - low), 0) / 2
    return max(0.0, low - spare), high + spare
