"""Equations with numbers filled in, as lines of text; what is not known makes no equation.

Sources: DDPM arXiv 2006.11239 §2, DDIM arXiv 2010.02502 §4.1, absorbing-state diffusion
arXiv 2107.03006 (unmasking with probability 1/t), RWKV arXiv 2305.13048 §3.2.
"""

from __future__ import annotations

from math import exp, sqrt

import numpy as np
from numpy.typing import NDArray

from spikestudio.language import tr, tr_n
from spikestudio.recording.memory import MemoryStep

EQUATIONS = {
    "membrane": tr("update of the potential at the SNN step that is looked at"),
    "forward": tr("forward diffusion at the time of the card's figure"),
    "ddpm": tr("DDPM step of one pixel at the denoising step that is looked at"),
    "ddim": tr("DDIM step of one pixel at the denoising step that is looked at"),
    "unmasking": tr("chance of a masked cell at the denoising step that is looked at"),
    "wkv": tr("recurrence of the WKV sum"),
}
NOT_RECORDED = tr("not recorded")
MINUS = "\N{MINUS SIGN}"


def alpha_bar(num_timesteps: int) -> NDArray[np.float64]:
    """Share of the image's variance left at each time, ``[num_timesteps]``, of the linear schedule."""
    betas: NDArray[np.float64] = np.linspace(1e-4, 0.02, num_timesteps)
    shares: NDArray[np.float64] = np.cumprod(1 - betas, dtype=np.float64)
    return shares


def number(value: float, decimals: int = 3) -> str:
    """Return a number with a true minus sign."""
    text = f"{value:.{decimals}f}"
    return (text.lstrip("-") if float(text) == 0 else text).replace("-", MINUS)


def added(value: float, decimals: int = 3) -> str:
    """Return a number as a further term."""
    text = number(value, decimals)
    return f"{MINUS} {text[1:]}" if text.startswith(MINUS) else f"+ {text}"


def forward(image: float, noise: float, share: float) -> str:
    """One pixel of the forward process: ``share`` is alpha-bar, ``noise`` the standard normal."""
    a, b = sqrt(share), sqrt(1 - share)
    value = a * image + b * noise
    return (
        f"x = √ᾱ · x₀ + √(1 − ᾱ) · ε\n"
        f"{number(value)} = {number(a)} · {_factor(image)} + {number(b)} · {_factor(noise)}"
    )


def ddpm(x_t: float, x0_hat: float, x_next: float, share: float, share_next: float) -> str:
    """One pixel of an ancestral step: posterior mean of ``x0_hat`` and ``x_t``, and the noise added."""
    kept = share / share_next  # alpha of the step
    to_image = sqrt(share_next) * (1 - kept) / (1 - share)
    to_state = sqrt(kept) * (1 - share_next) / (1 - share)
    mean = to_image * x0_hat + to_state * x_t
    return tr(
        "μ = {number} · x̂₀ + {number_2} · x_t\n"
        "{number_3} = {number} · {factor} + "
        "{number_2} · {factor_2}\n"
        "next x = μ + noise: {number_4} = {number_3} {added}",
        number=number(to_image),
        number_2=number(to_state),
        number_3=number(mean),
        factor=_factor(x0_hat),
        factor_2=_factor(x_t),
        number_4=number(x_next),
        added=added(x_next - mean),
    )


def ddim(x0_hat: float, x_next: float, share_next: float) -> str:
    """One pixel of a DDIM step without fresh noise; epsilon is what the next state implies."""
    a, b = sqrt(share_next), sqrt(1 - share_next)
    epsilon = (x_next - a * x0_hat) / b
    return tr(
        "next x = {number} · x̂₀ + {number_2} · ε\n"
        "{number_3} = {number} · {factor} + {number_2} · {factor_2}",
        number=number(a),
        number_2=number(b),
        number_3=number(x_next),
        factor=_factor(x0_hat),
        factor_2=_factor(epsilon),
    )


def unmasking(steps_left: int, masked: int) -> str:
    """Chance of every masked cell in a step, with this one ``steps_left`` are to come."""
    chance = 1 / steps_left
    rule = tr(
        "P(reveal) = 1 / steps left = 1 / {steps_left} = {number}",
        steps_left=steps_left,
        number=number(chance),
    )
    cells = tr_n(
        "{count} masked cell: {expected} expected to be revealed",
        "{count} masked cells: {expected} expected to be revealed",
        masked,
        count=masked,
        expected=number(masked * chance, 1),
    )
    return f"{rule}\n{cells}"


def wkv(step: MemoryStep) -> str:
    """One channel of the WKV sum at one token: what comes out, and how the past goes on.

    ``a`` and ``b`` are numerator and denominator of all tokens before. The result is worked out from
    the numbers given, not taken from ``step.output``.
    """
    scale = exp(-step.exponent)
    present, weight = exp(step.bonus + step.key) * scale, exp(step.key) * scale
    a, b, v = step.numerator, step.denominator, step.value
    out = (a + present * v) / (b + present)
    lines = [
        tr("wkv = (a + e^(u+k) · v) / (b + e^(u+k))"),
        f"{number(out)} = ({number(a)} + {number(present)} · {_factor(v)})"
        f" / ({number(b)} + {number(present)})",
        f"u = {number(step.bonus)}, k = {number(step.key)}, v = {number(v)}",
        tr(
            "next a = {number} · a + e^k · v = {number_2}",
            number=number(step.decay),
            number_2=number(step.decay * a + weight * v),
        ),
        tr(
            "next b = {number} · b + e^k = {number_2}",
            number=number(step.decay),
            number_2=number(step.decay * b + weight),
        ),
    ]
    if step.exponent:
        lines.append(
            tr(
                "a, b and powers are given divided by e^{exponent:g}, which cancels",
                exponent=step.exponent,
            )
        )
    return "\n".join(lines)


def _factor(value: float) -> str:
    text = number(value)
    return f"({text})" if text.startswith(MINUS) else text
