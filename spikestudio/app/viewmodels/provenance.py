"""What a dropped file says of its origin, and how its settings come into the sampler."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, Signal, Slot

from spikestudio.app.viewmodels.differences import NAMES, value_text
from spikestudio.errors import SpikeStudioError
from spikestudio.language import tr, tr_n
from spikestudio.sampling.request import RANGES, SamplingRequest

if TYPE_CHECKING:
    from spikestudio.app.viewmodels.checkpoint import CheckpointModel
    from spikestudio.app.viewmodels.history import Entry
    from spikestudio.app.viewmodels.sampler import SamplerModel
    from spikestudio.checkpoints.catalog import Entry as Checkpoint
    from spikestudio.export.origin import Difference, Origin
    from spikestudio.sampling.branch import Branch
    from spikestudio.sampling.result import RunResult
    from spikestudio.sampling.worker import ModelInfo

Submit = Callable[[Callable[[], Any], Callable[[Any], None], Callable[[str, str], None]], None]

SUFFIXES = (
    *(".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff", ".gif"),
    *(".svg", ".pdf", ".npz", ".json", ".zip"),
)
WAIT = tr("Wait until the run has ended.")
LOADING = tr("Wait until the model has been loaded.")
FAILED = tr("This run failed, so there is nothing to repeat.")
_TOLD = ("request", "branch", "changes", "schema_version", "timesteps", "steps_done")
_LONG = ("labels", "image_seeds")  # last, as they are long
SHORT = 40  # characters of a name
LONGEST = 400  # characters of a value that are shown


@dataclass(frozen=True, slots=True, eq=False)
class Row:
    """One line of the readable view; a heading has no value."""

    title: str
    value: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Opened:
    """A file, what it says, in what this machine differs, and all of it to be read."""

    path: Path
    origin: Origin
    machine: tuple[Difference, ...]
    rows: tuple[Row, ...]

    @property
    def notes(self) -> tuple[str, ...]:
        """What Apply leaves out, in sentences: it sets what the run began with."""
        origin = self.origin
        changes = len(origin.changes)
        is_one = changes == 1
        return tuple(
            text
            for is_so, text in (
                (
                    changes > 0,
                    tr(
                        "Its parameters were changed {part} while "
                        "it ran: Apply sets what it began with.",
                        part=tr("once") if is_one else tr("{changes:,} times", changes=changes),
                    ),
                ),
                (
                    origin.branch is not None,
                    tr(
                        "It starts in the middle of another run or from given tokens: Apply sets its "
                        "parameters alone."
                    ),
                ),
                (
                    not origin.is_complete,
                    tr(
                        "It was stopped after {steps_done:,} of {num_steps:,} steps.",
                        steps_done=origin.steps_done,
                        num_steps=origin.num_steps,
                    ),
                ),
            )
            if is_so
        )


class ProvenanceModel(QObject):
    """Reads the file dropped last in the background, and applies it.

    The settings of another model than the one in use are applied once that is loaded.
    """

    opened = Signal(object)  # the Opened
    failed = Signal(str)
    told = Signal(str)  # what was done
    changed = Signal()  # what can be applied

    def __init__(
        self,
        sampler: SamplerModel,
        checkpoint: CheckpointModel,
        submit: Submit,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._sampler, self._checkpoint, self._submit = sampler, checkpoint, submit
        self._wanted: Path | None = None  # the file that is being read
        self._pending: tuple[Opened, Path] | None = None  # to be applied once that is loaded
        checkpoint.loadingChanged.connect(self._on_loading_changed)
        sampler.modelChanged.connect(self._on_model_changed)
        for signal in (sampler.commandsChanged, checkpoint.entriesChanged):
            signal.connect(self.changed)

    def open(self, path: Path) -> None:
        """Read a file; ``opened`` or ``failed`` follows, unless another one is asked for meanwhile."""
        self._wanted = path
        device = self._checkpoint.model.device if self._checkpoint.model else ""

        def done(found: Opened) -> None:
            if self._wanted is path:
                self._wanted = None
                self.opened.emit(found)

        def fail(message: str, _details: str) -> None:
            if self._wanted is path:
                self._wanted = None
                self.failed.emit(message)

        self._submit(lambda: read(path, device), done, fail)

    def entry(self, origin: Origin) -> Checkpoint | None:
        """The checkpoint at hand that a run was made with; None if it is not here."""
        from spikestudio.export.replay import entry_of

        return entry_of(origin, self._checkpoint.entries)

    def is_loaded(self, origin: Origin) -> bool:
        """Whether the model in use is the one that the run was made with."""
        model = self._sampler.model
        return model is not None and model.card.tensors_sha256 == origin.tensors_sha256

    def cannot_apply(self, opened: Opened) -> str:
        """Why the settings cannot be applied, as a sentence; empty if they can."""
        origin = opened.origin
        if self._sampler.is_busy:
            return WAIT
        if self._checkpoint.loading is not None:
            return LOADING
        if not self.is_loaded(origin) and self.entry(origin) is None:
            return tr(
                "Its model, {short}, is not among the checkpoints at hand: open its file first.",
                short=short(origin.checkpoint),
            )
        return ""

    def apply(self, opened: Opened) -> None:
        """Put the request of a file into the sampler, after its model is loaded if it is not."""
        if self.cannot_apply(opened):
            return
        if self.is_loaded(opened.origin):
            self._set(opened)
            return
        entry = self.entry(opened.origin)
        if entry is not None:
            self._pending = opened, entry.path
            self._checkpoint.load(entry.path)

    def _set(self, opened: Opened) -> None:
        request = opened.origin.request
        values = {each.name: getattr(request, each.name) for each in fields(SamplingRequest)}
        try:
            self._sampler.set(**values)
        except SpikeStudioError as error:
            self.failed.emit(str(error))
            return
        self.told.emit(
            tr("The settings of {shown} are in the sampler.", shown=shown(opened.path.name))
        )

    @Slot()
    def _on_loading_changed(self) -> None:
        if self._checkpoint.loading is None and self._checkpoint.failure is not None:
            self._pending = None  # why is told by whoever asked for the model
        self.changed.emit()

    @Slot()
    def _on_model_changed(self) -> None:
        pending, self._pending = self._pending, None
        model = self._sampler.model
        if pending is None or model is None or model.path != pending[1]:
            return  # the user has chosen yet another model
        opened = pending[0]
        self._set(opened)
        if not self.is_loaded(opened.origin):
            self.failed.emit(
                tr(
                    "{model} has other weights than the model that {shown} was "
                    "made with: the images will differ.",
                    model=model.name,
                    shown=shown(opened.path.name),
                )
            )


def read(path: Path, device: str) -> Opened:
    """Read a file's origin, and compare it with this machine; takes a moment.

    ``device`` is the one in use, empty if there is none. Raises ``SpikeStudioError`` in one sentence.
    """
    import sys

    from spikestudio.export.metadata import read_provenance
    from spikestudio.export.origin import Origin

    origin = Origin.of(read_provenance(path))
    torch: Any = sys.modules.get("torch")
    threads = torch.get_num_threads() if torch is not None else None
    machine = origin.machine(device=device, threads=threads)
    return Opened(path, origin, machine, tuple(rows(origin, machine)))


def rows(origin: Origin, machine: tuple[Difference, ...]) -> list[Row]:
    """Everything that is said of a run, in words: settings, what was done to it, model, machine."""
    from spikestudio.export.origin import flattened

    values, request = origin.values, origin.request
    found = [Row(tr("Settings"))]
    for each in fields(SamplingRequest):
        found.append(_parameter(request, each.name))
    found += [Row(tr("Experiment"), shown(str(each.to_json()))) for each in request.overrides]
    found.append(Row(tr("During the run")))
    found.append(
        Row(
            tr("Steps done"),
            tr(
                "{steps_done:,} of {num_steps:,}",
                steps_done=origin.steps_done,
                num_steps=origin.num_steps,
            ),
        )
    )
    found += [
        Row(
            tr("From step {step:,}", step=each.step + 1),
            tr(
                "threshold {threshold:.3f}, temperature {temperature:.2f}",
                threshold=each.threshold,
                temperature=each.temperature,
            ),
        )
        for each in origin.changes
    ]
    for branch in () if origin.branch is None else origin.branch.lineage():
        source = tr("given tokens") if branch.past is None else branch.past.checkpoint
        edits = len(branch.edits)
        found.append(
            Row(
                tr("Branched at step {branch_step:,}", branch_step=branch.step + 1),
                tr_n(
                    "from {short}, {edits:,} edit of tokens",
                    "from {short}, {edits:,} edits of tokens",
                    edits,
                    short=short(source),
                    edits=edits,
                ),
            )
        )
    found.append(Row(tr("Model and machine")))
    differing = {each.field: each for each in machine}
    others = {
        name: value for name, value in flattened(values).items() if name.split(".")[0] not in _TOLD
    }
    for name, value in others.items():
        last = name.rsplit(".", 1)[-1].replace("_", " ")
        part = name.split(".")[0]
        is_other = part in ("device", "threads", "flags", "versions") and last in differing
        here = tr("  (here {shown})", shown=shown(str(differing[last].here))) if is_other else ""
        title = f"{part} {last}".replace("_", " ") if part in ("checkpoint", "images") else last
        found.append(Row(short(title[:1].upper() + title[1:]), shown(_listed(value)) + here))
    return found


def _parameter(request: SamplingRequest, name: str) -> Row:
    value = getattr(request, name)
    title = NAMES.get(name) or (
        tr(RANGES[name].label) if name in RANGES else name.replace("_", " ")
    )
    if isinstance(value, bool):
        text = tr("on") if value else tr("off")
    else:
        text = f"{value:.10g}" if isinstance(value, float) else value_text(request, name)
    return Row(title[:1].upper() + title[1:], text)


def shown(text: str) -> str:
    """A text of a file as it fits into a line."""
    text = "".join(each if each.isprintable() else "\N{REPLACEMENT CHARACTER}" for each in text)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"


def short(text: str) -> str:
    """A name of a file as it fits into a sentence."""
    text = shown(text)
    return text if len(text) <= SHORT else f"{text[:SHORT]}…"


def _listed(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


# copying ------------------------------------------------------------------------------------


def origin_of(entry: Entry) -> dict[str, Any] | None:
    """Provenance of a run of the history; None of one that failed."""
    if entry.origin is not None:  # of a run from a session, with the versions of its time
        return dict(entry.origin)
    return None if entry.result is None else origin_of_result(entry.result, entry.branch)


def origin_of_result(result: RunResult, branch: Branch | None = None) -> dict[str, Any]:
    """Provenance of what a run left; that of a recording does not know its branch itself."""
    from spikestudio.export.provenance import provenance

    return provenance(result if branch is None else replace(result, branch=branch))


def checkpoint_of(origin: Mapping[str, Any], model: ModelInfo | None) -> Path | None:
    """File of the model in use where it is a run's and its name alone would not find it."""
    from spikestudio.checkpoints.catalog import resolve

    named = origin["checkpoint"]
    if model is None or model.card.tensors_sha256 != named["tensors_sha256"]:
        return None
    try:
        return None if resolve(named["name"]) == model.path else model.path
    except SpikeStudioError:
        return model.path


def python_of(origin: Mapping[str, Any], model: ModelInfo | None) -> str:
    """Program that repeats a run; ``model`` is the one in use. Raises ``ConfigError``."""
    from spikestudio.export.repeat import as_python

    return as_python(origin, checkpoint_of(origin, model))


def command_of(origin: Mapping[str, Any], model: ModelInfo | None) -> str:
    """Command that repeats a run; raises ``ConfigError`` saying why there is none."""
    from spikestudio.export.repeat import as_command

    return as_command(origin, checkpoint_of(origin, model))
