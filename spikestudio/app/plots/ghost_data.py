"""What watched neurons would have done under other constants: a replay of their recorded input."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from spikestudio.app.plots.traces_data import TracesData
from spikestudio.language import tr, tr_n
from spikestudio.neurons.constants import Constants
from spikestudio.neurons.reference import SOFT, what_if

ResetKind = Literal["hard", "soft"]


@dataclass(frozen=True, slots=True)
class Asked:
    """Other constants; None leaves what was in force at each step."""

    v_threshold: float | None = None
    tau: float | None = None
    reset: ResetKind | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Ghost:
    """The replay: ``h``, ``v``, ``spikes`` as in ``TracesData``, and spike counts per neuron.

    The counts ``before`` are those recorded, over the ``steps`` that could be replayed.
    """

    h: NDArray[np.float32]
    v: NDArray[np.float32]
    spikes: NDArray[np.bool_]
    before: NDArray[np.int64]
    after: NDArray[np.int64]
    steps: int

    def text(self) -> str:
        """Return the change of all neurons together: ``spikes 12 → 17 (+5) over 40 steps recorded``."""
        before, after = int(self.before.sum()), int(self.after.sum())
        return tr_n(
            "spikes {change} over {steps:,} step recorded",
            "spikes {change} over {steps:,} steps recorded",
            self.steps,
            change=_change(before, after),
            steps=self.steps,
        )

    def texts(self, neurons: tuple[int, ...]) -> list[str]:
        """Return the change of every neuron."""
        return [
            tr(
                "neuron {neuron:,}: spikes {change}",
                neuron=neuron,
                change=_change(int(before), int(after)),
            )
            for neuron, before, after in zip(neurons, self.before, self.after, strict=True)
        ]


def replay(data: TracesData, asked: Asked) -> Ghost:
    """Drive the watched neurons with the current recorded at every step, under other constants.

    Steps with the same constants are one pass over the SNN steps.
    """
    h, v = np.full_like(data.h, np.nan), np.full_like(data.v, np.nan)
    spikes = np.zeros_like(data.spikes)
    known = data.known_steps()
    groups: dict[Constants, list[int]] = {}
    for step in known.tolist():
        groups.setdefault(data.constants[step], []).append(step)
    for constants, steps in groups.items():
        found = what_if(
            np.ascontiguousarray(data.current[:, steps].transpose(2, 0, 1)),
            data.layer,
            v_threshold=asked.v_threshold,
            tau=asked.tau,
            reset=_reset(asked, constants, data.layer.v_reset),
            in_force=constants,
            forced=data.forced[:, steps] if data.forced.any() else None,
        )
        h[:, steps], v[:, steps], spikes[:, steps] = (
            each.transpose(1, 2, 0) for each in (found.h, found.v, found.spikes)
        )
    is_there = ~np.isnan(data.current)
    counts = [
        (each & is_there)[:, known].sum(axis=(1, 2), dtype=np.int64)
        for each in (data.spikes, spikes)
    ]
    return Ghost(h, v, spikes, counts[0], counts[1], known.size)


def _reset(asked: Asked, constants: Constants, own: float | None) -> float | Literal["soft"] | None:
    if asked.reset == "soft":
        return SOFT
    if asked.reset == "hard" and constants.v_reset is None:
        return own or 0.0
    return None


def _change(before: int, after: int) -> str:
    sign = "+" if after > before else "\N{MINUS SIGN}" if after < before else "±"
    return f"{before:,} → {after:,} ({sign}{abs(after - before):,})"
