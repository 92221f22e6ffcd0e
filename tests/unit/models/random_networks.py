"""Networks of small sizes and of the papers', with random weights under which their neurons fire."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from spikestudio.checkpoints.construction import construct
from spikestudio.models.registry import ARCHITECTURES
from tests.unit.golden import CONSTANTS

Size = tuple[str, dict[str, Any]]

SMALL: dict[str, Size] = {
    "sddpm": ("sddpm", {"base_channels": 16, "channel_mult": (1, 2), "num_res_blocks": 1}),
    "sdm": (
        "sddpm",
        {
            **{"base_channels": 16, "channel_mult": (1, 2, 3), "num_res_blocks": 2},
            **{"tsm": True, "num_snn_steps": 5, "image_channels": 1},
        },
    ),
    "sdit": ("sdit", {"image_size": 8, "width": 32, "depth": 4, "num_snn_steps": 6}),
    "spiking-diffusion": ("spiking-diffusion", {"codebook_size": 32, "num_snn_steps": 7}),
}
DEFAULT: dict[str, Size] = {
    "sddpm": ("sddpm", {}),
    "sdm": ("sddpm", {"tsm": True, "num_snn_steps": 8}),
    "sdit mnist": ("sdit", {}),
    "sdit cifar10": ("sdit", {"width": 512, "depth": 8}),
    "spiking-diffusion": ("spiking-diffusion", {}),
}


def made(architecture: str, config: dict[str, Any]) -> nn.Module:
    """The network with random weights under which its neurons fire."""
    entry = ARCHITECTURES[architecture]
    network = construct(lambda: entry.build(entry.config_type(**config)))
    generator = torch.Generator().manual_seed(0)
    state = {
        name: value if name.endswith(CONSTANTS) else _random(name, value, generator)
        for name, value in network.state_dict().items()
    }
    network.load_state_dict(state)
    return network.eval().requires_grad_(False)


def _random(name: str, like: Tensor, generator: torch.Generator) -> Tensor:
    noise = torch.randn(like.shape, generator=generator)
    if name.endswith("running_var"):
        return 1 + 0.3 * noise.abs()
    if name.endswith("running_mean"):
        return 0.1 * noise
    if name.endswith("bias"):
        # Leaky neurons need a push in deep stacks of layers.
        return 0.1 * noise + (0.8 if name.startswith(("sdid.", "vqsvae.")) else 0.0)
    if name.endswith("tsmp") or like.ndim == 1:
        return 1 + 0.2 * noise
    if like.ndim == 0:
        return torch.tensor(0.5)
    if name.endswith(("embeddings.weight", "embedding_table.weight")):
        return noise
    fan_in = like.numel() / like.shape[0]
    return noise.mul(2 / fan_in**0.5)
