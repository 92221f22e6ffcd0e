"""What every neuron did, in bounded memory.

Always kept: each layer's firing rate at each denoising step. Within the byte budget: bit-packed spikes
of every layer of one image, and the potentials of one chosen layer of it. When the budget is reached
the oldest potentials go first, then the oldest spikes; rates stay.

One thread writes, any thread reads; what is read is a copy.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from spikestudio.types import LayerInfo

if TYPE_CHECKING:
    from torch import Tensor, nn

DEFAULT_BUDGET_BYTES = 512 * 1024 * 1024

Key = tuple[str, int]  # layer id, denoising step


@dataclass(frozen=True, slots=True)
class Potentials:
    """One layer of one image in one denoising step, float32 ``[T, N]`` each.

    ``h`` is the potential before reset (it reaches the threshold at a spike), ``v`` after it, and
    ``current`` the input. ``threshold`` is the one in force.
    """

    h: NDArray[np.float32]
    v: NDArray[np.float32]
    current: NDArray[np.float32]
    threshold: float


class Recorder:
    """Store of one run's neuron activity; see the module for what is kept.

    Parameters
    ----------
    layers
        The layers to watch, in order of evaluation.
    num_steps, snn_steps
        Denoising steps of the run and SNN steps in each.
    image
        Position in the batch of the image whose spikes and potentials are kept.
    layer
        Id of the layer whose potentials are kept; an unknown one stands for the middle layer.
    budget_bytes
        Bound on what spikes and potentials may take.
    """

    def __init__(
        self,
        layers: tuple[LayerInfo, ...],
        *,
        num_steps: int,
        snn_steps: int,
        image: int = 0,
        layer: str = "",
        budget_bytes: int = DEFAULT_BUDGET_BYTES,
    ) -> None:
        self.layers = layers
        self.num_steps = num_steps
        self.snn_steps = snn_steps
        self.image = image
        self.budget_bytes = budget_bytes
        self.steps_done = 0
        self._lock = threading.Lock()
        self._index = {layer.id: i for i, layer in enumerate(layers)}
        self._rates = np.full((len(layers), num_steps), np.nan, np.float32)
        self._spikes: OrderedDict[Key, NDArray[np.uint8]] = OrderedDict()
        self._potentials: OrderedDict[Key, Potentials] = OrderedDict()
        self._bytes = 0
        self._selected = layer if layer in self._index else layers[len(layers) // 2].id

    # Reading, from any thread.

    @property
    def bytes_used(self) -> int:
        """Bytes that spikes and potentials take now."""
        return self._bytes

    @property
    def selected(self) -> str:
        """Id of the layer whose potentials are kept."""
        return self._selected

    def select(self, layer_id: str) -> None:
        """Keep the potentials of another layer from the next denoising step on."""
        if layer_id in self._index:
            self._selected = layer_id

    def rates(self) -> NDArray[np.float32]:
        """Spikes per neuron and SNN step, over the whole batch, ``[layers, steps]``; NaN: not yet."""
        with self._lock:
            return self._rates.copy()

    def spikes(self, layer_id: str, step: int) -> NDArray[np.uint8] | None:
        """0 or 1, ``[T, N]``; None where not recorded."""
        with self._lock:
            packed = self._spikes.get((layer_id, step))
        if packed is None:
            return None
        num_neurons = self.layers[self._index[layer_id]].num_neurons
        return np.unpackbits(packed, axis=1, count=num_neurons)

    def potentials(self, layer_id: str, step: int) -> Potentials | None:
        """Potentials of one step; None where not recorded. Its arrays must not be written to."""
        with self._lock:
            return self._potentials.get((layer_id, step))

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

    def _finish_step(
        self,
        step: int,
        rates: dict[str, float],
        spikes: dict[str, NDArray[np.uint8]],
        potentials: dict[str, Potentials],
    ) -> None:
        with self._lock:
            for layer_id, rate in rates.items():
                self._rates[self._index[layer_id], step] = rate
            for layer_id, packed in spikes.items():
                self._spikes[layer_id, step] = packed
                self._bytes += packed.nbytes
            for layer_id, value in potentials.items():
                self._potentials[layer_id, step] = value
                self._bytes += _nbytes(value)
            self._drop_oldest()
            self.steps_done = step + 1

    def _drop_oldest(self) -> None:
        while self._bytes > self.budget_bytes and (self._potentials or self._spikes):
            if self._potentials:
                self._bytes -= _nbytes(self._potentials.popitem(last=False)[1])
            else:
                self._bytes -= self._spikes.popitem(last=False)[1].nbytes


class Probe:
    """The writing side while a network is watched.

    A denoising step may take several evaluations (chunks of a large batch); ``first_row`` and
    ``num_rows`` say which rows of the whole batch the next one holds.
    """

    def __init__(self, recorder: Recorder) -> None:
        self.recorder = recorder
        self.first_row = 0
        self.num_rows = 1
        self._counts: dict[str, float] = {}
        self._totals: dict[str, int] = {}
        self._spikes: dict[str, NDArray[np.uint8]] = {}
        self._potentials: dict[str, Potentials] = {}

    def hook(self, name: str) -> Callable[[nn.Module, tuple[Tensor, ...], Tensor], None]:
        """Forward hook of one layer."""

        def note(node: Any, args: tuple[Tensor, ...], output: Tensor) -> None:  # noqa: ANN401
            spikes = output[:, : self.num_rows]  # a padded row is not counted
            self._counts[name] = self._counts.get(name, 0.0) + float(spikes.sum())
            self._totals[name] = self._totals.get(name, 0) + spikes.numel()
            row = self.recorder.image - self.first_row
            if not 0 <= row < self.num_rows:
                return
            self._spikes[name] = np.packbits(_neurons(spikes[:, row]).astype(np.uint8), axis=1)
            if name == self.recorder.selected:
                current = args[0][:, row]
                h, v = node.potentials(current)
                self._potentials[name] = Potentials(
                    _neurons(h), _neurons(v), _neurons(current), node.v_threshold
                )

        return note

    def finish_step(self, step: int) -> None:
        """Store what was seen since the last call as denoising step ``step``."""
        rates = {name: count / self._totals[name] for name, count in self._counts.items()}
        self.recorder._finish_step(step, rates, self._spikes, self._potentials)
        self._counts, self._totals, self._spikes, self._potentials = {}, {}, {}, {}


def _neurons(x: Tensor) -> NDArray[np.float32]:
    """``[T, ...]`` of one image as float32 ``[T, N]``, neurons in row-major order, a frozen copy."""
    array = np.array(x.detach().flatten(1).float().cpu().numpy(), order="C")
    array.setflags(write=False)
    return array


def _nbytes(potentials: Potentials) -> int:
    return potentials.h.nbytes + potentials.v.nbytes + potentials.current.nbytes
