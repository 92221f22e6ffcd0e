"""The auto-encoder of the Fréchet autoencoder distance (arXiv 2110.00375), with its published names.

Convolutions of stride 2 down to 2x2, a latent vector, and back. 32x32 images have four stages, 64x64
ones five.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional

from spikestudio.errors import DataError
from spikestudio.language import tr
from spikestudio.metrics.weights import read_weights

WIDTHS = (32, 64, 128, 256, 512)
BATCH = 250


class Autoencoder(nn.Module):
    """Float ``[B, C, S, S]`` in [-1, 1], S = 32 or 64, to latents ``[B, latent]`` and back."""

    def __init__(self, channels: int = 1, latent: int = 64, stages: int = 4) -> None:
        super().__init__()
        self.channels, self.latent, self.size = channels, latent, 2 ** (stages + 1)
        widths = WIDTHS[:stages]
        pairs = list(zip((channels, *widths), widths, strict=False))
        self.encoder = nn.Sequential(*(_block(nn.Conv2d(a, b, 3, 2, 1)) for a, b in pairs))
        self.latent_layer = nn.Linear(4 * widths[-1], latent)
        self.decoder_input = nn.Linear(latent, 4 * widths[-1])
        self.decoder = nn.Sequential(
            *(_block(nn.ConvTranspose2d(b, a, 3, 2, 1, 1)) for a, b in reversed(pairs[1:]))
        )
        self.final_layer = nn.Sequential(
            *_block(nn.ConvTranspose2d(widths[0], widths[0], 3, 2, 1, 1)),
            nn.ConvTranspose2d(widths[0], channels, 3, padding=1),
            nn.Tanh(),
        )

    def encode(self, x: Tensor) -> Tensor:
        """Latents ``[B, latent]``."""
        latents: Tensor = self.latent_layer(self.encoder(x).flatten(1))
        return latents

    def forward(self, x: Tensor) -> Tensor:
        hidden = self.decoder_input(self.encode(x)).view(len(x), -1, 2, 2)
        output: Tensor = self.final_layer(self.decoder(hidden))
        return output


def _block(convolution: nn.Conv2d | nn.ConvTranspose2d) -> nn.Sequential:
    return nn.Sequential(convolution, nn.BatchNorm2d(convolution.out_channels), nn.LeakyReLU())


def autoencoder_for(image_size: int, channels: int) -> Autoencoder:
    """One of the published size for a data set, with random weights."""
    stages = 4 if image_size <= 32 else 5
    return Autoencoder(channels, 64 if channels == 1 else 128, stages)


def load_autoencoder(path: Path) -> Autoencoder:
    """Read weights under the published names; raises ``DataError`` if they are others."""
    tensors = read_weights(path)
    try:
        stages = len({name.split(".")[1] for name in tensors if name.startswith("encoder.")})
        network = Autoencoder(
            tensors["encoder.0.0.weight"].shape[1], len(tensors["latent_layer.bias"]), stages
        )
        network.load_state_dict(tensors)
    except (KeyError, IndexError, TypeError, RuntimeError) as error:
        raise DataError(
            tr(
                "{path} is not an auto-encoder of the Fréchet autoencoder distance: choose a file of "
                "FullySpikingVAE's or FSDDIM's, or leave it out to have one trained.",
                path=path,
            ),
            path=path,
        ) from error
    return network.float().eval()


def to_input(images: NDArray[np.uint8], network: Autoencoder) -> Tensor:
    """uint8 ``[N, H, W, C]`` to the network's size (Pillow's bilinear filter) and range."""
    if images.shape[3] != network.channels:
        raise DataError(
            tr(
                "The auto-encoder looks at images of {channels} channels, not "
                "{images_shape}: use one for this data set.",
                channels=network.channels,
                images_shape=images.shape[3],
            )
        )
    size = (network.size, network.size)
    if images.shape[1:3] != size:
        bilinear = Image.Resampling.BILINEAR
        images = np.stack(
            [np.asarray(Image.fromarray(each.squeeze()).resize(size, bilinear)) for each in images]
        ).reshape(len(images), *size, network.channels)
    x = torch.tensor(images).permute(0, 3, 1, 2).contiguous().float()
    return x / 127.5 - 1


def train_autoencoder(
    images: NDArray[np.uint8], *, steps: int, seed: int = 0
) -> Iterator[tuple[Autoencoder, float]]:
    """Train on images ``[N, H, W, C]``; yields the network and the loss after every step."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = autoencoder_for(images.shape[1], images.shape[3])
    generator = torch.Generator().manual_seed(seed)
    x = to_input(images, network)
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 4e-3, total_steps=steps)
    network.train()
    per_epoch = math.ceil(len(x) / BATCH)
    order = torch.empty(0)
    for step in range(steps):
        k = step % per_epoch
        if k == 0:
            order = torch.randperm(len(x), generator=generator)
        batch = x[order[k * BATCH : (k + 1) * BATCH]]
        loss = functional.mse_loss(network(batch), batch)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        yield network, loss.item()
