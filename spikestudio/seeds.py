"""Random streams: one per image, and seeds derived from what they are for."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch


def derive_seed(seed: int, *purpose: str | int) -> int:
    """63-bit seed that depends on every part of ``purpose``, the same on every platform."""
    text = "/".join(map(str, (seed, *purpose)))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1


class ImageStreams:
    """One generator per image, so that image k is the same whatever the batch around it.

    Draws are made on the CPU in float32 and moved, so they do not depend on the device.
    """

    def __init__(self, seed: int, num: int, first: int = 0) -> None:
        import torch

        self.generators = [
            torch.Generator().manual_seed(derive_seed(seed, "image", k))
            for k in range(first, first + num)
        ]

    def normal(self, *shape: int) -> torch.Tensor:
        """Standard normal ``[B, *shape]``."""
        import torch

        return torch.stack([torch.randn(shape, generator=g) for g in self.generators])

    def uniform(self, *shape: int) -> torch.Tensor:
        """Uniform in [0, 1), ``[B, *shape]``."""
        import torch

        return torch.stack([torch.rand(shape, generator=g) for g in self.generators])

    def labels(self, num_classes: int) -> torch.Tensor:
        """One class per image, int64 ``[B]``."""
        import torch

        return torch.cat([torch.randint(num_classes, (1,), generator=g) for g in self.generators])
