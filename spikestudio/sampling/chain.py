"""The chain of denoising steps that a request asks for, with any function in the network's place."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor

from spikestudio.checkpoints.loader import LoadedModel
from spikestudio.diffusion.absorbing import TokenStep, unmask
from spikestudio.diffusion.samplers import SAMPLERS, SamplerStep, guided
from spikestudio.diffusion.schedules import GaussianSchedule
from spikestudio.recording.recorder import Probe
from spikestudio.sampling.request import SamplingRequest
from spikestudio.seeds import ImageStreams

Predict = Callable[..., Any]  # a tensor or a pair of tensors, as the model gives
Chain = Iterator[SamplerStep | TokenStep]


def state_shapes(model: LoadedModel, request: SamplingRequest) -> dict[str, tuple[int, ...]]:
    """Shape of every array of a step's state (see ``recording.values.State``)."""
    config: Any = model.network.config
    if not model.is_token_model:
        shape = (request.num, config.image_channels, config.image_size, config.image_size)
        return dict.fromkeys(("x_t", "x0_hat"), shape)
    grid = (config.grid_size, config.grid_size)
    names = ("tokens", "revealed", "confidence", "guess")
    card = model.card
    decoded = (request.num, card.image_size, card.image_size, card.image_channels)
    logits = (request.num, config.codebook_size, *grid)
    shapes = dict.fromkeys(names, (request.num, *grid))
    return {**shapes, "decoded": decoded, "logits": logits}


def make_chain(
    model: LoadedModel,
    request: SamplingRequest,
    timesteps: tuple[int, ...],
    predict: Predict,
    temperature: Callable[[], float],
) -> tuple[Chain, Tensor | None]:
    """Sampler of a request from its first step on, and the classes int64 ``[B]`` it asks for.

    ``predict`` stands in for the model's; ``temperature`` is read at every step.
    """
    config: Any = model.network.config
    streams = ImageStreams(request.seed, request.num, request.first_image)
    if model.is_token_model:
        return unmask(
            predict,
            shape=(request.num, config.grid_size, config.grid_size),
            steps=request.steps,
            mask_id=config.mask_id,
            temperature=temperature,
            uniform=lambda shape: streams.uniform(*shape[1:]).to(model.device),
            num_timesteps=config.num_train_timesteps,
        ), None
    shape = (config.image_channels, config.image_size, config.image_size)
    x = streams.normal(*shape).to(model.device)
    labels = None
    if model.num_classes is not None:
        labels = streams.labels(model.num_classes)
        if request.class_label is not None:
            labels.fill_(request.class_label)
        predict = guided(predict, labels.to(model.device), request.guidance, model.num_classes)
    return SAMPLERS[request.sampler](
        predict,
        x,
        schedule=GaussianSchedule.linear(config.num_train_timesteps),
        times=timesteps,
        noise=lambda like: streams.normal(*like.shape[1:]).to(like),
        clip_x0=request.clip_x0,
    ), labels


def in_chunks(function: Predict, size: int, probe: Probe) -> Predict:
    """Evaluate a batch in parts, telling the probe which rows each part holds."""

    def evaluate(*batch: Tensor) -> Any:  # noqa: ANN401
        parts = []
        for first in range(0, len(batch[0]), size):
            part = [each[first : first + size] for each in batch]
            probe.first_row, probe.num_rows = first, len(part[0])
            output = function(*part)
            parts.append(output if isinstance(output, tuple) else (output,))
        whole = tuple(torch.cat(each) for each in zip(*parts, strict=True))
        return whole if len(whole) > 1 else whole[0]

    return evaluate


def guess(step: TokenStep) -> Tensor:
    """Tokens int64 ``[B, h, w]`` with the most probable code where still masked."""
    return torch.where(step.order < 0, step.logits.argmax(1), step.tokens)
