"""What can be set in the neuron lab: the neuron, its input, T, and the step that is looked at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QObject, Signal

from spikestudio.app.viewmodels.neuron_lab_examples import EXAMPLES, Setup
from spikestudio.errors import ConfigError
from spikestudio.language import tr
from spikestudio.neurons import lab
from spikestudio.neurons.lab import MOST_STEPS, Kind, Neuron, Reset
from spikestudio.neurons.lab_inputs import Input, Shape
from spikestudio.neurons.reference import SOFT

if TYPE_CHECKING:
    from spikestudio.app.viewmodels.neuron_lab_source import RealNeuron


class LabSettings(QObject):
    """Everything that can be set is a property, checked when set.

    Setting one raises ``ConfigError`` and changes nothing where the value cannot be.
    """

    changed = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._setup = Setup()
        self._own: Setup | None = None  # while a real neuron takes its place
        self._cursor = 0
        self._hard = 0.0  # potential of the last hard reset
        self.real: RealNeuron | None = None

    @property
    def neuron(self) -> Neuron:
        """The neuron with all its constants."""
        return self._setup.neuron

    @property
    def input(self) -> Input:
        """The user's own input; that of a real neuron is ``current`` alone."""
        return self._setup.input

    @property
    def kind(self) -> Kind:
        """``IF``, ``LIF`` or ``PLIF``."""
        return self.neuron.kind

    @kind.setter
    def kind(self, kind: Kind) -> None:
        self._change(neuron=replace(self.neuron, kind=kind))

    @property
    def tau(self) -> float:
        """Time constant in SNN steps; IF leaves it unused."""
        return self.neuron.tau

    @tau.setter
    def tau(self, tau: float) -> None:
        self._change(neuron=replace(self.neuron, tau=tau))

    @property
    def threshold(self) -> float:
        """Potential from which on the neuron fires."""
        return self.neuron.v_threshold

    @threshold.setter
    def threshold(self, threshold: float) -> None:
        self._change(neuron=replace(self.neuron, v_threshold=threshold))

    @property
    def reset(self) -> Reset:
        """Potential of the hard reset, or ``"soft"``."""
        return self.neuron.reset

    @reset.setter
    def reset(self, reset: Reset) -> None:
        self._change(neuron=replace(self.neuron, reset=reset))

    @property
    def hard_reset(self) -> float:
        """Potential of the hard reset that is, or was last, in force."""
        return self._hard if self.neuron.reset == SOFT else self.neuron.rest

    @property
    def decays_input(self) -> bool:
        """Whether the leak weakens the input too."""
        return self.neuron.decays_input

    @decays_input.setter
    def decays_input(self, decays_input: bool) -> None:
        self._change(neuron=replace(self.neuron, decays_input=bool(decays_input)))

    @property
    def surrogate(self) -> str:
        """Surrogate function that training would use."""
        return self.neuron.surrogate

    @surrogate.setter
    def surrogate(self, surrogate: str) -> None:
        alpha = lab.SURROGATES.get(surrogate, self.neuron.alpha)
        self._change(neuron=replace(self.neuron, surrogate=surrogate, alpha=alpha))

    @property
    def alpha(self) -> float:
        """Steepness of the surrogate."""
        return self.neuron.alpha

    @alpha.setter
    def alpha(self, alpha: float) -> None:
        self._change(neuron=replace(self.neuron, alpha=alpha))

    @property
    def steps(self) -> int:
        """SNN steps T, 1 to 64; those of a recorded input cannot be changed."""
        return len(self.real.current) if self.real else self._setup.steps

    @steps.setter
    def steps(self, steps: int) -> None:
        self._refuse_recorded("steps")
        whole = int(lab.number(steps, (1, MOST_STEPS), "steps", tr("number of SNN steps")))
        if whole != steps:
            raise ConfigError(
                tr("The number of SNN steps must be whole, not {steps!r}.", steps=steps),
                field="steps",
            )
        self._change(steps=whole)

    @property
    def shape(self) -> Shape:
        """Kind of the user's own input: ``constant``, ``stepped``, ``noisy`` or ``drawn``."""
        return self.input.shape

    @shape.setter
    def shape(self, shape: Shape) -> None:
        self._refuse_recorded("shape")
        new = replace(self.input, shape=shape)
        if shape == "drawn" and not self.input.values:  # begin with what is there
            values = self.input.over(self.steps).astype(np.float64).round(4)
            new = replace(new, values=tuple(values.tolist()))
        self._change(input=new)

    @property
    def amplitude(self) -> float:
        """Current of the constant, stepped and noisy input."""
        return self.input.amplitude

    @amplitude.setter
    def amplitude(self, amplitude: float) -> None:
        self._refuse_recorded("amplitude")
        self._change(input=replace(self.input, amplitude=amplitude))

    @property
    def noise(self) -> float:
        """Standard deviation of the noisy input."""
        return self.input.noise

    @noise.setter
    def noise(self, noise: float) -> None:
        self._refuse_recorded("noise")
        self._change(input=replace(self.input, noise=noise))

    @property
    def seed(self) -> int:
        """Seed of the noise."""
        return self.input.seed

    @seed.setter
    def seed(self, seed: int) -> None:
        self._refuse_recorded("seed")
        self._change(input=replace(self.input, seed=seed))

    @property
    def current(self) -> NDArray[np.float32]:
        """Input of every SNN step, ``[T]``."""
        return self.real.current if self.real else self.input.over(self.steps)

    @current.setter
    def current(self, values: Sequence[float]) -> None:
        self._refuse_recorded("current")
        drawn = replace(self.input, shape="drawn", values=tuple(float(x) for x in values))
        self._change(input=drawn, steps=max(1, len(drawn.values)))

    def set_values(self, values: Mapping[int, float]) -> None:
        """Draw the input at some SNN steps, which count from 0."""
        self._refuse_recorded("current")
        for step in values:
            self._check_step(step)
        self._change(input=self.input.with_values(values, self.steps))

    @property
    def cursor(self) -> int:
        """The SNN step that is looked at, from 0 on."""
        return self._cursor

    @cursor.setter
    def cursor(self, step: int) -> None:
        self._check_step(step)
        if step != self._cursor:
            self._cursor = step
            self.changed.emit()

    @property
    def example(self) -> str:
        """Name of the example that is shown; empty if it is none, or no longer one."""
        if self.real is not None:
            return ""
        return next((each.name for each in EXAMPLES if each.setup == self._setup), "")

    def use_example(self, name: str) -> None:
        """Take the neuron, input and T of one of ``EXAMPLES``; a real neuron is left."""
        setup = next((each.setup for each in EXAMPLES if each.name == name), None)
        if setup is None:
            raise ConfigError(tr("There is no example {name!r}.", name=name), field="example")
        self.real, self._own = None, None
        self._change(neuron=setup.neuron, input=setup.input, steps=setup.steps)

    def _change(self, **parts: Any) -> None:  # noqa: ANN401  fields of a setup
        new = replace(self._setup, **parts)
        if new.neuron.reset != SOFT:
            self._hard = new.neuron.rest
        self._setup = new
        self._cursor = min(self._cursor, self.steps - 1)
        self._follow()
        self.changed.emit()

    def _follow(self) -> None:
        """Compute what the settings make of the neuron."""
        raise NotImplementedError

    def _refuse_recorded(self, field: str) -> None:
        if self.real is not None:
            raise ConfigError(
                tr("The input is recorded: go back to your own current to change it."), field=field
            )

    def _check_step(self, step: int) -> None:
        if not 0 <= step < self.steps:
            raise ConfigError(
                tr(
                    "There is no SNN step {step}: choose one of 1 to {steps}.",
                    step=step + 1,
                    steps=self.steps,
                ),
                field="cursor",
            )
