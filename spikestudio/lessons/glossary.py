"""The glossary: a Markdown file with one section for every term."""

from __future__ import annotations

import re
from pathlib import Path

from spikestudio.paths import resource

_MOST = 256 * 1024


def load(language: str = "en", root: Path | None = None) -> dict[str, tuple[str, str]]:
    """Return name and explanation of every term by its id; in English where a language lacks it.

    Sections are ``## Name {id}``.
    """
    folder = (root or resource("lessons")) / "glossary"
    terms: dict[str, tuple[str, str]] = {}
    for each in dict.fromkeys(("en", language)):
        path = folder / f"{each}.md"
        if path.is_file():
            terms |= parse(path.read_text(encoding="utf-8")[:_MOST])
    return terms


def parse(text: str) -> dict[str, tuple[str, str]]:
    """Return the terms of one glossary file."""
    parts = re.split(r"^## (.+?) \{([a-z0-9-]+)\}\s*$", text, flags=re.MULTILINE)
    return {
        parts[i + 1]: (parts[i], " ".join(parts[i + 2].split())) for i in range(1, len(parts), 3)
    }
