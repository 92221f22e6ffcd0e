"""What was on screen after an earlier denoising step, from the states that the recorder kept."""

from __future__ import annotations

from typing import TYPE_CHECKING

from spikestudio.recording.pictures import pictures
from spikestudio.sampling.events import ImagePreview, TokensUnmasked

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from spikestudio.app.viewmodels.run import RunModel
    from spikestudio.recording.values import State


def preview_after(run: RunModel, step: int) -> ImagePreview | None:
    """Return the pictures of a step; None where its state, or the next one's, was not kept."""
    newest, here = run.preview, _state(run, step)
    if newest is None or step >= newest.step:
        return newest
    if here is None:
        return None
    if newest.decoded is not None:
        decoded = here.get("decoded")
        if decoded is None:
            return None
        return ImagePreview(run_id=newest.run_id, step=step, decoded=decoded)
    after, like = _state(run, step + 1), newest.x0_hat
    if after is None or like is None:
        return None
    return ImagePreview(
        run_id=newest.run_id,
        step=step,
        x_t=_as_shown(after["x_t"], like),
        x0_hat=_as_shown(here["x0_hat"], like),
    )


def tokens_after(run: RunModel, step: int) -> TokensUnmasked | None:
    """Return the token maps of a step; None where they were not kept."""
    newest, after = run.tokens, _state(run, step + 1)
    if newest is None or step >= newest.step:
        return newest
    if after is None:
        return None
    return TokensUnmasked(
        run_id=newest.run_id,
        step=step,
        tokens=after["tokens"],
        order=after["revealed"],
        confidence=after["confidence"],
        mask_id=newest.mask_id,
    )


def _as_shown(x: NDArray[np.float32], shown: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Recorded states in the number, size and channels of pictures that were shown before."""
    return pictures(x[: len(shown)], shown.shape[1], shown.shape[3])


def _state(run: RunModel, step: int) -> State | None:
    if run.recorder is None or not 0 <= step < run.recorder.num_steps:
        return None
    return run.recorder.state(step)
