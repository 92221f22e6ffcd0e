"""Finds the weight layers of a network, and what each of them reads, by running it once.

Every call of torch is watched. The output of a spiking layer is marked; the mark survives what only
moves values around, becomes "real" under a mean, and is lost under everything else. A weight layer is
known by the memory of its weight, so that one whose weight is used without calling it is found too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode
from torch.utils.weak import WeakTensorKeyDictionary

from spikestudio.errors import ConfigError
from spikestudio.metrics.operations import Operations, WeightLayer
from spikestudio.models.sdit import SDiTConfig
from spikestudio.models.spiking_diffusion import SpikingDiffusionConfig
from spikestudio.neurons.nodes import spiking_layers

_MOVING = frozenset(
    (
        *("flatten", "unflatten", "reshape", "view", "permute", "transpose", "squeeze"),
        *("unsqueeze", "expand", "repeat", "contiguous", "clone", "to", "__getitem__"),
    )
)
_counted: WeakKeyDictionary[nn.Module, Operations] = WeakKeyDictionary()
_decoders: WeakKeyDictionary[nn.Module, Operations] = WeakKeyDictionary()
_CONVOLUTIONS = frozenset(("conv1d", "conv2d", "conv3d"))
_TRANSPOSED = frozenset(("conv_transpose1d", "conv_transpose2d", "conv_transpose3d"))


def count_operations(network: nn.Module) -> Operations:
    """Weight layers of one evaluation of any of the architectures, for one image.

    Evaluates the network once with its weights on its device, which takes no longer than one
    denoising step; neither weights nor settings are changed. The answer does not depend on either, so
    it is kept as long as the network.
    """
    if network not in _counted:
        _counted[network] = _count(network)
    return _counted[network]


def fan_out(network: nn.Module) -> dict[str, NDArray[np.int64]]:
    """Additions that one spike of each layer that fires in a run causes, by its place in the map.

    For token models that includes the decoder, which draws a picture of every step.
    """
    parts = [count_operations(network)]
    config: Any = network.config
    if isinstance(config, SpikingDiffusionConfig):
        if network not in _decoders:
            _decoders[network] = _count_decoder(network)
        parts.append(_decoders[network])
    return {
        layer_id: each
        for operations in parts
        for layer_id, each in zip(operations.spiking, operations.fan_out, strict=True)
    }


def _count_decoder(network: Any) -> Operations:  # noqa: ANN401  a token model
    size = network.config.grid_size
    device = next(network.parameters()).device
    tokens = torch.zeros((1, size, size), dtype=torch.int64, device=device)
    with _two_steps(network):
        return trace(network, lambda: network.decode(tokens))


def _count(network: nn.Module) -> Operations:
    config: Any = network.config
    device = next(network.parameters()).device
    time = torch.ones(1, dtype=torch.int64, device=device)
    inputs: tuple[Tensor, ...]
    if isinstance(config, SpikingDiffusionConfig):
        grid = (1, config.grid_size, config.grid_size)
        inputs = (torch.zeros(grid, dtype=torch.int64, device=device), time)
    else:
        shape = (1, config.image_channels, config.image_size, config.image_size)
        inputs = (torch.zeros(shape, device=device), time)
        if isinstance(config, SDiTConfig):
            inputs = (*inputs, torch.zeros_like(time))
    with _two_steps(network):
        return trace(network, lambda: network(*inputs))


@contextmanager
def _two_steps(network: Any) -> Iterator[None]:  # noqa: ANN401  any of the architectures
    """The fewest SNN steps that tell what is computed at each of them; a locked model keeps its own."""
    before, was_training = network.num_snn_steps, network.training
    try:
        with suppress(ConfigError):
            network.set_snn_steps(2)
        network.eval()
        yield
    finally:
        network.train(was_training)
        network.set_snn_steps(before)


@torch.inference_mode()
def trace(network: nn.Module, evaluate: Callable[[], object]) -> Operations:
    """Weight layers of ``network`` that take part in ``evaluate``, which must give it one image.

    The first axis of what a layer reads must be that of the images (or SNN steps by images).
    """
    watch = _Watch(network)
    nodes = spiking_layers(network)
    handles = [node.register_forward_hook(watch.mark(name)) for name, node in nodes.items()]
    try:
        with watch:
            evaluate()
    finally:
        for handle in handles:
            handle.remove()
    return Operations(
        tuple(watch.layers),
        tuple(watch.neurons),
        tuple(watch.neurons.values()),
        tuple(watch.fan_out.values()),
    )


@dataclass(frozen=True, slots=True)
class _Mark:
    """On a tensor of spikes, or of their mean: where they come from."""

    sources: tuple[tuple[str, float], ...]  # spiking layer and its share of the elements
    is_binary: bool


class _Watch(TorchFunctionMode):
    """Sees every call of torch while it is active."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.layers: list[WeightLayer] = []
        self.neurons: dict[str, int] = {}
        self.fan_out: dict[str, NDArray[np.int64]] = {}
        self._marks = WeakTensorKeyDictionary()
        self._weights = {
            module.weight.untyped_storage().data_ptr(): (name, module.weight.dim() > 2)
            for name, module in network.named_modules()
            if isinstance(getattr(module, "weight", None), nn.Parameter) and module.weight.dim() > 1
        }

    def mark(self, name: str) -> Callable[[nn.Module, object, Tensor], None]:
        """Forward hook of one spiking layer."""

        def hook(_: nn.Module, __: object, spikes: Tensor) -> None:
            self.neurons[name] = spikes[0, 0].numel()  # of [T, B, ...]
            self.fan_out[name] = np.zeros(spikes.shape[3:], np.int64)
            self._marks[spikes] = _Mark(((name, 1.0),), is_binary=True)

        return hook

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: object,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:  # noqa: ANN401  whatever torch returns
        kwargs = kwargs or {}
        output = func(*args, **kwargs)
        if isinstance(output, Tensor):
            name = func.__name__
            self._note_product(func, name, args, kwargs, output)
            mark = self._mark_of(name, args, kwargs)
            if mark is None:
                self._marks.pop(output, None)
            else:
                self._marks[output] = mark
        return output

    def _mark_of(self, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> _Mark | None:
        if name == "cat":
            return self._joined(args[0])
        is_moving = name in _MOVING or (
            name == "interpolate" and kwargs.get("mode", "nearest") == "nearest"
        )
        if not (is_moving or name == "mean") or not isinstance(args[0], Tensor):
            return None
        mark: _Mark | None = self._marks.get(args[0])
        return mark if is_moving or mark is None else replace(mark, is_binary=False)

    def _joined(self, parts: list[Tensor]) -> _Mark | None:
        """Mark of tensors put together: none as soon as one of them has none."""
        total = sum(part.numel() for part in parts)
        shares: dict[str, float] = {}
        is_binary = True
        for part in parts:
            mark = self._marks.get(part)
            if mark is None:
                return None
            is_binary &= mark.is_binary
            for source, share in mark.sources:
                shares[source] = shares.get(source, 0.0) + share * part.numel() / total
        return _Mark(tuple(shares.items()), is_binary)

    def _note_product(
        self,
        func: Callable[..., Any],
        name: str,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        output: Tensor,
    ) -> None:
        reached = np.ones((), np.int64)  # outputs of one channel that each place of x acts on
        if name == "linear":
            x, weight = args[:2]
            macs = x.numel() * len(weight)
            fan_out = len(weight)
        elif name == "baddbmm":
            _, weight, x = args[:3]
            macs = output.numel() * weight.shape[-1]
            fan_out = weight.shape[-2]
        elif name in _CONVOLUTIONS or name in _TRANSPOSED:
            x, weight = args[:2]
            macs = (x if name in _TRANSPOSED else output).numel() * weight[0].numel()
            fan_out = weight.shape[0] * weight.shape[1] // x.shape[1]
            rest = {key: value for key, value in kwargs.items() if key != "bias"}
            reached = _reached(func, x.shape[2:], weight.shape[2:], *args[3:], **rest)
        else:
            return
        layer_id, is_convolution = self._weights[weight.untyped_storage().data_ptr()]
        mark = self._marks.get(x)
        passes = len(x)
        synapses = x.numel() * fan_out * int(reached.sum()) // reached.size
        if mark and mark.is_binary:
            for source, _ in mark.sources:
                here = self.fan_out[source]
                self.fan_out[source] = here + fan_out * _gathered(reached, here.shape)
        self.layers.append(
            WeightLayer(
                id=layer_id,
                is_convolution=is_convolution,
                macs=macs // passes,
                synapses=synapses // passes,
                sources=mark.sources if mark else (),
                is_binary=bool(mark and mark.is_binary),
                is_stepwise=passes > 1,
            )
        )


def _reached(
    func: Callable[..., Any],
    size: Sequence[int],
    kernel: Sequence[int],
    *args: Any,  # noqa: ANN401  stride, padding and so on, of the convolution
    **kwargs: Any,  # noqa: ANN401
) -> NDArray[np.int64]:
    """Outputs of one channel that each place of a convolution's input reaches, padding left out.

    It is the gradient of the sum of the same convolution of ones.
    """
    with torch.inference_mode(mode=False), torch.enable_grad():
        x = torch.ones(1, 1, *size, requires_grad=True)
        total = func(x, torch.ones(1, 1, *kernel), None, *args, **kwargs).sum()
        (reached,) = torch.autograd.grad(total, x)
    return reached[0, 0].round().to(torch.int64).numpy()


def _gathered(reached: NDArray[np.int64], shape: tuple[int, ...]) -> NDArray[np.int64]:
    """The same by the places of a spiking layer, whose map may have been enlarged on the way.

    Where its spikes have no place any more in what reads them, every neuron reaches the same.
    """
    if reached.ndim != len(shape) or any(a % b for a, b in zip(reached.shape, shape, strict=True)):
        return np.asarray(reached.sum() // reached.size)
    blocks = [part for a, b in zip(reached.shape, shape, strict=True) for part in (b, a // b)]
    return np.asarray(reached.reshape(blocks).sum(axis=tuple(range(1, len(blocks), 2))))
