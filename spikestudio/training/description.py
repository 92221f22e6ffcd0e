"""The card of a network that is being trained or has been."""

from __future__ import annotations

from collections.abc import Mapping

from spikestudio.checkpoints.card import Card, Scalar
from spikestudio.data.readers import Dataset
from spikestudio.data.registry import dataset_info
from spikestudio.models.config import to_json
from spikestudio.training.request import TrainingRequest


def describe(
    request: TrainingRequest,
    dataset: Dataset,
    *,
    steps: int,
    hours: float,
    processes: int,
    started_from: str,
    notes: Mapping[str, Scalar],
) -> Card:
    """Card after ``steps`` steps of all stages; ``notes`` are further facts of the training."""
    info, last = dataset_info(dataset.name), request.preset.stages[-1]
    return Card.describe(
        request.architecture,
        to_json(request.preset.config),
        dataset=dataset.name,
        data_licence=info.licence,
        image_size=info.image_size,
        image_channels=info.channels,
        classes=dataset.classes,
        training={
            "preset": request.preset_name,
            "steps": steps,
            "steps_planned": sum(stage.num_steps for stage in request.preset.stages),
            "batch_size": last.batch_size,
            "optimiser": "AdamW",
            "learning_rate": last.learning_rate,
            "learning_rate_decay": last.decay,
            "ema_decay": last.ema_decay,
            "images": len(dataset),
            "seed": request.seed,
            "device": request.device,
            "precision": request.precision,
            "hours": round(hours, 3),
            **({"processes": processes} if processes > 1 else {}),
            **({"parts": request.parts} if request.parts > 1 else {}),
            **({"started_from": started_from} if started_from else {}),
            **notes,
        },
        defaults=request.preset.defaults,
    )
