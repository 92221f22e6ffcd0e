"""What was on screen after an earlier denoising step, from the states that the recorder kept."""

from __future__ import annotations

from typing import TYPE_CHECKING

from spikestudio.sampling.events import ImagePreview, TokensUnmasked

if TYPE_CHECKING:
    from spikestudio.app.viewmodels.run import RunModel
    from spikestudio.recording.values import State


def preview_after(run: RunModel, step: int) -> ImagePreview | None:
    """Return the pictures of a step; None where its state, or the next one's, was not kept."""
    newest, here, after = run.preview, _state(run, step), _state(run, step + 1)
    if newest is None or step >= newest.step:
        return newest
    if newest.x_t is None or here is None or after is None:
        return None
    from spikestudio.sampling.pixels import as_shown  # torch is there once a run has been

    return ImagePreview(
        run_id=newest.run_id,
        step=step,
        x_t=as_shown(after["x_t"], newest.x_t),
        x0_hat=as_shown(here["x0_hat"], newest.x_t),
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


def _state(run: RunModel, step: int) -> State | None:
    if run.recorder is None or not 0 <= step < run.recorder.num_steps:
        return None
    return run.recorder.state(step)
