"""Equations of a handout with numbers of real runs, and what is read off in the application."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache

import numpy as np

from spikestudio.checkpoints.catalog import list_checkpoints
from spikestudio.errors import SpikeStudioError
from spikestudio.lessons import equations
from spikestudio.lessons.equations import number
from spikestudio.lessons.handout_figures import NUM_TIMES, SEED, TIMES, digit
from spikestudio.lessons.handout_scene import Recordings, Scene
from spikestudio.neurons.lab import Neuron

AT = len(TIMES) // 2  # of the times in the figure of noise, the one with numbers
Table = list[list[str]]
_CHARGE = "H[t] = V[t−1] + X[t]"
_LEAK = "H[t] = V[t−1] + (X[t] − (V[t−1] − V_reset)) / τ"
_FIRE = "S[t] = 1 where H[t] ≥ threshold, else 0"
_HARD, _SOFT = "V[t] = V_reset where S[t] = 1, else H[t]", "V[t] = H[t] − threshold · S[t]"


def equation(name: str, scene: Scene, found: Recordings) -> tuple[list[str], Table]:
    """Return the lines of an equation and a table of its numbers; both may be empty.

    The first row of a table is its head. An equation of which no bundled run has the numbers is empty.
    """
    if name == "membrane":
        return _membrane(scene)
    make = _LINES.get(name)
    lines = make(scene, found) if make is not None else None
    return (lines or [], [])


def _membrane(scene: Scene) -> tuple[list[str], Table]:
    """The rules of the page's neuron, and what they give at every SNN step."""
    neuron, driven = scene.neuron, scene.driven
    if neuron is None or driven is None:
        return [], []
    table = [["t", "X", "H", "S", "V"]]
    for t in range(len(driven.current)):
        reals = (number(float(each[t])) for each in (driven.current, driven.h))
        spike = str(int(driven.spikes[t]))
        table.append([str(t + 1), *reals, spike, number(float(driven.v[t]))])
    return rules(neuron), table


def rules(neuron: Neuron) -> list[str]:
    """Return charge, fire and reset of a neuron in symbols, as spikingjelly computes them."""
    charge = _LEAK if neuron.is_leaky else _CHARGE
    if neuron.v_reset is None:
        charge = charge.replace("(V[t−1] − V_reset)", "V[t−1]")
    return [charge, _FIRE, _SOFT if neuron.v_reset is None else _HARD]


def _forward(_scene: Scene, _found: Recordings) -> list[str]:
    pixels, noise = digit()
    row, column = (size // 2 for size in pixels.shape)
    share = float(equations.alpha_bar(NUM_TIMES)[TIMES[AT]])
    text = equations.forward(float(pixels[row, column]), float(noise[row, column]), share)
    return [f"pixel ({column}, {row}) at t = {TIMES[AT]}, noise of seed {SEED}", *text.split("\n")]


def _gaussian(sampler: str, scene: Scene, found: Recordings) -> list[str] | None:
    """One pixel in the middle of a recording that was made with the sampler."""
    names = [scene.name, *found.names()] if scene.name else found.names()
    for name in names:
        recording = found.get(name)
        if recording is None or recording.origin["request"].get("sampler") not in _SAME[sampler]:
            continue
        num_times = _num_times(name)
        there = replace(scene, name=name, recording=recording)
        step, times = there.step, recording.origin["timesteps"]
        if num_times is None or step + 1 >= len(times):
            continue
        state, after = recording.state(step), recording.state(step + 1)
        if state is None or after is None or "x0_hat" not in state:
            continue
        row, column = (size // 2 for size in state["x_t"].shape[2:])
        x, clean, following = (
            float(each[there.image, 0, row, column])
            for each in (state["x_t"], state["x0_hat"], after["x_t"])
        )
        shares = equations.alpha_bar(num_times)
        now, then = float(shares[times[step]]), float(shares[times[step + 1]])
        text = (
            equations.ddim(clean, following, then)
            if sampler == "ddim"
            else equations.ddpm(x, clean, following, now, then)
        )
        where = f"recording {name}, step {step + 1} of {len(times)}, pixel ({column}, {row})"
        return [f"{where}, t = {times[step]}", *text.split("\n")]
    return None


def _unmasking(scene: Scene, _found: Recordings) -> list[str] | None:
    masked, revealed = scene.value("tokens.masked"), scene.value("tokens.revealed")
    if scene.recording is None or not isinstance(masked, int) or not isinstance(revealed, int):
        return None
    state = scene.recording.state(scene.step)
    if state is None:
        return None
    before = int(np.count_nonzero(state["revealed"][scene.image] < 0))
    total = len(scene.recording.origin["timesteps"])
    text = equations.unmasking(total - scene.step, before)
    return [f"recording {scene.name}, step {scene.step + 1} of {total}", *text.split("\n")]


_SAME = {"ddim": ("ddim",), "ddpm": ("ddpm", "ancestral")}
_LINES: dict[str, Callable[[Scene, Recordings], list[str] | None]] = {
    "forward": _forward,
    "ddim": lambda scene, found: _gaussian("ddim", scene, found),
    "ddpm": lambda scene, found: _gaussian("ddpm", scene, found),
    "unmasking": _unmasking,
}


@cache
def _num_times(name: str) -> int | None:
    """Diffusion times that a bundled model was trained with; None if it is not there."""
    try:
        cards = {each.name: each.card for each in list_checkpoints() if each.is_bundled}
    except SpikeStudioError:
        return None
    card = cards.get(name)
    found = card.config.get("num_train_timesteps") if card is not None else None
    return found if isinstance(found, int) else None
