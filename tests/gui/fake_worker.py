"""A worker without a thread and without a model: the test says when something happens."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from spikestudio.checkpoints.card import Card
from spikestudio.checkpoints.catalog import Entry
from spikestudio.recording.record import Record
from spikestudio.sampling.control import RunControl
from spikestudio.sampling.events import (
    Cancelled,
    Event,
    Finished,
    ImagePreview,
    ParametersChanged,
    Paused,
    Resumed,
    RunStarted,
    StepFinished,
    TokensUnmasked,
)
from spikestudio.sampling.request import SamplingRequest
from spikestudio.sampling.result import RunResult
from spikestudio.sampling.worker import Encoded, LoadFailed, ModelInfo, ModelLoaded, ModelLoading
from spikestudio.types import LayerInfo
from tests.gui.fakes import MASK_ID, SMALL_LAYERS, FakeRecorder


def card(architecture: str = "sddpm", **changes: Any) -> Card:
    """Return a card of a small model trained on MNIST."""
    config: dict[str, Any] = {"num_snn_steps": 4, "num_train_timesteps": 1000}
    if architecture == "spiking-diffusion":
        config |= {"codebook_size": MASK_ID, "image_size": 28, "encoder_widths": [32, 64]}
    if architecture == "sdit":
        config["num_classes"] = 10
    config |= changes.pop("config", {})
    return Card.describe(
        architecture,
        config,
        dataset="mnist",
        data_licence="CC BY-SA 3.0",
        image_size=28,
        image_channels=1,
        classes=tuple("0123456789"),
        **changes,
    )


def entry(name: str = "sddpm-mnist", architecture: str = "sddpm", folder: str = "models") -> Entry:
    """Return a catalogue entry of a file that need not exist."""
    path = Path(folder) / f"{name}.safetensors"
    return Entry(name, path, card(architecture), None, 4_400_000, 1_100_000, is_bundled=True)


def model_info(
    path: Path,
    model_card: Card,
    *,
    layers: tuple[LayerInfo, ...] = SMALL_LAYERS,
    device: str = "cpu",
) -> ModelInfo:
    """Return what a worker says about a loaded model."""
    return ModelInfo(
        name=path.stem,
        path=path,
        card=model_card,
        layers=layers,
        device=device,
        devices=("cuda", "cpu"),
        defaults=SamplingRequest(**{**model_card.run_defaults(), "num": 4}),
        parameters=1_100_000,
        tsm_locked=bool(model_card.config.get("tsm")),
    )


class FakeWorker:
    """Loads at once, unless ``is_slow``; a run advances only by ``advance``."""

    def __init__(
        self,
        publish: Callable[[Any], None],
        entries: Sequence[Entry] = (),
        *,
        layers: tuple[LayerInfo, ...] = SMALL_LAYERS,
    ) -> None:
        self.publish = publish
        self.cards = {item.path: item.card for item in entries}
        self._layers = layers
        self.is_slow = False
        self.is_closed = False
        self.loads: list[tuple[Path, str]] = []
        self.told: list[Any] = []  # of each load
        self.requests: list[SamplingRequest] = []
        self.images: list[int] = []
        self.inspections: list[tuple[int, str, int]] = []
        self.recordings: list[Any] = []
        self.layers: list[str] = []
        self.branches: list[tuple[Any, Any]] = []  # of each request, with the record of its parent
        self.records: list[Record | None] = []
        self.control: RunControl | None = None
        self.recorder: FakeRecorder | None = None
        self._threshold = self._temperature = 1.0
        self._is_waiting = False

    def load(self, path: Path, device: str, told: Any = None) -> None:
        self.loads.append((path, device))
        self.told.append(told)
        self.publish(ModelLoading(path))
        if not self.is_slow:
            self.end_load()

    def walk(self, image: Any) -> None:
        """Answer nothing: there is no model."""

    def encode(self, image: Any) -> None:
        """Answer with the code 5 in every cell."""
        self.publish(Encoded(image, np.full((7, 7), 5, np.int32)))

    def end_load(self) -> None:
        """Answer the newest load: a file that is in the catalogue loads, another one fails."""
        path, device = self.loads[-1]
        found = self.cards.get(path)
        if found is None:
            self.publish(LoadFailed(path, f"Cannot read {path.name}: it is empty.", "a traceback"))
            return
        device = "cpu" if device == "auto" else device
        info = model_info(path, found, layers=self._layers, device=device)
        self.publish(ModelLoaded(info))

    def sample(
        self,
        request: SamplingRequest,
        image: int = 0,
        layer: str = "",
        record: Record | None = None,
        describe: Any = None,
        branch: Any = None,
        parent: Any = None,
        *,
        is_single_step: bool = False,
    ) -> RunControl:
        self.branches.append((branch, parent))
        self.requests.append(request)
        self.records.append(record)
        self.images.append(image)
        self.layers.append(layer)
        self.control = RunControl()
        if is_single_step:
            self.control.step_once()
        self._threshold, self._temperature = request.threshold, request.temperature
        self._is_waiting = False
        self.recorder = FakeRecorder(self._layers, request.steps, request.snn_steps)
        if record is not None:
            self.recorder.budget_bytes = record.budget_bytes
        return self.control

    def inspect(self, step: int, layer: str, image: int, recording: Any = None) -> None:
        self.inspections.append((step, layer, image))
        self.recordings.append(recording)

    def close(self) -> None:
        self.is_closed = True

    def start(self) -> None:
        """Publish ``RunStarted``."""
        steps = self.requests[-1].steps
        self._event(
            RunStarted,
            request=self.requests[-1],
            device="cpu",
            timesteps=tuple(round(t) for t in np.linspace(999, 0, steps)),
            layers=self._layers,
            recorder=self.recorder,
        )

    def advance(self) -> bool:
        """Do what a real run does between two denoising steps; False when it has ended."""
        control, recorder = self.control, self.recorder
        if control is None or recorder is None:
            return False
        if control.is_cancelled:
            return self._end(Cancelled)
        step = recorder.steps_done
        if control.must_wait():
            if not self._is_waiting:
                self._is_waiting = True
                self._event(Paused, step=step)
            return True
        if self._is_waiting:
            self._is_waiting = False
            self._event(Resumed, step=step)
        if changes := control.take_parameters():
            self._threshold = changes.get("threshold", self._threshold)
            self._temperature = changes.get("temperature", self._temperature)
            values = {"threshold": self._threshold, "temperature": self._temperature}
            self._event(ParametersChanged, step=step, **values)
        recorder.advance(self._threshold)
        self._event(
            StepFinished,
            step=step,
            t=round(999 * (1 - step / recorder.num_steps)),
            seconds=0.1,
            threshold=self._threshold,
            temperature=self._temperature,
            bytes_recorded=(step + 1) * 2**20,
        )
        self._publish_pictures(step)
        return True if recorder.steps_done < recorder.num_steps else self._end(Finished)

    def _publish_pictures(self, step: int) -> None:
        """Show a bright square that comes out of noise, or tokens that are revealed row by row."""
        request, done = self.requests[-1], (step + 1) / self.requests[-1].steps
        rng = np.random.default_rng([request.seed, step])
        clean = np.zeros((request.num, 28, 28, 1))
        clean[:, 8:20, 8:20] = 255
        noise = rng.normal(128, 60, clean.shape)
        noisy = (done * clean + (1 - done) * noise).clip(0, 255).astype(np.uint8)
        if request.sampler != "absorbing":
            x0_hat = (noisy * 0.5 + clean * 0.5).astype(np.uint8)
            self._event(ImagePreview, step=step, x_t=noisy, x0_hat=x0_hat)
            return
        self._event(ImagePreview, step=step, decoded=noisy)
        order = np.broadcast_to(
            np.arange(49).reshape(7, 7) * request.steps // 49, (request.num, 7, 7)
        )
        is_known = order <= step
        tokens = np.random.default_rng(request.seed).integers(0, MASK_ID, order.shape)
        self._event(
            TokensUnmasked,
            step=step,
            tokens=np.where(is_known, tokens, MASK_ID).astype(np.int32),
            order=np.where(is_known, order, -1).astype(np.int32),
            confidence=np.where(is_known, 0.8, 0).astype(np.float32),
            mask_id=MASK_ID,
        )

    def _end(self, kind: type[Finished] | type[Cancelled]) -> bool:
        request = self.requests[-1]
        steps_done = self.recorder.steps_done if self.recorder else 0
        result = RunResult(
            request=request,
            checkpoint="fake",
            tensors_sha256="0" * 64,
            architecture="sddpm",
            device="cpu",
            num_threads=1,
            timesteps=tuple(range(request.steps, 0, -1)),
            steps_done=steps_done,
            seconds=0.1 * steps_done,
            thresholds=(self._threshold,) * steps_done,
            temperatures=(self._temperature,) * steps_done,
            images=np.zeros((request.num, 28, 28, 1), np.uint8) if steps_done else None,
        )
        self._event(kind, result=result)
        self.control = None
        return False

    def _event(self, kind: type[Event], **values: Any) -> None:
        self.publish(kind(run_id=len(self.requests), **values))
