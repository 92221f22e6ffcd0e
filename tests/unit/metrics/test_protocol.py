"""Sentences in cards: made of figures, and taken apart again."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spikestudio.metrics.protocol import MAX_TEXT, Figure, Sentence

numbers = st.floats(-1e6, 1e6, allow_nan=False).map(lambda value: float(f"{value:.4g}"))


@given(
    value=numbers,
    num=st.integers(1, 10**6),
    interval=st.none() | st.tuples(numbers, numbers),
    real=st.none() | numbers,
)
def test_a_sentence_tells_what_the_figure_knew(value, num, interval, real):
    figure = Figure(
        metric="judge_frechet_distance",
        value=value,
        num=num,
        protocol={"features": "judge of mnist (99.60%), not Inception: no FID"},
        interval=interval,
        beside={} if real is None else {"train images": real},
    )
    how = Sentence.read(figure.sentence("ddim, 20 steps, seed 0"))
    assert (how.num, how.settings, how.interval) == (num, "ddim, 20 steps, seed 0", interval)
    assert dict(how.beside) == dict(figure.beside)
    assert how.rest == "features judge of mnist (99.60%), not Inception: no FID"


@given(st.text(max_size=MAX_TEXT))
def test_any_text_can_be_read(text):
    assert len(Sentence.read(text).rest) <= len(text)


@pytest.mark.parametrize(
    ("text", "num", "settings", "rest"),
    [
        (
            "256 samples (sampler ancestral, steps 40, seed 0), judged by a classifier",
            *(256, "ancestral, 40 steps, seed 0", "judged by a classifier"),
        ),
        ("1,000 images; pixels 0 to 1", 1000, "", "pixels 0 to 1"),
        ("by eye", None, "", "by eye"),
        ("", None, "", ""),
    ],
)
def test_sentences_of_earlier_cards(text, num, settings, rest):
    how = Sentence.read(text)
    assert (how.num, how.settings, how.rest) == (num, settings, rest)
