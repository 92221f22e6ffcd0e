"""A training run in words."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from spikestudio.app.plots.text import figure
from spikestudio.app.viewmodels.training_reading import RATES, Snapshot

if TYPE_CHECKING:
    from spikestudio.app.viewmodels.training import TrainingModel
    from spikestudio.app.viewmodels.training_form import Plan

STATES = {
    "none": "No run",
    "starting": "Starting",
    "running": "Training",
    "stopping": "Stopping after this step, then saving",
    "finished": "Finished",
    "stopped": "Stopped and saved",
    "failed": "Failed",
    "lost": "Not running",
}


def duration(seconds: float) -> str:
    """Return a length of time as one takes it in at a glance."""
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    if seconds < 90 * 60:
        return f"{round(seconds / 60)} min"
    if seconds < 48 * 3600:
        return f"{figure(seconds / 3600)} h"
    return f"{figure(seconds / 86_400)} days"


def run_name(folder: Path) -> str:
    """Return what a run is called in a list."""
    return folder.stem


def state_text(model: TrainingModel) -> str:
    """Return what the run does, and where it is."""
    snapshot = model.snapshot
    if model.folder is None or snapshot is None:
        return "Reading the folder…" if model.folder is not None else ""
    if model.state == "none":
        return "Nothing has been written to this folder yet."
    status, parts = snapshot.status, [STATES[model.state]]
    if status is not None:
        if model.is_active and not status.is_here:
            parts[0] += f" on {status.host}"
        if status.total_steps and status.total_done:
            parts.append(f"step {status.total_done:,} of {status.total_steps:,}")
        if model.is_active and status.stage and status.num_steps:
            parts.append(f"{status.stage} {status.step:,} of {status.num_steps:,}")
    return " · ".join(parts)


def figures_text(model: TrainingModel) -> str:
    """Return speed, time left and rates of the newest step."""
    snapshot = model.snapshot
    status = snapshot.status if snapshot is not None else None
    if status is None or not status.total_done:
        return ""
    parts = []
    if model.is_active:
        left = status.seconds_left
        parts.append("time left not known yet" if left is None else f"about {duration(left)} left")
    if status.seconds_per_step:
        parts.append(f"{figure(status.seconds_per_step)} s per step")
    if status.learning_rate:
        parts.append(f"learning rate {figure(status.learning_rate)}")
    if status.snn_steps:
        parts.append(f"{status.snn_steps} SNN steps")
    return " · ".join(parts)


def rates_text(snapshot: Snapshot) -> str:
    """Return the newest firing rates, or that there are none."""
    rate, low, high = (snapshot.curves.get(name) for name in RATES)
    if rate is None or low is None or high is None:
        return "Firing rates: not recorded by this run."
    return (
        f"Firing rate {figure(rate.last)} · quietest layer {figure(low.last)} · "
        f"busiest {figure(high.last)}"
    )


def outcome_text(model: TrainingModel) -> tuple[str, str]:
    """Return what became of the run, and the role of that text."""
    if model.failure:
        is_lost = model.state == "lost"
        return model.failure, "warn" if is_lost else "error"
    snapshot = model.snapshot
    if snapshot is not None and model.state == "lost":
        return "This run's folder does not say whether or how it was started.", "warn"
    if snapshot is not None and snapshot.num_unread:
        return f"{snapshot.num_unread:,} lines of its log could not be read.", "warn"
    return "", "caption"


def said_text(snapshot: Snapshot) -> str:
    """Return the last lines of the command."""
    return "\n".join(snapshot.said) if snapshot.said else "Its messages went to a terminal."


def plan_text(plan: Plan) -> str:
    """Return what a checked form comes to."""
    stages = ", then ".join(
        f"{steps:,} steps of {name} with {batch} images each" for name, steps, batch in plan.stages
    )
    images = "" if plan.num_images is None else f" {plan.num_images:,} images to learn from."
    return f"{stages}.{images}"
