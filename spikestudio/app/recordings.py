"""Opening and playing recordings, and recording runs to files: how both look to the user."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import date
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Qt, QTimer, Slot
from PySide6.QtWidgets import QApplication, QFileDialog, QStyle, QWidget

from spikestudio import paths
from spikestudio.app.context import Context
from spikestudio.app.notifications import Notifications
from spikestudio.app.viewmodels.playback import Playback, open_playback
from spikestudio.app.viewmodels.record_target import SUFFIX
from spikestudio.app.viewmodels.run import RunState
from spikestudio.atomic import unused
from spikestudio.language import tr

if TYPE_CHECKING:
    from spikestudio.checkpoints.catalog import Entry

logger = logging.getLogger(__name__)

SUFFIXES = (SUFFIX, ".hdf5")
BUSY = tr("A run is in progress: cancel it or wait until it has ended, then open the recording.")
FIRST_FRAMES_MS = 250  # of a recording, before the model is loaded, which is heavy


class Recordings(QObject):
    """The recording commands of a window.

    A recording that was opened by the user is shown until the next run. A bundled one is played while
    nothing was sampled yet and the user has opened none.
    """

    def __init__(self, window: QWidget, context: Context, messages: Notifications) -> None:
        super().__init__(window)
        self._window, self._context, self._messages = window, context, messages
        self._is_sampled = False  # something was, in this session
        self._is_chosen = False  # the recording shown, by the user
        self._demo: Path | None = None  # the bundled recording asked for last
        self._load_wanted: Path | None = None  # the model that the window begins with
        self._told: set[str] = set()  # sentences about the current run
        self._loading = QTimer(self)
        self._loading.setSingleShot(True)
        self._loading.setInterval(FIRST_FRAMES_MS)
        self._loading.timeout.connect(self._load_first)
        run, checkpoint = context.run, context.checkpoint
        run.started.connect(self._on_started)
        run.stepFinished.connect(self._tell)
        run.stateChanged.connect(self._on_state_changed)
        checkpoint.loadingChanged.connect(self._on_loading_changed)
        checkpoint.entriesChanged.connect(self._follow_model)

    # opening ----------------------------------------------------------------------------------

    def open(self, path: Path, *, is_played: bool = False, keeps_model: bool = False) -> None:
        """Show a recording that the user has chosen, and load its model unless told otherwise.

        What is shown stays if the recording cannot be used.
        """
        if self._context.sampler.is_busy:
            self._messages.warn(BUSY)
            return
        done = partial(self._on_opened, is_played=is_played, keeps_model=keeps_model)
        self._submit(path, done, self._on_failed)

    def begin_with(self, checkpoint: Path | None, recording: Path | None = None) -> None:
        """Load a model at the start, after the first pictures of its bundled recording if it has one.

        A ``recording`` that the user has asked for is opened instead, with its own model if it is here.
        """
        self._load_wanted = checkpoint
        if recording is not None:
            self.open(recording)
        elif checkpoint is not None and (demo := self._playable(checkpoint)) is not None:
            self._open_demo(demo)
        else:
            self._load_first()

    def stop(self) -> None:
        """Load nothing any more: the window closes."""
        self._loading.stop()

    def _open_demo(self, path: Path) -> None:
        if path == self._demo:  # it is on its way, or could not be used
            self._load_first()
            return
        self._demo = path
        self._submit(path, self._on_demo_opened, self._on_demo_failed)

    def _submit(
        self, path: Path, done: Callable[[Playback], None], failed: Callable[[str, str], None]
    ) -> None:
        cards = [entry.card for entry in self._context.checkpoint.entries if entry.card]
        self._context.jobs.submit(partial(open_playback, path, cards), done, failed)
        self._context.bridge.wake()

    def _on_opened(self, playback: Playback, *, is_played: bool, keeps_model: bool) -> None:
        if self._context.sampler.is_busy:
            self._messages.warn(BUSY)
            return
        self._is_chosen = True
        self._show(playback, is_played=is_played)
        if playback.note:
            self._messages.warn(playback.note)
        entry, checkpoint = self._entry(), self._context.checkpoint
        if entry is None:
            self._messages.info(self._context.run.cannot_recompute)
        elif not keeps_model and entry.path not in (checkpoint.loading, self._path_in_use()):
            self._load_wanted = None
            checkpoint.load(entry.path)
        self._load_first()

    def _on_failed(self, message: str, details: str) -> None:
        self._messages.error(message, details)
        self._load_first()

    def _on_demo_opened(self, playback: Playback) -> None:
        if not (self._context.sampler.is_busy or self._is_sampled or self._is_chosen):
            self._show(playback, is_played=True)
        self._loading.start()

    def _on_demo_failed(self, message: str, _details: str) -> None:
        logger.warning("%s", message)
        self._load_first()

    def _show(self, playback: Playback, *, is_played: bool) -> None:
        self._context.run.show(playback)
        self._follow_model()
        if is_played:
            self._context.timeline.play()
        self._context.bridge.wake()

    def _playable(self, checkpoint: Path) -> Path | None:
        """The bundled recording of a model, if it is to be played now."""
        is_wanted = self._context.settings.autoplay and not prefers_stillness()
        if self._is_sampled or self._is_chosen or not is_wanted:
            return None
        return paths.bundled_recording(checkpoint)

    # its model --------------------------------------------------------------------------------

    @Slot()
    def _load_first(self) -> None:
        """Load the model that the window begins with, unless there is another one by now."""
        wanted, self._load_wanted = self._load_wanted, None
        checkpoint = self._context.checkpoint
        if wanted is not None and checkpoint.loading is None and checkpoint.model is None:
            checkpoint.load(wanted)

    def _path_in_use(self) -> Path | None:
        model = self._context.checkpoint.model
        return model.path if model else None

    def _entry(self) -> Entry | None:
        """The checkpoint that the recording shown was made with."""
        result = self._context.run.result
        for entry in self._context.checkpoint.entries:
            card = entry.card
            if card is not None and result and card.tensors_sha256 == result.tensors_sha256:
                return entry
        return None

    @Slot()
    def _on_loading_changed(self) -> None:
        loading, shown = self._context.checkpoint.loading, self._context.run.recording
        demo = None if loading is None else self._playable(loading)
        is_shown = shown is not None and shown.recorder.path == demo
        if demo is not None and not is_shown and not self._context.sampler.is_busy:
            self._open_demo(demo)
        self._follow_model()

    @Slot()
    def _follow_model(self) -> None:
        """Say whether the steps of the recording shown can be computed again."""
        run, checkpoint = self._context.run, self._context.checkpoint
        if (run.recording is None and not run.is_again) or run.result is None:
            return
        name, model, entry = run.result.checkpoint, checkpoint.model, self._entry()
        if model is not None and model.card.tensors_sha256 == run.result.tensors_sha256:
            reason = ""
        elif entry is None:
            reason = tr(
                "The model {name} of this recording is not here, so potentials and layers that were "
                "not recorded cannot be recomputed: open its checkpoint.",
                name=name,
            )
        elif entry.path in (checkpoint.loading, self._load_wanted):
            reason = tr(
                "What was not recorded is recomputed once the model {name} is loaded.", name=name
            )
        else:
            reason = tr(
                "Potentials and layers that were not recorded cannot be recomputed with another "
                "model: load {name}.",
                name=name,
            )
        run.set_cannot_recompute(reason)

    # recording --------------------------------------------------------------------------------

    @Slot()
    def toggle_recording(self) -> None:
        """Ask for the file that the next runs are recorded to, or record to none any more."""
        context = self._context
        if context.record.path is not None:
            context.record.set_path(None)
            return
        folder = Path(context.settings.record_folder or Path.home())
        dialog = QFileDialog(
            self._window, tr("Record to file"), str(folder), tr("Recording (*.h5)")
        )
        dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        dialog.setOption(QFileDialog.Option.DontConfirmOverwrite)  # nothing is overwritten
        dialog.setDefaultSuffix(SUFFIX[1:])
        dialog.selectFile(unused(folder / f"{self._name()}{SUFFIX}").name)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.fileSelected.connect(self._on_target_chosen)
        dialog.open()

    def _name(self) -> str:
        model, request = self._context.checkpoint.model, self._context.sampler.request
        if model is None:
            return "spikestudio"
        return f"{model.name}_{request.seed}_{request.threshold:.3f}_{date.today():%Y-%m-%d}"

    @Slot(str)
    def _on_target_chosen(self, name: str) -> None:
        path = Path(name)
        if path.suffix.lower() not in SUFFIXES:
            path = path.with_name(path.name + SUFFIX)
        self._context.settings.record_folder = str(path.parent)
        self._context.record.set_path(path)
        self._messages.info(
            tr(
                "The next run is recorded to {unused} in {parent}; those after it get a "
                "number behind the name.",
                unused=unused(path).name,
                parent=path.parent,
            )
        )

    @Slot()
    def _on_started(self) -> None:
        self._told.clear()
        self._follow_model()
        if self._context.run.recording is None:
            self._is_sampled, self._is_chosen = True, False

    @Slot()
    def _tell(self) -> None:
        """Say once in a run what the recorder has to tell."""
        recorder = self._context.run.recorder
        if recorder is None:
            return
        for sentence, tell in (
            (recorder.file_error, self._messages.error),
            (recorder.too_small, self._messages.warn),
        ):
            if sentence and sentence not in self._told:
                self._told.add(sentence)
                tell(sentence)

    @Slot()
    def _on_state_changed(self) -> None:
        self._tell()
        run = self._context.run
        recorder = run.recorder
        has_ended = run.state in (RunState.FINISHED, RunState.CANCELLED)
        if not has_ended or recorder is None or run.recording is not None or run.is_again:
            return
        if recorder.file_path is not None and not recorder.file_error:
            path = recorder.file_path
            self._messages.done(
                tr("Recorded the run to {path} in {parent}.", path=path.name, parent=path.parent)
            )


def prefers_stillness() -> bool:
    """Whether the system is set to move nothing that need not move."""
    style = QApplication.style()
    return not style.styleHint(QStyle.StyleHint.SH_Widget_Animate)
