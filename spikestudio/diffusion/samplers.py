"""Samplers of Gaussian diffusion as generators, one `SamplerStep` per network evaluation.

All take the same arguments and know the network only as ``predict(x, t)``, which gives the noise in
``x`` ``[B, C, H, W]`` at the times ``t`` (int64 ``[B]``), or a pair of noise and variance coefficient
(see `learned_log_variance`). The state keeps the dtype of the initial noise. Every operation is
element-wise, so an image does not depend on its batch as long as ``noise`` draws image by image.

By default a run evaluates the network at each of ``times`` and ends with the predicted clean image,
clipped to [-1, 1]. ``strict`` repeats the published SDDPM code (arXiv 2306.17046) with times from
`upstream_times`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from spikestudio.diffusion.analytic import analytic_log_variance
from spikestudio.diffusion.gaussian import learned_log_variance, posterior_mean, predict_x0
from spikestudio.diffusion.schedules import GaussianSchedule, gather, respaced
from spikestudio.diffusion.solvers import SCHEDULERS
from spikestudio.errors import ConfigError
from spikestudio.language import tr

Predict = Callable[[Tensor, Tensor], Tensor | tuple[Tensor, Tensor]]
ConditionalPredict = Callable[[Tensor, Tensor, Tensor], Tensor | tuple[Tensor, Tensor]]


class Noise(Protocol):
    """Gives standard normal noise like its argument, image by image from ``generators``."""

    @property
    def generators(self) -> Sequence[torch.Generator]: ...

    def __call__(self, like: Tensor, /) -> Tensor: ...


@dataclass(frozen=True, slots=True)
class SamplerStep:
    """Evaluation ``index`` (0-based) at diffusion time ``t``; tensors are ``[B, C, H, W]``.

    ``x_t`` went into the network, ``x0_hat`` is the clean image it implies, ``x_next`` the new state;
    the last ``x_next`` is the sample. ``history`` is what the sampler keeps of this step and those
    before: together with ``x_next`` all that decides the steps to come, but for the noise.
    """

    index: int
    t: int
    x_t: Tensor
    x0_hat: Tensor
    x_next: Tensor
    history: tuple[Tensor, ...] = ()


class Sampler(Protocol):
    """The common shape of all samplers.

    Parameters
    ----------
    predict
        The network.
    x_T
        Initial noise ``[B, C, H, W]``.
    schedule
        The schedule that the network was trained with.
    times
        Descending times of the evaluations.
    noise
        Where fresh noise comes from.
    clip_x0
        Clamp every prediction of the clean image to [-1, 1], not only the last; the published SDiT
        sampler (arXiv 2402.11588) does not.
    strict
        Repeat the published SDDPM code.
    gamma
        The network's table for `analytic`; the other samplers have no use for it.
    eta
        Fresh noise in the steps of `ddim`, from 0 to 1; the other samplers have no use for it.
    """

    def __call__(
        self,
        predict: Predict,
        x_T: Tensor,  # noqa: N803  the literature's name
        *,
        schedule: GaussianSchedule,
        times: Sequence[int],
        noise: Noise,
        clip_x0: bool = True,
        strict: bool = False,
        gamma: Tensor | None = None,
        eta: float = 0.0,
    ) -> Iterator[SamplerStep]: ...


def ddpm(
    predict: Predict,
    x_T: Tensor,  # noqa: N803
    *,
    schedule: GaussianSchedule,
    times: Sequence[int],
    noise: Noise,
    clip_x0: bool = True,
    strict: bool = False,
    gamma: Tensor | None = None,
    eta: float = 0.0,
) -> Iterator[SamplerStep]:
    """Ancestral sampling through every time, with variance beta or the learned one.

    Raises
    ------
    ConfigError
        Some time of the schedule is left out.
    """
    del strict, gamma, eta  # the published code does the same
    if len(times) != len(schedule):
        raise ConfigError(
            tr(
                "The sampler ddpm needs all {num_schedule} denoising steps, not {num_times}: "
                "choose ddim or ancestral for fewer.",
                num_schedule=len(schedule),
                num_times=len(times),
            ),
            field="steps",
        )
    log_variance = schedule.fixedlarge_log_variance
    return _ancestral(predict, x_T, respaced(schedule, times), log_variance, noise, clip_x0)


def ancestral(
    predict: Predict,
    x_T: Tensor,  # noqa: N803
    *,
    schedule: GaussianSchedule,
    times: Sequence[int],
    noise: Noise,
    clip_x0: bool = True,
    strict: bool = False,
    gamma: Tensor | None = None,
    eta: float = 0.0,
) -> Iterator[SamplerStep]:
    """Ancestral sampling through some of the times, with betas recomputed for the strides.

    The variance is the learned one, else that of the posterior between two visited times; strict mode
    keeps the published code's, which is beta of a single step.
    """
    del gamma, eta
    visited = respaced(schedule, times)
    log_variance = (
        schedule.fixedlarge_log_variance[visited.times]
        if strict
        else visited.fixedsmall_log_variance
    )
    return _ancestral(predict, x_T, visited, log_variance, noise, clip_x0)


def ddim(
    predict: Predict,
    x_T: Tensor,  # noqa: N803
    *,
    schedule: GaussianSchedule,
    times: Sequence[int],
    noise: Noise,
    clip_x0: bool = True,
    strict: bool = False,
    gamma: Tensor | None = None,
    eta: float = 0.0,
) -> Iterator[SamplerStep]:
    """Sampling without fresh noise, or with ``eta`` times that of `ancestral` (arXiv 2010.02502).

    A learned variance is not used. Strict mode stops on reaching the last time, without evaluating the
    network there, and the result keeps that time's noise.
    """
    del gamma
    visited = respaced(schedule, times)
    return _ddim(predict, x_T, visited, noise, eta, clip_x0, strict)


def analytic(
    predict: Predict,
    x_T: Tensor,  # noqa: N803
    *,
    schedule: GaussianSchedule,
    times: Sequence[int],
    noise: Noise,
    clip_x0: bool = True,
    strict: bool = False,
    gamma: Tensor | None = None,
    eta: float = 0.0,
) -> Iterator[SamplerStep]:
    """Like `ancestral`, with the variance that is best on average; a learned variance is not used.

    Raises
    ------
    ConfigError
        There is no table for this network, or it does not fit the schedule.
    """
    del strict, eta  # the published code says the same, in a part that it does not run
    visited = respaced(schedule, times)
    log_variance = analytic_log_variance(schedule, visited, gamma)
    return _ancestral(
        lambda x, t: split(predict(x, t))[0], x_T, visited, log_variance, noise, clip_x0
    )


SAMPLERS: dict[str, Sampler] = {
    "ddpm": ddpm,
    "ddim": ddim,
    "ancestral": ancestral,
    "analytic": analytic,
}


def sampler_of(name: str) -> Sampler:
    """The sampler of a name in ``solvers``; what diffusers has is imported when it is called."""
    if name in SCHEDULERS:
        from spikestudio.diffusion.diffusers_samplers import diffusers_sampler

        return diffusers_sampler(name)
    return SAMPLERS[name]


def guided(predict: ConditionalPredict, labels: Tensor, scale: float, null_label: int) -> Predict:
    """Classifier-free guidance (arXiv 2207.12598): ``eps_u + scale (eps_c - eps_u)``.

    Parameters
    ----------
    predict
        Class-conditional network ``predict(x, t, labels)``.
    labels
        int64 ``[B]``.
    scale
        1 is the conditional network alone, without a second evaluation.
    null_label
        The label that stands for no class.

    Returns
    -------
    Predict
        One call is one evaluation of twice the batch; the variance is that of the labels.
    """
    if scale == 1:
        return lambda x, t: predict(x, t, labels)
    both = torch.cat([labels, torch.full_like(labels, null_label)])

    def combined(x: Tensor, t: Tensor) -> Tensor | tuple[Tensor, Tensor]:
        eps, coefficient = split(predict(torch.cat([x, x]), torch.cat([t, t]), both))
        conditional, unconditional = eps.chunk(2)
        eps = unconditional + scale * (conditional - unconditional)
        return eps if coefficient is None else (eps, coefficient.chunk(2)[0])

    return combined


def _ancestral(
    predict: Predict,
    x: Tensor,
    visited: GaussianSchedule,
    log_variance: Tensor,
    noise: Noise,
    clip_x0: bool,
) -> Iterator[SamplerStep]:
    for index, entry, t in _countdown(visited):
        i = _batch(entry, x)
        eps, coefficient = split(predict(x, _batch(t, x)))
        x0_hat = _clean_image(visited, x, i, eps, clip_x0)
        if entry == 0:
            x_next = x0_hat.clamp(-1, 1)
        else:
            log_var = (
                gather(log_variance, i, x)
                if coefficient is None
                else learned_log_variance(visited, coefficient, i)
            )
            mean = posterior_mean(visited, x0_hat, x, i)
            x_next = mean + torch.exp(0.5 * log_var) * noise(x)
        yield SamplerStep(index, t, x, x0_hat, x_next)
        x = x_next


def _ddim(
    predict: Predict,
    x: Tensor,
    visited: GaussianSchedule,
    noise: Noise,
    eta: float,
    clip_x0: bool,
    strict: bool,
) -> Iterator[SamplerStep]:
    ab = visited.alphas_cumprod_prev
    variance = eta**2 * visited.posterior_variance
    for index, entry, t in _countdown(visited):
        if strict and entry == 0:
            return
        i = _batch(entry, x)
        eps, _ = split(predict(x, _batch(t, x)))
        x0_hat = _clean_image(visited, x, i, eps, clip_x0)
        if entry == 0:
            x_next = x0_hat.clamp(-1, 1)
        else:
            # The network's own noise, not the one that the clamped image implies.
            kept = (1 - ab - variance).clamp(min=0)
            x_next = gather(ab.sqrt(), i, x) * x0_hat + gather(kept.sqrt(), i, x) * eps
            if eta:
                x_next = x_next + gather(variance.sqrt(), i, x) * noise(x)
        yield SamplerStep(index, t, x, x0_hat, x_next)
        x = x_next


def _countdown(visited: GaussianSchedule) -> Iterator[tuple[int, int, int]]:
    """Index of the evaluation, entry of the schedule, and the time that the network is told."""
    last = len(visited) - 1
    for index in range(last + 1):
        yield index, last - index, int(visited.times[last - index])


def _clean_image(
    schedule: GaussianSchedule, x: Tensor, i: Tensor, eps: Tensor, clip: bool
) -> Tensor:
    x0_hat = predict_x0(schedule, x, i, eps)
    return x0_hat.clamp(-1, 1) if clip else x0_hat


def split(prediction: Tensor | tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor | None]:
    """Noise, and the variance coefficient where the network gives one."""
    return prediction if isinstance(prediction, tuple) else (prediction, None)


def _batch(value: int, x: Tensor) -> Tensor:
    return torch.full((len(x),), value, dtype=torch.int64, device=x.device)
