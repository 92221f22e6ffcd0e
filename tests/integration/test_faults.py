"""Whatever happens while a file is written, the one that was there is still there, bit for bit.

The faults are real: limits of the kernel, disks that are full or read-only, processes that are killed.
"""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.integration.writers import MODULES, OPTIONAL, WRITERS

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="limits and mounts of Linux")

ROOT = Path(__file__).parents[2]
DISK = ("full", "read-only")
OPENING = {"open", "File", "ZipFile", "fdopen"}
WRITING = {
    *("atomic_write", "atomic_files", "atomic_folder", "replace_text"),
    *("write_text", "write_bytes", "touch", "copyfile", "copytree", "copy2"),
    *("mkstemp", "mkdtemp", "TemporaryFile", "NamedTemporaryFile", "TemporaryDirectory"),
    *("QTemporaryDir", "QTemporaryFile", "QSaveFile"),
    *("FileHandler", "RotatingFileHandler", "SummaryWriter"),
    *("savez", "savez_compressed", "save_file", "write_frames"),
}
USUAL = ("limit", "removed", "killed")


def run(folder: Path, faults: tuple[str, ...], wrap: list[str]) -> dict[str, dict[str, list[str]]]:
    """What was wrong under each fault, by writer."""
    (folder / "sources").mkdir(exist_ok=True)
    done = subprocess.run(
        [*wrap, sys.executable, "-m", "tests.integration.faults", str(folder), *faults],
        cwd=ROOT,
        env=os.environ | {"FAULTS_SOURCES": str(folder / "sources")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


def own_disk(folder: Path) -> list[str]:
    """Beginning of a command for which alone a small disk lies at ``folder``; empty if not allowed."""
    script = 'mount -t tmpfs -o size=4m tmpfs "$0" && exec "$@"'
    user = ["--map-root-user"] if os.getuid() else []
    wrap = ["unshare", "--mount", *user, "sh", "-c", script, str(folder)]
    try:
        is_allowed = (
            subprocess.run([*wrap, "true"], capture_output=True, check=False).returncode == 0
        )
    except FileNotFoundError:
        return []
    return wrap if is_allowed else []


@pytest.fixture(scope="module")
def wrong(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, list[str]]]:
    """What was wrong under each fault: one process tries all, since it takes long to start."""
    folder = tmp_path_factory.mktemp("faults")
    (folder / "disk").mkdir()
    wrap = own_disk(folder / "disk")
    return run(folder, (*USUAL, *(DISK if wrap else ())), wrap)


@pytest.mark.parametrize("fault", [*USUAL, *DISK])
def test_nothing_is_lost(wrong: dict[str, dict[str, list[str]]], fault: str) -> None:
    if fault not in wrong:
        pytest.skip("a disk of one's own needs rights that this process has not")
    assert wrong[fault] == {}


def writing_calls(source: str) -> list[str]:
    """Calls in a module that make or change files."""
    return [name for call in ast.walk(ast.parse(source)) if (name := _as_writing(call))]


def _as_writing(call: ast.AST) -> str:
    if not isinstance(call, ast.Call):
        return ""
    name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
    if name in WRITING:
        return name
    given = [*call.args, *(each.value for each in call.keywords if each.arg == "mode")]
    texts = [
        part.value for each in given for part in ast.walk(each) if isinstance(part, ast.Constant)
    ]
    modes = [
        text for text in texts if isinstance(text, str) and re.fullmatch("[rwaxbt+]{1,3}", text)
    ]
    return name if name in OPENING and any(set(mode) & set("wax+") for mode in modes) else ""


def test_every_module_that_writes_is_in_the_table() -> None:
    package = ROOT / "spikestudio"
    writing = {
        ".".join(path.relative_to(package).with_suffix("").parts)
        for path in package.rglob("*.py")
        if writing_calls(path.read_text(encoding="utf-8"))
    }
    assert writing - MODULES.keys() == set(), "write through spikestudio.atomic, and add a writer"
    assert MODULES.keys() - writing == set(), "these no longer write"
    named = {name for names in MODULES.values() if isinstance(names, tuple) for name in names}
    assert named == WRITERS.keys() | OPTIONAL.keys()


@pytest.mark.parametrize(
    "source",
    ["open(p, 'w')", "p.open('xb')", "h5py.File(p, mode='r+')", "p.write_text('')", "mkdtemp()"],
)
def test_the_search_finds_what_writes(source: str) -> None:
    assert writing_calls(source)


@pytest.mark.parametrize(
    "source", ["open(p)", "p.open('rb')", "h5py.File(p, 'r')", "model.open(a)"]
)
def test_the_search_leaves_readers_alone(source: str) -> None:
    assert not writing_calls(source)


@pytest.mark.long
def test_nothing_is_lost_however_often_it_is_killed(tmp_path: Path) -> None:
    assert run(tmp_path, ("killed often",), []) == {"killed often": {}}
