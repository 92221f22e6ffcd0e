from dataclasses import replace

import numpy as np
import pytest

from spikestudio.app.viewmodels.comparison import NOT_KEPT, OTHER_STEPS, Pair
from spikestudio.errors import ConfigError
from spikestudio.metrics.comparison import START
from spikestudio.sampling.branch import Branch, Past
from spikestudio.sampling.events import Failed
from tests.gui.session import Session


@pytest.fixture
def session(qapp):
    return Session()


def test_the_last_two_runs_are_compared_until_the_user_chooses(session):
    comparison = session.comparison
    first = session.sample(seed=0)
    assert (comparison.a, comparison.b) == (first, None)
    second, third = session.sample(seed=1), session.sample(seed=2)
    assert (comparison.a, comparison.b) == (second, third)
    comparison.mark("a", first.key)
    assert (comparison.a, comparison.b) == (first, third)
    fourth = session.sample(seed=3)
    assert (comparison.a, comparison.b) == (first, fourth)
    comparison.follow_last()
    assert (comparison.a, comparison.b) == (third, fourth)


def test_marking_the_other_side_exchanges_them(session):
    first, second = session.sample(seed=0), session.sample(seed=1)
    session.comparison.swap()
    assert (session.comparison.a, session.comparison.b) == (second, first)
    session.comparison.mark("a", first.key)
    assert (session.comparison.a, session.comparison.b) == (first, second)


def test_a_run_that_is_deleted_is_compared_no_longer(session):
    first, second, third = (session.sample(seed=k) for k in range(3))
    session.comparison.mark("a", second.key)
    session.history.delete(second.key)
    assert (session.comparison.a, session.comparison.b) == (first, third)


@pytest.mark.parametrize(
    ("changes", "is_same"),
    [
        ({"threshold": 0.9}, True),
        ({"snn_steps": 8}, True),
        ({"seed": 1}, False),
        ({"num": 4}, False),
        ({"first_image": 2}, False),
        ({"steps": 5}, False),
        ({"sampler": "ancestral"}, False),
        ({"sha256": "1" * 64}, False),
    ],
)
def test_same_noise_is_claimed_only_when_all_of_it_is(session, changes, is_same):
    session.sample()
    session.sample(**changes)
    assert session.comparison.has_same_noise is is_same
    assert session.comparison.noise_text.startswith("Same noise.") is is_same


def test_a_branch_is_not_said_to_have_the_same_noise(session):
    first = session.sample()
    past = Past(request=first.request, checkpoint="tiny", tensors_sha256=session.sha256)
    session.sample(threshold=0.9, branch=Branch(step=1, past=past))
    assert not session.comparison.has_same_noise
    assert "B is a branch at step 2" in session.comparison.difference_text


def test_other_steps_of_the_same_seed_share_the_first_noise_only(session):
    session.sample()
    session.sample(steps=6)
    assert session.comparison.noise_text == (
        "Both begin with the same noise; denoising steps differ after that."
    )


def test_parameters_that_differ_are_counted_and_listed(session):
    session.sample()
    session.sample(threshold=0.997, seed=3, changed_at=2)
    assert session.comparison.difference_text == (
        "2 parameters differ: seed 0 → 3, threshold 1.000 → 0.997, "
        "B was changed while it ran, from step 3 on"
    )


def test_images_part_where_their_states_do(session):
    session.sample(parts_at=2)
    session.sample(threshold=0.9, parts_at=2)
    assert session.comparison.divergence is None
    session.finish_jobs()
    assert session.comparison.divergence.latest.tolist() == [2] * 5


def test_an_answer_about_other_runs_is_dropped(session):
    session.sample()
    session.sample(threshold=0.9, parts_at=2)
    session.sample(seed=7)
    stale, newest = session.jobs
    stale[1](stale[0]())
    assert session.comparison.divergence is None
    newest[1](newest[0]())
    assert session.comparison.divergence.latest.tolist() == [START] * 5


def test_without_common_steps_or_states_no_divergence_is_told(session):
    first = session.sample()
    session.sample(steps=6)
    assert session.comparison.no_divergence == OTHER_STEPS
    lost = session.sample(threshold=0.9, lost=(0, 1, 2, 3))
    session.comparison.mark("a", first.key)
    session.comparison.mark("b", lost.key)
    session.finish_jobs()
    assert session.comparison.divergence is None
    assert session.comparison.no_divergence == NOT_KEPT


def test_b_is_sampled_with_the_same_request_and_marked_when_it_ends(session):
    comparison = session.comparison
    first = session.sample(seed=4)
    session.sample(seed=5)
    comparison.mark("a", first.key)
    comparison.sample_b({"threshold": 0.997})
    wanted = replace(first.request, threshold=0.997)
    assert session.requests == [wanted]
    assert comparison.is_sampling
    third = session.sample(wanted)
    assert not comparison.is_sampling
    assert (comparison.a, comparison.b) == (first, third)
    assert third.parent == first.key
    session.sample(seed=6)
    assert comparison.b is third, "B stays until another one is chosen"


def test_both_with_ddim_samples_a_anew_and_then_b(session):
    comparison = session.comparison
    first = session.sample(sampler="ancestral", steps=4)
    assert comparison.can_take_ddim
    comparison.sample_b({"threshold": 0.997}, with_ddim=True)
    anew = replace(first.request, sampler="ddim")
    assert session.requests == [anew]
    assert comparison.is_sampling
    second = session.sample(anew)
    wanted = replace(anew, threshold=0.997)
    assert session.requests == [anew, wanted], "B follows by itself"
    assert comparison.is_sampling
    third = session.sample(wanted)
    assert not comparison.is_sampling
    assert (comparison.a, comparison.b) == (second, third)
    assert (second.parent, third.parent) == (first.key, second.key)
    assert not comparison.can_take_ddim, "A is by DDIM now"


def test_a_by_ddim_that_was_cancelled_is_not_followed_by_b(session):
    session.sample(sampler="ancestral", steps=4)
    session.comparison.sample_b({"threshold": 0.997}, with_ddim=True)
    session.sample(session.requests[0], done=2, end="cancelled")
    assert len(session.requests) == 1
    assert not session.comparison.is_sampling


def test_b_that_never_began_is_no_longer_waited_for(session):
    session.sample()
    session.comparison.sample_b({"threshold": 0.9})
    session.run.take(Failed(run_id=0, message="No model is loaded: choose one first."))
    assert not session.comparison.is_sampling


def test_a_value_out_of_range_is_refused(session):
    session.sample()
    with pytest.raises(ConfigError):
        session.comparison.sample_b({"threshold": 99.0})
    assert not session.requests
    assert not session.comparison.is_sampling


def test_b_is_not_sampled_with_another_model(session):
    session.sample(sha256="1" * 64)
    assert "load" in session.comparison.obstacle
    session.comparison.sample_b({"threshold": 0.9})
    assert not session.requests


def test_steps_belong_together_by_diffusion_time(session):
    session.sample(steps=4)  # 999, 666, 333, 0
    session.sample(steps=10)  # 999, 888, ..., 0, and shown
    assert session.comparison.steps_at(6) == Pair(2, 6)
    assert session.comparison.steps_at(9) == Pair(3, 9)


def test_a_step_that_a_run_did_not_come_to_is_its_last(session):
    session.sample(done=2, end="cancelled")
    session.sample()
    assert session.comparison.steps_at(3) == Pair(1, 3)


def test_rates_are_subtracted_layer_by_layer(session):
    first = session.sample()
    second = session.sample(threshold=0.5)
    change = session.comparison.rate_change(Pair(1, 2))
    assert np.allclose(change, second.rates[:, 2] - first.rates[:, 1])
    mean = session.comparison.rate_change()
    assert np.allclose(mean, second.rates.mean(axis=1) - first.rates.mean(axis=1))
    assert (mean > 0).all(), "a lower threshold fires more"
    largest = np.abs(second.rates - first.rates).max()
    assert session.comparison.largest_rate_change() == pytest.approx(largest, rel=1e-5)


def test_rates_are_compared_without_the_recordings(session):
    session.budget_mb = 10
    session.sample()
    session.sample(threshold=0.5)
    assert session.comparison.a.recorder is None
    assert np.isfinite(session.comparison.rate_change()).all()
