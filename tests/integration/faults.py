"""Real faults, under which every writer of the project runs, in a process of its own.

``python -m tests.integration.faults FOLDER FAULT...`` runs all writers under each fault and prints what
was wrong, as a JSON object by fault and writer. Whatever happens to version 2 of a writer's files must
leave version 1 as it was.
"""

from __future__ import annotations

import json
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from spikestudio.atomic import TEMPORARY, remove_stale
from spikestudio.errors import SpikeStudioError
from tests.integration.writers import WRITERS, Writer

Files = dict[str, bytes]
Wrong = dict[str, list[str]]
PART = ".part"  # of a download, which is gone on with


def snapshot(folder: Path) -> Files:
    """Every file below a folder with its content, but for what is to be gone on with."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.suffix != PART
    }


def attempt(writer: Writer, folder: Path, version: int = 2) -> str | None:
    """Write; gives the sentence of a failure, None if there was none."""
    try:
        writer.write(folder, version)
    except SpikeStudioError as error:
        return str(error)
    except Exception as error:  # noqa: BLE001  what must not come out of a writer
        return f"!{type(error).__name__}: {error}"
    return None


def judge(
    writer: Writer, folder: Path, before: Files, after: Files, said: str | None
) -> Iterator[str]:
    """What is wrong after a failed attempt."""
    now = snapshot(folder) if folder.exists() else {}
    if list(folder.rglob(TEMPORARY)):
        yield "a temporary file is left"
    if said is None:
        if not writer.is_quiet and now != after:
            yield "it failed without a word"
    elif said.startswith("!"):
        yield said
    elif "\n" in said or not said.endswith(".") or ". " in said.replace("spikestudio.", ""):
        yield f"no single sentence: {said}"
    if writer.in_parts or said is None:
        for name, data in now.items():
            if data not in (before.get(name), after.get(name)):
                yield f"{name} is neither the old nor the new one"
        if missing := before.keys() - now.keys():
            yield f"{sorted(missing)} is gone"
    elif now != before:
        names = [name for name in {*now, *before} if now.get(name) != before.get(name)]
        yield f"{names} changed"


@dataclass
class Prepared:
    """A writer with its files before and after; ``seconds`` is what version 2 took."""

    name: str
    writer: Writer
    folder: Path
    before: Files
    after: Files
    seconds: float

    @property
    def longest(self) -> int:
        """Bytes of the longest file that version 2 changes."""
        changed = [data for name, data in self.after.items() if data != self.before.get(name)]
        return max(map(len, changed), default=0)

    def place(self, root: Path) -> None:
        """Put version 1, and nothing else, in a folder of its own below ``root``."""
        self.folder = root / self.name.replace(" ", "-")
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)
        for name, data in self.before.items():
            (self.folder / name).parent.mkdir(parents=True, exist_ok=True)
            (self.folder / name).write_bytes(data)

    def wrong_after(self, said: str | None) -> list[str]:
        """What is wrong after version 2 could not be written."""
        found = list(judge(self.writer, self.folder, self.before, self.after, said))
        if said is not None and "disk is full" not in said and not self.writer.own_words:
            found.append(f"it does not say that the disk is full: {said}")
        return found


def prepared(root: Path) -> list[Prepared]:
    """Both versions of all, written in good conditions."""
    found = []
    for name, writer in WRITERS.items():
        folder = root / name.replace(" ", "-")
        folder.mkdir(parents=True)
        writer.write(folder, 1)
        before = snapshot(folder)
        began = time.perf_counter()
        writer.write(folder, 2)
        seconds = time.perf_counter() - began
        after = snapshot(folder)
        assert after != before, name
        found.append(Prepared(name, writer, folder, before, after, seconds))
    return found


@contextmanager
def limit(num_bytes: int) -> Iterator[None]:
    """No file of this process may become longer than this."""
    usual = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (num_bytes, usual[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, usual)


def under_limits(each: Prepared, root: Path) -> Iterator[str]:
    """Files that may not become longer than nothing, a half of it, and all but one byte."""
    limits = [0, each.longest // 2, each.longest - 1]
    if each.writer.appends:
        room = len(next(iter(each.before.values())))
        limits = [room, room + 10, each.longest - 1]
    for most in limits:
        each.place(root)
        with limit(most):
            said = attempt(each.writer, each.folder)
        yield from (f"{most} bytes: {text}" for text in each.wrong_after(said))


def on_a_full_disk(each: Prepared, root: Path) -> Iterator[str]:
    """``root`` is a small disk of its own, filled to the brim but for a part of what is needed."""
    filler = root / "filler"
    for free in (0, 4096):
        if free and each.longest <= free:
            continue
        each.place(root)
        with filler.open("wb", buffering=0) as file:
            block = bytes(4096)
            with suppress(OSError):
                while file.write(block) == len(block):
                    pass
            file.truncate(max(0, file.tell() - free))
        said = attempt(each.writer, each.folder)
        yield from (f"{free} bytes free: {text}" for text in each.wrong_after(said))
        filler.unlink()
    shutil.rmtree(each.folder)


def on_a_read_only_disk(each: Prepared, root: Path) -> Iterator[str]:
    """``root`` is a disk of its own that is made read-only."""
    each.place(root)
    subprocess.run(["mount", "-o", "remount,ro", str(root)], check=True)
    said = attempt(each.writer, each.folder)
    yield from judge(each.writer, each.folder, each.before, each.after, said)
    if said is None and not each.writer.is_quiet:
        yield "it did not fail"
    subprocess.run(["mount", "-o", "remount,rw", str(root)], check=True)
    shutil.rmtree(each.folder)


class _Remover:
    """Removes a folder when a temporary file in it is opened for so many times."""

    def __init__(self) -> None:
        self.folder: Path | None = None
        self.left = 0
        sys.addaudithook(self._on_event)

    def _on_event(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event != "open" or self.folder is None or not isinstance(arguments[0], str | bytes):
            return
        path = os.fsdecode(arguments[0])
        if ".spikestudio-" in path and path.startswith(str(self.folder)):
            self.left -= 1
            if self.left == 0:
                folder, self.folder = self.folder, None
                shutil.rmtree(folder)


_remover: list[_Remover] = []  # a hook stays for as long as its process


def without_a_folder(each: Prepared, root: Path) -> Iterator[str]:
    """The folder goes when a temporary file in it is opened to be filled, and when it is complete."""
    remover = _remover[0] if _remover else _Remover()
    _remover[:] = [remover]
    for moment in (1, 2):
        each.place(root)
        remover.folder, remover.left = each.folder, moment
        said = attempt(each.writer, each.folder)
        remover.folder = None
        if each.folder.exists() or each.writer.is_quiet:
            continue
        if said is None:
            yield f"{moment}: it failed without a word"
        elif said.startswith("!") or not said.endswith("."):
            yield f"{moment}: {said}"


def killed(each: Prepared, root: Path, times: int = 2) -> Iterator[str]:
    """A process that writes is killed at random moments; another one then writes and clears up."""
    for _ in range(times):
        each.place(root)
        child = os.fork()
        if child == 0:
            with suppress(BaseException):
                each.writer.write(each.folder, 2)
            os._exit(0)
        time.sleep(random.uniform(0, each.seconds))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        yield from _after_the_kill(each)


def _after_the_kill(each: Prepared) -> Iterator[str]:
    left = list(each.folder.rglob(TEMPORARY))
    files = [path for path in each.folder.rglob("*") if path.is_file()]
    now = {
        str(path.relative_to(each.folder)): path.read_bytes()
        for path in files
        if path.suffix != PART and not {*path.parents, path} & {*left}
    }
    before, after = each.before, each.after
    yield from (f"{name} is gone" for name in before.keys() & after.keys() - now.keys())
    if each.writer.read is not None:
        try:
            each.writer.read(each.folder)
        except (SpikeStudioError, AssertionError) as error:
            yield f"what is there cannot be read: {error!r}"
    elif not each.writer.appends:
        for name, data in now.items():
            if data not in (before.get(name), after.get(name)):
                yield f"{name} is neither the old nor the new one"
    said = attempt(each.writer, each.folder)
    if said is not None:
        yield f"what is left is in the way: {said}"
    for path in left:
        for part in (path, *path.rglob("*")) if path.exists() else ():
            os.utime(part, (0, 0))
    for folder in {path.parent for path in left}:
        remove_stale(folder)
    if list(each.folder.rglob(TEMPORARY)):
        yield "a stale temporary file stays"


FAULTS: dict[str, Callable[[Prepared, Path], Iterator[str]]] = {
    "limit": under_limits,
    "full": on_a_full_disk,
    "read-only": on_a_read_only_disk,
    "removed": without_a_folder,
    "killed": killed,
    "killed often": lambda each, root: killed(each, root, 25),
}


def main() -> None:
    """Run all writers under some faults."""
    root = Path(sys.argv[1])
    ready = prepared(root / "good")
    wrong: dict[str, Wrong] = {}
    for fault in sys.argv[2:]:
        place = root / "disk" if fault in ("full", "read-only") else root / fault
        found = {each.name: list(FAULTS[fault](each, place)) for each in ready}
        wrong[fault] = {name: texts for name, texts in found.items() if texts}
    sys.stdout.write(json.dumps(wrong) + "\n")


if __name__ == "__main__":
    main()
