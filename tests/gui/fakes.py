"""A run without a model: random spikes, potentials, pictures and tokens that fit together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spikestudio.app.viewmodels.run import RunModel
from spikestudio.recording.values import Activity
from spikestudio.sampling.events import (
    Finished,
    ImagePreview,
    ParametersChanged,
    RunStarted,
    StepFinished,
    TokensUnmasked,
)
from spikestudio.sampling.request import SamplingRequest
from spikestudio.types import LayerInfo

MASK_ID = 32
FAN_OUT = 9  # additions that any spike causes


@dataclass(frozen=True, slots=True)
class FakePotentials:
    """Same attributes as the recorder's potentials: float32 ``[T, N]``, and the threshold."""

    h: NDArray[np.float32]
    v: NDArray[np.float32]
    current: NDArray[np.float32]
    threshold: float


def layer(layer_id: str, *shape: int) -> LayerInfo:
    """Return an IF layer."""
    return LayerInfo(layer_id, "IF", shape, v_threshold=1.0, v_reset=0.0, tau=None)


SMALL_LAYERS = (
    layer("head.neuron", 4, 6, 6),
    layer("downblocks.0.neuron1", 8, 3, 3),
    layer("middleblocks.0.neuron2", 3, 5),
)


class Gaps(set[tuple[str, int]]):
    """Pairs of layer id and step; called as ``Recorder.missing``."""

    def __call__(self, layer_id: str, step: int) -> str:
        return "let go to stay within 512 MiB" if (layer_id, step) in self else ""


class FakeRecorder:
    """Records integrate-and-fire neurons that are driven by random currents.

    Spikes are kept of every layer, potentials of the ``selected`` one. ``missing`` holds
    (layer id, step) pairs whose spikes were dropped.
    """

    def __init__(
        self,
        layers: tuple[LayerInfo, ...] = SMALL_LAYERS,
        num_steps: int = 10,
        snn_steps: int = 4,
        *,
        seed: int = 0,
        image: int = 0,
    ) -> None:
        self.layers = layers
        self.num_steps = num_steps
        self.snn_steps = snn_steps
        self.image = image
        self.steps_done = self.first_step = 0
        self.bytes_used = 0
        self.budget_bytes = 512 * 2**20
        self.recorded = tuple(info.id for info in layers)
        self.dropped = self.too_small = self.file_error = ""
        self.file_path: Path | None = None
        self.file_bytes = 0
        self.missing = Gaps()
        self.watch: tuple[tuple[str, int], ...] = ()
        self.selected = layers[0].id
        self._rng = np.random.default_rng(seed)
        self._drive = {
            info.id: self._rng.normal(0.15, 0.35, info.num_neurons).astype(np.float32)
            for info in layers
        }
        self._spikes: dict[tuple[str, int], NDArray[np.uint8]] = {}
        self._potentials: dict[tuple[str, int], FakePotentials] = {}
        self._rates = np.full((len(layers), num_steps), np.nan, np.float32)
        self.origin: dict[str, Any] = {}

    def activity(self) -> Activity:
        """Counts, as the real one keeps them."""
        activity = Activity.empty(len(self.layers), self.num_steps, self.snn_steps)
        for row, info in enumerate(self.layers):
            for step in range(self.steps_done):
                spikes = self.spikes(info.id, step)
                activity.counts[row, step] = spikes.sum(axis=1)
                activity.neurons[row, step] = info.num_neurons
                activity.silent[row, step] = (~spikes.any(axis=0)).sum()
                activity.saturated[row, step] = spikes.all(axis=0).sum()
                activity.additions[row, step] = FAN_OUT * spikes.sum()
        return activity

    def advance(self, threshold: float = 1.0) -> None:
        """Record one more denoising step."""
        for row, info in enumerate(self.layers):
            noise = self._rng.normal(0, 0.3, (self.snn_steps, info.num_neurons))
            current = (self._drive[info.id] + noise).astype(np.float32)
            h, v = np.empty_like(current), np.empty_like(current)
            after = np.full(info.num_neurons, info.v_reset, np.float32)
            for t in range(self.snn_steps):
                h[t] = after + current[t]
                v[t] = after = np.where(h[t] >= threshold, np.float32(info.v_reset), h[t])
            spikes = (h >= threshold).astype(np.uint8)
            key = (info.id, self.steps_done)
            if key not in self.missing:
                self._spikes[key] = spikes
            if info.id == self.selected:
                self._potentials[key] = FakePotentials(h, v, current, threshold)
            self._rates[row, self.steps_done] = spikes.mean()
        self.steps_done += 1

    def select(self, layer_id: str) -> None:
        """Keep that layer's potentials from the next step on."""
        self.selected = layer_id

    def state(self, step: int) -> None:
        """No state is kept."""

    def rates(self) -> NDArray[np.float32]:
        """Firing rate of every layer and step, NaN where not reached."""
        return self._rates.copy()

    def set_watch(self, neurons: Sequence[tuple[str, int]]) -> None:
        """Note which neurons are to be recorded one by one."""
        self.watch = tuple(neurons)

    def watched(self, step: int) -> None:
        """None: no neurons are recorded one by one."""

    def spikes(self, layer_id: str, step: int) -> NDArray[np.uint8] | None:
        """Spikes ``[T, N]`` of a step."""
        return self._spikes.get((layer_id, step))

    def potentials(self, layer_id: str, step: int) -> FakePotentials | None:
        """Potentials of a step."""
        return self._potentials.get((layer_id, step))


class FakeRun:
    """Feeds a ``RunModel`` as the bridge would, one denoising step at a time."""

    def __init__(
        self,
        model: RunModel,
        recorder: FakeRecorder | None = None,
        *,
        num: int = 4,
        size: int = 28,
        channels: int = 1,
        tokens: bool = False,
        seed: int = 0,
    ) -> None:
        self.model = model
        self.recorder = recorder or FakeRecorder()
        self.request = SamplingRequest(
            num=num,
            steps=self.recorder.num_steps,
            snn_steps=self.recorder.snn_steps,
            sampler="absorbing" if tokens else "ddim",
        )
        steps = self.recorder.num_steps
        self.timesteps = tuple(round(t) for t in np.linspace(999, 0, steps))
        self.threshold = self.request.threshold
        self._shape = (num, size, size, channels)
        self._rng = np.random.default_rng(seed)
        grid = (num, size // 4, size // 4)
        self._final = self._rng.integers(0, MASK_ID, grid, dtype=np.int32)
        positions = self._rng.random(grid).reshape(num, -1).argsort(axis=1).argsort(axis=1)
        self._reveal = (positions * steps // (grid[1] * grid[2])).reshape(grid).astype(np.int32)
        self._confidence = self._rng.uniform(0.2, 1.0, grid).astype(np.float32)

    def start(self) -> FakeRun:
        """Publish ``RunStarted``."""
        recorder: Any = self.recorder
        self.model.take(
            RunStarted(
                run_id=1,
                request=self.request,
                device="cpu",
                timesteps=self.timesteps,
                layers=self.recorder.layers,
                recorder=recorder,
            )
        )
        return self

    def set_threshold(self, threshold: float) -> None:
        """Change the threshold from the next step on."""
        self.threshold = threshold
        self.model.take(
            ParametersChanged(
                run_id=1, step=self.recorder.steps_done, threshold=threshold, temperature=1.0
            )
        )

    def step(self, count: int = 1) -> FakeRun:
        """Compute and publish ``count`` denoising steps."""
        for _ in range(count):
            step = self.recorder.steps_done
            self.recorder.advance(self.threshold)
            self.model.take(
                StepFinished(
                    run_id=1,
                    step=step,
                    t=self.timesteps[step],
                    seconds=0.1,
                    threshold=self.threshold,
                    temperature=1.0,
                    bytes_recorded=0,
                )
            )
            self.model.take(self._preview(step))
            if self.request.sampler == "absorbing":
                self.model.take(self._tokens(step))
        return self

    def finish(self) -> FakeRun:
        """Publish ``Finished``."""
        result: Any = object()
        self.model.take(Finished(run_id=1, result=result))
        return self

    def _preview(self, step: int) -> ImagePreview:
        def picture() -> NDArray[np.uint8]:
            return self._rng.integers(0, 256, self._shape, dtype=np.uint8)

        if self.request.sampler == "absorbing":
            return ImagePreview(run_id=1, step=step, decoded=picture())
        return ImagePreview(run_id=1, step=step, x_t=picture(), x0_hat=picture())

    def _tokens(self, step: int) -> TokensUnmasked:
        revealed = self._reveal <= step
        return TokensUnmasked(
            run_id=1,
            step=step,
            tokens=np.where(revealed, self._final, MASK_ID).astype(np.int32),
            order=np.where(revealed, self._reveal, -1).astype(np.int32),
            confidence=np.where(revealed, self._confidence, 0).astype(np.float32),
            mask_id=MASK_ID,
        )


def shown(qtbot: Any, view: Any, width: int = 700, height: int = 450) -> Any:
    """Show a view in a window of its own and wait until it is laid out."""
    qtbot.addWidget(view)
    view.resize(width, height)
    with qtbot.waitExposed(view):
        view.show()
    return view


def draw(qtbot: Any, view: Any) -> None:
    """Draw frames until nothing changes any more, as the bridge's timer would."""

    def is_settled() -> bool:
        view.draw_if_needed()
        qtbot.wait(1)
        return not view.draw_if_needed()

    qtbot.waitUntil(is_settled)
