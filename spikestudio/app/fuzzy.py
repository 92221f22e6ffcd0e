"""How well a few typed letters fit a text."""

from __future__ import annotations

from functools import cache

WHOLE, START, LETTER = (
    3.0,
    2.0,
    1.0,
)  # points of a letter: of a word that begins so, at a start, other
LENGTH = 0.01  # points that every letter of the text costs, so that the shorter one goes first


def score(typed: str, text: str) -> float | None:
    """Return how well ``typed`` fits ``text``, the higher the better; None if it does not.

    Every word that was typed must be found: its letters in their order, not necessarily together
    (``nn`` fits "Next neuron"). Letters that stand together and those that begin a word count more.
    The case does not matter.
    """
    total, text = 0.0, text.casefold()
    for word in typed.casefold().split():
        points = _points(word, text)
        if points is None:
            return None
        total += points
    return total - LENGTH * len(text)


def _points(word: str, text: str) -> float | None:
    if text.startswith(word) or f" {word}" in text:
        return WHOLE * len(word)
    letters = iter(text)
    if not all(letter in letters for letter in word):
        return None

    @cache
    def best(first: int, start: int) -> float | None:
        """The most points of ``word[first:]`` in ``text[start:]``."""
        if first == len(word):
            return 0.0
        found: float | None = None
        at = text.find(word[first], start)
        while at >= 0:
            rest = best(first + 1, at + 1)
            if rest is not None:
                begins = at == 0 or not text[at - 1].isalnum()
                joined = first > 0 and at == start
                points = rest + (START if begins or joined else LETTER)
                found = points if found is None else max(found, points)
            at = text.find(word[first], at + 1)
        return found

    return best(0, 0)
