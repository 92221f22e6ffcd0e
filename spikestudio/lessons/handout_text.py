"""The text of a handout: Markdown as HTML, without HTML of its own; pictures inside, terms linked."""

from __future__ import annotations

import base64
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import cache
from html import escape
from pathlib import Path
from typing import Any

from spikestudio.lessons.reading import picture
from spikestudio.lessons.words import filled

BLANK = "_" * 12  # to be filled in with a pencil
_TERM = "glossary:"
_OPEN, _CLOSE = "\ue000", "\ue001"  # around the number of a block that takes the place of a line
_KINDS = {".png": "image/png", ".svg": "image/svg+xml"}
_WIDEST = 600  # CSS pixels of a picture


def body(
    text: str,
    folder: Path,
    terms: Collection[str],
    written: Callable[[str], str],
    block: Callable[[str], str],
) -> tuple[str, list[str]]:
    """Return the HTML of a page's Markdown, and the terms of the glossary that it leads to.

    ``written`` gives the text of a state, ``block`` the HTML of an equation by its name. Pictures are
    those of the lesson's folder, and are put inside.
    """
    blocks: list[str] = []

    def fill(name: str) -> str:
        kind, colon, equation = name.partition(": ")
        if not colon:
            return written(kind)
        blocks.append(block(equation))
        return f"{_OPEN}{len(blocks) - 1}{_CLOSE}"

    bare = text.translate({ord(_OPEN): None, ord(_CLOSE): None})
    env: dict[str, Any] = {"folder": folder, "known": terms, "terms": []}
    found = str(_reader().render(filled(bare, fill), env))
    for number, each in enumerate(blocks):
        mark = f"{_OPEN}{number}{_CLOSE}"
        found = found.replace(f"<p>{mark}</p>", each).replace(mark, each)
    return found, list(dict.fromkeys(env["terms"]))


def glossary(terms: Mapping[str, tuple[str, str]], used: Collection[str]) -> str:
    """Return the explanations of the terms that were used, in the order of their names."""
    named = sorted((terms[each][0], each) for each in used if each in terms)
    if not named:
        return ""
    items = "".join(
        f'<p class="term"><a name="term-{key}" id="term-{key}"></a><b>{escape(name)}</b>: '
        f"{escape(terms[key][1])}</p>"
        for name, key in named
    )
    return f"<h2>Glossary</h2>{items}"


@cache
def _reader() -> Any:  # noqa: ANN401  markdown-it's renderer has no types for its rules
    from markdown_it import MarkdownIt

    reader = MarkdownIt("commonmark", {"html": False}).enable("table")
    reader.validateLink = _is_allowed  # type: ignore[method-assign, assignment]
    reader.add_render_rule("image", _picture)
    reader.add_render_rule("link_open", _link)
    return reader


def _is_allowed(address: str) -> bool:
    """Whether an address may be there at all: of the web, of a term, or of a picture's file."""
    low = address.lower()
    return low.startswith(("https://", "http://", _TERM)) or ":" not in low


def _picture(
    _renderer: object, tokens: Sequence[Any], index: int, _options: object, env: dict[str, Any]
) -> str:
    token = tokens[index]
    path = picture(env["folder"], token.attrGet("src") or "")
    text = escape(token.content)
    if path is None:
        return f"[{text}]"
    data = base64.b64encode(path.read_bytes()).decode()
    return (
        f'<img alt="{text}" style="max-width: {_WIDEST}px" '
        f'src="data:{_KINDS[path.suffix.lower()]};base64,{data}">'
    )


def _link(
    _renderer: object, tokens: Sequence[Any], index: int, _options: object, env: dict[str, Any]
) -> str:
    address = str(tokens[index].attrGet("href") or "")
    if address.startswith(_TERM):
        term = address.removeprefix(_TERM)
        if term not in env["known"]:
            return "<a>"
        env["terms"].append(term)
        return f'<a href="#term-{escape(term)}">'
    is_web = address.lower().startswith(("https://", "http://"))
    return f'<a href="{escape(address)}">' if is_web else "<a>"
