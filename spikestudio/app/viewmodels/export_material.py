"""Takes together what can be exported of the run that is shown, the model and the sweep."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import TYPE_CHECKING, Any

import numpy as np

from spikestudio.export.kinds import Material, ShownRaster, SweepResult
from spikestudio.export.provenance import provenance
from spikestudio.export.snapshot import Snapshot, provenance_so_far
from spikestudio.language import invariant, tr
from spikestudio.sweeps.effects import curve_axis
from spikestudio.sweeps.words import axis_title, title

if TYPE_CHECKING:
    from spikestudio.app.context import Context
    from spikestudio.app.viewmodels.run import RunModel
    from spikestudio.app.viewmodels.sweeps import SweepModel

MEASURES = {
    "mean_rate": ("mean firing rate", 1.0),
    "synaptic_operations": ("operations (million)", 1e-6),
    "difference": ("difference", 1.0),
    "confidence": ("confidence", 1.0),
}


def gather(context: Context, shown: ShownRaster | None = None) -> Material:
    """Take a snapshot of everything; ``shown`` is what the raster dock shows, if it is open."""
    run, recorder = context.run, context.run.recorder
    info = context.codebook.info
    sweep = sweep_result(context.sweeps)
    if recorder is None or run.run is None:
        return Material(codebook=info, sweep=sweep)
    selection, request = run.selection, run.run.request
    snapshot = Snapshot(
        recorder,
        _origin(context),
        selected=selection.layer or None,
        neurons=selection.neurons,
    )
    images, step = _images(run)
    usage = context.codebook.usage(None) if context.codebook.of_run is info else None
    checkpoint = recorder.origin.get("checkpoint", {})
    model = context.checkpoint.model
    is_same = model is not None and model.card.tensors_sha256 == checkpoint.get("tensors_sha256")
    name = run.result.checkpoint if run.result else str(checkpoint.get("name", "spikestudio"))
    return Material(
        name=f"{name}_{request.seed}_{request.threshold:.3f}_{date.today():%Y-%m-%d}",
        title=_title(context, snapshot),
        run=snapshot,
        images=images,
        images_step=step,
        image=selection.image,
        thresholds=_thresholds(run, snapshot.steps_done),
        neurons=selection.neurons,
        has_tokens=request.sampler == "absorbing",
        classes=tuple(model.card.classes or ()) if model is not None and is_same else (),
        shown=shown,
        codebook=info,
        uses=usage.counts if usage is not None and info is not None else None,
        sweep=sweep,
    )


@invariant()
def sweep_result(sweeps: SweepModel) -> SweepResult | None:
    """The curves of the sweep that is shown; None while there are none."""
    plan, analysis = sweeps.plan, sweeps.analysis
    number = curve_axis(plan) if plan is not None else None
    if plan is None or number is None or analysis is None or not analysis.num_cells:
        return None
    curves = []
    for curve in analysis.curves:
        name, scale = MEASURES[curve.name]
        rows = []
        for point in curve.points:
            found = point.estimate
            values = (None,) * 3 if found is None else (found.mean, found.low, found.high)
            rows.append([point.value, *(np.nan if v is None else v * scale for v in values)])
        if any(each.num for each in curve.points):
            curves.append((name, np.array(rows, np.float64)))
    if not curves:
        return None
    cell = plan.cells[0]
    return SweepResult(
        tuple(curves),
        axis_title(plan.axes[number].name),
        title(plan),
        (
            tr(
                "{num_cells:,} of {num_cells_2:,} cells; bars: 95 % bootstrap intervals",
                num_cells=analysis.num_cells,
                num_cells_2=len(plan.cells),
            ),
            tr(
                "{checkpoint}, {request_num:,} images each",
                checkpoint=cell.checkpoint,
                request_num=cell.request.num,
            ),
        ),
        {
            "schema_version": 1,
            "kind": "sweep",
            "axes": {axis.name: [value.text for value in axis.values] for axis in plan.axes},
            "request": cell.request.to_json(),
            "checkpoint": {"name": cell.checkpoint, "tensors_sha256": cell.tensors_sha256},
        },
    )


def _origin(context: Context) -> Any:  # noqa: ANN401  a function of the snapshot
    """How to say where the run comes from: asked for beside the window's thread."""
    run, model = context.run, context.checkpoint.model
    shown, result = run.run, run.result
    assert shown is not None
    if run.recording is not None:
        return None  # its file says so
    timesteps, device = shown.timesteps, shown.device
    architecture = model.card.architecture if model is not None else ""
    classes = model.card.config.get("num_classes") if model is not None else None

    def origin(snapshot: Snapshot) -> Mapping[str, Any]:
        if result is not None:
            return provenance(result)
        return provenance_so_far(
            snapshot,
            timesteps=timesteps,
            device=device,
            architecture=architecture,
            num_classes=classes,
        )

    return origin


def _images(run: RunModel) -> tuple[Any, int]:
    """The images on the screen, and after how many steps they are so."""
    if run.result is not None and run.result.images is not None:
        return run.result.images, run.result.steps_done
    preview = run.preview
    if preview is None:
        return None, 0
    images = preview.x0_hat if preview.decoded is None else preview.decoded
    return images, preview.step + 1


def _thresholds(run: RunModel, steps: int) -> tuple[float, ...]:
    if run.result is not None:
        return run.result.thresholds
    assert run.run is not None
    values = [run.run.request.threshold] * steps
    for change in run.changes:
        values[change.step :] = [change.threshold] * (steps - change.step)
    return tuple(values)


@invariant()
def _title(context: Context, snapshot: Snapshot) -> str:
    run, entry = context.run, context.history.shown
    steps = tr(
        "{steps_done:,} of {num_steps:,} steps",
        steps_done=snapshot.steps_done,
        num_steps=snapshot.num_steps,
    )
    if run.recording is not None:
        return tr("Recording {recording}, {steps}", recording=run.recording.name, steps=steps)
    name = f"{entry.name.capitalize()}" if entry is not None else tr("The run in progress")
    return f"{name}, {steps}"
