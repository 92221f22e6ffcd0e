"""The questions of a class: who was asked what, and what each of them answered."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from statistics import median

from spikestudio.lessons.answers import Kind, Row
from spikestudio.lessons.lesson import Lesson, Page

MOST_CHOICES = 24  # of one question that have a bar


@dataclass(frozen=True, slots=True)
class Question:
    """A question and the rows of those who were asked; ``choices`` are pairs of id and words."""

    lesson: str
    page: str
    kind: Kind
    title: str
    text: str
    unit: str
    choices: tuple[tuple[str, str], ...]
    rows: tuple[tuple[str, Row], ...]  # with the student's name

    @property
    def answered(self) -> list[Row]:
        """Rows with an answer."""
        return [row for _, row in self.rows if row.predicted is not None]

    @property
    def silent(self) -> list[str]:
        """Names of those who were asked and have not answered; "" for each without a name."""
        return [name for name, row in self.rows if row.predicted is None]

    @property
    def num_right(self) -> int:
        """Answers that were right."""
        return sum(row.was_right is True for row in self.answered)

    @property
    def num_compared(self) -> int:
        """Answers that were compared with a measurement."""
        return sum(row.was_right is not None for row in self.answered)

    @property
    def seconds(self) -> float | None:
        """Median time before the answer; None where none was recorded."""
        known = [each for row in self.answered if (each := row.seconds_to_answer) is not None]
        return median(known) if known else None

    @property
    def num_again(self) -> int:
        """Students who answered more than once."""
        return sum(row.tries > 1 for row in self.answered)


def gather(
    handed: Iterable[tuple[str, Sequence[Row]]], lessons: Sequence[Lesson], language: str
) -> Iterator[Question]:
    """Return the questions, those of known lessons first, in their order.

    ``handed`` are pairs of a student's name and rows.
    """
    known = {(lesson.id, page.id): (lesson, page) for lesson in lessons for page in lesson.pages}
    rows: dict[tuple[str, str], list[tuple[str, Row]]] = {key: [] for key in known}
    for student, answered in handed:
        for row in answered:
            if row.kind != "page":
                rows.setdefault(row.key, []).append((student, row))
    for key, asked in rows.items():
        if asked:
            yield _question(asked, known.get(key), language)


def _question(
    asked: list[tuple[str, Row]], known: tuple[Lesson, Page] | None, language: str
) -> Question:
    first = asked[0][1]
    kind, title, text, unit = first.kind, first.title, first.question, ""
    order: list[str] = []
    words: dict[str, str] = {}
    lesson, page = known or (None, None)
    if lesson is not None and page is not None and page.predict is not None:
        front = lesson.text(page.id, language).front
        kind = page.predict.kind
        title = f"{lesson.title(language)}: {front['title']}"
        text, unit = front.get("question", ""), front.get("unit", "")
        words = {each.id: front.get(f"choice.{each.id}", each.id) for each in page.predict.choices}
        order = list(words)
    asked = [(name, row) for name, row in asked if row.kind == kind]
    for _, row in asked:
        for value, said in (
            (row.predicted, row.predicted_words),
            (row.measured, row.measured_words),
        ):
            if isinstance(value, str) and value not in words:
                words[value] = said or value
                order.append(value)
    pairs = tuple((each, words[each]) for each in order[:MOST_CHOICES])
    return Question(first.lesson, first.page, kind, title, text, unit, pairs, tuple(asked))


def counts(question: Question) -> tuple[list[int], list[int]]:
    """Return for every choice how many predicted and how many measured it."""
    predicted = Counter(str(row.predicted) for row in question.answered)
    measured = Counter(str(row.measured) for _, row in question.rows if row.measured is not None)
    ids = [each for each, _ in question.choices]
    return [predicted[each] for each in ids], [measured[each] for each in ids]
