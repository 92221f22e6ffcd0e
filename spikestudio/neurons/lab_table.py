"""What one neuron did, as CSV: one line per SNN step, with the constants on every line."""

from __future__ import annotations

import csv
from pathlib import Path

from spikestudio.atomic import atomic_write
from spikestudio.neurons.lab import Driven, Neuron

COLUMNS = (
    *("step", "input", "v_before", "h", "spike", "v"),
    *("neuron", "tau", "threshold", "reset", "decays_input", "source"),
)


def write_csv(path: Path | str, neuron: Neuron, driven: Driven, source: str = "") -> None:
    """Write the traces of one neuron; floats read back to the same bits.

    ``step`` counts from 1, ``tau`` and ``decays_input`` are empty for IF, ``reset`` is a potential
    or "soft". Raises ``ExportError`` if the file cannot be written; nothing is left behind then.
    """
    constants = (
        neuron.kind,
        neuron.tau if neuron.is_leaky else "",
        neuron.v_threshold,
        neuron.reset,
        int(neuron.decays_input) if neuron.is_leaky else "",
        source,
    )
    traces = (driven.current, driven.before, driven.h, driven.spikes, driven.v)
    with atomic_write(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        for step, row in enumerate(zip(*(each.tolist() for each in traces), strict=True), start=1):
            writer.writerow((step, *row, *constants))
