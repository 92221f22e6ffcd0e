"""A recording as the finished run that it is of: what the docks show, without model and torch."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from spikestudio.errors import ConfigError, RecordingError
from spikestudio.language import tr
from spikestudio.sampling.events import (
    Event,
    ImagePreview,
    ParametersChanged,
    StepFinished,
    TokensUnmasked,
)
from spikestudio.sampling.request import SamplingRequest
from spikestudio.sampling.result import RunResult

if TYPE_CHECKING:
    from spikestudio.checkpoints.card import Card
    from spikestudio.recording.hdf5 import Recording
    from spikestudio.recording.values import State
    from spikestudio.types import LayerInfo

_run_ids = itertools.count(-1, -1)  # those of runs count upwards


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedRun(Event):
    """In the place of ``RunStarted``: a run that was read from a file."""

    request: SamplingRequest
    device: str  # that it was made on
    timesteps: tuple[int, ...]
    layers: tuple[LayerInfo, ...]
    recorder: Recording

    @property
    def name(self) -> str:
        """Name of the file."""
        return self.recorder.path.name


@dataclass(frozen=True, slots=True, kw_only=True)
class Playback:
    """Everything that a run leaves when it has ended; see the events of the same names.

    ``tokens`` and ``preview`` are the newest that the file holds, None if it holds none.
    """

    run: RecordedRun
    step: StepFinished
    preview: ImagePreview | None
    tokens: TokensUnmasked | None
    changes: list[ParametersChanged]
    result: RunResult

    @property
    def note(self) -> str:
        """That the file does not reach the end of the run, as a sentence; empty if it does."""
        if self.result.is_complete:
            return ""
        name, done, total = self.run.name, self.result.steps_done, len(self.run.timesteps)
        return tr(
            "{name} was cut short: it holds the first {done:,} of {total:,} denoising steps.",
            name=name,
            done=done,
            total=total,
        )


def open_playback(path: Path, cards: Iterable[Card] = ()) -> Playback:
    """Open and check a recording; takes a moment, and imports h5py.

    Parameters
    ----------
    path
        The file.
    cards
        Those of the checkpoints at hand: the one that the run was made with says which size and
        channels the pictures of its data set have.

    Raises
    ------
    RecordingError
        The file cannot be used, in one sentence.
    """
    from spikestudio.recording.hdf5 import open_recording

    recording = open_recording(path)
    try:
        return _playback(recording, tuple(cards))
    except (ConfigError, KeyError, TypeError, ValueError) as error:
        recording.close()
        raise _unusable(path, tr("what it says of its run does not fit together")) from error
    except RecordingError:
        recording.close()
        raise


def _playback(recording: Recording, cards: tuple[Card, ...]) -> Playback:
    origin = recording.origin
    done: int = origin["steps_done"]
    if not done:
        raise _unusable(recording.path, tr("it ends before its first denoising step"))
    request = SamplingRequest(**origin["request"])
    run = RecordedRun(
        run_id=next(_run_ids),
        request=request,
        device=str(origin["device"]),
        timesteps=tuple(int(t) for t in origin["timesteps"]),
        layers=recording.layers,
        recorder=recording,
    )
    last = recording.state(done - 1)
    newest = recording.parameters(done - 1)
    assert last is not None  # of a step that is there
    assert newest is not None
    _check(run, last)
    card = next((c for c in cards if c.tensors_sha256 == _sha256(recording)), None)
    preview = _preview(run, done - 1, last, card)
    return Playback(
        run=run,
        step=StepFinished(
            run_id=run.run_id,
            step=done - 1,
            t=run.timesteps[done - 1],
            seconds=math.nan,  # a file does not say how long it took
            threshold=newest.threshold,
            temperature=newest.temperature,
            bytes_recorded=recording.bytes_used,
        ),
        preview=preview,
        tokens=_tokens(run, done - 1, last),
        changes=[ParametersChanged(run_id=run.run_id, **change) for change in origin["changes"]],
        result=_result(run, done, last, preview),
    )


def _check(run: RecordedRun, state: State) -> None:
    """Raise ``ValueError`` if the parts of a file contradict each other."""
    recording, request = run.recorder, run.request
    is_whole = (
        len(run.timesteps) == recording.num_steps
        and request.snn_steps == recording.snn_steps
        and recording.image < request.num
        and all(len(each) == request.num for each in state.values())
        and ("tokens" in state) == (request.sampler == "absorbing")
        and ("x0_hat" in state or {"guess", "revealed", "confidence"} <= state.keys())
    )
    if not is_whole:
        raise ValueError


def _preview(run: RecordedRun, step: int, state: State, card: Card | None) -> ImagePreview | None:
    """The pictures after a step, of which only the last one's state is not in the file.

    Every sampler ends with the predicted clean image, so that of a complete run is there all the same.
    """
    if "x0_hat" not in state:
        decoded = state.get("decoded")
        return (
            None if decoded is None else ImagePreview(run_id=run.run_id, step=step, decoded=decoded)
        )
    from spikestudio.recording.pictures import pictures

    size, channels = (card.image_size, card.image_channels) if card else (None, None)
    x0_hat = pictures(state["x0_hat"], size, channels)
    is_last = step == len(run.timesteps) - 1
    return ImagePreview(
        run_id=run.run_id, step=step, x_t=x0_hat if is_last else None, x0_hat=x0_hat
    )


def _tokens(run: RecordedRun, step: int, state: State) -> TokensUnmasked | None:
    """Token maps after the last step, or those that entered it where the run goes on behind it."""
    first = run.recorder.state(run.recorder.first_step)
    if "tokens" not in state or first is None:
        return None
    masked = first["tokens"][first["revealed"] < 0]  # none if every token was given
    mask_id = int(masked[0] if masked.size else first["tokens"].max() + 1)
    tokens, order, confidence = state["tokens"], state["revealed"], state["confidence"]
    if step < len(run.timesteps) - 1:
        if not step:
            return None
        step -= 1
    else:
        is_new = order < 0
        tokens, order = state["guess"], np.where(is_new, np.int32(step), order)
        confidence = np.where(is_new, _probability(run.recorder, step, tokens), confidence)
    return TokensUnmasked(
        run_id=run.run_id,
        step=step,
        tokens=tokens,
        order=order,
        confidence=confidence,
        mask_id=mask_id,
    )


def _probability(recording: Recording, step: int, tokens: NDArray[np.int32]) -> NDArray[np.float32]:
    """Probability that each token had when it was drawn in a step, float32 ``[B, h, w]``."""
    logits, parameters = recording.logits(step), recording.parameters(step)
    if logits is None or parameters is None:
        raise ValueError
    scores = logits / np.float32(parameters.temperature)
    weights = np.exp(scores - scores.max(axis=1, keepdims=True))
    chosen = np.take_along_axis(weights, tokens[:, None].astype(np.intp), axis=1)[:, 0]
    share: NDArray[np.float32] = (chosen / weights.sum(axis=1)).astype(np.float32)
    return share


def _result(run: RecordedRun, done: int, state: State, preview: ImagePreview | None) -> RunResult:
    origin: Any = run.recorder.origin
    steps = [run.recorder.parameters(step) for step in range(done)]
    images = None
    if preview is not None:
        images = preview.x0_hat if preview.decoded is None else preview.decoded
    return RunResult(
        request=run.request,
        checkpoint=origin["checkpoint"]["name"],
        tensors_sha256=_sha256(run.recorder),
        architecture=str(origin["checkpoint"]["architecture"]),
        device=run.device,
        num_threads=int(origin["threads"]),
        timesteps=run.timesteps,
        steps_done=done,
        seconds=math.nan,
        thresholds=tuple(each.threshold for each in steps if each),
        temperatures=tuple(each.temperature for each in steps if each),
        images=images,
        tokens=state.get("guess"),
        labels=None if origin["labels"] is None else np.array(origin["labels"], np.int64),
    )


def _sha256(recording: Recording) -> str:
    sha256: str = recording.origin["checkpoint"]["tensors_sha256"]
    return sha256


def _unusable(path: Path, reason: str) -> RecordingError:
    return RecordingError(
        tr(
            "The recording {path} cannot be shown because {reason}: choose another file.",
            path=path,
            reason=reason,
        ),
        path,
    )
