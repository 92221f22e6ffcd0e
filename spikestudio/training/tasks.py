"""What one stage of training optimises: a module, and its loss on a batch of images."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from spikestudio.data.readers import Dataset
from spikestudio.diffusion import absorbing
from spikestudio.diffusion.gaussian import balanced_weights, q_sample
from spikestudio.diffusion.schedules import GaussianSchedule
from spikestudio.errors import TrainingError
from spikestudio.language import tr
from spikestudio.training.codebook import restart_unused
from spikestudio.training.parallel import Part
from spikestudio.training.presets import Stage
from spikestudio.training.sdit import sdit_loss
from spikestudio.training.spiking_diffusion import sdid_loss, vqsvae_loss

Loss = Callable[[Tensor, torch.Generator, Part], dict[str, Tensor]]
Tend = Callable[[Tensor, torch.Generator], None]

TEND_EVERY = 50  # steps
TEND_SHARE = 0.6  # of a stage; what was changed last is then learned like the rest


@dataclass(frozen=True, slots=True)
class Task:
    """``trained`` is the module whose parameters move; ``loss`` gives scalars, ``loss`` among them.

    ``loss(indices, generator, part)`` takes int64 ``[B]`` positions in the data set and draws all its
    randomness from the generator, so a step depends on the weights and its number alone. The scalars
    are means over the images of ``part``; random numbers are drawn for the whole batch.

    ``tend(indices, generator)`` sees to the weights every ``TEND_EVERY`` steps of the stage's first
    ``TEND_SHARE``; every process does the same.
    """

    trained: nn.Module
    loss: Loss
    tend: Tend | None = None


def is_tended(stage: Stage, step: int) -> bool:
    """Whether the weights are seen to after step ``step``, from 0."""
    return step % TEND_EVERY == 0 and step < TEND_SHARE * stage.num_steps


def check_fit(config: Any, dataset: Dataset) -> None:  # noqa: ANN401  one of three architectures
    """Raise ``TrainingError`` unless a network of this configuration can learn from the data set."""
    num_classes = getattr(config, "num_classes", None)
    _, height, width, channels = dataset.images.shape
    is_grey_copied = num_classes is not None and channels == 1  # see as_channels
    if (height, width) != (config.image_size, config.image_size) or not (
        channels == config.image_channels or is_grey_copied
    ):
        raise TrainingError(
            tr(
                "The images of {dataset} are {height}x{width} with {channels} channels and this "
                "preset's network takes {image_size}x{image_size} with "
                "{image_channels}: choose another preset or data set.",
                dataset=dataset.name,
                height=height,
                width=width,
                channels=channels,
                image_size=config.image_size,
                image_channels=config.image_channels,
            )
        )
    if num_classes is not None and (
        dataset.labels is None or int(dataset.labels.max()) >= num_classes
    ):
        raise TrainingError(
            tr(
                "This preset's network learns {num_classes} classes, which {dataset} does not have: "
                "choose another architecture, which needs none, or another data set.",
                num_classes=num_classes,
                dataset=dataset.name,
            )
        )


def make_task(
    stage: Stage,
    network: Any,  # noqa: ANN401  one of three architectures
    dataset: Dataset,
    device: torch.device,
    compiled: Callable[[nn.Module], Any],
    dtype: torch.dtype = torch.float32,
) -> Task:
    """Task of a stage; ``compiled`` wraps the module that is called (the identity unless asked for)."""
    images = torch.from_numpy(dataset.images).permute(0, 3, 1, 2).contiguous()
    labels = None if dataset.labels is None else torch.from_numpy(dataset.labels)

    def batch(indices: Tensor, part: Part) -> Tensor:
        return images[part.of(indices)].to(device).to(dtype) / 255

    if stage.name == "vqsvae":
        variance = float((images.float() / 255).var())
        call = compiled(network.vqsvae)

        def restart(indices: Tensor, generator: torch.Generator) -> None:
            restart_unused(network.vqsvae, batch(indices, Part.whole(len(indices))), generator)

        return Task(
            network.vqsvae,
            lambda i, _, part: vqsvae_loss(call, batch(i, part), variance),
            tend=restart if stage.options.get("restart_unused") else None,
        )
    if stage.name == "sdid":
        tokens = _all_tokens(network, images, device, dtype)
        call = compiled(network.sdid)
        return Task(network.sdid, lambda i, g, part: _token_loss(call, tokens, i, stage, g, part))
    schedule = GaussianSchedule.linear(network.config.num_train_timesteps)
    call = compiled(network)
    if hasattr(network.config, "num_classes"):
        assert labels is not None  # see check_fit
        known = labels
        return Task(
            network,
            lambda i, g, part: {
                "loss": sdit_loss(
                    call,
                    schedule,
                    as_channels(batch(i, part) * 2 - 1, network.config.image_channels),
                    known[part.of(i)].to(device),
                    generator=g,
                    part=part,
                    **stage.options,
                )
            },
        )
    return Task(
        network,
        lambda i, g, part: _noise_loss(call, schedule, batch(i, part) * 2 - 1, stage, g, part),
    )


def _noise_loss(
    network: Any,  # noqa: ANN401  possibly compiled
    schedule: GaussianSchedule,
    x_0: Tensor,
    stage: Stage,
    generator: torch.Generator,
    part: Part,
) -> dict[str, Tensor]:
    """Squared error of the predicted noise (arXiv 2306.17046), by default all times alike."""
    shape = x_0.shape[1:]
    t = part.draw(lambda n: torch.randint(len(schedule), (n,), generator=generator)).to(x_0.device)
    eps = part.draw(lambda n: torch.randn((n, *shape), generator=generator)).to(x_0)
    predicted = network(q_sample(schedule, x_0, t, eps), t).to(x_0.dtype)
    error = (predicted - eps).square().flatten(1).mean(1)
    loss = error
    if stage.options.get("weighting") == "balanced":
        loss = error * balanced_weights(schedule, t)
    return {"loss": loss.mean(), "mse": error.detach().mean()}


def _token_loss(
    network: Any,  # noqa: ANN401  possibly compiled
    tokens: Tensor,
    indices: Tensor,
    stage: Stage,
    generator: torch.Generator,
    part: Part,
) -> dict[str, Tensor]:
    n = network.config.num_train_timesteps
    whole = tokens[indices]
    t = torch.randint(1, n + 1, whole.shape[:1], generator=generator).to(tokens.device)
    uniform = torch.rand(whole.shape, generator=generator).to(tokens.device)
    _, mask = absorbing.q_sample(whole, t, uniform, n, network.config.mask_id)
    own = part.of(mask)
    losses = sdid_loss(network, part.of(whole), part.of(t), own, **stage.options)
    if (
        len(part) < part.total
    ):  # a mean over masked positions, whose number differs from part to part
        share = losses["cross_entropy"] * own.sum() / mask.sum().clamp(min=1)
        losses["cross_entropy"] = share / part.share
    return losses


@torch.inference_mode()
def _all_tokens(
    network: Any,  # noqa: ANN401
    images: Tensor,
    device: torch.device,
    dtype: torch.dtype,
) -> Tensor:
    """Token maps int64 ``[N, h, w]`` of the whole data set, encoded in evaluation mode."""
    was_training = network.training
    network.eval()
    chunks = [network.encode(chunk.to(device).to(dtype) / 255) for chunk in images.split(256)]
    network.train(was_training)
    return torch.cat(chunks).clone()


def as_channels(x: Tensor, channels: int) -> Tensor:
    """Grey copied to the channels that the network wants."""
    return x.expand(-1, channels, -1, -1) if x.shape[1] != channels else x
