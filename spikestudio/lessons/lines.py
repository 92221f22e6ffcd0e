"""Lines of the values in a JSON text, so that an error can name one."""

from __future__ import annotations

import json
import re
from typing import Any

_TOKEN = re.compile(r'"(?:\\.|[^"\\])*"|[{}\[\]:,]|[^\s{}\[\]:,"]+')

Place = tuple[str | int, ...]


def lines_of(text: str) -> dict[Place, int]:
    """Return the line (from 1) of every value of a JSON text that is known to be valid.

    A place is the path of keys and indices to a value; that of an object's value is its key's line.
    """
    lines: dict[Place, int] = {(): 1}
    place: list[str | int] = []
    kinds: list[str] = []
    is_key = False
    key_line = 0
    for match in _TOKEN.finditer(text):
        token, line = match[0], text.count("\n", 0, match.start()) + 1
        if token in "{[":
            lines.setdefault(tuple(place), key_line or line)
            kinds.append(token)
            place.append("" if token == "{" else 0)
            is_key, key_line = token == "{", 0
        elif token in "}]":
            kinds.pop()
            place.pop()
            is_key, key_line = False, 0
        elif token == ",":
            is_key, key_line = kinds[-1] == "{", 0
            last = place[-1]
            if isinstance(last, int):
                place[-1] = last + 1
        elif token == ":":
            is_key = False
        elif is_key:
            place[-1], key_line = json.loads(token), line
        else:
            lines.setdefault(tuple(place), key_line or line)
    return lines


def line_at(lines: dict[Place, int], place: Any) -> int:  # noqa: ANN401  any sequence of keys
    """Return the line of a place, or of the nearest one around it."""
    path = tuple(place)
    while path not in lines:
        path = path[:-1]
    return lines[path]


def line_of_error(error: ValueError, data: bytes) -> int:
    """Return the line of an error of ``strict_json``; 0 if it names no character."""
    place = re.search(r"(\d+)\W*$", str(error))  # in whatever language
    if place is None:
        return 0
    return data.decode("utf-8", "replace")[: int(place[1])].count("\n") + 1


def page_at(place: Any) -> int:  # noqa: ANN401  any sequence of keys
    """Return the page (from 1) that a place in a lesson.json belongs to; 0 for none."""
    path = tuple(place)
    is_page = len(path) > 1 and path[0] == "pages" and isinstance(path[1], int)
    return path[1] + 1 if is_page else 0
