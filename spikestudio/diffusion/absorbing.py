"""Absorbing-state diffusion over token maps (arXiv 2107.03006, 2111.12701, 2308.10187).

Forward, each token is masked with probability t/N. Backward, masked positions are revealed in
random order, and a revealed token is never revised. The network is known only as a callable.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from spikestudio.errors import ConfigError
from spikestudio.language import tr


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenState:
    """Token maps of a batch, between two network evaluations of `unmask`."""

    tokens: Tensor  # int64 [B, h, w], the mask id where still masked
    order: Tensor  # int32 [B, h, w], evaluation that revealed the position, -1 where masked
    confidence: Tensor  # float32 [B, h, w], probability of the sampled code, 0 where masked

    @classmethod
    def masked(
        cls, shape: tuple[int, int, int], mask_id: int, device: torch.device | str
    ) -> TokenState:
        """Every position masked, as a run begins."""
        tokens = torch.full(shape, mask_id, dtype=torch.int64, device=device)
        return cls(
            tokens=tokens,
            order=torch.full_like(tokens, -1, dtype=torch.int32),
            confidence=torch.zeros_like(tokens, dtype=torch.float32),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenStep(TokenState):
    """State after one network evaluation of `unmask`."""

    index: int  # 0-based number of the evaluation
    t: int  # diffusion time given to the network
    logits: Tensor  # [B, K, h, w], as the network gave them


def q_sample(
    tokens: Tensor, t: Tensor, uniform: Tensor, num_timesteps: int, mask_id: int
) -> tuple[Tensor, Tensor]:
    """Mask each token independently with probability t/N.

    Parameters
    ----------
    tokens
        Clean ids int64 ``[B, h, w]``.
    t
        Diffusion times int64 ``[B]``, 1..N.
    uniform
        Random numbers in [0, 1), ``[B, h, w]``.
    num_timesteps
        N.
    mask_id
        Id written where masked.

    Returns
    -------
    tuple of Tensor
        Noisy ids int64 ``[B, h, w]`` and the mask, bool ``[B, h, w]``.
    """
    mask = uniform < (t / num_timesteps).view(-1, 1, 1)
    return tokens.masked_fill(mask, mask_id), mask


def unmask_times(steps: int, num_timesteps: int = 49, *, strict_time: bool = False) -> list[int]:
    """Diffusion time of each network evaluation: round(N t / S) for t = S..1.

    With ``strict_time`` it is t itself, as in the paper's code: with fewer steps than N the network
    is then told of less noise than there is.

    Raises
    ------
    ConfigError
        ``steps`` is not from 1 to N.
    """
    if not 1 <= steps <= num_timesteps:
        raise ConfigError(
            tr(
                "This model unmasks in 1 to {num_timesteps} denoising steps, not {steps}.",
                num_timesteps=num_timesteps,
                steps=steps,
            ),
            field="steps",
        )
    countdown = range(steps, 0, -1)
    return [t if strict_time else round(num_timesteps * t / steps) for t in countdown]


def unmask(
    predict: Callable[[Tensor, Tensor], Tensor],
    *,
    shape: tuple[int, int, int],
    steps: int,
    mask_id: int,
    temperature: Callable[[], float],
    uniform: Callable[[tuple[int, ...]], Tensor],
    num_timesteps: int = 49,
    strict_time: bool = False,
    start: TokenState | None = None,
) -> Iterator[TokenStep]:
    """Sample token maps, by default from the all-masked state, one `TokenStep` per network evaluation.

    At t = S..1 every position still masked is revealed with probability 1/t, so all are at t = 1,
    and takes a code drawn from softmax(logits / temperature). Every step uses the same count of
    random numbers, whatever it reveals, so an image depends on its own stream only.

    The state may be written to between two steps, and ``start`` may hold revealed positions. The rule
    looks at each position alone, so the schedule needs no repair: a position that is masked when t
    steps are left is revealed at each of these with probability 1/t, whether it was never revealed or
    was cleared, and so are all at the end; which of the t steps it is has the same chance for all.
    Given positions are kept like revealed ones: they are what the codes of the others are drawn under.
    Only the time that the network is told stays that of the schedule: after clearing there are more,
    after painting fewer masked positions than it stands for.

    Parameters
    ----------
    predict
        Network: ids int64 ``[B, h, w]`` and times int64 ``[B]`` to logits ``[B, K, h, w]``.
    shape
        ``(B, h, w)``.
    steps
        S, from 1 to ``num_timesteps``.
    mask_id
        Id of the masked state.
    temperature
        Read at every step; greater than 0.
    uniform
        Gives float32 random numbers in [0, 1) of the asked shape, whose first axis is the image.
        Its device is where sampling runs.
    num_timesteps
        N of the forward process.
    strict_time
        See `unmask_times`.
    start
        State before the first step; it is read when that is asked for.

    Raises
    ------
    ConfigError
        ``steps`` is not from 1 to N.
    """
    b, h, w = shape
    times = unmask_times(steps, num_timesteps, strict_time=strict_time)
    for index, t in enumerate(times):
        draws = uniform((b, 2, h, w))
        if index == 0:
            state = start or TokenState.masked(shape, mask_id, draws.device)
        tokens, order, confidence = state.tokens, state.order, state.confidence
        logits = predict(tokens, torch.full((b,), t, device=draws.device))
        codes, probability = _draw_codes(logits, temperature(), draws[:, 1])
        reveal = (order < 0) & (draws[:, 0] < 1 / (steps - index))
        state = TokenStep(
            index=index,
            t=t,
            tokens=torch.where(reveal, codes, tokens),
            order=order.masked_fill(reveal, index),
            confidence=torch.where(reveal, probability, confidence),
            logits=logits,
        )
        yield state


def _draw_codes(logits: Tensor, temperature: float, uniform: Tensor) -> tuple[Tensor, Tensor]:
    """Invert the distribution function of softmax(logits / temperature) at ``uniform``.

    Codes int64 and their probabilities float32, ``[B, h, w]`` each.
    """
    scores = logits.movedim(1, -1).to(torch.float32, memory_format=torch.contiguous_format)
    probabilities = torch.softmax(scores / temperature, dim=-1)  # [B, h, w, K]
    cumulative = probabilities.cumsum(-1)
    # Scaled by the rounded total, the threshold stays below it: no code of probability 0 is drawn.
    threshold = uniform[..., None] * cumulative[..., -1:]
    codes = (cumulative <= threshold).sum(-1)
    return codes, probabilities.gather(-1, codes[..., None])[..., 0]
