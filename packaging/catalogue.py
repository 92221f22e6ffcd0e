"""Keeps the catalogues in ``resources/languages`` in step with the code.

    python packaging/catalogue.py update      add what is new, set aside what is gone
    python packaging/catalogue.py check       say what is missing or wrong, one line each
    python packaging/catalogue.py todo CODE   what has no translation yet, as JSON
    python packaging/catalogue.py take CODE FILE...   put translations in: JSON from text to text

A catalogue is JSON from English texts to translated ones, in the order of the code. ``contexts`` are
texts that depend on their place, ``plurals`` texts with a number: all forms, by the singular. ``stale``
holds translations whose English is no longer in the code, until a ``take`` or a person uses them.
"""

from __future__ import annotations

import ast
import json
import string
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "resources" / "languages"
CALLS = ("tr", "mark", "tr_in", "mark_in", "tr_n")
PLURALS = {"zh_CN": ("0", 1), "es": ("n != 1", 2)}  # expression of gettext, number of forms
ALIKE = ROOT / "tests" / "unit" / "alike.json"  # texts that are the same in a language


@dataclass(frozen=True, slots=True)
class Text:
    """A text of the code: ``many`` is empty but for texts with a number."""

    source: str
    many: str
    context: str
    where: str

    @property
    def key(self) -> tuple[str, str]:
        """What it is found by: where it is kept, and the English."""
        return ("plurals" if self.many else self.context, self.source)


def texts(root: Path = ROOT) -> list[Text]:
    """Return every text of the code once, in the order of files and lines."""
    found: dict[tuple[str, str], Text] = {}
    for path in sorted((root / "spikestudio").rglob("*.py")):
        code = path.read_text(encoding="utf-8")
        if "spikestudio.language" not in code:
            continue
        name = path.relative_to(root).as_posix()
        calls = [node for node in ast.walk(ast.parse(code)) if isinstance(node, ast.Call)]
        for node in sorted(calls, key=lambda each: (each.lineno, each.col_offset)):
            for text in _of_call(node, name):
                found.setdefault(text.key, text)
    return list(found.values())


def _of_call(node: ast.Call, name: str) -> Iterator[Text]:
    called = node.func.id if isinstance(node.func, ast.Name) else ""
    if called not in CALLS:
        return
    given = [each.value for each in node.args if isinstance(each, ast.Constant)]
    words = [each for each in given if isinstance(each, str)]
    where = f"{name}:{node.lineno}"
    if called in ("tr", "mark") and len(words) == 1:
        yield Text(words[0], "", "", where)
    elif called in ("tr_in", "mark_in") and len(words) == 2:
        yield Text(words[1], "", words[0], where)
    elif called == "tr_n" and len(words) == 2:
        yield Text(words[0], words[1], "", where)


# catalogues -------------------------------------------------------------------------------------


def read(code: str) -> dict[str, Any]:
    """Return a catalogue as it is, or an empty one."""
    path = FOLDER / f"{code}.json"
    if path.is_file():
        values: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return values
    return {"language": code, "plural": PLURALS[code][0]}


def write(code: str, values: dict[str, Any]) -> None:
    """Store a catalogue."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    text = json.dumps(values, ensure_ascii=False, indent=1)
    (FOLDER / f"{code}.json").write_text(text + "\n", encoding="utf-8")


def updated(code: str, values: dict[str, Any], found: list[Text]) -> dict[str, Any]:
    """Return the catalogue with exactly the texts of the code; what had a translation keeps it."""
    stale: dict[str, Any] = dict(values.get("stale", {}))
    result: dict[str, Any] = {
        "language": code,
        "plural": values["plural"],
        "texts": {},
        "contexts": {},
        "plurals": {},
    }
    for text in found:
        old = _table(values, text).get(text.source) or stale.pop(text.source, "")
        is_list = isinstance(old, list)
        if is_list != bool(text.many):
            old = [] if text.many else ""
        if text.many and not old:
            old = [""] * PLURALS[code][1]
        _table(result, text, make=True)[text.source] = old
    known = {text.source for text in found}
    tables = [values.get("texts", {}), values.get("plurals", {})]
    tables += values.get("contexts", {}).values()
    for table in tables:
        stale |= {name: each for name, each in table.items() if name not in known and _has(each)}
    return result | {"stale": stale}


def _table(values: dict[str, Any], text: Text, *, make: bool = False) -> dict[str, Any]:
    if text.many:
        table = values.get("plurals", {})
    elif text.context and make:
        table = values["contexts"].setdefault(text.context, {})
    elif text.context:
        table = values.get("contexts", {}).get(text.context, {})
    else:
        table = values.get("texts", {})
    return table  # type: ignore[no-any-return]


def _has(translation: str | list[str]) -> bool:
    return all(translation) if isinstance(translation, list) else bool(translation)


# what is wrong ----------------------------------------------------------------------------------


def missing(code: str, found: list[Text]) -> list[Text]:
    """Return the texts without a translation."""
    values = read(code)
    return [text for text in found if not _has(_table(values, text).get(text.source, ""))]


def problems(code: str, found: list[Text]) -> list[str]:
    """Return what is wrong with the translations there are, one line each."""
    values, alike = read(code), set(json.loads(ALIKE.read_text("utf-8")).get(code, ()))
    lines = []
    for text in found:
        given = _table(values, text).get(text.source, "")
        for each in given if isinstance(given, list) else [given]:
            if each:
                reasons = _reasons(text, each, is_alike=text.source in alike)
                lines += [f"{text.where}: {reason}: {text.source!r}" for reason in reasons]
    return lines


def _reasons(text: Text, translation: str, *, is_alike: bool) -> Iterator[str]:
    """Compare with the English; a singular may leave its number out, as in ``1 run``."""
    english = {frozenset(fields(text.source)), frozenset(fields(text.many or text.source))}
    if frozenset(fields(translation)) not in english:
        yield "other {placeholders}"
    if translation == text.source and not is_alike and any(map(str.isalpha, text.source)):
        yield "the same as in English"
    for mark, name in (("…", "an ellipsis"), ("&", "a mnemonic"), ("\n", "a line break")):
        if text.source.count(mark) != translation.count(mark):
            yield f"{name} too few or too many"
    if leading(text.source) != leading(translation):
        yield "other spaces at its ends"


def fields(text: str) -> set[str]:
    """Return the placeholders of a text with their formats; what cannot be read counts as one."""
    try:
        parts = list(string.Formatter().parse(text))
    except ValueError:
        return {text}
    return {f"{name}!{how}:{spec}" for _, name, spec, how in parts if name is not None}


def leading(text: str) -> tuple[int, int]:
    """Return the number of spaces at both ends, which texts put together rely on."""
    return len(text) - len(text.lstrip(" ")), len(text) - len(text.rstrip(" "))


# commands ---------------------------------------------------------------------------------------


def take(code: str, path: Path) -> None:
    """Put in translations from a JSON file: from text, or ``context|text``, to text or forms."""
    values = updated(code, read(code), texts())
    for source, translation in json.loads(path.read_text(encoding="utf-8")).items():
        context, bar, rest = source.partition("|")
        if isinstance(translation, list):
            table = values["plurals"]
        elif bar and rest in values["contexts"].get(context, {}):
            table, source = values["contexts"][context], rest
        else:
            table = values["texts"]
        if source in table:
            table[source] = translation
        else:
            sys.stderr.write(f"{path.name}: not in the code: {source!r}\n")
    write(code, values)


def main(arguments: list[str]) -> int:
    """Do what is asked for; return the exit status."""
    command, *rest = arguments or [""]
    found = texts()
    if command == "update":
        for code in PLURALS:
            write(code, updated(code, read(code), found))
    elif command == "check":
        lines = [f"{code}: {line}" for code in PLURALS for line in problems(code, found)]
        for code in PLURALS:
            empty = missing(code, found)
            lines += [f"{code}: {text.where}: not translated: {text.source!r}" for text in empty]
        sys.stdout.write("".join(f"{line}\n" for line in lines))
        return int(bool(lines))
    elif command == "todo" and len(rest) == 1:
        todo = {
            f"{text.context}|{text.source}" if text.context else text.source: (
                [""] * PLURALS[rest[0]][1] if text.many else ""
            )
            for text in missing(rest[0], found)
        }
        sys.stdout.write(json.dumps(todo, ensure_ascii=False, indent=1) + "\n")
    elif command == "take" and len(rest) > 1:
        for name in rest[1:]:
            take(rest[0], Path(name))
    else:
        sys.stderr.write(f"{__doc__}\n")
        return 2
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
