"""What is measured of a trained model over its data set, and stored in its file under ``aux.``."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from spikestudio.checkpoints.card import Card, Scalar
from spikestudio.checkpoints.loader import LoadedModel
from spikestudio.checkpoints.safetensors_io import AUXILIARY, read_header, read_tensors, save
from spikestudio.data.readers import Dataset
from spikestudio.data.resize import resized
from spikestudio.diffusion.analytic import TABLE
from spikestudio.diffusion.gaussian import q_sample
from spikestudio.diffusion.schedules import GaussianSchedule
from spikestudio.metrics.codebook import code_counts
from spikestudio.seeds import derive_seed
from spikestudio.training.events import Measuring
from spikestudio.training.parallel import World
from spikestudio.training.tasks import as_channels, check_fit

COUNTS = "codebook_counts"  # int64 [K], how often each code occurs in the training images
IMAGES = 16  # per diffusion time
_ENCODED = 256  # images encoded at a time


@dataclass(frozen=True, slots=True)
class Tables:
    """Tensors by their name in the file, and what the card's training facts say about them."""

    tensors: dict[str, Tensor] = field(default_factory=dict)
    notes: dict[str, Scalar] = field(default_factory=dict)


def measure(
    model: LoadedModel,
    dataset: Dataset,
    *,
    images: int = IMAGES,
    seed: int = 0,
    world: World | None = None,
) -> Generator[Measuring, None, Tables]:
    """Return a token model's code counts, or the table of the sampler `analytic` of another model.

    Parameters
    ----------
    model
        At its own threshold and SNN steps.
    dataset
        The training images. Raises ``TrainingError`` if they do not fit the model.
    images
        Drawn anew for every diffusion time; for token models each image counts once.
    seed
        Of the images and the noise.
    world
        Processes that share the work and all get the result.
    """
    config: Any = model.network.config
    if dataset.images.shape[1] == model.card.image_size:
        dataset = resized(dataset, config.image_size)
    check_fit(config, dataset)
    world = world or World()
    if model.is_token_model:
        counts = yield from _code_counts(model, dataset, world)
        notes: dict[str, Scalar] = {f"{COUNTS}_images": len(dataset)}
        return Tables({AUXILIARY + COUNTS: counts}, notes)
    gamma = yield from _gamma(model, dataset, images, seed, world)
    notes = {f"{TABLE}_images": images, f"{TABLE}_seed": seed, f"{TABLE}_dataset": dataset.name}
    return Tables({AUXILIARY + TABLE: gamma}, notes)


def add_to_file(path: Path, tables: Tables, out: Path | None = None) -> Card:
    """Write a checkpoint of ours again with the tables; its tensors and their hash stay the same."""
    header = read_header(path)
    card = replace(header.card, training={**header.card.training, **tables.notes})
    return save(out or path, read_tensors(header) | tables.tensors, card)


def _gamma(
    model: LoadedModel, dataset: Dataset, images: int, seed: int, world: World
) -> Generator[Measuring, None, Tensor]:
    """Mean square of the predicted noise at every diffusion time, float64 ``[N]``."""
    config: Any = model.network.config
    schedule = GaussianSchedule.linear(config.num_train_timesteps)
    pixels = torch.from_numpy(dataset.images).permute(0, 3, 1, 2)
    table = torch.zeros(len(schedule), dtype=torch.float64)
    for t in range(world.rank, len(schedule), world.size):
        generator = torch.Generator().manual_seed(derive_seed(seed, TABLE, t))
        chosen = torch.randint(len(dataset), (images,), generator=generator)
        x_0 = as_channels(pixels[chosen].float() / 255 * 2 - 1, config.image_channels)
        eps = torch.randn(x_0.shape, generator=generator)
        x_t = q_sample(schedule, x_0, torch.full((images,), t), eps)
        labels = (
            None
            if model.num_classes is None or dataset.labels is None
            else torch.from_numpy(dataset.labels)[chosen]
        )
        predicted = torch.cat(list(_predictions(model, x_t, t, labels)))
        table[t] = predicted.double().square().mean()
        yield Measuring(what=TABLE, done=t + 1, total=len(schedule))
    return _sum(table, model, world)


def _predictions(
    model: LoadedModel, x_t: Tensor, t: int, labels: Tensor | None
) -> Iterator[Tensor]:
    for first in range(0, len(x_t), model.chunk):
        rows = slice(first, first + model.chunk)
        prediction = model.predict(x_t[rows], t, None if labels is None else labels[rows])
        yield (prediction[0] if isinstance(prediction, tuple) else prediction).cpu()


def _code_counts(
    model: LoadedModel, dataset: Dataset, world: World
) -> Generator[Measuring, None, Tensor]:
    config: Any = model.network.config
    pixels = torch.from_numpy(dataset.images).permute(0, 3, 1, 2)
    counts = torch.zeros(config.codebook_size, dtype=torch.int64)
    for first in range(world.rank * _ENCODED, len(dataset), world.size * _ENCODED):
        part = pixels[first : first + _ENCODED]
        tokens = model.encode(part.float() / 255).cpu().numpy()
        counts += torch.from_numpy(code_counts(tokens, config.codebook_size))
        done = min(first + _ENCODED, len(dataset))
        yield Measuring(what=COUNTS, done=done, total=len(dataset))
    return _sum(counts, model, world)


def _sum(table: Tensor, model: LoadedModel, world: World) -> Tensor:
    return table if world.is_alone else world.sum_(table.to(model.device)).cpu()
