"""The window: puts docks, bars, commands and messages together."""

from __future__ import annotations

import base64
import binascii
import logging
import time
from pathlib import Path

from PySide6.QtCore import QByteArray, QEvent, QSize, Qt, Signal, Slot
from PySide6.QtGui import (
    QCloseEvent,
    QDragEnterEvent,
    QDragLeaveEvent,
    QDropEvent,
    QGuiApplication,
)
from PySide6.QtWidgets import (
    QAbstractSpinBox,
    QApplication,
    QLineEdit,
    QMainWindow,
    QStatusBar,
    QTabWidget,
)
from shiboken6 import isValid

from spikestudio.app import theme
from spikestudio.app.actions import Actions, with_keys
from spikestudio.app.classroom import Classroom
from spikestudio.app.context import Context
from spikestudio.app.copies import Copies
from spikestudio.app.docks import STATE_VERSION, DockManager, Views
from spikestudio.app.enter_key import EnterKey
from spikestudio.app.exports import Exporter
from spikestudio.app.first_work import FirstWork
from spikestudio.app.layouts import DEFAULT, LAYOUTS
from spikestudio.app.lesson_controls import Parts
from spikestudio.app.lessons import Lessons
from spikestudio.app.levels import Levels
from spikestudio.app.navigation import Navigation
from spikestudio.app.notifications import Notifications
from spikestudio.app.opening import Opening
from spikestudio.app.packs import Packs
from spikestudio.app.present import Presentation
from spikestudio.app.record_menu import RecordMenu
from spikestudio.app.recordings import Recordings
from spikestudio.app.sessions import Sessions
from spikestudio.app.status_bar import StatusBar
from spikestudio.app.toolbar import ToolBar
from spikestudio.app.undo import UndoKeys
from spikestudio.app.view_menu import ViewMenu
from spikestudio.app.viewmodels.provenance import Opened
from spikestudio.app.viewmodels.sampler_undo import SamplerUndo
from spikestudio.app.views.provenance_card import ProvenanceCard
from spikestudio.app.widgets.shortcut_sheet import ShortcutSheet
from spikestudio.errors import ConfigError, SpikeStudioError
from spikestudio.language import tr

logger = logging.getLogger(__name__)

FIRST_SIZE = (1600, 1000)
TITLE_ROOM = 40  # that the window manager's title bar may take of the screen


class MainWindow(QMainWindow):
    """Assembles the parts and connects them; what they do is theirs."""

    firstPainted = Signal()  # noqa: N815

    def __init__(self, context: Context) -> None:
        super().__init__()
        self.context = context
        self._has_painted = False
        self._told_of_queue = ""
        self.setWindowTitle("SpikeStudio")
        self.setAcceptDrops(True)
        self.setDockNestingEnabled(True)
        self.setDocumentMode(True)
        self.setTabPosition(Qt.DockWidgetArea.AllDockWidgetAreas, QTabWidget.TabPosition.North)
        theme.manager.set_mode("light" if context.settings.theme == "light" else "dark")
        theme.manager.set_scale(context.settings.text_scale)
        theme.manager.set_high_contrast(on=context.settings.high_contrast)

        self.commands = Actions(self, context.settings.keys)
        self.views = Views(context, self.commands)
        self.docks = DockManager(self, self.views.by_id())
        self.notifications = Notifications(self)
        self.exporter = Exporter(
            self, context, self.views.raster, self.notifications, context.settings.exports
        )
        self.exporter.add_to(self.docks)
        self.recordings = Recordings(self, context, self.notifications)
        self.sessions = Sessions(self, context, self.docks, self.notifications)
        self.view_menu = ViewMenu(self.docks, self.commands, context.settings, self)
        self.view_menu.languageChosen.connect(self._on_language)
        self.record_menu = RecordMenu(context.record, self.commands, context.settings, self)
        self.navigation = Navigation(
            self, context, self.views, self.docks, self.commands, self.notifications
        )
        self.navigation.recent = context.settings.recent
        self.toolbar = ToolBar(
            self.commands,
            context.checkpoint,
            context.sampler,
            context.queue,
            self.view_menu,
            self.record_menu,
        )
        self.setMenuWidget(self.toolbar)
        parts = Parts(self.views.by_id(), self.toolbar, self.commands)
        self.lessons = Lessons(self, context, self.docks, parts, self.recordings, context.lesson)
        self.classroom = Classroom(self, context, self.notifications)
        self.levels = Levels(
            self, self.docks, parts, self.view_menu, context.lesson, context.settings.level
        )
        self.navigation.levels = self.levels
        self.packs = Packs(
            self,
            context,
            self.docks,
            parts,
            self.levels,
            self.notifications,
            begin=context.lesson.begin,
            show=self.lessons.show,
        )
        self.status = StatusBar(
            context.run, context.checkpoint, context.bridge, self.commands["cancel"]
        )
        frame = QStatusBar()
        frame.setSizeGripEnabled(False)
        frame.addWidget(self.status, 1)
        self.setStatusBar(frame)
        self.presentation = Presentation(self, self.docks)
        self.presentation.told.connect(self.notifications.info)
        self.presentation.show_ring_in(self.commands["pointer-ring"])
        self.view_menu.addMenu(self.presentation.menu)
        self.view_menu.addActions(
            [self.commands[each] for each in ("present-mode", "pointer-ring", "second-window")]
        )
        self.opening = Opening(
            self,
            load=context.checkpoint.load,
            load_pair=context.checkpoint.load_pair,
            play=self.recordings.open,
            restore=self.sessions.open,
            teach=self.packs.open,
            explain=self._show_origin,
        )
        self.overlay = self.opening.overlay
        self.enter = EnterKey(self)
        self.undo = UndoKeys(self, self.commands, SamplerUndo(context.sampler, parent=self))
        self.copies = Copies(context, self.commands, self.notifications)

        self._connect_commands()
        self._connect_models()
        context.bridge.set_views(self.docks.views_in_front)
        self._restore()
        self._follow_commands()

    # connections ----------------------------------------------------------------------------

    def _connect_commands(self) -> None:
        sampler = self.context.sampler
        for name, slot in (
            ("sample", self._on_sample),
            ("sample-next", self._on_sample_next),
            ("pause", sampler.toggle_pause),
            ("step", self._on_step),
            ("cancel", sampler.cancel),
            ("roll-seed", sampler.roll_seed),
            ("open", self.opening.ask),
            ("save-session", self.sessions.save),
            ("save-session-as", self.sessions.save_as),
            ("report", self.sessions.ask_report),
            ("record", self.recordings.toggle_recording),
            ("export", self.exporter.export),
            ("export-raster", self.exporter.export_raster),
            ("toggle-theme", theme.manager.toggle),
            ("reset-layout", self.reset_layout),
            ("present", self.presentation.toggle_dock),
            ("present-mode", self.presentation.toggle),
            ("second-window", self.presentation.toggle_second),
            ("lessons", self.lessons.show),
            ("export-answers", self.classroom.export_answers),
            ("class-summary", self.classroom.ask_summary),
            ("handout", self.classroom.ask_open_handout),
            ("open-pack", self.packs.ask),
            ("make-pack", self.packs.edit),
            ("help", self._on_help),
            ("shortcuts", self._on_shortcuts),
            ("quit", self.close),
        ):
            self.commands[name].triggered.connect(slot)
        self.toolbar.seedEdited.connect(self._on_seed)
        self.toolbar.numEdited.connect(self._on_num)
        self.toolbar.queueRequested.connect(self._on_queue_requested)
        self.docks.layoutChanged.connect(self.toolbar.show_layout)
        self.docks.frontChanged.connect(self.context.bridge.wake)
        self.docks.moved.connect(self._raise_messages)
        theme.manager.changed.connect(self._on_theme_changed)

    def _connect_models(self) -> None:
        context = self.context
        context.checkpoint.loaded.connect(self._on_model_loaded)
        context.checkpoint.failed.connect(self._on_load_failed)
        context.checkpoint.loadingChanged.connect(self._on_loading_changed)
        context.sampler.commandsChanged.connect(self._follow_commands)
        context.sampler.requestChanged.connect(context.bridge.wake)
        context.queue.changed.connect(self._follow_commands)
        context.queue.told.connect(self._on_queue_told)
        context.queue.warned.connect(self.notifications.warn)
        context.run.stateChanged.connect(self._on_run_state_changed)
        context.run.started.connect(self._show_title)
        self.sessions.titleChanged.connect(self._show_title)
        context.record.changed.connect(self._follow_record)
        self.views.model.openRequested.connect(self.opening.ask)
        self.views.model.playRequested.connect(self._on_play_requested)
        lesson = self.views.lesson
        lesson.tableRequested.connect(self.classroom.save_table)
        lesson.shelf.answersRequested.connect(self.classroom.export_answers)
        lesson.shelf.summaryRequested.connect(self.classroom.ask_summary)
        lesson.shelf.handoutRequested.connect(self.classroom.ask_handout)
        self.views.timeline.recordRequested.connect(self.commands["record"].trigger)
        views, branching = self.views, context.branching
        views.training.openRequested.connect(context.checkpoint.load)
        labs = (views.sampler, views.thresholds, views.sweep, views.bench, views.training)
        for problem in (
            *(each.rejected for each in (*labs, views.library, views.neuron_lab)),
            *(branching.refused, branching.images.failed),
            *(context.run.recomputeFailed, context.provenance.failed),
            *(context.lesson.told, self.lessons.told),
        ):
            problem.connect(self.notifications.warn)
        for note in (
            *(branching.told, branching.images.told, context.provenance.told),
            *(views.history.told, views.library.told, views.neuron_lab.told),
            views.model.assumed,
        ):
            note.connect(self.notifications.info)
        context.provenance.opened.connect(self._on_provenance_opened)
        self.views.sampler.wideChanged.connect(self._on_wide_changed)
        for view in self.views.plots:
            view.sampleRequested.connect(self._on_sample)

    # start and end --------------------------------------------------------------------------

    def start(
        self, checkpoint: str = "", recording: str = "", session: str = "", lesson: str = ""
    ) -> None:
        """Begin the work that the first picture did not need; what is given is as of ``FirstWork``."""
        FirstWork(
            self.context,
            self.recordings,
            self.sessions,
            self.notifications,
            checkpoint=checkpoint,
            recording=recording,
            session=session,
            lesson=lesson,
            teach=self.packs.open,
        ).begin()

    def _restore(self) -> None:
        settings = self.context.settings
        try:
            geometry = base64.b64decode(settings.geometry, validate=True)
        except (binascii.Error, ValueError):
            geometry = b""
        if not (geometry and self.restoreGeometry(QByteArray(geometry))):
            room = QGuiApplication.primaryScreen().availableGeometry().size()
            room -= QSize(0, TITLE_ROOM)
            self.resize(QSize(*FIRST_SIZE).boundedTo(room))
        name = settings.layout if settings.layout in LAYOUTS else DEFAULT
        self.docks.apply(name)
        if settings.dock_state and not self.docks.restore(
            settings.dock_state, settings.dock_version
        ):
            self.docks.apply(DEFAULT)
            self.notifications.info(
                tr("The saved layout could not be used; this is the default one.")
            )

    def _save(self) -> None:
        context, settings = self.context, self.context.settings
        self.presentation.end()
        self.presentation.close_second()
        settings.geometry = base64.b64encode(self.saveGeometry().data()).decode("ascii")
        settings.dock_state, settings.dock_version = self.docks.save(), STATE_VERSION
        settings.layout = self.docks.layout_name
        settings.session_mb = int(context.session.limit_mb)
        settings.theme = theme.manager.mode
        settings.high_contrast = theme.manager.is_high_contrast
        settings.level = self.levels.own
        settings.keys, settings.recent = self.commands.custom_keys, self.navigation.recent
        settings.told = {
            str(path): told.to_json() for path, told in context.checkpoint.told.items()
        }
        settings.device = context.checkpoint.device
        settings.library_folders = [str(each) for each in context.library.folders]
        settings.model = str(context.checkpoint.model.path) if context.checkpoint.model else ""
        try:
            context.store.save(settings)
        except SpikeStudioError as error:
            logger.warning("%s", error)

    @Slot()
    def _raise_messages(self) -> None:
        """Keep messages above docks that were put elsewhere."""
        self.notifications.raise_()
        if self.sessions.notice is not None and isValid(self.sessions.notice):
            self.sessions.notice.raise_()

    def closeEvent(self, event: QCloseEvent) -> None:  # noqa: N802  Qt override
        if not self.sessions.may_close():
            event.ignore()
            return
        self.context.lesson.close()  # or its arrangement of the docks would be kept as the user's
        self._save()
        self.recordings.stop()
        self.hide()  # what follows may take a moment
        self.context.close()
        super().closeEvent(event)

    def event(self, event: QEvent) -> bool:
        if event.type() != QEvent.Type.UpdateRequest:
            return super().event(event)
        if not self._has_painted:
            self.docks.settle()
        started = time.perf_counter()
        is_handled = super().event(event)  # paints everything that changed
        self.context.bridge.note_painting(time.perf_counter() - started)
        is_seen = self.windowHandle().isExposed()  # the first request comes before
        if is_seen and not self._has_painted:
            self._has_painted = True
            self.firstPainted.emit()
        return is_handled

    # commands -------------------------------------------------------------------------------

    def _commit_edits(self) -> None:
        """Let a field that is being typed in hand over its value."""
        field = QApplication.focusWidget()
        if isinstance(field, QLineEdit | QAbstractSpinBox):
            field.clearFocus()
            field.setFocus()

    @Slot()
    def _on_sample(self) -> None:
        self._commit_edits()
        self.context.queue.sample()

    @Slot()
    def _on_sample_next(self) -> None:
        self._commit_edits()
        self.context.queue.sample_next()

    @Slot()
    def _on_queue_requested(self) -> None:
        self.docks.bring("queue")

    @Slot(str)
    def _on_queue_told(self, text: str) -> None:
        """Let the newest word about the queue take the place of the one before."""
        for message in self.notifications.messages:
            if message.text == self._told_of_queue:
                self.notifications.close_message(message)
        self._told_of_queue = text
        self.notifications.info(text)

    @Slot()
    def _on_step(self) -> None:
        self._commit_edits()
        self.context.sampler.step()

    @Slot(object)
    def _on_seed(self, seed: int) -> None:
        self._change(seed=seed)

    @Slot(float)
    def _on_num(self, number: float) -> None:
        self._change(num=int(number))

    def _change(self, **changes: int) -> None:
        try:
            self.context.sampler.set(**changes)
        except ConfigError as error:
            self.notifications.warn(str(error))
            self.context.sampler.requestChanged.emit()  # the field goes back to what holds

    @Slot(str)
    def _on_play_requested(self, name: str) -> None:
        self.recordings.open(Path(name), is_played=True)

    @Slot()
    def reset_layout(self) -> None:
        """Put every dock of the layout in force back in its place."""
        self.docks.apply(self.docks.layout_name)

    @Slot()
    def _on_help(self) -> None:
        self.docks.dock_in_use().buttons.show_help()

    @Slot()
    def _on_shortcuts(self) -> None:
        ShortcutSheet(self.commands.sheet(), self).open()

    @Slot()
    def _on_theme_changed(self) -> None:
        self.commands.paint_icons()
        for view in self.views.by_id().values():
            view.mark_dirty()
        self.context.bridge.wake()

    @Slot(bool)
    def _on_wide_changed(self, is_wide: bool) -> None:
        self.context.settings.wide_threshold = is_wide

    # what the models say --------------------------------------------------------------------

    @Slot()
    def _on_model_loaded(self) -> None:
        model = self.context.checkpoint.model
        if model is None:
            return
        self._show_title()
        self.context.sampler.set_model(model)
        self.docks.show_tokens(is_wanted=model.card.codebook_size is not None)

    @Slot(str)
    def _on_language(self, name: str) -> None:
        self.notifications.done(
            tr("Language: {name}, from the next start of SpikeStudio on.", name=name)
        )

    @Slot()
    def _show_title(self) -> None:
        model, recording = self.context.checkpoint.model, self.context.run.recording
        shown = self.context.history.shown
        subject = model.name if model else ""
        if recording is not None and shown is not None and not shown.file_name:
            subject = tr("{shown}, not live", shown=shown.name.capitalize())
        elif recording is not None:
            subject = tr("Recording {recording}, not live", recording=recording.name)
        self.setWindowTitle(" – ".join(filter(None, (self.sessions.title, subject, "SpikeStudio"))))

    @Slot()
    def _follow_record(self) -> None:
        path = self.context.record.path
        text = tr("Record to file…") if path is None else tr("Stop recording to files")
        self.commands["record"].setText(text)
        self.views.timeline.show_record_target(path)

    @Slot()
    def _on_loading_changed(self) -> None:
        is_loading = self.context.checkpoint.loading is not None
        self.context.sampler.set_loading(is_loading=is_loading)
        self.context.bridge.wake()

    @Slot()
    def _on_load_failed(self) -> None:
        failure = self.context.checkpoint.failure
        if failure is not None:
            self.notifications.error(failure.message, failure.details)

    @Slot()
    def _on_run_state_changed(self) -> None:
        failure = self.context.run.failure
        if failure is not None:
            self.notifications.error(failure.message, failure.details)

    @Slot()
    def _follow_commands(self) -> None:
        sampler, queue, commands = self.context.sampler, self.context.queue, self.commands
        commands["sample"].setToolTip(with_keys(queue.sample_tip, commands["sample"]))
        for name, is_enabled, text in (
            ("sample", queue.can_add, queue.sample_label),
            ("sample-next", queue.can_add, tr("Queue in front")),
            ("pause", sampler.can_pause, sampler.pause_label),
            ("step", sampler.can_step, tr("Step")),
            ("cancel", sampler.can_cancel, sampler.cancel_label),
        ):
            commands[name].setEnabled(is_enabled)
            commands[name].setText(text)
        self.context.bridge.wake()

    @Slot(object)
    def _on_provenance_opened(self, opened: Opened) -> None:
        ProvenanceCard(opened, self.context.provenance, self).open()

    def _show_origin(self, path: Path) -> None:
        self.context.provenance.open(path)
        self.context.bridge.wake()

    # input ----------------------------------------------------------------------------------

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:  # noqa: N802  Qt override
        self.opening.enter(event)

    def dragLeaveEvent(self, event: QDragLeaveEvent) -> None:  # noqa: N802  Qt override
        self.opening.leave()

    def dropEvent(self, event: QDropEvent) -> None:  # noqa: N802  Qt override
        self.opening.drop(event)
