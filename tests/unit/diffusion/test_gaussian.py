"""Formulas of Gaussian diffusion against each other and against closed forms."""

from __future__ import annotations

import pytest
import torch

from spikestudio.diffusion.gaussian import (
    balanced_weights,
    learned_log_variance,
    posterior_mean,
    predict_x0,
    q_sample,
    vlb_bits,
)
from spikestudio.diffusion.schedules import GaussianSchedule
from tests.unit.golden import golden_input

SCHEDULE = GaussianSchedule.linear()
SHAPE = (4, 1, 4, 4)
T = torch.tensor([0, 1, 500, 999])
X_0 = golden_input(SHAPE)
EPS = torch.cos(golden_input(SHAPE) * 5)


def test_q_sample_has_the_stated_level() -> None:
    noisy = q_sample(SCHEDULE, torch.ones(SHAPE), T, torch.zeros(SHAPE))
    assert noisy[:, 0, 0, 0].tolist() == pytest.approx(SCHEDULE.alphas_cumprod[T].sqrt().tolist())
    noisy = q_sample(SCHEDULE, torch.zeros(SHAPE), T, torch.ones(SHAPE))
    assert noisy[:, 0, 0, 0].square().tolist() == pytest.approx(
        (1 - SCHEDULE.alphas_cumprod[T]).tolist()
    )


def test_predict_x0_inverts_q_sample() -> None:
    x_t = q_sample(SCHEDULE, X_0, T, EPS)
    torch.testing.assert_close(predict_x0(SCHEDULE, x_t, T, EPS), X_0, rtol=1e-9, atol=1e-10)


def test_posterior_is_that_of_bayes() -> None:
    """The product of N(x_t; sqrt(alpha) x, beta) and N(x; sqrt(ab') x_0, 1 - ab') over x."""
    t = torch.tensor([300])
    x_0, x_t = torch.full((1, 1, 1, 1), 0.7).double(), torch.full((1, 1, 1, 1), -0.4).double()
    beta, prior = SCHEDULE.betas[300], SCHEDULE.alphas_cumprod[299]
    precision = (1 - beta) / beta + 1 / (1 - prior)
    mean = ((1 - beta).sqrt() / beta * x_t + prior.sqrt() / (1 - prior) * x_0) / precision
    torch.testing.assert_close(posterior_mean(SCHEDULE, x_0, x_t, t), mean)
    torch.testing.assert_close(SCHEDULE.posterior_variance[300], 1 / precision)


def test_learned_variance_spans_posterior_to_beta() -> None:
    t = T[1:]
    shape = (3, 1, 1, 1)
    low = learned_log_variance(SCHEDULE, -torch.ones(shape), t).exp().flatten()
    high = learned_log_variance(SCHEDULE, torch.ones(shape), t).exp().flatten()
    middle = learned_log_variance(SCHEDULE, torch.zeros(shape), t).exp().flatten()
    torch.testing.assert_close(low, SCHEDULE.posterior_variance[t].float())
    torch.testing.assert_close(high, SCHEDULE.betas[t].float())
    torch.testing.assert_close(middle, (low * high).sqrt())


def test_bound_is_zero_at_the_true_posterior_and_grows_away_from_it() -> None:
    t, x_0, eps = T[1:], X_0[1:], EPS[1:]
    x_t = q_sample(SCHEDULE, x_0, t, eps)
    mean = posterior_mean(SCHEDULE, x_0, x_t, t)
    log_variance = learned_log_variance(SCHEDULE, torch.full_like(x_0, -1), t)
    exact = vlb_bits(SCHEDULE, x_0, x_t, t, mean, log_variance)
    torch.testing.assert_close(exact, torch.zeros(3).double(), atol=1e-12, rtol=0)
    shifted = vlb_bits(SCHEDULE, x_0, x_t, t, mean + (0.5 * log_variance).exp(), log_variance)
    torch.testing.assert_close(
        shifted, torch.full((3,), 0.5).double() / torch.log(X_0.new_tensor(2))
    )
    assert bool((vlb_bits(SCHEDULE, x_0, x_t, t, mean, log_variance + 0.3) > 0).all())


def test_likelihoods_of_all_levels_sum_to_one() -> None:
    levels = (torch.arange(256).double() / 127.5 - 1).reshape(-1, 1, 1, 1)
    t = torch.zeros(256, dtype=torch.int64)
    mean, log_variance = torch.full_like(levels, 0.31), torch.full_like(levels, -3.0)
    bits = vlb_bits(SCHEDULE, levels, levels, t, mean, log_variance)
    assert float(torch.exp2(-bits).sum()) == pytest.approx(1.0, abs=1e-6)


def test_balanced_weights() -> None:
    snr = (SCHEDULE.alphas_cumprod / (1 - SCHEDULE.alphas_cumprod))[T]
    expected = [min(1.0, 5 / s) + min(10.0, 1 / (5 * s)) for s in snr.tolist()]
    assert balanced_weights(SCHEDULE, T).tolist() == pytest.approx(expected)
    assert balanced_weights(SCHEDULE, torch.tensor([0, 999])).tolist() == pytest.approx(
        [0.0, 11.0], abs=0.01
    )
