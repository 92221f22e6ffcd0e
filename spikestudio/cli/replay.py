"""``spikestudio replay``: does a run again from its provenance, and compares the pixels."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from spikestudio.cli.console import (
    CANCELLED,
    fail,
    interruptible,
    print_json,
    progress,
    stdout,
)

if TYPE_CHECKING:
    from spikestudio.export.replay import Outcome


def replay(
    file: Annotated[
        Path,
        typer.Argument(
            help="A PNG or another export, its sidecar .json, or a recording: whatever says how it "
            "was made."
        ),
    ],
    checkpoint: Annotated[
        Path | None, typer.Option(help="The model's file, where it is not at hand.")
    ] = None,
    device: Annotated[
        str | None,
        typer.Option(help="cpu, cuda, mps or auto; that of the run if it is here and left out."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Repeat a run, with all that was done to it, and say whether the pixels are the same.

    Exit status 0: identical pixels. 1: something differs, or there is nothing to compare with.
    """
    from spikestudio.export.replay import Replay
    from spikestudio.runtime import tune_allocator
    from spikestudio.sampling.events import StepFinished

    tune_allocator()
    task = Replay(file, checkpoint, device)
    steps = task.origin.steps_done - task.origin.first_step
    with progress() as bar, interruptible(task.run.control):
        bar_task = bar.add_task("Repeating", total=max(steps, 1))
        outcome = task.compare(
            lambda event: bar.advance(bar_task) if isinstance(event, StepFinished) else None
        )
    if outcome is None:
        fail("Cancelled; nothing was compared.")
        raise typer.Exit(CANCELLED)
    if as_json:
        print_json({"file": str(file), **outcome.to_json()})
    else:
        _tell(file, outcome)
    if not outcome.is_identical:
        raise typer.Exit(1)


def _tell(file: Path, outcome: Outcome) -> None:
    console = stdout()
    where = f"{Path(outcome.checkpoint).name} on {outcome.device}, {outcome.seconds:.1f} s"

    def say(text: str) -> None:
        console.print(text, soft_wrap=True, markup=False)

    if outcome.is_identical:
        say(f"identical pixels: compared with {outcome.compared} ({where})")
    elif outcome.differences:
        say(f"different: {file.name} was not repeated ({where})")
        for each in outcome.differences:
            say(f"  {each.text}")
        if not outcome.compared:
            say("  The pixels were not compared: the file holds neither them nor their SHA-256.")
    else:
        say(
            f"not compared: {file.name} holds neither the images of its run nor their SHA-256, so "
            f"that what was repeated cannot be compared with anything ({where})"
        )
    if outcome.machine:
        say("This machine differs, which can change pixels, as spikes amplify rounding:")
        for each in outcome.machine:
            say(f"  {each.text}")
