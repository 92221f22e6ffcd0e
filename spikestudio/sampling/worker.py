"""One thread that owns the model: loads checkpoints and drives runs, one command after the other.

Torch is imported by that thread, so that whoever starts it does not wait for the import.
"""

from __future__ import annotations

import logging
import queue
import threading
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from spikestudio.checkpoints.card import Card
from spikestudio.errors import SpikeStudioError
from spikestudio.sampling.control import RunControl
from spikestudio.sampling.events import Failed
from spikestudio.sampling.request import SamplingRequest
from spikestudio.types import LayerInfo

if TYPE_CHECKING:
    from spikestudio.checkpoints.loader import LoadedModel

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


class Worker:
    """Thread with a queue of commands; events go to ``publish``, which any thread may call."""

    def __init__(self, publish: Callable[[object], None]) -> None:
        self._publish = publish
        self._commands: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._model: LoadedModel | None = None
        self._closing = threading.Event()
        self._running: RunControl | None = None
        self._thread = threading.Thread(target=self._work, name="sampling")
        self._thread.start()

    def load(self, path: Path, device: str = "cpu") -> None:
        """Load a checkpoint in the background."""
        self._commands.put(lambda: self._load(path, device))

    def sample(self, request: SamplingRequest, image: int = 0, layer: str = "") -> RunControl:
        """Start a run after what is queued; the control is valid at once."""
        control = RunControl()
        self._commands.put(lambda: self._sample(request, control, image, layer))
        return control

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

    def _load(self, path: Path, device: str) -> None:
        self._publish(ModelLoading(path))
        try:
            model = _load_model(path, device)
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
        self, request: SamplingRequest, control: RunControl, image: int, layer: str
    ) -> None:
        from spikestudio.sampling.run import SamplingRun

        run_id = 0
        self._running = control
        if self._closing.is_set():  # close() may have looked for the running one just before
            control.cancel()
        try:
            if self._model is None:
                raise SpikeStudioError("No model is loaded: choose one first.")
            run = SamplingRun(self._model, request, control, image=image, layer=layer)
            run_id = run.run_id
            for event in run:
                self._publish(event)
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


def describe(model: LoadedModel) -> ModelInfo:
    """Torch-free description of a loaded model."""
    from spikestudio.checkpoints.devices import available_devices
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
    )


def _load_model(path: Path, device: str) -> LoadedModel:
    from spikestudio.checkpoints.loader import load
    from spikestudio.runtime import tune_allocator

    tune_allocator()
    return load(path, device)


def _unexpected(verb: str, error: Exception) -> str:
    return (
        f"SpikeStudio could not {verb} because of an unexpected {type(error).__name__} ({error}): "
        "please report the details."
    )
