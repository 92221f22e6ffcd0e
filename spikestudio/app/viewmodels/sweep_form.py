"""The form of a sweep: what is typed, planned and timed before anything is started."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, Signal, Slot

from spikestudio.app.viewmodels.sweep_texts import (
    NUM_SEEDS,
    THRESHOLDS,
    AxisText,
    example,
    expansion,
    free_folder,
)
from spikestudio.errors import ConfigError
from spikestudio.language import tr
from spikestudio.sampling.request import SamplingRequest, check_range
from spikestudio.sweeps.folder import SweepFolder
from spikestudio.sweeps.forecast import Estimate, estimate
from spikestudio.sweeps.plan import Models, plan_sweep

if TYPE_CHECKING:
    from spikestudio.app.viewmodels.sampler import SamplerModel
    from spikestudio.sweeps.cells import SweepPlan

Submit = Callable[[Callable[[], Any], Callable[[Any], None], Callable[[str, str], None]], None]
NO_MODEL = tr("Load a model first.")


@dataclass(frozen=True, slots=True)
class Checked:
    """What the form comes to; ``estimate`` is None while a live run would spoil the timing."""

    file: Path
    plan: SweepPlan
    given: Mapping[str, Any]
    estimate: Estimate


class SweepFormModel(QObject):
    """Axes, number of images and folder, with the rest of the request from the sampler.

    ``problems`` are sentences by the place they belong to: ``axis 0``, ``num``, ``folder``, or an empty
    name for what concerns all. The models that planning needs are its own, never that of the live run.
    """

    changed = Signal()

    def __init__(
        self,
        sampler: SamplerModel,
        submit: Submit,
        parent_folder: Path,
        is_sweeping: Callable[[], bool],
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._sampler, self._submit, self._is_sweeping = sampler, submit, is_sweeping
        self._parent_folder = parent_folder
        self._models: Models | None = None
        self._models_device = ""
        self._timings: dict[tuple[str, int], float] = {}
        self._asked = 0  # checks so far; only the newest counts
        self.axes: tuple[AxisText, ...] = (AxisText("threshold", THRESHOLDS),)
        self.num = 4
        self.folder = Path()
        self.is_folder_chosen = False
        self.problems: dict[str, str] = {}
        self.checked: Checked | None = None
        self.is_checking = False

    @property
    def request(self) -> SamplingRequest:
        """What holds for all cells: the sampler's request, with the number of images of a cell."""
        return replace(self._sampler.request, num=self.num)

    def set_axes(self, axes: tuple[AxisText, ...]) -> None:
        """Take other axes; what they come to is to be checked again."""
        self.axes = axes
        self.forget_check()

    def set_num(self, num: int) -> None:
        """Take another number of images for each cell."""
        self.num = num
        self.forget_check()

    def set_folder(self, text: str) -> None:
        """Choose a folder; an empty text goes back to a free one."""
        self.is_folder_chosen = bool(text.strip())
        if self.is_folder_chosen:
            self.folder = Path(text.strip())
            with suppress(RuntimeError):  # the ~ of somebody who is not here is a name like others
                self.folder = self.folder.expanduser()
        self.forget_check()

    def add_axis(self, names: tuple[str, ...]) -> None:
        """Add the first of the axes that is not there yet."""
        taken = {row.name for row in self.axes}
        name = next((each for each in names if each not in taken), None)
        if name is not None:
            self.set_axes((*self.axes, AxisText(name, example(name))))

    def threshold_by_seeds(self) -> None:
        """Fill in the sweep of thresholds over five seeds."""
        first = self._sampler.request.seed
        last = first + NUM_SEEDS - 1
        self.set_folder("")
        self.set_axes((AxisText("threshold", THRESHOLDS), AxisText("seed", f"{first}-{last}")))

    def forget_check(self) -> None:
        """Take back what was said of the form: something else has changed."""
        self._asked += 1
        self.checked, self.is_checking = None, False
        self.problems = {}
        self.changed.emit()

    @Slot()
    def check(self, then: Callable[[], None] | None = None) -> None:
        """Have it planned and timed; ``then`` is called if it can be done."""
        self.forget_check()
        model = self._sampler.model
        if model is None:
            self.problems = {"": NO_MODEL}
        for k, row in enumerate(self.axes):
            text, is_right = expansion(row)
            if not is_right:
                self.problems[f"axis {k}"] = text
        names = [row.name for row in self.axes]
        for k, name in enumerate(names):
            if name in names[:k]:
                self.problems[f"axis {k}"] = tr(
                    "The axis {name} is there already: take one of them out.", name=name
                )
        if not names:
            self.problems[""] = tr("A sweep needs an axis: add one.")
        try:
            check_range("num", self.num)
        except ConfigError as error:
            self.problems["num"] = str(error)
        if model is None or self.problems:
            self.changed.emit()
            return
        if not self.is_folder_chosen:
            self.folder = free_folder(self._parent_folder, model.name, self.axes, datetime.now())
        self.is_checking = True
        job = partial(
            self._plan,
            model.path,
            model.device,
            self.axes,
            self.request,
            self.folder,
            self.can_time,
        )
        number = self._asked
        self._submit(
            job, partial(self._on_checked, number, then), partial(self._on_check_failed, number)
        )
        self.changed.emit()

    @property
    def can_time(self) -> bool:
        """Whether nothing else computes, so that steps take what they take."""
        return not self._sampler.is_busy and not self._is_sweeping()

    def _plan(
        self,
        file: Path,
        device: str,
        rows: tuple[AxisText, ...],
        request: SamplingRequest,
        folder: Path,
        can_time: bool,
    ) -> Checked:
        from spikestudio.sweeps.command import given
        from spikestudio.sweeps.sheet import arrange

        axes = tuple(row.parse() for row in rows)
        models = self.models_on(device)
        fixed = given(request, models.at(file).defaults(), axes)
        plan = plan_sweep(file, axes, fixed, models)
        arrange(plan)  # a sheet that is too large is said now
        SweepFolder(folder, plan).check()
        return Checked(file, plan, fixed, _estimate(plan, folder, models, self._timings, can_time))

    def models_on(self, device: str) -> Models:
        """Models of our own, beside the one that is sampled live; used by jobs only."""
        if self._models is None or self._models_device != device:
            self._models, self._models_device = Models(device), device
        return self._models

    def _on_checked(self, number: int, then: Callable[[], None] | None, checked: Checked) -> None:
        if number == self._asked:
            self.checked, self.is_checking = checked, False
            self.changed.emit()
            if then is not None:
                then()

    def _on_check_failed(self, number: int, message: str, _details: str) -> None:
        if number == self._asked:
            self.is_checking = False
            words = (tr("folder"), tr("Cannot write"))  # of messages about the folder
            place = "folder" if any(word in message for word in words) else ""
            self.problems = {place: message}
            self.changed.emit()


def _estimate(
    plan: SweepPlan,
    folder: Path,
    models: Models,
    timings: dict[tuple[str, int], float],
    can_time: bool,
) -> Estimate:
    keys = {(cell.tensors_sha256, cell.request.num) for cell in plan.cells}
    if can_time or keys <= timings.keys():
        return estimate(plan, folder, models, timings=timings)
    return replace(estimate(plan, folder, models, timings=dict.fromkeys(keys, 0.0)), seconds=None)
