"""What every neuron did, in bounded memory.

Always kept: how often each layer fired at each SNN step, how many of its neurons never or always
did, and how many additions its spikes caused (synaptic operations). Within the byte budget:
bit-packed spikes of one image, the potentials of one chosen layer and of a few watched neurons of it,
and the state of the whole batch that entered each step, from which any step can be computed again.
`Store` says in which order they go when the budget is reached.

One thread writes, any thread reads; what is read is a copy or cannot be written to.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from spikestudio.errors import ConfigError, ExportError
from spikestudio.language import tr
from spikestudio.neurons.reference import integrate
from spikestudio.recording.bits import Bits, Packer, Tally, fetched, unpack
from spikestudio.recording.record import DEFAULT_BUDGET_MB, MEBIBYTE, Neuron, Record, watch_list
from spikestudio.recording.store import Store
from spikestudio.recording.values import (
    Activity,
    Parameters,
    Potentials,
    State,
    StepRecord,
    Watched,
    first_step,
)
from spikestudio.types import LayerInfo

if TYPE_CHECKING:
    from torch import Tensor, nn

DEFAULT_BUDGET_BYTES = DEFAULT_BUDGET_MB * MEBIBYTE

Sink = Callable[[StepRecord], None]
_Constants = tuple[float, float | None, float | None, bool]  # threshold, reset, tau, is free


class Recorder:
    """Store of one run's neuron activity; see the module for what is kept.

    Parameters
    ----------
    layers
        The layers to watch, in order of evaluation.
    num_steps, snn_steps
        Denoising steps of the run and SNN steps in each.
    record
        What to keep; its ``image`` must be one of the batch.
    origin
        ``request`` and ``checkpoint`` of the run, as in its provenance.
    fan_out
        Additions that one spike of a layer causes, by its place (``metrics.operations``); a layer that
        is left out causes none.

    Raises
    ------
    ConfigError
        A layer to record or a neuron to watch does not exist.
    """

    def __init__(
        self,
        layers: tuple[LayerInfo, ...],
        *,
        num_steps: int,
        snn_steps: int,
        record: Record | None = None,
        origin: Mapping[str, Any] | None = None,
        fan_out: Mapping[str, NDArray[np.int64]] | None = None,
    ) -> None:
        record = record or Record()
        self.layers = layers
        self.num_steps = num_steps
        self.snn_steps = snn_steps
        self.image = record.image
        self.budget_bytes = record.budget_bytes
        self.origin = origin or {}
        self._tally = Tally(layers, fan_out or {})
        self.steps_done = 0
        self.sink: Sink | None = None
        self.file_path: Path | None = None
        self.file_bytes = 0
        self.file_error = ""
        self._lock = threading.Lock()
        self._index = {layer.id: i for i, layer in enumerate(layers)}
        for layer_id in record.layers or ():
            self._check_layer(layer_id, "layers")
        self.recorded = tuple(
            layer.id for layer in layers if record.layers is None or layer.id in record.layers
        )
        self._activity = Activity.empty(len(layers), num_steps, snn_steps)
        self._parameters: list[Parameters] = []
        self._store = Store()
        self._is_muted = False
        wanted = record.potentials or ""
        self._selected = wanted if wanted in self._index else layers[len(layers) // 2].id
        self._has_potentials = record.potentials is not None
        self._watch: tuple[Neuron, ...] = ()
        self.set_watch(record.watch)

    # Reading, from any thread.

    @property
    def first_step(self) -> int:
        """First step that is the run's own; those before are of the run that it branched from."""
        return first_step(self.origin)

    @property
    def bytes_used(self) -> int:
        """Bytes that everything but the counts takes now."""
        return self._store.nbytes

    @property
    def dropped(self) -> str:
        """One sentence on what the budget did not allow to keep; empty if all is there."""
        with self._lock:
            return self._store.sentence(self.budget_bytes, self.steps_done)

    @property
    def too_small(self) -> str:
        """One sentence if the budget does not hold a single step; empty if it does."""
        with self._lock:
            return self._store.shortage(self.budget_bytes)

    @property
    def selected(self) -> str:
        """Id of the layer whose potentials are kept."""
        return self._selected

    def select(self, layer_id: str) -> None:
        """Keep the potentials of another layer from the next denoising step on."""
        if layer_id in self._index:
            self._selected = layer_id

    @property
    def watch(self) -> tuple[Neuron, ...]:
        """The neurons whose potentials are kept at every step."""
        return self._watch

    def set_watch(self, neurons: Sequence[Neuron]) -> None:
        """Watch these neurons from the next denoising step on; raises ``ConfigError``."""
        watch = watch_list(neurons)
        for layer_id, index in watch:
            self._check_layer(layer_id, "watch")
            size = self._layer(layer_id).num_neurons
            if index >= size:
                raise ConfigError(
                    tr(
                        "Layer {layer_id} has no neuron {index} to watch: choose from 0 to {size}.",
                        layer_id=layer_id,
                        index=index,
                        size=size - 1,
                    ),
                    field="watch",
                )
        self._watch = watch

    def rates(self) -> NDArray[np.float32]:
        """Spikes per neuron and SNN step, over the whole batch, ``[layers, steps]``; NaN: not yet."""
        with self._lock:
            return self._activity.rates

    def activity(self) -> Activity:
        """Counts of every layer and step, a copy."""
        with self._lock:
            return self._activity.copy()

    def spikes(self, layer_id: str, step: int) -> NDArray[np.uint8] | None:
        """0 or 1, ``[T, N]``; None where not recorded (see ``missing``)."""
        with self._lock:
            packed = self._store.spikes.get((layer_id, step))
        if packed is None:
            return None
        return unpack(packed, self._layer(layer_id).num_neurons)

    def potentials(self, layer_id: str, step: int) -> Potentials | None:
        """Potentials of one step; None where not recorded. Its arrays must not be written to."""
        with self._lock:
            return self._store.potentials.get((layer_id, step))

    def watched(self, step: int) -> Watched | None:
        """The watched neurons of one step; None where none were, or no longer are."""
        with self._lock:
            return self._store.watched.get(step)

    def parameters(self, step: int) -> Parameters | None:
        """What was in force in a step; None if it is not done."""
        with self._lock:
            return self._parameters[step] if 0 <= step < len(self._parameters) else None

    def state(self, step: int) -> State | None:
        """What entered a step; None where not kept: it follows from an earlier one, or the seed."""
        with self._lock:
            return self._store.states.get(step)

    def logits_of(self, step: int, image: int) -> NDArray[np.float32] | None:
        """Logits ``[K, h, w]`` of one image of a token model in a step; None where not kept."""
        with self._lock:
            first, logits = self._store.logits.get(step, (0, ()))
        return logits[image - first] if 0 <= image - first < len(logits) else None

    def missing(self, layer_id: str, step: int) -> str:
        """Why there are no spikes of a layer in a step, in a few words; empty if there are."""
        with self._lock:
            if (layer_id, step) in self._store.spikes:
                return ""
        if step < self.first_step:
            return tr("before this run branched off")
        if step >= self.steps_done:
            return tr("not computed yet")
        if layer_id not in self.recorded:
            return tr("this layer was not chosen to be recorded")
        return tr(
            "let go to stay within {budget_bytes:g} MiB", budget_bytes=self.budget_bytes / MEBIBYTE
        )

    def _layer(self, layer_id: str) -> LayerInfo:
        return self.layers[self._index[layer_id]]

    def _check_layer(self, layer_id: str, field: str) -> None:
        if layer_id not in self._index:
            near = get_close_matches(layer_id, self._index, n=1, cutoff=0)
            raise ConfigError(
                tr(
                    "This model has no layer {layer_id!r} to record: choose one such as {near}.",
                    layer_id=layer_id,
                    near=near[0],
                ),
                field=field,
            )

    # Writing, from the sampling thread.

    @contextmanager
    def attached(self, network: nn.Module, check: Callable[[], None]) -> Iterator[Probe]:
        """Watch a network's spiking layers; ``check`` is called before each and may raise."""
        from spikestudio.neurons.nodes import spiking_layers

        probe = Probe(self)
        handles = []
        for name, node in spiking_layers(network).items():
            handles.append(node.register_forward_pre_hook(lambda *_: check()))
            if name in self._index:
                handles.append(node.register_forward_hook(probe.hook(name)))
        try:
            yield probe
        finally:
            for handle in handles:
                handle.remove()

    @contextmanager
    def muted(self) -> Iterator[None]:
        """Record nothing of what the network does meanwhile."""
        self._is_muted = True
        try:
            yield
        finally:
            self._is_muted = False

    def _finish_step(self, record: StepRecord) -> None:
        if self.sink is not None:
            try:
                self.sink(record)
            except ExportError as error:  # a full disk must not end the run
                self.file_error = str(error)
                self.sink = None
        totals, snn_steps = record.totals, self.snn_steps
        with self._lock:
            self._activity.counts[:, record.step] = totals[:, :snn_steps]
            self._activity.neurons[:, record.step] = totals[:, snn_steps]
            self._activity.silent[:, record.step] = totals[:, snn_steps + 1]
            self._activity.saturated[:, record.step] = totals[:, snn_steps + 2]
            self._activity.additions[:, record.step] = totals[:, snn_steps + 3]
            self._parameters.append(record.parameters)
            self._store.add(record, self.budget_bytes)
            if record.logits is not None:
                self._store.add_logits(record.step, record.logits, self.image, self.budget_bytes)
            self.steps_done = record.step + 1


class Probe:
    """The writing side while a network is watched.

    A denoising step may take several evaluations (chunks of a large batch); ``first_row`` and
    ``num_rows`` say which rows of the whole batch the next one holds. What is seen stays on the device
    until the step is finished.
    """

    def __init__(self, recorder: Recorder) -> None:
        self.recorder = recorder
        self.first_row = 0
        self.num_rows = 1
        self._watch: dict[str, Tensor] = {}
        self._watch_list: tuple[Neuron, ...] = ()
        self._pack = Packer()
        self._clear()

    def _clear(self) -> None:
        self._selected: str | None = None  # taken over from the recorder when the step begins
        self._bits: list[tuple[int, Bits | Tensor]] = []  # of every layer and evaluation
        self._spikes: dict[str, Bits | Tensor] = {}  # bits of the image that is recorded
        self._potentials: dict[str, Potentials] = {}
        self._watched: dict[_Constants, list[tuple[str, Tensor, Tensor | None]]] = {}

    def _begin(self) -> None:
        import torch

        self._selected = self.recorder.selected if self.recorder._has_potentials else ""
        if self._watch_list is self.recorder.watch:
            return
        self._watch_list = self.recorder.watch
        watch: dict[str, list[int]] = {}
        for layer_id, index in self._watch_list:
            watch.setdefault(layer_id, []).append(index)
        self._watch = {layer_id: torch.tensor(indices) for layer_id, indices in watch.items()}

    def hook(self, name: str) -> Callable[[nn.Module, tuple[Tensor, ...], Tensor], None]:
        """Forward hook of one layer."""
        recorder = self.recorder
        is_recorded = name in recorder.recorded
        index = recorder._index[name]

        def note(node: Any, args: tuple[Tensor, ...], output: Tensor) -> None:  # noqa: ANN401
            if recorder._is_muted:
                return
            if self._selected is None:
                self._begin()
            if output.shape[1] > self.num_rows:
                output = output[:, : self.num_rows]  # a padded row is not counted
            bits = self._pack(output)
            self._bits.append((index, bits))
            row = recorder.image - self.first_row
            if not 0 <= row < self.num_rows:
                return
            if is_recorded:
                self._spikes[name] = bits[:, row]
            if name != self._selected and name not in self._watch:
                return
            current = args[0].select(1, row).flatten(1)
            if name in self._watch:
                self._note_watched(name, node, current)
            if name == self._selected:
                self._potentials[name] = whole_potentials(node, current)

        return note

    def _note_watched(self, name: str, node: Any, current: Tensor) -> None:  # noqa: ANN401
        """Take the input of the watched neurons; what follows from it is computed for all at once."""
        chosen = self._watch[name].to(current.device)
        forced = None if node.forced is None else node.forced.flatten()[chosen]
        constants = (node.v_threshold, node.v_reset, node.tau, forced is None)
        group = self._watched.setdefault(constants, [])
        group.append((name, current.index_select(1, chosen), forced))

    def finish_step(
        self,
        step: int,
        parameters: Parameters,
        state: State | None = None,
        logits: NDArray[np.float32] | None = None,
    ) -> None:
        """Store what was seen since the last call as denoising step ``step``."""
        recorder = self.recorder
        pieces = [(index, fetched(bits)) for index, bits in self._bits]
        record = StepRecord(
            step=step,
            parameters=parameters,
            totals=recorder._tally(pieces, recorder.snn_steps),
            spikes={name: fetched(bits).copy() for name, bits in self._spikes.items()},
            potentials=self._potentials,
            watched=self._gather_watched(),
            state=state,
            logits=logits,
        )
        self._clear()
        recorder._finish_step(record)

    def _gather_watched(self) -> Watched | None:
        if not self._watched:
            return None
        import torch

        neurons: list[Neuron] = []
        thresholds: list[float] = []
        values = []
        for (threshold, v_reset, tau, _), group in self._watched.items():
            names, inputs, lesions = zip(*group, strict=True)
            neurons += [(name, i) for name in names for i in self._watch[name].tolist()]
            current = _array(torch.cat(inputs, dim=1))
            thresholds += [threshold] * current.shape[1]
            forced = None if lesions[0] is None else _array(torch.cat(lesions))
            replay = integrate(
                current, v_threshold=threshold, tau=tau, v_reset=v_reset, forced=forced
            )
            values.append((replay.h, replay.v, current))
        parts = zip(*values, strict=True)
        h, v, current = (_frozen(np.concatenate(each, axis=1, dtype=np.float32)) for each in parts)
        return Watched(tuple(neurons), h, v, current, np.array(thresholds, np.float32))


def whole_potentials(node: Any, current: Tensor) -> Potentials:  # noqa: ANN401  an IF or LIF node
    """Potentials of every neuron of a layer under the currents ``[T, ...]`` of one image."""
    array = _array(current.flatten(1))
    forced = None if node.forced is None else _array(node.forced.flatten())
    replay = integrate(
        array, v_threshold=node.v_threshold, tau=node.tau, v_reset=node.v_reset, forced=forced
    )
    h, v = (_frozen(each.astype(np.float32, copy=False)) for each in (replay.h, replay.v))
    array = _frozen(np.array(array, np.float32))  # the network may write over its own
    return Potentials(h, v, array, node.v_threshold)


def unpacked(spikes: Tensor) -> NDArray[np.uint8]:
    """Spikes ``[T, ...]`` of one image as uint8 ``[T, N]``, neurons in row-major order."""
    import torch

    return spikes.flatten(1).to(torch.uint8).cpu().numpy()


def _array(x: Tensor) -> NDArray[np.floating]:
    """In float32, or in float64 where it is: the precisions in which neurons are computed."""
    import torch

    return x.detach().to(torch.promote_types(x.dtype, torch.float32)).cpu().numpy()


def _frozen(array: NDArray[np.float32]) -> NDArray[np.float32]:
    array.setflags(write=False)
    return array
