"""The glossary: a Markdown file with one section for every term."""

from __future__ import annotations

import re
from collections.abc import Mapping
from html import escape
from pathlib import Path
from typing import NamedTuple

from spikestudio.paths import resource

SCHEME = "glossary"  # of links to a term
_MOST = 256 * 1024
_PAPER = re.compile(r"arXiv[ :](\d{4}\.\d{4,5})")
_OTHER_SENSE = re.compile(
    r"reset(?= (?:the )?(?:view|zoom|layout|range))|(?<=: )reset", re.IGNORECASE
)


class Term(NamedTuple):
    """One word of the glossary and what it means; the explanation names its paper, if there is one."""

    name: str
    text: str

    @property
    def paper(self) -> str:
        """The paper that the explanation names first, such as ``arXiv 2006.11239``; else empty."""
        found = _PAPER.search(self.text)
        return f"arXiv {found[1]}" if found else ""

    @property
    def address(self) -> str:
        """The web address of the paper; empty without one."""
        return f"https://arxiv.org/abs/{self.paper.split()[1]}" if self.paper else ""

    @property
    def names(self) -> tuple[str, ...]:
        """What it is called: ``Leaky neuron (LIF)`` is a leaky neuron and an LIF."""
        long, _, short = self.name.partition(" (")
        return (long, short.rstrip(")")) if short else (long,)


def load(language: str = "en", root: Path | None = None) -> dict[str, Term]:
    """Return name and explanation of every term by its id; in English where a language lacks it.

    Sections are ``## Name {id}``.
    """
    folder = (root or resource("lessons")) / "glossary"
    terms: dict[str, Term] = {}
    for each in dict.fromkeys(("en", language)):
        path = folder / f"{each}.md"
        if path.is_file():
            terms |= parse(path.read_text(encoding="utf-8")[:_MOST])
    return terms


def parse(text: str) -> dict[str, Term]:
    """Return the terms of one glossary file."""
    parts = re.split(r"^## (.+?) \{([a-z0-9-]+)\}\s*$", text, flags=re.MULTILINE)
    return {
        parts[i + 1]: Term(parts[i], " ".join(parts[i + 2].split()))
        for i in range(1, len(parts), 3)
    }


def found_in(text: str, terms: Mapping[str, Term]) -> list[tuple[int, int, str]]:
    """Return where in a text the terms occur first: start, end and id, in order; none overlap.

    Capitals and a plural (s, es) do not matter; of two terms that begin at a place the longer one is
    taken. Words of scripts that put no spaces between words are found within others.
    """
    ids = {name.casefold(): key for key, term in terms.items() for name in term.names}
    if not ids:
        return []
    words = "|".join(_pattern(name) for name in sorted(ids, key=len, reverse=True))
    places, seen = [], set()
    for match in re.finditer(words, text, flags=re.IGNORECASE):
        key = _key(match[0].casefold(), ids)
        if key not in seen and not _OTHER_SENSE.match(text, match.start()):
            seen.add(key)
            places.append((match.start(), match.end(), key))
    return places


def _pattern(name: str) -> str:
    before = r"(?<![\w-])" if name[0].isascii() else ""
    after = r"(?:e?s)?(?![\w-])" if name[-1].isascii() else ""
    return f"{before}{re.escape(name)}{after}"


def _key(word: str, ids: Mapping[str, str]) -> str:
    return next(ids[each] for each in (word, word[:-1], word[:-2]) if each in ids)


def linked(text: str, terms: Mapping[str, Term]) -> str:
    """Return a plain text as HTML in which the first occurrence of every term leads to it."""
    parts, at = [], 0
    for start, end, key in found_in(text, terms):
        word = escape(text[start:end])
        parts.append(f'{escape(text[at:start])}<a href="{SCHEME}:{key}">{word}</a>')
        at = end
    return "".join((*parts, escape(text[at:])))
