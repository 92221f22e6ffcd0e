"""Curves of one value per denoising step."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spikestudio.neurons.schedules import PRESETS, Curve, Point, place, spans

LENGTHS = (1, 2, 3, 7, 20, 49, 1000)


def curve(*points, is_smooth=False):
    return Curve(tuple(Point(*each) for each in points), is_smooth)


def test_a_line_gives_every_step_its_value():
    assert curve((0, 0.9), (1, 1.1)).steps(5).tolist() == [0.9, 0.95, 1.0, 1.05, 1.1]


def test_before_the_first_and_after_the_last_point_the_value_stays():
    assert curve((0.25, 0.9), (0.75, 1.1)).steps(5).tolist() == [0.9, 0.9, 1.0, 1.1, 1.1]


def test_a_smooth_curve_is_a_cosine_between_its_points():
    found = curve((0, 1.4), (1, 0.6), is_smooth=True).steps(9)
    assert found == pytest.approx(1 + 0.4 * np.cos(np.pi * np.arange(9) / 8), abs=5e-5)


def test_points_are_kept_in_order_and_one_at_a_place():
    made = curve((1, 1.1), (0, 0.9), (1, 1.2))
    assert made.points == (Point(0, 0.9), Point(1, 1.2))


@pytest.mark.parametrize("points", [[], [(1.5, 1)], [(-0.1, 1)], [(0, float("nan"))]])
def test_what_is_no_curve_is_refused(points):
    with pytest.raises(ValueError, match="needs points between 0 and 1"):
        curve(*points)


def test_a_point_moves_between_its_neighbours():
    made = curve((0, 1.0), (0.5, 1.0), (1, 1.0))
    assert made.moved(1, 0.7, 0.9, 0.1).points[1] == Point(0.7, 0.9)
    assert made.moved(1, 0.99, 0.9, 0.1).points[1] == Point(0.9, 0.9)
    assert made.moved(1, 0.0, 0.9, 0.1).points[1] == Point(0.1, 0.9)
    assert made.moved(0, 0.3, 0.9, 0.1).points[0] == Point(0.3, 0.9)
    assert made.moved(2, 1.4, 0.9, 0.1).points[2] == Point(1.0, 0.9)


def test_a_point_without_room_keeps_its_place():
    made = curve((0, 1.0), (0.05, 1.0), (0.1, 1.0))
    assert made.moved(1, 0.07, 0.9, 0.1).points[1] == Point(0.05, 0.9)


def test_points_come_and_go_but_the_last_one():
    made = curve((0, 1.0)).added(0.5, 0.9)
    assert made.points == (Point(0, 1.0), Point(0.5, 0.9))
    assert made.removed(0).points == (Point(0.5, 0.9),)
    assert made.removed(0).removed(0).points == (Point(0.5, 0.9),)


# presets ----------------------------------------------------------------------------------------


def test_presets_give_what_their_names_say():
    found = {name: make(0.9, 1.0, 6).steps(6).tolist() for name, make in PRESETS.items()}
    assert found == {
        "Constant": [0.9] * 6,
        "Linear up": [0.9, 0.92, 0.94, 0.96, 0.98, 1.0],
        "Linear down": [1.0, 0.98, 0.96, 0.94, 0.92, 0.9],
        "First half only": [0.9] * 3 + [1.0] * 3,
        "Last third only": [1.0] * 4 + [0.9] * 2,
        "Cosine": [0.9, 0.9095, 0.9345, 0.9655, 0.9905, 1.0],
    }


@pytest.mark.parametrize("number", LENGTHS)
@pytest.mark.parametrize("name", PRESETS)
def test_presets_suit_every_number_of_steps(name, number):
    values = PRESETS[name](0.9, 1.0, number).steps(number)
    assert len(values) == number
    assert set(np.sign(values - 0.95)) <= {-1, 0, 1}
    assert values.min() >= 0.9
    assert values.max() <= 1.0
    if name == "First half only":
        assert (values == 0.9).sum() == max(1, number // 2)
    if name == "Last third only":
        assert (values == 0.9).sum() == max(1, round(number / 3))


# back from the values ---------------------------------------------------------------------------


@pytest.mark.parametrize("number", LENGTHS)
@pytest.mark.parametrize("value", [0.997, 0.5])
@pytest.mark.parametrize("name", PRESETS)
def test_the_curve_is_found_again(name, value, number):
    values = PRESETS[name](value, 1.0, number).steps(number)
    found = Curve.through(values)
    assert found.steps(number).tolist() == values.tolist()
    assert len(found.points) <= 4


@pytest.mark.parametrize("name", PRESETS)
def test_with_its_own_points(name):
    made = PRESETS[name](0.7, 1.0, 40)
    assert Curve.through(made.steps(40)) == made


def test_a_drawn_curve_is_found_again_with_its_own_points():
    number = 25
    drawn = [(0, 1.0), (6, 0.9), (7, 1.2), (18, 1.2), (24, 0.5)]
    made = curve(*((place(step, number), value) for step, value in drawn))
    assert Curve.through(made.steps(number)) == made


@given(st.lists(st.integers(9000, 11000), min_size=1, max_size=60))
def test_any_values_are_found_again(thousandths):
    values = [each / 10_000 for each in thousandths]
    assert Curve.through(values).steps(len(values)).tolist() == values


@given(
    st.lists(
        st.tuples(st.integers(0, 49), st.integers(500, 1500)),
        min_size=1,
        max_size=6,
        unique_by=lambda point: point[0],
    ),
    st.booleans(),
)
def test_any_curve_gives_the_same_steps_again(points, is_smooth):
    made = curve(*((place(s, 50), v / 1000) for s, v in points), is_smooth=is_smooth)
    values = made.steps(50)
    found = Curve.through(values)
    assert found.steps(50).tolist() == values.tolist()
    assert found.points[0].at == 0


def test_spans_are_runs_of_equal_values():
    assert spans([1.0, 1.0, 0.9, 1.0]) == [(0, 1, 1.0), (2, 2, 0.9), (3, 3, 1.0)]
    assert spans([0.5]) == [(0, 0, 0.5)]
