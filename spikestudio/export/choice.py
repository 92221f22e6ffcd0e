"""What of a recording is exported: steps, neurons of a layer, and what was recorded of them."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spikestudio.errors import ConfigError
from spikestudio.language import mark, tr
from spikestudio.recording.values import Readable
from spikestudio.types import LayerInfo

NOT_RECORDED = 255  # among spikes
DEFAULT_RULE, DEFAULT_ROWS = "highest rate", 128
MAX_ROWS = 100_000

_GOLDEN = (5**0.5 - 1) / 2


@dataclass(frozen=True, slots=True)
class Neurons:
    """Some neurons of a layer, from top to bottom, and the rule that chose them."""

    layer: LayerInfo
    ids: NDArray[np.intp]
    rule: str

    def text(self) -> str:
        """Return the line of a figure that says so."""
        return f"{self.ids.size:,} of {self.layer.num_neurons:,} neurons, {self.rule}"


def parse_steps(text: str | None, recording: Readable) -> range:
    """Denoising steps by their numbers from 1, such as ``3``, ``1-10`` or ``5-``; all if None.

    Raises ``ConfigError`` for steps that are not recorded.
    """
    first, last = recording.first_step + 1, recording.steps_done
    if last < first:
        raise ConfigError(tr("The recording ends before its first denoising step."), field="steps")
    if text is None:
        return range(first - 1, last)
    match = re.fullmatch(r"\s*(\d{1,9})\s*(?:(-)\s*(\d{1,9})?)?\s*", text)
    if match is None:
        raise ConfigError(
            tr("{the_text!r} are no steps: write 3, 1-10 or 5-.", the_text=text), field="steps"
        )
    start = int(match[1])
    stop = int(match[3]) if match[3] else last if match[2] else start
    if not first <= start <= stop <= last:
        raise ConfigError(
            tr(
                "Steps {the_text} are not recorded: the recording holds {first} to {last}.",
                the_text=text,
                first=first,
                last=last,
            ),
            field="steps",
        )
    return range(start - 1, stop)


def parse_neurons(text: str) -> list[int]:
    """Neuron ids such as ``1,2,10-14``; raises ``ConfigError``."""
    ids: list[int] = []
    for part in text.split(","):
        match = re.fullmatch(r"\s*(\d{1,9})\s*(?:-\s*(\d{1,9}))?\s*", part)
        start, stop = (int(match[1]), int(match[2] or match[1])) if match else (1, 0)
        if stop < start or len(ids) + stop - start >= MAX_ROWS:
            raise ConfigError(
                tr("{the_text!r} are no neurons: write 1,2,10-14.", the_text=text), field="neurons"
            )
        ids.extend(range(start, stop + 1))
    return ids


def find_layer(recording: Readable, layer_id: str | None, *, has_spikes: bool = True) -> LayerInfo:
    """A layer by its id; the one to look at first if None. Raises ``ConfigError``."""
    wanted = recording.selected if layer_id is None else layer_id
    layer = next((each for each in recording.layers if each.id == wanted), None)
    if layer is None:
        names = ", ".join(each.id for each in recording.layers)
        raise ConfigError(
            tr("There is no layer {wanted!r}: choose one of {names}.", wanted=wanted, names=names),
            field="layer",
        )
    if has_spikes and wanted not in recording.recorded:
        names = ", ".join(recording.recorded) or "none"
        raise ConfigError(
            tr(
                "No spikes of {wanted} were recorded: the recording holds those of {names}.",
                wanted=wanted,
                names=names,
            ),
            field="layer",
        )
    return layer


def choose(
    recording: Readable,
    layer: LayerInfo,
    steps: range,
    *,
    neurons: Sequence[int] | None = None,
    rule: str = DEFAULT_RULE,
    rows: int = DEFAULT_ROWS,
) -> Neurons:
    """Choose neurons of a layer by their ids, or the first ``rows`` by a rule of ``RULES``.

    The rule looks at the spikes of the given steps. Raises ``ConfigError``.
    """
    if neurons is not None:
        ids = np.array(neurons, np.intp)
        if not ids.size or ids.min() < 0 or ids.max() >= layer.num_neurons:
            raise ConfigError(
                tr(
                    "{layer} has neurons 0 to {num_neurons:,}: choose among these.",
                    layer=layer.id,
                    num_neurons=layer.num_neurons - 1,
                ),
                field="neurons",
            )
        return Neurons(layer, ids, "chosen")
    if rule not in RULES:
        names = ", ".join(RULES)
        raise ConfigError(
            tr("There is no rule {rule!r}: choose one of {names}.", rule=rule, names=names),
            field="rule",
        )
    counts = np.zeros(layer.num_neurons, np.int64)
    first = np.full(layer.num_neurons, np.iinfo(np.int64).max)
    for step in steps:
        spikes = recording.spikes(layer.id, step)
        if spikes is None:
            continue
        counts += spikes.sum(axis=0, dtype=np.int64)
        at = step * recording.snn_steps + spikes.argmax(axis=0)
        first = np.where(spikes.any(axis=0), np.minimum(first, at), first)
    ids = RULES[rule](counts, first)[: max(1, min(rows, MAX_ROWS))]
    if not ids.size:
        raise ConfigError(
            tr("No neuron of {layer} fired in these steps.", layer=layer.id), field="rule"
        )
    return Neurons(layer, ids, rule)


Counts = NDArray[np.int64]
RULES: dict[str, Callable[[Counts, Counts], NDArray[np.intp]]] = {
    mark("highest rate"): lambda counts, _: np.argsort(-counts, kind="stable"),
    mark("first spike"): lambda _, first: np.argsort(first, kind="stable"),
    mark("evenly spaced"): lambda counts, _: np.argsort(
        np.arange(counts.size) * _GOLDEN % 1, kind="stable"
    ),
    mark("index"): lambda counts, _: np.arange(counts.size),
    mark("firing only"): lambda counts, _: np.flatnonzero(counts),
}
"""Orders of neurons by their spike counts and first spikes; ties in index order."""


def spikes_of(recording: Readable, chosen: Neurons, steps: range) -> NDArray[np.uint8]:
    """Spikes as uint8 ``[n, steps * T]``, ``NOT_RECORDED`` in steps of which none were kept."""
    gap = np.full((recording.snn_steps, chosen.ids.size), NOT_RECORDED, np.uint8)
    parts = []
    for step in steps:
        spikes = recording.spikes(chosen.layer.id, step)
        parts.append(gap if spikes is None else spikes[:, chosen.ids])
    return np.ascontiguousarray(np.concatenate(parts).T)


def thresholds_of(recording: Readable, steps: range) -> NDArray[np.float64]:
    """The threshold of the run in each step."""
    each = (recording.parameters(step) for step in steps)
    return np.array([np.nan if values is None else values.threshold for values in each])


def watched_of(
    recording: Readable, steps: range, layer_id: str | None = None, ids: Sequence[int] | None = None
) -> dict[str, Any]:
    """Potentials of neurons that were watched.

    Gives ``neurons`` (pairs of layer id and index), ``h``, ``v`` and ``current`` float32
    ``[n, steps * T]`` and ``threshold`` float32 ``[n, steps]``, NaN in steps in which a neuron was not
    watched. Only those of a layer, and only ``ids``, if these are given. Raises ``ConfigError`` if none
    were watched.
    """
    seen = [recording.watched(step) for step in steps]
    every = dict.fromkeys(pair for each in seen if each is not None for pair in each.neurons)
    wanted = [
        pair
        for pair in every
        if (layer_id is None or pair[0] == layer_id) and (ids is None or pair[1] in ids)
    ]
    if not wanted:
        names = ", ".join(f"{index} of {name}" for name, index in list(every)[:8]) or "none"
        raise ConfigError(
            tr(
                "No potentials of these neurons were recorded, as they were not watched; the recording "
                "holds those of {names}.",
                names=names,
            ),
            field="neurons",
        )
    per_step = recording.snn_steps
    values: dict[str, Any] = {"neurons": wanted}
    for name in ("h", "v", "current"):
        values[name] = np.full((len(wanted), len(seen) * per_step), np.nan, np.float32)
    values["threshold"] = np.full((len(wanted), len(seen)), np.nan, np.float32)
    for k, each in enumerate(seen):
        if each is None:
            continue
        columns = {pair: at for at, pair in enumerate(each.neurons)}
        for row, pair in enumerate(wanted):
            if pair not in columns:
                continue
            span = slice(k * per_step, (k + 1) * per_step)
            for name in ("h", "v", "current"):
                values[name][row, span] = getattr(each, name)[:, columns[pair]]
            values["threshold"][row, k] = each.threshold[columns[pair]]
    return values
