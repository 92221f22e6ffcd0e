"""What happens during training, as values; torch-free."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from spikestudio.checkpoints.card import Card


@dataclass(frozen=True, slots=True, kw_only=True)
class Progressed:
    """Mean losses of the last few steps of a stage, and where training is.

    ``rates`` are firing rates in the last of these steps, by name as in ``RateMeter.means``.
    """

    stage: str
    step: int
    num_steps: int
    total_done: int
    total_steps: int
    losses: dict[str, float]
    learning_rate: float
    snn_steps: int
    seconds_per_step: float
    rates: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Measuring:
    """How far a table that goes into the finished checkpoint is."""

    what: str
    done: int
    total: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Saved:
    """The state was written, and a usable checkpoint beside it."""

    checkpoint: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Trained:
    """The last event: the finished checkpoint."""

    checkpoint: Path
    card: Card


TrainingEvent = Progressed | Measuring | Saved | Trained
