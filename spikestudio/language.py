"""The language of everything that is read in the window: English in the code, others from catalogues.

A catalogue is ``resources/languages/CODE.json``: the English text of the code, and what it is in
that language. It is read when the first text is asked for, so whoever wants another language than
English says so with ``use`` before modules with tables of words are imported. What is stored, parsed
or exported stays English; so does the command line, unless ``SPIKESTUDIO_LANGUAGE`` names a language.
"""

from __future__ import annotations

import gettext
import json
import locale
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from spikestudio.paths import resource

ENGLISH = "en"
SYSTEM = "system"
VARIABLE = "SPIKESTUDIO_LANGUAGE"
LANGUAGES = {ENGLISH: "English", "zh_CN": "简体中文", "es": "Español"}
"""Codes, and what each language calls itself."""


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Texts of one language by their English ones; what is empty is not translated yet.

    ``contexts`` holds the few words that English uses for different things, by the name of the use;
    ``plurals`` the forms of a text with a number, by its singular, of which ``plural`` picks one.
    """

    texts: Mapping[str, str] = field(default_factory=dict)
    contexts: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    plurals: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    plural: Callable[[int], int] = field(default=lambda number: int(number != 1))


class _State:
    """The language in force; one per process."""

    code = ENGLISH
    catalogue: Catalogue | None = None  # None: nothing was asked for yet


_is_invariant: ContextVar[bool] = ContextVar("is_invariant", default=False)


def tr(text: str, /, **values: object) -> str:
    """Return a text in the language in force, its ``{names}`` filled in as ``str.format`` does."""
    return _filled(_catalogue().texts.get(text) or text, text, values)


def tr_in(context: str, text: str, /, **values: object) -> str:
    """Return a text that means different things in different places, such as a verb and a noun."""
    known = _catalogue().contexts.get(context, {})
    return _filled(known.get(text) or text, text, values)


def tr_n(one: str, many: str, number: int, /, **values: object) -> str:
    """Return the text of one or the text of many, as the language counts."""
    catalogue = _catalogue()
    english = one if number == 1 else many
    forms = catalogue.plurals.get(one, ())
    index = catalogue.plural(number)
    return _filled((forms[index] if index < len(forms) else "") or english, english, values)


def mark(text: str) -> str:
    """Return the text as it is, and have it in the catalogues: it is a name, translated when shown."""
    return text


def mark_in(context: str, text: str) -> str:
    """Return the text as it is, as ``mark`` does, for a translation by ``tr_in``."""
    return text


@contextmanager
def invariant() -> Iterator[None]:
    """Have English inside, for what is written into files."""
    token = _is_invariant.set(True)
    try:
        yield
    finally:
        _is_invariant.reset(token)


def current() -> str:
    """Return the code of the language in force."""
    _catalogue()
    return ENGLISH if _is_invariant.get() else _State.code


def is_settled() -> bool:
    """Whether a text was asked for already; texts of modules imported so far then stay as they are."""
    return _State.catalogue is not None


def use(code: str) -> str:
    """Take a language from now on, ``system`` for the computer's; return the code of the one taken.

    What is no language of the application counts as the computer's, and a computer with another one
    gets English.
    """
    _State.code = of_system() if code not in LANGUAGES else code
    _State.catalogue = _NONE if _State.code == ENGLISH else load(_State.code)
    return _State.code


def of_system() -> str:
    """Return the language of the application that fits the computer's best."""
    for name in _names_of_system():
        plain = name.replace("-", "_").partition(".")[0]
        if plain.startswith(("zh_TW", "zh_HK", "zh_MO", "zh_Hant")):
            continue  # written with other characters
        for code in LANGUAGES:
            if plain == code or plain.partition("_")[0] == code.partition("_")[0]:
                return code
    return ENGLISH


def load(code: str) -> Catalogue:
    """Return a catalogue; an empty one where it is missing or cannot be read."""
    try:
        values = json.loads(path_of(code).read_text(encoding="utf-8"))
        return _from_json(values)
    except (OSError, ValueError, TypeError, AttributeError, KeyError):
        return Catalogue()


def path_of(code: str) -> Path:
    """Return where a catalogue lies."""
    return resource("languages", f"{code}.json")


def _from_json(values: Mapping[str, Any]) -> Catalogue:
    return Catalogue(
        texts=dict(values["texts"]),
        contexts={name: dict(texts) for name, texts in values.get("contexts", {}).items()},
        plurals={one: tuple(forms) for one, forms in values.get("plurals", {}).items()},
        plural=gettext.c2py(values.get("plural", "n != 1")),
    )


def _catalogue() -> Catalogue:
    if _State.catalogue is None:
        asked = os.environ.get(VARIABLE, "")
        if _State.code == ENGLISH and asked in LANGUAGES:
            _State.code = asked
        _State.catalogue = _NONE if _State.code == ENGLISH else load(_State.code)
    return _NONE if _is_invariant.get() else _State.catalogue


def _filled(text: str, english: str, values: Mapping[str, object]) -> str:
    if not values:
        return text
    try:
        return text.format(**values)
    except (KeyError, IndexError, ValueError):  # a translation that names something else
        return english.format(**values)


def _names_of_system() -> Iterator[str]:
    for variable in ("LC_ALL", "LC_MESSAGES", "LANG"):
        if os.environ.get(variable):
            yield os.environ[variable]
            return
    name = locale.getlocale()[0]
    if name:
        yield name


_NONE = Catalogue()
