"""Runs that end, one after the other, without a worker and without a model."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from spikestudio.app.viewmodels.comparison import ComparisonModel
from spikestudio.app.viewmodels.history import Entry, HistoryModel
from spikestudio.app.viewmodels.run import RunModel
from spikestudio.app.viewmodels.sampler import SamplerModel
from spikestudio.app.viewmodels.timeline import TimelineModel
from spikestudio.recording.pictures import pictures
from spikestudio.sampling.branch import Branch
from spikestudio.sampling.control import RunControl
from spikestudio.sampling.events import (
    Cancelled,
    Failed,
    Finished,
    ImagePreview,
    ParametersChanged,
    RunStarted,
    StepFinished,
    TokensUnmasked,
)
from spikestudio.sampling.request import SamplingRequest
from spikestudio.sampling.result import RunResult
from tests.gui.fake_worker import entry, model_info
from tests.gui.fakes import MASK_ID, FakeRecorder

SIZE = 8
MIB = 2**20


class StateRecorder(FakeRecorder):
    """Also keeps what entered every step, but for those in ``lost``."""

    def __init__(self, request: SamplingRequest, sha256: str, branch: Branch | None = None) -> None:
        super().__init__(num_steps=request.steps, snn_steps=request.snn_steps)
        self.states: dict[int, dict[str, np.ndarray]] = {}
        self.lost: set[int] = set()
        self.bytes_used = 100 * MIB
        self.origin = {
            "request": request.to_json(),
            "checkpoint": {"name": "tiny", "tensors_sha256": sha256},
            "branch": branch.to_json() if branch else None,
        }

    def state(self, step: int) -> Any:
        return None if step in self.lost else self.states.get(step)


class Session:
    """The view-models that history and comparison work with, and runs for them.

    Pixels follow from the seed and, from step ``parts_at`` on, from the threshold, like those of a
    real run.
    """

    def __init__(self, architecture: str = "sddpm", budget_mb: float = 512) -> None:
        self.run = RunModel()
        self.requests: list[SamplingRequest] = []
        self.sampler = SamplerModel(self.run, self._sample)
        self.timeline = TimelineModel(self.run)
        self.budget_mb = budget_mb
        self.history = HistoryModel(self.run, self.sampler, lambda: self.budget_mb)
        self.jobs: list[Any] = []
        self.comparison = ComparisonModel(
            self.run, self.sampler, self.history, lambda *job: self.jobs.append(job)
        )
        found = entry("tiny", architecture)
        self.sampler.set_model(model_info(found.path, found.card))
        self.sha256 = found.card.tensors_sha256
        self._last_id = 0

    def _sample(self, request: SamplingRequest, _image: int, _layer: str) -> RunControl:
        self.requests.append(request)
        return RunControl()

    def finish_jobs(self) -> None:
        """Do the background work that was asked for."""
        jobs, self.jobs = self.jobs, []
        for job, done, _failed in jobs:
            done(job())

    def request(self, **changes: Any) -> SamplingRequest:
        values = {"num": 5, "steps": 4, "snn_steps": 4, "sampler": self.sampler.request.sampler}
        return replace(SamplingRequest(), **(values | changes))

    def sample(
        self,
        request: SamplingRequest | None = None,
        *,
        done: int | None = None,
        end: str = "finished",
        parts_at: int = 1,
        branch: Branch | None = None,
        sha256: str | None = None,
        size: int = SIZE,
        lost: tuple[int, ...] = (),
        changed_at: int | None = None,
        **changes: Any,
    ) -> Entry:
        """Do a run to its end, or to ``done`` steps; ``lost`` states are not kept."""
        request = request or self.request(**changes)
        self._last_id += 1
        ids: Any = {"run_id": self._last_id}
        recorder: Any = StateRecorder(request, sha256 or self.sha256, branch)
        recorder.lost = set(lost)
        times = tuple(round(t) for t in np.linspace(999, 0, request.steps))
        self.run.take(
            RunStarted(
                **ids,
                request=request,
                device="cpu",
                timesteps=times,
                layers=recorder.layers,
                recorder=recorder,
            )
        )
        done = request.steps if done is None else done
        is_tokens = request.sampler == "absorbing"
        images = tokens = None
        for step in range(done):
            if step == changed_at:
                change = {"step": step, "threshold": 0.9, "temperature": 1.0}
                self.run.take(ParametersChanged(**ids, **change))
            rng = _randomness(request, step, parts_at)
            entering = _randomness(request, step - 1, parts_at)
            recorder.advance(request.threshold)
            if is_tokens:
                images, tokens = self._token_step(recorder, request, step, rng, entering)
                self.run.take(TokensUnmasked(**ids, step=step, mask_id=MASK_ID, **tokens))
                preview = ImagePreview(**ids, step=step, decoded=images)
            else:
                shape = (request.num, 1, size, size)
                x_t, x0_hat = (r.uniform(-1, 1, shape).astype(np.float32) for r in (entering, rng))
                recorder.states[step] = {"x_t": x_t, "x0_hat": x0_hat}
                images = pictures(x0_hat)
                preview = ImagePreview(**ids, step=step, x_t=images, x0_hat=images)
            self.run.take(_step_finished(ids, step, times, request))
            self.run.take(preview)
        if end == "failed":
            self.run.take(Failed(**ids, message="The network gave NaN at denoising step 3."))
            return self.history.entries[-1]
        result = RunResult(
            request=request,
            checkpoint="tiny",
            tensors_sha256=sha256 or self.sha256,
            architecture="sddpm",
            device="cpu",
            num_threads=1,
            timesteps=times,
            steps_done=done,
            seconds=1.5,
            thresholds=(request.threshold,) * done,
            temperatures=(request.temperature,) * done,
            images=images,
            tokens=None if tokens is None else tokens["tokens"],
            branch=branch,
        )
        self.run.take({"finished": Finished, "cancelled": Cancelled}[end](**ids, result=result))
        return self.history.entries[-1]

    def _token_step(
        self,
        recorder: StateRecorder,
        request: SamplingRequest,
        step: int,
        rng: np.random.Generator,
        entering: np.random.Generator,
    ) -> tuple[np.ndarray, dict[str, np.ndarray]]:
        """A map whose rows are revealed one after the other."""
        shape = (request.num, 4, 4)
        guess = rng.integers(0, MASK_ID, shape).astype(np.int32)
        before = entering.integers(0, MASK_ID, shape).astype(np.int32)
        order = np.broadcast_to(np.arange(4)[:, None] * request.steps // 4, shape)
        was, now = order < step, order <= step
        revealed = np.where(was, order, -1).astype(np.int32)
        decoded = rng.integers(0, 256, (request.num, SIZE, SIZE, 1), dtype=np.uint8)
        recorder.states[step] = {
            "tokens": np.where(was, before, MASK_ID).astype(np.int32),
            "revealed": revealed,
            "confidence": was.astype(np.float32),
            "guess": guess,
            "decoded": decoded,
        }
        return decoded, {
            "tokens": np.where(now, guess, MASK_ID).astype(np.int32),
            "order": np.where(now, order, -1).astype(np.int32),
            "confidence": now.astype(np.float32),
        }


def _randomness(request: SamplingRequest, step: int, parts_at: int) -> np.random.Generator:
    threshold = round(request.threshold * 1000) if step >= parts_at else 0
    return np.random.default_rng([request.seed, step + 1, threshold])


def _step_finished(
    ids: Any, step: int, times: tuple[int, ...], request: SamplingRequest
) -> StepFinished:
    return StepFinished(
        **ids,
        step=step,
        t=times[step],
        seconds=0.1,
        threshold=request.threshold,
        temperature=request.temperature,
        bytes_recorded=0,
    )
