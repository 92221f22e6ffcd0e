"""Equations say the numbers that the samplers compute with."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from spikestudio.diffusion.gaussian import posterior_mean, q_sample
from spikestudio.diffusion.schedules import GaussianSchedule
from spikestudio.lessons import equations
from spikestudio.lessons.words import count, escaped, filled, parse, placeholders
from spikestudio.models.wkv import wkv
from spikestudio.recording.memory import Memory

SCHEDULE = GaussianSchedule.linear(1000)


def one(value: float) -> torch.Tensor:
    return torch.full((1, 1, 1, 1), value, dtype=torch.float64)


def test_alpha_bar_is_that_of_the_schedule() -> None:
    found = equations.alpha_bar(1000)
    assert np.abs(found - SCHEDULE.alphas_cumprod.numpy()).max() < 1e-6


def test_forward() -> None:
    share = float(SCHEDULE.alphas_cumprod[300])
    value = float(q_sample(SCHEDULE, one(0.5), torch.tensor([300]), one(-1.25)))
    text = equations.forward(0.5, -1.25, share)
    assert text.splitlines()[1].startswith(f"{equations.number(value)} = ")
    assert "\N{MINUS SIGN}1.250" in text


def test_ddpm_mean_is_the_posterior_mean() -> None:
    shares = SCHEDULE.alphas_cumprod
    mean = float(posterior_mean(SCHEDULE, one(0.4), one(-0.3), torch.tensor([500])))
    text = equations.ddpm(-0.3, 0.4, mean + 0.125, float(shares[500]), float(shares[499]))
    assert text.splitlines()[1].startswith(f"{equations.number(mean)} = ")
    assert text.endswith("+ 0.125")


def test_ddim_recovers_the_noise() -> None:
    share = 0.36
    text = equations.ddim(0.5, 0.6 * 0.5 + 0.8 * -2, share)
    assert "0.600 · 0.500 + 0.800 · (\N{MINUS SIGN}2.000)" in text


def test_unmasking() -> None:
    assert equations.unmasking(4, 20).splitlines() == [
        "P(reveal) = 1 / steps left = 1 / 4 = 0.250",
        "20 masked cells: 5.0 expected to be revealed",
    ]


@pytest.mark.parametrize("shift", [0.0, 30.0])
def test_wkv_is_the_models_sum(shift: float) -> None:
    generator = torch.Generator().manual_seed(0)
    k, v = (torch.randn(1, 6, 1, generator=generator) for _ in range(2))
    k += shift  # of all keys alike: nothing changes but what has to be divided by
    time_decay, bonus = torch.tensor([0.3]), torch.tensor([0.2])
    expected = wkv(time_decay, bonus, k, v)[0]
    decay = torch.exp(-torch.exp(time_decay)).numpy()
    memory = Memory(k[0].numpy(), v[0].numpy(), expected.numpy(), decay, bonus.numpy())
    for token in range(6):
        text = equations.wkv(memory.at(token, 0))
        shown = text.splitlines()[1].partition(" = ")[0].replace(equations.MINUS, "-")
        assert float(shown) == pytest.approx(float(expected[token, 0]), abs=6e-4)
        assert ("which cancels" in text) == bool(shift)
        assert all(len(line) < 90 for line in text.splitlines())


def test_wkv_goes_on_with_the_sums_it_names() -> None:
    keys, values = np.float32([[0.5], [-1.0], [0.25]]), np.float32([[1.0], [2.0], [-3.0]])
    memory = Memory(keys, values, values, np.float32([0.5]), np.float32([0.0]))
    for token in range(2):
        named = [
            line.rpartition(" = ")[2] for line in equations.wkv(memory.at(token, 0)).splitlines()
        ]
        after = memory.at(token + 1, 0)
        assert named[3] == equations.number(after.numerator)
        assert named[4] == equations.number(after.denominator)


def test_live_numbers_are_text_and_never_markdown() -> None:
    body = "Rate {{lab.rate}}, {{ equation:membrane }} and {{not this}}"
    assert placeholders(body) == ["lab.rate", "equation: membrane"]
    text = filled(body, {"lab.rate": "0.25", "equation: membrane": "a_b *c*\n<b>"}.__getitem__)
    assert text == "Rate 0.25, a\\_b \\*c\\*  \n\\<b\\> and {{not this}}"
    assert escaped("[x](y)") == "\\[x\\]\\(y\\)"


def test_words_are_counted_as_they_are_read() -> None:
    assert count("One **two** [three four](glossary:five) {{lab.rate}} ![six](a.png) 7.5") == 5


def test_front_lines() -> None:
    words = parse("---\ntitle: A: b\nchoice.x: Y\n---\n\nText\n")
    assert (words.title, words.front["choice.x"], words.body) == ("A: b", "Y", "Text")
    for bad in ("", "title: x", "---\ntitle\n---\n", "---\ntitle: x\n"):
        with pytest.raises(ValueError, match="line"):
            parse(bad)
