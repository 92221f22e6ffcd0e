"""Absorbing-state diffusion: masking, order of reveal, sampling from the given distribution."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from spikestudio.diffusion.absorbing import TokenState, TokenStep, q_sample, unmask, unmask_times
from spikestudio.errors import ConfigError

K = 6
MASK = K
quick = settings(deadline=None, max_examples=25)


class Streams:
    """One generator per image, and how many numbers each gave."""

    def __init__(self, seeds: list[int]) -> None:
        self.generators = [torch.Generator().manual_seed(seed) for seed in seeds]
        self.shapes: list[tuple[int, ...]] = []

    def __call__(self, shape: tuple[int, ...]) -> Tensor:
        self.shapes.append(shape)
        return torch.stack([torch.rand(shape[1:], generator=g) for g in self.generators])


def predict(tokens: Tensor, t: Tensor) -> Tensor:
    """Logits that depend on the tokens and the time of their own image."""
    place = torch.arange(tokens[0].numel()).reshape(1, 1, *tokens.shape[1:])
    code = torch.arange(K).view(1, K, 1, 1)
    phase = tokens.sum((1, 2)).view(-1, 1, 1, 1) + 3 * code + place + t.view(-1, 1, 1, 1)
    return torch.sin(phase.float())


def run(
    seeds: list[int], steps: int, temperature: float = 1.0, side: int = 4, *, strict: bool = False
) -> list[TokenStep]:
    return list(
        unmask(
            predict,
            shape=(len(seeds), side, side),
            steps=steps,
            mask_id=MASK,
            temperature=lambda: temperature,
            uniform=Streams(seeds),
            num_timesteps=side * side,
            strict_time=strict,
        )
    )


@quick
@given(steps=st.integers(1, 16), seed=st.integers(0, 2**31), temperature=st.floats(0.001, 5))
def test_positions_are_revealed_once_and_all(steps: int, seed: int, temperature: float) -> None:
    trace = run([seed, seed + 1], steps, temperature)
    assert [step.index for step in trace] == list(range(steps))
    revealed = torch.zeros(2, 4, 4, dtype=torch.bool)
    last = torch.full((2, 4, 4), MASK)
    for step in trace:
        now = step.tokens != MASK
        assert torch.equal(now & revealed, revealed)
        assert torch.equal(step.tokens[revealed], last[revealed])
        assert torch.equal(step.order >= 0, now)
        assert (step.order[now & ~revealed] == step.index).all()
        assert torch.equal(step.confidence > 0, now)
        revealed, last = now, step.tokens
    assert revealed.all()
    assert ((last >= 0) & (last < K)).all()
    assert (trace[-1].confidence <= 1).all()
    assert trace[-1].tokens.dtype is torch.int64
    assert trace[-1].order.dtype is torch.int32
    assert trace[-1].confidence.dtype is torch.float32


@quick
@given(steps=st.integers(1, 16), seeds=st.lists(st.integers(0, 2**31), min_size=2, max_size=5))
def test_an_image_depends_on_its_own_stream_only(steps: int, seeds: list[int]) -> None:
    together = run(seeds, steps)
    for k, seed in enumerate(seeds):
        alone = run([seed], steps)
        for a, b in zip(together, alone, strict=True):
            assert torch.equal(a.tokens[k], b.tokens[0])
            assert torch.equal(a.order[k], b.order[0])
            assert torch.equal(a.confidence[k], b.confidence[0])


def test_every_step_draws_the_same_count_of_numbers() -> None:
    streams = Streams([1, 2, 3])
    list(
        unmask(
            predict,
            shape=(3, 4, 4),
            steps=9,
            mask_id=MASK,
            temperature=lambda: 1.0,
            uniform=streams,
            num_timesteps=16,
        )
    )
    assert streams.shapes == [(3, 2, 4, 4)] * 9


def test_one_token_is_revealed_per_step_on_average() -> None:
    trace = run(list(range(400)), 16)
    counts = torch.stack([(trace[-1].order == i).sum((1, 2)) for i in range(16)]).float()
    # Each step reveals 1 of 16 tokens on average; the mean of 400 images has sigma <= 0.05.
    assert (counts.mean(1) - 1).abs().max() < 0.25


def test_order_of_reveal_has_no_preferred_place() -> None:
    order = run(list(range(400)), 16)[-1].order.float()
    assert (order.mean(0) - 7.5).abs().max() < 1.2  # sigma of the mean is 0.23


def test_codes_follow_the_distribution_at_the_temperature() -> None:
    logits = torch.tensor([2.0, 0.0, -1.0, float("-inf"), 0.5, 1.0])
    for temperature in (0.5, 1.0, 2.0):
        (step,) = unmask(
            lambda tokens, t: logits.view(1, K, 1, 1).expand(len(t), K, 50, 50),
            shape=(8, 50, 50),
            steps=1,
            mask_id=MASK,
            temperature=lambda value=temperature: value,
            uniform=Streams(list(range(8))),
        )
        wanted = torch.softmax(logits / temperature, 0)
        found = torch.bincount(step.tokens.flatten(), minlength=K) / step.tokens.numel()
        assert (found - wanted).abs().max() < 0.015  # 20,000 draws, sigma <= 0.0036
        assert found[3] == 0
        torch.testing.assert_close(step.confidence, wanted[step.tokens])


@pytest.mark.parametrize("u", [0.0, 1 - 2**-24])
def test_extreme_random_numbers_never_draw_an_impossible_code(u: float) -> None:
    logits = torch.tensor([float("-inf"), 0.1, 0.2, 0.3, 0.4, float("-inf")])
    (step,) = unmask(
        lambda tokens, t: logits.view(1, K, 1, 1),
        shape=(1, 1, 1),
        steps=1,
        mask_id=MASK,
        temperature=lambda: 1.0,
        uniform=lambda shape: torch.full(shape, u),
    )
    assert step.tokens.item() == (1 if u == 0 else 4)


def test_low_temperature_takes_the_most_probable_code() -> None:
    trace = run([5, 6], 16, temperature=0.001)
    for step in trace:
        new = step.order == step.index
        assert torch.equal(step.tokens[new], step.logits.argmax(1)[new])


def test_temperature_is_read_at_every_step() -> None:
    values = iter([1.0, 1.0, 1.0, 0.001, 0.001, 0.001])
    changed = list(
        unmask(
            predict,
            shape=(2, 4, 4),
            steps=6,
            mask_id=MASK,
            temperature=lambda: next(values),
            uniform=Streams([1, 2]),
            num_timesteps=16,
        )
    )
    plain = run([1, 2], 6)
    for a, b in zip(changed[:3], plain[:3], strict=True):
        assert torch.equal(a.tokens, b.tokens)
    assert not torch.equal(changed[-1].tokens, plain[-1].tokens)
    assert (changed[-1].confidence[changed[-1].order >= 3] > 0.9).float().mean() > 0.8


def test_times_given_to_the_network() -> None:
    assert unmask_times(49) == list(range(49, 0, -1))
    assert unmask_times(1) == [49]
    assert unmask_times(3) == [49, 33, 16]
    assert unmask_times(3, strict_time=True) == [3, 2, 1]
    assert [step.t for step in run([0], 4)] == [16, 12, 8, 4]
    assert [step.t for step in run([0], 4, strict=True)] == [4, 3, 2, 1]


@given(steps=st.integers(1, 49))
def test_times_fall_from_n_and_stay_positive(steps: int) -> None:
    times = unmask_times(steps)
    assert len(times) == steps
    assert times[0] == 49
    assert times[-1] >= 1
    assert times == sorted(set(times), reverse=True)


def test_the_network_sees_the_state_before_the_step() -> None:
    seen: list[tuple[Tensor, Tensor]] = []

    def spy(tokens: Tensor, t: Tensor) -> Tensor:
        seen.append((tokens, t))
        return predict(tokens, t)

    trace = list(
        unmask(
            spy,
            shape=(2, 4, 4),
            steps=5,
            mask_id=MASK,
            temperature=lambda: 1.0,
            uniform=Streams([0, 1]),
            num_timesteps=16,
        )
    )
    assert (seen[0][0] == MASK).all()
    for (tokens, t), before, step in zip(seen[1:], trace, trace[1:], strict=False):
        assert torch.equal(tokens, before.tokens)
        assert t.tolist() == [step.t] * 2
        assert t.dtype is torch.int64


def test_cells_cleared_on_the_way_are_revealed_at_every_step_that_is_left_alike() -> None:
    steps, side, cleared_at = 8, 40, 3
    trace = unmask(
        lambda tokens, t: torch.zeros(len(tokens), K, side, side),
        shape=(2, side, side),
        steps=steps,
        mask_id=MASK,
        temperature=lambda: 1.0,
        uniform=Streams([5, 6]),
    )
    for _ in range(cleared_at):
        step = next(trace)
    for values, empty in ((step.tokens, MASK), (step.order, -1), (step.confidence, 0.0)):
        values[0, :20] = empty  # also what was revealed
        values[1] = empty
    *_, last = trace
    assert (last.order >= 0).all()
    counts = torch.bincount(last.order[1].flatten(), minlength=steps)
    assert counts[:cleared_at].tolist() == [0] * cleared_at
    expected = side * side / (steps - cleared_at)
    assert ((counts[cleared_at:] - expected).abs() < 5 * expected**0.5).all()
    assert (last.order[0, :20] >= cleared_at).all()
    kept = step.order[0] >= 0
    assert torch.equal(last.tokens[0][kept], step.tokens[0][kept])


def test_a_given_start_is_kept_and_the_rest_is_revealed() -> None:
    start = TokenState.masked((2, 4, 4), MASK, "cpu")
    start.tokens[:, 0], start.order[:, 0], start.confidence[:, 0] = 2, 0, 1.0
    seen: list[Tensor] = []

    def spy(tokens: Tensor, t: Tensor) -> Tensor:
        seen.append(tokens)
        return predict(tokens, t)

    trace = list(
        unmask(
            spy,
            shape=(2, 4, 4),
            steps=3,
            mask_id=MASK,
            temperature=lambda: 1.0,
            uniform=Streams([0, 1]),
            start=start,
        )
    )
    assert torch.equal(seen[0], start.tokens)
    assert all((step.tokens[:, 0] == 2).all() and (step.order[:, 0] == 0).all() for step in trace)
    assert (trace[-1].order >= 0).all()
    assert (trace[-1].tokens != MASK).all()


@pytest.mark.parametrize("steps", [0, 50, -1])
def test_steps_out_of_range_are_refused(steps: int) -> None:
    with pytest.raises(ConfigError, match=f"1 to 49 denoising steps, not {steps}") as error:
        unmask_times(steps)
    assert error.value.field == "steps"


@quick
@given(t=st.integers(1, 49), seed=st.integers(0, 2**31))
def test_forward_masks_exactly_where_the_number_is_below_t_over_n(t: int, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    tokens = torch.randint(0, K, (2, 7, 7), generator=generator)
    uniform = torch.rand(2, 7, 7, generator=generator)
    noisy, mask = q_sample(tokens, torch.tensor([t, 49]), uniform, 49, MASK)
    assert torch.equal(mask[0], uniform[0] < t / 49)
    assert torch.equal(noisy == MASK, mask)
    assert torch.equal(noisy[~mask], tokens[~mask])
    assert mask[1].all()
