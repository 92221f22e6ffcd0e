"""Parts of a network as graphs of the Neuromorphic Intermediate Representation (NIR).

The graph is made by spikingjelly's exporter. NIR has convolutions, linear layers, average pooling and
neurons in a row, and nothing for what else the models are made of: embeddings, activation functions,
attention, transposed convolutions, additions and concatenations between blocks, the membrane read-out.
So no whole model fits, and none is written with holes: what can be written is a part that is
convolutions or linear layers, batch norms and neurons in a row. A batch norm in evaluation mode is an
affine function, which is folded into the weights before it; a layer of neurons keeps its threshold,
reset and time constant.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from io import BytesIO
from pathlib import Path
from typing import Any

import torch
from spikingjelly.activation_based import layer, neuron
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from spikestudio.atomic import atomic_write
from spikestudio.checkpoints.loader import LoadedModel
from spikestudio.errors import ConfigError, ExportError
from spikestudio.export.nirdata import why_not_nir
from spikestudio.language import tr
from spikestudio.models.spiking_diffusion.layers import SpikingSequential
from spikestudio.neurons.nodes import IFNode, LIFNode

DT = 1e-4  # seconds of an SNN step, the default of the frameworks that read NIR
_ROWS = (nn.Sequential, SpikingSequential)  # their subclasses may do anything


@dataclass(frozen=True, slots=True)
class Missing:
    """A layer or block that NIR cannot express: its module path, its class, and why."""

    name: str
    kind: str
    why: str


def why_not_graph() -> str:
    """Why a graph cannot be written here, as a sentence; empty if it can."""
    if why_not_nir():
        return why_not_nir()
    if find_spec("nirtorch") is None:
        return "NIR graphs need the package nirtorch: pip install 'spikestudio[nir]'."
    return ""


def expressible_parts(network: nn.Module) -> tuple[str, ...]:
    """Module paths of the largest parts that are layers in a row which NIR has, neurons among them."""
    found: list[str] = []
    for name, module in network.named_modules():
        is_inside = any(name.startswith(f"{outer}.") for outer in found)
        if not is_inside and _is_row(module) and not _row_problems(name, module):
            found.append(name)
    return tuple(found)


def inexpressible(network: nn.Module, part: str = "") -> tuple[Missing, ...]:
    """Everything in a part of a network that NIR cannot express; the whole network by default."""
    return tuple(_problems(part, _module(network, part)))


def save_nir(path: Path | str, model: LoadedModel, part: str = "", dt: float = DT) -> None:
    """Write a part of a model as NIR, in HDF5.

    Parameters
    ----------
    path
        The file.
    model
        A loaded model; its neurons are written with the thresholds in force.
    part
        Module path of one of ``expressible_parts``.
    dt
        Seconds of an SNN step, in which NIR gives time constants.

    Raises
    ------
    ConfigError
        There is no such part, or NIR cannot express it: every layer that it cannot is named.
    ExportError
        A package is missing, or the file cannot be written.
    """
    path = Path(path)
    reason = why_not_graph()
    if reason:
        raise ExportError(reason, path=path)
    graph = make_graph(model, part, dt)
    nir: Any = import_module("nir")  # not installed by default
    data = BytesIO()  # HDF5 on a disk that is full may end the process
    nir.write(data, graph)
    with atomic_write(path) as temporary:
        temporary.write_bytes(data.getbuffer())


def make_graph(model: LoadedModel, part: str = "", dt: float = DT) -> Any:  # noqa: ANN401  nir.NIRGraph
    """The graph that ``save_nir`` writes; raises ``ConfigError`` as it does.

    Its nodes are named as their modules, with ``_`` for dots.
    """
    missing = inexpressible(model.network, part)
    if missing:
        names = ", ".join(f"{each.name or 'the network'} ({each.why})" for each in missing)
        parts = ", ".join(expressible_parts(model.network)) or "none"
        raise ConfigError(
            tr(
                "NIR cannot express {num_missing:,} layers and blocks of {part}: {names}; "
                "choose a part that it can: {parts}.",
                num_missing=len(missing),
                part=part or model.name,
                names=names,
                parts=parts,
            ),
            field="part",
        )
    row = plain_row(model.network, part)
    exporter: Any = import_module("spikingjelly.activation_based.nir_exchange")
    return exporter.export_to_nir(row, torch.zeros(_input_shape(model, part)), dt=dt)


def plain_row(network: nn.Module, part: str) -> nn.Sequential:
    """A part as plain layers of spikingjelly for ``[T, B, ...]``, with batch norms folded in."""
    made: OrderedDict[str, nn.Module] = OrderedDict()
    last = ""
    for name, module in _leaves(part, _module(network, part)):
        if isinstance(module, nn.BatchNorm2d):
            conv = made[last]
            assert isinstance(conv, nn.Conv2d)  # by ``_why_not``
            made[last] = fuse_conv_bn_eval(conv, module)
            continue
        last = name.replace(".", "_")
        made[last] = module
    return nn.Sequential(
        OrderedDict((name, _plain(module)) for name, module in made.items())
    ).eval()


def _module(network: nn.Module, part: str) -> nn.Module:
    try:
        return network.get_submodule(part)
    except AttributeError as error:
        parts = ", ".join(expressible_parts(network)) or "none"
        raise ConfigError(
            tr(
                "The model has no part {part!r}: choose one that NIR can express: {parts}.",
                part=part,
                parts=parts,
            ),
            field="part",
        ) from error


def _is_row(module: nn.Module) -> bool:
    """Whether a module only applies its children one after another, neurons among them."""
    return type(module) in _ROWS and any(
        isinstance(each, IFNode | LIFNode) for each in module.modules()
    )


def _leaves(name: str, module: nn.Module) -> list[tuple[str, nn.Module]]:
    return [
        (f"{name}.{below}".strip("."), each)
        for below, each in module.named_modules()
        if not list(each.children()) or isinstance(each, IFNode | LIFNode)
        if not _is_of_neuron(module, below)
    ]


def _is_of_neuron(module: nn.Module, below: str) -> bool:
    """Whether it is a part of a layer of neurons, as its surrogate is."""
    above = below.rpartition(".")[0]
    return bool(above) and isinstance(module.get_submodule(above), IFNode | LIFNode)


def _problems(name: str, module: nn.Module) -> list[Missing]:
    found = []
    for below, each in module.named_modules():
        is_block = bool(list(each.children())) and not isinstance(each, IFNode | LIFNode)
        if is_block and type(each) not in (*_ROWS, nn.ModuleList):
            path = f"{name}.{below}".strip(".")
            why = "joins its parts in a way of its own"
            found.append(Missing(path, type(each).__name__, why))
    return found + _row_problems(name, module)


def _row_problems(name: str, module: nn.Module) -> list[Missing]:
    """Layers of a row that NIR does not have."""
    found = []
    before: nn.Module | None = None
    for path, each in _leaves(name, module):
        why = _why_not(each, before)
        if why:
            found.append(Missing(path, type(each).__name__, why))
        before = each
    return found


def _why_not(module: nn.Module, before: nn.Module | None) -> str:
    kind = type(module).__name__
    if isinstance(module, IFNode | LIFNode):
        if module.forced is not None:
            return "single neurons of it are forced"
        return "" if module.v_reset is not None else "NIR has no soft reset"
    if isinstance(module, nn.BatchNorm2d):
        return (
            "" if isinstance(before, nn.Conv2d) else "a batch norm without a convolution before it"
        )
    if isinstance(module, nn.Conv2d):
        is_plain = module.groups == 1 and module.padding_mode == "zeros"
        return "" if is_plain else "a grouped convolution, or one that is not padded with zeros"
    return "" if isinstance(module, nn.Linear) else f"NIR has no {kind}"


def _plain(module: nn.Module) -> nn.Module:
    """The layer as spikingjelly's own, which its exporter knows."""
    if isinstance(module, LIFNode):
        made: Any = neuron.LIFNode(
            module.tau, True, module.v_threshold, module.v_reset, step_mode="m"
        )
        return made  # type: ignore[no-any-return]
    if isinstance(module, IFNode):
        made = neuron.IFNode(module.v_threshold, module.v_reset, step_mode="m")
        return made  # type: ignore[no-any-return]
    has_bias = module.bias is not None
    if isinstance(module, nn.Conv2d):
        made = layer.Conv2d(
            module.in_channels,
            module.out_channels,
            module.kernel_size,
            module.stride,
            module.padding,
            module.dilation,
            bias=has_bias,
            step_mode="m",
        )
    else:
        assert isinstance(module, nn.Linear)
        made = layer.Linear(module.in_features, module.out_features, has_bias, step_mode="m")
    made.load_state_dict(module.state_dict())
    return made  # type: ignore[no-any-return]


def _input_shape(model: LoadedModel, part: str) -> tuple[int, ...]:
    """Shape ``[T, B, ...]`` of what enters a part, found by evaluating the model once."""
    shapes: list[tuple[int, ...]] = []
    first = _module(model.network, part)
    hook = first.register_forward_pre_hook(partial(_keep_shape, shapes))
    try:
        _ = model.layers, model.codec_layers
        if not shapes:  # they were known
            del model.__dict__["layers"], model.__dict__["codec_layers"]
            _ = model.layers, model.codec_layers
    finally:
        hook.remove()
    return shapes[0]


def _keep_shape(shapes: list[tuple[int, ...]], _: nn.Module, inputs: tuple[Tensor, ...]) -> None:
    shapes.append(tuple(inputs[0].shape))
