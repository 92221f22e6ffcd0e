"""Time travel: one denoising step of a recorded run, computed again with every neuron looked at.

The step is evaluated from the state that entered it, in the same parts of the batch and with the same
parameters, so its spikes are those of the run to the bit. Where the state was not kept, the steps from
the last one that was, or from the seed, are repeated first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from spikestudio.checkpoints.loader import LoadedModel
from spikestudio.diffusion.absorbing import TokenStep
from spikestudio.errors import ConfigError
from spikestudio.language import tr
from spikestudio.models.wkv import wkv
from spikestudio.neurons.nodes import spiking_layers
from spikestudio.recording.memory import MIXED, Memory
from spikestudio.recording.recorder import unpacked, whole_potentials
from spikestudio.recording.values import Potentials, Readable
from spikestudio.sampling.branch import Past
from spikestudio.sampling.chain import Course, Predict, guess, to_array
from spikestudio.sampling.plan import run_layers
from spikestudio.sampling.replay import (
    as_before,
    check_same_model,
    course_at,
    in_force,
    no_probe,
)


@dataclass(frozen=True, slots=True)
class LayerStep:
    """What one layer of one image did in one denoising step; ``spikes`` uint8 ``[T, N]``, 0 or 1.

    ``memory`` is that of the time mixing before it, where there is one.
    """

    spikes: NDArray[np.uint8]
    potentials: Potentials
    memory: Memory | None = None


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
    past = Past.of(record, step)
    image = record.image if image is None else image
    _check(model, record, past, step, layer_ids, image)
    with as_before(model, past.request), torch.inference_mode():
        course = course_at(model, past, step, record)
        return _OneImage(model, image).layers_at(course, past, step, layer_ids)


class _OneImage:
    """One step, evaluated for one image of the batch only."""

    def __init__(self, model: LoadedModel, image: int) -> None:
        self.model = model
        self.image = image
        self._layers = run_layers(model)
        self._position = no_probe(self._layers)

    def layers_at(
        self, course: Course, past: Past, step: int, layer_ids: Sequence[str]
    ) -> dict[str, LayerStep]:
        parameters = past.parameters(step)
        course.predict = self._of_one_image(self.model.predict)
        course.temperature = parameters.temperature
        with (
            in_force(self.model, past.request, parameters, step, self._layers),
            self._watching(layer_ids) as seen,
        ):
            done = course.advance()
            if isinstance(done, TokenStep):
                self._of_one_image(self.model.decode)(guess(done))
        return seen

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
        mixed: dict[str, dict[str, Tensor]] = {}  # key and value of the time mixing, by layer
        for name in layer_ids:
            block, _, end = name.rpartition(".")
            mixing = getattr(self.model.network.get_submodule(block), "att", None)
            if end == MIXED and mixing is not None:
                mixed[name] = {}
                for part in ("key", "value"):
                    note = self._noting(mixed[name], part)
                    handles.append(getattr(mixing, part).register_forward_hook(note))
        try:
            yield seen
            for name, found in mixed.items():
                mixing = self.model.network.get_submodule(name.rpartition(".")[0]).att
                seen[name] = replace(seen[name], memory=_memory(mixing, **found))
        finally:
            for handle in handles:
                handle.remove()

    def _noting(self, found: dict[str, Tensor], name: str) -> Callable[[Any, Any, Tensor], None]:
        """Keep the image's row of what a layer of the time mixing gives."""

        def note(_module: Any, _args: Any, output: Tensor) -> None:  # noqa: ANN401
            row = self.image - self._position.first_row
            found[name] = output[row : row + 1].clone()

        return note

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


def _memory(mixing: Any, key: Tensor, value: Tensor) -> Memory:  # noqa: ANN401  a time mixing
    """Do the mixing of ``[1, N, D]`` once more: it does not depend on the batch."""
    outputs = wkv(mixing.time_decay, mixing.time_first, key, value)
    return Memory(
        keys=to_array(key[0].float()),
        values=to_array(value[0].float()),
        outputs=to_array(outputs[0].float()),
        decay=to_array((-mixing.time_decay.float().exp()).exp()),
        bonus=to_array(mixing.time_first.float()),
    )


def _check(
    model: LoadedModel,
    record: Readable,
    past: Past,
    step: int,
    layer_ids: Sequence[str],
    image: int,
) -> None:
    check_same_model(model, past.checkpoint, past.tensors_sha256, tr("compute its steps again"))
    if not 0 <= step < record.steps_done:
        raise ConfigError(
            tr(
                "The recording has the denoising steps 0 to {steps_done}, not {step}.",
                steps_done=record.steps_done - 1,
                step=step,
            ),
            field="step",
        )
    if step < past.first_step:
        raise ConfigError(
            tr(
                "Denoising step {step} is of the run that this one branched from, at step "
                "{first_step}: look at it there.",
                step=step,
                first_step=past.first_step,
            ),
            field="step",
        )
    num = past.request.num
    if not 0 <= image < num:
        raise ConfigError(
            tr("The run has the images 0 to {num}, not {image}.", num=num - 1, image=image),
            field="image",
        )
    known = {layer.id for layer in run_layers(model)}
    unknown = [each for each in layer_ids if each not in known]
    if unknown:
        raise ConfigError(
            tr("This run has no layer {unknown!r}: choose another.", unknown=unknown[0]),
            field="layer",
        )
