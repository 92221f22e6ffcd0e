"""The lesson pack in use: opened as a whole or not at all, its values held while it is open."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, Signal, Slot

from spikestudio.app.viewmodels.pack_file import Opened, missing_model, open_pack
from spikestudio.errors import SpikeStudioError
from spikestudio.language import tr
from spikestudio.lessons.problem import PackError
from spikestudio.sampling.request import SamplingRequest

if TYPE_CHECKING:
    from spikestudio.app.viewmodels.checkpoint import CheckpointModel
    from spikestudio.app.viewmodels.lesson import LessonModel
    from spikestudio.app.viewmodels.neuron_lab import NeuronLabModel
    from spikestudio.app.viewmodels.sampler import SamplerModel
    from spikestudio.lessons.lesson import Lesson
    from spikestudio.lessons.pack import Pack
    from spikestudio.lessons.reading import Known
    from spikestudio.sessions.document import Session

BUSY = tr("A run is in progress: cancel it or wait until it has ended, then open the lesson pack.")
PREFIX = "pack-"  # of a pack's lesson, so that its progress is not that of a bundled one
Submit = Callable[[Callable[[], Any], Callable[[Any], None], Callable[[str, str], None]], None]


@dataclass(slots=True)
class Ports:
    """What a pack asks of the window.

    ``begin`` opens a lesson that was read, ``restore`` puts a session's model and settings back,
    ``known`` are the names that a lesson may use.
    """

    submit: Submit
    begin: Callable[[Lesson], None]
    restore: Callable[[Session], None]
    known: Callable[[], Known]


class PackModel(QObject):
    """One pack at a time; it is closed when its lesson is left.

    Whatever changes a value that is held (a control, a key, undo, a run of the history taken as
    settings), the value is back before the change has been announced to its end.
    """

    opened = Signal()  # the lesson has begun; docks and locks are to follow
    released = Signal()  # nothing is held any more
    warned = Signal(str)
    failed = Signal(str, str)  # in a sentence, and details

    def __init__(
        self,
        sampler: SamplerModel,
        lab: NeuronLabModel,
        lesson: LessonModel,
        checkpoint: CheckpointModel,
        ports: Ports,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._sampler, self._lab, self._lesson = sampler, lab, lesson
        self._checkpoint, self._ports = checkpoint, ports
        self.current: Opened | None = None
        self.is_loading = False
        self._own: Lesson | None = None  # that of the pack, under its name here
        self._request: dict[str, Any] = {}
        self._held_lab: dict[str, Any] = {}
        self._lab_before: dict[str, Any] = {}
        self._is_holding = False
        lesson.opened.connect(self._on_lesson_opened)
        lesson.closed.connect(self._follow)
        lesson.changed.connect(self._follow)
        sampler.requestChanged.connect(self._hold_request)
        lab.changed.connect(self._hold_lab)

    @property
    def pack(self) -> Pack | None:
        """The pack in use."""
        return self.current.pack if self.current is not None else None

    @property
    def is_open(self) -> bool:
        """Whether a pack's lesson is being worked on."""
        return self._own is not None and self._lesson.lesson is self._own

    # opening --------------------------------------------------------------------------------

    def open(self, path: Path, *, is_preview: bool = False) -> None:
        """Read a pack in the background and begin its lesson; on ``failed`` nothing has changed.

        A preview begins anew, as the student does: its questions may have been changed.
        """
        if self.is_loading:
            return
        if self._sampler.is_busy:
            self.warned.emit(BUSY)
            return
        self.is_loading = True
        self._ports.submit(
            partial(open_pack, path, self._ports.known()),
            partial(self._on_read, is_preview=is_preview),
            self._on_failed,
        )

    def _on_failed(self, message: str, details: str) -> None:
        self.is_loading = False
        self.failed.emit(message, details)

    def _on_read(self, found: Opened, *, is_preview: bool) -> None:
        self.is_loading = False
        cards = [entry.card for entry in self._checkpoint.entries if entry.card is not None]
        loaded = self._checkpoint.model
        if loaded is not None:
            cards.append(loaded.card)
        hashes = {card.tensors_sha256 for card in cards}
        names = {entry.name for entry in self._checkpoint.entries}
        missing = missing_model(found.session, hashes, names)
        if missing or self._sampler.is_busy:
            found.close()
            if missing:
                reason = tr(
                    "it starts with the model {missing}, which is not here", missing=missing
                )
                error = PackError(found.path, reason, tr("open its checkpoint first"))
                self.failed.emit(str(error), "")
            else:
                self.warned.emit(BUSY)
            return
        self._begin(found, is_preview=is_preview)

    def _begin(self, found: Opened, *, is_preview: bool) -> None:
        self._lesson.close()  # what it changed goes back first
        self._release()
        self.current = found
        self._own = replace(found.pack.lesson, id=PREFIX + found.pack.id)
        if is_preview:
            self._lesson.progress_of(self._own).begin_anew()
        self._request = {
            name: getattr(SamplingRequest.from_json({name: value}), name)
            for name, value in found.pack.held("request").items()
        }
        self._held_lab = found.pack.held("lab")
        self._lab_before = {name: getattr(self._lab, name) for name in self._held_lab}
        self._ports.begin(self._own)

    @Slot()
    def _on_lesson_opened(self) -> None:
        """Make the start: the window's state of before has been put aside by now."""
        if self.current is None or not self.is_open:
            return
        self.opened.emit()
        if self.current.session is not None:
            self._ports.restore(self.current.session)
        self._hold_request()
        self._hold_lab()

    # holding --------------------------------------------------------------------------------

    @Slot()
    def _hold_request(self) -> None:
        request = self._sampler.request
        wrong = {n: value for n, value in self._request.items() if getattr(request, n) != value}
        if wrong and self.is_open:
            self._try(lambda: self._sampler.set(**wrong))

    @Slot()
    def _hold_lab(self) -> None:
        wrong = {n: v for n, v in self._held_lab.items() if getattr(self._lab, n) != v}
        if wrong and self.is_open:
            self._try(lambda: self._set_lab(wrong))

    def _set_lab(self, values: dict[str, Any]) -> None:
        for name, value in values.items():
            setattr(self._lab, name, value)

    def _try(self, change: Callable[[], None]) -> None:
        """Change something back; a value that is refused ends the pack instead."""
        if self._is_holding:
            return
        self._is_holding = True
        try:
            change()
        except SpikeStudioError as error:
            self._lesson.close()
            self.warned.emit(tr("The lesson pack was closed: {error}", error=error))
        finally:
            self._is_holding = False

    # closing --------------------------------------------------------------------------------

    @Slot()
    def _follow(self) -> None:
        if self._own is not None and not self.is_open:
            self._release()

    def _release(self) -> None:
        if self.current is None:
            return
        found, self.current, self._own = self.current, None, None
        before, self._lab_before = self._lab_before, {}
        self._request, self._held_lab = {}, {}
        self._set_lab(before)
        found.close()
        self.released.emit()
