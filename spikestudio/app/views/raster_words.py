"""What the raster says about a neuron, a moment and its rows."""

from __future__ import annotations

from PySide6.QtCore import QPointF

from spikestudio.app import theme
from spikestudio.app.plots.axes import RowLabel, spans_of
from spikestudio.app.plots.raster_data import RasterStack
from spikestudio.app.plots.raster_marks import Box
from spikestudio.app.plots.text import figure, place
from spikestudio.app.plots.watch_pens import is_dashed, watch_color
from spikestudio.app.viewmodels.run import Selection
from spikestudio.language import tr


def describe(stack: RasterStack, where: QPointF) -> str:
    """Return which neuron a point belongs to, what it did so far, and the moment."""
    found = stack.at(int(where.y() // 1))
    if found is None:
        return ""
    data, neuron = found
    spikes, snn_steps = int(data.counts[neuron]), stack.source.snn_steps
    rate = figure(spikes / max(1, data.known * snn_steps))
    layer = tr(" of {layer}", layer=data.layer.id) if len(stack.parts) > 1 else ""
    text = tr(
        "Neuron {neuron:,}{layer}: {place}; {spikes:,} spikes, rate {rate}",
        neuron=neuron,
        layer=layer,
        place=place(data.layer, neuron),
        spikes=spikes,
        rate=rate,
    )
    step, column = divmod(int(where.x() // 1), snn_steps)
    if 0 <= step < data.counted:
        text += tr("; step {step:,}, SNN step {column}", step=step + 1, column=column + 1)
    return text


def row_labels(
    stack: RasterStack, selection: Selection, hovered: int | None
) -> tuple[RowLabel, ...]:
    """Return the names at the left: the neuron pointed at, the watched ones, the layers.

    Earlier ones win where two would overlap; a watched neuron that repeats a colour has a dash.
    """
    tokens = theme.tokens()
    labels = []
    if hovered is not None and (row := stack.row_of(selection.layer, hovered)) is not None:
        labels.append(RowLabel(row + 0.5, f"{hovered:,}", tokens.text, marker=tokens.text))
    selected, others = _layer_labels(stack, selection.layer)
    labels += selected
    for index, neuron in enumerate(selection.neurons):
        row, color = stack.row_of(selection.layer, neuron), watch_color(index)
        if row is not None:
            text = f"╌ {neuron:,}" if is_dashed(index) else f"{neuron:,}"
            labels.append(RowLabel(row + 0.5, text, color, marker=color))
    return (*labels, *others)


def _layer_labels(stack: RasterStack, selected: str) -> tuple[list[RowLabel], list[RowLabel]]:
    """Return the name of the selected layer and those of the others; none if there is but one."""
    tokens = theme.tokens()
    labels: tuple[list[RowLabel], list[RowLabel]] = ([], [])
    for part, start in zip(stack.parts, stack.starts, strict=True):
        if len(stack.parts) > 1 and part.rows.size:
            is_other = part.layer.id != selected
            y, color = start + part.rows.size / 2, tokens.muted if is_other else tokens.accent
            labels[is_other].append(RowLabel(y, part.layer.id, color))
    return labels


def hatched_boxes(stack: RasterStack) -> tuple[Box, ...]:
    """Return where each of several layers has steps that were not recorded."""
    return tuple(
        (left, float(start), right, float(start + part.rows.size))
        for part, start in zip(stack.parts, stack.starts, strict=True)
        if part.rows.size
        for left, right in spans_of(part.missing, stack.source.snn_steps)
    )
