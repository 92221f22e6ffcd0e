"""Bench dock: one question to several models, their images and figures beside each other."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from PySide6.QtCore import QSize, Qt, Signal, Slot
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import (
    QFrame,
    QListWidget,
    QListWidgetItem,
    QPushButton,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from spikestudio.app import theme
from spikestudio.app.views.base import View
from spikestudio.app.views.bench_rows import BenchTable
from spikestudio.app.views.bench_table import BenchTableView
from spikestudio.app.views.parts import Caption, Combo, EmptyStack, fill, line, stacked, tool_row
from spikestudio.app.views.sweep_form import Words
from spikestudio.app.widgets.seed_box import SeedBox
from spikestudio.bench.sheet import words
from spikestudio.language import tr
from spikestudio.sampling.request import RANGES

if TYPE_CHECKING:
    from spikestudio.app.viewmodels.bench import BenchModel
    from spikestudio.app.viewmodels.run import RunModel
    from spikestudio.bench.answer import Answer

EMPTY = tr("Start asks every chosen model the same question; their images and figures appear here.")
MOST_IMAGES = 64  # that the dock asks for; the command line takes more
LIST_WIDTH, LIST_HEIGHT = 280, 240


class BenchView(View):
    """Question, table of the answers, and the commands."""

    view_id: ClassVar[str] = "bench"
    title: ClassVar[str] = tr("Bench")
    help_text: ClassVar[str] = tr(
        "The same seed and question to several models: images, time, firing rate and operations.\n"
        "What is not asked here is each model's own default; what a model cannot be asked is said.\n"
        "Time: mean of the steps after the first one, which warms up. Energy: of the operations\n"
        "alone, 4.6 pJ a MAC and 0.9 pJ an addition; strict: only where spikes are read as such.\n"
        "It runs as a process of its own. A run or sweep at the same time makes it slower: times\n"
        "that were taken meanwhile have a * and a hatched bar, and cannot be compared.\n"
        "Bars: of the largest in the column. Click a heading to sort, a third time for the order\n"
        "of asking. Double click a row, or press Enter: load that model with this request."
    )

    sampleRequested = Signal()  # noqa: N815  never emitted: it does not wait for a run
    rejected = Signal(str)  # what could not be done

    def __init__(self, run: RunModel, bench: BenchModel, parent: QWidget | None = None) -> None:
        super().__init__(run, parent)
        self._bench = bench
        self.models = _button(
            tr("Models"), tr("Choose the checkpoints to ask: bundled, or opened before")
        )
        self.seed = SeedBox()
        self.seed.setAccessibleName(tr("Seed of the bench"))
        self.num = QSpinBox()
        self.num.setRange(int(RANGES["num"].low), MOST_IMAGES)
        self.num.setKeyboardTracking(False)
        self.num.setAlignment(Qt.AlignmentFlag.AlignRight)
        self.num.setAccessibleName(tr("Images of every model"))
        self.num.setToolTip(tr("Images of every model, of the same seed"))
        self.class_label = Combo(
            tr("Class"), tr("Class of all images, of models that can be asked for one")
        )
        self.start = _button(tr("Start"), tr("Ask the chosen models"))
        self.cancel = _button(tr("Cancel bench"), tr("Stop; answers that are there stay"))
        self.open_button = _button(
            tr("Open"), tr("Load the selected model with this request (Enter)")
        )
        self.copy_table = _button(
            tr("Copy Markdown"), tr("Copy the table of the answers as Markdown")
        )
        self.copy_csv = _button(tr("Copy CSV"), tr("Copy every figure of the answers as CSV"))
        self.model = BenchTable(bench)
        self.table = BenchTableView(self.model)
        self.stack = EmptyStack(self.table, EMPTY)
        self.stack.show_empty(EMPTY, has_button=False)
        self.caveats, self.failure, self.status = Words(), Words(), Caption()
        self._fit()
        form = tool_row(
            *(
                self.models,
                _name(tr("Seed")),
                self.seed,
                _name(tr("Images")),
                self.num,
                self.class_label,
            )
        )
        commands = line(
            *(QWidget(), self.copy_table, self.copy_csv, self.open_button, self.cancel, self.start)
        )
        fill(
            self,
            stacked(
                *(form, self.stack, self.caveats, self.failure, self.status, commands),
                stretch=self.stack,
            ),
        )
        self._connect()

    def _connect(self) -> None:
        bench = self._bench
        for signal in (bench.changed, bench.answersChanged, theme.manager.changed):
            signal.connect(self.mark_dirty)
        theme.manager.changed.connect(self._fit)
        bench.rejected.connect(self._on_rejected)
        self.models.clicked.connect(self.show_models)
        self.seed.edited.connect(self._on_seed)
        self.num.valueChanged.connect(self._on_num)
        self.class_label.activated.connect(self._on_class)
        self.start.clicked.connect(bench.start)
        self.cancel.clicked.connect(bench.cancel)
        self.open_button.clicked.connect(self._on_open)
        self.table.opened.connect(bench.open)
        self.table.selectionModel().selectionChanged.connect(self._show_commands)
        self.copy_table.clicked.connect(self._on_copy_table)
        self.copy_csv.clicked.connect(self._on_copy_csv)

    # drawing --------------------------------------------------------------------------------

    def refresh(self) -> None:
        """Show the form, the answers that are there, and what is going on."""
        bench = self._bench
        self._show_form()
        if bench.state == "none":
            self.stack.show_empty(EMPTY, has_button=False)
        else:
            self.stack.show_content()
        self.model.show_answers()
        self.caveats.say("\n".join(bench.caveats), "warn")
        self.failure.say(bench.failure, "error")
        self.status.set_text(self._status())
        self.status.setVisible(bool(self.status.text))
        self.table.setAccessibleDescription(self.status.text)
        self._show_commands()

    def _show_form(self) -> None:
        bench = self._bench
        text = tr(
            "{num_chosen:,} of {num_entries:,} models",
            num_chosen=len(bench.chosen),
            num_entries=len(bench.entries),
        )
        if text != self.models.text():
            self.models.setText(text)
            self.models.setAccessibleName(tr("Checkpoints to ask: {the_text}", the_text=text))
        self.seed.set_seed(bench.question.seed)
        if self.num.value() != bench.question.num:
            self.num.setValue(bench.question.num)
        classes = bench.num_classes
        if self.class_label.count() != classes + 1:
            self.class_label.clear()
            self.class_label.addItems(
                [tr("Any class"), *(tr("Class {k}", k=k) for k in range(classes))]
            )
        asked = bench.question.class_label
        self.class_label.setCurrentIndex(0 if asked is None else min(asked, classes - 1) + 1)
        self.class_label.setEnabled(classes > 0)

    def _status(self) -> str:
        bench = self._bench
        if bench.state == "none":
            return ""
        total = len(bench.paths)
        done = tr("{num_done:,} of {total:,} models", num_done=bench.num_done, total=total)
        if bench.current is not None:
            name = bench.paths[bench.current].stem
            done += tr(
                "; {name}: step {bench_step:,} of {num_steps:,}",
                name=name,
                bench_step=bench.step,
                num_steps=bench.num_steps,
            )
        elif bench.is_active:
            done += tr("; loading the next")
        elif bench.was_cancelled:
            done = tr("Cancelled after {done}", done=done)
        return tr("{done}   asked: {words}", done=done, words=words(bench.asked))

    @Slot()
    def _show_commands(self) -> None:
        bench = self._bench
        self.start.setEnabled(not bench.cannot_start)
        self.start.setToolTip(bench.cannot_start or tr("Ask the chosen models"))
        self.start.setVisible(not bench.is_active)
        self.cancel.setVisible(bench.is_active)
        answer = self.table.current
        self.open_button.setEnabled(answer is not None and bool(answer.request))
        for button in (self.copy_table, self.copy_csv):
            button.setEnabled(bool(bench.done))

    # what the user does -----------------------------------------------------------------------

    @Slot()
    def show_models(self) -> QListWidget:
        """Open the list of checkpoints below its button."""
        popup = QFrame(self.models, Qt.WindowType.Popup)
        popup.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        popup.setProperty("role", "popup")
        entries = QListWidget()
        entries.setAccessibleName(tr("Checkpoints to ask; Space chooses"))
        chosen = self._bench.chosen
        for entry in self._bench.entries:
            assert entry.card is not None  # of those that can be asked
            item = QListWidgetItem(f"{entry.name} ({entry.card.dataset})", entries)
            item.setToolTip(str(entry.path))
            item.setData(Qt.ItemDataRole.UserRole, str(entry.path))
            is_chosen = entry.path in chosen
            item.setCheckState(Qt.CheckState.Checked if is_chosen else Qt.CheckState.Unchecked)
        entries.itemChanged.connect(self._on_chosen)
        layout = QVBoxLayout(popup)
        layout.setContentsMargins(4, 4, 4, 4)
        layout.addWidget(entries)
        popup.resize(theme.px(LIST_WIDTH), theme.px(LIST_HEIGHT))
        popup.move(self.models.mapToGlobal(self.models.rect().bottomLeft()))
        popup.show()
        entries.setFocus()
        return entries

    @Slot(QListWidgetItem)
    def _on_chosen(self, item: QListWidgetItem) -> None:
        path = Path(item.data(Qt.ItemDataRole.UserRole))
        self._bench.choose(path, is_chosen=item.checkState() is Qt.CheckState.Checked)

    @Slot(object)
    def _on_seed(self, seed: int) -> None:
        limits = RANGES["seed"]
        self._bench.ask(seed=int(min(max(seed, limits.low), limits.high)))

    @Slot(int)
    def _on_num(self, num: int) -> None:
        self._bench.ask(num=num)

    @Slot(int)
    def _on_class(self, index: int) -> None:
        self._bench.ask(class_label=index - 1 if index > 0 else None)

    @Slot()
    def _on_open(self) -> None:
        answer: Answer | None = self.table.current
        if answer is not None:
            self._bench.open(answer)

    @Slot()
    def _on_copy_table(self) -> None:
        QGuiApplication.clipboard().setText(self._bench.as_markdown())

    @Slot()
    def _on_copy_csv(self) -> None:
        QGuiApplication.clipboard().setText(self._bench.as_csv())

    @Slot(str)
    def _on_rejected(self, message: str) -> None:
        self.failure.say(message, "error")
        self.rejected.emit(message)

    @Slot()
    def _fit(self) -> None:
        self.seed.setFixedWidth(theme.px(84))
        self.num.setFixedWidth(theme.px(64))

    def sizeHint(self) -> QSize:  # noqa: N802  Qt override
        return QSize(theme.px(640), theme.px(520))


def _button(text: str, tip: str) -> QPushButton:
    button = QPushButton(text)
    button.setToolTip(tip)
    theme.set_role(button, "outline")
    return button


def _name(text: str) -> Caption:
    return Caption(text, is_whole=True)
