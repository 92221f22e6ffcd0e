"""What a run is asked to do, and the range of every parameter, in one table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from math import isfinite
from typing import Any

from spikestudio.diffusion.solvers import OURS, canonical
from spikestudio.errors import ConfigError
from spikestudio.language import mark, tr
from spikestudio.neurons.overrides import Override, as_overrides


@dataclass(frozen=True, slots=True)
class Range:
    """Closed range of a parameter, with the step its control moves by."""

    low: float
    high: float
    step: float
    label: str


RANGES: dict[str, Range] = {
    "num": Range(1, 4096, 1, mark("images")),
    "first_image": Range(0, 2**31 - 1, 1, mark("number of the first image")),
    "seed": Range(0, 2**63 - 1, 1, mark("seed")),
    "steps": Range(1, 1000, 1, mark("denoising steps")),
    "snn_steps": Range(1, 64, 1, mark("SNN time steps")),
    "threshold": Range(0.05, 20.0, 0.001, mark("threshold")),
    "temperature": Range(0.001, 5.0, 0.01, mark("temperature")),
    "guidance": Range(0.0, 20.0, 0.1, mark("guidance scale")),
    "eta": Range(0.0, 1.0, 0.05, mark("eta")),
}
WHOLE_NUMBERS = ("num", "first_image", "seed", "steps", "snn_steps")
SAMPLERS = tuple(OURS)  # without those of diffusers


@dataclass(frozen=True, slots=True, kw_only=True)
class SamplingRequest:
    """Everything that decides the pixels of a run on one machine, device and precision.

    A seed has endlessly many images, each with a random stream of its own; these are ``num`` of them
    from number ``first_image`` on. ``sampler`` is a name of ``diffusion.solvers`` and ``steps`` the
    number of network evaluations, whatever the sampler makes of them; ``eta`` is the fresh noise of
    DDIM, 0 none and 1 as much as ancestral sampling. ``threshold`` is the common firing threshold of
    every neuron (threshold guidance, arXiv 2306.17046); ``temperature`` applies to token models only;
    ``class_label`` (None draws one label per image from that image's random stream) and ``guidance``
    to class-conditional models only. ``clip_x0`` keeps every predicted clean image in [-1, 1], not
    only the last; it applies to models of pixels only. ``rescale_readout`` divides what potentials are
    read out as by its gain over that at the trained number of SNN steps; it applies to models that
    read out potentials. ``overrides`` are experiments on neurons, given as ``Override`` or as their
    plain values; a threshold among them wins over ``threshold``.
    """

    num: int = 16
    first_image: int = 0
    seed: int = 0
    sampler: str = "ddim"
    steps: int = 50
    snn_steps: int = 4
    threshold: float = 1.0
    temperature: float = 1.0
    class_label: int | None = None
    guidance: float = 1.0
    eta: float = 0.0
    clip_x0: bool = True
    rescale_readout: bool = False
    overrides: tuple[Override, ...] = ()

    def __post_init__(self) -> None:
        for name, limits in RANGES.items():
            value = getattr(self, name)
            if name in WHOLE_NUMBERS and not _is_whole(value):
                raise ConfigError(
                    tr(
                        "The {limits_label} must be a whole number, not {value!r}.",
                        limits_label=tr(limits.label),
                        value=value,
                    ),
                    field=name,
                )
            check_range(name, value)
        if self.class_label is not None and not _is_whole(self.class_label):
            raise ConfigError(
                tr(
                    "The class must be a whole number, not {class_label!r}.",
                    class_label=self.class_label,
                ),
                field="class_label",
            )
        for name in ("clip_x0", "rescale_readout"):
            value = getattr(self, name)
            if not isinstance(value, bool):
                raise ConfigError(
                    tr("{name} must be true or false, not {value!r}.", name=name, value=value),
                    field=name,
                )
        object.__setattr__(self, "sampler", canonical(self.sampler))
        object.__setattr__(self, "overrides", as_overrides(self.overrides))

    def to_json(self) -> dict[str, Any]:
        """All parameters as plain values, with which the same request can be made again.

        An ``eta`` of 0 is left out, so that versions without it read what does not need it.
        """
        values = asdict(self) | {"overrides": [each.to_json() for each in self.overrides]}
        if not self.eta:
            del values["eta"]
        return values

    @classmethod
    def from_json(cls, mapping: Mapping[str, Any]) -> SamplingRequest:
        """Make one from plain values; raises ``ConfigError``."""
        known = {each.name for each in fields(cls)}
        unknown = sorted(str(name) for name in mapping if name not in known)
        if unknown:
            raise ConfigError(
                tr("A request has no parameter {unknown!r}.", unknown=unknown[0]), field=unknown[0]
            )
        return cls(**mapping)


def check_range(name: str, value: float) -> None:
    """Raise ``ConfigError`` unless ``value`` is a finite number within ``RANGES[name]``."""
    limits = RANGES[name]
    if not (_is_whole(value) or (isinstance(value, float) and isfinite(value))):
        raise ConfigError(
            tr(
                "The {limits_label} must be a number, not {value!r}.",
                limits_label=tr(limits.label),
                value=value,
            ),
            field=name,
        )
    if not limits.low <= value <= limits.high:
        raise ConfigError(
            tr(
                "The {limits_label} {value} is out of range: choose a value from {low} to {high}.",
                limits_label=tr(limits.label),
                value=value,
                low=limits.low,
                high=limits.high,
            ),
            field=name,
        )


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
