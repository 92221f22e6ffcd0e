"""The lessons that come with the application: short pages, known names, nothing missing."""

from __future__ import annotations

import pytest

from spikestudio.app.layouts import LAYOUTS
from spikestudio.app.lesson_controls import CONTROLS
from spikestudio.lessons import glossary, shelf
from spikestudio.lessons.words import count, targets

MOST_WORDS = 60
DOCKS = {name for each in LAYOUTS.values() for name in each.full.view_ids()} | {"neuron-lab"}
ENTRIES = shelf.bundled(tuple(CONTROLS), tuple(sorted(DOCKS)))
PAGES = [
    pytest.param(words, id=f"{entry.lesson.id}-{language}-{page_id}")
    for entry in ENTRIES
    if entry.lesson
    for language, pages in entry.lesson.words.items()
    for page_id, words in pages.items()
]


def test_every_lesson_can_be_used() -> None:
    assert [entry.problem for entry in ENTRIES if entry.problem] == []
    assert len(ENTRIES) >= 4
    assert len({entry.lesson.id for entry in ENTRIES if entry.lesson}) == len(ENTRIES)


@pytest.mark.parametrize("words", PAGES)
def test_a_page_has_at_most_sixty_words(words) -> None:
    assert count(words.body) <= MOST_WORDS


def test_every_word_of_the_glossary_is_linked_and_explained() -> None:
    terms = glossary.load()
    linked = {
        target.removeprefix("glossary:")
        for param in PAGES
        for _, _, target in targets(param.values[0].body)
    }
    assert linked <= set(terms)
    assert all(name and text for name, text in terms.values())
