"""Sentences of the sweep dock."""

from __future__ import annotations

from statistics import fmean

from spikestudio.app.viewmodels.sweeps import SweepModel
from spikestudio.sweeps.cells import Cell
from spikestudio.sweeps.effects import Contrast
from spikestudio.sweeps.forecast import duration

MINUS = "\N{MINUS SIGN}"


def status_text(sweep: SweepModel) -> str:
    """Return what the sweep does, or came to."""
    plan = sweep.plan
    if plan is None:
        return ""
    total, done = len(plan.cells), len(sweep.results)
    failed = sum(bool(each.outcome.error) for each in sweep.results.values())
    counts = f"{done:,} of {total:,} cells done" + (f", {failed:,} of them failed" * bool(failed))
    if sweep.state == "starting":
        return f"Starting: {counts}"
    if sweep.state == "stopping":
        return f"Stopping…: {counts}"
    if sweep.is_active and done == total:
        return f"{counts}, sheet, table and page are being written"
    if sweep.state == "running":
        return ", ".join(filter(None, (counts, _now(sweep), _left(sweep))))
    if done < total:
        counts += ": resume to do the rest"
    return f"{counts}. Files: {sweep.out}"


def _now(sweep: SweepModel) -> str:
    progress = sweep.progress
    if progress is None or sweep.plan is None or progress.cell >= len(sweep.plan.cells):
        return ""
    cell = sweep.plan.cells[progress.cell]
    return f"now {cell.label}, step {progress.step:,} of {progress.num_steps:,}"


def _left(sweep: SweepModel) -> str:
    took = [each.outcome.seconds for each in sweep.results.values() if not each.outcome.error]
    return f"about {duration(fmean(took) * sweep.num_open)} left" if len(took) > 1 else ""


def cell_facts(cell: Cell, sweep: SweepModel) -> str:
    """Return what was measured of a cell."""
    result = sweep.results.get(cell.index)
    if result is None:
        return "Not done yet."
    outcome = result.outcome
    if outcome.error:
        return f"Failed: {outcome.error}"
    parts = [
        _known("mean firing rate", outcome.mean_rate, "{:.4f}"),
        _known("synaptic operations per image", outcome.synaptic_operations, "{:,.0f}"),
        f"{outcome.seconds:.1f} s on {outcome.device}",
    ]
    return ", ".join(parts)


def _known(name: str, value: float | None, form: str) -> str:
    return f"{name} {form.format(value)}" if value is not None else f"{name} not known"


def contrast_text(found: Contrast | None) -> str:
    """Return whether the interval of an effect includes zero, in one sentence."""
    if found is None:
        return "The effect is told as soon as both cells that are compared are done."
    change = found.change
    start = (
        f"Difference of the mean rate between {found.text} and {found.reference}: "
        f"{signed(change.mean)}"
    )
    if found.text == found.reference:
        return f"{found.text} is the value that the others are compared with."
    if change.low is None or change.high is None:
        return (
            f"{start} in a single pair of cells: no interval, add seeds to tell whether it is zero."
        )
    interval = f"[{signed(change.low)}, {signed(change.high)}]"
    verdict = "includes zero: no effect shown" if found.includes_zero else "not zero"
    return f"{start} {interval} ({found.num:,} pairs of the same {_one(found.unit)}): {verdict}."


def _one(unit: str) -> str:
    return {"seeds": "seed", "classes": "class"}.get(unit, "noise")


def signed(value: float) -> str:
    """Return a number with its sign and three significant digits."""
    text = f"{abs(value):.3g}" if abs(value) >= 1e-4 or not value else f"{abs(value):.2e}"
    sign = "" if not value else "+" if value > 0 else MINUS
    return f"{sign}{text}"
