"""Small recordings whose every number is known."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spikestudio.recording.values import Activity, Parameters, Watched
from spikestudio.types import LayerInfo

STEPS, SNN_STEPS, NEURONS = 5, 3, 24
LAYERS = (
    LayerInfo("a.neuron", "IF", (6, 2, 2), 1.0, 0.0, None),
    LayerInfo("b.neuron", "LIF", (4, 6), 1.0, 0.0, 2.0),
)
ORIGIN: dict[str, Any] = {
    "schema_version": 1,
    "request": {"num": 2, "seed": 7, "threshold": 1.0, "temperature": 1.0},
    "changes": [{"step": 3, "threshold": 0.9, "temperature": 1.0}],
    "steps_done": STEPS,
    "image_seeds": [3, 2**60],
    "labels": None,
    "checkpoint": {"name": "tiny (ä) <&>\\", "tensors_sha256": "0" * 64},
}


@dataclass
class Known:
    """Stands for a recording of a pixel model, or of a token model; step 2 lacks its spikes."""

    has_tokens: bool = False
    rate: float = 0.3
    origin: dict[str, Any] = field(default_factory=lambda: dict(ORIGIN))
    layers = LAYERS
    num_steps = steps_done = STEPS
    snn_steps = SNN_STEPS
    image = first_step = 0
    recorded = ("a.neuron",)
    selected = "a.neuron"
    bytes_used = budget_bytes = file_bytes = 0
    dropped = too_small = file_error = ""
    file_path: Path | None = None

    def spikes(self, layer_id: str, step: int) -> NDArray[np.uint8] | None:
        if layer_id != "a.neuron" or step == 2:
            return None
        rng = np.random.default_rng(step)
        return (rng.random((SNN_STEPS, NEURONS)) < self.rate).astype(np.uint8)

    def watched(self, step: int) -> Watched | None:
        if step == 1:
            return None
        rng = np.random.default_rng(100 + step)
        h, current = rng.normal(0.5, 0.7, (2, SNN_STEPS, 2)).astype(np.float32)
        v = np.where(h >= 1, np.float32(0), h)
        threshold = np.array([1.0, 0.9], np.float32)
        return Watched((("a.neuron", 5), ("b.neuron", 17)), h, v, current, threshold)

    def activity(self) -> Activity:
        activity = Activity.empty(2, STEPS, SNN_STEPS)
        activity.neurons[:] = 48
        activity.counts[:] = np.arange(2 * STEPS * SNN_STEPS).reshape(2, STEPS, SNN_STEPS)
        return activity

    def rates(self) -> NDArray[np.float32]:
        return self.activity().rates

    def parameters(self, step: int) -> Parameters | None:
        return Parameters(1.0 if step < 3 else 0.9, 1.0)

    def potentials(self, layer_id: str, step: int) -> None:
        return None

    def logits_of(self, step: int, image: int) -> None:
        return None

    def select(self, layer_id: str) -> None: ...

    def set_watch(self, neurons: Any) -> None: ...

    def missing(self, layer_id: str, step: int) -> str:
        return ""

    def state(self, step: int) -> dict[str, NDArray[Any]] | None:
        if not 0 <= step < STEPS:
            return None
        rng = np.random.default_rng(step)
        if not self.has_tokens:
            x = rng.uniform(-1, 1, (2, 2, 1, 8, 8)).astype(np.float32)
            return {"x_t": x[0], "x0_hat": x[1]}
        order = np.arange(9).reshape(3, 3)
        revealed = np.where(order < 2 * step, order // 2, -1).astype(np.int32)
        both = np.stack((revealed, revealed))
        return {
            "tokens": np.where(both < 0, 16, 5).astype(np.int32),
            "revealed": both,
            "confidence": rng.random((2, 3, 3)).astype(np.float32),
            "guess": np.full((2, 3, 3), 5, np.int32),
            "decoded": rng.integers(0, 256, (2, 8, 8, 1), np.uint8),
        }
