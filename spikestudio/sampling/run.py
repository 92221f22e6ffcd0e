"""One run from request to result, as a generator of events.

Iterating does the work in the caller's thread. The window's worker, the command line and the tests use
the same class, so the same request gives the same pixels everywhere.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from spikestudio.checkpoints.loader import LoadedModel
from spikestudio.diffusion.absorbing import TokenStep
from spikestudio.diffusion.samplers import SamplerStep
from spikestudio.errors import (
    ExportError,
    NumericalError,
    SamplingError,
    SpikeStudioError,
)
from spikestudio.language import tr
from spikestudio.metrics.tracing import fan_out
from spikestudio.models.readout import set_rescaled
from spikestudio.neurons.nodes import set_threshold
from spikestudio.neurons.overrides import check_overrides
from spikestudio.recording.hdf5 import RecordingWriter
from spikestudio.recording.record import Record
from spikestudio.recording.recorder import Probe, Recorder
from spikestudio.recording.values import Parameters, Readable
from spikestudio.sampling.branch import Branch
from spikestudio.sampling.chain import Course, Predict, guess, in_chunks, state_shapes, to_array
from spikestudio.sampling.control import RunCancelledError, RunControl
from spikestudio.sampling.events import (
    Cancelled,
    Event,
    Failed,
    Finished,
    ImagePreview,
    ParametersChanged,
    Paused,
    Resumed,
    RunStarted,
    StepFinished,
    TokensUnmasked,
)
from spikestudio.sampling.pixels import as_data, to_pixels
from spikestudio.sampling.plan import plan as plan
from spikestudio.sampling.plan import run_layers as run_layers
from spikestudio.sampling.replay import check_branch, in_force, starting_state
from spikestudio.sampling.request import SamplingRequest
from spikestudio.sampling.result import RunResult

PREVIEW_IMAGES = 64  # a preview shows the first ones of a larger batch

Describe = Callable[[RunResult], Mapping[str, Any]]

_run_ids = itertools.count(1)


class SamplingRun:
    """A run of ``model``; iterate it once, then read ``result``.

    Parameters
    ----------
    model
        Must not be used by another thread meanwhile.
    request
        What to sample.
    control
        Takes commands from other threads.
    image, layer
        Position in the batch of the image whose neurons are recorded, and id of the layer of which
        the potentials are (see ``Recorder``). ``record`` says both and more.
    record
        What to record.
    describe
        Gives the provenance that a recording file carries; needed for ``record.path``.
    branch
        Where the run comes from, if it starts in the middle of another or from given tokens. Its steps
        are counted as the parent's are: those before ``branch.step`` are the parent's, have no events,
        and in the recorder only their parameters.
    parent
        Record of the run that ``branch`` is from; without it the steps before are computed again.

    Raises
    ------
    ConfigError
        The request does not fit the model: another kind of sampler, more steps than it was trained
        with, an unknown class, SNN steps of a model that is locked to its own, or a layer or neuron
        that it does not have. Or the branch does not fit the request, the model or its parent.
    """

    def __init__(
        self,
        model: LoadedModel,
        request: SamplingRequest,
        control: RunControl | None = None,
        *,
        image: int = 0,
        layer: str = "",
        record: Record | None = None,
        describe: Describe | None = None,
        branch: Branch | None = None,
        parent: Readable | None = None,
    ) -> None:
        self.model = model
        self.request = request
        self.branch = branch
        self.control = control or RunControl()
        self.run_id = next(_run_ids)
        self.result: RunResult | None = None
        self.timesteps = plan(model, request)
        self.layers = run_layers(model)
        check_overrides(request.overrides, self.layers, len(self.timesteps))
        if branch is not None:
            check_branch(model, request, branch, parent)
        self._parent = parent
        self.record = record or Record(image=image, potentials=layer)
        if self.record.path is not None and describe is None:
            raise ValueError("A recording file needs a provenance: give describe as well.")
        self._describe = describe
        self.recorder = Recorder(
            self.layers,
            num_steps=len(self.timesteps),
            snn_steps=request.snn_steps,
            record=replace(self.record, image=min(self.record.image, request.num - 1)),
            fan_out=fan_out(model.network),
            origin={
                "request": request.to_json(),
                "checkpoint": {"name": model.name, "tensors_sha256": model.card.tensors_sha256},
            }
            | ({} if branch is None else {"branch": branch.to_json()}),
        )
        self._threshold = request.threshold
        self._temperature = request.temperature
        self._thresholds: list[float] = []
        self._temperatures: list[float] = []
        self._course: Course | None = None
        self._images: np.ndarray[Any, np.dtype[np.uint8]] | None = None  # of a token model
        self._latest: Tensor | None = None  # of a pixel model
        self._tokens: np.ndarray[Any, np.dtype[np.int32]] | None = None
        self._started = 0.0

    def cancel(self) -> None:
        """Stop at the next spiking layer; from any thread."""
        self.control.cancel()

    def __iter__(self) -> Iterator[Event]:
        if self._started:
            raise SamplingError(
                tr("This run was started before: make another run to sample again.")
            )
        self._started = time.monotonic()
        network: Any = self.model.network
        network.set_snn_steps(self.request.snn_steps)
        set_rescaled(network, is_rescaled=self.request.rescale_readout)
        try:
            with self.recorder.attached(network, self.control.check) as probe:
                self._prepare(probe)
                with self._file():
                    self._pass_over(probe)
                    yield RunStarted(
                        run_id=self.run_id,
                        request=self.request,
                        device=self.model.device,
                        timesteps=self.timesteps,
                        layers=self.layers,
                        recorder=self.recorder,
                    )
                    yield from self._steps(probe)
            self.result = self._make_result()
            yield Finished(run_id=self.run_id, result=self.result)
        except RunCancelledError:
            self.result = self._make_result()
            yield Cancelled(run_id=self.run_id, result=self.result)
        except SpikeStudioError as error:
            yield Failed(run_id=self.run_id, message=str(error))
        finally:
            network.set_snn_steps(self.model.card.snn_steps)
            set_rescaled(network, is_rescaled=False)
            set_threshold(network, self.model.card.v_threshold)

    @contextmanager
    def _file(self) -> Iterator[None]:
        """Stream what is recorded to a file, if asked for."""
        path, describe = self.record.path, self._describe
        if path is None or describe is None:
            yield
            return
        writer = RecordingWriter(
            path,
            self.recorder,
            states=state_shapes(self.model, self.request),
            provenance=describe(self._make_result()),
            is_new=self.record.is_new,
        )
        self.recorder.sink = writer.add
        try:
            yield
        finally:
            self.recorder.sink = None
            try:
                writer.close(describe(self._make_result()))
            except ExportError as error:  # the images are there all the same
                self.recorder.file_error = self.recorder.file_error or str(error)

    def _prepare(self, probe: Probe) -> None:
        """Make the course, which knows the classes, before anything is evaluated."""
        with torch.inference_mode():
            self._course = Course(self.model, self.request)
        self._course.predict = self._checked(in_chunks(self.model.predict, self.model.chunk, probe))

    def _pass_over(self, probe: Probe) -> None:
        """Note the steps that a branch leaves to its parent."""
        branch = self.branch
        if branch is None or branch.past is None:
            return
        for step in range(branch.step):
            parameters = branch.past.parameters(step)
            probe.finish_step(step, parameters)
            self._thresholds.append(parameters.threshold)
            self._temperatures.append(parameters.temperature)

    def _steps(self, probe: Probe) -> Iterator[Event]:
        course, branch = self._course, self.branch
        assert course is not None  # prepared
        first = 0
        if branch is not None:
            first = branch.step
            with torch.inference_mode(), self.recorder.muted():
                start = starting_state(self.model, self.request, branch, self._parent)
                course.enter(first, start)
            self._parent = None  # a recorder is large
        for step in range(first, len(self.timesteps)):
            yield from self._wait_if_paused(step)
            yield from self._take_parameters(step)
            started = time.monotonic()
            course.temperature = self._temperature
            parameters = Parameters(self._threshold, self._temperature)
            with (
                torch.inference_mode(),
                in_force(self.model, self.request, parameters, step, self.layers),
            ):
                state = course.state()
                done = course.advance()
                previews = self._show(done, probe)
            state |= _predicted(done)
            if self._images is not None:
                state["decoded"] = self._images
            logits = None
            if isinstance(done, TokenStep):
                logits = to_array(done.logits)
            probe.finish_step(step, parameters, state, logits)
            self._thresholds.append(self._threshold)
            self._temperatures.append(self._temperature)
            yield StepFinished(
                run_id=self.run_id,
                step=step,
                t=self.timesteps[step],
                seconds=time.monotonic() - started,
                threshold=self._threshold,
                temperature=self._temperature,
                bytes_recorded=self.recorder.bytes_used,
            )
            yield from previews

    def _wait_if_paused(self, step: int) -> Iterator[Event]:
        self.control.check()
        if self.control.must_wait():
            yield Paused(run_id=self.run_id, step=step)
            self.control.wait()
            yield Resumed(run_id=self.run_id, step=step)

    def _take_parameters(self, step: int) -> Iterator[Event]:
        changed = self.control.take_parameters()
        before = self._threshold, self._temperature
        self._threshold = changed.get("threshold", self._threshold)
        self._temperature = changed.get("temperature", self._temperature)
        if before == (self._threshold, self._temperature):
            return
        yield ParametersChanged(
            run_id=self.run_id,
            step=step,
            threshold=self._threshold,
            temperature=self._temperature,
        )

    def _checked(self, function: Predict) -> Predict:
        """Raise ``NumericalError`` for NaN or infinity, which clipping would hide later."""

        def evaluate(*batch: Tensor) -> Any:  # noqa: ANN401
            output = function(*batch)
            parts = output if isinstance(output, tuple) else (output,)
            if not all(bool(each.isfinite().all()) for each in parts):
                raise NumericalError(
                    tr(
                        "The network gave NaN or infinity at denoising step {num_thresholds}: "
                        "try a threshold closer to 1 or another checkpoint.",
                        num_thresholds=len(self._thresholds) + 1,
                    )
                )
            return output

        return evaluate

    def _show(self, step: SamplerStep | TokenStep, probe: Probe) -> list[Event]:
        if isinstance(step, TokenStep):
            return self._show_tokens(step, probe)
        is_last = step.index == len(self.timesteps) - 1
        self._latest = step.x_next if is_last else step.x0_hat
        card, shown = self.model.card, slice(None) if is_last else slice(PREVIEW_IMAGES)
        x_t = as_data(step.x_next[shown], card)
        x0_hat = as_data(step.x0_hat[shown], card)
        return [ImagePreview(run_id=self.run_id, step=step.index, x_t=x_t, x0_hat=x0_hat)]

    def _show_tokens(self, step: TokenStep, probe: Probe) -> list[Event]:
        decode = self._checked(in_chunks(self.model.decode, self.model.chunk, probe))
        decoded = to_pixels(decode(guess(step)), 0.0, 1.0)
        decoded.setflags(write=False)  # the recorder keeps it
        self._images = decoded
        self._tokens = step.tokens.to(torch.int32).cpu().numpy()
        tokens = TokensUnmasked(
            run_id=self.run_id,
            step=step.index,
            tokens=self._tokens,
            order=step.order.cpu().numpy(),
            confidence=step.confidence.float().cpu().numpy(),
            mask_id=int(self.model.card.mask_id or 0),
        )
        return [tokens, ImagePreview(run_id=self.run_id, step=step.index, decoded=decoded)]

    def _make_result(self) -> RunResult:
        if self._latest is not None:
            self._images = as_data(self._latest, self.model.card)
        labels = None if self._course is None else self._course.labels
        return RunResult(
            request=self.request,
            branch=self.branch,
            checkpoint=self.model.name,
            tensors_sha256=self.model.card.tensors_sha256,
            architecture=self.model.card.architecture,
            device=self.model.device,
            num_threads=torch.get_num_threads(),
            dtype=self.model.dtype,
            file_sha256=self.model.file_sha256,
            is_strict=self.model.is_strict,
            timesteps=self.timesteps,
            steps_done=len(self._thresholds),
            seconds=time.monotonic() - self._started,
            thresholds=tuple(self._thresholds),
            temperatures=tuple(self._temperatures),
            images=self._images,
            tokens=self._tokens,
            labels=None if labels is None else labels.numpy(),
        )


def _predicted(done: SamplerStep | TokenStep) -> dict[str, np.ndarray[Any, np.dtype[Any]]]:
    """What a step predicted, as in ``recording.values.State``."""
    if isinstance(done, SamplerStep):
        return {"x0_hat": to_array(done.x0_hat)}
    return {"guess": to_array(guess(done).to(torch.int32))}
