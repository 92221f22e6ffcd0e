"""Searching with a few letters needs no window."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spikestudio.app.fuzzy import score

TEXTS = ("Next neuron", "Next dock", "Newest moment", "Command palette", "Recall the seed")


def best(typed):
    fitting = [text for text in TEXTS if score(typed, text) is not None]
    return max(fitting, key=lambda text: score(typed, text), default=None)


@pytest.mark.parametrize(
    ("typed", "text"),
    [
        ("nn", "Next neuron"),
        ("nd", "Next dock"),
        ("neuron next", "Next neuron"),
        ("PALETTE", "Command palette"),
        ("seed", "Recall the seed"),
        ("rts", "Recall the seed"),
        ("zzz", None),
        ("neuron zzz", None),
    ],
)
def test_the_text_that_is_meant_is_first(typed, text):
    assert best(typed) == text


def test_letters_that_stand_together_count_more():
    assert score("step", "Step back") > score("step", "Save the photo")
    assert score("run", "Run again") > score("run", "Prune")


@given(st.text(max_size=30), st.text(max_size=60))
def test_any_text_can_be_typed(typed, text):
    found = score(typed, text)
    assert found is None or isinstance(found, float)


@given(st.text(alphabet="abc def", min_size=1, max_size=40))
def test_a_text_fits_itself(text):
    assert score(text, text) is not None


def test_many_repeated_letters_take_no_time():
    assert score("a" * 30 + "b", "ab " * 40) is not None
    assert score("abababab" * 4, "a b " * 60) is not None
