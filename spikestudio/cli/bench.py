"""``spikestudio bench``: one question to several models, and what the answers took."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from spikestudio.cli.console import CANCELLED, fail, interruptible, print_json, progress, stdout

if TYPE_CHECKING:
    from rich.table import Table

    from spikestudio.bench import Answer, BenchEvent, Question
    from spikestudio.sweeps.run import SweepControl

_NAME, _COLUMN = 18, 19  # characters of the first column, and of each further one
SUFFIXES = (".png", ".csv")


def bench(
    files: Annotated[
        list[str] | None,
        typer.Argument(metavar="[FILE]...", help="Checkpoints; all bundled ones if left out."),
    ] = None,
    num: Annotated[int, typer.Option(help="Images of every model.")] = 4,
    seed: Annotated[int, typer.Option(help="Seed of every model.")] = 0,
    steps: Annotated[
        int | None, typer.Option(help="Denoising steps; each model's own if left out.")
    ] = None,
    snn_steps: Annotated[
        int | None, typer.Option(help="SNN time steps; each model's own if left out.")
    ] = None,
    threshold: Annotated[
        float | None, typer.Option(help="Firing threshold; each model's own if left out.")
    ] = None,
    class_label: Annotated[
        int | None,
        typer.Option("--class", help="Class of all images, of models that have classes."),
    ] = None,
    device: Annotated[str, typer.Option(help="cpu, cuda, mps, or auto for the fastest.")] = "auto",
    out: Annotated[
        Path | None, typer.Option(help="NAME.png: a sheet of the images. NAME.csv: all figures.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    as_lines: Annotated[
        bool,
        typer.Option(
            "--json-lines", help="Print a JSON object a line as it goes, with the images."
        ),
    ] = False,
) -> None:
    """Ask several models for the same number of images of the same seed, and compare the cost."""
    from spikestudio.atomic import check_writable
    from spikestudio.bench import BenchCancelled, ModelFinished, Question, bundled, run_bench
    from spikestudio.checkpoints.catalog import resolve
    from spikestudio.checkpoints.devices import pick_device
    from spikestudio.errors import ExportError
    from spikestudio.sweeps.run import SweepControl

    if out is not None and out.suffix.lower() not in SUFFIXES:
        raise ExportError(f"Cannot write {out}: give a name that ends in .png or .csv.", path=out)
    if out is not None:
        check_writable(out)
    question = Question(
        seed=seed,
        num=num,
        steps=steps,
        snn_steps=snn_steps,
        threshold=threshold,
        class_label=class_label,
    )
    paths = [resolve(each) for each in files] if files else list(bundled())

    from spikestudio.runtime import tune_allocator

    tune_allocator()
    control = SweepControl()
    events = run_bench(paths, question, device=pick_device(device), control=control)
    answers: list[Answer] = []
    last: object = None
    for event in _shown(events, control, as_lines=as_lines):
        last = event
        if isinstance(event, ModelFinished):
            answers.append(event.answer)
    if out is not None and answers:
        _write(out, question, answers)
    if as_json:
        print_json(_summary(question, answers))
    elif not as_lines:
        _print(question, answers)
    if isinstance(last, BenchCancelled):
        fail(f"Cancelled after {len(answers)} of {len(dict.fromkeys(paths))} models.")
        raise typer.Exit(CANCELLED)
    failed = [answer for answer in answers if answer.error]
    if failed:
        fail(f"{len(failed)} of {len(answers)} models failed: {failed[0].error}")
        raise typer.Exit(1)


def _shown(
    events: Iterator[BenchEvent], control: SweepControl, *, as_lines: bool
) -> Iterator[BenchEvent]:
    """Pass the events on, with a bar of the denoising steps."""
    from spikestudio.bench import ModelProgressed, ModelStarted
    from spikestudio.bench.lines import line

    with progress() as bar, interruptible(control):
        task = bar.add_task("Loading", total=None)
        for event in events:
            if as_lines:
                sys.stdout.write(json.dumps(line(event), allow_nan=False) + "\n")
                sys.stdout.flush()
            if isinstance(event, ModelStarted):
                bar.reset(task, total=event.num_steps, description=f"Model {event.index + 1}")
            elif isinstance(event, ModelProgressed):
                bar.advance(task)
            yield event


def _write(out: Path, question: Question, answers: Sequence[Answer]) -> None:
    from spikestudio.bench import save_csv
    from spikestudio.bench.sheet import save_sheet

    if out.suffix.lower() == ".csv":
        save_csv(out, answers)
    else:
        save_sheet(out, question, answers)


def _summary(question: Question, answers: Sequence[Answer]) -> dict[str, Any]:
    from spikestudio.bench.answer import ENERGY, MEASURED
    from spikestudio.bench.table import caveats, remarks

    return {
        "schema_version": 1,
        "question": question.to_json(),
        "measured": MEASURED,
        "energy": ENERGY,
        "caveats": caveats(answers),
        "answers": [answer.to_json() | {"remarks": remarks(answer)} for answer in answers],
    }


def _print(question: Question, answers: Sequence[Answer]) -> None:
    """Print the figures below each other, with as many models beside each other as there is room."""
    from rich.text import Text

    from spikestudio.bench.answer import ENERGY, MEASURED
    from spikestudio.bench.sheet import words
    from spikestudio.bench.table import caveats, remarks

    console = stdout()
    console.print(words(question).capitalize() + ".\n", markup=False)
    per_table = max(1, (console.width - _NAME) // _COLUMN)
    for first in range(0, len(answers), per_table):
        console.print(_table(answers[first : first + per_table]))
        console.print()
    for answer in answers:
        for remark in remarks(answer):
            console.print(Text(f"{answer.checkpoint} {remark}"))
    for sentence in caveats(answers):
        console.print(Text(sentence, "yellow"))
    console.print(Text(f"Time: {MEASURED}.", "dim"))
    console.print(Text(f"Energy: {ENERGY}; memory and neurons are left out.", "dim"))


def _table(answers: Sequence[Answer]) -> Table:
    from rich.table import Table
    from rich.text import Text

    from spikestudio.bench.table import COLUMNS

    table = Table(box=None, pad_edge=False)
    table.add_column("")
    for answer in answers:
        table.add_column(Text(answer.checkpoint), justify="right", overflow="fold")
    table.add_row("architecture", *(Text(answer.architecture) for answer in answers))
    table.add_row("data", *(Text(answer.dataset) for answer in answers))
    for column in COLUMNS:
        table.add_row(column.title, *(column.text(answer) for answer in answers))
    return table
