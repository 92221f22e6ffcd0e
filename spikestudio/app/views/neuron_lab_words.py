"""What the neuron lab says: the equations of one step with their numbers, and the whole in a line."""

from __future__ import annotations

from dataclasses import dataclass

from spikestudio.app.viewmodels.neuron_lab import NeuronLabModel
from spikestudio.app.views.neuron_card import Part
from spikestudio.language import tr, tr_n
from spikestudio.neurons.lab import Driven, Neuron

DECIMALS = 3
MOST_DECIMALS = 7  # of float32 that mean something
MINUS = "\N{MINUS SIGN}"


@dataclass(frozen=True, slots=True)
class Line:
    """One equation: what happens, the rule, the rule with numbers (if any), what comes out, why."""

    name: str
    rule: str
    filled: str
    outcome: Part
    note: str = ""

    @property
    def parts(self) -> list[Part]:
        """Rule, numbers and outcome, each with the sign before it."""
        filled = [Part(f" = {self.filled}")] if self.filled else []
        note = [Part(f"  ({self.note})", "muted")] if self.note else []
        outcome = Part(f" = {self.outcome.text}", self.outcome.token)
        return [Part(self.rule, "muted"), *filled, outcome, *note]

    @property
    def text(self) -> str:
        """The whole line."""
        return f"{self.name}: {''.join(part.text for part in self.parts)}"


def equations(neuron: Neuron, driven: Driven, step: int) -> list[Line]:
    """Return charge, fire and reset of an SNN step (from 0 on), as spikingjelly computes them."""
    before, x, h, v = (
        float(each[step]) for each in (driven.before, driven.current, driven.h, driven.v)
    )
    is_spike = bool(driven.spikes[step])
    now, then = f"[{step + 1}]", f"[{step}]"
    decimals = _decimals(h, neuron.v_threshold)
    shown, threshold = written(h, decimals), _constant(neuron.v_threshold)
    difference = grouped(written(h - neuron.v_threshold, decimals))
    fire = Line(
        tr("Fire"),
        tr("S{now} = Θ(H{now} − v_th)", now=now),
        f"Θ({shown} − {threshold}) = Θ({difference.strip('()')})",
        Part(tr("1, spike"), "spike") if is_spike else Part("0", "muted"),
    )
    charge_rule, charge_filled = _charge(neuron, now, then, before, x)
    charge = Line(tr("Charge"), charge_rule, charge_filled, Part(shown))
    if not is_spike:
        reset = Line(tr("Reset"), f"V{now} = H{now}", "", Part(written(v)), tr("no spike"))
    elif neuron.v_reset is None:
        filled = f"{shown} − {threshold}"
        reset = Line(tr("Reset"), tr("V{now} = H{now} − v_th", now=now), filled, Part(written(v)))
    else:
        reset = Line(
            tr("Reset"), tr("V{now} = V_reset", now=now), "", Part(written(v)), tr("hard reset")
        )
    return [charge, fire, reset]


def _charge(neuron: Neuron, now: str, then: str, before: float, x: float) -> tuple[str, str]:
    v, current = written(before), written(x)
    if not neuron.is_leaky:
        return f"H{now} = V{then} + X{now}", f"{v} + {grouped(current)}"
    rest = neuron.v_reset
    gap = f"V{then}" if rest is None else tr("(V{then} − V_reset)", then=then)
    gap_filled = grouped(v) if rest is None else f"({v} − {grouped(_constant(rest))})"
    leak, filled = " / τ", f" / {_constant(neuron.tau)}"
    if neuron.kind == "PLIF":
        leak, filled = " · σ(w)", f" · σ({grouped(_constant(neuron.weight)).strip('()')})"
    if neuron.decays_input:
        return (
            f"H{now} = V{then} + (X{now} − {gap}){leak}",
            f"{v} + ({current} − {gap_filled}){filled}",
        )
    return (
        f"H{now} = V{then} − {gap}{leak} + X{now}",
        f"{v} − {gap_filled}{filled} + {grouped(current)}",
    )


def headline(model: NeuronLabModel) -> str:
    """Return what the neuron does, in a line."""
    spikes = model.spikes
    if not spikes:
        return ""
    number, steps = sum(spikes), len(spikes)
    if not number:
        return tr("Silent for all {steps} steps", steps=steps)
    first = spikes.index(1) + 1
    return tr_n(
        "{number} spike in {steps} steps: rate {number_2:.3g}, first at t = {first}",
        "{number} spikes in {steps} steps: rate {number_2:.3g}, first at t = {first}",
        number,
        number=number,
        steps=steps,
        number_2=number / steps,
        first=first,
    )


def source_text(model: NeuronLabModel) -> str:
    """Return where a recorded input comes from, and what the constants change."""
    real = model.real
    if real is None:
        return ""
    recorded, now = int(real.spikes.sum()), sum(model.spikes)
    text = tr_n(
        "{real}: {recorded} spike recorded",
        "{real}: {recorded} spikes recorded",
        recorded,
        real=real.text,
        recorded=recorded,
    )
    if not model.is_ready:
        return text
    if model.spikes == tuple(real.spikes.tolist()):
        return tr("{the_text}, the same here", the_text=text)
    sign = "+" if now > recorded else MINUS if now < recorded else "±"
    return tr(
        "{the_text}, {now} here ({sign}{now_2})",
        the_text=text,
        now=now,
        sign=sign,
        now_2=abs(now - recorded),
    )


def written(value: float, decimals: int = DECIMALS) -> str:
    """Return a number with three decimals, or more, and a true minus sign."""
    text = f"{value:.{decimals}f}"
    if float(text) == 0:
        text = text.lstrip("-")
    return text.replace("-", MINUS)


def grouped(text: str) -> str:
    """Return a negative number in brackets."""
    return f"({text})" if text.startswith(MINUS) else text


def _constant(value: float) -> str:
    return f"{value or 0.0:.6g}".replace("-", MINUS)  # no -0


def _decimals(h: float, threshold: float) -> int:
    """Return how many decimals tell a potential from the threshold."""
    for decimals in range(DECIMALS, MOST_DECIMALS):
        if h == threshold or f"{h:.{decimals}f}" != f"{threshold:.{decimals}f}":
            return decimals
    return MOST_DECIMALS
