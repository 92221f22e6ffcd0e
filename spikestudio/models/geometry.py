"""Where a neuron looks in a network's input, and where it acts on the output.

Convolutional networks: exact. A thin twin of the network (few channels, every weight positive, no
bias, neurons that pass their current on) carries a signal from or to a position exactly where the real
network's convolutions, strides, paddings and skips can. SDiT: tokens have a position only as patches;
what mixes them has no local geometry, so the token's patch is given and said to be that.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, Literal, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from spikestudio.errors import ConfigError
from spikestudio.language import tr
from spikestudio.models.sddpm import SDDPM, SDDPMConfig
from spikestudio.models.sdit import SDiTConfig
from spikestudio.models.spiking_diffusion import SpikingDiffusion
from spikestudio.models.spiking_diffusion.config import SpikingDiffusionConfig
from spikestudio.neurons.nodes import spiking_layers
from spikestudio.types import LayerInfo

Space = Literal["image", "tokens"]
Config = SDDPMConfig | SpikingDiffusionConfig | SDiTConfig
Position = tuple[int, int]  # y, x in a layer's map


class Box(NamedTuple):
    """Rows ``y0`` to ``y1 - 1`` and columns ``x0`` to ``x1 - 1``."""

    y0: int
    x0: int
    y1: int
    x1: int


@dataclass(frozen=True, slots=True)
class NeuronField:
    """What a neuron sees and what it can change; None where that has no place.

    ``note`` says in words what the boxes mean.
    """

    input: Box | None
    output: Box | None
    input_space: Space
    output_space: Space
    is_exact: bool
    note: str


def field_of(config: Config, layer: LayerInfo, neuron: int) -> NeuronField:
    """Return receptive field and footprint of one neuron in one network evaluation.

    Parameters
    ----------
    config
        Configuration of the network.
    layer
        The neuron's layer, as the network names it.
    neuron
        Row-major index in ``layer.shape``.

    Raises
    ------
    ConfigError
        The layer has no such neuron, or the network no such layer.
    """
    if not 0 <= neuron < layer.num_neurons:
        raise ConfigError(
            tr(
                "Layer {layer} has no neuron {neuron}: choose one from 0 to {num_neurons}.",
                layer=layer.id,
                neuron=neuron,
                num_neurons=layer.num_neurons - 1,
            ),
            field="neuron",
        )
    place = tuple(int(each) for each in np.unravel_index(neuron, layer.shape))
    if isinstance(config, SDiTConfig):
        return _token_field(config, place[0])
    return _convolution_field(config, layer.id, layer.shape[1:], (place[1], place[2]))


def neuron_at(config: Config, layer: LayerInfo, y: int, x: int, channel: int = 0) -> int:
    """Return the neuron whose place in the layer is that of a pixel of the image.

    The pixel lies in its receptive field and in its footprint; of a layer that works on tokens, the
    pixel's token does. SDiT: it is the one in the token of the pixel's patch.

    Parameters
    ----------
    config
        Configuration of the network.
    layer
        The neuron's layer, as the network names it.
    y, x
        Row and column in the network's image.
    channel
        Channel of a convolution's maps, or feature of a token.

    Raises
    ------
    ConfigError
        The image has no such pixel, or the layer no such channel.
    """
    side = config.image_size
    if not (0 <= y < side and 0 <= x < side):
        raise ConfigError(
            tr("The image is {side} × {side}: it has no pixel {y}, {x}.", side=side, y=y, x=x),
            field="pixel",
        )
    is_token = isinstance(config, SDiTConfig)
    channels = layer.shape[1] if is_token else layer.shape[0]
    if not 0 <= channel < channels:
        raise ConfigError(
            tr(
                "Layer {layer} has no channel {channel}: choose one from 0 to {channels}.",
                layer=layer.id,
                channel=channel,
                channels=channels - 1,
            ),
            field="channel",
        )
    if isinstance(config, SDiTConfig):
        per_row, size = side // config.patch_size, config.patch_size
        token = 1 + y // size * per_row + x // size  # the first one is for time and class
        return token * channels + channel
    _, height, width = layer.shape
    return (channel * height + y * height // side) * width + x * width // side


# patches ------------------------------------------------------------------------------------


def _token_field(config: SDiTConfig, token: int) -> NeuronField:
    box: Box | None = None
    patches = config.num_tokens - 1
    if token == 0:
        note = tr("token for time and class: it has no place in the image")
    elif token <= patches:
        per_row, size = config.image_size // config.patch_size, config.patch_size
        row, column = divmod(token - 1, per_row)
        box = Box(row * size, column * size, (row + 1) * size, (column + 1) * size)
        note = tr("position of the token's patch; the token also depends on all tokens before it")
    else:
        note = tr("reconstruction token: it sees the whole image and has no place in it")
    return NeuronField(box, box, "image", "image", is_exact=False, note=note)


# convolutions -------------------------------------------------------------------------------


class _Tap(nn.Module):
    """Takes a spiking layer's place: passes the current on, keeps it, and adds a signal to it."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: Tensor | None = None
        self.added: Tensor | None = None

    def forward(self, current: Tensor) -> Tensor:
        self.seen = current
        return current if self.added is None else current + self.added


@dataclass(frozen=True, slots=True)
class _Twin:
    """A thin positive network, and how one of its parts is run on a map ``[1, C, H, W]``."""

    network: nn.Module
    taps: dict[str, _Tap]

    def parts(self, layer_id: str) -> tuple[Callable[[Tensor], Tensor], Tensor, Space, Space]:
        """Return function, zero input, and spaces of input and output of the layer's stage."""
        network: Any = self.network
        config, zero = network.config, torch.zeros(1, dtype=torch.long)
        side = config.image_size
        image = torch.zeros(1, config.image_channels, side, side, dtype=torch.float64)
        if isinstance(config, SDDPMConfig):
            return lambda x: network(x, zero), image, "image", "image"
        tokens = torch.zeros(1, config.grid_size, config.grid_size, dtype=torch.float64)
        if layer_id.startswith("sdid."):
            return lambda x: network.sdid(x, zero), tokens, "tokens", "tokens"
        vqsvae = network.vqsvae
        if layer_id.startswith("vqsvae.encoder."):
            encode = vqsvae.encoder.snn_convs
            return lambda x: vqsvae.vq_layer.readout(encode(x[None])), image, "image", "tokens"
        codes = tokens[:, None].expand(-1, config.code_dim, -1, -1).clone()
        return lambda x: vqsvae._generate(x)[1], codes, "tokens", "image"


@lru_cache(maxsize=512)
@torch.inference_mode(mode=False)  # the caller's mode is not the twin's
def _convolution_field(
    config: SDDPMConfig | SpikingDiffusionConfig,
    layer_id: str,
    size: tuple[int, ...],
    place: Position,
) -> NeuronField:
    twin = _twin(config)
    if layer_id not in twin.taps:
        raise ConfigError(
            tr("The network has no spiking layer {layer_id!r}.", layer_id=layer_id), field="layer"
        )
    run, zero, input_space, output_space = twin.parts(layer_id)
    tap, (y, x) = twin.taps[layer_id], place
    with torch.enable_grad():
        source = zero.clone().requires_grad_()
        run(source)
        assert tap.seen is not None
        if tap.seen.shape[-2:] != size:
            raise ConfigError(
                tr(
                    "The maps of {layer_id} are {size} in this network, not {size_2}.",
                    layer_id=layer_id,
                    size=_size_text(tap.seen.shape[-2:]),
                    size_2=_size_text(size),
                ),
                field="layer",
            )
        (slope,) = torch.autograd.grad(tap.seen[..., y, x].sum(), source)
    with torch.no_grad():
        signal = torch.zeros_like(tap.seen)
        signal[..., y, x] = 1
        try:
            tap.added = signal
            reached = run(zero)
        finally:
            tap.seen = tap.added = None
    return NeuronField(
        _box(slope),
        _box(reached),
        input_space,
        output_space,
        is_exact=True,
        note=tr("everything that the neuron can see and can change in one evaluation"),
    )


@lru_cache(maxsize=4)
@torch.inference_mode(mode=False)
def _twin(config: SDDPMConfig | SpikingDiffusionConfig) -> _Twin:
    """Build the twin; the random state stays as it is."""
    thin: nn.Module
    with torch.random.fork_rng([]):
        if isinstance(config, SDDPMConfig):
            thin = SDDPM(
                replace(config, base_channels=2, num_snn_steps=1, num_train_timesteps=2, tsm=False)
            )
        else:
            thin = SpikingDiffusion(
                replace(
                    config,
                    codebook_size=2,
                    code_dim=1,
                    encoder_widths=(1,) * len(config.encoder_widths),
                    denoiser_widths=(1,) * len(config.denoiser_widths),
                    num_snn_steps=1,
                    token_embedding=0,
                )
            )
    thin = thin.double().eval().requires_grad_(False)
    for module in thin.modules():
        if isinstance(module, nn.Conv2d | nn.Conv3d | nn.ConvTranspose2d):
            module.weight.fill_(module.weight[0].numel() ** -1)
        if isinstance(module, nn.Linear):
            module.weight.zero_()  # time shifts every position alike
        if isinstance(module, nn.Conv2d | nn.Conv3d | nn.ConvTranspose2d | nn.Linear):
            assert module.bias is not None
            module.bias.zero_()
    taps = {name: _Tap() for name in spiking_layers(thin)}
    for name, tap in taps.items():
        thin.set_submodule(name, tap)
    return _Twin(thin, taps)


def _size_text(size: tuple[int, ...]) -> str:
    return " × ".join(str(side) for side in size)


def _box(signal: Tensor) -> Box | None:
    """Smallest box around what is not zero in ``[..., H, W]``."""
    plane = (signal != 0).flatten(0, -3).any(0) if signal.ndim > 2 else signal != 0
    rows, columns = (plane.any(axis).nonzero().flatten().tolist() for axis in (1, 0))
    if not rows:
        return None
    return Box(rows[0], columns[0], rows[-1] + 1, columns[-1] + 1)
