"""Start of the application: from its command to the first whole picture of the window.

    python -m pytest -s tests/benchmarks/test_start.py

A process of its own, with fresh settings and compiled modules, as a user's second start. It needs a
display for figures that count; without one Qt draws off screen.
"""

from __future__ import annotations

import os
import re
import statistics
import subprocess
import sys
import time
from pathlib import Path

from rich.console import Console

STARTS = 7
PATIENCE = 60.0  # seconds
FOLDERS = ("CONFIG", "DATA", "STATE", "CACHE")


def first_picture(home: Path) -> float:
    """Seconds from starting the process to the window's note that it has painted."""
    env = os.environ | {f"XDG_{each}_HOME": str(home) for each in FOLDERS}
    env |= {"HOME": str(home), "TMPDIR": str(home)}
    env.pop("PYTHONDONTWRITEBYTECODE", None)
    started = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", "spikestudio", "app"],
        env=env,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        while time.perf_counter() - started < PATIENCE:
            for log in home.rglob("*.log"):
                if re.search(r"first picture after [\d.]+ s\n", log.read_text("utf-8")):
                    return time.perf_counter() - started
            assert process.poll() is None, "the application ended"
            time.sleep(0.005)
        raise AssertionError("no picture")
    finally:
        process.kill()
        process.wait()


def test_first_picture(tmp_path, capsys):
    times = []
    for k in range(STARTS + 1):  # the first one may have to compile and to read from the disk
        home = tmp_path / str(k)
        home.mkdir()
        times.append(first_picture(home))
    later = times[1:]
    with capsys.disabled():
        Console().print(
            f"\nfirst picture: {times[0]:.2f} s, then median {statistics.median(later):.2f} s, "
            f"{min(later):.2f} to {max(later):.2f} s of {STARTS}; budget 1.5 s"
        )
