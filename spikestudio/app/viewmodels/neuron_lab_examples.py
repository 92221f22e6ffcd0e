"""What the neuron lab can be set to, and examples to begin with."""

from __future__ import annotations

from dataclasses import dataclass, field

from spikestudio.language import tr
from spikestudio.neurons.lab import Neuron
from spikestudio.neurons.lab_inputs import Input
from spikestudio.neurons.reference import SOFT


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """A neuron, the user's input and the number of SNN steps."""

    neuron: Neuron = field(default_factory=lambda: Neuron(kind="IF"))
    input: Input = field(default_factory=lambda: Input(amplitude=0.4))
    steps: int = 8


@dataclass(frozen=True, slots=True)
class Example:
    """A setup to look at; ``text`` says in one sentence what is to be seen."""

    name: str
    text: str
    setup: Setup


def _constant(amplitude: float) -> Input:
    return Input(amplitude=amplitude)


EXAMPLES = (
    Example(
        tr("Charge, fire, reset"),
        tr(
            "Each step adds the input; at the threshold it fires and starts again. Draw your own input."
        ),
        Setup(input=_constant(0.4)),
    ),
    Example(
        tr("A leak forgets"),
        tr("The leak pulls the potential back: it rises ever more slowly towards the input."),
        Setup(neuron=Neuron(), input=_constant(1.1), steps=12),
    ),
    Example(
        tr("Too weak for ever"),
        tr(
            "An input below the threshold never makes this leaky neuron fire, however long it lasts."
        ),
        Setup(neuron=Neuron(), input=_constant(0.95), steps=32),
    ),
    Example(
        tr("Soft reset keeps the rest"),
        tr("A spike only subtracts the threshold, so what is above it counts for the next one."),
        Setup(neuron=Neuron(kind="IF", reset=SOFT), input=_constant(0.7)),
    ),
    Example(
        tr("Only four rates"),
        tr(
            "With T = 4 a constant input can only give the rates 0, 1/4, 1/2 and 1: see the stairs."
        ),
        Setup(neuron=Neuron(), input=_constant(1.7), steps=4),
    ),
    Example(
        tr("Noise makes it fire"),
        tr("The mean input is below the threshold; now and then the noise is enough."),
        Setup(
            neuron=Neuron(),
            input=Input(shape="noisy", amplitude=0.8, noise=0.8, seed=1),
            steps=32,
        ),
    ),
)
