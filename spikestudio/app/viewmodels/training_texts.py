"""A training run in words."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

from spikestudio.app.plots.text import figure
from spikestudio.app.viewmodels.training_reading import RATES, Snapshot
from spikestudio.language import tr

if TYPE_CHECKING:
    from spikestudio.app.viewmodels.training import TrainingModel
    from spikestudio.app.viewmodels.training_form import Plan

SILENT = 60.0  # seconds without a word after which it is told: paused, or in a very long step
STATES = {
    "none": tr("No run"),
    "starting": tr("Starting"),
    "running": tr("Training"),
    "stopping": tr("Stopping after this step, then saving"),
    "finished": tr("Finished"),
    "stopped": tr("Stopped and saved"),
    "failed": tr("Failed"),
    "lost": tr("Not running"),
}


def duration(seconds: float) -> str:
    """Return a length of time as one takes it in at a glance."""
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    if seconds < 90 * 60:
        return tr("{seconds} min", seconds=round(seconds / 60))
    if seconds < 48 * 3600:
        return f"{figure(seconds / 3600)} h"
    return tr("{seconds} days", seconds=figure(seconds / 86400))


def run_name(folder: Path) -> str:
    """Return what a run is called in a list."""
    return folder.stem


def state_text(model: TrainingModel) -> str:
    """Return what the run does, and where it is."""
    snapshot = model.snapshot
    if model.folder is None or snapshot is None:
        return tr("Reading the folder…") if model.folder is not None else ""
    if model.state == "none":
        return tr("Nothing has been written to this folder yet.")
    status, parts = snapshot.status, [STATES[model.state]]
    if status is not None:
        if model.is_active and not status.is_here:
            parts[0] += tr(" on {host}", host=status.host)
        if status.total_steps and status.total_done:
            parts.append(
                tr(
                    "step {total_done:,} of {total_steps:,}",
                    total_done=status.total_done,
                    total_steps=status.total_steps,
                )
            )
        if model.is_active and status.stage and status.num_steps:
            parts.append(
                tr(
                    "{stage} {status_step:,} of {num_steps:,}",
                    stage=status.stage,
                    status_step=status.step,
                    num_steps=status.num_steps,
                )
            )
    return " · ".join(parts)


def figures_text(model: TrainingModel) -> str:
    """Return speed, time left and rates of the newest step."""
    snapshot = model.snapshot
    status = snapshot.status if snapshot is not None else None
    if status is None or not status.total_done:
        return ""
    if snapshot is not None and model.is_active and is_measuring(snapshot):
        return tr("Trained; what its file tells besides is being measured.")
    parts = []
    if model.is_active:
        left = status.seconds_left
        parts.append(
            tr("time left not known yet")
            if left is None
            else tr("about {duration} left", duration=duration(left))
        )
    if status.seconds_per_step:
        parts.append(
            tr("{seconds_per_step} s per step", seconds_per_step=figure(status.seconds_per_step))
        )
    if status.learning_rate:
        parts.append(
            tr("learning rate {learning_rate}", learning_rate=figure(status.learning_rate))
        )
    if status.snn_steps:
        parts.append(tr("{snn_steps} SNN steps", snn_steps=status.snn_steps))
    silence = time.time() - status.at
    if model.is_active and silence > max(SILENT, 5 * status.seconds_per_step):
        parts.append(tr("no word for {duration}", duration=duration(silence)))
    return " · ".join(parts)


def rates_text(snapshot: Snapshot) -> str:
    """Return the newest firing rates, or that there are none."""
    rate, low, high = (snapshot.curves.get(name) for name in RATES)
    if rate is None or low is None or high is None:
        return tr("Firing rates: not recorded by this run.")
    return tr(
        "Firing rate {last} · quietest layer {last_2} · busiest {last_3}",
        last=figure(rate.last),
        last_2=figure(low.last),
        last_3=figure(high.last),
    )


def outcome_text(model: TrainingModel) -> tuple[str, str]:
    """Return what became of the run, and the role of that text."""
    if model.failure:
        is_lost = model.state == "lost"
        return model.failure, "warn" if is_lost else "error"
    snapshot = model.snapshot
    if snapshot is not None and model.state == "lost":
        return tr("This run's folder does not say whether or how it was started."), "warn"
    if snapshot is not None and snapshot.num_unread:
        return tr(
            "{num_unread:,} lines of its log could not be read.", num_unread=snapshot.num_unread
        ), "warn"
    return "", "caption"


def said_text(snapshot: Snapshot) -> str:
    """Return the last lines of the command."""
    if snapshot.said:
        return "\n".join(snapshot.said)
    if snapshot.has_output:  # it was started from a window, which catches what it says
        return tr("It has said nothing yet.")
    return tr("Its messages went to a terminal.")


def is_measuring(snapshot: Snapshot) -> bool:
    """Whether the network is trained, and what its file tells besides is being measured."""
    status = snapshot.status
    if status is None or not status.stages:
        return False
    return bool(status.stage) and status.stage not in {name for name, _ in status.stages}


def no_samples_text(model: TrainingModel) -> str:
    """Return why a run has no samples to show."""
    if model.is_active:
        return tr(
            "Samples appear here each time the run saves, in its last stage: every five minutes "
            "unless it was asked otherwise."
        )
    return tr(
        "This run made no samples: they come every five minutes of its last stage, unless it was "
        "asked otherwise."
    )


def plan_text(plan: Plan) -> str:
    """Return what a checked form comes to."""
    stages = tr(", then ").join(
        tr(
            "{steps:,} steps of {name} with {batch} images each",
            steps=steps,
            name=name,
            batch=batch,
        )
        for name, steps, batch in plan.stages
    )
    images = (
        ""
        if plan.num_images is None
        else tr(" {num_images:,} images to learn from.", num_images=plan.num_images)
    )
    return f"{stages}.{images}"
