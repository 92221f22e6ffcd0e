"""SDiT: a spiking diffusion transformer built from RWKV-4 blocks (arXiv 2402.11588).

Predicts noise and variance of class-conditional images. Tokens are the image's patches in raster order
after one token for time and class. Blocks exchange real values; the SNN time axis exists only inside
each LIF layer, whose input current is constant over it. State-dict keys, misspelt ones included, shapes
and numbers are those of the released code.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import log

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812  the usual name

from spikestudio.errors import ConfigError
from spikestudio.language import tr
from spikestudio.models.config import check
from spikestudio.models.embeddings import sinusoid_cos_first, unpatchify
from spikestudio.models.wkv import wkv
from spikestudio.neurons.layers import repeat_steps
from spikestudio.neurons.nodes import LIFNode

TIME_FEATURES = 256


@dataclass(frozen=True, slots=True)
class SDiTConfig:
    """Sizes of the transformer; the defaults are the paper's for MNIST.

    ``reconstruction`` False leaves the reconstruction module out of every block, the paper's ablation.
    """

    image_size: int = 28
    image_channels: int = 3
    patch_size: int = 2
    width: int = 384
    depth: int = 4
    num_classes: int = 10
    num_snn_steps: int = 4
    num_train_timesteps: int = 1000
    reconstruction: bool = True

    def __post_init__(self) -> None:
        check("image_size", self.image_size, 4, 256)
        check("image_channels", self.image_channels, 1, 4)
        check("patch_size", self.patch_size, 1, 32)
        check("width", self.width, 2, 4096)
        check("depth", self.depth, 2, 64)
        check("num_classes", self.num_classes, 1, 10_000)
        check("num_snn_steps", self.num_snn_steps, 1, 64)
        check("num_train_timesteps", self.num_train_timesteps, 2, 10_000)
        if self.depth % 2:
            raise ConfigError(
                tr("depth is {depth}: it must be even.", depth=self.depth), field="depth"
            )
        if self.image_size % self.patch_size:
            raise ConfigError(
                tr(
                    "image_size {image_size} cannot be cut into patches of {patch_size}.",
                    image_size=self.image_size,
                    patch_size=self.patch_size,
                ),
                field="patch_size",
            )

    @property
    def num_tokens(self) -> int:
        """Tokens between blocks: the patches and the one for time and class."""
        return (self.image_size // self.patch_size) ** 2 + 1

    @property
    def null_label(self) -> int:
        """The label that stands for no class."""
        return self.num_classes


class SDiT(nn.Module):
    """Noise and variance of a noisy image, ``[B, C, H, W]`` in [-1, 1] to ``[B, 2C, H, W]``.

    The first C channels are the noise, the others the variance coefficient (-1 smallest, 1 largest).
    ``num_snn_steps`` (through ``set_snn_steps``) and ``reconstruction`` may be changed at run time; so
    may ``has_gate`` of each block, without which its reconstruction tokens are there and do nothing.
    """

    def __init__(self, config: SDiTConfig) -> None:
        super().__init__()
        self.config = config
        self.num_snn_steps = config.num_snn_steps
        self.reconstruction = config.reconstruction
        channels, patch, width = config.image_channels, config.patch_size, config.width
        half = config.depth // 2

        self.x_embedder = _PatchEmbedding(channels, width, patch)
        self.t_embedder = _TimeEmbedding(width)
        self.y_embedder = _LabelEmbedding(config.num_classes + 1, width)
        self.pos_embed = nn.Parameter(torch.zeros(1, config.num_tokens, width))
        # The initial values of the out-blocks count from 0 again.
        self.in_blocks = nn.ModuleList(_Block(config, layer) for layer in range(half))
        self.mid_block = _Block(config, half)
        self.out_blocks = nn.ModuleList(_Block(config, layer, skip=True) for layer in range(half))
        self.final_layer = _FinalLayer(width, patch * patch * 2 * channels)
        self.conv = nn.Conv2d(2 * channels, 2 * channels, 3, padding=1)

    def set_snn_steps(self, num_snn_steps: int) -> None:
        """Run with another number of SNN steps, from 1 to 64."""
        check(tr("SNN time steps"), num_snn_steps, 1, 64)
        self.num_snn_steps = num_snn_steps

    def forward(self, x: Tensor, t: Tensor, y: Tensor) -> Tensor:
        condition = self.t_embedder(t) + self.y_embedder(y)  # [B, D]
        h = torch.cat([condition[:, None], self.x_embedder(x)], dim=1) + self.pos_embed
        skips = []
        for block in self.in_blocks:
            h = block(h, None, self.num_snn_steps, self.reconstruction)
            skips.append(h)
        h = self.mid_block(h, None, self.num_snn_steps, self.reconstruction)
        for block in self.out_blocks:
            h = block(h, skips.pop(), self.num_snn_steps, self.reconstruction)
        patches = self.final_layer(h)[:, 1:]
        side = self.config.image_size // self.config.patch_size
        return self.conv(unpatchify(patches, self.config.patch_size, side, side))  # type: ignore[no-any-return]


class _Block(nn.Module):
    """Spiking time and channel mixing, then a gate made from the reconstruction tokens."""

    def __init__(self, config: SDiTConfig, layer: int, *, skip: bool = False) -> None:
        super().__init__()
        width, tokens = config.width, config.num_tokens
        if skip:
            self.skip_linear = _linear(2 * width, width)
        self.att = _TimeMix(width, config.depth, layer)
        self.lif1 = LIFNode()
        self.ffn = _ChannelMix(width, config.depth, layer)
        self.lif2 = LIFNode()
        self.restruction_token = nn.Parameter(torch.ones(1, tokens, width))
        self.restruction_token_MLP = _linear(width, tokens)
        self.another_MLP = _linear(tokens, width)
        self.has_gate = True

    def forward(
        self, x: Tensor, skip: Tensor | None, num_snn_steps: int, reconstruction: bool
    ) -> Tensor:
        tokens = x.shape[1]
        if skip is not None:
            x = self.skip_linear(torch.cat([x, skip], dim=2))
        if reconstruction:  # last in the causal order: they see the image, it does not see them
            x = torch.cat([x, self.restruction_token.expand(len(x), -1, -1)], dim=1)  # [B, 2N, D]
        x = x + _mean_spikes(self.lif1, self.att(_norm(x)), num_snn_steps)
        x = x + _mean_spikes(self.lif2, self.ffn(_norm(x)), num_snn_steps)
        if reconstruction:
            x, r = x[:, :tokens], x[:, tokens:]
            if self.has_gate:
                x = x + x * self.another_MLP(self.restruction_token_MLP(r).transpose(1, 2))
        return x


class _TimeMix(nn.Module):
    """RWKV-4 attention: gated decaying average over the tokens so far, ``[B, N, D]`` to the same."""

    def __init__(self, width: int, depth: int, layer: int) -> None:
        super().__init__()
        channel = torch.arange(width, dtype=torch.float64)
        rise = layer / (depth - 1)
        decay = -5 + 8 * (channel / (width - 1)) ** (0.7 + 1.3 * rise)
        first = log(0.3) + 0.5 * ((channel + 1) % 3 - 1)
        mix = (channel / width) ** (1 - layer / depth)
        self.time_decay = nn.Parameter(decay.to(torch.get_default_dtype()))
        self.time_first = nn.Parameter(first.to(torch.get_default_dtype()))
        self.time_mix_k = _mix_parameter(mix)
        self.time_mix_v = _mix_parameter(mix + 0.3 * rise)
        self.time_mix_r = _mix_parameter(mix.sqrt())
        self.key = nn.Linear(width, width, bias=False)
        self.value = nn.Linear(width, width, bias=False)
        self.receptance = nn.Linear(width, width, bias=False)
        self.output = nn.Linear(width, width, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        previous = _shift(x)
        k = self.key(torch.lerp(previous, x, self.time_mix_k))
        v = self.value(torch.lerp(previous, x, self.time_mix_v))
        r = self.receptance(torch.lerp(previous, x, self.time_mix_r)).sigmoid()
        return self.output(r * wkv(self.time_decay, self.time_first, k, v))  # type: ignore[no-any-return]


class _ChannelMix(nn.Module):
    """RWKV-4 feed-forward layer with squared ReLU, ``[B, N, D]`` to the same."""

    def __init__(self, width: int, depth: int, layer: int) -> None:
        super().__init__()
        mix = (torch.arange(width, dtype=torch.float64) / width) ** (1 - layer / depth)
        self.time_mix_k = _mix_parameter(mix)
        self.time_mix_r = _mix_parameter(mix)
        self.key = nn.Linear(width, 4 * width, bias=False)
        self.receptance = nn.Linear(width, width, bias=False)
        self.value = nn.Linear(4 * width, width, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        previous = _shift(x)
        k = self.key(torch.lerp(previous, x, self.time_mix_k)).relu().square()
        r = self.receptance(torch.lerp(previous, x, self.time_mix_r)).sigmoid()
        return r * self.value(k)  # type: ignore[no-any-return]


class _PatchEmbedding(nn.Module):
    """Patches in raster order, ``[B, C, H, W]`` to ``[B, N, D]``."""

    def __init__(self, channels: int, width: int, patch_size: int) -> None:
        super().__init__()
        self.proj = nn.Conv2d(channels, width, patch_size, stride=patch_size)
        nn.init.xavier_uniform_(self.proj.weight.view(width, -1))
        nn.init.zeros_(self.proj.bias)  # type: ignore[arg-type]

    def forward(self, x: Tensor) -> Tensor:
        return self.proj(x).flatten(2).transpose(1, 2)  # type: ignore[no-any-return]


class _TimeEmbedding(nn.Module):
    """Sinusoids, then two linear layers; time ``[B]`` to ``[B, D]``."""

    def __init__(self, width: int) -> None:
        super().__init__()
        first, second = _linear(TIME_FEATURES, width), _linear(width, width)
        nn.init.normal_(first.weight, std=0.02)
        nn.init.normal_(second.weight, std=0.02)
        self.mlp = nn.Sequential(first, nn.SiLU(), second)

    def forward(self, t: Tensor) -> Tensor:
        dtype = next(self.parameters()).dtype
        return self.mlp(sinusoid_cos_first(t, TIME_FEATURES).to(dtype))  # type: ignore[no-any-return]


class _LabelEmbedding(nn.Module):
    """One vector per label, the last for no class; ``[B]`` to ``[B, D]``.

    Starts at torch's N(0, 1): next to the time embedding, which it is added to before a normalisation,
    much smaller vectors vanish and the labels are not learned in a short training.
    """

    def __init__(self, num_labels: int, width: int) -> None:
        super().__init__()
        self.embedding_table = nn.Embedding(num_labels, width)

    def forward(self, y: Tensor) -> Tensor:
        return self.embedding_table(y)  # type: ignore[no-any-return]


class _FinalLayer(nn.Module):
    """Tokens to the values of their patches; starts at zero."""

    def __init__(self, width: int, n_out: int) -> None:
        super().__init__()
        self.linear = nn.Linear(width, n_out)
        nn.init.zeros_(self.linear.weight)
        nn.init.zeros_(self.linear.bias)

    def forward(self, x: Tensor) -> Tensor:
        return self.linear(_norm(x))  # type: ignore[no-any-return]


def _linear(n_in: int, n_out: int) -> nn.Linear:
    linear = nn.Linear(n_in, n_out)
    nn.init.xavier_uniform_(linear.weight)
    nn.init.zeros_(linear.bias)
    return linear


def _mix_parameter(values: Tensor) -> nn.Parameter:
    return nn.Parameter(values.to(torch.get_default_dtype())[None, None])  # [1, 1, D]


def _norm(x: Tensor) -> Tensor:
    """Layer normalisation without learned scale."""
    return F.layer_norm(x, x.shape[-1:], eps=1e-6)


def _shift(x: Tensor) -> Tensor:
    """The token before each token of ``[B, N, D]``, zero before the first."""
    return F.pad(x, (0, 0, 1, -1))


def _mean_spikes(lif: LIFNode, current: Tensor, num_snn_steps: int) -> Tensor:
    """Firing rate of a LIF layer under a constant current, ``[B, N, D]``."""
    spikes = lif(repeat_steps(current, num_snn_steps))  # [T, B, N, D]
    return spikes.mean(0)  # type: ignore[no-any-return]
