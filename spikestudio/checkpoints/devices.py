"""Devices that torch can compute on here."""

from __future__ import annotations

import torch

from spikestudio.errors import ConfigError
from spikestudio.language import tr

AUTO = "auto"


def available_devices() -> list[str]:
    """Names for ``pick_device``, the fastest first; the last is ``cpu``."""
    devices = []
    if torch.cuda.is_available():
        count = torch.cuda.device_count()
        devices += ["cuda"] if count == 1 else [f"cuda:{i}" for i in range(count)]
    if torch.backends.mps.is_available():
        devices.append("mps")
    return [*devices, "cpu"]


def pick_device(name: str) -> str:
    """Check a device's name; ``auto`` is the fastest one. Raises ``ConfigError`` if it is not here."""
    devices = available_devices()
    if name == AUTO:
        return devices[0]
    if name in devices or (name == "cuda" and "cuda:0" in devices):
        return name
    raise ConfigError(
        tr(
            "The device {name!r} is not available: choose one of auto, {devices}.",
            name=name[:40],
            devices=", ".join(devices),
        ),
        field="device",
    )
