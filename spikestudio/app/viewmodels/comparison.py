"""Two runs that have ended, A and B, and what is known of how they differ."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QObject, Signal, Slot

from spikestudio.app.viewmodels.differences import Difference, differences, joined, title_of
from spikestudio.app.viewmodels.history import Entry, HistoryModel
from spikestudio.app.viewmodels.run import RunModel, RunState
from spikestudio.language import tr, tr_n
from spikestudio.metrics.comparison import (
    Divergence,
    first_divergence,
    mean_rates,
    nearest_step,
    rate_changes,
)

if TYPE_CHECKING:
    from spikestudio.app.viewmodels.sampler import SamplerModel
    from spikestudio.sampling.request import SamplingRequest

Side = Literal["a", "b"]
Entries = tuple[Entry | None, Entry | None]
Submit = Callable[[Callable[[], Any], Callable[[Any], None], Callable[[str, str], None]], None]

SAME_NOISE = (
    "num",
    "first_image",
    "seed",
    "sampler",
    "steps",
)  # all noise of a run follows from it
FIRST_NOISE = ("num", "first_image", "seed")  # what a Gaussian sampler begins with
SHARED = {
    "ddim": tr("DDIM draws noise only once, and both runs begin with the same."),
    "ancestral": tr(
        "Both runs begin with the same noise, and get the same random draws at each step."
    ),
    "ddpm": tr("Both runs begin with the same noise, and get the same random draws at each step."),
    "absorbing": tr(
        "The same cells are revealed at each step, and the same random draws choose codes."
    ),
}
MOST_DDIM_STEPS = 100  # it gains little from more
OTHER_STEPS = tr(
    "A and B take different denoising steps, so no first step that differs can be told."
)
NOT_KEPT = tr("No state of both runs was kept, so when they part cannot be told.")


@dataclass(frozen=True, slots=True)
class Pair:
    """Steps of A and B that belong together, counted from 0; None where a run has done none."""

    a: int | None
    b: int | None


class ComparisonModel(QObject):
    """A and B: those that the user marked, else the last two runs of this session.

    ``divergence`` is computed in the background after each change of A or B; None until then, and
    where ``no_divergence`` says why it cannot be told.
    """

    changed = Signal()

    def __init__(
        self,
        run: RunModel,
        sampler: SamplerModel,
        history: HistoryModel,
        submit: Submit,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._run = run
        self._sampler = sampler
        self._history = history
        self._submit = submit
        self._marked: dict[Side, int] = {}
        self._asked: list[tuple[Side, SamplingRequest]] = []
        self._goes_on = False  # one that was asked for has begun, and there is another
        self._pair: Entries = (None, None)
        self._rates: NDArray[np.float64] | None = None
        self.divergence: Divergence | None = None
        self.no_divergence = ""
        history.changed.connect(self._follow)
        history.entryAdded.connect(self._on_entry_added)
        run.stateChanged.connect(self._on_state_changed)

    # which two ------------------------------------------------------------------------------

    @property
    def a(self) -> Entry | None:
        """The run on the left."""
        return self._pair[0]

    @property
    def b(self) -> Entry | None:
        """The run on the right."""
        return self._pair[1]

    @property
    def is_marked(self) -> bool:
        """Whether the user chose a side, so that it is not simply the last two runs."""
        return bool(self._marked)

    def mark(self, side: Side, key: int) -> None:
        """Choose a side; the run on the other side goes to this one if it was the same."""
        other: Side = "b" if side == "a" else "a"
        before = {"a": self.a, "b": self.b}
        displaced = before[side]
        if self._marked.get(other) == key:
            del self._marked[other]
            if displaced is not None and displaced.key != key:
                self._marked[other] = displaced.key
        self._marked[side] = key
        self._follow()

    @Slot()
    def swap(self) -> None:
        """Exchange A and B."""
        if self.a is not None and self.b is not None:
            self._marked = {"a": self.b.key, "b": self.a.key}
            self._follow()

    @Slot()
    def follow_last(self) -> None:
        """Compare the last two runs, now and after every other run."""
        self._marked.clear()
        self._follow()

    @Slot()
    def _follow(self) -> None:
        self._marked = {s: k for s, k in self._marked.items() if self._history.entry(k)}
        pair = self._chosen()
        if pair != self._pair:
            self._pair = pair
            self._history.set_in_use(frozenset(each.key for each in pair if each))
            self._rates = None
            self._compare()
        self.changed.emit()

    def _chosen(self) -> Entries:
        entry = self._history.entry
        a, b = entry(self._marked.get("a")), entry(self._marked.get("b"))
        taken = [each for each in (a, b) if each]
        last = [
            e for e in self._history.entries if e not in taken and not e.file_name and e.rates.size
        ]
        if b is None and last:
            b = last.pop()
        if a is None and last:
            a = last.pop()
        if a is None and b is not None and not taken:  # a single run is A
            a, b = b, None
        return a, b

    # what is known of them --------------------------------------------------------------------

    @property
    def differences(self) -> tuple[Difference, ...]:
        """Parameters of the requests that are not the same."""
        if self.a is None or self.b is None:
            return ()
        return differences(self.a.request, self.b.request)

    @property
    def difference_text(self) -> str:
        """What differs beside the outcome, in one line."""
        a, b = self.a, self.b
        if a is None or b is None:
            return ""
        parts = [each.text for each in self.differences]
        number = len(parts)
        if a.tensors_sha256 != b.tensors_sha256:
            parts.insert(
                0,
                tr(
                    "model {checkpoint} and {checkpoint_2}",
                    checkpoint=a.checkpoint,
                    checkpoint_2=b.checkpoint,
                ),
            )
        for side, entry in (("A", a), ("B", b)):
            if entry.changes:
                first = min(change.step for change in entry.changes) + 1
                parts.append(
                    tr(
                        "{side} was changed while it ran, from step {first:,} on",
                        side=side,
                        first=first,
                    )
                )
            if entry.branch is not None:
                parts.append(
                    tr(
                        "{side} is a branch at step {branch_step:,}",
                        side=side,
                        branch_step=entry.branch.step + 1,
                    )
                )
        words = (
            tr("1 parameter differs")
            if number == 1
            else tr("{number:,} parameters differ", number=number)
        )
        return ": ".join(filter(None, (words, ", ".join(parts))))

    @property
    def has_same_noise(self) -> bool:
        """Whether A and B get the same random numbers, for certain."""
        return not self._noise_differs(SAME_NOISE)

    def _noise_differs(self, names: Iterable[str]) -> list[str]:
        a, b = self.a, self.b
        if a is None or b is None:
            return [tr("runs")]
        differ = [title_of(n) for n in names if getattr(a.request, n) != getattr(b.request, n)]
        if a.tensors_sha256 != b.tensors_sha256:
            differ.append(tr("model"))
        if a.branch != b.branch:
            differ.append(tr("start"))
        return differ

    @property
    def noise_text(self) -> str:
        """Which random numbers A and B share, in one line."""
        if self.a is None or self.b is None:
            return ""
        differ = self._noise_differs(SAME_NOISE)
        if not differ:
            return tr("Same noise. {shared}", shared=SHARED[self.a.request.sampler])
        is_gaussian = "absorbing" not in (self.a.request.sampler, self.b.request.sampler)
        if is_gaussian and not self._noise_differs(FIRST_NOISE):
            return tr_n(
                "Both begin with the same noise; {names} differs after that.",
                "Both begin with the same noise; {names} differ after that.",
                _count(differ),
                names=joined(differ),
            )
        return tr_n(
            "Not the same noise: {names} differs.",
            "Not the same noise: {names} differ.",
            _count(differ),
            names=joined(differ),
        )

    @property
    def obstacle(self) -> str:
        """Why B cannot be sampled now, as a sentence; empty if it can."""
        if self.a is None:
            return tr("Sample first: B is compared with a run that has ended.")
        return self._history.cannot_duplicate(self.a)

    @property
    def is_sampling(self) -> bool:
        """Whether B was asked for here and has not ended."""
        return bool(self._asked)

    @property
    def can_take_ddim(self) -> bool:
        """Whether A was sampled by a solver that draws noise at every step, where DDIM draws none."""
        a = self.a
        return a is not None and a.request.sampler not in ("ddim", "absorbing")

    def has_same_noise_with(self, changes: Mapping[str, Any]) -> bool:
        """Whether A with these changes would get the same random numbers as A."""
        return not (set(changes) & set(SAME_NOISE)) and self.a is not None and self.a.branch is None

    def sample_b(self, changes: Mapping[str, Any], *, with_ddim: bool = False) -> None:
        """Sample A's request with some changes; it becomes B when it has ended.

        ``with_ddim`` samples A anew before, so that both are by DDIM: no noise is drawn on the way,
        and what differs comes from the change alone.

        Raises
        ------
        ConfigError
            A value is out of range.
        """
        if self.a is None or self.obstacle:
            return
        a = self.a.request
        asked: list[tuple[Side, SamplingRequest]] = []
        if with_ddim and self.can_take_ddim:
            a = replace(a, sampler="ddim", eta=0.0, steps=min(a.steps, MOST_DDIM_STEPS))
            asked.append(("a", a))
        self._asked = [*asked, ("b", replace(a, **changes))]
        self._marked["a"] = self.a.key
        self._sample_next()

    def _sample_next(self) -> None:
        self._goes_on = False
        if self.a is not None:
            self._history.derive_from(self.a.key)
        self._sampler.sample_request(self._asked[0][1])
        self.changed.emit()

    @Slot(int)
    def _on_entry_added(self, key: int) -> None:
        entry = self._history.entry(key)
        if entry is not None and self._asked and entry.request == self._asked[0][1]:
            side, _ = self._asked.pop(0)
            self._goes_on = bool(self._asked)
            self.mark(side, key)

    @Slot()
    def _on_state_changed(self) -> None:
        # The history has taken in by now what did begin.
        if self._run.state.is_active or not self._asked:
            return
        if self._goes_on and self._run.state is RunState.FINISHED:
            self._sample_next()
            return
        self._asked.clear()
        self.changed.emit()

    # steps and rates --------------------------------------------------------------------------

    @property
    def has_same_times(self) -> bool:
        """Whether A and B go through the same diffusion times."""
        return self.a is not None and self.b is not None and self.a.timesteps == self.b.timesteps

    def steps_at(self, step: int) -> Pair:
        """Return the steps of A and B that belong to a step of the run that is shown.

        It is the same step where all go through the same diffusion times, else that of the nearest one.
        """
        shown = self._run.run
        times = shown.timesteps if shown is not None else ()
        return Pair(_step_of(self.a, times, step), _step_of(self.b, times, step))

    def rate_change(self, pair: Pair | None = None) -> NDArray[np.float64] | None:
        """Return B's rate minus A's ``[layers]``, at a pair of steps or as mean over the steps done.

        None where the runs have different layers.
        """
        a, b = self.a, self.b
        if a is None or b is None or [e.id for e in a.layers] != [e.id for e in b.layers]:
            return None
        if pair is None:
            return mean_rates(b.rates) - mean_rates(a.rates)
        if pair.a is None or pair.b is None:
            return np.full(len(a.layers), np.nan)
        change: NDArray[np.float64] = b.rates[:, pair.b].astype(np.float64) - a.rates[:, pair.a]
        return change

    def largest_rate_change(self) -> float:
        """Return the largest change of any layer at any step: what a fixed scale must reach."""
        a, b = self.a, self.b
        if a is None or b is None or self.rate_change() is None:
            return 0.0
        if self._rates is None:
            self._rates = np.abs(rate_changes(a.rates, b.rates, a.timesteps, b.timesteps))
        known = self._rates[~np.isnan(self._rates)]
        return float(known.max(initial=0.0))

    def _compare(self) -> None:
        """Have it computed when the images part."""
        pair, self.divergence, self.no_divergence = self._pair, None, ""
        a, b = pair
        if a is None or b is None:
            return
        if not self.has_same_times:
            self.no_divergence = OTHER_STEPS
            return
        one, other = a.recorder, b.recorder
        if one is None or other is None:
            self.no_divergence = NOT_KEPT
            return
        self._submit(
            partial(first_divergence, one, other),
            partial(self._on_compared, pair),
            partial(self._on_failed, pair),
        )

    def _on_compared(self, pair: Entries, found: Divergence | None) -> None:
        if pair == self._pair:
            self.divergence = found
            self.no_divergence = NOT_KEPT if found is None else ""
            self.changed.emit()

    def _on_failed(self, pair: Entries, message: str, _details: str) -> None:
        if pair == self._pair:
            self.no_divergence = message
            self.changed.emit()


def _step_of(entry: Entry | None, times: tuple[int, ...], step: int) -> int | None:
    if entry is None or not entry.steps_done:
        return None
    if times == entry.timesteps or not 0 <= step < len(times):
        return min(max(step, 0), entry.steps_done - 1)
    return nearest_step(entry.timesteps, times[step], entry.steps_done)


def _count(names: list[str]) -> int:
    return 2 if len(names) == 1 and names[0].endswith("s") else len(names)
