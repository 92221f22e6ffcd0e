"""A pack that is saved can be opened again, is there as a whole or not at all, and is the same file."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from spikestudio.app.viewmodels.pack_file import open_pack, parts_of, save
from spikestudio.errors import ExportError
from spikestudio.lessons.pack_writing import save_pack
from spikestudio.lessons.problem import PackError
from spikestudio.sessions.document import Session
from tests.unit.lessons import packs


def parts() -> dict[str, bytes]:
    found = packs.files()
    del found["session.json"]
    return found


def test_what_was_saved_is_read_back(tmp_path: Path) -> None:
    path = tmp_path / "a.spikelesson"
    session = Session(note="before class")
    assert save(path, parts(), session) == path.stat().st_size
    opened = open_pack(path)
    assert opened.session is not None
    assert opened.session.note == "before class"
    assert opened.pack.held("request") == {"threshold": 0.997}
    opened.close()
    again, start = parts_of(path)
    assert again == parts()
    assert start is not None
    with zipfile.ZipFile(path) as archive:
        assert archive.namelist()[:2] == ["pack.json", "lesson.json"]
        assert archive.read("en/look.md") == packs.FIRST_MD.encode()


def test_the_same_pack_is_the_same_file(tmp_path: Path) -> None:
    first, second = tmp_path / "a.spikelesson", tmp_path / "b.spikelesson"
    save_pack(first, parts())
    save_pack(second, dict(reversed(parts().items())))
    assert first.read_bytes() == second.read_bytes()


def test_a_pack_that_could_not_be_opened_is_not_saved(tmp_path: Path) -> None:
    path = tmp_path / "a.spikelesson"
    save_pack(path, parts())
    before = path.read_bytes()
    broken = parts() | {"en/look.md": b"no front lines"}
    with pytest.raises(PackError, match=r"en/look\.md"):
        save(path, broken)
    assert path.read_bytes() == before


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="does not exist"):
        save_pack(tmp_path / "no" / "a.spikelesson", parts())
    assert not list(tmp_path.iterdir())
