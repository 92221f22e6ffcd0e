"""Training dock: set a run up, follow it, stop it, and come back to it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from PySide6.QtCore import QSize, Qt, Signal, Slot
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import QFileDialog, QPushButton, QStackedWidget, QWidget

from spikestudio import paths
from spikestudio.app import theme
from spikestudio.app.viewmodels.training_texts import (
    figures_text,
    outcome_text,
    run_name,
    said_text,
    state_text,
)
from spikestudio.app.views.base import View
from spikestudio.app.views.parts import (
    Caption,
    Combo,
    EmptyStack,
    Segmented,
    fill,
    line,
    stacked,
    tool_row,
)
from spikestudio.app.views.sweep_form import Words
from spikestudio.app.views.training_form import TrainingForm
from spikestudio.app.views.training_run import TrainingRun
from spikestudio.language import tr

if TYPE_CHECKING:
    from spikestudio.app.viewmodels.run import RunModel
    from spikestudio.app.viewmodels.training import TrainingModel

SET_UP, RUN = range(2)
EMPTY = tr("Loss, samples and rates of a run appear here: set one up, or attach to one.")


OPEN_TIP = tr("Load the newest checkpoint of this run")
NO_CHECKPOINT = tr(
    "There is none yet: it is written every five minutes, unless it was asked otherwise, and at "
    "the end"
)


class TrainingView(View):
    """The form of the next run, and the run that is looked at."""

    view_id: ClassVar[str] = "training"
    title: ClassVar[str] = tr("Training")
    help_text: ClassVar[str] = tr(
        "Trains a network as a process of its own, which goes on when the window is closed; it shares\n"
        "the machine with sampling, so both are slower meanwhile.\n"
        "Set up: what to train, on what, where to. The command below does the same in a terminal.\n"
        "Run: known runs are in the list; Attach looks at any folder that ends in .run.\n"
        "Light line: every logged value. Bold line: mean of the last ones. Dashes: a stage begins.\n"
        "Firing rates: share of neurons and SNN steps with a spike, in the batch before each entry.\n"
        "Drag the slider for the samples of earlier steps; the line in the plots marks them.\n"
        "Stop saves after the step in progress; Resume goes on from there with the same result.\n"
        "Open checkpoint loads the newest saved one to sample with."
    )

    sampleRequested = Signal()  # noqa: N815  never emitted: it does not wait for a run
    openRequested = Signal(Path)  # noqa: N815  a checkpoint to load
    rejected = Signal(str)  # what could not be done

    def __init__(
        self, run: RunModel, training: TrainingModel, parent: QWidget | None = None
    ) -> None:
        super().__init__(run, parent)
        self._training = training
        self.pages = Segmented(
            tr("Page of the training dock"),
            (
                (tr("Set up"), tr("What to train next")),
                (tr("Run"), tr("Loss, samples and rates of a run")),
            ),
        )
        self.runs = Combo(
            tr("Known runs"), tr("Runs that were started or attached to, newest first")
        )
        self.attach = self._button(tr("Attach…"), tr("Look at the run of a folder"))
        self.form, self.page = TrainingForm(training.form), TrainingRun(training)
        self.page_stack = EmptyStack(self.page, EMPTY)
        self.stack = QStackedWidget()
        self.stack.addWidget(self.form)
        self.stack.addWidget(self.page_stack)
        self.status = Caption(role="body", token="text")
        self.figures, self.said, self.failure = Caption(), Caption(), Words()
        self.start = self._button(tr("Start"), tr("Start the run that is set up"))
        self.stop = self._button(tr("Stop"), tr("Save after the step in progress, and end"))
        self.resume = self._button(tr("Resume"), tr("Go on from the state that was saved last"))
        self.open = self._button(tr("Open checkpoint"), OPEN_TIP)
        commands = line(self.said, self.open, self.stop, self.resume, self.start)
        fill(
            self,
            stacked(
                tool_row(self.pages, self.runs, self.attach),
                *(self.status, self.figures, self.failure, self.stack, commands),
                stretch=self.stack,
            ),
        )
        self.runs.setSizeAdjustPolicy(Combo.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.runs.setMinimumContentsLength(20)
        self.runs.setPlaceholderText(tr("Known runs"))
        self._connect()

    @staticmethod
    def _button(text: str, tip: str) -> QPushButton:
        button = QPushButton(text)
        button.setToolTip(tip)
        theme.set_role(button, "outline")
        return button

    def _connect(self) -> None:
        training = self._training
        for signal in (training.changed, training.form.changed, theme.manager.changed):
            signal.connect(self.mark_dirty)
        training.attached.connect(self._on_attached)
        self.pages.chosen.connect(self._redraw)
        self.runs.activated.connect(self._on_run_chosen)
        self.attach.clicked.connect(self._on_attach)
        self.start.clicked.connect(training.start)
        self.stop.clicked.connect(training.stop)
        self.resume.clicked.connect(training.resume)
        self.open.clicked.connect(self._on_open)

    # drawing --------------------------------------------------------------------------------

    def refresh(self) -> None:
        """Draw the page that is in front."""
        training, page = self._training, self.pages.current
        self.stack.setCurrentIndex(page)
        self._show_runs()
        if page == SET_UP:
            self.form.show_form()
        elif training.snapshot is None or training.state == "none":
            self.page_stack.show_empty(state_text(training) or EMPTY, has_button=False)
        else:
            self.page_stack.show_content()
            self.page.show_run(training.snapshot)
        self._show_words(page)
        self._show_commands(page)

    def _show_words(self, page: int) -> None:
        training, is_run = self._training, page == RUN
        self.status.set_text(state_text(training) if is_run else "")
        self.figures.set_text(figures_text(training) if is_run else "")
        for words in (self.status, self.figures):
            words.setVisible(bool(words.text))
        self.failure.say(*(outcome_text(training) if is_run else ("", "caption")))
        lines = said_text(training.snapshot) if training.snapshot is not None and is_run else ""
        self.said.set_text(lines.rpartition("\n")[2])
        self.said.setToolTip(lines)

    def _show_commands(self, page: int) -> None:
        training, is_run = self._training, page == RUN
        self.start.setVisible(not is_run)
        self.start.setEnabled(training.form.checked is not None)
        self.stop.setVisible(is_run and training.is_active)
        self.stop.setEnabled(training.state != "stopping")
        self.stop.setText(tr("Stopping…") if training.state == "stopping" else tr("Stop"))
        self.resume.setVisible(is_run and training.can_resume)
        self.open.setVisible(is_run and training.snapshot is not None)
        self.open.setEnabled(training.checkpoint is not None)
        self.open.setToolTip(OPEN_TIP if training.checkpoint is not None else NO_CHECKPOINT)

    def _show_runs(self) -> None:
        known = [Path(text) for text in self._training.known]
        if [self.runs.itemData(k) for k in range(self.runs.count())] != [str(p) for p in known]:
            self.runs.clear()
            for path in known:
                self.runs.addItem(run_name(path), str(path))
                self.runs.setItemData(self.runs.count() - 1, str(path), Qt.ItemDataRole.ToolTipRole)
        shown = str(self._training.folder) if self._training.folder else ""
        self.runs.setCurrentIndex(self.runs.findData(shown))
        self.runs.setVisible(bool(known))

    # what the user does -----------------------------------------------------------------------

    @Slot()
    def _redraw(self) -> None:
        self.mark_dirty()
        self.draw_if_needed()

    @Slot()
    def _on_attached(self) -> None:
        self.page.forget()
        self.pages.button(RUN).setChecked(True)
        self._redraw()

    @Slot()
    def _on_run_chosen(self) -> None:
        folder = self.runs.currentData()
        if folder:
            self._training.attach(Path(folder))

    @Slot()
    def _on_attach(self) -> None:
        folder = self._training.folder
        start = folder.parent if folder is not None else paths.user_checkpoints()
        dialog = QFileDialog(self, tr("Attach to a training run"), str(start))
        dialog.setFileMode(QFileDialog.FileMode.Directory)
        dialog.setOption(QFileDialog.Option.ShowDirsOnly)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.fileSelected.connect(self.attach_folder)
        dialog.open()

    @Slot(str)
    def attach_folder(self, folder: str) -> None:
        """Look at the run of a folder."""
        reason = self._training.attach_chosen(Path(folder))
        if reason:
            self.rejected.emit(reason)

    @Slot()
    def _on_open(self) -> None:
        checkpoint = self._training.checkpoint
        if checkpoint is not None:
            self.openRequested.emit(checkpoint)

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802  Qt override
        super().showEvent(event)
        self._training.recall()  # a run goes on when its window is closed
        self._training.look()

    def sizeHint(self) -> QSize:  # noqa: N802  Qt override
        return QSize(theme.px(560), theme.px(520))
