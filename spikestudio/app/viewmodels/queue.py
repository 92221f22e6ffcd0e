"""Requests that wait for their turn: one run is handed to the worker at a time.

Only this model knows of those that wait, so taking one away cannot touch the run in progress, and each
run has a control of its own, so a late cancel cannot touch the one after it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QTimer, Signal, Slot

from spikestudio.app.viewmodels.queued_run import QueuedRun
from spikestudio.app.viewmodels.run import RunModel, RunState
from spikestudio.language import tr

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from spikestudio.app.viewmodels.checkpoint import CheckpointModel
    from spikestudio.app.viewmodels.sampler import SamplerModel
    from spikestudio.recording.values import Readable
    from spikestudio.sampling.branch import Branch
    from spikestudio.sampling.control import RunControl
    from spikestudio.sampling.request import SamplingRequest
    from spikestudio.sampling.worker import ModelInfo

MOST_FAILURES = 2  # in a row, before the queue waits for the user


Removed = tuple[
    tuple[tuple[int, QueuedRun], ...], str
]  # with their places, and why the queue waited


class QueueModel(QObject):
    """The run in progress (``current``) and those that wait, the next one first.

    When a run has ended, however it ended, the next one starts; a run that waits at a step has not
    ended. The queue waits for ``go_on`` instead after a run that is marked so, after ``MOST_FAILURES``
    failures in a row, and where the model of the next one cannot be loaded: ``held`` says why.
    """

    changed = Signal()
    told = Signal(str)  # what became of a command, in a sentence
    warned = Signal(str)  # why the queue waits though nobody asked for that, in a sentence

    def __init__(
        self,
        run: RunModel,
        sampler: SamplerModel,
        checkpoint: CheckpointModel,
        thumbnail_of: Callable[[Readable], NDArray[np.uint8] | None] = lambda _record: None,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._run, self._sampler, self._checkpoint = run, sampler, checkpoint
        self._thumbnail_of = thumbnail_of
        self.current: QueuedRun | None = None
        self.before: QueuedRun | None = None  # the run that was in progress before
        self.waiting: list[QueuedRun] = []
        self.held = ""  # why the next one does not start by itself, as a sentence
        self._control: RunControl | None = None  # of the current one
        self._next: QueuedRun | None = None  # being started at this moment
        self._tried: QueuedRun | None = None  # whose model is being loaded
        self._removed: Removed = ((), "")
        self._num_loads = 0  # that the worker has not answered
        self._num_failures = 0  # in a row
        self._last_key = 0
        self._turn = QTimer(self)  # not at once: every dock takes in the end of a run first
        self._turn.setSingleShot(True)
        self._turn.timeout.connect(self._take_turn)
        run.stateChanged.connect(self._on_state_changed)
        sampler.commandsChanged.connect(self._on_commands_changed)
        checkpoint.loaded.connect(self._on_loaded)
        checkpoint.failed.connect(self._on_load_failed)

    # reading --------------------------------------------------------------------------------

    @property
    def entries(self) -> list[QueuedRun]:
        """The current one, if there is one, and those that wait."""
        return ([self.current] if self.current else []) + self.waiting

    def entry(self, key: int) -> QueuedRun | None:
        """Return the one of that key, if it is still there."""
        return next((each for each in self.entries if each.key == key), None)

    def place(self, key: int) -> int | None:
        """Return the place among those that wait, from 0 on; None if it does not wait."""
        places = (place for place, each in enumerate(self.waiting) if each.key == key)
        return next(places, None)

    def predecessor(self, entry: QueuedRun) -> QueuedRun | None:
        """Return the run before one in the queue."""
        if entry is self.current:
            return self.before
        place = self.place(entry.key)
        return self.waiting[place - 1] if place else self.current or self.before

    @property
    def model(self) -> ModelInfo | None:
        """The model in use."""
        return self._sampler.model

    @property
    def is_idle(self) -> bool:
        """Whether a run asked for now starts at once."""
        return self._sampler.can_sample and (not self.waiting or bool(self.held))

    @property
    def can_add(self) -> bool:
        """Whether a run can be asked for now: it starts, or waits for its turn."""
        return self._sampler.model is not None and not self._sampler.is_loading

    @property
    def can_put_back(self) -> bool:
        """Whether something was taken away last that can come back."""
        return bool(self._removed[0])

    @property
    def is_adding(self) -> bool:
        """Whether the Sample button puts a run into the queue."""
        return self.can_add and not self.is_idle

    @property
    def sample_label(self) -> str:
        """Text of the Sample button."""
        return tr("Queue") if self.is_adding else tr("Sample")

    @property
    def sample_tip(self) -> str:
        """What the Sample button does now."""
        if self.can_add and not self.is_idle:
            return tr("Let a run with these settings wait for its turn")
        return tr("Draw images with these settings")

    # asking for runs ------------------------------------------------------------------------

    @Slot()
    def sample(self) -> None:
        """Start a run with the settings as they stand, or let it wait behind the others."""
        self._ask(is_in_front=False)

    @Slot()
    def sample_next(self) -> None:
        """Start a run with the settings as they stand, or let it wait in front of the others."""
        self._ask(is_in_front=True)

    def _ask(self, *, is_in_front: bool) -> None:
        if self.is_idle:
            self._sampler.sample()
        elif self.can_add:
            self.add(self._sampler.request, is_in_front=is_in_front)

    def add(
        self,
        request: SamplingRequest,
        *,
        is_in_front: bool = False,
        branch: Branch | None = None,
        parent: Readable | None = None,
    ) -> int | None:
        """Let a request wait, for the model in use; returns its key, None without a model.

        ``branch`` and ``parent`` start it in the middle of another run, whose record is ``parent``.
        """
        entry = self._made(request, branch, parent)
        if entry is None:
            return None
        self.waiting.insert(0 if is_in_front else len(self.waiting), entry)
        where = tr(" in front") if is_in_front and len(self.waiting) > 1 else ""
        paused = tr(" The run in progress is paused: it goes first.")
        is_paused = self._run.state is RunState.PAUSED
        self.told.emit(
            tr(
                "Queued{where}: {num_waiting:,} waiting.{paused}",
                where=where,
                num_waiting=len(self.waiting),
                paused=paused if is_paused else "",
            )
        )
        self._follow()
        return entry.key

    def _made(
        self, request: SamplingRequest, branch: Branch | None, parent: Readable | None
    ) -> QueuedRun | None:
        model = self._sampler.model
        if model is None:
            return None
        self._last_key += 1
        return QueuedRun(
            key=self._last_key,
            request=request,
            model=model,
            branch=branch,
            parent=parent,
            thumbnail=None if parent is None else self._thumbnail_of(parent),
        )

    def began(
        self,
        request: SamplingRequest,
        control: RunControl,
        branch: Branch | None = None,
        parent: Readable | None = None,
    ) -> None:
        """Take in a run that was handed to the worker, from here or from elsewhere.

        The sampler says so right after it; until then nothing may take time, for the run has begun.
        """
        entry, self._next = self._next, None
        if entry is None or entry.request is not request:
            entry = self._made(request, branch, parent)
        self.current, self._control = entry, control

    # what waits -----------------------------------------------------------------------------

    def cancel(self, key: int) -> bool:
        """Stop the run in progress or take one away that waits; False if it has ended already."""
        entry, place = self.entry(key), self.place(key)
        if entry is None:
            return False
        if place is not None:
            self._remove([place])
        elif self._control is self._sampler.control:
            self._sampler.cancel()
        elif self._control is not None:
            self._control.cancel()
        return True

    def clear(self) -> None:
        """Take away all that wait; the run in progress goes on."""
        self._remove(range(len(self.waiting)))

    def _remove(self, places: list[int] | range) -> None:
        if not places:
            return
        self._removed = (tuple((place, self.waiting[place]) for place in places), self.held)
        gone = {entry for _, entry in self._removed[0]}
        self.waiting = [each for each in self.waiting if each not in gone]
        if not self.waiting:
            self.held = ""
        is_one = len(gone) == 1
        what = (
            tr("Run {next}", next=next(iter(gone)).name)
            if is_one
            else tr("{num_gone:,} runs", num_gone=len(gone))
        )
        self.told.emit(
            tr(
                "{what} taken from the queue: {num_waiting:,} waiting. "
                "Ctrl+Z in the queue puts {part} back.",
                what=what,
                num_waiting=len(self.waiting),
                part=tr("it") if is_one else tr("them"),
            )
        )
        self._follow()

    @Slot()
    def put_back(self) -> None:
        """Let what was taken away last wait again, at its place."""
        (removed, held), self._removed = self._removed, ((), "")
        if removed and not self.waiting:
            self.held = held
        for place, entry in removed:
            self.waiting.insert(min(place, len(self.waiting)), entry)
        self._follow()

    def move(self, key: int, to: int) -> bool:
        """Let one wait at another place, from 0 on; False if it is there or does not wait."""
        place = self.place(key)
        to = min(max(to, 0), len(self.waiting) - 1)
        if place is None or place == to:
            return False
        self.waiting.insert(to, self.waiting.pop(place))
        self._follow()
        return True

    def duplicate(self, key: int) -> int | None:
        """Let the same wait once more, right behind it; returns the key of the copy."""
        entry, place = self.entry(key), self.place(key)
        if entry is None:
            return None
        self._last_key += 1
        copy = replace(
            entry, key=self._last_key, is_pausing=False, problem="", queued_at=datetime.now()
        )
        self.waiting.insert(0 if place is None else place + 1, copy)
        self._follow()
        return copy.key

    def set_pausing(self, key: int, *, is_pausing: bool) -> None:
        """Let the queue wait after a run has ended, or not."""
        entry = self.entry(key)
        if entry is not None and entry.is_pausing != is_pausing:
            entry.is_pausing = is_pausing
            self.changed.emit()

    @Slot()
    def go_on(self) -> None:
        """Start the next one; what kept it from starting is tried again."""
        self.held, self._num_failures, self._tried = "", 0, None
        for entry in self.waiting:
            entry.problem = ""
        self._follow()

    def stop(self) -> None:
        """Start nothing any more: the window closes."""
        self._turn.stop()
        self.waiting.clear()

    # taking turns ---------------------------------------------------------------------------

    def expect_load(self) -> None:
        """Note that the worker was asked to load a model: nothing starts until it has answered.

        A run handed over behind several loads would else meet the model of the last one.
        """
        self._num_loads += 1

    def _follow(self) -> None:
        if self.waiting:
            self._turn.start(0)
        self.changed.emit()

    @Slot()
    def _on_commands_changed(self) -> None:
        if self.waiting and not self._sampler.is_busy:
            self._turn.start(0)
        self.changed.emit()

    @Slot()
    def _on_state_changed(self) -> None:
        ended = self.current
        if ended is None or self._run.state.is_active:
            return
        self.before, self.current, self._control = ended, None, None
        has_failed = self._run.state is RunState.FAILED
        self._num_failures = self._num_failures + 1 if has_failed else 0
        if self.waiting and ended.is_pausing:
            self.held = tr("Paused after {ended}, as asked for.", ended=ended.name)
            self.told.emit(
                tr("{held} {num_waiting:,} waiting.", held=self.held, num_waiting=len(self.waiting))
            )
        elif self.waiting and self._num_failures >= MOST_FAILURES:
            self._hold(
                tr(
                    "The last {most_failures} runs failed, so the next one was not started.",
                    most_failures=MOST_FAILURES,
                )
            )
        self._follow()

    @Slot()
    def _take_turn(self) -> None:
        """Start the next one, or load its model, if nothing else is in progress."""
        sampler = self._sampler
        if not self.waiting or self.held or self._num_loads or not sampler.can_sample:
            return
        entry = self.waiting[0]
        if not entry.is_made_with(sampler.model):
            self._tried = entry
            self.told.emit(
                tr("Loading {model} for {entry}.", model=entry.model.name, entry=entry.name)
            )
            self._checkpoint.load(entry.model.path)
            return
        self.waiting.pop(0)
        self._next, self._tried = entry, None
        if entry.branch is None:
            sampler.sample_request(entry.request)
        else:
            sampler.sample_branch(entry.request, entry.branch, entry.parent)
        self._next = None

    @Slot()
    def _on_loaded(self) -> None:
        model, tried = self._checkpoint.model, self._tried
        is_its_file = tried is not None and model is not None and model.path == tried.model.path
        if tried is not None and is_its_file and not tried.is_made_with(model):
            self._refuse(
                tried,
                tr(
                    "{model_path} holds other weights than when it was queued.",
                    model_path=tried.model.path,
                ),
            )
        self._after_load()

    @Slot()
    def _on_load_failed(self) -> None:
        failure, tried = self._checkpoint.failure, self._tried
        if tried is not None and failure is not None and failure.path == tried.model.path:
            self._refuse(tried, failure.message)
        self._after_load()

    def _after_load(self) -> None:
        self._num_loads = max(self._num_loads - 1, 0)
        self._tried = None
        self._follow()

    def _refuse(self, entry: QueuedRun, problem: str) -> None:
        """Let the queue wait at one that cannot start; nothing is lost."""
        if entry in self.waiting:
            entry.problem = problem
            self._hold(
                tr(
                    "{entry} cannot start without {model}: cancel it, or mend that and go on.",
                    entry=entry.name,
                    model=entry.model.name,
                )
            )

    def _hold(self, reason: str) -> None:
        self.held = reason
        self.warned.emit(reason)
