"""What a training run is asked for, and the rates that follow from a stage and the step's number."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import cos, pi
from pathlib import Path

from spikestudio.errors import ConfigError
from spikestudio.language import tr
from spikestudio.training.presets import Preset, Stage

PRECISIONS = ("float32", "bfloat16", "float16", "float64")


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingRequest:
    """What to train, on what, where to.

    Parameters
    ----------
    precision
        ``float32``; ``bfloat16``, or on CUDA and with loss scaling ``float16``, where autocast thinks
        it safe; ``float64`` to compare results that must not depend on rounding.
    parts
        Parts of a batch that are evaluated one after the other, their gradients added up. A BatchNorm
        sees the statistics of a part only, so the result is that of the whole batch for networks
        without one (sdit).
    checkpointing
        Recompute activations for the backward pass rather than keep them: the same gradients with less
        memory and more time.
    channels_last
        Keep the weights of convolutions with their channels last, which is faster on most machines.
    table_images
        Images for each diffusion time of the analytic sampler's table; 0 leaves it out.
    tensorboard
        Write the losses for TensorBoard as well.
    """

    architecture: str
    preset_name: str
    preset: Preset
    run_folder: Path
    out: Path
    seed: int = 0
    device: str = "cpu"
    precision: str = "float32"
    compiled: bool = False
    parts: int = 1
    checkpointing: bool = False
    channels_last: bool = True
    table_images: int = 16
    tensorboard: bool = False
    save_minutes: float = 5.0
    init: Path | None = None  # checkpoint whose weights to start from
    resume: bool = False

    def __post_init__(self) -> None:
        if self.precision not in PRECISIONS:
            raise ConfigError(
                tr(
                    "Unknown precision {precision!r}: choose one of {precisions}.",
                    precision=self.precision,
                    precisions=", ".join(PRECISIONS),
                ),
                field="precision",
            )
        if self.precision == "float16" and not self.device.startswith("cuda"):
            raise ConfigError(
                tr("float16 trains on CUDA only: choose bfloat16 or float32."), field="precision"
            )
        if self.checkpointing and self.compiled:
            raise ConfigError(
                tr(
                    "A compiled network decides itself what it keeps: leave out checkpointing or "
                    "compile."
                ),
                field="checkpointing",
            )
        smallest = min(stage.batch_size for stage in self.preset.stages)
        if not 1 <= self.parts <= smallest:
            raise ConfigError(
                tr(
                    "A batch of {smallest} images has 1 to {smallest} parts, not {parts}.",
                    smallest=smallest,
                    parts=self.parts,
                ),
                field="parts",
            )


def shortened(request: TrainingRequest, share: float) -> TrainingRequest:
    """Return the same request with every stage's steps multiplied by ``share``, at least one each."""
    stages = tuple(
        replace(stage, num_steps=max(1, round(stage.num_steps * share)))
        for stage in request.preset.stages
    )
    return replace(request, preset=replace(request.preset, stages=stages))


def with_cosine(request: TrainingRequest) -> TrainingRequest:
    """Return the same request with learning rates that fall to zero along half a cosine."""
    stages = tuple(replace(stage, decay="cosine") for stage in request.preset.stages)
    return replace(request, preset=replace(request.preset, stages=stages))


def learning_rate(stage: Stage, step: int) -> float:
    """Rate of one step: linear warm-up, then constant with a linear fall to zero, or half a cosine."""
    warm = min(1.0, (step + 1) / stage.warmup_steps) if stage.warmup_steps else 1.0
    if stage.decay == "cosine":
        falling = max(1, stage.num_steps - stage.warmup_steps)
        done = min(1.0, max(0.0, (step - stage.warmup_steps) / falling))
        return stage.learning_rate * min(warm, 0.5 * (1 + cos(pi * done)))
    decay_steps = stage.decay_share * stage.num_steps
    left = (stage.num_steps - step) / decay_steps if decay_steps else 1.0
    return stage.learning_rate * min(warm, left, 1.0)


def snn_steps_at(stage: Stage, step: int, default: int) -> int:
    """SNN steps in force at one step of the stage's schedule."""
    end = 0.0
    for share, snn_steps in stage.snn_schedule:
        end += share
        if step < round(end * stage.num_steps):
            return snn_steps
    return default
