"""Experiments on neurons: other constants for a layer, and lesions of some of its neurons.

An ``Override`` is a plain value that a request carries; ``overridden`` puts those that hold at one
denoising step into a network, and takes them out again exactly.
"""

from __future__ import annotations

import operator
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, fields
from difflib import get_close_matches
from fnmatch import fnmatchcase
from math import inf, isfinite
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from spikestudio.errors import ConfigError
from spikestudio.language import tr
from spikestudio.types import LayerInfo

if TYPE_CHECKING:
    from torch import Tensor, nn

    from spikestudio.neurons.nodes import IFNode, LIFNode

VALUES: dict[str, tuple[float, float] | None] = {
    "threshold": (0.001, 1000.0),
    "tau": (1.001, 1000.0),
    "hard-reset": (-1000.0, 1000.0),
    "soft-reset": None,
    "scale": (-1000.0, 1000.0),
    "silence": None,
    "clamp": None,
    "no-reconstruction": None,
}
"""What each kind may set, from lowest to highest; None where there is nothing to set."""
CONSTANTS = ("threshold", "tau", "hard-reset", "soft-reset")  # of all neurons of a layer
LESIONS = ("scale", "silence", "clamp")  # of all or of chosen ones
MODULES = {"no-reconstruction": ("lif2", "has_gate")}
"""Kinds that take a part of a block out: name of the layer in the block that stands for it, and the
flag of the block that is lowered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Override:
    """One change of the neurons of a layer, for a run or for some of its denoising steps.

    Where several set the same thing the last one counts; scales multiply.

    Parameters
    ----------
    layer
        Layer id, or a pattern: ``downblocks.*``, ``*`` for every layer.
    kind
        ``threshold``, ``tau`` or ``hard-reset`` (to the potential ``value``); ``soft-reset``, which
        subtracts the threshold; ``scale``, the input current times ``value``; ``silence``: never
        fires; ``clamp``: fires at every SNN step. Potentials follow the spikes. ``no-reconstruction``
        leaves out the reconstruction module of SDiT (arXiv 2402.11588) in the blocks whose ``lif2`` is
        meant: its tokens are there, so that no layer changes its shape, and nothing reads them.
    value
        What the kind sets; left out for the kinds that set nothing.
    neurons, channels
        Row-major ids of neurons, or channels of ``[C, H, W]`` and features of ``[token, feature]``:
        the part of the layer that is lesioned. Neither stands for all of it.
    steps
        First and last denoising step, counted from 0, both included; None stands for all. A last
        step beyond the end of the run is its end.

    Raises
    ------
    ConfigError
        A value that is missing, not finite or out of range, an unknown kind, or parts that do not
        fit together.
    """

    layer: str
    kind: str
    value: float | None = None
    neurons: tuple[int, ...] | None = None
    channels: tuple[int, ...] | None = None
    steps: tuple[int, int] | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.layer, str) or not self.layer:
            raise _error(
                "layer", tr("The layer must be an id or a pattern, not {layer!r}", layer=self.layer)
            )
        if self.kind not in VALUES:
            raise _error(
                "kind",
                tr(
                    "Unknown kind of override {kind!r}: choose one of {values}",
                    kind=self.kind,
                    values=", ".join(VALUES),
                ),
            )
        object.__setattr__(self, "value", _value(self.kind, self.value))
        for name in ("neurons", "channels"):
            object.__setattr__(self, name, _ids(name, getattr(self, name)))
        if self.neurons is not None and self.channels is not None:
            raise _error("neurons", tr("Choose either neurons or channels of a layer, not both"))
        if self.kind not in LESIONS and not self.is_whole_layer:
            raise _error(
                "neurons",
                tr(
                    "The kind {kind} holds for a whole layer: leave neurons and channels out",
                    kind=self.kind,
                ),
            )
        object.__setattr__(self, "steps", _span(self.steps))

    @property
    def is_whole_layer(self) -> bool:
        """Whether no part of the layer is chosen."""
        return self.neurons is None and self.channels is None

    def holds_at(self, step: int) -> bool:
        """Whether it holds at a denoising step, counted from 0."""
        return self.steps is None or self.steps[0] <= step <= self.steps[1]

    def concerns(self, layer_id: str) -> bool:
        """Whether a layer is the one meant, or fits the pattern."""
        return self.layer == layer_id or fnmatchcase(layer_id, self.layer)

    def part(self, layer: LayerInfo) -> NDArray[np.int64]:
        """Ids of the neurons meant in a layer."""
        if self.neurons is not None:
            return np.array(self.neurons, np.int64)
        ids = np.arange(layer.num_neurons).reshape(layer.shape)
        if self.channels is None:
            return ids.ravel()
        return ids.take(self.channels, axis=channel_axis(layer)).ravel()

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values; what is left out is None."""
        return {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in asdict(self).items()
        }

    @classmethod
    def from_json(cls, mapping: Mapping[str, Any]) -> Override:
        """Build one from plain values; raises ``ConfigError``."""
        known = [field.name for field in fields(cls)]
        for name in mapping:
            if name not in known:
                raise _error(
                    str(name),
                    tr(
                        "An override has no {name!r}: use {known}",
                        name=name,
                        known=", ".join(known),
                    ),
                )
        for name in ("layer", "kind"):
            if name not in mapping:
                raise _error(name, tr("An override needs a {name}", name=name))
        return cls(**mapping)


def as_overrides(values: object) -> tuple[Override, ...]:
    """Overrides from a sequence of them, or of their plain values; raises ``ConfigError``."""
    if (
        isinstance(values, Sequence)
        and not isinstance(values, str)
        and all(isinstance(v, Override | Mapping) for v in values)
    ):
        return tuple(v if isinstance(v, Override) else Override.from_json(v) for v in values)
    raise _error(
        "overrides", tr("The overrides must be a list of overrides, not {values!r}", values=values)
    )


def check_overrides(
    overrides: Iterable[Override], layers: Sequence[LayerInfo], num_steps: int
) -> None:
    """Raise ``ConfigError`` for one that does not fit the layers and denoising steps of a run."""
    for override in overrides:
        concerned = [layer for layer in layers if override.concerns(layer.id)]
        if not concerned:
            raise _error("layer", _unknown_layer(override.layer, layers))
        for layer in concerned:
            _check_fits(override, layer)
        if override.kind in MODULES and not any(_stands_for(override, each) for each in concerned):
            raise _error(
                "layer",
                tr(
                    "{layer} has no reconstruction module: choose the lif2 of a block of SDiT, "
                    "such as mid_block.lif2, or * for all",
                    layer=override.layer,
                ),
            )
        if override.steps is not None and override.steps[0] >= num_steps:
            raise _error(
                "steps",
                tr(
                    "An override of {layer} begins at denoising step {step}, "
                    "but the run has the steps 0 to {num_steps}",
                    layer=override.layer,
                    step=override.steps[0],
                    num_steps=num_steps - 1,
                ),
            )


@contextmanager
def overridden(
    network: nn.Module, overrides: Iterable[Override], step: int, layers: Sequence[LayerInfo]
) -> Iterator[None]:
    """Put the overrides that hold at a denoising step into a network, and take them out again.

    Parameters
    ----------
    network
        Evaluated inside the context. A threshold that is set for all layers has to be set before.
    overrides
        Must fit the layers (see ``check_overrides``).
    step
        The denoising step, counted from 0.
    layers
        The network's layers with the shapes of one image.
    """
    held = [override for override in overrides if override.holds_at(step)]
    if not held:
        yield
        return
    from spikestudio.neurons.nodes import spiking_layers

    nodes = spiking_layers(network)
    like = next(network.parameters())
    with ExitStack() as undo:
        for layer in layers:
            for override in held:
                if not override.concerns(layer.id):
                    continue
                if override.kind not in MODULES:
                    _apply(override, layer, nodes[layer.id], like, undo)
                elif _stands_for(override, layer):
                    block = network.get_submodule(layer.id.rpartition(".")[0])
                    _put(block, MODULES[override.kind][1], value=False, undo=undo)
        yield


def _put(owner: object, name: str, value: object, undo: ExitStack) -> None:
    undo.callback(setattr, owner, name, getattr(owner, name))
    setattr(owner, name, value)


def _apply(
    override: Override, layer: LayerInfo, node: IFNode | LIFNode, like: Tensor, undo: ExitStack
) -> None:
    def put(name: str, value: object) -> None:
        _put(node, name, value, undo)

    match override.kind:
        case "threshold":
            put("v_threshold", override.value)
        case "tau":
            put("tau", override.value)
        case "hard-reset":
            put("v_reset", override.value)
        case "soft-reset":
            put("v_reset", None)
        case "scale":
            assert override.value is not None  # checked when it was made
            factors = _filled(like.new_ones(layer.shape), override, layer, override.value)
            hook = node.register_forward_pre_hook(lambda _, args: (args[0] * factors,))
            undo.callback(hook.remove)
        case _:
            forced = like.new_zeros(layer.shape) if node.forced is None else node.forced.clone()
            value = inf if override.kind == "silence" else -inf
            put("forced", _filled(forced, override, layer, value))


def _filled(whole: Tensor, override: Override, layer: LayerInfo, value: float) -> Tensor:
    """Write ``value`` into the part that an override means."""
    if override.is_whole_layer:
        return whole.fill_(value)
    import torch

    whole.view(-1)[torch.from_numpy(override.part(layer)).to(whole.device)] = value
    return whole


def _check_fits(override: Override, layer: LayerInfo) -> None:
    if override.kind == "tau" and layer.tau is None:
        raise _error(
            "tau",
            tr(
                "The {neuron} neurons of layer {layer} do not leak, so tau cannot be set: "
                "choose another layer",
                neuron=layer.neuron,
                layer=layer.id,
            ),
        )
    for name, ids, size in (
        ("neuron", override.neurons, layer.num_neurons),
        ("channel", override.channels, layer.shape[channel_axis(layer)]),
    ):
        if ids is not None and ids[-1] >= size:
            raise _error(
                f"{name}s",
                tr(
                    "Layer {layer} has no {name} {id}: choose from 0 to {size}",
                    layer=layer.id,
                    name=name,
                    id=ids[-1],
                    size=size - 1,
                ),
            )


def _stands_for(override: Override, layer: LayerInfo) -> bool:
    """Whether a layer is the one by which a part of its block is meant."""
    return layer.id.rpartition(".")[2] == MODULES[override.kind][0]


def channel_axis(layer: LayerInfo) -> int:
    """Axis of the channels of ``[C, H, W]`` or the features of ``[token, feature]``."""
    return 0 if len(layer.shape) == 3 else len(layer.shape) - 1


def _unknown_layer(wanted: str, layers: Sequence[LayerInfo]) -> str:
    ids = [layer.id for layer in layers]
    near = get_close_matches(wanted, ids, n=1, cutoff=0.5) or ids[:1]
    return tr(
        "No layer of this model fits {wanted!r}: choose one such as {near}, or *",
        wanted=wanted,
        near=near[0],
    )


def _value(kind: str, value: Any) -> float | None:  # noqa: ANN401  whatever was given
    limits = VALUES[kind]
    if limits is None:
        if value is not None:
            raise _error(
                "value", tr("The kind {kind} takes no value, not {value!r}", kind=kind, value=value)
            )
        return None
    low, high = limits
    is_number = isinstance(value, int | float | np.number) and not isinstance(value, bool)
    if not (is_number and isfinite(value) and low <= value <= high):
        raise _error(
            "value",
            tr(
                "The value of a {kind} must be a number from {low:g} to {high:g}, not {value!r}",
                kind=kind,
                low=low,
                high=high,
                value=value,
            ),
        )
    return float(value)


def _ids(name: str, ids: Any) -> tuple[int, ...] | None:  # noqa: ANN401
    if ids is None:
        return None
    if not isinstance(ids, Sequence | np.ndarray) or isinstance(ids, str) or not len(ids):
        raise _error(
            name, tr("The {name} must be a list of numbers, not {ids!r}", name=name, ids=ids)
        )
    return tuple(sorted({_whole(name, each) for each in ids}))


def _span(steps: Any) -> tuple[int, int] | None:  # noqa: ANN401
    if steps is None:
        return None
    if not isinstance(steps, Sequence) or len(steps) != 2:
        raise _error(
            "steps", tr("The steps must be the first and the last one, not {steps!r}", steps=steps)
        )
    first, last = (_whole("steps", each) for each in steps)
    if first > last:
        raise _error(
            "steps",
            tr(
                "The first step, {first}, must not come after the last, {last}",
                first=first,
                last=last,
            ),
        )
    return first, last


def _whole(name: str, number: Any) -> int:  # noqa: ANN401
    try:
        whole = -1 if isinstance(number, bool) else operator.index(number)
    except TypeError:
        whole = -1
    if not 0 <= whole < 2**31:
        raise _error(
            name,
            tr(
                "The {name} must be whole numbers from 0 on, not {number!r}",
                name=name,
                number=number,
            ),
        )
    return whole


def _error(field: str, sentence: str) -> ConfigError:
    return ConfigError(f"{sentence}.", field=field)
