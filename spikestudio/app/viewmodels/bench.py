"""The bench of the window: what is asked, which models, and their answers as they come."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from PySide6.QtCore import QObject, Signal, Slot

from spikestudio.app.viewmodels.bench_process import BenchProcess
from spikestudio.bench.answer import Answer
from spikestudio.bench.command import command
from spikestudio.bench.lines import parse
from spikestudio.bench.question import Question
from spikestudio.bench.run import BenchStarted, ModelFinished, ModelProgressed, ModelStarted
from spikestudio.bench.table import caveats, markdown, write_csv
from spikestudio.errors import ConfigError, DataError
from spikestudio.language import tr
from spikestudio.sampling.request import SamplingRequest

if TYPE_CHECKING:
    from spikestudio.app.viewmodels.checkpoint import CheckpointModel
    from spikestudio.app.viewmodels.sampler import SamplerModel
    from spikestudio.checkpoints.catalog import Entry

State = Literal["none", "running", "ended"]
CANCELLED = 130  # exit status of the command


class BenchModel(QObject):
    """The question and its form, and the bench in progress or the last one.

    It is done by a process of its own, so the live run keeps its model. What the window computes at
    the same time makes times longer: models that were asked meanwhile are ``disturbed``.
    """

    changed = Signal()  # of the form, or of the progress
    answersChanged = Signal()  # noqa: N815
    rejected = Signal(str)  # what could not be done

    def __init__(
        self,
        checkpoint: CheckpointModel,
        sampler: SamplerModel,
        *,
        is_sweeping: Callable[[], bool] = lambda: False,
        launch: Callable[[Sequence[str]], BenchProcess] = BenchProcess,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._checkpoint, self._sampler = checkpoint, sampler
        self._is_sweeping, self._launch = is_sweeping, launch
        self._process: BenchProcess | None = None
        self._left_out: set[Path] = set()
        self._wanted: Answer | None = None  # whose model is being loaded
        self.question = Question()
        self.state: State = "none"
        self.asked = self.question  # by the bench that is shown
        self.paths: tuple[Path, ...] = ()
        self.answers: list[Answer | None] = []  # one for each of the paths
        self.disturbed: set[str] = set()  # paths
        self.current: int | None = None  # that is being asked
        self.step, self.num_steps = 0, 0
        self.failure = ""
        self.was_cancelled = False
        checkpoint.entriesChanged.connect(self.changed)
        sampler.commandsChanged.connect(self._note_others)
        sampler.modelChanged.connect(self._on_model)
        checkpoint.failed.connect(self._forget_wanted)

    # the form -------------------------------------------------------------------------------

    @property
    def entries(self) -> tuple[Entry, ...]:
        """Checkpoints that can be asked: bundled ones, and those that were opened."""
        return tuple(entry for entry in self._checkpoint.entries if entry.card is not None)

    @property
    def chosen(self) -> tuple[Path, ...]:
        """Files of the checkpoints that are to be asked."""
        return tuple(each.path for each in self.entries if each.path not in self._left_out)

    def choose(self, path: Path, *, is_chosen: bool) -> None:
        """Ask a checkpoint or leave it out."""
        (self._left_out.discard if is_chosen else self._left_out.add)(path)
        self.changed.emit()

    @property
    def num_classes(self) -> int:
        """Largest number of classes that one of the chosen models can be asked for."""
        cards = [each.card for each in self.entries if each.path not in self._left_out]
        return max((int(card.config.get("num_classes") or 0) for card in cards if card), default=0)

    def ask(self, **fields: int | float | None) -> None:
        """Change the question; raises ``ConfigError`` and then changes nothing."""
        question = replace(self.question, **fields)  # type: ignore[arg-type]
        if question != self.question:
            self.question = question
            self.changed.emit()

    @property
    def cannot_start(self) -> str:
        """Why nothing can be started; empty if it can."""
        if self.is_active:
            return tr("Cancel the bench in progress first.")
        return "" if self.chosen else tr("Choose a checkpoint to ask.")

    # the bench ------------------------------------------------------------------------------

    @property
    def is_active(self) -> bool:
        """Whether a process is at work."""
        return self.state == "running"

    @property
    def num_done(self) -> int:
        """Models that have answered, or could not."""
        return sum(answer is not None for answer in self.answers)

    @property
    def done(self) -> list[Answer]:
        """Answers that are there."""
        return [answer for answer in self.answers if answer is not None]

    @Slot()
    def start(self) -> None:
        """Ask the chosen models; the answers that are shown make room."""
        if self.cannot_start:
            self.rejected.emit(self.cannot_start)
            return
        self.asked, self.paths = self.question, self.chosen
        self.answers = [None] * len(self.paths)
        self.disturbed, self.current, self.failure = set(), None, ""
        self.was_cancelled = False
        self.state = "running"
        device = self._sampler.model.device if self._sampler.model else "auto"
        self._process = self._launch(command(self.paths, self.asked, device=device))
        self._process.lineRead.connect(self._on_line)
        self._process.ended.connect(self._on_ended)
        self._process.begin()
        self.answersChanged.emit()
        self.changed.emit()

    @Slot()
    def cancel(self) -> None:
        """End it; answers that are there stay."""
        if self._process is not None:
            self.was_cancelled = True
            self._process.kill()

    def close(self) -> None:
        """End what is in progress: the window is being closed."""
        if self._process is not None:
            self._process.close()
            self._process = None

    @Slot(bytes)
    def _on_line(self, line: bytes) -> None:
        try:
            event = parse(line)
        except DataError as error:
            self.failure = str(error)
            self.changed.emit()
            return
        match event:
            case BenchStarted(names=names):
                if len(names) != len(self.paths):
                    self.failure = tr(
                        "The bench asks other models than were chosen: start it again."
                    )
            case ModelStarted(index=index, num_steps=num_steps):
                self.current, self.step, self.num_steps = index, 0, num_steps
                self._note_others()
            case ModelProgressed(step=step):
                self.step = step + 1
                self._note_others()
            case ModelFinished(index=index, answer=answer):
                self._note_others()
                self.current = None
                self.answers[index] = answer
                self.answersChanged.emit()
        self.changed.emit()

    @Slot(int, str)
    def _on_ended(self, status: int, said: str) -> None:
        if self._process is not None:
            self._process.deleteLater()
        self._process, self.current, self.state = None, None, "ended"
        is_complete = None not in self.answers
        if not is_complete and not self.was_cancelled and status != CANCELLED:
            self.failure = said or tr("The bench ended with status {status}.", status=status)
        self.answersChanged.emit()
        self.changed.emit()

    @Slot()
    def _note_others(self) -> None:
        """Remember whose time is spoilt by what the window computes meanwhile."""
        if self.current is not None and (self._sampler.is_busy or self._is_sweeping()):
            self.disturbed.add(str(self.paths[self.current]))

    # what becomes of it -----------------------------------------------------------------------

    @property
    def caveats(self) -> list[str]:
        """What has to be known of the comparison, in sentences."""
        return caveats(self.done, self.disturbed)

    def as_markdown(self) -> str:
        """Return the table of the answers in Markdown."""
        return markdown(self.done, self.disturbed)

    def as_csv(self) -> str:
        """Return every figure of the answers as CSV."""
        file = io.StringIO(newline="")
        write_csv(file, self.done, self.disturbed)
        return file.getvalue()

    def cannot_open(self, answer: Answer) -> str:
        """Why its model cannot be put in the sampler with its request; empty if it can."""
        if not answer.request:
            return tr(
                "{checkpoint} gave no answer: there is no request to open.",
                checkpoint=answer.checkpoint,
            )
        if not Path(answer.path).is_file():
            return tr(
                "The file {answer_path} is gone: open the checkpoint from where it is now.",
                answer_path=answer.path,
            )
        return tr("Wait until the run in progress has ended.") if self._sampler.is_busy else ""

    def open(self, answer: Answer) -> None:
        """Load the model of an answer and put its request in the sampler."""
        why = self.cannot_open(answer)
        if why:
            self.rejected.emit(why)
            return
        self._wanted = answer
        model = self._sampler.model
        if model is not None and model.path == Path(answer.path):
            self._on_model()
        else:
            self._checkpoint.load(Path(answer.path))

    @Slot()
    def _on_model(self) -> None:
        answer, model = self._wanted, self._sampler.model
        if answer is None or model is None or model.path != Path(answer.path):
            return
        self._wanted = None
        try:
            request = SamplingRequest.from_json(answer.request)
            values = {each.name: getattr(request, each.name) for each in fields(request)}
            self._sampler.set(**values)
        except ConfigError as error:
            self.rejected.emit(str(error))

    @Slot()
    def _forget_wanted(self) -> None:
        self._wanted = None
