"""A checkpoint of every architecture that is small enough to be made in a test."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from torch import nn

from spikestudio.checkpoints import safetensors_io
from spikestudio.checkpoints.card import Card
from spikestudio.models.config import to_json
from spikestudio.models.registry import ARCHITECTURES
from tests.unit.golden import golden_weights

CONFIGS: dict[str, dict[str, Any]] = {
    "sddpm": {
        "image_size": 8,
        "image_channels": 1,
        "base_channels": 4,
        "channel_mult": (1, 2),
        "num_res_blocks": 1,
        "num_snn_steps": 2,
        "num_train_timesteps": 20,
    },
    "spiking-diffusion": {
        "image_size": 8,
        "codebook_size": 8,
        "code_dim": 4,
        "encoder_widths": (4, 6),
        "denoiser_widths": (6, 8),
        "num_snn_steps": 3,
    },
    "sdit": {
        "image_size": 8,
        "image_channels": 3,
        "patch_size": 4,
        "width": 8,
        "depth": 2,
        "num_snn_steps": 2,
        "num_train_timesteps": 20,
    },
}


def make_network(architecture: str) -> nn.Module:
    """Build the tiny network with reproducible weights that make its neurons fire."""
    entry = ARCHITECTURES[architecture]
    network = entry.build(entry.config_type(**CONFIGS[architecture])).eval()
    gain = 1.0 if architecture == "sddpm" else 4.0
    network.load_state_dict(golden_weights(network.state_dict(), gain))
    return network


def make_card(architecture: str, **changes: Any) -> Card:
    """Card of the tiny network."""
    entry = ARCHITECTURES[architecture]
    facts = {
        "dataset": "mnist",
        "data_licence": "CC BY-SA 3.0",
        "image_size": 8,
        "image_channels": 1,
        "classes": tuple("0123456789") if architecture == "sdit" else (),
    }
    config = to_json(entry.config_type(**CONFIGS[architecture]))
    return Card.describe(architecture, config, **(facts | changes))


def save(path: Path, architecture: str, **changes: Any) -> nn.Module:
    """Write a tiny checkpoint and give back its network."""
    network = make_network(architecture)
    safetensors_io.save(path, network.state_dict(), make_card(architecture, **changes))
    return network


def split(path: Path) -> tuple[dict[str, Any], bytes]:
    """Take a file apart into its header and the tensors' bytes."""
    data = path.read_bytes()
    length = int.from_bytes(data[:8], "little")
    return json.loads(data[8 : 8 + length]), data[8 + length :]


def join(path: Path, header: object, tensors: bytes) -> None:
    """Put a file together from a header, right or wrong, and bytes."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + tensors)


def rewrite_card(path: Path, **changes: Any) -> None:
    """Change fields of the card in place, whatever the values."""
    header, tensors = split(path)
    card = json.loads(header["__metadata__"]["spikestudio"])
    card |= changes
    header["__metadata__"]["spikestudio"] = json.dumps(card)
    join(path, header, tensors)
