"""VQ-SVAE: the spiking VQ auto-encoder of Spiking-Diffusion (arXiv 2308.10187, section 3.1).

An image becomes a grid of discrete tokens: LIF encoder, a read-out that mixes firing rate and
membrane potential, the nearest code of a learned codebook. Back: the codes drive an adaptive spike
generator (ASG) and a LIF decoder whose membrane read-out is the image. State-dict keys, shapes and
numbers are those of the released code.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from spikestudio.models.readout import MembraneReadout
from spikestudio.models.spiking_diffusion.config import SpikingDiffusionConfig
from spikestudio.models.spiking_diffusion.layers import SpikingSequential, spiking_block
from spikestudio.neurons.layers import PointwiseConv2d, readout_coefficients, repeat_steps


class VQSVAEOutput(NamedTuple):
    """Everything that the losses of the first stage need."""

    encoder_spikes: Tensor  # [T, B, D, h, w]
    z: Tensor  # [B, D, h, w], rate and potential of the encoder's spikes
    codes: Tensor  # [B, D, h, w], the nearest codes; their gradient reaches the codebook
    tokens: Tensor  # int64 [B, h, w]
    generated_spikes: Tensor  # [T, B, D, h, w], of the ASG
    reconstruction: Tensor  # [B, C, H, W] in (-1, 1); its target is the image minus 0.5


class _MembraneReadout(MembraneReadout):
    """`MembraneReadout`, with the constant that released state dicts carry.

    The factors are always made for the T at hand, so the stored ones are never read and the number
    of SNN steps is free. Under mixed precision the sum is still float32.
    """

    def __init__(self, num_snn_steps: int) -> None:
        super().__init__(num_snn_steps)
        coefficients = torch.tensor(readout_coefficients(num_snn_steps))
        self.register_buffer("coef", coefficients.view(-1, 1, 1, 1, 1))

    def forward(self, x_seq: Tensor) -> Tensor:
        return super().forward(x_seq.to(torch.promote_types(x_seq.dtype, torch.float32)))


class _Encoder(nn.Module):
    def __init__(self, config: SpikingDiffusionConfig) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        c = config.image_channels
        for width in config.encoder_widths:
            layers += spiking_block(nn.Conv2d(c, width, 3, stride=2, padding=1), width)
            c = width
        layers += spiking_block(PointwiseConv2d(c, config.code_dim), config.code_dim)
        self.snn_convs = SpikingSequential(*layers)


class _Decoder(nn.Module):
    def __init__(self, config: SpikingDiffusionConfig) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        c = config.code_dim
        for width in reversed(config.encoder_widths):
            up = nn.ConvTranspose2d(c, width, 3, stride=2, padding=1, output_padding=1)
            layers += spiking_block(up, width)
            c = width
        layers.append(nn.ConvTranspose2d(c, config.image_channels, 3, padding=1))
        self.snn_convs = SpikingSequential(*layers)


class _VectorQuantiser(nn.Module):
    def __init__(self, config: SpikingDiffusionConfig) -> None:
        super().__init__()
        d = config.code_dim
        self.alpha = nn.Parameter(torch.tensor(0.5))
        self.memout = _MembraneReadout(config.num_snn_steps)
        self.embeddings = nn.Embedding(config.codebook_size, d)
        # The released name; nothing in the generator is random.
        self.poisson = SpikingSequential(*spiking_block(PointwiseConv2d(d, d), d))

    def readout(self, spikes: Tensor) -> Tensor:
        """Mix of membrane read-out and firing rate, ``[T, B, D, h, w]`` to ``[B, D, h, w]``."""
        potential: Tensor = self.memout(spikes)
        return (1 - self.alpha) * potential + self.alpha * spikes.mean(0)

    def nearest(self, z: Tensor) -> Tensor:
        """Ids of the codes nearest to ``z`` ``[B, D, h, w]``, int64 ``[B, h, w]``."""
        b, _, h, w = z.shape
        vectors = z.permute(0, 2, 3, 1).flatten(0, 2)  # [B*h*w, D]
        return torch.cdist(vectors, self.embeddings.weight).argmin(-1).view(b, h, w)

    def codes(self, tokens: Tensor) -> Tensor:
        """Codebook vectors ``[B, D, h, w]`` of token ids ``[B, h, w]``."""
        return self.embeddings(tokens).permute(0, 3, 1, 2)  # type: ignore[no-any-return]


class VQSVAE(nn.Module):
    """Spiking auto-encoder between images ``[B, C, H, W]``, pixels minus 0.5, and token maps."""

    def __init__(self, config: SpikingDiffusionConfig) -> None:
        super().__init__()
        self.config = config
        self.num_snn_steps = config.num_snn_steps
        self.encoder = _Encoder(config)
        self.vq_layer = _VectorQuantiser(config)
        self.decoder = _Decoder(config)
        self.memout = _MembraneReadout(config.num_snn_steps)

    def forward(self, x: Tensor) -> VQSVAEOutput:
        """There and back; the gradient of the codes passes straight through to the encoder."""
        encoder_spikes = self.encoder.snn_convs(repeat_steps(x, self.num_snn_steps))
        z = self.vq_layer.readout(encoder_spikes)
        tokens = self.vq_layer.nearest(z.detach())
        codes = self.vq_layer.codes(tokens)
        generated_spikes, reconstruction = self._generate(codes.detach() + (z - z.detach()))
        return VQSVAEOutput(encoder_spikes, z, codes, tokens, generated_spikes, reconstruction)

    def readout(self, x: Tensor) -> Tensor:
        """Rate and potential of the encoder's spikes, ``[B, D, h, w]``, which the codes stand for."""
        return self.vq_layer.readout(self.encoder.snn_convs(repeat_steps(x, self.num_snn_steps)))

    def encode(self, x: Tensor) -> Tensor:
        """Token map int64 ``[B, h, w]``, ids 0..K-1."""
        return self.vq_layer.nearest(self.readout(x))

    def decode(self, tokens: Tensor) -> Tensor:
        """Image ``[B, C, H, W]`` in (-1, 1) for token ids 0..K-1, ``[B, h, w]``."""
        return self._generate(self.vq_layer.codes(tokens))[1]

    def _generate(self, codes: Tensor) -> tuple[Tensor, Tensor]:
        spikes = self.vq_layer.poisson(repeat_steps(codes, self.num_snn_steps))
        return spikes, torch.tanh(self.memout(self.decoder.snn_convs(spikes)))
