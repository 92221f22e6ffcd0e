"""Pictures and token maps of a run that has ended, at any of its steps that was kept."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spikestudio.app.plots.compare_pictures import OfStates, Pictures, Whole
from spikestudio.app.viewmodels.history import Entry
from spikestudio.language import tr

TokensFound = tuple[NDArray[np.int32] | None, NDArray[np.bool_] | None]
X0_HAT, X_T, DECODED, TOKENS = tr("predicted x0"), "x_t", tr("decoded"), tr("tokens")
RASTER = tr("raster")  # of the layer that is selected, over all steps
RECORDING_LET_GO = tr("recording let go")
NOT_KEPT = tr("not kept at this step")
NO_STEP = tr("no step was done")


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """Pictures of a run, or why there are none, in a few words."""

    pictures: Pictures | None
    missing: str = ""


def kinds_of(entry: Entry) -> tuple[str, ...]:
    """Return what can be shown of the steps of a run."""
    is_tokens = entry.request.sampler == "absorbing"
    return (DECODED, TOKENS, RASTER) if is_tokens else (X0_HAT, X_T, RASTER)


def final_pictures(entry: Entry) -> Found:
    """Return the images that a run ended with."""
    images = entry.images
    return Found(None, NO_STEP) if images is None else Found(Whole(images))


def pictures_after(entry: Entry, step: int | None, kind: str) -> Found:
    """Return what a run showed after a step."""
    if step is None:
        return Found(None, NO_STEP)
    like = _like(entry)
    is_end = step == entry.steps_done - 1
    if is_end and entry.images is not None and (kind != X_T or step == len(entry.timesteps) - 1):
        return final_pictures(entry)  # every sampler ends with the predicted clean image
    recorder = entry.recorder
    if recorder is None or like is None:
        return Found(None, RECORDING_LET_GO)
    state = recorder.state(step + 1 if kind == X_T else step)
    if state is None:
        return Found(None, NOT_KEPT)
    if kind in (DECODED, TOKENS):
        decoded = state.get("decoded")
        return Found(None, NOT_KEPT) if decoded is None else Found(Whole(decoded))
    return Found(OfStates(state["x_t" if kind == X_T else "x0_hat"], like))


def tokens_after(entry: Entry, step: int | None, image: int) -> TokensFound:
    """Return the codes of an image after a step, ``[h, w]``, and which cells are masked.

    Without a step, or after the last one, they are those that the run ended with. None where not kept.
    """
    ended = entry.ended
    newest = ended.tokens if ended else None
    last = entry.steps_done - 1
    if step is None or step >= last:
        tokens = entry.result.tokens if entry.result else None
        if tokens is None and newest is not None and newest.step == last:
            tokens = newest.tokens
        if tokens is None or image >= len(tokens):
            return None, None
        is_complete = entry.steps_done == len(entry.timesteps)
        mask_id = newest.mask_id if newest else None
        if mask_id is None and not is_complete:
            return None, None  # which code stands for a mask went with the recording
        shown = tokens[image]
        return shown, shown == (-1 if mask_id is None else mask_id)
    recorder = entry.recorder
    state = recorder.state(step + 1) if recorder else None
    if state is None or image >= len(state["tokens"]):
        return None, None
    return state["tokens"][image], state["revealed"][image] < 0


def _like(entry: Entry) -> tuple[int, int, int] | None:
    """Height, width and channels that the run's pictures have on the screen."""
    images = entry.images if entry.images is not None else entry.thumbnail
    return None if images is None else (images.shape[1], images.shape[2], images.shape[3])
