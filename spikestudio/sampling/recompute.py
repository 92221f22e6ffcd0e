"""Time travel: one denoising step of a recorded run, computed again with every neuron looked at.

The step is evaluated from the state that entered it, in the same parts of the batch and with the same
parameters, so its spikes are those of the run to the bit. Where the state was not kept, the steps from
the last one that was, or from the seed, are repeated first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from spikestudio.checkpoints.loader import LoadedModel
from spikestudio.diffusion.absorbing import TokenStep
from spikestudio.diffusion.samplers import SamplerStep
from spikestudio.errors import ConfigError
from spikestudio.neurons.nodes import set_threshold, spiking_layers
from spikestudio.neurons.overrides import overridden
from spikestudio.recording.recorder import Probe, Recorder, unpacked, whole_potentials
from spikestudio.recording.values import Potentials, Readable, State
from spikestudio.sampling.chain import Predict, guess, in_chunks, make_chain
from spikestudio.sampling.request import SamplingRequest
from spikestudio.sampling.run import plan, run_layers


@dataclass(frozen=True, slots=True)
class LayerStep:
    """What one layer of one image did in one denoising step; ``spikes`` uint8 ``[T, N]``, 0 or 1."""

    spikes: NDArray[np.uint8]
    potentials: Potentials


def recompute(
    model: LoadedModel,
    record: Readable,
    step: int,
    layer_ids: Sequence[str],
    image: int | None = None,
) -> dict[str, LayerStep]:
    """Compute a recorded step again and give what these layers did in it.

    Parameters
    ----------
    model
        The model that the run was made with; not to be used by another thread meanwhile.
    record
        A recorder, or a recording that was opened.
    step
        Denoising step from 0 on, one that the record reaches.
    layer_ids
        Layers of the run.
    image
        Position in the batch; None is the image that was recorded.

    Returns
    -------
    dict
        By layer id. Nothing is added to the record.

    Raises
    ------
    ConfigError
        The record is of another model, or has no such step, layer or image.
    """
    request = SamplingRequest(**record.origin["request"])
    image = record.image if image is None else image
    _check(model, record, request, step, layer_ids, image)
    replay = _Replay(model, record, request, image)
    with _as_before(model, request), torch.inference_mode():
        return replay.layers_at(step, layer_ids)


class _Replay:
    """A chain whose evaluations are left out, done, or done for one image only."""

    def __init__(
        self, model: LoadedModel, record: Readable, request: SamplingRequest, image: int
    ) -> None:
        self.model = model
        self.record = record
        self.request = request
        self.image = image
        self._layers = run_layers(model)
        self._position = Probe(Recorder(self._layers, num_steps=1, snn_steps=1))  # to no one
        self._predict: Predict = self._nothing
        self._temperature = request.temperature
        self._chain, _ = make_chain(
            model,
            request,
            plan(model, request),
            lambda *batch: self._predict(*batch),
            lambda: self._temperature,
        )

    def layers_at(self, step: int, layer_ids: Sequence[str]) -> dict[str, LayerStep]:
        start = next((s for s in range(step, 0, -1) if self.record.state(s) is not None), 0)
        for skipped in range(start):
            self._predict = self._nothing
            done = next(self._chain)
            if skipped == start - 1:
                _put(done, self.record.state(start))
        for before in range(start, step):
            self._predict = in_chunks(self.model.predict, self.model.chunk, self._position)
            with self._in_force(before):
                next(self._chain)
        self._predict = self._of_one_image(self.model.predict)
        with self._in_force(step), self._watching(layer_ids) as seen:
            done = next(self._chain)
            if isinstance(done, TokenStep):
                self._of_one_image(self.model.decode)(guess(done))
        return seen

    @contextmanager
    def _in_force(self, step: int) -> Iterator[None]:
        """Parameters and experiments of a step."""
        parameters = self.record.parameters(step)
        assert parameters is not None  # of every step that was done
        self._temperature = parameters.temperature
        set_threshold(self.model.network, parameters.threshold)
        with overridden(self.model.network, self.request.overrides, step, self._layers):
            yield

    @contextmanager
    def _watching(self, layer_ids: Sequence[str]) -> Iterator[dict[str, LayerStep]]:
        """Fill a dictionary with what the image does in these layers."""
        seen: dict[str, LayerStep] = {}

        def hook(name: str) -> Callable[[Any, tuple[Tensor, ...], Tensor], None]:
            def note(node: Any, args: tuple[Tensor, ...], output: Tensor) -> None:  # noqa: ANN401
                row = self.image - self._position.first_row
                potentials = whole_potentials(node, args[0][:, row])
                seen[name] = LayerStep(unpacked(output[:, row]), potentials)

            return note

        nodes = spiking_layers(self.model.network)
        handles = [nodes[name].register_forward_hook(hook(name)) for name in layer_ids]
        try:
            yield seen
        finally:
            for handle in handles:
                handle.remove()

    def _of_one_image(self, function: Predict) -> Predict:
        """Evaluate the part of the batch that holds the image; the rest of the output is zero."""

        def evaluate(*batch: Tensor) -> Any:  # noqa: ANN401  a tensor or a pair
            size = self.model.chunk
            first = self.image // size * size
            self._position.first_row = first
            output = function(*(each[first : first + size] for each in batch))
            parts = output if isinstance(output, tuple) else (output,)
            whole = tuple(each.new_zeros((len(batch[0]), *each.shape[1:])) for each in parts)
            for each, part in zip(whole, parts, strict=True):
                each[first : first + len(part)] = part
            return whole if len(whole) > 1 else whole[0]

        return evaluate

    def _nothing(self, *batch: Tensor) -> Any:  # noqa: ANN401  a tensor or a pair
        """Zeros as the model's output: the random streams move on, the state is put in later."""
        x = batch[0]
        if self.model.is_token_model:
            config: Any = self.model.network.config
            return torch.zeros((len(x), config.codebook_size, *x.shape[1:]), device=x.device)
        zeros = torch.zeros_like(x)
        return zeros if self.model.num_classes is None else (zeros, zeros)


def _put(done: SamplerStep | TokenStep, state: State | None) -> None:
    """Overwrite what a chain goes on with, in place."""
    assert state is not None
    if isinstance(done, SamplerStep):
        done.x_next.copy_(torch.tensor(state["x_t"]))
        return
    done.tokens.copy_(torch.tensor(state["tokens"]))
    done.order.copy_(torch.tensor(state["revealed"]))
    done.confidence.copy_(torch.tensor(state["confidence"]))


@contextmanager
def _as_before(model: LoadedModel, request: SamplingRequest) -> Iterator[None]:
    """Give the network the run's SNN steps, and afterwards all of its own constants back.

    A run that waits in the middle may hold the network: it finds it as it left it.
    """
    network: Any = model.network
    nodes = spiking_layers(network)
    thresholds = {name: node.v_threshold for name, node in nodes.items()}
    holders = [m for m in network.modules() if hasattr(m, "num_snn_steps")]
    snn_steps = holders[0].num_snn_steps
    network.set_snn_steps(request.snn_steps)
    try:
        yield
    finally:
        network.set_snn_steps(snn_steps)
        for name, node in nodes.items():
            node.v_threshold = thresholds[name]


def _check(
    model: LoadedModel,
    record: Readable,
    request: SamplingRequest,
    step: int,
    layer_ids: Sequence[str],
    image: int,
) -> None:
    checkpoint = record.origin["checkpoint"]
    if checkpoint["tensors_sha256"] != model.card.tensors_sha256:
        raise ConfigError(
            f"This recording was made with another model than {model.name}: load "
            f"{checkpoint['name']} to compute its steps again.",
            field="model",
        )
    if not 0 <= step < record.steps_done:
        raise ConfigError(
            f"The recording has the denoising steps 0 to {record.steps_done - 1}, not {step}.",
            field="step",
        )
    if not 0 <= image < request.num:
        raise ConfigError(
            f"The run has the images 0 to {request.num - 1}, not {image}.", field="image"
        )
    known = {layer.id for layer in run_layers(model)}
    unknown = [each for each in layer_ids if each not in known]
    if unknown:
        raise ConfigError(f"This run has no layer {unknown[0]!r}: choose another.", field="layer")
