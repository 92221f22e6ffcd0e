"""The architectures by name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from torch import nn

from spikestudio.models.sddpm import SDDPM, SDDPMConfig


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
    for entry in (Architecture("sddpm", "SDDPM", "2306.17046", SDDPMConfig, SDDPM),)
}
