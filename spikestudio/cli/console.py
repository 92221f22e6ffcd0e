"""What commands say: results on stdout, everything else on stderr."""

from __future__ import annotations

import json
import signal
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress

CANCELLED = 130  # exit status of a command that Ctrl+C ended


@cache
def stdout() -> Console:
    """Console for results."""
    from rich.console import Console

    return Console(highlight=False)


def fail(message: str) -> None:
    """Say one sentence on stderr, unwrapped and without markup."""
    sys.stderr.write(f"{message}\n")


def print_json(values: Mapping[str, Any]) -> None:
    """Print one JSON object on stdout."""
    sys.stdout.write(json.dumps(values, indent=2, allow_nan=False) + "\n")


def progress() -> Progress:
    """Progress bar with the time left, on stderr; silent where that is no terminal."""
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    console = Console(stderr=True)
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(elapsed_when_finished=True),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )


class Cancellable(Protocol):
    """Work that can be asked to stop."""

    def cancel(self) -> None: ...


@contextmanager
def interruptible(work: Cancellable) -> Iterator[None]:
    """Let the first Ctrl+C cancel the work in an orderly way; the second one ends the program."""

    def cancel(_signal: int, _frame: object) -> None:
        work.cancel()
        signal.signal(signal.SIGINT, before)

    before = signal.signal(signal.SIGINT, cancel)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
