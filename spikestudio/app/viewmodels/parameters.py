"""How each parameter of a request is shown: title, unit, help, and the span of its slider.

Legal ranges are those of ``spikestudio.sampling.request.RANGES``; a slider spans the useful part of
them, the number box beside it all of it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from spikestudio.diffusion.solvers import OURS, SCHEDULERS
from spikestudio.language import tr


@dataclass(frozen=True, slots=True)
class Parameter:
    """One numeric control. ``marks`` are drawn on the slider, the ``labels`` among them written."""

    name: str
    title: str
    unit: str
    help_text: str
    low: float
    high: float
    decimals: int = 0
    is_log: bool = False
    marks: tuple[float, ...] = ()
    labels: tuple[float, ...] = ()


NUM = Parameter(
    "num", tr("Images"), "", tr("Images drawn at once, each from its own random stream."), 1, 64
)
STEPS = Parameter(
    "steps",
    tr("Denoising steps"),
    "",
    tr("Network evaluations per image; more steps take longer and usually look better."),
    1,
    1000,
    is_log=True,
    marks=(1, 10, 100, 1000),
    labels=(1, 10, 100, 1000),
)
TOKEN_STEPS = replace(
    STEPS, high=49, is_log=False, marks=(1, 7, 14, 21, 28, 35, 42, 49), labels=(1, 14, 28, 49)
)


def steps_up_to(most: int) -> Parameter:
    """Return the control of denoising steps for a chain of another length than usual."""
    for usual in (STEPS, TOKEN_STEPS):
        if most == usual.high:
            return usual
    return replace(STEPS, high=most, marks=(1, most), labels=(1, most), is_log=False)


SNN_STEPS = Parameter(
    "snn_steps",
    tr("SNN time steps"),
    "",
    tr("Time steps T that every spiking layer computes within one network evaluation."),
    1,
    16,
    marks=tuple(range(1, 17)),
    labels=(1, 4, 8, 12, 16),
)
THRESHOLD = Parameter(
    "threshold",
    tr("Threshold"),
    "",
    tr("Firing threshold of every neuron: lower = more spikes (paper: inhibitory guidance)."),
    0.997,
    1.003,
    decimals=3,
    marks=(0.997, 0.998, 0.999, 1.0, 1.001, 1.002, 1.003),
    labels=(0.997, 1.0, 1.003),
)
WIDE_THRESHOLD = replace(
    THRESHOLD, low=0.5, high=1.5, marks=(0.5, 0.75, 1.0, 1.25, 1.5), labels=(0.5, 1.0, 1.5)
)
TEMPERATURE = Parameter(
    "temperature",
    tr("Temperature"),
    "",
    tr("Below 1 the likelier codes are preferred, above 1 the choice is more random."),
    0.1,
    2.0,
    decimals=2,
    marks=(0.5, 1.0, 1.5, 2.0),
    labels=(0.5, 1.0, 1.5, 2.0),
)
GUIDANCE = Parameter(
    "guidance",
    tr("Guidance"),
    "×",
    tr("How strongly the class steers the image; 1 is off and twice as fast."),
    1.0,
    8.0,
    decimals=1,
    marks=(1, 2, 4, 6, 8),
    labels=(1, 2, 4, 6, 8),
)

SAMPLER_TITLES = {name: solver.title for name, solver in (OURS | SCHEDULERS).items()}


def short_title(sampler: str) -> str:
    """Return what a sampler is called where there is little room: its title up to the comma."""
    return SAMPLER_TITLES.get(sampler, sampler).replace("\N{FULLWIDTH COMMA}", ",").split(",")[0]
