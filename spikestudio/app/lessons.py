"""Lessons in a window: sets a page up, points at its control, and keeps controls locked meanwhile."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, QTimer, Signal, Slot
from PySide6.QtWidgets import QWidget

from spikestudio import paths
from spikestudio.app.context import Context
from spikestudio.app.docks import DockManager, Snapshot
from spikestudio.app.layouts import LAYOUTS, Split, columns_for, with_lessons
from spikestudio.app.lesson_controls import CONTROLS, Parts, locks_of, widget_of
from spikestudio.app.lesson_locks import Locks
from spikestudio.app.viewmodels.lesson import LessonModel
from spikestudio.app.viewmodels.sweep_texts import AxisText
from spikestudio.app.widgets.spotlight import Spotlight
from spikestudio.errors import SpikeStudioError
from spikestudio.language import tr
from spikestudio.lessons.lesson import ANY, Page, Start
from spikestudio.lessons.shelf import ARCHITECTURES

if TYPE_CHECKING:
    from spikestudio.app.recordings import Recordings
    from spikestudio.sampling.request import SamplingRequest
    from spikestudio.sampling.worker import ModelInfo

DOCK = "lesson"
SHARES = {1: (30, 70), 2: (26, 40, 34), 3: (24, 24, 28, 24)}  # of the window, by number of columns
WIDE_SHARES = (40, 60)  # at large text, beside one column
FALLBACK = "sddpm-mnist"  # where any model will do and none is loaded


def _path_of(model: ModelInfo | None) -> Path | None:
    return None if model is None else model.path


class Lessons(QObject):
    """Brings the window into the state that a page starts from, and back when the lesson is closed.

    Recording and model are there a while after they were asked for; the page is ready when they are.
    """

    told = Signal(str)

    def __init__(
        self,
        window: QWidget,
        context: Context,
        docks: DockManager,
        parts: Parts,
        recordings: Recordings,
        lesson: LessonModel,
    ) -> None:
        super().__init__(window)
        self._window, self._context = window, context
        self._docks, self._parts = docks, parts
        self._recordings, self._lesson = recordings, lesson
        self._arranged: tuple[tuple[str, ...], ...] = ()
        self._before: tuple[Snapshot, SamplingRequest, Path | None] | None = None  # of a lesson
        self._found: Snapshot | None = None  # before the lesson that was closed a moment ago
        self._model: Path | None = None  # that the page waits for
        self._recording: Path | None = None  # likewise
        self._is_entered = False  # a page, whose start is being made or was made
        self._size = window.size()
        self._settle = QTimer(self)
        self._settle.setSingleShot(True)
        self._settle.timeout.connect(self._keep_size)
        self.locks = Locks(self)
        self.spotlight = Spotlight(self)
        desk = lesson.state.desk
        desk.open_docks = self._open_docks
        desk.front_docks = self._front_docks
        lesson.opened.connect(self._on_opened)
        lesson.entered.connect(self._on_entered)
        lesson.left.connect(self._on_left)
        lesson.closed.connect(self._on_closed)
        lesson.changed.connect(self._follow)
        docks.frontChanged.connect(lesson.look_soon)
        context.run.started.connect(self._go_on)
        context.sampler.modelChanged.connect(self._go_on)
        context.sampler.commandsChanged.connect(self._go_on)
        context.checkpoint.failed.connect(self._on_failed)

    def show(self) -> None:
        """Bring the dock with the lessons to the front, beside the others if it was closed."""
        if self._docks.docks[DOCK].isHidden():
            docks = self._docks
            tree = docks.form if docks.is_narrow else LAYOUTS[docks.layout_name].compact
            docks.arrange(with_lessons(tree, DOCK, is_narrow=docks.is_narrow))
        self._docks.bring(DOCK)

    # the page -------------------------------------------------------------------------------

    @Slot()
    def _on_opened(self) -> None:
        sampler = self._context.sampler
        self._before = (self._docks.snapshot(), sampler.request, _path_of(sampler.model))
        self._arranged = ()

    @Slot()
    def _on_entered(self) -> None:
        page = self._lesson.page
        if page is None:
            return
        self._is_entered = True
        self._arrange(page)
        obstacle = self._ask_for_model(page)
        if obstacle:
            self._lesson.set_ready(obstacle)
            return
        self._ask_for_recording(page)
        self._follow()
        self._go_on()

    def _arrange(self, page: Page) -> None:
        show = page.start.show
        there = set(self._docks.docks)
        columns = tuple(tuple(name for name in column if name in there) for column in show)
        columns = tuple(column for column in columns if column)
        if columns and columns != self._arranged:
            self._arranged = columns
            parts = columns_for(columns, *self._docks.room())
            shares = WIDE_SHARES if self._docks.is_narrow else SHARES[len(parts)]
            self._docks.arrange(Split("row", (DOCK, *parts), shares))
        self._docks.bring(DOCK)
        control = CONTROLS.get(page.point)
        if control is not None and control.dock in there:
            self._docks.bring(control.dock)
        self._context.bridge.wake()

    def _ask_for_model(self, page: Page) -> str:
        """Load the page's model if another one is loaded; return why that cannot be."""
        self._model = None
        wanted, checkpoint = page.start.model, self._context.checkpoint
        loaded = checkpoint.model
        if not wanted:
            return ""
        if self._lesson.uses_own or wanted == ANY:
            if loaded is not None or checkpoint.loading is not None:
                self._model = checkpoint.loading
                return ""
            wanted = FALLBACK
        if wanted in ARCHITECTURES:
            if loaded is not None and loaded.card.architecture == wanted:
                return ""
            wanted = f"{wanted}-mnist"
        path = paths.bundled_checkpoints() / f"{wanted}.safetensors"
        if loaded is not None and loaded.path.resolve() == path.resolve():
            return ""
        if not path.is_file():
            return tr(
                "The model {wanted} of this page is not here: choose Use my model, or skip it.",
                wanted=wanted,
            )
        self._model = path
        return ""

    def _ask_for_recording(self, page: Page) -> None:
        """Play the page's recording, unless a run goes on or the student's own model is used."""
        self._recording = None
        path = paths.bundled_recordings() / f"{page.start.recording}.h5"
        is_wanted = page.start.recording and not self._lesson.uses_own and path.is_file()
        if not is_wanted or self._context.sampler.is_busy:
            return
        self._recording = path
        if not self._is_shown(path):
            self._recordings.open(path, is_played=True, keeps_model=True)
        elif self._lesson.index == 0:  # it is there already and may have come to its end
            self._context.timeline.seek(0)
            self._context.timeline.play()

    def _is_shown(self, path: Path) -> bool:
        shown = self._context.run.recording
        return shown is not None and shown.recorder.path.resolve() == path.resolve()

    @Slot()
    def _go_on(self) -> None:
        """Set the page up once what it waits for is there."""
        lesson, page = self._lesson, self._lesson.page
        if page is None or not self._is_entered or lesson.obstacle:
            return
        if lesson.is_ready:  # a recording was there first
            self._load_when_free()
            return
        if self._recording is not None and not self._is_shown(self._recording):
            return
        checkpoint = self._context.checkpoint
        if self._model is not None:
            model = checkpoint.model
            is_loaded = model is not None and model.path.resolve() == self._model.resolve()
            if not is_loaded or self._context.sampler.model is not model:
                self._load_when_free()
                if page.start.request or self._recording is None:
                    return
        obstacle = self._set_up(page)
        lesson.set_ready(obstacle)

    def _load_when_free(self) -> None:
        """Load the page's model, once no other one is being loaded and no run goes on."""
        wanted, checkpoint = self._model, self._context.checkpoint
        if wanted is None or checkpoint.loading is not None or self._context.sampler.is_busy:
            return
        loaded = checkpoint.model
        if loaded is None or loaded.path.resolve() != wanted.resolve():
            checkpoint.load(wanted)

    def _set_up(self, page: Page) -> str:
        """Change request, selection, neuron lab and cursor; return what could not be."""
        context, start = self._context, page.start
        try:
            if start.request:
                context.sampler.set(**start.request)
            self._set_lab(start.lab)
            self._set_sweep(start)
        except SpikeStudioError as error:
            return str(error)
        selection = dict(start.selection)
        if selection:
            image = selection.get("image")
            layer = selection.get("layer")
            known = {each.id for each in context.run.layers}
            neurons = selection.get("neurons")
            context.run.select(
                image=None if image is None else image - 1,
                layer=layer if layer in known else None,
                neurons=tuple(neurons) if neurons is not None else None,
            )
        if start.timeline:
            context.timeline.pause()
            step, snn_step = (start.timeline.get(name, 1) for name in ("step", "snn_step"))
            context.timeline.seek(step - 1, snn_step - 1)
        view: Any = self._parts.views.get(DOCK)
        if page.figure and view is not None:
            view.noise.set_time(0)
        context.bridge.wake()
        return ""

    def _set_lab(self, values: Any) -> None:  # noqa: ANN401  of the page's start
        lab = self._lesson.state.desk.lab
        if lab is None or not values:
            return
        lab.go_back()
        lab.prepare()
        order = ("kind", "steps", "shape", "amplitude", "noise", "seed")
        rest = ("tau", "threshold", "reset")
        for name in (*order, *rest):
            if name in values:
                setattr(lab, name, values[name])
        if "cursor" in values:
            lab.cursor = values["cursor"] - 1

    def _set_sweep(self, start: Start) -> None:
        if not start.sweep:
            return
        form = self._context.sweeps.form
        form.set_axes(tuple(AxisText(name, values) for name, values in start.sweep.items()))
        form.set_num(start.request.get("num", form.num))
        view: Any = self._parts.views.get("sweep")
        if view is not None and not self._context.sweeps.is_active:
            view.show_set_up()

    # what follows the page ------------------------------------------------------------------

    @Slot()
    def _follow(self) -> None:
        """Point at the page's control, or lock what waits for the answer."""
        lesson, page = self._lesson, self._lesson.page
        self._context.bridge.wake()
        if page is None or not self._is_entered:
            return
        if lesson.is_locked and page.predict is not None and lesson.does_apply is not False:
            self.locks.lock(
                [each for name in page.predict.locks for each in locks_of(name, self._parts)]
            )
            self.spotlight.clear()
            return
        self._unlock()
        is_asked = page.done is None or not lesson.is_done  # a page that asks nothing still points
        target = widget_of(page.point, self._parts) if page.point and is_asked else None
        if target is None or not lesson.is_ready or lesson.waits_for_run:
            self.spotlight.clear()  # while a run goes on its button queues another one
        else:
            self.spotlight.show(target)

    def _unlock(self) -> None:
        if self.locks.locked:
            self.locks.lift()
            self._context.sampler.commandsChanged.emit()  # what was changed meanwhile holds now
            self._context.sampler.requestChanged.emit()
            for view in self._parts.views.values():
                view.mark_dirty()

    @Slot()
    def _on_left(self) -> None:
        self._is_entered = False
        self._model = self._recording = None
        self._unlock()
        self.spotlight.clear()

    @Slot()
    def _on_closed(self) -> None:
        """Put docks and request back to what they were."""
        if self._before is None:
            return
        (found, request, model), self._before = self._before, None
        self._size = self._window.size()
        self._found = found
        self._docks.put_back(found, self._size)
        self._docks.redock_lost()
        self._docks.bring(DOCK)
        self._settle.start(0)
        sampler = self._context.sampler
        if model != _path_of(sampler.model):  # as if the lesson's model had been loaded by hand
            request = replace(sampler.defaults, seed=request.seed)
        try:
            sampler.set(**{name: getattr(request, name) for name in request.__dataclass_fields__})
        except SpikeStudioError as error:
            self.told.emit(str(error))

    @Slot()
    def _keep_size(self) -> None:
        """Undo what docks asked for that were beside each other for a moment."""
        if not self._window.isMaximized() and not self._window.isFullScreen():
            self._window.resize(self._size)
        found, self._found = self._found, None
        if found is not None and self._before is None:
            self._docks.share_out(found)

    @Slot()
    def _on_failed(self) -> None:
        failure = self._context.checkpoint.failure
        if self._model is not None and failure is not None and self._lesson.page is not None:
            self._model = None
            if not self._lesson.is_ready:
                self._lesson.set_ready(failure.message)

    def _open_docks(self) -> tuple[str, ...]:
        return tuple(name for name, dock in self._docks.docks.items() if not dock.isHidden())

    def _front_docks(self) -> tuple[str, ...]:
        return tuple(view.view_id for view in self._docks.views_in_front())
