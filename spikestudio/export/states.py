"""Pictures and token maps of a recording, step by step, without its model."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from spikestudio.errors import ConfigError
from spikestudio.language import tr
from spikestudio.recording.pictures import pictures
from spikestudio.recording.values import Readable, State


def prediction(
    recording: Readable, step: int, size: tuple[int, int] | None = None
) -> NDArray[np.uint8]:
    """The clean images as predicted in a step, uint8 ``[B, H, W, C]``: in the last one the samples.

    ``size`` is side and channels of the model's data set, for a model that works at another size.
    Raises ``ConfigError`` if the recording holds none.
    """
    state = _state(recording, step)
    if "x0_hat" in state:
        return pictures(state["x0_hat"], *(size or (None, None)))
    if "decoded" not in state:
        raise ConfigError(
            tr("The recording holds no pictures of its tokens: it was made before they were kept."),
            field="grid",
        )
    return state["decoded"]


def noisy(recording: Readable, step: int) -> NDArray[np.uint8] | None:
    """The images that entered a step, uint8 ``[B, H, W, C]``; None of a token model."""
    state = _state(recording, step)
    return pictures(state["x_t"]) if "x_t" in state else None


def token_map(recording: Readable, step: int, image: int) -> dict[str, NDArray[Any]]:
    """Tokens of one image after a step.

    Gives ``tokens`` and ``revealed`` int32 ``[h, w]``, the latter the step from 0 in which each was
    revealed, -1 where it is masked, and ``decoded`` uint8 ``[H, W, C]`` of the step's guess where it is
    kept. Raises ``ConfigError`` for a pixel model, and for the newest step of a run cut short, whose
    outcome is not in the file.
    """
    state = _state(recording, step)
    if "tokens" not in state:
        raise ConfigError(tr("The model of this recording has no tokens."), field="tokens")
    if step == recording.num_steps - 1:
        tokens, order = state["guess"], state["revealed"]
        order = np.where(order < 0, np.int32(step), order)
    else:
        after = recording.state(step + 1)
        if after is None:
            raise ConfigError(
                tr(
                    "The recording ends with step {step}, so what it revealed is not known: choose "
                    "an earlier one.",
                    step=step + 1,
                ),
                field="steps",
            )
        tokens, order = after["tokens"], after["revealed"]
    found: dict[str, NDArray[Any]] = {"tokens": tokens[image], "revealed": order[image]}
    if "decoded" in state:
        found["decoded"] = state["decoded"][image]
    return found


def num_images(recording: Readable) -> int:
    """Images of the run."""
    return int(recording.origin["request"]["num"])


def code_colours(tokens: NDArray[np.int32]) -> NDArray[np.uint8]:
    """One colour per code id, uint8 ``[..., 3]``: the same id always has the same one.

    Hues follow the golden angle, so neighbouring ids look different.
    """
    ids = np.maximum(tokens, 0).astype(np.int64)
    hue = (ids * 0.618033988749895) % 1.0
    lightness = np.array([0.62, 0.48, 0.74])[ids % 3]
    chroma = np.array([0.62, 0.42])[(ids // 3) % 2] * np.minimum(lightness, 1 - lightness)
    k = (np.array([0, 8, 4]) + hue[..., None] * 12) % 12  # HSL to RGB, one formula per channel
    shape = np.clip(np.minimum(k - 3, 9 - k), -1, 1)
    colours = (lightness[..., None] - chroma[..., None] * shape) * 255
    return np.round(colours).astype(np.uint8)  # type: ignore[no-any-return]


def _state(recording: Readable, step: int) -> State:
    state = recording.state(step)
    if state is None:
        raise ConfigError(tr("Step {step} is not in the recording.", step=step + 1), field="steps")
    return state
