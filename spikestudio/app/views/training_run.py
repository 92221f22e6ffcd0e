"""Page of the training dock that shows a run: curves, samples, and what it said."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PySide6.QtCore import Qt, Slot
from PySide6.QtGui import QImage, QResizeEvent
from PySide6.QtWidgets import QSlider, QSplitter, QVBoxLayout, QWidget

from spikestudio.app import theme
from spikestudio.app.plots.text import figure
from spikestudio.app.plots.training_curves import (
    TrainingLine,
    TrainingPicture,
    TrainingPlot,
    spans_decades,
)
from spikestudio.app.plots.training_samples import SamplePicture
from spikestudio.app.viewmodels.training_reading import RATES, Curve, Snapshot
from spikestudio.app.viewmodels.training_texts import no_samples_text, rates_text
from spikestudio.app.views.parts import Caption, Combo, line
from spikestudio.language import tr

if TYPE_CHECKING:
    from spikestudio.app.viewmodels.training import TrainingModel

NO_LOSS = tr("The first line of its log is still to come.")


class TrainingRun(QWidget):
    """Loss and rates over the steps, and the samples of any of them."""

    def __init__(self, training: TrainingModel) -> None:
        super().__init__()
        self._training = training
        self._sample: Path | None = None  # that is shown or being read
        self._follows = True  # the newest sample, until an older one is looked at
        self._drawn: object = None
        self.figure = Combo(tr("Figure"), tr("Which of the logged losses is drawn"))
        self.loss, self.rates = TrainingPlot("loss"), TrainingPlot(tr("firing rate"))
        self.loss_words, self.rate_words = Caption(), Caption()
        self.picture = SamplePicture()
        self.sample_words = Caption()
        self.scrubber = QSlider(Qt.Orientation.Horizontal)
        self.scrubber.setAccessibleName(tr("Samples by training step"))
        self.scrubber.setToolTip(
            tr("Samples of earlier steps; at the right end the newest are shown")
        )
        self.scrubber.setPageStep(5)
        plots = _column(
            (line(self.loss_words, self.figure), 0),
            (self.loss, 3),
            (self.rate_words, 0),
            (self.rates, 2),
        )
        samples = _column((self.sample_words, 0), (self.picture, 1), (self.scrubber, 0))
        self.splitter = QSplitter(Qt.Orientation.Horizontal)
        self.splitter.setChildrenCollapsible(False)
        self.splitter.addWidget(plots)
        self.splitter.addWidget(samples)
        self.splitter.setSizes([620, 380])
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.splitter)
        self.figure.activated.connect(self._on_figure)
        self.scrubber.valueChanged.connect(self._on_scrubbed)
        for plot in (self.loss, self.rates):
            plot.windowChanged.connect(self._on_figure)
        theme.manager.changed.connect(self._on_figure)

    def forget(self) -> None:
        """Begin anew with another run."""
        self._sample, self._follows, self._drawn = None, True, None

    def show_run(self, snapshot: Snapshot) -> None:
        """Draw what is new."""
        self._show_figures(snapshot)
        self._show_samples(snapshot)
        self._show_curves(snapshot)

    def _show_figures(self, snapshot: Snapshot) -> None:
        names = [name for name in snapshot.curves if name not in RATES]
        names.sort(key=lambda name: name != "loss")
        if [self.figure.itemText(k) for k in range(self.figure.count())] != names:
            chosen = self.figure.currentText()
            self.figure.clear()
            self.figure.addItems(names)
            self.figure.setCurrentText(chosen)
        self.figure.setVisible(len(names) > 1)

    def _show_curves(self, snapshot: Snapshot) -> None:
        name, marked = self.figure.currentText(), self._marked(snapshot)
        state = (id(snapshot.curves), snapshot.stages, name, marked)
        if state == self._drawn:
            return
        self._drawn = state
        self._curves = snapshot.curves  # whose identity was taken must live
        stages = tuple((stage.name, stage.first) for stage in snapshot.stages)
        curve = snapshot.curves.get(name)
        lines = _lines(curve, name) if curve is not None else ()
        self.loss.setVisible(bool(lines))
        self.loss_words.set_text(_loss_text(name, curve) if curve is not None else NO_LOSS)
        if curve is not None:
            is_log = spans_decades(curve.values)
            self.loss.set_picture(
                TrainingPicture(
                    *(name, lines, stages, snapshot.total_steps, is_log), marked=marked
                ),
                tr("training step"),
            )
        rate = snapshot.curves.get(RATES[0])
        self.rates.setVisible(rate is not None)
        self.rate_words.set_text(rates_text(snapshot) if snapshot.curves else "")
        if rate is not None:
            self.rates.set_picture(
                TrainingPicture(
                    tr("firing rate"),
                    _rate_lines(snapshot.curves),
                    stages,
                    snapshot.total_steps,
                    least=0.0,
                    marked=marked,
                    has_names=False,
                ),
                tr("training step"),
            )

    # samples --------------------------------------------------------------------------------

    def _show_samples(self, snapshot: Snapshot) -> None:
        samples = snapshot.samples
        last = max(0, len(samples) - 1)
        self.scrubber.setVisible(len(samples) > 1)
        self.scrubber.blockSignals(True)
        self.scrubber.setRange(0, last)
        if self._follows:
            self.scrubber.setValue(last)
        self.scrubber.blockSignals(False)
        if not samples:
            self._sample = None
            self.sample_words.set_text(tr("Samples"))
            self.picture.show_sentence(no_samples_text(self._training))
            return
        number = min(self.scrubber.value(), last)
        step, path = samples[number]
        text = (
            tr("Samples at step {step:,} of {stage}", step=step, stage=snapshot.stages[-1].name)
            if snapshot.stages
            else ""
        )
        text += (
            ""
            if len(samples) == 1
            else tr(" · {number:,} of {num_samples:,}", number=number + 1, num_samples=len(samples))
        )
        self.sample_words.set_text(text + (tr(", newest") if number == last else ""))
        if path != self._sample:
            self._sample = path
            self._training.sample_image(path, partial(self._on_image, path, text))

    def _on_image(self, path: Path, text: str, image: QImage) -> None:
        if path == self._sample:
            self.picture.show_image(image, text if not image.isNull() else tr("It cannot be read."))

    def _marked(self, snapshot: Snapshot) -> int | None:
        """Step whose samples are looked at, if not the newest."""
        if self._follows or not snapshot.samples or not snapshot.stages:
            return None
        step, _ = snapshot.samples[min(self.scrubber.value(), len(snapshot.samples) - 1)]
        return snapshot.stages[-1].first + step

    @Slot(int)
    def _on_scrubbed(self, number: int) -> None:
        self._follows = number == self.scrubber.maximum()
        self._on_figure()

    @Slot()
    def _on_figure(self) -> None:
        self._drawn = None
        if self._training.snapshot is not None and self.isVisible():
            self.show_run(self._training.snapshot)

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802  Qt override
        super().resizeEvent(event)
        is_wide = self.width() > 1.1 * self.height()
        side = Qt.Orientation.Horizontal if is_wide else Qt.Orientation.Vertical
        if side != self.splitter.orientation():
            self.splitter.setOrientation(side)


def _column(*parts: tuple[QWidget, int]) -> QWidget:
    column = QWidget()
    layout = QVBoxLayout(column)
    layout.setContentsMargins(0, 0, 0, 0)
    layout.setSpacing(4)
    for widget, stretch in parts:
        layout.addWidget(widget, stretch)
    layout.addStretch(0)
    return column


def _lines(curve: Curve, name: str) -> tuple[TrainingLine, ...]:
    raw = TrainingLine(curve.steps, curve.values, name, "muted", alpha=0.6)
    if curve.window == 1 or not np.isfinite(curve.mean).any():
        return (TrainingLine(curve.steps, curve.values, name, "accent", width=2),)
    mean = TrainingLine(
        curve.mean_steps,
        curve.mean,
        tr("mean of {window:,}", window=curve.window),
        "accent",
        width=2,
    )
    return (raw, mean)


def _rate_lines(curves: dict[str, Curve]) -> tuple[TrainingLine, ...]:
    found = []
    styles = (Qt.PenStyle.SolidLine, Qt.PenStyle.DotLine, Qt.PenStyle.DashLine)
    names = (tr("all layers"), tr("quietest"), tr("busiest"))
    for key, name, style in zip(RATES, names, styles, strict=True):
        curve = curves.get(key)
        if curve is not None:
            is_main = key == RATES[0]
            color, width = ("accent", 2) if is_main else ("muted", 1)
            steps, values = (
                (curve.steps, curve.values) if is_main else (curve.mean_steps, curve.mean)
            )
            found.append(TrainingLine(steps, values, name, color, width=width, style=style))
    return tuple(reversed(found))


def _loss_text(name: str, curve: Curve) -> str:
    known = curve.mean[np.isfinite(curve.mean)]
    if curve.window == 1 or not len(known):
        return f"{name} {figure(curve.last)}"
    mean = figure(float(known[-1]))
    return tr(
        "{name} {last} · mean of the last {window:,} values {mean}",
        name=name,
        last=figure(curve.last),
        window=curve.window,
        mean=mean,
    )
