"""One thread that owns the model: loads checkpoints and drives runs, one command after the other.

Torch is imported by that thread, so that whoever starts it does not wait for the import.
"""

from __future__ import annotations

import logging
import queue
import threading
import traceback
from collections import deque
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from spikestudio.checkpoints.card import Card
from spikestudio.errors import SamplingError, SpikeStudioError
from spikestudio.language import tr
from spikestudio.metrics.codebook import CodebookInfo
from spikestudio.metrics.operations import Operations
from spikestudio.recording.record import Record
from spikestudio.sampling.control import RunCancelledError, RunControl
from spikestudio.sampling.events import Failed, StepFinished
from spikestudio.sampling.request import SamplingRequest
from spikestudio.types import LayerInfo

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from spikestudio.checkpoints.loader import LoadedModel
    from spikestudio.checkpoints.told import Told
    from spikestudio.models.spiking_diffusion.walk import CodecWalk
    from spikestudio.recording.values import Readable
    from spikestudio.sampling.branch import Branch
    from spikestudio.sampling.recompute import LayerStep
    from spikestudio.sampling.run import Describe, SamplingRun

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelInfo:
    """What the window needs to know of a loaded model. ``layers`` are those of a run."""

    name: str
    path: Path
    card: Card
    layers: tuple[LayerInfo, ...]
    device: str
    devices: tuple[str, ...]  # that this machine has
    defaults: SamplingRequest
    parameters: int
    tsm_locked: bool
    has_gamma: bool = False  # the table that the analytic sampler needs
    operations: Operations | None = None  # of one network evaluation
    codebook: CodebookInfo | None = None  # of a token model


@dataclass(frozen=True, slots=True)
class ModelLoading:
    """A file is being read; the model before stays in use until this one is ready."""

    path: Path


@dataclass(frozen=True, slots=True)
class ModelLoaded:
    """The model is ready to be sampled."""

    model: ModelInfo


@dataclass(frozen=True, slots=True)
class LoadFailed:
    """The file could not be used; the model before is still loaded."""

    path: Path
    message: str
    details: str = ""


@dataclass(frozen=True, slots=True)
class Recomputed:
    """A denoising step was computed again; ``activity`` is what one layer of one image did in it.

    ``record`` is the recorder or recording that it belongs to; nothing was added to it.
    """

    record: Readable
    step: int
    layer: str
    image: int
    activity: LayerStep


@dataclass(frozen=True, slots=True)
class InspectFailed:
    """A step could not be computed again."""

    step: int
    layer: str
    image: int
    message: str
    details: str = ""


@dataclass(frozen=True, slots=True)
class Walked:
    """An image went through the auto-encoder, or why it could not, in a sentence."""

    answer: CodecWalk | str


@dataclass(frozen=True, slots=True, eq=False)
class Encoded:
    """Tokens int32 ``[h, w]`` of an image, or why there are none, in a sentence."""

    image: NDArray[np.uint8]  # as it was given
    answer: NDArray[np.int32] | str


@dataclass(frozen=True, slots=True)
class _Inspection:
    step: int
    layer: str
    image: int
    recording: Readable | None  # None is the last run


class _Control(RunControl):
    """Commands to a run that also looks at other steps while it waits."""

    def __init__(self, inspect: Callable[[], None]) -> None:
        super().__init__()
        self._inspect = inspect
        self._is_asked = False

    def ask(self) -> None:
        """Look at a step now if the run waits; between two steps it does so anyhow."""
        with self._condition:
            self._is_asked = True
            self._condition.notify_all()

    def wait(self) -> None:
        while self._was_asked():
            self._inspect()
        super().wait()

    def _was_asked(self) -> bool:
        """Block until asked, or until the run has not to wait any more."""
        with self._condition:
            self._condition.wait_for(
                lambda: self._is_asked or self._cancelled or not self._paused or self._single_steps
            )
            is_asked, self._is_asked = self._is_asked, False
            return is_asked


class Worker:
    """Thread with a queue of commands; events go to ``publish``, which any thread may call."""

    def __init__(self, publish: Callable[[object], None]) -> None:
        self._publish = publish
        self._commands: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._model: LoadedModel | None = None
        self._closing = threading.Event()
        self._running: _Control | None = None
        self._run: SamplingRun | None = None  # the last one, to be looked into
        self._wanted: deque[_Inspection] = deque(maxlen=1)  # the newest
        self._thread = threading.Thread(target=self._work, name="sampling")
        self._thread.start()

    def load(self, path: Path, device: str = "cpu", told: Told | None = None) -> None:
        """Load a checkpoint in the background; ``told`` is what is known of an official one."""
        self._commands.put(lambda: self._load(path, device, told))

    def sample(
        self,
        request: SamplingRequest,
        image: int = 0,
        layer: str = "",
        record: Record | None = None,
        describe: Describe | None = None,
        branch: Branch | None = None,
        parent: Readable | None = None,
        *,
        is_single_step: bool = False,
    ) -> RunControl:
        """Start a run after what is queued; the control is valid at once.

        ``record`` says more than ``image`` and ``layer`` do; ``branch`` and ``parent`` start in the
        middle of another run. See ``SamplingRun``. ``is_single_step`` does one step and waits.
        """
        control = _Control(self._inspect_newest)
        if is_single_step:
            control.step_once()  # now: the run begins in another thread
        record = record or Record(image=image, potentials=layer)
        self._commands.put(lambda: self._sample(request, control, record, describe, branch, parent))
        return control

    def inspect(
        self, step: int, layer: str, image: int = 0, recording: Readable | None = None
    ) -> None:
        """Compute a step again and publish ``Recomputed``; of several asked for only the newest.

        It is a step of the last run, or of a recording of the model that is loaded. It is done between
        two steps of a run in progress, also of one that waits.
        """
        self._wanted.append(_Inspection(step, layer, image, recording))
        self._commands.put(self._inspect_newest)
        running = self._running
        if running is not None:
            running.ask()

    def walk(self, image: NDArray[np.uint8]) -> None:
        """Encode and decode an image ``[H, W, C]`` and publish ``Walked``; not during a run."""
        self._commands.put(lambda: self._walk(image))

    def encode(self, image: NDArray[np.uint8]) -> None:
        """Turn an image ``[H, W, C]`` into tokens and publish ``Encoded``; not during a run."""
        self._commands.put(lambda: self._encode(image))

    def close(self) -> None:
        """Cancel the run, drop what is queued, and wait for the thread to end."""
        self._closing.set()
        running = self._running
        if running is not None:
            running.cancel()
        self._commands.put(None)
        self._thread.join()

    def _work(self) -> None:
        while (command := self._commands.get()) is not None:
            if not self._closing.is_set():
                command()

    def _load(self, path: Path, device: str, told: Told | None) -> None:
        self._publish(ModelLoading(path))
        try:
            model = _load_model(path, device, told)
            info = describe(model)
        except SpikeStudioError as error:
            self._publish(LoadFailed(path, str(error)))
        except Exception as error:
            logger.exception("Loading %s failed", path)
            self._publish(LoadFailed(path, _unexpected("load", error), traceback.format_exc()))
        else:
            self._model = model
            self._publish(ModelLoaded(info))

    def _sample(
        self,
        request: SamplingRequest,
        control: _Control,
        record: Record,
        describe: Describe | None,
        branch: Branch | None,
        parent: Readable | None,
    ) -> None:
        from spikestudio.sampling.run import SamplingRun

        run_id = 0
        self._running = control
        if self._closing.is_set():  # close() may have looked for the running one just before
            control.cancel()
        try:
            if self._model is None:
                raise SpikeStudioError(tr("No model is loaded: choose one first."))
            run = SamplingRun(
                self._model,
                request,
                control,
                record=record,
                describe=describe,
                branch=branch,
                parent=parent,
            )
            run_id = run.run_id
            self._run = run
            for event in run:
                self._publish(event)
                if isinstance(event, StepFinished):
                    self._inspect_newest()
        except SpikeStudioError as error:
            self._publish(Failed(run_id=run_id, message=str(error)))
        except Exception as error:
            logger.exception("A run failed")
            self._publish(
                Failed(
                    run_id=run_id,
                    message=_unexpected("sample", error),
                    details=traceback.format_exc(),
                )
            )

    def _walk(self, image: NDArray[np.uint8]) -> None:
        try:
            from spikestudio.models.spiking_diffusion.walk import walk

            if self._model is None or not self._model.is_token_model:
                raise SamplingError(
                    tr("No model with an auto-encoder is loaded: choose one first.")
                )
            network: Any = self._model.network
            self._publish(Walked(walk(network, image)))
        except SpikeStudioError as error:
            self._publish(Walked(str(error)))
        except Exception as error:
            logger.exception("An image could not be encoded")
            self._publish(Walked(_unexpected(tr("encode the image"), error)))

    def _encode(self, image: NDArray[np.uint8]) -> None:
        answer: NDArray[np.int32] | str
        try:
            import torch

            if self._model is None or not self._model.is_token_model:
                raise SamplingError(
                    tr("No model with an auto-encoder is loaded: choose one first.")
                )
            config: Any = self._model.network.config
            shape = (config.image_size, config.image_size, config.image_channels)
            if image.shape != shape:
                raise SamplingError(
                    tr(
                        "{model} encodes images of shape {shape}, not {image_shape}.",
                        model=self._model.name,
                        shape=shape,
                        image_shape=image.shape,
                    )
                )
            levels = torch.from_numpy(image.transpose(2, 0, 1).copy())
            tokens = self._model.encode(levels.float()[None] / 255)
            answer = tokens[0].to(torch.int32).cpu().numpy()
            answer.setflags(write=False)
        except SpikeStudioError as error:
            answer = str(error)
        except Exception as error:
            logger.exception("An image could not be encoded")
            answer = _unexpected(tr("encode the image"), error)
        self._publish(Encoded(image, answer))

    def _inspect_newest(self) -> None:
        """Do the inspection asked for last, if it was not done yet."""
        try:
            wanted = self._wanted.popleft()
        except IndexError:
            return
        place = (wanted.step, wanted.layer, wanted.image)
        try:
            record, activity = self._recompute(wanted)
        except RunCancelledError:  # of the run in progress: its command comes up again after that
            if not self._wanted:
                self._wanted.append(wanted)
        except SpikeStudioError as error:
            self._publish(InspectFailed(*place, str(error)))
        except Exception as error:
            logger.exception("A step could not be computed again")
            message = _unexpected(tr("compute the step again"), error)
            self._publish(InspectFailed(*place, message, traceback.format_exc()))
        else:
            self._publish(Recomputed(record, *place, activity))

    def _recompute(self, wanted: _Inspection) -> tuple[Readable, LayerStep]:
        from spikestudio.sampling.recompute import recompute

        run, record = self._run, wanted.recording
        model = self._model
        if record is None:
            model = None if run is None else run.model
        if model is None:
            raise SamplingError(tr("There is no run to look into: sample first."))
        with run.recorder.muted() if run is not None else nullcontext():
            if record is None:
                assert run is not None  # it has the model
                record = run.recorder
            layers = recompute(model, record, wanted.step, [wanted.layer], wanted.image)
        return record, layers[wanted.layer]


def describe(model: LoadedModel) -> ModelInfo:
    """Torch-free description of a loaded model."""
    from spikestudio.checkpoints.devices import available_devices
    from spikestudio.metrics.codebook_reading import read_codebook
    from spikestudio.metrics.tracing import count_operations
    from spikestudio.sampling.run import run_layers

    config: Any = model.network.config
    return ModelInfo(
        name=model.name,
        path=model.path,
        card=model.card,
        layers=run_layers(model),
        device=model.device,
        devices=tuple(available_devices()),
        defaults=SamplingRequest(**model.defaults()),
        parameters=sum(p.numel() for p in model.network.parameters()),
        tsm_locked=bool(getattr(config, "tsm", False)),
        has_gamma=model.gamma is not None,
        operations=count_operations(model.network),
        codebook=read_codebook(model),
    )


def _load_model(path: Path, device: str, told: Told | None) -> LoadedModel:
    from spikestudio.checkpoints.loader import load
    from spikestudio.runtime import tune_allocator

    tune_allocator()
    if told is None:
        return load(path, device)
    return load(path, device, second=told.second, choices=told.choices)


def _unexpected(verb: str, error: Exception) -> str:
    return tr(
        "SpikeStudio could not {verb} because of an unexpected {type} ({error}): "
        "please report the details.",
        verb=verb,
        type=type(error).__name__,
        error=error,
    )
