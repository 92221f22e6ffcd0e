"""A lesson pack that is being written: its parts, and what is wrong with them."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from PySide6.QtCore import QObject, Signal

from spikestudio import __version__
from spikestudio.checkpoints import strict_json
from spikestudio.language import tr
from spikestudio.lessons import pack as packs
from spikestudio.lessons.lesson import ENGLISH
from spikestudio.lessons.lesson import SCHEMA_VERSION as LESSON_VERSION
from spikestudio.lessons.pack import MANIFEST
from spikestudio.lessons.pack_writing import json_text
from spikestudio.lessons.reading import FILE, MOST_PICTURE, validator
from spikestudio.lessons.words import FENCE, Words, parse
from spikestudio.sessions.document import Session

TITLE_PAGE = "lesson"
_SCHEMAS = {MANIFEST: "pack.json", FILE: "lesson.json"}
_DEPTH = 16


class PackDraft(QObject):
    """What the editor's forms and its source page both write to.

    A source text that is not valid JSON of its schema is kept as it is, and the forms keep to the last
    one that was; ``files`` has it, so that checking finds the place.
    """

    changed = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.session: Session | None = None
        self.values: dict[str, dict[str, Any]] = {MANIFEST: {}, FILE: {}}
        self.texts: dict[str, str] = {}  # of Markdown files
        self.pictures: dict[str, bytes] = {}
        self._raw: dict[str, str] = {}  # source texts that the forms cannot take
        self._saved: tuple[dict[str, bytes], Session | None] = ({}, None)
        self.begin()

    # the whole ------------------------------------------------------------------------------

    def begin(self, session: Session | None = None) -> None:
        """Begin a new pack with one page."""
        own_id = f"lesson-{secrets.token_hex(3)}"
        self.values = {
            MANIFEST: {"schema_version": packs.SCHEMA_VERSION, "id": own_id, "locked": []},
            FILE: {
                "schema_version": LESSON_VERSION,
                "id": own_id,
                "minutes": 10,
                "level": "intro",
                "pages": [],
            },
        }
        self.texts, self.pictures, self._raw = {}, {}, {}
        self.set_words(
            TITLE_PAGE, Words({"title": tr("Untitled lesson"), "summary": tr("What is learnt.")})
        )
        self.add_page()
        self.set_session(session)
        self.mark_saved()

    def load(self, files: Mapping[str, bytes], session: Session | None) -> None:
        """Take the parts of a pack that was read."""
        for name in (MANIFEST, FILE):
            self.values[name] = strict_json.parse(files[name], _DEPTH)
        self._raw = {}
        self.texts = {n: data.decode("utf-8") for n, data in files.items() if n.endswith(".md")}
        self.pictures = {n: d for n, d in files.items() if n.endswith((".png", ".svg"))}
        self.session = session
        self.mark_saved()
        self.changed.emit()

    def files(self) -> dict[str, bytes]:
        """Return all parts but the session, as they are stored."""
        ids = {TITLE_PAGE, *(page["id"] for page in self.pages)}
        texts = {n: t for n, t in self.texts.items() if n.rpartition("/")[2][:-3] in ids}
        names = [*sorted(texts), *sorted(self.pictures)]
        self.values[MANIFEST] |= {"program": __version__, "files": names}
        found = {name: text.encode() for name, text in texts.items()} | self.pictures
        for name in (MANIFEST, FILE):
            found[name] = self.source(name).encode()
        return found

    @property
    def is_unsaved(self) -> bool:
        """Whether it differs from what was saved or opened."""
        return self._saved != (self.files(), self.session)

    def mark_saved(self) -> None:
        """Note that it is saved as it is."""
        self.mark_saved_as(self.files(), self.session)

    def mark_saved_as(self, files: dict[str, bytes], session: Session | None) -> None:
        """Note what was saved; it may have been changed since."""
        self._saved = (files, session)

    @property
    def title(self) -> str:
        """Title of the lesson."""
        return self.words(TITLE_PAGE).title

    def set_session(self, session: Session | None) -> None:
        """Start from another session; where the teacher keeps the model is left out."""
        if session is not None and session.model is not None:
            session = replace(session, model=replace(session.model, path=""))
        self.session = session
        self.changed.emit()

    # source texts ---------------------------------------------------------------------------

    @property
    def names(self) -> list[str]:
        """Parts that are text, the two descriptions first."""
        return [MANIFEST, FILE, *(n for n in sorted(self.files()) if n.endswith(".md"))]

    def source(self, name: str) -> str:
        """Return the text of a part."""
        if name in self.values:
            return self._raw.get(name, json_text(self.values[name]))
        return self.texts.get(name, "")

    def set_source(self, name: str, text: str) -> None:
        """Take the text of a part; the forms follow if it fits its schema."""
        if name == self.source(name) or text == self.source(name):
            return
        if name not in self.values:
            self.texts[name] = text
        else:
            try:
                values = strict_json.parse(text.encode(), _DEPTH)
            except ValueError:
                values = None
            if values is not None and validator(_SCHEMAS[name]).is_valid(values):
                self._raw.pop(name, None)
                self.values[name] = values
                self._add_missing_words()
            else:
                self._raw[name] = text
        self.changed.emit()

    @property
    def broken(self) -> str:
        """Name of a source that the forms cannot take; empty if there is none."""
        words = (name for name, text in self.texts.items() if not _is_page(text))
        return next(iter((*self._raw, *words)), "")

    def _add_missing_words(self) -> None:
        for page in self.pages:
            if self._file(page["id"]) not in self.texts:
                self.set_words(page["id"], Words({"title": page["id"]}))

    # description ----------------------------------------------------------------------------

    def get(self, name: str, key: str, default: Any = "") -> Any:  # noqa: ANN401  any JSON value
        """Return a value of ``pack.json`` or ``lesson.json``."""
        return self.values[name].get(key, default)

    def put(self, name: str, key: str, value: Any) -> None:  # noqa: ANN401  any JSON value
        """Set a value of ``pack.json`` or ``lesson.json``; None takes it away."""
        before = self.values[name].get(key)
        if value is None:
            self.values[name].pop(key, None)
        else:
            self.values[name][key] = value
        if value != before:
            self.changed.emit()

    @property
    def locked(self) -> dict[str, dict[str, Any]]:
        """What is locked, by control."""
        return {each["control"]: each for each in self.values[MANIFEST].get("locked", ())}

    def lock(self, control: str, note: str, value: float | str | None) -> None:
        """Lock a control, at a value where it has one."""
        entry: dict[str, Any] = {"control": control}
        if note:
            entry["note"] = note
        if value is not None:
            entry["value"] = value
        self.put(MANIFEST, "locked", list((self.locked | {control: entry}).values()))

    def unlock(self, control: str) -> None:
        """Let a control be used."""
        self.put(MANIFEST, "locked", [v for n, v in self.locked.items() if n != control])

    # pages ----------------------------------------------------------------------------------

    @property
    def pages(self) -> list[dict[str, Any]]:
        """Pages as in ``lesson.json``."""
        found: list[dict[str, Any]] = self.values[FILE]["pages"]
        return found

    def add_page(self, after: int = -1) -> int:
        """Add an empty page behind another, and return its place."""
        taken = {page["id"] for page in self.pages}
        number = next(n for n in range(1, 1000) if f"page-{n}" not in taken)
        at = len(self.pages) if after < 0 else after + 1
        self.pages.insert(at, {"id": f"page-{number}"})
        self.set_words(f"page-{number}", Words({"title": tr("Page {number}", number=number)}))
        return at

    def remove_page(self, index: int) -> None:
        """Take a page away, with its words in every language; the last one stays."""
        if len(self.pages) > 1:
            gone = self.pages.pop(index)["id"]
            self.texts = {n: t for n, t in self.texts.items() if not n.endswith(f"/{gone}.md")}
            self.changed.emit()

    def move_page(self, index: int, by: int) -> int:
        """Move a page up or down, and return its place."""
        to = min(max(index + by, 0), len(self.pages) - 1)
        if to != index:
            self.pages.insert(to, self.pages.pop(index))
            self.changed.emit()
        return to

    def put_page(self, index: int, key: str, value: Any) -> None:  # noqa: ANN401  any JSON value
        """Set what a page has under a key; None or an empty text takes it away."""
        page = self.pages[index]
        if page.get(key) == value:
            return
        if value in (None, ""):
            if key not in page:
                return
            del page[key]
        else:
            page[key] = value
        self.changed.emit()

    def words(self, page_id: str) -> Words:
        """Return title, question and text of a page; empty where its file is no page."""
        try:
            return parse(self.texts.get(self._file(page_id), ""))
        except ValueError:
            return Words({"title": ""})

    def set_words(self, page_id: str, words: Words) -> None:
        """Replace title, question and text of a page."""
        front = [f"{name}: {' '.join(t.split())}" for name, t in words.front.items() if t.strip()]
        text = "\n".join((FENCE, *front, FENCE, words.body.strip(), ""))
        if text != self.texts.get(self._file(page_id)):
            self.texts[self._file(page_id)] = text
            self.changed.emit()

    def set_front(self, page_id: str, **front: str) -> None:
        """Change front lines of a page; those of another name stay. An empty one is taken away."""
        words = self.words(page_id)
        named = {name.replace("__", "."): text for name, text in front.items()}
        self.set_words(page_id, Words({**words.front, **named}, words.body))

    def set_body(self, page_id: str, body: str) -> None:
        """Change the text of a page."""
        self.set_words(page_id, Words(self.words(page_id).front, body))

    def _file(self, page_id: str) -> str:
        return f"{ENGLISH}/{page_id}.md"

    def add_picture(self, name: str, data: bytes) -> str:
        """Take a picture in, and return its name in the pack; raises ``ValueError``."""
        if len(data) > MOST_PICTURE:
            raise ValueError(
                tr(
                    "{name} is larger than {most_picture} MiB: make it smaller.",
                    name=name,
                    most_picture=MOST_PICTURE // 2**20,
                )
            )
        stem, _, suffix = name.lower().rpartition(".")
        if suffix not in ("png", "svg"):
            raise ValueError(tr("{name} is no PNG or SVG picture: save it as one.", name=name))
        safe = "".join(c if c.isascii() and c.isalnum() else "-" for c in stem).strip("-")[:80]
        found = f"{safe or 'picture'}.{suffix}"
        self.pictures[found] = data
        self.changed.emit()
        return found


def _is_page(text: str) -> bool:
    try:
        parse(text)
    except ValueError:
        return False
    return True
