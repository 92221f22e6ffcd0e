"""What a run is asked to do, and the range of every parameter, in one table."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from math import isfinite
from typing import Any

from spikestudio.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Range:
    """Closed range of a parameter, with the step its control moves by."""

    low: float
    high: float
    step: float
    label: str


RANGES: dict[str, Range] = {
    "num": Range(1, 4096, 1, "images"),
    "seed": Range(0, 2**63 - 1, 1, "seed"),
    "steps": Range(1, 1000, 1, "denoising steps"),
    "snn_steps": Range(1, 64, 1, "SNN time steps"),
    "threshold": Range(0.05, 20.0, 0.001, "threshold"),
    "temperature": Range(0.001, 5.0, 0.01, "temperature"),
    "guidance": Range(0.0, 20.0, 0.1, "guidance scale"),
}
SAMPLERS = ("ddpm", "ddim", "ancestral", "absorbing")


@dataclass(frozen=True, slots=True, kw_only=True)
class SamplingRequest:
    """Everything that decides the pixels of a run on one machine, device and precision.

    ``threshold`` is the common firing threshold of every neuron (threshold guidance, arXiv
    2306.17046); ``temperature`` applies to token models only; ``class_label`` (None draws one label
    per image from that image's random stream) and ``guidance`` to class-conditional models only.
    """

    num: int = 16
    seed: int = 0
    sampler: str = "ddim"
    steps: int = 50
    snn_steps: int = 4
    threshold: float = 1.0
    temperature: float = 1.0
    class_label: int | None = None
    guidance: float = 1.0

    def __post_init__(self) -> None:
        for name, limits in RANGES.items():
            value = getattr(self, name)
            if name in ("num", "seed", "steps", "snn_steps") and (
                isinstance(value, bool) or not isinstance(value, int)
            ):
                raise ConfigError(
                    f"The {limits.label} must be a whole number, not {value!r}.", field=name
                )
            check_range(name, value)
        if self.sampler not in SAMPLERS:
            raise ConfigError(
                f"Unknown sampler {self.sampler!r}: choose one of {', '.join(SAMPLERS)}.",
                field="sampler",
            )

    def to_json(self) -> dict[str, Any]:
        """All parameters as plain values."""
        return asdict(self)


def check_range(name: str, value: float) -> None:
    """Raise ``ConfigError`` unless ``value`` is a finite number within ``RANGES[name]``."""
    limits = RANGES[name]
    if not isinstance(value, int | float) or not isfinite(value):
        raise ConfigError(f"The {limits.label} must be a number, not {value!r}.", field=name)
    if not limits.low <= value <= limits.high:
        raise ConfigError(
            f"The {limits.label} {value:g} is out of range: "
            f"choose a value from {limits.low:g} to {limits.high:g}.",
            field=name,
        )
