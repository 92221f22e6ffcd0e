"""Sentences of the compare dock."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from spikestudio.app.plots.compare_bars import MINUS
from spikestudio.app.plots.compare_canvas import CompareCanvas
from spikestudio.app.plots.text import figure
from spikestudio.app.viewmodels.comparison import ComparisonModel, Pair
from spikestudio.app.viewmodels.history import Entry
from spikestudio.language import tr
from spikestudio.metrics.comparison import NEVER, START, Divergence

OTHER_SIZE = tr("Images of A and B have different sizes: only side by side.")


def side_title(side: str, entry: Entry, missing: str) -> str:
    """Return the heading of a side, with why it has no pictures."""
    text = f"{side}: {entry.name}"
    return f"{text}, {missing}" if missing else text


def steps_text(comparison: ComparisonModel, pair: Pair | None) -> str:
    """Return which steps are compared: ``step 31 of 50, t = 379`` or those of both sides."""
    a, b = comparison.a, comparison.b
    if a is None:
        return ""
    if pair is None:
        words = tr("final images")
        stopped = [s for s, e in (("A", a), ("B", b)) if e and e.steps_done < len(e.timesteps)]
        return words + "".join(
            tr("; {side} ended before its last step", side=side) for side in stopped
        )
    if b is None or (comparison.has_same_times and pair.a == pair.b):
        return _step_text(a, pair.a)
    return f"A {_step_text(a, pair.a)}; B {_step_text(b, pair.b)}"


def _step_text(entry: Entry, step: int | None) -> str:
    if step is None:
        return tr("no step")
    return tr(
        "step {step:,} of {num_timesteps:,}, t = {timestep}",
        step=step + 1,
        num_timesteps=len(entry.timesteps),
        timestep=entry.timesteps[step],
    )


def images_text(comparison: ComparisonModel, canvas: CompareCanvas) -> str:
    """Return which images are in sight, and that sizes forbid to lay them over each other."""
    both = [each for each in (comparison.a, comparison.b) if each]
    numbers = [each.request.num for each in both]
    number, (first, last) = min(numbers, default=0), canvas.shown_images()
    text = ""
    if len(canvas.images) == 1 and max(numbers, default=0) > 1:
        text = tr("image {start:,} of {number:,}", start=canvas.images.start + 1, number=number)
    elif last - first < len(canvas.images):
        text = tr(
            "showing images {first:,} to {last:,} of {number:,}",
            first=first + 1,
            last=last,
            number=number,
        )
    if len(set(numbers)) > 1:
        text = tr(
            "{the_text}, which both have",
            the_text=text or tr("images 1 to {number:,}", number=number),
        )
    if len({each.thumbnail.shape[1:3] for each in both if each.thumbnail is not None}) > 1:
        text = "   ".join(filter(None, (text, OTHER_SIZE)))
    return text


def divergence_text(comparison: ComparisonModel, image: int) -> str:
    """Return when the images part: that looked at, and the first of all."""
    if comparison.b is None:
        return ""
    found = comparison.divergence
    if found is None:
        return comparison.no_divergence or tr("Looking for the first step that differs…")
    number, first = len(found.latest), found.first_image
    if first is None:
        words = tr("The images are the same, bit for bit, in every step that was compared")
        return tr(
            "{words} ({compared:,} of {steps:,}).",
            words=words,
            compared=found.compared,
            steps=found.steps,
        )
    parts = []
    if image < number:
        parts.append(tr("Image {image:,} {parts}", image=image + 1, parts=_parts(found, image)))
    if number > 1 and first != image:
        parts.append(
            tr(
                "first of all image {first:,}, which {parts}",
                first=first + 1,
                parts=_parts(found, first),
            )
        )
    if found.num_same:
        parts.append(
            tr("{num_same:,} of {number:,} never differ", num_same=found.num_same, number=number)
        )
    return "; ".join(parts) + "."


def _parts(found: Divergence, image: int) -> str:
    latest, earliest = int(found.latest[image]), int(found.earliest[image])
    if latest == NEVER:
        return tr("never differs")
    if latest == START:
        return tr("differs before the first step")
    if earliest == latest:
        return tr("differs from step {latest:,} on", latest=latest + 1)
    if earliest == START:
        return tr("differs from step {latest:,} on at the latest", latest=latest + 1)
    between = tr(
        "between step {earliest:,} and {latest:,}", earliest=earliest + 1, latest=latest + 1
    )
    return tr("parts {between} (not every state was kept)", between=between)


def rates_text(
    comparison: ComparisonModel,
    change: NDArray[np.float64] | None,
    pair: Pair | None,
    pointed: int | None,
) -> str:
    """Return what the bars are, or the value of the layer that is pointed at."""
    a = comparison.a
    if a is None or comparison.b is None:
        return ""
    if change is None:
        return tr("The runs have different layers: their rates are not compared.")
    if pointed is not None and pointed < len(change):
        return f"{a.layers[pointed].id}: {signed(float(change[pointed]))}"
    when = tr("mean over the steps of each run") if pair is None else tr("at the step looked at")
    return tr(
        "Change of firing rate, B {minus} A, {when}; layers in order of evaluation",
        minus=MINUS,
        when=when,
    )


def signed(value: float) -> str:
    """Return a change with its sign."""
    if np.isnan(value):
        return tr("not known")
    sign = "+" if value > 0 else MINUS if value < 0 else "\N{PLUS-MINUS SIGN}"
    return f"{sign}{figure(abs(value))}"
