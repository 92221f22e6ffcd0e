"""The next request, the commands of a run, and what of both the loaded model can use."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal, Slot

from spikestudio.app.viewmodels.parameters import Parameter
from spikestudio.app.viewmodels.run import RunModel, RunState
from spikestudio.diffusion import solvers
from spikestudio.language import tr
from spikestudio.sampling.request import SamplingRequest

if TYPE_CHECKING:
    from spikestudio.recording.values import Readable
    from spikestudio.sampling.branch import Branch
    from spikestudio.sampling.control import RunControl
    from spikestudio.sampling.worker import ModelInfo

OURS = ("ddim", "ancestral", "ddpm", "analytic", "absorbing")  # as they are listed
EVERY_STEP = "ddpm"
ETA = Parameter(
    "eta",
    tr("Eta"),
    "",
    tr("Fresh noise in every step of DDIM: 0 adds none, 1 as much as ancestral sampling."),
    0.0,
    1.0,
    decimals=2,
)
LIVE_PARAMETERS = ("threshold", "temperature")  # may change while a run goes on


class SamplerModel(QObject):
    """Request being edited, and Sample, Pause, Step, Cancel as methods.

    ``pending`` names the live parameters that were changed and are not yet in force. Labels and
    enabled states of the commands are read from here, so that every button agrees.
    """

    requestChanged = Signal()  # noqa: N815
    modelChanged = Signal()  # noqa: N815
    commandsChanged = Signal()  # noqa: N815

    def __init__(
        self,
        run: RunModel,
        sample: Callable[..., RunControl],  # of request, image, layer, and as ``_start``
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._run = run
        self._sample = sample
        self.control: RunControl | None = None
        self.model: ModelInfo | None = None
        self.request = SamplingRequest()
        self.defaults = self.request
        self.pending: frozenset[str] = frozenset()
        self.is_starting = False
        self.is_loading = False
        run.stateChanged.connect(self._on_state_changed)
        run.parametersChanged.connect(self._on_parameters_changed)

    def set_model(self, model: ModelInfo) -> None:
        """Take the defaults of another model; the seed stays, and all of it for the same file."""
        is_same = self.model is not None and self.model.path == model.path
        self.model = model
        self.defaults = replace(model.defaults, steps=min(model.defaults.steps, self.max_steps))
        if not is_same:
            self.request = replace(self.defaults, seed=self.request.seed)
        self.modelChanged.emit()
        self.requestChanged.emit()
        self.commandsChanged.emit()

    def set_loading(self, *, is_loading: bool) -> None:
        """Hold back new runs while a model is being loaded: they would meet the other model."""
        self.is_loading = is_loading
        self.commandsChanged.emit()

    def set(self, **changes: int | float | str | None) -> None:
        """Change the request; raises ``ConfigError`` and then changes nothing."""
        if changes.get("sampler", self.request.sampler) != self.request.sampler:
            changes.setdefault("steps", self._steps_for(changes["sampler"]))
            if changes["sampler"] not in solvers.WITH_ETA:
                changes.setdefault("eta", 0.0)
        request = replace(self.request, **changes)  # type: ignore[arg-type]
        if request == self.request:
            return
        self.request = request
        live = {name: getattr(request, name) for name in LIVE_PARAMETERS if name in changes}
        if live and self.control is not None and self._run.state.is_active:
            self.control.set_parameters(**live)
            self.pending |= live.keys()
        self.requestChanged.emit()

    @Slot()
    def roll_seed(self) -> None:
        """Draw a seed that is short enough to be read out and typed."""
        self.set(seed=random.randrange(1_000_000))

    # what the model can use -----------------------------------------------------------------

    @property
    def has_temperature(self) -> bool:
        """Whether the model draws tokens, which a temperature applies to."""
        return self.model is not None and self.model.card.codebook_size is not None

    @property
    def samplers(self) -> tuple[str, ...]:
        """Samplers that the model can be sampled with."""
        return tuple(name for name in (*OURS, *solvers.SCHEDULERS) if not self._why_absent(name))

    @property
    def absent(self) -> tuple[tuple[str, str], ...]:
        """Samplers that are left out, and why; those with the same reason as one."""
        reasons: dict[str, list[str]] = {}
        for name in (*OURS, *solvers.SCHEDULERS):
            if name == "absorbing" or not (reason := self._why_absent(name)):
                continue  # it is for another kind of model, and tells nothing new of this one
            reasons.setdefault(reason, []).append(solvers.solver(name).title)
        return tuple(
            (
                titles[0] if len(titles) == 1 else tr("{num_titles} more", num_titles=len(titles)),
                reason,
            )
            for reason, titles in reasons.items()
        )

    def _why_absent(self, name: str) -> str:
        has_table = self.model is not None and self.model.has_gamma
        return solvers.why_absent(name, is_token_model=self.has_temperature, has_table=has_table)

    @property
    def does(self) -> str:
        """What the sampler of the request does, in one sentence."""
        return solvers.solver(self.request.sampler).does

    @property
    def has_eta(self) -> bool:
        """Whether the sampler of the request has an eta."""
        return self.request.sampler in solvers.WITH_ETA

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes that can be asked for, by label; empty if none can."""
        if self.model is None or not (number := self.model.card.config.get("num_classes")):
            return ()
        names = self.model.card.classes
        return names if len(names) == number else tuple(str(label) for label in range(number))

    @property
    def trained_steps(self) -> int:
        """SNN time steps that the model was trained with."""
        return self.model.card.snn_steps if self.model else self.defaults.snn_steps

    @property
    def max_steps(self) -> int:
        """Denoising steps that the model was trained with; no sampler takes more."""
        if self.model is None:
            return 1000
        config = self.model.card.config
        if self.has_temperature:  # one step per token
            return int(config["image_size"] >> len(config["encoder_widths"])) ** 2
        return int(config["num_train_timesteps"])

    @property
    def has_fixed_steps(self) -> bool:
        """Whether the sampler takes every step that the model was trained with."""
        return self.request.sampler == EVERY_STEP

    def _steps_for(self, sampler: object) -> int:
        return self.max_steps if sampler == EVERY_STEP else self.defaults.steps

    def differs_from_run(self, name: str) -> bool:
        """Whether a run is in progress that was started with another value."""
        run = self._run.run
        if run is None or not self._run.state.is_active:
            return False
        return bool(getattr(run.request, name) != getattr(self.request, name))

    # commands -------------------------------------------------------------------------------

    @Slot()
    def sample(self) -> None:
        """Start a run with the request as it stands."""
        if self.can_sample:
            self._start()

    @Slot(object)
    def sample_request(self, request: SamplingRequest) -> None:
        """Start a run with another request than the one being edited."""
        if self.can_sample:
            self._start(request)

    def sample_branch(
        self, request: SamplingRequest, branch: Branch, parent: Readable | None = None
    ) -> None:
        """Start a run in the middle of another, whose record is ``parent``, or from given tokens."""
        if self.can_sample:
            self._start(request, branch=branch, parent=parent)

    @Slot()
    def toggle_pause(self) -> None:
        """Pause before the next denoising step, or go on."""
        if not self.can_pause or self.control is None:
            return
        if self.control.is_paused:
            self.control.resume()
        else:
            self.control.pause()
        self.commandsChanged.emit()

    @Slot()
    def step(self) -> None:
        """Do one denoising step and wait; starts a run if none is in progress."""
        if not self.can_step:
            return
        if self.is_busy and self.control is not None:
            self.control.step_once()
            self.commandsChanged.emit()
        else:
            self._start(is_single_step=True)

    @Slot()
    def cancel(self) -> None:
        """Stop the run; what was computed is kept."""
        if self.can_cancel and self.control is not None:
            self.control.cancel()
            self._run.set_stopping()
            self.commandsChanged.emit()

    def _start(
        self,
        request: SamplingRequest | None = None,
        *,
        is_single_step: bool = False,
        **source: object,
    ) -> None:
        self.is_starting = True
        self.pending = frozenset()
        selection = self._run.selection
        if is_single_step:
            source["is_single_step"] = True
        self.control = self._sample(
            request or self.request, selection.image, selection.layer, **source
        )
        self.commandsChanged.emit()

    # what the buttons show ------------------------------------------------------------------

    @property
    def is_busy(self) -> bool:
        """Whether a run was asked for or is in progress."""
        return self.is_starting or self._run.state.is_active

    @property
    def can_sample(self) -> bool:
        """Whether a run can be started now."""
        return self.model is not None and not self.is_busy and not self.is_loading

    @property
    def can_pause(self) -> bool:
        """Whether there is a run to pause or to resume."""
        is_cancelled = self.control is not None and self.control.is_cancelled
        return self._run.state in (RunState.RUNNING, RunState.PAUSED) and not is_cancelled

    @property
    def can_step(self) -> bool:
        """Whether one denoising step can be asked for."""
        return self.can_sample or self.can_pause

    @property
    def can_cancel(self) -> bool:
        """Whether there is a run to cancel that was not cancelled yet."""
        is_cancelled = self.control is not None and self.control.is_cancelled
        return self.can_pause or (self.is_starting and not is_cancelled)

    @property
    def sample_label(self) -> str:
        """Text of the Sample button."""
        if self.is_starting:
            return tr("Starting…")
        return tr("Sampling…") if self._run.state is RunState.RUNNING else tr("Sample")

    @property
    def is_paused(self) -> bool:
        """Whether the Pause button goes on with the run."""
        return self._run.state is RunState.PAUSED

    @property
    def pause_label(self) -> str:
        """Text of the Pause button."""
        if self._run.state is RunState.PAUSED:
            return (
                tr("Resume") if self.control is None or self.control.is_paused else tr("Resuming…")
            )
        is_pausing = self.can_pause and self.control is not None and self.control.is_paused
        return tr("Pausing…") if is_pausing else tr("Pause")

    @property
    def cancel_label(self) -> str:
        """Text of the Cancel button."""
        is_cancelled = self.control is not None and self.control.is_cancelled
        return tr("Stopping…") if self.is_busy and is_cancelled else tr("Cancel")

    @Slot()
    def _on_state_changed(self) -> None:
        self.is_starting = False
        if not self._run.state.is_active:
            self.pending = frozenset()
            self.requestChanged.emit()
        self.commandsChanged.emit()

    @Slot()
    def _on_parameters_changed(self) -> None:
        change = self._run.changes[-1]
        self.pending = frozenset(
            name for name in self.pending if getattr(change, name) != getattr(self.request, name)
        )
        self.requestChanged.emit()
