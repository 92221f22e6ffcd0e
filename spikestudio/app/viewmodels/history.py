"""The runs of this session that have ended, with as many of their recordings as fit into memory."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QObject, Signal, Slot

from spikestudio.app.viewmodels.differences import Difference, differences
from spikestudio.app.viewmodels.playback import RecordedRun
from spikestudio.app.viewmodels.run import RunModel, RunState
from spikestudio.language import tr
from spikestudio.recording.record import MEBIBYTE
from spikestudio.sampling.branch import Branch, branch_of
from spikestudio.sampling.request import SamplingRequest

if TYPE_CHECKING:
    from spikestudio.app.viewmodels.sampler import SamplerModel
    from spikestudio.recording.values import Readable
    from spikestudio.sampling.events import (
        Failed,
        ImagePreview,
        ParametersChanged,
        RunStarted,
        StepFinished,
        TokensUnmasked,
    )
    from spikestudio.sampling.result import RunResult
    from spikestudio.types import LayerInfo

RECORDERS = 2  # recordings together may take this many times what one may
MOST_THUMBNAILS = 4
WAIT = tr("Wait until the run has ended.")
LET_GO = tr("recording let go; its images and parameters are kept")
CLOSED = tr("file closed; its images and parameters are kept")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class EndedRun:
    """Everything that the docks show of a run that has ended, as ``RunModel`` held it."""

    run: RunStarted | RecordedRun
    state: RunState
    step: StepFinished | None
    preview: ImagePreview | None
    tokens: TokensUnmasked | None
    changes: tuple[ParametersChanged, ...]
    result: RunResult | None
    failure: Failed | None

    @property
    def nbytes(self) -> int:
        """Bytes in memory beside those of the result; what lies in a file takes none."""
        arrays: list[NDArray[Any] | None] = []
        if self.preview is not None:
            arrays += (self.preview.x_t, self.preview.x0_hat, self.preview.decoded)
        if self.tokens is not None:
            arrays += (self.tokens.tokens, self.tokens.order, self.tokens.confidence)
        held = sum(each.nbytes for each in arrays if each is not None)
        is_file = isinstance(self.run, RecordedRun)
        return held + (0 if is_file else self.run.recorder.bytes_used)


@dataclass(slots=True, eq=False, kw_only=True)
class Entry:
    """A run that has ended. Only ``HistoryModel`` writes to it.

    ``rates`` is ``[layers, steps]``; ``thumbnail`` uint8 ``[k, H, W, C]`` the first images, None if no
    step was done. ``parent`` is the key of the run that this one was made from: a branch, a duplicate,
    or the other side of a comparison. ``ended`` is None once the recording was let go; ``stored`` is a
    file of the session from which it can be opened again, None if there is none. ``origin`` is its
    provenance where it was read from a session: the versions and the machine of that time. ``note`` is
    the user's, in Markdown.
    """

    key: int
    number: int  # of the runs of this session, from 1 on; 0 of a recording that was opened
    request: SamplingRequest
    checkpoint: str
    tensors_sha256: str
    layers: tuple[LayerInfo, ...]
    timesteps: tuple[int, ...]
    state: RunState
    result: RunResult | None
    failure: str
    changes: tuple[ParametersChanged, ...]
    rates: NDArray[np.float32]
    steps_done: int
    thumbnail: NDArray[np.uint8] | None
    path: Path | None  # of a recording that was opened, None for a run of this session
    branch: Branch | None
    parent: int | None
    ended: EndedRun | None
    ended_at: datetime = field(default_factory=datetime.now)
    is_pinned: bool = False
    stored: Path | None = None
    is_unpacking: bool = False  # it will be stored in a moment
    left_out: str = ""  # why a session file lacks its recording, as a sentence
    origin: Mapping[str, Any] | None = None
    note: str = ""

    @property
    def recorder(self) -> Readable | None:
        """Its recording, None once that was let go."""
        return self.ended.run.recorder if self.ended else None

    @property
    def file_name(self) -> str:
        """Name of the recording that was opened, empty for a run of this session."""
        return self.path.name if self.path else ""

    @property
    def images(self) -> NDArray[np.uint8] | None:
        """The final images, or what a cancelled run had come to."""
        return self.result.images if self.result else None

    @property
    def name(self) -> str:
        """What it is called: ``run 3``."""
        return self.file_name or tr("run {number}", number=self.number)

    @property
    def outcome(self) -> str:
        """How it ended, in a few words."""
        done, total = self.steps_done, len(self.timesteps)
        if self.state is RunState.FINISHED:
            return tr("finished")
        word = tr("failed") if self.state is RunState.FAILED else tr("stopped")
        return tr("{word} after {done:,} of {total:,} steps", word=word, done=done, total=total)


class HistoryModel(QObject):
    """Takes every run that ends, oldest first in ``entries``.

    Requests, results and rates are always kept. Recordings take at most ``RECORDERS`` times the
    budget of one recorder: beyond that the oldest go first, then those in a comparison (``in_use``),
    and those that the user keeps last. That of the run that is shown stays. A recording that was opened
    is closed with the next run, unless it is kept or compared.
    """

    changed = Signal()
    entryAdded = Signal(int)  # noqa: N815  its key
    lookRequested = Signal(object)  # noqa: N815  the EndedRun to show in every dock
    branchRequested = Signal(int, int)  # noqa: N815  key, and the step looked at, counted from 0
    openRequested = Signal(int)  # noqa: N815  of a key: its stored recording is needed
    edited = Signal()  # a run was deleted, kept or got another note

    def __init__(
        self,
        run: RunModel,
        sampler: SamplerModel,
        budget_mb: Callable[[], float],
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._run = run
        self._sampler = sampler
        self._budget_mb = budget_mb
        self._open: object | None = None  # the run in progress, or one to be taken in
        self._made_from: tuple[object, int | None] = (None, None)  # that run, and its parent
        self._next_parent: int | None = None
        self._last_key = self._last_number = 0
        self._wanted: int | None = None  # to be shown once its stored recording is open
        self.entries: list[Entry] = []
        self.in_use: frozenset[int] = frozenset()
        run.started.connect(self._on_started)
        run.stateChanged.connect(self._on_state_changed)
        sampler.commandsChanged.connect(self.changed)

    # reading --------------------------------------------------------------------------------

    def entry(self, key: int | None) -> Entry | None:
        """Return the run of that key, if it is there."""
        return next((each for each in self.entries if each.key == key), None)

    @property
    def shown(self) -> Entry | None:
        """The run that the docks show, if it has ended."""
        shown = self._run.run
        return next((e for e in self.entries if e.ended and e.ended.run is shown), None)

    @property
    def budget_bytes(self) -> int:
        """What all recordings together may take."""
        return int(RECORDERS * self._budget_mb() * MEBIBYTE)

    @property
    def bytes_used(self) -> int:
        """What all recordings together take."""
        return sum(each.ended.nbytes for each in self.entries if each.ended)

    def origin(self, entry: Entry) -> Entry | None:
        """Return what a run is compared with in the list: its parent, else the run before it."""
        parent = self.entry(entry.parent)
        if parent is not None or entry.file_name:
            return parent
        before = (e for e in reversed(self.entries) if e.key < entry.key and not e.file_name)
        return next(before, None)

    def changes(self, entry: Entry) -> tuple[Difference, ...]:
        """Return in which parameters a run differs from its ``origin``."""
        origin = self.origin(entry)
        return () if origin is None else differences(origin.request, entry.request)

    # what keeps an action from being done, as a sentence --------------------------------------

    def cannot_look(self, entry: Entry) -> str:
        """Why a run cannot be shown again; empty if it can."""
        if entry.ended is None and entry.is_unpacking:
            return tr("Its recording is being unpacked.")
        if entry.ended is None and entry.stored is None:
            if entry.path:
                return tr("Its file was closed: open {entry_path} again.", entry_path=entry.path)
            if entry.left_out:
                return tr(
                    "{left_out} Duplicate the run to sample the same again.",
                    left_out=entry.left_out,
                )
            return tr("Its recording was let go: duplicate it to sample the same again.")
        if entry is self.shown:
            return tr("This run is shown.")
        return WAIT if self._sampler.is_busy else ""

    def cannot_duplicate(self, entry: Entry) -> str:
        """Why a request cannot be put in the sampler; empty if it can."""
        model = self._sampler.model
        if model is None or model.card.tensors_sha256 != entry.tensors_sha256:
            return tr(
                "This run is another model's: load {checkpoint} first.",
                checkpoint=entry.checkpoint or tr("that model"),
            )
        return WAIT if self._sampler.is_busy else ""

    def cannot_branch(self, entry: Entry) -> str:
        """Why no branch can start in a run; empty if one can."""
        if entry.ended is None and entry.stored is None and not entry.is_unpacking:
            return tr("Its recording was let go, so it can no longer be branched.")
        if entry is not self.shown:
            return tr("Look at this run first, and go to the step to branch from.")
        if not entry.steps_done:
            return tr("No step of this run was done.")
        return self.cannot_duplicate(entry)

    # actions --------------------------------------------------------------------------------

    def look(self, key: int) -> None:
        """Show a run in every dock again."""
        entry = self.entry(key)
        if entry is None or self.cannot_look(entry):
            return
        if entry.ended is None:
            self._wanted = key
            self.openRequested.emit(key)
            return
        self.lookRequested.emit(entry.ended)
        self.changed.emit()

    def take_opened(self, key: int, ended: EndedRun | None) -> None:
        """Take in a stored recording that was opened, and show it if that is what it was for."""
        entry = self.entry(key)
        is_wanted, self._wanted = self._wanted == key, None if self._wanted == key else self._wanted
        if entry is None:
            return
        if ended is None:  # it cannot be used
            entry.stored = None
        elif entry.ended is None:
            entry.ended = ended
        self.changed.emit()
        if ended is not None and is_wanted:
            self.look(key)

    def set_stored(self, key: int, path: Path | None) -> None:
        """Note the file of the session that holds the recording of a run; None if it has none now."""
        entry = self.entry(key)
        if entry is not None:
            entry.stored, entry.is_unpacking = path, False
            self.changed.emit()

    def set_note(self, key: int, note: str) -> None:
        """Give a run another note."""
        entry = self.entry(key)
        if entry is not None and entry.note != note:
            entry.note = note
            self.edited.emit()

    def replace(self, entries: list[Entry]) -> None:
        """Take the runs of a session in the place of all; what is shown stays on the screen."""
        self.entries = entries
        self._last_key = max((each.key for each in entries), default=0)
        self._last_number = max((each.number for each in entries), default=0)
        self._open = self._next_parent = self._wanted = None
        self.in_use = frozenset()
        self.changed.emit()

    def duplicate(self, key: int) -> None:
        """Put the request of a run in the sampler; the next run counts as made from this one."""
        entry = self.entry(key)
        if entry is None or self.cannot_duplicate(entry):
            return
        values = {each.name: getattr(entry.request, each.name) for each in fields(SamplingRequest)}
        self._sampler.set(**values)
        self.derive_from(key)

    def branch(self, key: int, step: int) -> None:
        """Ask for a branch of a run at a step."""
        entry = self.entry(key)
        if entry is not None and not self.cannot_branch(entry):
            self.branchRequested.emit(key, min(max(step, 0), entry.steps_done - 1))

    def derive_from(self, key: int) -> None:
        """Let the next run count as made from this one."""
        self._next_parent = key

    def delete(self, key: int) -> None:
        """Forget a run; what is shown of it stays on the screen."""
        entry = self.entry(key)
        if entry is not None:
            self.entries.remove(entry)
            self.changed.emit()
            self.edited.emit()

    def set_pinned(self, key: int, *, is_pinned: bool) -> None:
        """Keep the recording of a run longer than others, or no longer."""
        entry = self.entry(key)
        if entry is not None and entry.is_pinned != is_pinned:
            entry.is_pinned = is_pinned
            self._let_go()
            self.changed.emit()
            self.edited.emit()

    def set_in_use(self, keys: frozenset[int]) -> None:
        """Note which runs are being compared."""
        if keys != self.in_use:
            self.in_use = keys
            self._let_go()
            for entry in self.entries:
                if entry.key in keys and entry.ended is None and entry.stored is not None:
                    self.openRequested.emit(entry.key)

    # taking in ------------------------------------------------------------------------------

    @Slot()
    def _on_started(self) -> None:
        run = self._run.run
        if self.shown is None:
            self._open = run
            is_recording = isinstance(run, RecordedRun)
            self._made_from = (run, None if is_recording else self._next_parent)
            if not is_recording:
                self._next_parent = None
        self._let_go()
        self.changed.emit()

    @Slot()
    def _on_state_changed(self) -> None:
        run = self._run.run
        if run is None or run is not self._open or self._run.state.is_active:
            return
        self._open = None
        if isinstance(run, RecordedRun):  # the file may have been opened before
            self.entries = [each for each in self.entries if each.path != run.recorder.path]
        else:
            self._last_number += 1
        self._last_key += 1
        entry = self._taken(run, self._last_key)
        self.entries.append(entry)
        self._let_go()
        self.changed.emit()
        self.entryAdded.emit(entry.key)

    def _taken(self, run: RunStarted | RecordedRun, key: int) -> Entry:
        model, origin = self._run, run.recorder.origin
        ended = EndedRun(
            run=run,
            state=model.state,
            step=model.step,
            preview=model.preview,
            tokens=model.tokens,
            changes=tuple(model.changes),
            result=model.result,
            failure=model.failure,
        )
        checkpoint = origin.get("checkpoint", {})
        branch = model.result.branch if model.result else branch_of(origin)
        return Entry(
            key=key,
            number=0 if isinstance(run, RecordedRun) else self._last_number,
            request=run.request,
            checkpoint=str(checkpoint.get("name", "")),
            tensors_sha256=str(checkpoint.get("tensors_sha256", "")),
            layers=run.layers,
            timesteps=run.timesteps,
            state=model.state,
            result=model.result,
            failure=model.failure.message if model.failure else "",
            changes=ended.changes,
            rates=run.recorder.rates(),
            steps_done=model.step.step + 1 if model.step else 0,
            thumbnail=_thumbnail(ended),
            path=run.recorder.path if isinstance(run, RecordedRun) else None,
            branch=branch,
            parent=self._parent(run, branch),
            ended=ended,
        )

    def _parent(self, run: object, branch: Branch | None) -> int | None:
        if branch is not None and branch.past is not None:
            past = branch.past
            for each in reversed(self.entries):
                is_same = each.request == past.request and each.branch == past.branch
                if is_same and each.tensors_sha256 == past.tensors_sha256:
                    return each.key
            return None
        made, parent = self._made_from
        return parent if made is run and self.entry(parent) else None

    def _let_go(self) -> None:
        """Stay within the budget, and keep no file open that nobody looks at."""
        shown = self._run.run
        free = [each for each in self.entries if each.ended and each.ended.run is not shown]
        for entry in free:
            if entry.path and not entry.is_pinned and entry.key not in self.in_use:
                entry.ended = None
        excess = self.bytes_used - self.budget_bytes
        free.sort(key=lambda each: (each.is_pinned, each.key in self.in_use, each.key))
        for entry in free:
            if excess <= 0:
                break
            if entry.ended is not None:
                excess -= entry.ended.nbytes
                entry.ended = None


def _thumbnail(ended: EndedRun) -> NDArray[np.uint8] | None:
    images = ended.result.images if ended.result else None
    if images is None and ended.preview is not None:
        found = (ended.preview.x0_hat, ended.preview.decoded)
        images = next((each for each in found if each is not None), None)
    return None if images is None else np.ascontiguousarray(images[:MOST_THUMBNAILS]).copy()
