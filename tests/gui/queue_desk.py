"""A queue with all that it works with, on a fake worker that answers when the test says so."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
from PySide6.QtWidgets import QApplication

from spikestudio.app.viewmodels.checkpoint import CheckpointModel
from spikestudio.app.viewmodels.queue import QueueModel
from spikestudio.app.viewmodels.run import RunModel
from spikestudio.app.viewmodels.sampler import SamplerModel
from spikestudio.sampling.events import Failed
from spikestudio.sampling.worker import ModelLoaded, ModelLoading
from tests.gui.fake_worker import FakeWorker, entry, model_info

PARENT = SimpleNamespace()  # record of a run that has pictures


class Desk:
    """Models a and b are there, a is loaded; a run has 3 steps."""

    def __init__(self) -> None:
        found = {item.name: item for item in (entry("a", "sddpm"), entry("b", "sdit"))}
        self.models = {
            name: model_info(item.path, replace(item.card, tensors_sha256=name * 64))
            for name, item in found.items()
        }
        self.run = RunModel()
        self.worker = FakeWorker(self.run.take)
        self.loads: list[Path] = []
        self.checkpoint = CheckpointModel(self._load)
        self.sampler = SamplerModel(self.run, self._sample)
        self.queue = QueueModel(self.run, self.sampler, self.checkpoint, self._thumbnail)
        self.told: list[str] = []
        self.warned: list[str] = []
        self.queue.told.connect(self.told.append)
        self.queue.warned.connect(self.warned.append)
        # what the window does
        self.checkpoint.loadingChanged.connect(
            lambda: self.sampler.set_loading(is_loading=self.checkpoint.loading is not None)
        )
        self.checkpoint.loaded.connect(lambda: self.sampler.set_model(self.checkpoint.model))
        self.load("a")
        self.sampler.set(steps=3)

    def _load(self, path: Path, _device: str) -> None:
        self.queue.expect_load()
        self.loads.append(path)

    def _sample(self, request, image, layer, branch=None, parent=None):
        control = self.worker.sample(request, image, layer, None, None, branch, parent)
        self.queue.began(request, control, branch, parent)
        return control

    def _thumbnail(self, record):
        return np.full((1, 4, 4, 1), 7, np.uint8) if record is PARENT else None

    def load(self, name: str) -> None:
        """The user loads a model, and the worker answers."""
        self.checkpoint.load(self.models[name].path)
        self.end_load(name)

    def end_load(self, name: str) -> None:
        self.checkpoint.take(ModelLoading(self.models[name].path))
        self.checkpoint.take(ModelLoaded(self.models[name]))
        self.settle()

    def settle(self) -> None:
        QApplication.processEvents()

    def add(self, **changes) -> int:
        """Let a request wait; the sliders stay where they are."""
        return self.queue.add(replace(self.sampler.request, **changes))

    def start(self) -> None:
        """The worker begins what it was handed last."""
        self.worker.start()
        self.settle()

    def advance(self) -> bool:
        is_going = self.worker.advance()
        self.settle()
        return is_going

    def finish(self) -> None:
        """Do the run in progress to its end."""
        self.start()
        while self.advance():
            pass

    def fail(self) -> None:
        self.start()
        self.run.take(Failed(run_id=len(self.worker.requests), message="It gave NaN."))
        self.settle()

    @property
    def seeds(self) -> list[int]:
        """Seeds of what was handed to the worker."""
        return [request.seed for request in self.worker.requests]

    @property
    def waiting(self) -> list[int]:
        """Seeds of what waits."""
        return [each.request.seed for each in self.queue.waiting]


def key_of(desk: Desk, seed: int) -> int:
    """Return the key of the first one with a seed."""
    return next(each.key for each in desk.queue.entries if each.request.seed == seed)
