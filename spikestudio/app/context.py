"""Composition root: everything the window works with, built once and handed over."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from spikestudio.app.bridge import Bridge
from spikestudio.app.jobs import Jobs
from spikestudio.app.lesson_controls import CONTROLS
from spikestudio.app.settings import Settings, SettingsStore
from spikestudio.app.viewmodels.bench import BenchModel
from spikestudio.app.viewmodels.branching import BranchModel
from spikestudio.app.viewmodels.checkpoint import CheckpointModel
from spikestudio.app.viewmodels.codebook import CodebookModel
from spikestudio.app.viewmodels.comparison import ComparisonModel
from spikestudio.app.viewmodels.doctor import DoctorModel
from spikestudio.app.viewmodels.history import HistoryModel
from spikestudio.app.viewmodels.inspection import Inspection
from spikestudio.app.viewmodels.lesion import LesionModel
from spikestudio.app.viewmodels.lesson import LessonModel
from spikestudio.app.viewmodels.lesson_state import AppState, Desk
from spikestudio.app.viewmodels.library import LibraryModel
from spikestudio.app.viewmodels.neuron_field import NeuronFieldModel
from spikestudio.app.viewmodels.neuron_lab import NeuronLabModel
from spikestudio.app.viewmodels.notes import NotesModel
from spikestudio.app.viewmodels.provenance import ProvenanceModel
from spikestudio.app.viewmodels.queue import QueueModel
from spikestudio.app.viewmodels.record_target import RecordTarget
from spikestudio.app.viewmodels.run import RunModel, watch_of
from spikestudio.app.viewmodels.sampler import SamplerModel
from spikestudio.app.viewmodels.session import SessionModel
from spikestudio.app.viewmodels.sweeps import SweepModel
from spikestudio.app.viewmodels.threshold_lab import ThresholdLab
from spikestudio.app.viewmodels.timeline import TimelineModel
from spikestudio.app.viewmodels.training import TrainingModel
from spikestudio.app.viewmodels.walk import WalkModel
from spikestudio.lessons import shelf
from spikestudio.sampling.control import RunControl
from spikestudio.sampling.mailbox import Mailbox
from spikestudio.sampling.request import SamplingRequest
from spikestudio.sampling.worker import Worker
from spikestudio.sessions.follower import Follower
from spikestudio.sessions.journal import Journal, default_folder

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from spikestudio.checkpoints.told import Told
    from spikestudio.recording.record import Record
    from spikestudio.recording.values import Readable
    from spikestudio.sampling.branch import Branch
    from spikestudio.sampling.result import RunResult


class WorkerPort(Protocol):
    """What the window asks of the thread that owns the model."""

    def load(self, path: Path, device: str, told: Told | None = None) -> None: ...

    def sample(
        self,
        request: SamplingRequest,
        image: int,
        layer: str,
        record: Record | None,
        describe: Callable[[RunResult], Mapping[str, Any]] | None,
        branch: Branch | None = None,
        parent: Readable | None = None,
        *,
        is_single_step: bool = False,
    ) -> RunControl: ...

    def inspect(
        self, step: int, layer: str, image: int, recording: Readable | None = None
    ) -> None: ...

    def walk(self, image: NDArray[np.uint8]) -> None: ...

    def encode(self, image: NDArray[np.uint8]) -> None: ...

    def close(self) -> None: ...


@dataclass(slots=True)
class Context:
    """Settings, background threads, view-models and the bridge between them."""

    store: SettingsStore
    settings: Settings
    worker: WorkerPort
    jobs: Jobs
    run: RunModel
    checkpoint: CheckpointModel
    sampler: SamplerModel
    queue: QueueModel
    timeline: TimelineModel
    inspection: Inspection
    lesions: LesionModel
    thresholds: ThresholdLab
    sweeps: SweepModel
    bench: BenchModel
    training: TrainingModel
    library: LibraryModel
    doctor: DoctorModel
    history: HistoryModel
    branching: BranchModel
    provenance: ProvenanceModel
    comparison: ComparisonModel
    fields: NeuronFieldModel
    neuron_lab: NeuronLabModel
    codebook: CodebookModel
    walks: WalkModel
    record: RecordTarget
    session: SessionModel
    notes: NotesModel
    lesson: LessonModel
    bridge: Bridge
    is_closed: bool = False

    def close(self) -> None:
        """Draw no more, cancel the run, and end both threads; more than once does no harm."""
        if self.is_closed:
            return
        self.is_closed = True
        self.bridge.stop()
        self.timeline.stop()
        self.inspection.stop()
        self.queue.stop()
        self.sweeps.stop()
        if self.sampler.control is not None:
            self.sampler.control.cancel()
        self.bench.close()
        self.worker.close()
        self.session.close()
        self.training.close()
        self.jobs.close()


def create(
    config_folder: Path,
    worker: WorkerPort | None = None,
    mailbox: Mailbox | None = None,
    progress: Path | None = None,
) -> Context:
    """Build everything; ``worker`` and ``mailbox`` may be given by tests.

    ``progress`` is the folder in which progress in lessons is kept; the user's if left out.
    """
    mailbox = mailbox or Mailbox()
    journal = Journal(default_folder())
    follower = Follower(journal)
    worker = worker or Worker(follower.following(mailbox.publish))
    store = SettingsStore(config_folder)
    settings = store.load()
    jobs = Jobs()
    run = RunModel()

    def load(path: Path, device: str, *told: Told) -> None:
        queue.expect_load()
        worker.load(path, device, *told)

    checkpoint = CheckpointModel(load, settings.device)
    checkpoint.remember(settings.told)
    record = RecordTarget(settings.recorder_mb)

    def sample(
        request: SamplingRequest,
        image: int,
        layer: str,
        branch: Branch | None = None,
        parent: Readable | None = None,
        *,
        is_single_step: bool = False,
    ) -> RunControl:
        from spikestudio.export.provenance import provenance

        model, neurons = checkpoint.model, run.selection.neurons
        found = [each for each in model.layers if each.id == layer] if model else []
        watch = watch_of(found[0], neurons) if found else ()
        target = record.record(image, layer, watch)
        control = worker.sample(
            *(request, image, layer, target, provenance, branch, parent),
            is_single_step=is_single_step,
        )
        queue.began(request, control, branch, parent)
        return control

    sampler = SamplerModel(run, sample)

    def thumbnail_of(record: Readable) -> NDArray[np.uint8] | None:
        found = (each.thumbnail for each in history.entries if each.recorder is record)
        return next(found, None)

    queue = QueueModel(run, sampler, checkpoint, thumbnail_of)
    timeline = TimelineModel(run)
    inspection = Inspection(run, timeline, worker.inspect)
    lesions = LesionModel(run, sampler)
    lesions.runRequested.connect(sampler.sample_request)
    walks = WalkModel(worker.walk)
    history = HistoryModel(run, sampler, lambda: record.budget_mb)
    history.lookRequested.connect(run.show_ended)
    branching = BranchModel(run, sampler, worker.encode, jobs.submit)
    history.branchRequested.connect(
        lambda key, step: branching.branch(getattr(history.entry(key), "recorder", None), step)
    )
    session = SessionModel(run, timeline, sampler, checkpoint, history, journal, follower)
    session.limit_mb = settings.session_mb
    comparison = ComparisonModel(run, sampler, history, jobs.submit)
    bridge = Bridge(mailbox, run, checkpoint, jobs, walks=walks, images=branching.images)
    walks.asked.connect(bridge.wake)
    checkpoint.loaded.connect(walks.forget)
    timeline.cursorChanged.connect(bridge.wake)
    comparison.changed.connect(bridge.wake)
    queue.changed.connect(bridge.wake)
    session.changed.connect(bridge.wake)
    run.hoverChanged.connect(bridge.wake)
    sweeps = SweepModel(sampler, jobs.submit)
    for signal in (sweeps.stateChanged, sweeps.cellsChanged, sweeps.form.changed):
        signal.connect(bridge.wake)
    bench = BenchModel(checkpoint, sampler, is_sweeping=lambda: sweeps.is_active)
    for signal in (bench.changed, bench.answersChanged):
        signal.connect(bridge.wake)
    training = TrainingModel(jobs.submit, settings.training_runs)
    for signal in (training.changed, training.attached, training.form.changed):
        signal.connect(bridge.wake)
    library = LibraryModel(jobs.submit, checkpoint.load, settings.library_folders)
    doctor = DoctorModel(jobs.submit, checkpoint.load)
    for signal in (library.changed, doctor.changed):
        signal.connect(bridge.wake)
    neuron_lab = NeuronLabModel(run, timeline, jobs.submit)
    neuron_lab.changed.connect(bridge.wake)
    codebook = CodebookModel(run)
    codebook.highlightChanged.connect(bridge.wake)
    lesson = LessonModel(
        AppState(Desk(run, sampler, timeline, neuron_lab, codebook, walks, sweeps)),
        lambda: shelf.bundled(tuple(CONTROLS)),
        progress or shelf.progress_folder(),
    )
    lesson.changed.connect(bridge.wake)
    return Context(
        store=store,
        settings=settings,
        worker=worker,
        jobs=jobs,
        run=run,
        checkpoint=checkpoint,
        sampler=sampler,
        queue=queue,
        timeline=timeline,
        inspection=inspection,
        lesions=lesions,
        thresholds=ThresholdLab(run, sampler),
        sweeps=sweeps,
        bench=bench,
        training=training,
        library=library,
        doctor=doctor,
        history=history,
        branching=branching,
        provenance=ProvenanceModel(sampler, checkpoint, jobs.submit),
        comparison=comparison,
        fields=NeuronFieldModel(run, checkpoint, jobs.submit),
        neuron_lab=neuron_lab,
        codebook=codebook,
        walks=walks,
        record=record,
        session=session,
        notes=NotesModel(session, history),
        lesson=lesson,
        bridge=bridge,
    )
