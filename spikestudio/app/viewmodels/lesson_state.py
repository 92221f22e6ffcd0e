"""The state of the application under the names that lessons use; each is read only when asked for."""

from __future__ import annotations

from collections.abc import Callable

from spikestudio.app.viewmodels import lesson_model_states, lesson_run_states, lesson_token_states
from spikestudio.app.viewmodels.lesson_desk import Desk as Desk
from spikestudio.app.viewmodels.lesson_desk import Noise as Noise
from spikestudio.app.viewmodels.lesson_measured import Measurements
from spikestudio.lessons.states import Value


class AppState:
    """Reads states by name, and keeps what runs leave behind for comparisons."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.measured = Measurements(desk.run)
        self._readers: dict[str, Callable[[], Value]] = {
            **lesson_run_states.readers(desk),
            **lesson_model_states.readers(desk),
            **lesson_token_states.readers(desk),
            **self.measured.readers(),
            "docks.open": lambda: desk.open_docks(),
            "docks.front": lambda: desk.front_docks(),
            "noise.t": lambda: desk.noise.t,
            "noise.signal": lambda: desk.noise.share**0.5,
            "noise.noise": lambda: (1 - desk.noise.share) ** 0.5,
        }

    def value(self, name: str) -> Value:
        """Return the value of a state; None while it is not known."""
        return self._readers[name]()

    @property
    def names(self) -> frozenset[str]:
        """Every name that can be asked for."""
        return frozenset(self._readers)

    @property
    def num_finished(self) -> int:
        """Runs of this session that finished."""
        return self.measured.num_finished

    def begin(self) -> None:
        """Compare runs from now on; only the last one before still counts as the previous run."""
        self.measured.begin()
