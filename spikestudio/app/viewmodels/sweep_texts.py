"""What a sweep is asked for, as it is typed: axes, folder, and what they come to."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import platformdirs

from spikestudio.errors import ConfigError
from spikestudio.language import tr, tr_n
from spikestudio.sweeps.axes import EXECUTION_ORDER, Axis, parse_axis

if TYPE_CHECKING:
    from spikestudio.app.viewmodels.sampler import SamplerModel
    from spikestudio.sweeps.forecast import Estimate

MAX_AXES = len(EXECUTION_ORDER)
THRESHOLDS = "0.997-1.003(+0.001)"
NUM_SEEDS = 5
_SHOWN = 4  # values of an axis that are written out
_EXAMPLES = {
    "checkpoint": tr("sddpm-mnist, sdit-mnist"),
    "snn-steps": "2, 4, 8",
    "steps": "10, 20, 50",
    "sampler": tr("ddim, ancestral"),
    "guidance": "1, 2, 4",
    "class": "0-9",
    "tau": "1.5, 2, 4",
    "temperature": "0.5-1(+0.25)",
    "threshold": THRESHOLDS,
    "seed": "0-4",
}


@dataclass(frozen=True, slots=True)
class AxisText:
    """One axis as it is typed."""

    name: str
    text: str

    def parse(self) -> Axis:
        """Return the axis; raises ``ConfigError``."""
        return parse_axis(f"{self.name}={self.text}")


def example(name: str) -> str:
    """Return values to begin with."""
    return _EXAMPLES[name]


def expansion(row: AxisText) -> tuple[str, bool]:
    """Return the values that a text stands for, and whether it is right; else what is wrong."""
    try:
        axis = row.parse()
    except ConfigError as error:
        return str(error), False
    texts = [value.text for value in axis.values]
    shown = texts
    if len(texts) > _SHOWN + 1:
        shown = [", ".join(texts[:_SHOWN]) + f" … {texts[-1]}"]
    return tr_n(
        "{num_texts:,} value: {shown}",
        "{num_texts:,} values: {shown}",
        len(texts),
        num_texts=len(texts),
        shown=", ".join(shown),
    ), True


def axis_names(sampler: SamplerModel) -> tuple[str, ...]:
    """Return the axes that the loaded model has a use for, the usual ones first."""
    model = sampler.model
    without = set()
    if not sampler.has_temperature:
        without.add("temperature")
    if sampler.has_temperature:
        without.add("sampler")
    if not sampler.classes:
        without |= {"class", "guidance"}
    if model is not None:
        if model.tsm_locked:
            without.add("snn-steps")
        if not any(layer.tau for layer in model.layers):
            without.add("tau")
    return tuple(name for name in reversed(EXECUTION_ORDER) if name not in without)


def free_folder(parent: Path, model: str, rows: tuple[AxisText, ...], now: datetime) -> Path:
    """Return a folder that does not exist, named after model, axes and day."""
    parts = (model or "sweep", *(row.name for row in rows), f"{now:%Y-%m-%d}")
    name = re.sub(r"[^\w.-]+", "-", "_".join(parts))[:100]
    path, number = parent / name, 1
    while path.exists():
        number += 1
        path = parent / f"{name}-{number}"
    return path


def sweeps_folder() -> Path:
    """Return the folder that sweeps are put in unless another one is chosen; it may not exist."""
    return platformdirs.user_pictures_path() / "SpikeStudio" / "sweeps"


def facts(expected: Estimate) -> tuple[str, str]:
    """Return what there is to do in one line, and a warning or nothing."""
    from spikestudio.sweeps.forecast import LONG, duration

    if expected.seconds is None and expected.num_open:
        text = tr(
            "{num_cells:,} cells; how long they take is measured when no run is in progress; "
            "up to about {num_bytes:,.1f} MB of files.",
            num_cells=expected.num_cells,
            num_bytes=expected.num_bytes / 1000000.0,
        )
        return text, ""
    warning = ""
    if expected.is_long:
        warning = tr(
            "This takes more than {duration}; finished cells stay if you cancel.",
            duration=duration(LONG),
        )
    return f"{expected.text()}.", warning
