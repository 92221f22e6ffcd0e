"""Makes the order of a raster's rows, beside the window where that takes long."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from spikestudio.app.plots.raster_data import RasterStack
from spikestudio.app.plots.row_choice import RowChoice
from spikestudio.app.plots.row_orders import SIMILAR, Order, similar_orders
from spikestudio.app.viewmodels.run import Known, RunModel
from spikestudio.language import tr

if TYPE_CHECKING:
    from spikestudio.app.jobs import Jobs


class RowSorter:
    """Keeps a choice of rows in order; ``changed`` is called when an order comes later."""

    def __init__(
        self, run: RunModel, choice: RowChoice, jobs: Jobs | None, changed: Callable[[], None]
    ) -> None:
        self._run, self._choice, self._jobs, self._changed = run, choice, jobs, changed
        self._asked: object | None = None  # the job whose order is waited for

    def forget(self) -> None:
        """Let the next spikes make a new order."""
        self._choice.reset()
        self._asked = None

    def order(self, rows: RasterStack, deadline: float) -> bool:
        """Order the neurons, or have it done; False if the deadline came first."""
        if not rows.counted:
            return True
        if self._choice.rule == SIMILAR:
            self._ask(rows)
            return True
        return self._choice.make(rows.fired, rows.counted, deadline)

    def _ask(self, rows: RasterStack) -> None:
        recorder = self._run.recorder
        if self._jobs is None or recorder is None or self._asked is not None:
            return
        self._asked, steps = object(), rows.counted
        known = Known(recorder, dict(self._run.recomputed))  # which does not change meanwhile
        fired = [each.copy() for each in rows.fired]
        self._jobs.submit(
            partial(similar_orders, known, fired, steps, self._choice.filter),
            partial(self._take, self._asked, steps),
            partial(self._fail, self._asked),
        )

    def _take(self, asked: object, steps: int, orders: dict[str, Order]) -> None:
        if asked is self._asked:
            self._choice.take(orders, steps)
            self._changed()

    def _fail(self, asked: object, message: str, _details: str) -> None:
        if asked is self._asked:
            self._choice.failure = tr(
                "Not sorted by {rule}: {message} Choose another rule.",
                rule=tr(SIMILAR),
                message=message,
            )
            self._changed()
