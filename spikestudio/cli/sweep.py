"""``spikestudio sweep``: sample every combination of the values of some parameters."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from spikestudio.cli.console import CANCELLED, fail, interruptible, print_json, progress, stdout
from spikestudio.cli.experiments import read_overrides

if TYPE_CHECKING:
    from spikestudio.metrics.judge import Judge
    from spikestudio.sweeps import Estimate, Models, Row, Share, SweepFolder


def sweep(
    file: Annotated[str, typer.Argument(help="Path or name of a checkpoint.")],
    axis: Annotated[
        list[str],
        typer.Option(
            help="NAME=VALUES, once for every axis: checkpoint, snn-steps, steps, sampler, guidance, "
            "class, tau, temperature, threshold or seed. Values: 2,4,8 or 1,2,..,8 or "
            "0.997-1.003(+0.001) or 1-10[5]. The first axis runs across the sheet, the second down."
        ),
    ],
    out: Annotated[Path, typer.Option(help="Folder; that of the same sweep resumes it.")],
    num: Annotated[int | None, typer.Option(help="Images in each cell.")] = None,
    seed: Annotated[int | None, typer.Option(help="Seed of all cells; 0 if left out.")] = None,
    steps: Annotated[int | None, typer.Option(help="Denoising steps.")] = None,
    sampler: Annotated[
        str | None, typer.Option(help="ddim, ddpm or ancestral; absorbing for token models.")
    ] = None,
    snn_steps: Annotated[int | None, typer.Option(help="SNN time steps.")] = None,
    threshold: Annotated[
        float | None, typer.Option(help="Firing threshold of every neuron.")
    ] = None,
    temperature: Annotated[
        float | None, typer.Option(help="Randomness of the tokens; token models only.")
    ] = None,
    class_label: Annotated[
        int | None,
        typer.Option("--class", help="Class of all images; drawn at random if left out."),
    ] = None,
    guidance: Annotated[
        float | None, typer.Option(help="Strength of the class; 1 is without guidance.")
    ] = None,
    clip_x0: Annotated[
        bool | None, typer.Option(help="Keep every predicted clean image in [-1, 1].")
    ] = None,
    eta: Annotated[
        float | None,
        typer.Option(min=0, max=1, help="Share of DDPM's noise that DDIM adds."),
    ] = None,
    rescale_readout: Annotated[
        bool | None,
        typer.Option(
            "--rescale-readout", help="Read potentials out as strongly as at the trained SNN steps."
        ),
    ] = None,
    overrides: Annotated[
        Path | None, typer.Option(help="Experiments on neurons: a JSON list, as for sample.")
    ] = None,
    device: Annotated[str, typer.Option(help="cpu, cuda, mps, or auto for the fastest.")] = "auto",
    judge: Annotated[
        str,
        typer.Option(
            help="What judges the images: none, auto for the classifier of their data set that comes "
            "along, if one does, its name, or a file."
        ),
    ] = "auto",
    yes: Annotated[bool, typer.Option("--yes", help="Begin also if it will take long.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Sample every combination of values; what is finished stays, and the same command resumes.

    Under torchrun the cells are shared between its processes.
    """
    from spikestudio.sampling.request import SamplingRequest
    from spikestudio.sweeps import Models, Share, SweepFolder, arrange, parse_axes, plan_sweep

    axes = parse_axes(axis)
    share = Share.of_environment()
    given: dict[str, Any] = {
        name: value
        for name, value in (
            *(("num", num), ("seed", seed), ("steps", steps), ("sampler", sampler)),
            *(("snn_steps", snn_steps), ("threshold", threshold), ("temperature", temperature)),
            *(("class_label", class_label), ("guidance", guidance)),
            *(("rescale_readout", rescale_readout), ("eta", eta)),
            *(("clip_x0", clip_x0), ("overrides", overrides and read_overrides(overrides))),
        )
        if value is not None
    }
    SamplingRequest(**given)

    from spikestudio.runtime import tune_allocator

    tune_allocator()
    models = Models(share.device(device))
    plan = plan_sweep(file, axes, given, models)
    arrange(plan)  # a sheet that is too large is said now, not after the work
    judging = _load_judge(judge, plan)
    files = SweepFolder(out, plan)
    files.prepare()
    expected = _announce(files, models, share, yes=yes, quiet=as_json) if share.is_first else None
    _work(files, models, share, judging, expected, as_json=as_json)


def _load_judge(name: str, plan: Any) -> Judge | None:  # noqa: ANN401  a SweepPlan
    from spikestudio.errors import DataError
    from spikestudio.metrics.judge import bundled_judge, load_judge
    from spikestudio.sweeps import check_judge_fits

    datasets = {cell.dataset for cell in plan.cells}
    if name == "none" or (name == "auto" and len(datasets) > 1):
        return None
    try:
        path = bundled_judge(datasets.pop() if name == "auto" else name)
    except DataError:
        if name == "auto":
            return None
        path = Path(name)
    judge = load_judge(path)
    check_judge_fits(judge, plan)
    return judge


def _announce(
    files: SweepFolder, models: Models, share: Share, *, yes: bool, quiet: bool
) -> Estimate:
    """Say how long it will take; raises ``ConfigError`` where that has to be agreed to first."""
    from spikestudio.errors import ConfigError
    from spikestudio.sweeps import estimate
    from spikestudio.sweeps.forecast import LONG, duration

    expected = estimate(files.plan, files.path, models, share.size)
    if expected.is_long and not yes and not quiet and _is_terminal():
        raise ConfigError(
            f"The sweep is long, {expected.text()}: add --yes to begin, or take fewer values."
        )
    if expected.is_long:
        fail(f"{expected.text()}; that is more than {duration(LONG)}.")
    elif not quiet:
        fail(f"{expected.text()}.")
    return expected


def _is_terminal() -> bool:
    return sys.stdin.isatty() and sys.stderr.isatty()


def _work(
    files: SweepFolder,
    models: Models,
    share: Share,
    judge: Judge | None,
    expected: Estimate | None,
    *,
    as_json: bool,
) -> None:
    from spikestudio.sweeps import SweepCancelled, SweepControl, SweepFinished, write_outputs

    started = time.monotonic()
    control = SweepControl()
    last: object = None
    with progress() as bar, interruptible(control):
        for event in _shown(files, models, share, control, bar):
            last = event
    assert isinstance(last, SweepFinished | SweepCancelled)
    rows = write_outputs(files, judge) if share.is_first else []
    num_cells = len(files.plan.cells)
    if isinstance(last, SweepCancelled):
        done = f"{last.num_done + last.num_failed:,} of {num_cells:,} cells"
        fail(f"Cancelled after {done}; they are in {files.path}: repeat the command to go on.")
        raise typer.Exit(CANCELLED)
    if not share.is_first:
        return
    if as_json:
        print_json(_summary(files, rows, expected, time.monotonic() - started))
    else:
        seconds = time.monotonic() - started
        done = f"{last.num_done:,} cell{'s' * (last.num_done != 1)}"
        stdout().print(f"Wrote {done} to {files.path} ({seconds:.1f} s).", soft_wrap=True)
    if last.num_failed:
        error = next(row.outcome.error for row in rows if row.outcome and row.outcome.error)
        fail(f"{last.num_failed:,} of {num_cells:,} cells failed: {error}")
        raise typer.Exit(1)


def _shown(
    files: SweepFolder,
    models: Models,
    share: Share,
    control: Any,  # noqa: ANN401  a SweepControl
    bar: Any,  # noqa: ANN401  rich's Progress
) -> Any:  # noqa: ANN401  an iterator of events
    """Events of the sweep, with a bar of denoising steps."""
    from spikestudio.sweeps import (
        CellProgressed,
        CellStarted,
        SweepStarted,
        WaitingForOthers,
        run_sweep,
    )

    task = bar.add_task("Sampling", total=None)
    for event in run_sweep(files.plan, files.path, models=models, control=control, share=share):
        match event:
            case SweepStarted(cells=cells):
                bar.update(task, total=sum(cell.num_steps for cell in cells))
            case CellStarted(cell=cell):
                bar.update(task, description=f"Cell {cell.index + 1}: {cell.label}")
            case CellProgressed():
                bar.advance(task)
            case WaitingForOthers(num=num):
                bar.update(task, description=f"Waiting for {num} cells of other processes")
        yield event


def _summary(
    files: SweepFolder, rows: list[Row], expected: Estimate | None, seconds: float
) -> dict[str, Any]:
    from spikestudio.sweeps.folder import MANIFEST, PAGE, SHEET, TABLE

    states = [row.state for row in rows]
    return {
        "out": str(files.path),
        "cells": len(rows),
        **{state: states.count(state) for state in ("done", "failed", "open")},
        "resumed": expected and expected.num_cells - expected.num_open,
        "estimated_seconds": expected and expected.seconds,
        "seconds": round(seconds, 3),
        "files": {
            name: str(files.path / file)
            for name, file in (
                *(("manifest", MANIFEST), ("sheet", SHEET), ("table", TABLE), ("page", PAGE)),
            )
        },
        "rows": [row.to_json() for row in rows],
    }
