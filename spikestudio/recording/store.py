"""What is kept of every step while there is room, and in which order it goes."""

from __future__ import annotations

from collections import OrderedDict

import numpy as np
from numpy.typing import NDArray

from spikestudio.language import ENGLISH, current, tr
from spikestudio.recording.record import MEBIBYTE
from spikestudio.recording.values import Potentials, State, StepRecord, Watched

Key = tuple[str, int]  # layer id, denoising step

STATE_SHARE = 4  # states take at most this part of the budget, one fourth
LOGITS_SHARE = 8


class Store:
    """Details of a run within a byte budget.

    Beyond the budget the oldest potentials go first, then the oldest spikes, then the oldest steps of
    the watched neurons. States may take a fourth of it: beyond that every second is kept, then every
    fourth, and so on; the steps between are replayed from there, and all of them from the seed. Logits
    may take an eighth: beyond that only those of the recorded image are kept, and the oldest go first.
    """

    def __init__(self) -> None:
        self.spikes: OrderedDict[Key, NDArray[np.uint8]] = OrderedDict()
        self.potentials: OrderedDict[Key, Potentials] = OrderedDict()
        self.watched: OrderedDict[int, Watched] = OrderedDict()
        self.states: dict[int, State] = {}
        self.logits: OrderedDict[int, tuple[int, NDArray[np.float32]]] = OrderedDict()
        self.nbytes = 0
        self._state_bytes = self._logits_bytes = 0
        self._stride = 1
        self._largest = 0  # bytes of a step
        self._first = {"potentials": 0, "spikes": 0, "watched": 0}  # step from which all is there

    def add(self, record: StepRecord, budget: int) -> None:
        """Keep a step, and let go what then is too much."""
        self._largest = max(self._largest, record.nbytes)
        for layer_id, packed in record.spikes.items():
            self.spikes[layer_id, record.step] = packed
            self.nbytes += packed.nbytes
        for layer_id, potentials in record.potentials.items():
            self.potentials[layer_id, record.step] = potentials
            self.nbytes += potentials.nbytes
        if record.watched is not None:
            self.watched[record.step] = record.watched
            self.nbytes += record.watched.nbytes
        if record.state is not None and record.step % self._stride == 0:
            self.states[record.step] = record.state
            self._count_state(record.state, 1)
        self._thin_states(budget // STATE_SHARE)
        self._drop_oldest(budget)

    def add_logits(self, step: int, logits: NDArray[np.float32], image: int, budget: int) -> None:
        """Keep logits ``[B, K, h, w]`` of a step: of the whole batch, or of one image of it."""
        share, first = budget // LOGITS_SHARE, 0
        if self._logits_bytes + logits.nbytes > share:
            first, logits = image, logits[image : image + 1].copy()
            logits.setflags(write=False)
        self.logits[step] = first, logits
        added = logits.nbytes
        while self.logits and self._logits_bytes + added > share:
            _, (_, dropped) = self.logits.popitem(last=False)
            added -= dropped.nbytes
        self._logits_bytes += added
        self.nbytes += added
        self._drop_oldest(budget)

    def sentence(self, budget: int, steps_done: int) -> str:
        """What is no longer there, for the user; empty if nothing is missing."""
        names = {
            "potentials": tr("potentials"),
            "spikes": tr("spikes"),
            "watched": tr("watched neurons"),
        }
        parts = [
            tr("the {name} of {steps}", name=names[kind], steps=_steps(first, steps_done))
            for kind, first in self._first.items()
            if first
        ]
        if self._stride > 1:
            parts.append(
                tr("the state of every step but each {ordinal}", ordinal=ordinal(self._stride))
            )
        if not self.states and self._stride > 1:
            parts[-1] = tr("the state of every step")
        if not parts:
            return ""
        listed = tr(" and ").join(filter(None, (", ".join(parts[:-1]), parts[-1])))
        return tr(
            "To stay within {budget:g} MiB the recorder let go {listed}; the counts and "
            "rates of every step are kept.",
            budget=budget / MEBIBYTE,
            listed=listed,
        )

    def shortage(self, budget: int) -> str:
        """That the budget is too small for a single step, for the user; empty if it is not."""
        if self._largest <= budget:
            return ""
        return tr(
            "One denoising step takes {largest:.3g} MiB, which is more than the "
            "recorder's {budget:g} MiB, so it keeps the counts and rates of every step and "
            "of the rest what fits.",
            largest=self._largest / MEBIBYTE,
            budget=budget / MEBIBYTE,
        )

    def _thin_states(self, share: int) -> None:
        while self._state_bytes > share and self.states:
            self._stride *= 2
            only_first = list(self.states) == [0]  # which the seed gives as well
            for step in [s for s in self.states if s % self._stride or only_first]:
                self._count_state(self.states.pop(step), -1)

    def _count_state(self, state: State, sign: int) -> None:
        size = sign * sum(array.nbytes for array in state.values())
        self._state_bytes += size
        self.nbytes += size

    def _drop_oldest(self, budget: int) -> None:
        while self.nbytes > budget and (self.potentials or self.spikes or self.watched):
            if self.potentials:
                (_, step), potentials = self.potentials.popitem(last=False)
                self._note_dropped("potentials", step, potentials.nbytes)
            elif self.spikes:
                (_, step), packed = self.spikes.popitem(last=False)
                self._note_dropped("spikes", step, packed.nbytes)
            else:
                step, watched = self.watched.popitem(last=False)
                self._note_dropped("watched", step, watched.nbytes)

    def _note_dropped(self, kind: str, step: int, nbytes: int) -> None:
        self.nbytes -= nbytes
        self._first[kind] = step + 1


def _steps(first: int, done: int) -> str:
    if first >= done:
        return tr("every step so far")
    return tr("the first step") if first == 1 else tr("the first {first} steps", first=first)


def ordinal(number: int) -> str:
    """Return a number as the place in an order: 4th, or what the language in force has for it."""
    if current() != ENGLISH:
        return tr("no. {number}", number=number)
    tens = 10 <= number % 100 < 20
    return f"{number}{'th' if tens else {1: 'st', 2: 'nd', 3: 'rd'}.get(number % 10, 'th')}"
