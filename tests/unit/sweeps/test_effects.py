"""Curves and contrasts along an axis, on cells whose figures are made up."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from spikestudio.sweeps import Models, SweepPlan, parse_axes, plan_sweep
from spikestudio.sweeps.effects import Measured, contrast, curve_axis, curves, reference_value
from tests.tiny import save_tiny


@pytest.fixture(scope="module")
def plan(tmp_path_factory: pytest.TempPathFactory) -> SweepPlan:
    path = save_tiny(tmp_path_factory.mktemp("models") / "tiny.safetensors", "sddpm")
    axes = parse_axes(["seed=0-4", "threshold=0.9,1.0,1.1", "snn-steps=2,3"])
    return plan_sweep(path, axes, {"num": 2, "steps": 2}, Models())


def measured(
    plan: SweepPlan, rate_of: dict[float, float], noise: float = 0.0
) -> dict[int, Measured]:
    """The rate of a threshold, with what a seed adds to all and what is drawn anew."""
    rng = np.random.default_rng(0)
    found = {}
    for cell in plan.cells:
        rate = rate_of[cell.request.threshold] + 0.1 * cell.request.seed
        rate += 10 * (cell.request.snn_steps == 3) + noise * rng.normal()
        gap = np.full(2, 0.0 if cell.request.threshold == 1 else 0.5)
        found[cell.index] = Measured(rate, 2 * rate, gap)
    return found


def test_the_first_axis_of_numbers_is_followed_and_seeds_are_repetitions(plan: SweepPlan) -> None:
    assert curve_axis(plan) == 1
    assert plan.axes[1].values[reference_value(plan, 1)].text == "1.0"
    values = measured(plan, {0.9: 1.0, 1.0: 2.0, 1.1: 3.0})
    rate, operations, gap, sure = curves(plan, values)
    assert not any(point.num for point in sure.points)  # nothing judged the images
    assert [point.estimate.mean for point in rate.points if point.estimate] == pytest.approx(
        [1.2, 2.2, 3.2]
    )
    assert [point.num for point in rate.points] == [5, 5, 5]
    assert [point.num for point in gap.points] == [10, 10, 10]  # images
    judged = {k: replace(each, confidences=np.array([0.5, 0.7])) for k, each in values.items()}
    *_, sure = curves(plan, judged)
    assert [point.num for point in sure.points] == [10, 10, 10]
    assert all(
        point.estimate and point.estimate.mean == pytest.approx(0.6) for point in sure.points
    )
    first = operations.points[0].estimate
    assert first is not None
    assert first.low is not None
    assert first.high is not None
    assert first.low < first.mean < first.high


def test_further_axes_are_kept_at_the_value_that_is_asked_for(plan: SweepPlan) -> None:
    values = measured(plan, {0.9: 1.0, 1.0: 2.0, 1.1: 3.0})
    rate, *_ = curves(plan, values, {"snn-steps": 1})
    assert rate.points[0].estimate is not None
    assert rate.points[0].estimate.mean == pytest.approx(11.2)


def test_a_contrast_is_made_of_pairs_of_the_same_seed(plan: SweepPlan) -> None:
    # What the seeds add is as large as the effect; in pairs it falls out.
    found = contrast(plan, measured(plan, {0.9: 1.1, 1.0: 1.0, 1.1: 1.0}), 0)
    assert found is not None
    assert (found.text, found.reference, found.num, found.unit) == ("0.9", "1.0", 5, "seeds")
    assert found.change.mean == pytest.approx(0.1)
    assert found.includes_zero is False


def test_an_effect_that_is_mere_noise_includes_zero(plan: SweepPlan) -> None:
    found = contrast(plan, measured(plan, {0.9: 1.0, 1.0: 1.0, 1.1: 1.0}, noise=0.1), 2)
    assert found is not None
    assert found.includes_zero is True


def test_cells_that_are_missing_are_left_out_and_told(plan: SweepPlan) -> None:
    values = measured(plan, {0.9: 1.0, 1.0: 2.0, 1.1: 3.0})
    few = {k: v for k, v in values.items() if plan.cells[k].request.seed == 0}
    found = contrast(plan, few, 0)
    assert found is not None
    assert (found.num, found.includes_zero) == (1, None)
    none = {k: v for k, v in values.items() if plan.cells[k].request.threshold != 0.9}
    assert contrast(plan, none, 0) is None
    rate, *_ = curves(plan, none)
    assert rate.points[0].estimate is None
