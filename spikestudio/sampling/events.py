"""What happens during a run, as values.

A run is a generator of these. They are frozen, in the past tense, carry the run's id and a monotonic
time, and hold NumPy arrays or plain values only, so any thread may keep them. Bulk recordings do not
travel in events: the reader asks the ``Recorder`` that ``RunStarted`` carries.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from spikestudio.types import LayerInfo

if TYPE_CHECKING:
    from spikestudio.recording.recorder import Recorder
    from spikestudio.sampling.request import SamplingRequest
    from spikestudio.sampling.result import RunResult


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Base of all events of a run."""

    run_id: int
    time: float = field(default_factory=time.monotonic)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunStarted(Event):
    """First event of every run."""

    request: SamplingRequest
    device: str
    timesteps: tuple[int, ...]  # one entry per network evaluation, in order
    layers: tuple[LayerInfo, ...]
    recorder: Recorder


@dataclass(frozen=True, slots=True, kw_only=True)
class ParametersChanged(Event):
    """Threshold or temperature changed; ``step`` is the first evaluation that used the new values."""

    step: int
    threshold: float
    temperature: float


@dataclass(frozen=True, slots=True, kw_only=True)
class StepFinished(Event):
    """Evaluation ``step`` (0-based) at diffusion time ``t`` is done and recorded."""

    step: int
    t: int
    seconds: float
    threshold: float
    temperature: float
    bytes_recorded: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ImagePreview(Event):
    """Pictures after evaluation ``step``; uint8 ``[B, H, W, C]``, C is 1 or 3.

    ``x_t`` is the state that left the step, ``x0_hat`` the clean image predicted in it. Token models
    have no ``x_t``; ``x0_hat`` is then absent too and ``decoded`` is the codebook's picture of the
    tokens, with masked positions filled by the most probable code.
    """

    step: int
    x_t: NDArray[np.uint8] | None = None
    x0_hat: NDArray[np.uint8] | None = None
    decoded: NDArray[np.uint8] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TokensUnmasked(Event):
    """Token maps after evaluation ``step``.

    ``tokens`` int32 ``[B, h, w]`` holds the mask id where still masked; ``order`` int32 ``[B, h, w]``
    is the step at which a position was revealed, -1 where masked; ``confidence`` float32
    ``[B, h, w]`` is the probability that the sampled code had, 0 where masked.
    """

    step: int
    tokens: NDArray[np.int32]
    order: NDArray[np.int32]
    confidence: NDArray[np.float32]
    mask_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Paused(Event):
    """The run waits before evaluation ``step``."""

    step: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Resumed(Event):
    """The run goes on with evaluation ``step``."""

    step: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished(Event):
    """Last event of a complete run."""

    result: RunResult


@dataclass(frozen=True, slots=True, kw_only=True)
class Cancelled(Event):
    """Last event of a cancelled run; ``result`` holds what was reached."""

    result: RunResult


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed(Event):
    """Last event of a run that broke off; ``message`` is one sentence for the user."""

    message: str
    details: str = ""


TERMINAL_EVENTS = (Finished, Cancelled, Failed)
