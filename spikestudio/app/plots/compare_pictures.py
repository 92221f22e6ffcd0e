"""Pictures of a batch that are made a few at a time, and only those in sight."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from spikestudio.app import theme
from spikestudio.app.plots.palettes import FIRST_ABOVE, Lut, potential_lut
from spikestudio.metrics.comparison import signed_difference
from spikestudio.recording.pictures import pictures

CHUNK = 32  # pictures that are made at once
LEVELS = 255  # of a signed scale, the middle one zero

Picture = NDArray[np.uint8]  # [H, W, C], C is 1 or 3
IsLate = Callable[[], bool]


class Pictures(Protocol):
    """Pictures by their place in the batch. All have the same ``size``, height and width."""

    @property
    def num(self) -> int: ...
    @property
    def size(self) -> tuple[int, int]: ...

    def prepare(self, first: int, last: int, is_late: IsLate) -> bool:
        """Make those from ``first`` to ``last`` - 1; False if it became late before all were."""

    def at(self, image: int) -> Picture | None:
        """Return one, None if it was not made yet."""


class _Chunks:
    """Makes pictures in chunks and keeps them."""

    def __init__(self, num: int) -> None:
        self.num = num
        self._made: dict[int, Picture] = {}

    def make(self, first: int, last: int) -> Picture:
        raise NotImplementedError

    def prepare(self, first: int, last: int, is_late: IsLate) -> bool:
        """See ``Pictures``."""
        for chunk in range(first // CHUNK, -(-min(last, self.num) // CHUNK)):
            if chunk in self._made:
                continue
            if is_late():
                return False
            start = chunk * CHUNK
            self._made[chunk] = self.make(start, min(start + CHUNK, self.num))
        return True

    def at(self, image: int) -> Picture | None:
        """See ``Pictures``."""
        made = self._made.get(image // CHUNK)
        return None if made is None else made[image % CHUNK]


class Whole:
    """Pictures that are there already; none is copied."""

    def __init__(self, images: NDArray[np.uint8]) -> None:
        self._images = images
        self.num = len(images)
        self.size = (images.shape[1], images.shape[2])

    def prepare(self, first: int, last: int, is_late: IsLate) -> bool:
        """See ``Pictures``."""
        return True

    def at(self, image: int) -> Picture | None:
        """See ``Pictures``."""
        return self._images[image]


class OfStates(_Chunks):
    """Pictures of recorded states ``[B, C, H, W]``, in the size and channels of ``like``."""

    def __init__(self, states: NDArray[np.float32], like: tuple[int, int, int]) -> None:
        super().__init__(len(states))
        self._states, self._like = states, like
        self.size = like[:2]

    def make(self, first: int, last: int) -> Picture:
        return pictures(self._states[first:last], self._like[0], self._like[2])


class Differences(_Chunks):
    """``b - a`` in colours: blue below zero, orange above, on a scale from -``limit`` to ``limit``."""

    def __init__(self, a: Pictures, b: Pictures, limit: int) -> None:
        super().__init__(min(a.num, b.num))
        self.a, self.b, self.limit = a, b, limit
        self.mode = theme.manager.mode
        self.size = a.size
        self._colors = signed_lut()[1:, :3]

    def prepare(self, first: int, last: int, is_late: IsLate) -> bool:
        """See ``Pictures``."""
        start = first // CHUNK * CHUNK
        end = min(-(-last // CHUNK) * CHUNK, self.num)
        is_ready = self.a.prepare(start, end, is_late) and self.b.prepare(start, end, is_late)
        return is_ready and super().prepare(first, last, is_late)

    def make(self, first: int, last: int) -> Picture:
        sides = []
        for side in (self.a, self.b):
            found = [side.at(image) for image in range(first, last)]
            sides.append(np.stack([each for each in found if each is not None]))
        levels = signed_indices(signed_difference(*sides), self.limit)
        return np.ascontiguousarray(self._colors[levels - 1])


def signed_indices(values: NDArray[np.float32], limit: float) -> NDArray[np.uint8]:
    """Return indices 1 to 255 in ``signed_lut``; exactly zero, and nothing else, has the middle one."""
    half = LEVELS // 2
    scaled = np.clip(values / np.float32(limit), -1, 1) * half
    away = np.sign(scaled) * np.ceil(np.abs(scaled))  # what differs at all does not look the same
    return (away + half + 1).astype(np.uint8)


def signed_lut() -> Lut:
    """Blue for less, orange for more, neutral for zero; entry 0 is transparent."""
    potentials = potential_lut()
    low, high = potentials[1, :3].astype(float), potentials[FIRST_ABOVE - 1, :3].astype(float)
    middle = potentials[FIRST_ABOVE // 2 - 1 : FIRST_ABOVE // 2 + 1, :3].mean(axis=0)
    lut = np.zeros((LEVELS + 1, 4), np.uint8)
    lut[1:, 3] = 255
    for channel in range(3):
        ramp = [low[channel], middle[channel], high[channel]]
        lut[1:, channel] = np.interp(np.linspace(-1, 1, LEVELS), [-1, 0, 1], ramp).round()
    return lut
