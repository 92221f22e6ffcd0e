"""SDDPM: a spiking U-Net that predicts the noise in an image (arXiv 2306.17046).

With ``tsm`` every convolution but the output layer is followed by one learned factor per SNN step, the
temporal-wise spiking mechanism (arXiv 2408.16467, section III-C). State-dict keys, shapes and numbers
are those of the released code. Activations travel as ``[T*B, C, H, W]``; only the IF neurons see T.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812  the usual name

from spikestudio.errors import ConfigError
from spikestudio.language import tr
from spikestudio.models.config import check
from spikestudio.models.embeddings import sinusoid_table
from spikestudio.models.readout import MembraneReadout
from spikestudio.neurons.layers import PointwiseConv2d
from spikestudio.neurons.nodes import IFNode


@dataclass(frozen=True, slots=True)
class SDDPMConfig:
    """Sizes of the U-Net; the defaults are the paper's for CIFAR-10."""

    image_size: int = 32
    image_channels: int = 3
    base_channels: int = 128
    channel_mult: tuple[int, ...] = (1, 2, 2, 4)
    num_res_blocks: int = 2
    num_snn_steps: int = 4
    num_train_timesteps: int = 1000
    tsm: bool = False

    def __post_init__(self) -> None:
        check("image_size", self.image_size, 4, 256)
        check("image_channels", self.image_channels, 1, 4)
        check("base_channels", self.base_channels, 2, 1024)
        check(tr("channel_mult levels"), len(self.channel_mult), 1, 6)
        for mult in self.channel_mult:
            check("channel_mult", mult, 1, 16)
        check("num_res_blocks", self.num_res_blocks, 1, 6)
        check("num_snn_steps", self.num_snn_steps, 1, 64)
        check("num_train_timesteps", self.num_train_timesteps, 2, 10_000)
        check(tr("table of times"), self.base_channels * self.num_train_timesteps, 4, 4_000_000)
        if self.base_channels % 2:
            raise ConfigError(
                tr(
                    "base_channels is {base_channels}: it must be even.",
                    base_channels=self.base_channels,
                ),
                field="base_channels",
            )
        if self.image_size % 2 ** (len(self.channel_mult) - 1):
            raise ConfigError(
                tr(
                    "image_size {image_size} cannot be halved {num_channel_mult} times.",
                    image_size=self.image_size,
                    num_channel_mult=len(self.channel_mult) - 1,
                ),
                field="image_size",
            )


class _TemporalScale(nn.Module):
    """A convolution whose output is scaled by ``p[t]`` at SNN step t (arXiv 2408.16467)."""

    def __init__(self, conv: nn.Conv2d, num_snn_steps: int) -> None:
        super().__init__()
        self.tsmconv = conv
        self.tsmp = nn.Parameter(torch.ones(num_snn_steps, 1, 1, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.tsmconv(x).unflatten(0, (len(self.tsmp), -1))
        return (y * self.tsmp).flatten(0, 1)


class _Builder:
    """Makes the convolutions of one configuration, with or without temporal scale."""

    def __init__(self, config: SDDPMConfig) -> None:
        self.config = config
        self.embedding_width = 4 * config.base_channels

    def conv(
        self, c_in: int, c_out: int, kernel: int = 3, stride: int = 1, gain: float | None = 1.0
    ) -> nn.Module:
        """Xavier-uniform weight with ``gain`` and zero bias; gain None keeps torch's default."""
        conv = (
            PointwiseConv2d(c_in, c_out)
            if kernel == 1
            else nn.Conv2d(c_in, c_out, kernel, stride, padding=kernel // 2)
        )
        if gain is not None:
            nn.init.xavier_uniform_(conv.weight, gain)
            nn.init.zeros_(conv.bias)  # type: ignore[arg-type]
        return _TemporalScale(conv, self.config.num_snn_steps) if self.config.tsm else conv

    def linear(self, n_in: int, n_out: int) -> nn.Linear:
        linear = nn.Linear(n_in, n_out)
        nn.init.xavier_uniform_(linear.weight)
        nn.init.zeros_(linear.bias)
        return linear


class _TimeEmbedding(nn.Module):
    """Frozen sinusoid table, then two linear layers; time ``[B]`` to ``[B, 4 * base_channels]``."""

    def __init__(self, build: _Builder) -> None:
        super().__init__()
        config, width = build.config, build.embedding_width
        table = sinusoid_table(config.num_train_timesteps, config.base_channels)
        # The misspelt name and the table inside the state dict are those of the released files.
        self.timembedding = nn.Sequential(
            nn.Embedding.from_pretrained(table),
            build.linear(config.base_channels, width),
            nn.SiLU(),
            build.linear(width, width),
        )

    def forward(self, t: Tensor) -> Tensor:
        return self.timembedding(t)  # type: ignore[no-any-return]


class _Level(nn.Module):
    """Neuron sites share the run-time number of SNN steps through ``steps``."""

    num_snn_steps: int

    def fire(self, neuron: IFNode, x: Tensor) -> Tensor:
        """Spikes for merged currents ``[T*B, C, H, W]``."""
        return neuron(x.unflatten(0, (self.num_snn_steps, -1))).flatten(0, 1)  # type: ignore[no-any-return]


class _ResBlock(_Level):
    def __init__(self, build: _Builder, c_in: int, c_out: int) -> None:
        super().__init__()
        self.neuron1 = IFNode()
        self.conv1 = build.conv(c_in, c_out)
        self.bn1 = nn.BatchNorm2d(c_out)
        self.temb_proj = nn.Sequential(nn.SiLU(), build.linear(build.embedding_width, c_out))
        self.neuron2 = IFNode()
        self.conv2 = build.conv(c_out, c_out)
        self.bn2 = nn.BatchNorm2d(c_out)
        # Acts on real values: no BatchNorm and no neuron on this path.
        self.shortcut = build.conv(c_in, c_out, kernel=1) if c_in != c_out else nn.Identity()

    def forward(self, x: Tensor, temb: Tensor) -> Tensor:
        h = self.bn1(self.conv1(self.fire(self.neuron1, x)))
        shift = self.temb_proj(temb)[
            :, :, None, None
        ]  # [B or 1, C, 1, 1], the same at every SNN step
        h = h + (shift if len(shift) == 1 else shift.repeat(self.num_snn_steps, 1, 1, 1))
        h = self.bn2(self.conv2(self.fire(self.neuron2, h)))
        return h + self.shortcut(x)  # type: ignore[no-any-return]


class _Resample(_Level):
    """IF, then (for up: nearest x2, then) a convolution and BatchNorm."""

    def __init__(self, build: _Builder, channels: int, *, up: bool) -> None:
        super().__init__()
        self.up = up
        self.neuron = IFNode()
        self.conv = build.conv(channels, channels, stride=1 if up else 2)
        self.bn = nn.BatchNorm2d(channels)

    def forward(self, x: Tensor, temb: Tensor) -> Tensor:
        spikes = self.fire(self.neuron, x)
        if self.up:
            spikes = F.interpolate(spikes, scale_factor=2, mode="nearest")
        return self.bn(self.conv(spikes))  # type: ignore[no-any-return]


class SDDPM(_Level):
    """Noise predictor: image ``[B, C, H, W]`` in [-1, 1] plus noise, time ``[B]``, to ``[B, C, H, W]``.

    ``num_snn_steps`` may be changed at run time with ``set_snn_steps`` unless the model has temporal
    scales, which exist for one number of steps only.
    """

    def __init__(self, config: SDDPMConfig) -> None:
        super().__init__()
        self.config = config
        build = _Builder(config)
        channels, width = config.image_channels, config.base_channels
        self.time_embedding = _TimeEmbedding(build)
        self.conv = build.conv(channels, width)
        self.bn = nn.BatchNorm2d(width)
        self.neuron = IFNode()
        self.conv_identity = build.conv(width, width, gain=None)
        self.bn_identity = nn.BatchNorm2d(width)

        widths = [width * mult for mult in config.channel_mult]
        skips = [width]
        down: list[nn.Module] = []
        c = width
        for level, c_out in enumerate(widths):
            for _ in range(config.num_res_blocks):
                down.append(_ResBlock(build, c, c_out))
                c = c_out
                skips.append(c)
            if level < len(widths) - 1:
                down.append(_Resample(build, c, up=False))
                skips.append(c)
        self.downblocks = nn.ModuleList(down)
        self.middleblocks = nn.ModuleList(_ResBlock(build, c, c) for _ in range(2))
        up: list[nn.Module] = []
        for level, c_out in reversed(list(enumerate(widths))):
            for _ in range(config.num_res_blocks + 1):
                up.append(_ResBlock(build, c + skips.pop(), c_out))
                c = c_out
            if level:
                up.append(_Resample(build, c, up=True))
        self.upblocks = nn.ModuleList(up)

        self.tail_bn = nn.BatchNorm2d(width)
        self.tail_conv = build.conv(width, channels, gain=1e-5)
        # Its extent over T is 1: one 3x3 convolution shared by all SNN steps.
        self.T_output_layer = nn.Conv3d(channels, channels, (3, 3, 1), padding=(1, 1, 0))
        self.last_bn = nn.BatchNorm2d(channels)
        self.membrane_output_layer = MembraneReadout(config.num_snn_steps)
        self.set_snn_steps(config.num_snn_steps)

    def set_snn_steps(self, num_snn_steps: int) -> None:
        """Run with another number of SNN steps; raises ``ConfigError`` for temporal scales."""
        if self.config.tsm and num_snn_steps != self.config.num_snn_steps:
            raise ConfigError(
                tr(
                    "This model learned one scale for each of its {num_snn_steps} SNN steps "
                    "and cannot run with {num_snn_steps_2}.",
                    num_snn_steps=self.config.num_snn_steps,
                    num_snn_steps_2=num_snn_steps,
                ),
                field="snn_steps",
            )
        check(tr("SNN time steps"), num_snn_steps, 1, 64)
        for module in self.modules():
            if isinstance(module, _Level):
                module.num_snn_steps = num_snn_steps

    def forward(self, x: Tensor, t: Tensor) -> Tensor:
        steps = self.num_snn_steps
        if not self.training and bool((t == t[0]).all()):
            t = t[:1]  # linear layers round by the number of rows: one, whatever the batch
        temb = self.time_embedding(t)
        # The stem sees a constant current, so without temporal scales one pass serves all steps.
        if self.config.tsm:
            h = self.bn(self.conv(x.repeat(steps, 1, 1, 1)))
        else:
            h = self.bn(self.conv(x)).repeat(steps, 1, 1, 1)
        h = self.bn_identity(self.conv_identity(self.fire(self.neuron, h)))
        skips = [h]
        for block in self.downblocks:
            h = block(h, temb)
            skips.append(h)
        for block in self.middleblocks:
            h = block(h, temb)
        for block in self.upblocks:
            if isinstance(block, _ResBlock):
                h = torch.cat([h, skips.pop()], dim=1)
            h = block(h, temb)
        g = self.tail_conv(_silu(self.tail_bn(h)))
        out = F.conv2d(
            g, self.T_output_layer.weight.squeeze(-1), self.T_output_layer.bias, padding=1
        )
        out = _silu(self.last_bn(out)) + g
        noise: Tensor = self.membrane_output_layer(out.unflatten(0, (steps, -1)))
        return noise


def _silu(x: Tensor) -> Tensor:
    """SiLU, when sampling on a CPU by way of float64.

    In float32 the last elements of a thread's share, which do not fill a vector, are rounded by other
    code, so that a value would depend on the batch and the number of threads.
    """
    if x.device.type != "cpu" or torch.is_grad_enabled():
        return F.silu(x)
    return F.silu(x.double()).to(x.dtype)
