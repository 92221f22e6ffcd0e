"""The chain of denoising steps that a request asks for, with any function in the network's place."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from spikestudio.checkpoints.loader import LoadedModel
from spikestudio.diffusion.absorbing import TokenState, TokenStep, unmask
from spikestudio.diffusion.samplers import SamplerStep, guided, sampler_of
from spikestudio.diffusion.schedules import GaussianSchedule
from spikestudio.diffusion.solvers import SCHEDULERS
from spikestudio.diffusion.upstream import upstream_schedule
from spikestudio.errors import ConfigError
from spikestudio.language import tr
from spikestudio.recording.recorder import Probe
from spikestudio.recording.values import State
from spikestudio.sampling.plan import plan, strict_course
from spikestudio.sampling.request import SamplingRequest
from spikestudio.seeds import ImageStreams

Predict = Callable[..., Any]  # a tensor or a pair of tensors, as the model gives
Chain = Iterator[SamplerStep | TokenStep]
HISTORY = "history"


def state_shapes(model: LoadedModel, request: SamplingRequest) -> dict[str, tuple[int, ...]]:
    """Shape of every array of a step's state (see ``recording.values.State``)."""
    config: Any = model.network.config
    if not model.is_token_model:
        shape = (request.num, config.image_channels, config.image_size, config.image_size)
        shapes: dict[str, tuple[int, ...]] = dict.fromkeys(("x_t", "x0_hat"), shape)
        if slots := _slots(request):
            shapes[HISTORY] = (shape[0], slots * shape[1], *shape[2:])
        return shapes
    grid = (config.grid_size, config.grid_size)
    names = ("tokens", "revealed", "confidence", "guess")
    card = model.card
    decoded = (request.num, card.image_size, card.image_size, card.image_channels)
    logits = (request.num, config.codebook_size, *grid)
    maps = dict.fromkeys(names, (request.num, *grid))
    return {**maps, "decoded": decoded, "logits": logits}


class Course:
    """The denoising steps of a request, done one by one, from the first or from any other one on.

    ``predict`` stands in for the model's and ``temperature`` is the one in force; both may be set
    between two steps. ``labels`` int64 ``[B]`` are the classes asked for, None where there are none.
    """

    def __init__(self, model: LoadedModel, request: SamplingRequest) -> None:
        self.temperature = request.temperature
        self.labels: Tensor | None = None
        self._model = model
        self._entering: Tensor | TokenState  # what the next step begins with, not a copy
        self._history: tuple[Tensor, ...] = ()  # and what its sampler keeps of those before
        self._slots = _slots(request)
        self.predict: Predict = self._nothing
        self._chain = self._make_chain(request)

    def _make_chain(self, request: SamplingRequest) -> Chain:
        model = self._model
        config: Any = model.network.config
        streams = ImageStreams(request.seed, request.num, request.first_image)
        if model.is_token_model:
            shape = (request.num, config.grid_size, config.grid_size)
            self._entering = TokenState.masked(shape, config.mask_id, model.device)
            return unmask(
                self._predicted,
                shape=shape,
                steps=request.steps,
                mask_id=config.mask_id,
                temperature=lambda: self.temperature,
                uniform=lambda shape: streams.uniform(*shape[1:]).to(model.device),
                num_timesteps=config.num_train_timesteps,
                strict_time=model.is_strict,
                start=self._entering,
            )
        x = streams.normal(config.image_channels, config.image_size, config.image_size)
        self._entering = x = x.to(model.device)
        predict: Predict = self._predicted
        if model.num_classes is not None:
            labels = streams.labels(model.num_classes)  # drawn in any case: the streams move on
            if request.class_label is not None:
                labels.fill_(request.class_label)
            self.labels = labels
            predict = guided(predict, labels.to(model.device), request.guidance, model.num_classes)
        times, strict = plan(model, request), False
        schedule = GaussianSchedule.linear(config.num_train_timesteps)
        if model.is_strict:
            course = strict_course(model, request)
            times, strict = course.times, course.strict
            schedule = upstream_schedule(model.card.architecture, config.num_train_timesteps)
        return sampler_of(request.sampler)(
            predict,
            x,
            schedule=schedule,
            times=times,
            noise=_Fresh(streams),
            clip_x0=request.clip_x0,
            strict=strict,
            gamma=model.gamma,
            eta=request.eta,
        )

    def advance(self) -> SamplerStep | TokenStep:
        """Do the next step."""
        done = next(self._chain)
        if isinstance(done, TokenStep):
            self._entering = done
        else:
            self._entering, self._history = done.x_next, done.history
        return done

    def state(self) -> dict[str, NDArray[Any]]:
        """What enters the next step, as in ``recording.values.State``; copies."""
        entering = self._entering
        if isinstance(entering, Tensor):
            state = {"x_t": to_array(entering)}
            if self._slots:
                empty = [torch.zeros_like(entering)] * (self._slots - len(self._history))
                state[HISTORY] = to_array(torch.cat([*self._history, *empty], 1))
            return state
        return {
            "tokens": to_array(entering.tokens.to(torch.int32)),
            "revealed": to_array(entering.order),
            "confidence": to_array(entering.confidence),
        }

    def enter(self, step: int, state: State | None = None) -> None:
        """Go to a step without doing those before it; only at the beginning.

        The random streams move on as if they had been done. ``state`` is what enters the step; None
        leaves what the seed gives, which is right for the first step only.
        """
        predict, self.predict = self.predict, self._nothing
        for _ in range(step):
            self.advance()
        self.predict = predict
        if state is None:
            return
        entering = self._entering
        if isinstance(entering, Tensor):
            entering.copy_(torch.tensor(state["x_t"]))
            if self._history:
                kept = torch.tensor(_history(state)).split(entering.shape[1], 1)
                for each, values in zip(self._history, kept, strict=False):  # the rest is empty
                    each.copy_(values)
            return
        entering.tokens.copy_(torch.tensor(state["tokens"]))
        entering.order.copy_(torch.tensor(state["revealed"]))
        entering.confidence.copy_(torch.tensor(state["confidence"]))

    def _predicted(self, *batch: Tensor) -> Any:  # noqa: ANN401  a tensor or a pair
        return self.predict(*batch)

    def _nothing(self, *batch: Tensor) -> Any:  # noqa: ANN401  a tensor or a pair
        """Zeros as the model's output."""
        x, model = batch[0], self._model
        if model.is_token_model:
            config: Any = model.network.config
            return torch.zeros((len(x), config.codebook_size, *x.shape[1:]), device=x.device)
        zeros = torch.zeros_like(x)
        return zeros if model.num_classes is None else (zeros, zeros)


class _Fresh:
    """Noise from the streams of the images."""

    def __init__(self, streams: ImageStreams) -> None:
        self._streams = streams

    @property
    def generators(self) -> Sequence[torch.Generator]:
        return self._streams.generators

    def __call__(self, like: Tensor, /) -> Tensor:
        return self._streams.normal(*like.shape[1:]).to(like)


def _slots(request: SamplingRequest) -> int:
    """Number of images that the sampler keeps of earlier steps."""
    return SCHEDULERS[request.sampler].slots if request.sampler in SCHEDULERS else 0


def _history(state: State) -> NDArray[Any]:
    if HISTORY not in state:
        raise ConfigError(
            tr(
                "This recording lacks what its sampler kept of the steps before, so none of its "
                "steps can "
                "be done again: sample it once more."
            ),
            field="branch",
        )
    return state[HISTORY]


def in_chunks(function: Predict, size: int, probe: Probe) -> Predict:
    """Evaluate a batch in parts, telling the probe which rows each part holds."""

    def evaluate(*batch: Tensor) -> Any:  # noqa: ANN401
        parts = []
        for first in range(0, len(batch[0]), size):
            part = [each[first : first + size] for each in batch]
            probe.first_row, probe.num_rows = first, len(part[0])
            output = function(*part)
            parts.append(output if isinstance(output, tuple) else (output,))
        whole = tuple(torch.cat(each) for each in zip(*parts, strict=True))
        return whole if len(whole) > 1 else whole[0]

    return evaluate


def guess(step: TokenStep) -> Tensor:
    """Tokens int64 ``[B, h, w]`` with the most probable code where still masked."""
    return torch.where(step.order < 0, step.logits.argmax(1), step.tokens)


def to_array(tensor: Tensor) -> NDArray[Any]:
    """A copy that cannot be written to."""
    array = np.array(tensor.cpu().numpy(), order="C")
    array.setflags(write=False)
    return array
