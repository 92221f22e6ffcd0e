"""A run done again from what a file says of its origin, and compared with what the file holds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from spikestudio.errors import CheckpointError, SamplingError
from spikestudio.export.compared import (
    count,
    field_differences,
    pixel_difference,
    state_difference,
)
from spikestudio.export.metadata import read_provenance
from spikestudio.export.origin import Difference, Origin
from spikestudio.export.provenance import images_sha256, provenance
from spikestudio.export.stored import Shape, stored_images
from spikestudio.language import tr
from spikestudio.recording.pictures import pictures
from spikestudio.recording.record import Record

if TYPE_CHECKING:
    from spikestudio.checkpoints.catalog import Entry
    from spikestudio.checkpoints.loader import LoadedModel
    from spikestudio.recording.hdf5 import Recording
    from spikestudio.recording.values import State
    from spikestudio.sampling.events import Event
    from spikestudio.sampling.result import RunResult
    from spikestudio.sampling.run import SamplingRun

Listen = Callable[["Event"], object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a repeated run came to beside the one that a file is of.

    ``differences`` are in what decided the pixels, or in these; ``machine`` lists in what this machine
    is another one, which does not count. ``compared`` says what the images were compared with, empty
    if the file holds neither them nor their hash.
    """

    checkpoint: str
    device: str
    seconds: float
    compared: str
    differences: tuple[Difference, ...]
    machine: tuple[Difference, ...]

    @property
    def is_identical(self) -> bool:
        """Whether the file holds these pixels, and nothing that decided them differs."""
        return bool(self.compared) and not self.differences

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {
            "identical": self.is_identical,
            "compared": self.compared,
            "differences": [each.to_json() for each in self.differences],
            "machine": [each.to_json() for each in self.machine],
            "checkpoint": self.checkpoint,
            "device": self.device,
            "seconds": round(self.seconds, 3),
        }


class Replay:
    """A file's run, ready to be done again.

    Parameters
    ----------
    path
        Anything that carries provenance (``metadata.read_provenance``), or a recording.
    checkpoint
        File of the model; None looks among the checkpoints at hand, by their tensors and then by name.
    device
        None takes the one of the run if it is here, else the fastest.

    Raises
    ------
    ProvenanceError, RecordingError
        The file does not say how it was made.
    CheckpointError
        The model is not at hand, or cannot be used.
    ConfigError
        What the file says does not fit together, or not this model.
    """

    def __init__(
        self, path: Path | str, checkpoint: Path | str | None = None, device: str | None = None
    ) -> None:
        from spikestudio.checkpoints.loader import load
        from spikestudio.checkpoints.official import Choices
        from spikestudio.sampling.run import SamplingRun

        self.path = Path(path)
        self.origin = origin = Origin.of(read_provenance(self.path))
        found = find_checkpoint(origin) if checkpoint is None else Path(checkpoint)
        there = str(origin.values["device"])
        choices = Choices(strict=True) if origin.is_strict else None
        self.model: LoadedModel = load(found, device or _device(there), choices=choices)
        self.recording = _recording(self.path)
        self.run: SamplingRun = SamplingRun(
            self.model,
            origin.request,
            branch=origin.branch,
            record=Record(layers=(), potentials=None),
        )

    def compare(self, listen: Listen = lambda _: None) -> Outcome | None:
        """Do the run and compare it; ``listen`` hears its events. None if it was cancelled meanwhile.

        Raises ``SamplingError`` if the run fails, ``ProvenanceError`` if the file's images are damaged.
        """
        import torch

        origin = self.origin
        result, state, parted = repeated(self.run, origin, listen, self.recording)
        if result.steps_done < origin.steps_done:
            return None
        differences = list(field_differences(origin, provenance(result)))
        compared, pixels = self._pixels(result, state)
        differences += pixels
        if parted is not None:
            differences.append(parted)
        return Outcome(
            checkpoint=str(self.model.path),
            device=self.model.device,
            seconds=result.seconds,
            compared=compared,
            differences=tuple(differences),
            machine=origin.machine(device=self.model.device, threads=torch.get_num_threads()),
        )

    def _pixels(self, result: RunResult, state: State | None) -> tuple[str, list[Difference]]:
        """What the images are compared with, and how they differ."""
        origin, images = self.origin, result.images
        if images is None:
            return "", []
        # A recording exports the pictures of its states, which a model may have at another size.
        native = pictures(state["x0_hat"]) if state is not None and "x0_hat" in state else images
        if self.recording is not None:
            stored = _recorded(self.recording, origin.steps_done - 1, images)
            what = f"the {count(len(images))} of {self.path.name}"
        else:
            shapes: list[Shape] = [images.shape, native.shape]
            stored = stored_images(self.path, origin.values, shapes)
            number = len(images) if origin.image is None else 1
            what = f"the {count(number)} of {self.path.name}"
        if stored is not None:
            here = images if stored.shape[1:3] == images.shape[1:3] else native
            here = here if origin.image is None else here[origin.image][None]
            difference = pixel_difference(stored, here)
            return what, [] if difference is None else [difference]
        if origin.images_sha256 is None:
            return "", []
        sha256 = images_sha256(images)
        what = f"the SHA-256 of its {count(len(images))}"
        is_same = sha256 == origin.images_sha256
        return what, [] if is_same else [Difference("images.sha256", origin.images_sha256, sha256)]


def find_checkpoint(origin: Origin) -> Path:
    """The checkpoint at hand that a run was made with: that with its tensors, else of its name.

    A name in a file is never taken for a path. Raises ``CheckpointError`` if there is none.
    """
    entry = entry_of(origin)
    if entry is None:
        raise CheckpointError(
            tr(
                "The run was made with {checkpoint} (tensors {tensors_sha256}…), which "
                "is not among the checkpoints at hand: name its file with --checkpoint.",
                checkpoint=origin.checkpoint,
                tensors_sha256=origin.tensors_sha256[:12],
            ),
        )
    return entry.path


def entry_of(origin: Origin, entries: tuple[Entry, ...] | None = None) -> Entry | None:
    """Entry of the catalogue for a run; None if there is none."""
    from spikestudio.checkpoints.catalog import list_checkpoints

    usable = [e for e in (list_checkpoints() if entries is None else entries) if e.card is not None]
    for each in usable:
        if each.card is not None and each.card.tensors_sha256 == origin.tensors_sha256:
            return each
    return next((each for each in usable if each.name == origin.checkpoint), None)


def repeated(
    run: SamplingRun, origin: Origin, listen: Listen, recording: Recording | None = None
) -> tuple[RunResult, State | None, Difference | None]:
    """Do a run with the changes of another, and stop where that one did.

    Gives its result, the state of its last step, and from which step on the states are not those of the
    ``recording``. Raises ``SamplingError`` if the run fails.
    """
    from spikestudio.sampling.events import Failed, StepFinished

    changes = {
        each.step: {"threshold": each.threshold, "temperature": each.temperature}
        for each in origin.changes
    }
    state: State | None = None
    parted: Difference | None = None
    run.control.set_parameters(**changes.get(origin.first_step, {}))
    if origin.steps_done <= origin.first_step and not origin.is_complete:
        run.cancel()
    for event in run:
        listen(event)
        if isinstance(event, Failed):
            raise SamplingError(event.message)
        if not isinstance(event, StepFinished):
            continue
        run.control.set_parameters(**changes.get(event.step + 1, {}))
        state = run.recorder.state(event.step)
        if recording is not None and parted is None and state is not None:
            parted = state_difference(event.step, recording.state(event.step), state)
        if event.step == origin.steps_done - 1 and not origin.is_complete:
            run.cancel()
    assert run.result is not None  # a run that ends otherwise has failed
    return run.result, state, parted


def _recording(path: Path) -> Recording | None:
    from spikestudio.recording.hdf5 import open_recording

    with path.open("rb") as file:
        is_recording = file.read(4) == b"\x89HDF"
    return open_recording(path) if is_recording else None


def _recorded(recording: Recording, step: int, like: NDArray[np.uint8]) -> NDArray[np.uint8] | None:
    """Images of a recording's step, of the size that the data set has."""
    state = recording.state(step)
    if state is None:
        return None
    if "x0_hat" in state:
        return pictures(state["x0_hat"], like.shape[1], like.shape[3])
    return state.get("decoded")


def _device(name: str) -> str:
    from spikestudio.checkpoints.devices import AUTO, available_devices

    known = available_devices()
    return name if name in known or f"{name}:0" in known else AUTO
