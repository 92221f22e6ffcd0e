"""A lesson as values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from spikestudio.lessons import conditions
from spikestudio.lessons.conditions import Condition
from spikestudio.lessons.words import Words, placeholders

SCHEMA_VERSION = 1
ANY = "any"  # model of a page that runs on whichever is loaded
ENGLISH = "en"


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """One answer that can be chosen, and the condition under which it is the measured one."""

    id: str
    when: Condition


@dataclass(frozen=True, slots=True, kw_only=True)
class Predict:
    """A prediction that is asked for before the controls ``locks`` can be used.

    A ``number`` or ``curve`` is compared with the state ``state``: right within ``tolerance``; a
    ``curve`` has ``points`` values. Of the ``choices`` the first whose condition holds is measured.
    """

    kind: Literal["choice", "number", "curve"]
    locks: tuple[str, ...] = ()
    choices: tuple[Choice, ...] = ()
    state: str = ""
    tolerance: float = 0.0
    low: float = 0.0
    high: float = 1.0
    decimals: int = 2
    points: int = 0

    @property
    def names(self) -> set[str]:
        """States that the measured result is made of."""
        found = {self.state} if self.state else set()
        return found.union(*(conditions.names(choice.when) for choice in self.choices))


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """What a page begins with; what is empty stays as it is.

    ``model`` and ``recording`` are names of bundled files; a model may also be an architecture, or
    ``any``. ``show`` are columns of docks beside the lesson's own. ``request`` are values of a
    ``SamplingRequest``, ``lab`` properties of the neuron lab, ``selection`` of the run's selection
    (image from 1), ``sweep`` the axes of the sweep dock by name, ``timeline`` step and SNN step
    (from 1).
    """

    model: str = ""
    recording: str = ""
    show: tuple[tuple[str, ...], ...] = ()
    request: Mapping[str, Any] = field(default_factory=dict)
    selection: Mapping[str, Any] = field(default_factory=dict)
    lab: Mapping[str, Any] = field(default_factory=dict)
    sweep: Mapping[str, str] = field(default_factory=dict)
    timeline: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """One page: where it starts, what it points at, what completes it, what it asks.

    A page without ``done`` is complete once it was read. Where ``needs`` does not hold of the loaded
    model the page does not apply to it.
    """

    id: str
    start: Start = Start()
    point: str = ""
    done: Condition | None = None
    predict: Predict | None = None
    needs: Condition | None = None
    figure: str = ""

    @property
    def names(self) -> set[str]:
        """States that have to be known to tell whether the page is complete."""
        found = conditions.names(self.done) if self.done else set()
        return found | (self.predict.names if self.predict else set())


@dataclass(frozen=True, slots=True, kw_only=True)
class Lesson:
    """A lesson in every language that it is there in; ``words`` by language and page id.

    The words of the id ``lesson`` are its title and summary.
    """

    id: str
    folder: Path
    minutes: int
    level: str
    pages: tuple[Page, ...]
    words: Mapping[str, Mapping[str, Words]]

    def text(self, page_id: str, language: str = ENGLISH) -> Words:
        """Words of a page, in English where the language lacks them."""
        found = self.words.get(language, {}).get(page_id)
        return found if found is not None else self.words[ENGLISH][page_id]

    def has(self, page_id: str, language: str) -> bool:
        """Whether a page is there in a language."""
        return page_id in self.words.get(language, {})

    def title(self, language: str = ENGLISH) -> str:
        """Title of the lesson."""
        return self.text("lesson", language).title

    def summary(self, language: str = ENGLISH) -> str:
        """What is learnt, in a sentence."""
        return self.text("lesson", language).front.get("summary", "")


def asked_in(words: Words) -> list[str]:
    """Return what a page has filled in."""
    return placeholders(words.body)
