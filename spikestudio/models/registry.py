"""The architectures by name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from torch import nn

from spikestudio.errors import ConfigError
from spikestudio.language import tr
from spikestudio.models.sddpm import SDDPM, SDDPMConfig
from spikestudio.models.sdit import SDiT, SDiTConfig
from spikestudio.models.spiking_diffusion import SpikingDiffusion
from spikestudio.models.spiking_diffusion.config import SpikingDiffusionConfig


@dataclass(frozen=True, slots=True)
class Architecture:
    """How to build one kind of network from its configuration."""

    name: str
    title: str
    arxiv: str
    config_type: type
    build: Callable[[Any], nn.Module]


ARCHITECTURES = {
    entry.name: entry
    for entry in (
        Architecture("sddpm", "SDDPM", "2306.17046", SDDPMConfig, SDDPM),
        Architecture(
            "spiking-diffusion",
            "Spiking-Diffusion",
            "2308.10187",
            SpikingDiffusionConfig,
            SpikingDiffusion,
        ),
        Architecture("sdit", "SDiT", "2402.11588", SDiTConfig, SDiT),
    )
}


def architecture(name: str) -> Architecture:
    """Look an architecture up; raises ``ConfigError`` naming the choices."""
    if name not in ARCHITECTURES:
        choices = ", ".join(ARCHITECTURES)
        raise ConfigError(
            tr(
                "Unknown architecture {name!r}: choose one of {choices}.",
                name=name,
                choices=choices,
            )
        )
    return ARCHITECTURES[name]
