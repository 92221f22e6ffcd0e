"""What differs between two runs: when their images part, by how much, and what their layers did.

Nothing here asks whether the runs are of the same noise: that is for whoever chooses them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

START = -1  # the images differ before the first step
NEVER = 2**31 - 1  # they do not differ in any step that was compared

ENTERED = ("x_t", "tokens")  # what went into a step
PREDICTED = ("x0_hat", "guess")  # what came out of it first


class HasStates(Protocol):
    """What is read of a recorder or a recording."""

    @property
    def steps_done(self) -> int: ...
    def state(self, step: int) -> Mapping[str, NDArray[Any]] | None: ...


@dataclass(frozen=True, slots=True)
class Divergence:
    """First denoising step whose outcome differs, for each image that both runs have.

    ``latest`` int32 ``[B]`` is the step, counted from 0, or ``START`` or ``NEVER``. Where states were
    not kept the images may have parted earlier: from ``earliest`` on, which else is the same.
    """

    earliest: NDArray[np.int32]
    latest: NDArray[np.int32]
    compared: int  # steps whose states both runs kept
    steps: int  # steps that both runs have done

    @property
    def first_image(self) -> int | None:
        """The image that parts first; None if none does."""
        image = int(self.latest.argmin())
        return None if self.latest[image] == NEVER else image

    @property
    def num_same(self) -> int:
        """Images that never part."""
        return int((self.latest == NEVER).sum())


def first_divergence(a: HasStates, b: HasStates) -> Divergence | None:
    """Return when the images of two runs through the same diffusion times part.

    States are compared bit for bit: what entered a step, and what was predicted in it. None if no step
    of both was kept. May take long: up to some tenths of a second for a large batch.
    """
    steps, compared = min(a.steps_done, b.steps_done), 0
    earliest = latest = is_open = None
    unsure = START  # first step whose outcome is not known to be the same where still open
    for step in range(steps):
        one, other = a.state(step), b.state(step)
        if one is None or other is None:
            continue
        compared += 1
        entered, predicted = _differ(one, other, ENTERED), _differ(one, other, PREDICTED)
        if entered is None:
            return None
        if latest is None or earliest is None or is_open is None:
            earliest = np.full(len(entered), NEVER, np.int32)
            latest, is_open = earliest.copy(), np.ones(len(entered), bool)
        before = is_open & entered
        earliest[before], latest[before] = unsure, step - 1  # of step 0 both are START
        is_open &= ~entered
        if predicted is not None:
            now = is_open & predicted
            earliest[now] = latest[now] = step
            is_open &= ~predicted
        unsure = step
        if not is_open.any():
            break
    if latest is None or earliest is None:
        return None
    return Divergence(earliest, latest, compared, steps)


def _differ(
    a: Mapping[str, NDArray[Any]], b: Mapping[str, NDArray[Any]], names: Sequence[str]
) -> NDArray[np.bool_] | None:
    """Whether each image of both states differs in the first of the arrays that both have."""
    for name in names:
        if name in a and name in b:
            number = min(len(a[name]), len(b[name]))
            one, other = a[name][:number], b[name][:number]
            if one.shape != other.shape:
                return None
            differs: NDArray[np.bool_] = (one != other).reshape(number, -1).any(axis=1)
            return differs
    return None


def signed_difference(a: NDArray[np.uint8], b: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return ``b - a`` of pictures ``[..., H, W, C]`` as mean over the channels, ``[..., H, W]``.

    One of them may be grey and the other in colour.
    """
    return _grey(b) - _grey(a)


def _grey(pictures: NDArray[np.uint8]) -> NDArray[np.float32]:
    if pictures.shape[-1] == 1:
        return pictures[..., 0].astype(np.float32)
    mean: NDArray[np.float32] = pictures.mean(axis=-1, dtype=np.float32)
    return mean


def nearest_step(times: Sequence[int], t: int, done: int) -> int | None:
    """Return the step done whose diffusion time is nearest to ``t``, the earlier of two; None: none."""
    if done < 1:
        return None
    return int(np.abs(np.asarray(times[:done]) - t).argmin())


def mean_rates(rates: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return the mean of ``[layers, steps]`` over the steps that are not NaN; NaN where all are."""
    is_known = ~np.isnan(rates)
    number = is_known.sum(axis=1)
    mean = np.full(len(rates), np.nan)
    total = np.where(is_known, rates, 0).sum(axis=1, dtype=np.float64)
    np.divide(total, number, out=mean, where=number > 0)
    return mean


def rate_changes(
    a: NDArray[np.float32],
    b: NDArray[np.float32],
    times_a: Sequence[int],
    times_b: Sequence[int],
) -> NDArray[np.float64]:
    """Return rates of ``b`` minus those of ``a`` at every step of ``a``, ``[layers, steps]``.

    The step of ``b`` is that of the nearest diffusion time; NaN where one of the two is not known.
    """
    steps = np.abs(np.subtract.outer(np.asarray(times_a), np.asarray(times_b))).argmin(axis=1)
    change: NDArray[np.float64] = b.astype(np.float64)[:, steps] - a
    return change
