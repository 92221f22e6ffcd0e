"""The solvers by name: what each does, which model can use it, and which are left out, with the reason.

A solver of the package diffusers is ``diffusers:NAME``, with a short name of ours or with the name of
its class there. Imports neither torch nor diffusers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from importlib.util import find_spec
from typing import Any

from spikestudio.errors import ConfigError
from spikestudio.language import tr

PREFIX = "diffusers:"
INSTALL = tr("pip install 'spikestudio[solvers]'")
WITH_ETA = ("ddim", f"{PREFIX}ddim")


@dataclass(frozen=True, slots=True)
class Solver:
    """A solver as it is shown: ``does`` is one sentence."""

    title: str
    does: str


@dataclass(frozen=True, slots=True)
class Scheduler(Solver):
    """A scheduler of diffusers, and how it is driven.

    Parameters
    ----------
    module, class_name
        Where it is: ``diffusers.schedulers.scheduling_MODULE``.
    config
        Arguments of the class, beside the noise schedule.
    clips
        Whether it clips the predicted clean image itself; the others are given the noise that the
        clipped image implies.
    is_multistep
        Whether it takes its last step, which goes to time 0, with the first order. It is long in the
        logarithm of the noise level, and a higher order would overshoot. Its class then counts the
        steps between the levels, else the levels.
    repeats
        First level at which the network is evaluated twice; None where it never is. ``once``: only
        that one, else all from it on.
    once
        See ``repeats``.
    keeps
        Attributes in which it keeps tensors of earlier steps, and how many of the last ones count.
    slots
        The most tensors that it keeps at once.
    """

    module: str
    class_name: str
    config: Mapping[str, Any] = field(default_factory=dict)
    clips: bool = False
    is_multistep: bool = False
    repeats: int | None = None
    once: bool = False
    keeps: tuple[tuple[str, int], ...] = ()
    slots: int = 0


OURS: dict[str, Solver] = {
    "ddpm": Solver(tr("DDPM, every step"), tr("Every trained step, with fresh noise.")),
    "ddim": Solver("DDIM", tr("Few steps, no fresh noise; eta adds some.")),
    "ancestral": Solver(tr("Ancestral, strided"), tr("DDPM over some steps, with fresh noise.")),
    "analytic": Solver(tr("Analytic variance"), tr("Ancestral, with the best noise on average.")),
    "absorbing": Solver(tr("Absorbing state"), tr("Starts all masked, reveals tokens for good.")),
}
_TRAILING = {"timestep_spacing": "trailing"}  # every level of the respaced schedule
_TO_LAST = {"final_sigmas_type": "sigma_min"}  # that of time 0
_MULTISTEP = ("dpmsolver_multistep", "DPMSolverMultistepScheduler")
SCHEDULERS: dict[str, Scheduler] = {
    PREFIX + name: scheduler
    for name, scheduler in {
        "dpm++": Scheduler(
            tr("DPM-Solver++ 2M"),
            tr("Second order, from the last two images."),
            *_MULTISTEP,
            {**_TO_LAST, "euler_at_final": True},
            is_multistep=True,
            keeps=(("model_outputs", 1),),
            slots=1,
        ),
        "dpm++3m": Scheduler(
            tr("DPM-Solver++ 3M"),
            tr("Third order, from the last three images."),
            *_MULTISTEP,
            {**_TO_LAST, "euler_at_final": True, "solver_order": 3},
            is_multistep=True,
            keeps=(("model_outputs", 2),),
            slots=2,
        ),
        "dpm++sde": Scheduler(
            tr("DPM-Solver++ 2M SDE"),
            tr("DPM-Solver++ 2M with fresh noise."),
            *_MULTISTEP,
            {**_TO_LAST, "euler_at_final": True, "algorithm_type": "sde-dpmsolver++"},
            is_multistep=True,
            keeps=(("model_outputs", 1),),
            slots=1,
        ),
        "dpm++2s": Scheduler(
            tr("DPM-Solver++ 2S"),
            tr("Second order, in pairs of steps."),
            "dpmsolver_singlestep",
            "DPMSolverSinglestepScheduler",
            {**_TO_LAST, "lower_order_final": True},
            is_multistep=True,
            keeps=(("model_outputs", 1), ("sample", 1)),
            slots=2,
        ),
        "unipc": Scheduler(
            "UniPC",
            tr("Second order, corrected by the next step."),
            "unipc_multistep",
            "UniPCMultistepScheduler",
            _TO_LAST,
            is_multistep=True,
            keeps=(("model_outputs", 2), ("last_sample", 1)),
            slots=3,
        ),
        "deis": Scheduler(
            "DEIS",
            tr("Second order, from the last two noises."),
            "deis_multistep",
            "DEISMultistepScheduler",
            is_multistep=True,
            keeps=(("model_outputs", 1),),
            slots=1,
        ),
        "heun": Scheduler(
            tr("Heun"),
            tr("Second order; each time counts twice."),
            "heun_discrete",
            "HeunDiscreteScheduler",
            _TRAILING,
            repeats=1,
            keeps=(("prev_derivative", 1), ("sample", 1)),
            slots=2,
        ),
        "euler": Scheduler(
            tr("Euler"),
            tr("First order; DDIM, but for clipping."),
            "euler_discrete",
            "EulerDiscreteScheduler",
            _TRAILING,
        ),
        "euler-a": Scheduler(
            tr("Euler ancestral"),
            tr("Euler with fresh noise."),
            "euler_ancestral_discrete",
            "EulerAncestralDiscreteScheduler",
            _TRAILING,
        ),
        "lms": Scheduler(
            "LMS",
            tr("Fourth order, from the last four slopes."),
            "lms_discrete",
            "LMSDiscreteScheduler",
            _TRAILING,
            keeps=(("derivatives", 3),),
            slots=3,
        ),
        "pndm": Scheduler(
            tr("PNDM (PLMS)"),
            tr("Fourth order, from the last four noises."),
            "pndm",
            "PNDMScheduler",
            {**_TRAILING, "skip_prk_steps": True},
            repeats=1,
            once=True,
            keeps=(("ets", 3), ("cur_sample", 1)),
            slots=3,
        ),
        "ddim": Scheduler(
            tr("DDIM of diffusers"),
            tr("The same as DDIM, for comparison."),
            "ddim",
            "DDIMScheduler",
            _TRAILING,
            clips=True,
        ),
        "ddpm": Scheduler(
            tr("DDPM of diffusers"),
            tr("The same as Ancestral, for comparison."),
            "ddpm",
            "DDPMScheduler",
            _TRAILING,
            clips=True,
        ),
    }.items()
}
ABSENT: dict[str, str] = {
    "KDPM2DiscreteScheduler": tr(
        "it evaluates between two times, and the networks know whole ones only"
    ),
    "KDPM2AncestralDiscreteScheduler": (
        tr("it evaluates between two times, and the networks know whole ones only")
    ),
    "DPMSolverSDEScheduler": (
        tr("it draws one Brownian path for the whole batch, so an image would depend on its batch")
    ),
    "SASolverScheduler": tr(
        "its noise is laid out over the trained times, not over those of a run"
    ),
    "IPNDMScheduler": tr("it has a noise schedule of its own instead of the model's"),
    "LCMScheduler": tr("it needs a network distilled for it"),
    "TCDScheduler": tr("it needs a network distilled for it"),
    "CMStochasticIterativeScheduler": tr("it needs a consistency model"),
    "EDMEulerScheduler": tr("it needs a network of the EDM family"),
    "EDMDPMSolverMultistepScheduler": tr("it needs a network of the EDM family"),
    "FlowMatchEulerDiscreteScheduler": tr("it needs a network trained by flow matching"),
    "FlowMatchHeunDiscreteScheduler": tr("it needs a network trained by flow matching"),
    "ScoreSdeVeScheduler": tr(
        "it needs a network trained on noise that is added without shrinking"
    ),
    "VQDiffusionScheduler": tr("it works on tokens of another model than Spiking-Diffusion"),
}
"""Well-known schedulers of diffusers that cannot be right here."""

_BY_CLASS = {
    scheduler.class_name: name
    for name, scheduler in reversed(SCHEDULERS.items())  # the plain one of a class comes first
}


def solver(name: str) -> Solver:
    """The entry of a solver that exists."""
    return OURS[name] if name in OURS else SCHEDULERS[name]


def canonical(name: object) -> str:
    """The one name of a solver; raises ``ConfigError`` for one that is not offered."""
    given = name if isinstance(name, str) else ""
    if given in OURS or given in SCHEDULERS:
        return given
    short = given.removeprefix(PREFIX)
    if given.startswith(PREFIX) and short in _BY_CLASS:
        return _BY_CLASS[short]
    if given.startswith(PREFIX) and short in ABSENT:
        raise _error(
            tr("The sampler {given!r} is not offered: {absent}", given=given, absent=ABSENT[short])
        )
    known = (*OURS, *SCHEDULERS)
    near = [PREFIX + given] if PREFIX + given in known else get_close_matches(given, known, n=1)
    hint = tr(" (did you mean {near}?)", near=near[0]) if near else ""
    raise _error(
        tr(
            "Unknown sampler {name!r}: choose one of {known}{hint}",
            name=name,
            known=", ".join(known),
            hint=hint,
        )
    )


def is_installed() -> bool:
    """Whether the package diffusers is there; does not import it."""
    return find_spec("diffusers") is not None


def why_absent(name: str, *, is_token_model: bool, has_table: bool = True) -> str:
    """Why a kind of model cannot be sampled with a solver, in one clause; empty if it can."""
    if is_token_model:
        if name == "absorbing":
            return ""
        return tr("its tokens are masked and revealed, and carry no Gaussian noise to take away")
    if name == "absorbing":
        return tr("it works on pixels and has no tokens to reveal")
    if name == "analytic" and not has_table:
        return tr("its file has no table for it; spikestudio gamma FILE --data DIR adds one")
    if name in SCHEDULERS and not is_installed():
        return tr("the package diffusers is not installed; {install} adds it", install=INSTALL)
    return ""


def _error(sentence: str) -> ConfigError:
    return ConfigError(f"{sentence}.", field="sampler")
