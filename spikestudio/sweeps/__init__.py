"""Sweeps: one run for every combination of the values of any number of parameters.

    from spikestudio.sweeps import Models, SweepFolder, parse_axes, plan_sweep, run_sweep, write_outputs

    models = Models("cpu")
    axes = parse_axes(["threshold=0.997-1.003(+0.001)", "snn-steps=2,4,8"])
    plan = plan_sweep("sddpm-mnist", axes, {"num": 16, "seed": 0}, models)
    for event in run_sweep(plan, "folder", models=models): ...
    rows = write_outputs(SweepFolder("folder", plan))

Importing it is cheap: torch is imported when a checkpoint is first loaded.
"""

from spikestudio.sweeps.axes import Axis, parse_axes, parse_axis
from spikestudio.sweeps.cells import Cell, SweepPlan
from spikestudio.sweeps.events import (
    CellFailed,
    CellFinished,
    CellProgressed,
    CellSkipped,
    CellStarted,
    SweepCancelled,
    SweepEvent,
    SweepFinished,
    SweepStarted,
    WaitingForOthers,
)
from spikestudio.sweeps.folder import Outcome, SweepFolder
from spikestudio.sweeps.forecast import Estimate, estimate
from spikestudio.sweeps.outputs import write_outputs
from spikestudio.sweeps.plan import Models, plan_sweep
from spikestudio.sweeps.run import SweepControl, run_sweep
from spikestudio.sweeps.share import Share
from spikestudio.sweeps.sheet import arrange
from spikestudio.sweeps.table import Row, check_judge_fits

__all__ = [
    "Axis",
    "Cell",
    "CellFailed",
    "CellFinished",
    "CellProgressed",
    "CellSkipped",
    "CellStarted",
    "Estimate",
    "Models",
    "Outcome",
    "Row",
    "Share",
    "SweepCancelled",
    "SweepControl",
    "SweepEvent",
    "SweepFinished",
    "SweepFolder",
    "SweepPlan",
    "SweepStarted",
    "WaitingForOthers",
    "arrange",
    "check_judge_fits",
    "estimate",
    "parse_axes",
    "parse_axis",
    "plan_sweep",
    "run_sweep",
    "write_outputs",
]
