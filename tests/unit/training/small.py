"""Training runs that take a second: a data set made up on the spot, and presets of a few steps."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from spikestudio.data.readers import Dataset
from spikestudio.training.presets import PRESETS, Preset
from spikestudio.training.request import TrainingRequest
from tests.tiny import CONFIGS, tiny_config


def small_dataset(architecture: str, num: int = 30, name: str = "mnist") -> Dataset:
    """Bright bars on black, whose class is their position."""
    size = CONFIGS[architecture]["image_size"]
    generator = np.random.default_rng(0)
    labels = np.arange(num) % 4
    images = generator.integers(0, 30, (num, size, size, 1), dtype=np.uint8)
    for image, label in zip(images, labels, strict=True):
        image[2 * label : 2 * label + 2] = 230
    return Dataset(name, "train", images, labels.astype(np.int64), tuple("0123456789"))


def small_preset(architecture: str, *, num_steps: int = 6, **changes: Any) -> Preset:
    """The preset ``micro`` for the tiny network; SNN steps change half-way through a stage."""
    preset = PRESETS[architecture, "micro"]
    settings = {
        "batch_size": 8,
        "warmup_steps": 2,
        "learning_rate": 2e-3,
        "snn_schedule": ((0.5, 1), (0.5, 3)),
    }
    stages = tuple(
        replace(stage, num_steps=num_steps, **settings | changes) for stage in preset.stages
    )
    defaults = {**preset.defaults, "num": 3, "steps": 2}
    return replace(preset, config=tiny_config(architecture), stages=stages, defaults=defaults)


def small_request(architecture: str, folder: Path, **changes: Any) -> TrainingRequest:
    """Return a request whose run folder exists."""
    run_folder = folder / "model.run"
    run_folder.mkdir(parents=True, exist_ok=True)
    request = TrainingRequest(
        architecture=architecture,
        preset_name="micro",
        preset=small_preset(architecture),
        run_folder=run_folder,
        out=folder / "model.safetensors",
    )
    return replace(request, **changes)
