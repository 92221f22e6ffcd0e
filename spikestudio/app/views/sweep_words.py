"""Sentences of the sweep dock."""

from __future__ import annotations

from statistics import fmean

from spikestudio.app.viewmodels.sweeps import SweepModel
from spikestudio.language import tr
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
    counts = tr("{done:,} of {total:,} cells done", done=done, total=total) + (
        tr(", {failed:,} of them failed", failed=failed) * bool(failed)
    )
    if sweep.state == "starting":
        return tr("Starting: {counts}", counts=counts)
    if sweep.state == "stopping":
        return tr("Stopping…: {counts}", counts=counts)
    if sweep.is_active and done == total:
        return tr("{counts}, sheet, table and page are being written", counts=counts)
    if sweep.state == "running":
        return ", ".join(filter(None, (counts, _now(sweep), _left(sweep))))
    if done < total:
        counts += tr(": resume to do the rest")
    return tr("{counts}. Files: {out}", counts=counts, out=sweep.out)


def _now(sweep: SweepModel) -> str:
    progress = sweep.progress
    if progress is None or sweep.plan is None or progress.cell >= len(sweep.plan.cells):
        return ""
    cell = sweep.plan.cells[progress.cell]
    return tr(
        "now {cell_label}, step {progress_step:,} of {num_steps:,}",
        cell_label=cell.label,
        progress_step=progress.step,
        num_steps=progress.num_steps,
    )


def _left(sweep: SweepModel) -> str:
    took = [each.outcome.seconds for each in sweep.results.values() if not each.outcome.error]
    return (
        tr("about {duration} left", duration=duration(fmean(took) * sweep.num_open))
        if len(took) > 1
        else ""
    )


def cell_facts(cell: Cell, sweep: SweepModel) -> str:
    """Return what was measured of a cell."""
    result = sweep.results.get(cell.index)
    if result is None:
        return tr("Not done yet.")
    outcome = result.outcome
    if outcome.error:
        return tr("Failed: {error}", error=outcome.error)
    parts = [
        _known(tr("mean firing rate"), outcome.mean_rate, "{:.4f}"),
        _known(tr("synaptic operations per image"), outcome.synaptic_operations, "{:,.0f}"),
        tr("{seconds:.1f} s on {device}", seconds=outcome.seconds, device=outcome.device),
    ]
    return ", ".join(parts)


def _known(name: str, value: float | None, form: str) -> str:
    return (
        f"{name} {form.format(value)}" if value is not None else tr("{name} not known", name=name)
    )


def contrast_text(found: Contrast | None) -> str:
    """Return whether the interval of an effect includes zero, in one sentence."""
    if found is None:
        return tr("The effect is told as soon as both cells that are compared are done.")
    change = found.change
    start = tr(
        "Difference of the mean rate between {found} and {reference}: {signed}",
        found=found.text,
        reference=found.reference,
        signed=signed(change.mean),
    )
    if found.text == found.reference:
        return tr("{found} is the value that the others are compared with.", found=found.text)
    if change.low is None or change.high is None:
        return tr(
            "{start} in a single pair of cells: no interval, add seeds to tell whether it is zero.",
            start=start,
        )
    interval = f"[{signed(change.low)}, {signed(change.high)}]"
    verdict = tr("includes zero: no effect shown") if found.includes_zero else tr("not zero")
    return tr(
        "{start} {interval} ({found_num:,} pairs of the same {one}): {verdict}.",
        start=start,
        interval=interval,
        found_num=found.num,
        one=_one(found.unit),
        verdict=verdict,
    )


def _one(unit: str) -> str:
    return {"seeds": tr("seed"), "classes": tr("class")}.get(unit, tr("noise"))


def signed(value: float) -> str:
    """Return a number with its sign and three significant digits."""
    text = f"{abs(value):.3g}" if abs(value) >= 1e-4 or not value else f"{abs(value):.2e}"
    sign = "" if not value else "+" if value > 0 else MINUS
    return f"{sign}{text}"
