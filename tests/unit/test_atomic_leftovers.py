"""What killed processes leave, names that are never taken twice, and files that belong together."""

from __future__ import annotations

import errno
import multiprocessing
import os
from pathlib import Path

import numpy as np
import pytest

from spikestudio.atomic import (
    STALE,
    atomic_files,
    atomic_write,
    is_temporary,
    remove_stale,
    replace_text,
    temporary_beside,
    unused,
)
from spikestudio.errors import ExportError
from spikestudio.export.images import save_folder
from tests.unit.export.recordings import ORIGIN


def make_old(path: Path, age: float = 2 * STALE) -> None:
    """Let a file, or a folder with what is in it, be so many seconds old."""
    for each in (*path.rglob("*"), path) if path.is_dir() else (path,):
        when = each.stat().st_mtime - age
        os.utime(each, (when, when))


@pytest.fixture
def leftovers(tmp_path: Path) -> list[Path]:
    """A file and a folder that were being written two days ago."""
    file, folder = temporary_beside(tmp_path / "a"), temporary_beside(tmp_path / "b")
    file.write_bytes(b"half")
    folder.mkdir()
    (folder / "0000.png").write_bytes(b"half")
    for each in (file, folder):
        make_old(each)
    return [file, folder]


def test_the_next_write_removes_what_is_a_day_old(tmp_path: Path, leftovers: list[Path]) -> None:
    young = temporary_beside(tmp_path / "c")
    young.touch()
    with atomic_write(tmp_path / "new") as temporary:
        temporary.write_bytes(b"whole")
    assert not any(each.exists() for each in leftovers)
    assert young.exists()  # another process may be writing it
    assert all(map(is_temporary, [*leftovers, young]))
    assert not is_temporary(tmp_path / "new")


def test_a_folder_that_is_still_written_to_stays(leftovers: list[Path]) -> None:
    (leftovers[1] / "0001.png").touch()
    remove_stale(leftovers[1].parent)
    assert [each.exists() for each in leftovers] == [False, True]


def test_other_files_and_what_a_link_points_to_stay(tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / "kept").touch()
    for name in ("spikestudio-0123456789ab.tmp", ".spikestudio-0123456789ab.png", "a.tmp"):
        (tmp_path / name).touch()
        make_old(tmp_path / name)
    link = temporary_beside(tmp_path / "link")
    link.symlink_to(other)
    os.utime(link, (0, 0), follow_symlinks=False)
    remove_stale(tmp_path)
    assert not link.is_symlink()
    assert (other / "kept").exists()
    assert len(list(tmp_path.iterdir())) == 4


def test_a_folder_of_single_images_is_still_one_with_leftovers_in_it(tmp_path: Path) -> None:
    out, images = tmp_path / "out", np.zeros((2, 4, 4, 1), np.uint8)
    save_folder(out, images, ORIGIN)
    temporary_beside(out / "any").mkdir()
    save_folder(out, images[:1], ORIGIN)
    names = {path.name for path in out.iterdir() if not is_temporary(path)}
    assert names == {"0000.png", "spikestudio.json"}


def test_files_that_belong_together_change_together(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).write_bytes(b"old")

    def break_off() -> None:
        with atomic_files(tmp_path / "a", tmp_path / "b") as (first, second):
            first.write_bytes(b"new")
            second.write_bytes(b"n")
            raise OSError(errno.ENOSPC, "full")

    with pytest.raises(ExportError, match="disk is full"):
        break_off()
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {
        "a": b"old",
        "b": b"old",
    }
    with atomic_files(tmp_path / "a", tmp_path / "b") as both:
        for each in both:
            each.write_bytes(b"new")
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {
        "a": b"new",
        "b": b"new",
    }


def test_an_error_of_another_kind_comes_out_as_it_is(tmp_path: Path) -> None:
    def break_off() -> None:
        with atomic_write(tmp_path / "a") as temporary:
            temporary.touch()
            raise ValueError("wrong")

    with pytest.raises(ValueError, match="wrong"):
        break_off()
    assert not list(tmp_path.iterdir())


def test_a_new_file_replaces_nothing(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"old")
    with pytest.raises(ExportError, match="by now"), atomic_write(path, is_new=True):
        pytest.fail("it is there before")
    path.unlink()

    def be_late() -> None:
        with atomic_write(path, is_new=True) as temporary:
            temporary.write_bytes(b"new")
            path.write_bytes(b"old")  # by another process, meanwhile

    with pytest.raises(ExportError, match="by now"):
        be_late()
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_new_file_without_links(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.EPERM, "no links here")

    monkeypatch.setattr(os, "link", refuse)
    with atomic_write(tmp_path / "a", is_new=True) as temporary:
        temporary.write_bytes(b"new")
    assert (tmp_path / "a").read_bytes() == b"new"
    with pytest.raises(ExportError), atomic_write(tmp_path / "a", is_new=True):
        pass
    assert list(tmp_path.iterdir()) == [tmp_path / "a"]


def _write_many(folder: str, mark: int, num: int) -> None:
    """Write files under names of one's own making, as two windows would at once."""
    done = 0
    while done < num:
        try:
            with atomic_write(unused(Path(folder) / "run.h5"), is_new=True) as temporary:
                temporary.write_bytes(bytes([mark]) * 100)
        except ExportError:
            continue  # the other one was first
        done += 1


def test_two_processes_never_take_each_other_s_names(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    both = [context.Process(target=_write_many, args=(str(tmp_path), k, 25)) for k in (1, 2)]
    for each in both:
        each.start()
    for each in both:
        each.join(60)
        assert each.exitcode == 0
        each.close()
    contents = [path.read_bytes() for path in tmp_path.iterdir()]
    assert sorted(contents) == [bytes([k]) * 100 for k in (1, 2) for _ in range(25)]


@pytest.mark.parametrize("name", ["run.h5", "a.b", "folder", ".hidden"])
def test_a_name_that_is_taken_gets_a_number(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    assert unused(path) == path
    path.touch()
    second = unused(path)
    assert second.name == f"{path.stem}_2{path.suffix}"
    second.symlink_to(tmp_path / "nowhere")
    assert unused(path).name == f"{path.stem}_3{path.suffix}"


def test_signals_are_replaced_or_stay(tmp_path: Path) -> None:
    path = tmp_path / "signal"
    replace_text(path, "one")
    with pytest.raises(UnicodeEncodeError):
        replace_text(path, "\ud800")
    assert path.read_text() == "one"
    assert list(tmp_path.iterdir()) == [path]
