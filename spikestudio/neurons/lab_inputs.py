"""Input currents for one neuron: constant, a step, noise, or drawn value by value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from spikestudio.errors import ConfigError
from spikestudio.language import tr
from spikestudio.neurons.lab import MOST_STEPS, number

Shape = Literal["constant", "stepped", "noisy", "drawn"]
SHAPES: tuple[Shape, ...] = get_args(Shape)
CURRENTS = (-100.0, 100.0)
NOISES = (0.0, 100.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Input:
    """An input current over the SNN steps.

    Parameters
    ----------
    shape
        ``constant``: the amplitude at every step; ``stepped``: it at the middle half of the steps,
        0 before and after; ``noisy``: it and normal noise at every step; ``drawn``: the values.
    amplitude, noise
        Current, and standard deviation of the noise, in units of the potential.
    seed
        Of the noise: the same seed gives the same noise, whatever the number of steps.
    values
        What was drawn; 0 behind its end.

    Raises
    ------
    ConfigError
        An unknown shape, or a value that is not finite or out of range.
    """

    shape: Shape = "constant"
    amplitude: float = 0.8
    noise: float = 0.5
    seed: int = 0
    values: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        if self.shape not in SHAPES:
            raise ConfigError(
                tr(
                    "There is no input {shape!r}: choose one of {shapes}.",
                    shape=self.shape,
                    shapes=", ".join(SHAPES),
                ),
                field="shape",
            )
        if isinstance(self.seed, bool) or not isinstance(self.seed, int) or self.seed < 0:
            raise ConfigError(
                tr("The seed must be a whole number from 0 on, not {seed!r}.", seed=self.seed),
                field="seed",
            )
        if len(self.values) > MOST_STEPS:
            raise ConfigError(
                tr(
                    "An input has at most {most_steps} steps, not {num_values}: leave some out.",
                    most_steps=MOST_STEPS,
                    num_values=len(self.values),
                ),
                field="current",
            )
        amplitude = number(self.amplitude, CURRENTS, "amplitude", "amplitude")
        object.__setattr__(self, "amplitude", amplitude)
        object.__setattr__(self, "noise", number(self.noise, NOISES, "noise", "noise"))
        values = tuple(number(x, CURRENTS, "current", tr("input current")) for x in self.values)
        object.__setattr__(self, "values", values)

    def over(self, steps: int) -> NDArray[np.float32]:
        """Input of each of so many steps, float32 ``[T]``."""
        if self.shape == "drawn":
            values = (*self.values[:steps], *[0.0] * (steps - len(self.values)))
            return np.array(values, np.float32)
        current = np.full(steps, self.amplitude, np.float32)
        if self.shape == "stepped":
            first, last = span(steps)
            current[:first] = current[last:] = 0
        elif self.shape == "noisy":
            noise = np.random.default_rng(self.seed).standard_normal(steps)
            current = (self.amplitude + self.noise * noise).astype(np.float32)
        return current

    def with_values(self, changed: Mapping[int, float], steps: int) -> Input:
        """Input drawn from this one, with other values at some of ``steps`` steps."""
        values = self.over(steps).astype(np.float64).round(4).tolist()
        if self.shape == "drawn":
            values = [*self.values, *[0.0] * (steps - len(self.values))]
        for step, value in changed.items():
            values[step] = value
        return replace(self, shape="drawn", values=tuple(values))


def span(steps: int) -> tuple[int, int]:
    """First step with current, and the first behind it, of the stepped input."""
    quarter = steps // 4
    return quarter, steps - quarter
