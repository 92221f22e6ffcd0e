"""Runs of the history as the values of a session, and back."""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import replace
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from spikestudio.app.viewmodels.history import EndedRun, Entry
from spikestudio.app.viewmodels.playback import open_playback
from spikestudio.app.viewmodels.run import RunState
from spikestudio.language import tr
from spikestudio.sampling.events import Failed, ParametersChanged
from spikestudio.sampling.result import RunResult

if TYPE_CHECKING:
    from spikestudio.checkpoints.card import Card
    from spikestudio.sampling.request import SamplingRequest
    from spikestudio.sessions.document import Run

_STATES = {
    RunState.FINISHED: "finished",
    RunState.CANCELLED: "cancelled",
    RunState.FAILED: "failed",
}


def to_run(entry: Entry, *, device: str = "cpu", architecture: str = "") -> Run:
    """A run as it is kept; ``device`` and ``architecture`` are used of one that left no result.

    Takes a moment: it makes the provenance.
    """
    from spikestudio.sessions.document import Run

    result = entry.result
    is_lost = entry.ended is None and entry.stored is None
    return Run(
        key=entry.key,
        number=entry.number,
        parent=entry.parent,
        state=_STATES[entry.state],
        failure=entry.failure,
        ended_at=entry.ended_at.isoformat(timespec="seconds"),
        seconds=None if result is None or math.isnan(result.seconds) else float(result.seconds),
        is_pinned=entry.is_pinned,
        note=entry.note,
        file_name=entry.file_name,
        left_out=entry.left_out or (tr("Its recording was let go.") if is_lost else ""),
        origin=entry.origin or _origin(entry, device, architecture),
        layers=entry.layers,
        rates=entry.rates,
        images=entry.images,
        thumbnail=entry.thumbnail,
        tokens=None if result is None else result.tokens,
        recording=entry.stored or entry.path,
    )


def to_entry(run: Run) -> Entry:
    """A run of a session as the history has it; its recording, if it is there, is not open yet."""
    result = run.result
    state = next(state for state, name in _STATES.items() if name == run.state)
    return Entry(
        key=run.key,
        number=run.number,
        request=run.request,
        checkpoint=run.origin["checkpoint"]["name"],
        tensors_sha256=run.origin["checkpoint"]["tensors_sha256"],
        layers=run.layers,
        timesteps=run.timesteps,
        state=state,
        result=result,
        failure=run.failure,
        changes=_changes(run),
        rates=run.rates,
        steps_done=run.steps_done,
        thumbnail=run.thumbnail,
        path=Path(run.file_name) if run.file_name else None,
        branch=run.branch,
        parent=run.parent,
        ended=None,
        ended_at=datetime.fromisoformat(run.ended_at) if run.ended_at else datetime.now(),
        is_pinned=run.is_pinned,
        stored=run.recording,
        left_out=run.left_out,
        origin=run.origin,
        note=run.note,
    )


def open_stored(entry: Entry, cards: Collection[Card]) -> EndedRun:
    """Open the stored recording of a run; takes a moment. Raises ``RecordingError``."""
    assert entry.stored is not None  # or there is nothing to open
    playback = open_playback(entry.stored, cards)
    failure = Failed(run_id=playback.run.run_id, message=entry.failure) if entry.failure else None
    result = entry.result
    if result is not None and result.images is None:
        result = replace(result, images=playback.result.images)
    return EndedRun(
        run=playback.run,
        state=entry.state,
        step=playback.step,
        preview=playback.preview,
        tokens=playback.tokens,
        changes=entry.changes,
        result=result,
        failure=failure,
    )


def _changes(run: Run) -> tuple[ParametersChanged, ...]:
    made: Any = partial(ParametersChanged, run_id=0)
    return tuple(made(**change) for change in run.origin["changes"])


def _origin(entry: Entry, device: str, architecture: str) -> dict[str, Any]:
    from spikestudio.export.provenance import provenance

    result = entry.result
    if result is None:
        in_force: list[SamplingRequest | ParametersChanged] = []
        for step in range(entry.steps_done):
            before = in_force[-1] if in_force else entry.request
            in_force.append(next((c for c in entry.changes if c.step == step), before))
        result = RunResult(
            request=entry.request,
            checkpoint=entry.checkpoint,
            tensors_sha256=entry.tensors_sha256,
            architecture=architecture,
            device=device,
            num_threads=1,
            timesteps=entry.timesteps,
            steps_done=entry.steps_done,
            seconds=math.nan,
            thresholds=tuple(each.threshold for each in in_force),
            temperatures=tuple(each.temperature for each in in_force),
            images=None,
        )
    return provenance(result if entry.branch is None else replace(result, branch=entry.branch))
