import numpy as np
import pytest

from spikestudio.metrics.comparison import (
    NEVER,
    START,
    first_divergence,
    mean_rates,
    nearest_step,
    rate_changes,
    signed_difference,
)


class States:
    """States of a run by step; those that were not kept are left out."""

    def __init__(self, states, steps_done):
        self._states = states
        self.steps_done = steps_done

    def state(self, step):
        return self._states.get(step)


def pixel_run(parts_at, *, steps=6, kept=None, seed=0):
    """A batch whose image k gets another outcome in step ``parts_at[k]`` (None: never)."""
    rng = np.random.default_rng(seed)
    num = len(parts_at)
    x = rng.normal(size=(steps, num, 1, 4, 4)).astype(np.float32)
    x0 = rng.normal(size=(steps, num, 1, 4, 4)).astype(np.float32)
    for image, step in enumerate(parts_at):
        if step is not None:
            x0[max(step, 0) :, image, 0, 1, 2] += 1
            x[step + 1 :, image, 0, 3, 3] += 1
    states = {s: {"x_t": x[s], "x0_hat": x0[s]} for s in range(steps) if kept is None or s in kept}
    return States(states, steps)


def test_the_first_step_whose_outcome_differs_is_told_for_each_image():
    found = first_divergence(pixel_run([None] * 4), pixel_run([2, None, 0, 5]))
    assert found.latest.tolist() == [2, NEVER, 0, 5]
    assert np.array_equal(found.earliest, found.latest)
    assert found.first_image == 2
    assert found.num_same == 1
    assert (found.compared, found.steps) == (6, 6)


def test_images_of_another_noise_differ_before_the_first_step():
    found = first_divergence(pixel_run([None, None]), pixel_run([START, None]))
    assert found.latest.tolist() == [START, NEVER]
    assert found.earliest.tolist() == [START, NEVER]


def test_steps_that_were_not_kept_leave_a_span():
    kept = (0, 4)
    found = first_divergence(
        pixel_run([None] * 4, kept=kept), pixel_run([1, 3, 4, None], kept=kept)
    )
    assert found.earliest.tolist() == [0, 0, 4, NEVER]
    assert found.latest.tolist() == [3, 3, 4, NEVER]
    assert found.compared == 2


def test_without_the_first_states_the_noise_may_have_differed():
    found = first_divergence(pixel_run([None], kept=(3,)), pixel_run([1], kept=(3,)))
    assert (found.earliest[0], found.latest[0]) == (START, 2)


def test_an_outcome_that_only_the_next_state_shows_counts_for_its_step():
    a, b = pixel_run([None]), pixel_run([None])
    for step in (3, 4, 5):
        b.state(step)["x_t"] = b.state(step)["x_t"] + 1
    found = first_divergence(a, b)
    assert (found.earliest[0], found.latest[0]) == (2, 2)


def test_token_runs_part_where_their_guesses_do():
    def run(parts_at):
        guess = np.zeros((4, 1, 2, 2), np.int32)
        guess[parts_at:, 0, 1, 0] = 7
        tokens = np.full((4, 1, 2, 2), 9, np.int32)
        return States({s: {"tokens": tokens[s], "guess": guess[s]} for s in range(4)}, 4)

    assert first_divergence(run(4), run(2)).latest.tolist() == [2]


def test_only_images_and_steps_of_both_are_compared():
    found = first_divergence(pixel_run([None]), States(pixel_run([4])._states, 3))
    assert found.latest.tolist() == [NEVER]
    assert found.steps == 3


@pytest.mark.parametrize("kept", [(), (7,)])
def test_nothing_is_told_without_a_common_state(kept):
    assert first_divergence(pixel_run([None]), pixel_run([1], kept=kept)) is None


def test_states_of_other_sizes_are_not_compared():
    small = States({0: {"x_t": np.zeros((1, 1, 2, 2)), "x0_hat": np.zeros((1, 1, 2, 2))}}, 1)
    assert first_divergence(pixel_run([None]), small) is None


def test_difference_is_signed_and_exact():
    a = np.array([0, 255, 10], np.uint8).reshape(1, 3, 1)
    b = np.array([255, 0, 13], np.uint8).reshape(1, 3, 1)
    assert signed_difference(a, b).tolist() == [[255, -255, 3]]


def test_difference_of_colours_is_the_mean_over_channels():
    a = np.array([0, 30, 60], np.uint8).reshape(1, 1, 3)
    b = np.array([9, 27, 60], np.uint8).reshape(1, 1, 3)
    assert signed_difference(a, b).tolist() == [[2]]
    assert signed_difference(a, np.full((1, 1, 1), 40, np.uint8)).tolist() == [[10]]


@pytest.mark.parametrize(("t", "step"), [(999, 0), (500, 2), (0, 3), (880, 0)])
def test_nearest_step_by_time(t, step):
    assert nearest_step((999, 750, 500, 250, 0), t, done=4) == step


def test_no_step_is_near_in_a_run_without_steps():
    assert nearest_step((999,), 999, done=0) is None


def test_mean_rates_leave_out_what_is_not_known():
    rates = np.array([[0.1, 0.3, np.nan], [np.nan] * 3], np.float32)
    assert mean_rates(rates)[0] == pytest.approx(0.2)
    assert np.isnan(mean_rates(rates)[1])


def test_changes_of_rate_pair_steps_by_time():
    a = np.array([[0.1, 0.2, 0.3, 0.4]], np.float32)
    b = np.array([[0.5, np.nan]], np.float32)
    change = rate_changes(a, b, (900, 600, 300, 0), (900, 0))
    assert change[0, 0] == pytest.approx(0.4)
    assert change[0, 1] == pytest.approx(0.3)
    assert np.isnan(change[0, 2:]).all()
