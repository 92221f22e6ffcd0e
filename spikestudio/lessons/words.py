"""The Markdown of a page: its front lines, its text, and what is filled in while it is read."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from spikestudio.language import tr

FENCE = "---"
PLACEHOLDER = re.compile(r"\{\{\s*([a-z]+(?:\s*:\s*[a-z]+|[.][a-z_]+))\s*\}\}")
LINK = re.compile(r"(!?)\[[^\]]*\]\(\s*<?([^)\s>]*)[^)]*\)")
_REFERENCE = re.compile(r"^\s{0,3}\[[^\]]+\]:", re.MULTILINE)
_SPECIAL = re.compile(r"([\\`*_{}\[\]<>()#+!|~-])")


@dataclass(frozen=True, slots=True)
class Words:
    """A page in one language: front lines such as ``title``, and the Markdown below them."""

    front: Mapping[str, str] = field(default_factory=dict)
    body: str = ""

    @property
    def title(self) -> str:
        """Title of the page or lesson."""
        return self.front.get("title", "")


def parse(text: str) -> Words:
    """Read front lines (``name: text`` between two lines of ``---``) and body.

    Raises ``ValueError`` with the reason.
    """
    lines = text.replace("\r\n", "\n").split("\n")
    if not lines or lines[0].strip() != FENCE:
        raise ValueError(tr("its first line is not {fence}", fence=FENCE))
    front: dict[str, str] = {}
    for number, line in enumerate(lines[1:], 2):
        if line.strip() == FENCE:
            return Words(front, "\n".join(lines[number:]).strip())
        name, colon, value = line.partition(":")
        if not colon or not value.strip():
            raise ValueError(tr("line {number} is not of the form 'name: text'", number=number))
        front[name.strip()] = value.strip()
    raise ValueError(tr("its front lines do not end with {fence}", fence=FENCE))


def placeholders(text: str) -> list[str]:
    """Return what is to be filled in: names of states, and ``equation: name``."""
    return [re.sub(r"\s*:\s*", ": ", match[1]) for match in PLACEHOLDER.finditer(text)]


def filled(text: str, written: Callable[[str], str]) -> str:
    """Fill in every placeholder; what is put in is text, never Markdown."""

    def fill(match: re.Match[str]) -> str:
        return escaped(written(re.sub(r"\s*:\s*", ": ", match[1])))

    return PLACEHOLDER.sub(fill, text)


def escaped(text: str) -> str:
    """Return text that Markdown shows as it is; line breaks stay."""
    return _SPECIAL.sub(r"\\\1", text).replace("\n", "  \n")


def count(body: str) -> int:
    """Words that are read: no placeholders, link targets or marks."""
    bare = PLACEHOLDER.sub(" ", body)
    bare = re.sub(r"!\[[^\]]*\]\([^)]*\)", " ", bare)
    bare = re.sub(r"\]\([^)]*\)", " ", bare)
    return len(re.findall(r"[^\W_]+(?:['.-][^\W_]+)*", bare))


def targets(text: str) -> Iterator[tuple[int, bool, str]]:
    """Return line, whether it is a picture, and target of every link; a definition counts as one."""
    for match in LINK.finditer(text):
        yield text.count("\n", 0, match.start()) + 1, bool(match[1]), match[2]
    for match in _REFERENCE.finditer(text):
        yield text.count("\n", 0, match.start()) + 1, False, match[0].strip()
