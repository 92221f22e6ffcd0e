"""How an axis is written, and what is said of one that cannot be."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spikestudio.errors import ConfigError
from spikestudio.sweeps.axes import EXECUTION_ORDER, MAX_VALUES, Axis, parse_axes, parse_axis


def texts(axis: Axis) -> list[str]:
    return [value.text for value in axis.values]


def values(axis: Axis) -> list[object]:
    return [value.value for value in axis.values]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("snn-steps=2,4,8", [2, 4, 8]),
        ("snn_steps = 2, 4 ,8 ", [2, 4, 8]),
        ("steps=1,2,..,8", [1, 2, 3, 4, 5, 6, 7, 8]),
        ("steps=1, 3, ..., 9", [1, 3, 5, 7, 9]),
        ("steps=10,8,..,2", [10, 8, 6, 4, 2]),
        ("steps=5,1,2,..,4,50", [5, 1, 2, 3, 4, 50]),
        ("steps=1-4", [1, 2, 3, 4]),
        ("steps=4-1", [4, 3, 2, 1]),
        ("steps=1-10(+4)", [1, 5, 9]),
        ("steps=10-1(-3)", [10, 7, 4, 1]),
        ("steps=1-10[5]", [1, 3, 6, 8, 10]),
        ("steps=1-10 [ 2 ]", [1, 10]),
        ("steps=7-7[1]", [7]),
        ("steps=1-2[5]", [1, 2]),
        ("steps=4,2,4,2,8", [4, 2, 8]),
        ("steps=1-3,2-5", [1, 2, 3, 4, 5]),
        ("steps=1e2,2.0", [100, 2]),
        ("seed=0,9223372036854775807", [0, 2**63 - 1]),
        ("class=0-9", list(range(10))),
        ("threshold=1,.5,2.", [1.0, 0.5, 2.0]),
        ("temperature=1e-3,5E-1", [0.001, 0.5]),
        ("temperature=1e-3-5e-3(+2e-3)", [0.001, 0.003, 0.005]),
        ("tau=1.5,2", [1.5, 2.0]),
        ("sampler=ddim, ancestral,ddim", ["ddim", "ancestral"]),
        ("checkpoint=sddpm-mnist, my runs/b=1-3.safetensors", None),
    ],
)
def test_what_an_axis_may_be(text: str, expected: list[object] | None) -> None:
    expected = expected or ["sddpm-mnist", "my runs/b=1-3.safetensors"]
    assert values(parse_axis(text)) == expected


@pytest.mark.parametrize(
    "text",
    [
        "threshold=0.997-1.003(+0.001)",
        "threshold=0.997 - 1.003 (+0.001)",
        "threshold=0.997-1.003 ( 0.001 )",
        "threshold=0.997,0.998,..,1.003",
        "threshold=0.997-1.003[7]",
        "threshold=0.997–1.003(+0.001)",
    ],
)
def test_decimals_are_exact(text: str) -> None:
    axis = parse_axis(text)
    expected = ["0.997", "0.998", "0.999", "1.000", "1.001", "1.002", "1.003"]
    assert texts(axis) == expected
    assert values(axis) == [float(each) for each in expected]
    assert all(type(value) is float for value in values(axis))


def test_a_spacing_that_has_no_end_is_rounded_and_what_is_printed_is_used() -> None:
    axis = parse_axis("threshold=1-2[4]")
    assert texts(axis) == ["1", "1.3333", "1.6667", "2"]
    assert values(axis) == [float(each) for each in texts(axis)]


def test_the_same_number_written_twice_is_one_value() -> None:
    assert texts(parse_axis("threshold=0.50,0.5,5e-1")) == ["0.50"]


def test_whole_numbers_are_int() -> None:
    assert all(type(value) is int for value in values(parse_axis("seed=1-3,4.0")))


def test_axes_keep_the_order_they_are_given_in() -> None:
    axes = parse_axes(["threshold=1,0.9", "snn-steps=2,4"])
    assert [axis.name for axis in axes] == ["threshold", "snn-steps"]
    assert axes[0].field == "threshold"
    assert axes[1].field == "snn_steps"
    assert {axis.name for axis in axes} < set(EXECUTION_ORDER)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("threshold", ["threshold", "=", "--axis"]),
        ("colour=1,2", ["no axis 'colour'", "threshold", "snn-steps"]),
        ("treshold=1", ["no axis 'treshold'", "did you mean threshold"]),
        ("threshold=", ["no value", "threshold=0.9,1"]),
        ("threshold=1,,2", ["empty", "comma"]),
        ("threshold=1,two", ["'two'", "number"]),
        ("threshold=nan", ["'nan'", "number"]),
        ("threshold=inf", ["'inf'", "number"]),
        ("threshold=0.9-1.1", ["0.9-1.1", "step", "0.9-1.1(+0.1)"]),
        ("threshold=0.9-1.1(-0.1)", ["sign", "0.9-1.1(+0.1)"]),
        ("steps=10-1(+3)", ["sign", "10-1(-3)"]),
        ("steps=1-10(0)", ["0", "other than 0"]),
        ("steps=1-10[0]", ["[0]", "2 or more"]),
        ("steps=1-10[1]", ["[1]", "2 or more"]),
        ("steps=1-10(+1)(+2)", ["'1-10(+1)(+2)'"]),
        ("steps=1,..,8", ["..", "two values before"]),
        ("steps=1,2,..", ["..", "after"]),
        ("steps=1,3,..,8", ["7", "9", "misses 8"]),
        ("steps=3,3,..,8", ["3", "same"]),
        ("steps=3,2,..,8", ["away from 8"]),
        ("snn-steps=2.5", ["whole", "2.5"]),
        ("snn-steps=1-4(+0.5)", ["whole", "0.5"]),
        ("snn-steps=0", ["0", "out of range", "1 to 64"]),
        ("snn-steps=1-1e9", ["1e9", "out of range", "1 to 64"]),
        ("seed=1e999999999", ["out of range"]),
        ("seed=-1", ["-1", "out of range"]),
        ("seed=-3--1(+1)", ["-3", "out of range"]),
        ("threshold=0.01,1", ["0.01", "out of range", "0.05 to 20"]),
        ("tau=1", ["1", "out of range", "1.001 to 1000"]),
        ("class=-1", ["-1", "out of range"]),
        ("sampler=euler", ["euler", "ddim"]),
        ("seed=0-100000", ["100,001", f"{MAX_VALUES:,}"]),
        ("seed=0-9[100000]", ["100,000", f"{MAX_VALUES:,}"]),
        ("threshold=1-2(+1e-400)", [f"{MAX_VALUES:,}"]),
        ("seed=0,1,..,9223372036854775807", [f"{MAX_VALUES:,}"]),
    ],
)
def test_what_cannot_be_is_said_in_one_sentence(text: str, words: list[str]) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_axis(text)
    message = str(caught.value)
    assert all(word in message for word in words), message
    assert "\n" not in message
    assert message.endswith(".")


def test_the_same_axis_twice_is_refused() -> None:
    with pytest.raises(ConfigError, match="twice"):
        parse_axes(["snn-steps=2,4", "snn_steps=8"])


def test_no_axis_at_all_is_refused() -> None:
    with pytest.raises(ConfigError, match="--axis"):
        parse_axes([])


@given(st.text(max_size=40))
def test_any_text_is_read_or_refused(text: str) -> None:
    for name in ("threshold", "steps", "sampler", "checkpoint"):
        try:
            axis = parse_axis(f"{name}={text}")
        except ConfigError:
            continue
        assert axis.values


@given(
    st.integers(1, 900), st.integers(1, 50), st.integers(2, 20), st.sampled_from([1, 10, 100, 1000])
)
def test_a_range_and_its_list_are_the_same(first: int, step: int, num: int, scale: int) -> None:
    from decimal import Decimal

    wanted = [Decimal(first + k * step) / scale + 1 for k in range(num)]
    wanted = [each for each in wanted if each <= 19]
    stop = wanted[-1] if wanted else Decimal(1)
    if not wanted:
        return
    ranged = parse_axis(f"threshold={wanted[0]:f}-{stop:f}(+{Decimal(step) / scale:f})")
    listed = parse_axis("threshold=" + ",".join(f"{each:f}" for each in wanted))
    assert values(ranged) == values(listed) == [float(each) for each in wanted]
