from __future__ import annotations

import errno
import os
import stat
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from spikestudio.atomic import atomic_folder, atomic_write, check_writable
from spikestudio.errors import ExportError

OLD, NEW = b"old content", b"new content"


@pytest.fixture
def target(tmp_path: Path) -> Path:
    path = tmp_path / "file.bin"
    path.write_bytes(OLD)
    return path


def break_off(path: Path, error: BaseException) -> None:
    """Write a part, then fail."""
    with atomic_write(path) as temporary:
        temporary.write_bytes(NEW[:3])
        raise error


def break_off_folder(path: Path, stale: Sequence[Path] = ()) -> None:
    with atomic_folder(path, stale) as folder:
        (folder / "a").write_bytes(NEW)
        raise OSError(errno.ENOSPC, "full")


def test_a_file_is_replaced_as_a_whole(target: Path) -> None:
    with atomic_write(target) as temporary:
        assert temporary.parent == target.parent
        temporary.write_bytes(NEW)
        assert target.read_bytes() == OLD
    assert target.read_bytes() == NEW
    assert list(target.parent.iterdir()) == [target]


def test_a_new_file_has_ordinary_permissions(tmp_path: Path) -> None:
    (tmp_path / "plain").touch()
    with atomic_write(tmp_path / "new") as temporary:
        temporary.write_bytes(NEW)
    modes = {stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("plain", "new")}
    assert len(modes) == 1


@pytest.mark.parametrize("error", [ValueError("broken"), KeyboardInterrupt()])
def test_an_error_leaves_the_old_file_and_no_temporary_one(
    target: Path, error: BaseException
) -> None:
    with pytest.raises(type(error)):
        break_off(target, error)
    assert target.read_bytes() == OLD
    assert list(target.parent.iterdir()) == [target]


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.ENOSPC, "disk is full"),
        (errno.EDQUOT, "disk is full"),
        (errno.EACCES, "cannot be written to"),
        (errno.EROFS, "cannot be written to"),
        (errno.ENAMETOOLONG, "too long"),
        (errno.EIO, "choose another path"),
    ],
)
def test_what_the_system_refuses_is_said_in_one_sentence(
    target: Path, number: int, words: str
) -> None:
    with pytest.raises(ExportError, match=words) as caught:
        break_off(target, OSError(number, os.strerror(number)))
    message = str(caught.value)
    assert str(target) in message
    assert message.count(". ") == 0
    assert caught.value.path == target
    assert target.read_bytes() == OLD
    assert list(target.parent.iterdir()) == [target]


def test_a_failing_flush_counts_as_a_failure(target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(ExportError, match="disk is full"), atomic_write(target) as temporary:
        temporary.write_bytes(NEW)
    assert target.read_bytes() == OLD


@pytest.mark.skipif(sys.platform == "win32", reason="limits of a process are POSIX")
def test_a_real_limit_of_the_kernel_keeps_the_old_file(target: Path) -> None:
    code = (
        "import resource, sys\n"
        "from spikestudio.atomic import atomic_write\n"
        "from spikestudio.errors import ExportError\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))\n"
        "try:\n"
        "    with atomic_write(sys.argv[1]) as temporary:\n"
        "        temporary.write_bytes(bytes(5000))\n"
        "except ExportError as error:\n"
        "    sys.exit(0 if 'disk is full' in str(error) else str(error))\n"
        "sys.exit('nothing was refused')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(target)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert target.read_bytes() == OLD
    assert list(target.parent.iterdir()) == [target]


def test_a_missing_folder_a_folder_and_a_device_are_refused(tmp_path: Path, target: Path) -> None:
    cases = {tmp_path / "no" / "file": "does not exist", tmp_path: "is a folder"}
    cases[target / "below"] = "does not exist"
    if Path("/dev/null").exists():
        cases[Path("/dev/null")] = "device or pipe"
    for path, words in cases.items():
        with pytest.raises(ExportError, match=words), atomic_write(path) as temporary:
            temporary.write_bytes(NEW)
        with pytest.raises(ExportError, match=words):
            check_writable(path)


def test_a_read_only_file_is_not_replaced(target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Renaming over it would work, but whoever protected it did not want that. Root may write anything,
    # so the system's answer is given here.
    monkeypatch.setattr(os, "access", lambda path, mode: mode != os.W_OK)
    with pytest.raises(ExportError, match="read-only"):
        check_writable(target)
    with pytest.raises(ExportError, match="read-only"), atomic_write(target) as temporary:
        temporary.write_bytes(NEW)
    assert target.read_bytes() == OLD


def test_a_link_is_followed(target: Path) -> None:
    link = target.with_name("link")
    try:
        link.symlink_to(target)
    except OSError:
        pytest.skip("links are not allowed here")
    with atomic_write(link) as temporary:
        temporary.write_bytes(NEW)
    assert link.is_symlink()
    assert target.read_bytes() == NEW


def test_asking_leaves_nothing_behind(target: Path) -> None:
    check_writable(target)
    check_writable(target.with_name("new"))
    assert list(target.parent.iterdir()) == [target]
    assert target.read_bytes() == OLD


def test_a_new_folder_appears_as_a_whole(tmp_path: Path) -> None:
    path = tmp_path / "out"
    with pytest.raises(ExportError, match="disk is full"):
        break_off_folder(path)
    assert list(tmp_path.iterdir()) == []
    with atomic_folder(path) as folder:
        (folder / "a").write_bytes(NEW)
        assert not path.exists()
    assert [file.name for file in path.iterdir()] == ["a"]


def test_files_of_an_existing_folder_are_replaced(tmp_path: Path) -> None:
    for name in ("a", "b", "foreign"):
        (tmp_path / name).write_bytes(OLD)
    stale = [tmp_path / "a", tmp_path / "b"]
    with pytest.raises(ExportError, match="disk is full"):
        break_off_folder(tmp_path, stale)
    contents = {file.name: file.read_bytes() for file in tmp_path.iterdir()}
    assert contents == {"a": OLD, "b": OLD, "foreign": OLD}
    with atomic_folder(tmp_path, stale) as folder:
        (folder / "a").write_bytes(NEW)
    contents = {file.name: file.read_bytes() for file in tmp_path.iterdir()}
    assert contents == {"a": NEW, "foreign": OLD}
