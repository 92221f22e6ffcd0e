"""Fréchet autoencoder distance (FAD): a Fréchet distance of an auto-encoder's latents.

With published weights (arXiv 2110.00375, 2312.01742) the network stays in training mode: its batch
normalisation uses the statistics of each batch, so a figure depends on the size of the batches and
the order of the images. That is reproduced, in batches of 256. An auto-encoder of our own is used in
evaluation mode, where each image has one latent. Figures of the two cannot be compared.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import save_file
from torch import nn

from spikestudio.errors import DataError
from spikestudio.metrics.autoencoder import (
    Autoencoder,
    load_autoencoder,
    to_input,
    train_autoencoder,
)
from spikestudio.metrics.cache import cache_file, cached_arrays, image_hash, keep, network_hash
from spikestudio.metrics.features import FeatureSet

BATCH = 256
STEPS = 240  # of a training of our own: one epoch of MNIST


class Encoder:
    """An auto-encoder and how its latents are computed."""

    def __init__(self, network: Autoencoder, *, is_published: bool) -> None:
        self.network = network
        self.is_published = is_published
        self.hash = network_hash(network)
        network.train(is_published)
        for module in network.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.track_running_stats = not is_published  # else looking would change it

    @property
    def protocol(self) -> dict[str, Any]:
        """What a figure depends on."""
        statistics = f"of each batch of {BATCH}, in order" if self.is_published else "of training"
        return {
            "features": f"latents of an auto-encoder ({self.network.latent})",
            "weights": ("given " if self.is_published else "trained here ") + self.hash[:12],
            "batch_norm": f"statistics {statistics}",
            "resize": f"Pillow bilinear to {self.network.size}x{self.network.size}",
        }

    def latents(self, images: NDArray[np.uint8], *, is_kept: bool = False) -> FeatureSet:
        """Latents float64 ``[N, latent]`` of uint8 images ``[N, H, W, C]``, in order."""

        def compute() -> dict[str, NDArray[Any]]:
            with torch.inference_mode():
                parts = [
                    self.network.encode(to_input(images[k : k + BATCH], self.network)).numpy()
                    for k in range(0, len(images), BATCH)
                ]
            return {"latents": np.concatenate(parts)}

        key = (self.hash, str(self.is_published), image_hash(images))
        arrays = cached_arrays("latents", key, compute) if is_kept else compute()
        return FeatureSet(arrays["latents"].astype(np.float64))


def published_encoder(path: Path) -> Encoder:
    """Weights of the authors; raises ``DataError`` if they are others."""
    return Encoder(load_autoencoder(path), is_published=True)


def own_encoder(
    images: NDArray[np.uint8],
    *,
    steps: int = STEPS,
    advance: Callable[[int], object] = lambda _: None,
) -> Encoder:
    """An auto-encoder of these training images: from the cache, or trained in minutes.

    ``advance`` is told of steps done.
    """
    path = cache_file("autoencoder", (image_hash(images), str(steps)), ".safetensors")
    if path.is_file():
        try:
            return Encoder(load_autoencoder(path), is_published=False)
        except DataError:
            pass  # broken: trained again
    training = train_autoencoder(images, steps=steps)
    network, _ = next(training)
    for _ in training:
        advance(1)
    network.eval()
    keep(path, lambda temporary: save_file(network.state_dict(), temporary))
    return Encoder(network, is_published=False)
