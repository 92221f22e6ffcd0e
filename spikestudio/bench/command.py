"""The command with which a process of its own does a bench. Imports no torch."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from spikestudio.bench.question import Question

_NAMES = {
    "seed": "--seed",
    "num": "--num",
    "steps": "--steps",
    "snn_steps": "--snn-steps",
    "threshold": "--threshold",
    "class_label": "--class",
}


def command(files: Sequence[Path], question: Question, *, device: str = "auto") -> list[str]:
    """Return program and arguments; it prints ``lines``."""
    program = [sys.executable]
    if not getattr(sys, "frozen", False):  # a frozen executable is the command itself
        program += ["-m", "spikestudio"]
    options = [
        text for name, value in question.given().items() for text in (_NAMES[name], str(value))
    ]
    return [*program, "bench", "--json-lines", "--device", device, *options, "--", *map(str, files)]
