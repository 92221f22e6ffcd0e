"""Spiking-Diffusion: absorbing-state diffusion over the tokens of a spiking VQ auto-encoder.

Paper: arXiv 2308.10187.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from spikestudio.errors import ConfigError
from spikestudio.language import tr
from spikestudio.models.config import check
from spikestudio.models.spiking_diffusion.config import SpikingDiffusionConfig
from spikestudio.models.spiking_diffusion.denoiser import SDID
from spikestudio.models.spiking_diffusion.vqvae import VQSVAE

__all__ = ["SDID", "VQSVAE", "SpikingDiffusion", "SpikingDiffusionConfig"]


class SpikingDiffusion(nn.Module):
    """Both stages as one network, in the order in which sampling runs them."""

    def __init__(self, config: SpikingDiffusionConfig) -> None:
        super().__init__()
        self.config = config
        self.sdid = SDID(config)
        self.vqsvae = VQSVAE(config)
        self.num_snn_steps = config.num_snn_steps

    def set_snn_steps(self, num_snn_steps: int) -> None:
        """Run both stages with another number of SNN steps, 1 to 64."""
        check(tr("SNN time steps"), num_snn_steps, 1, 64)
        for module in (self, self.sdid, self.vqsvae):
            module.num_snn_steps = num_snn_steps

    def forward(self, tokens: Tensor, t: Tensor) -> Tensor:
        """Logits ``[B, K, h, w]`` of the clean tokens.

        Parameters
        ----------
        tokens
            int64 ``[B, h, w]``, ids 0..K-1, or K where masked.
        t
            int64 ``[B]``, diffusion times 1..N.
        """
        return self.sdid(tokens, t)  # type: ignore[no-any-return]

    def encode(self, images: Tensor) -> Tensor:
        """Token maps int64 ``[B, h, w]`` of images ``[B, C, H, W]`` in [0, 1]."""
        return self.vqsvae.encode(images - 0.5)

    def decode(self, tokens: Tensor) -> Tensor:
        """Images ``[B, C, H, W]`` in [0, 1] of complete token maps int64 ``[B, h, w]``.

        Raises
        ------
        ConfigError
            A position is still masked, or holds an id that the codebook does not have.
        """
        low, high = torch.stack(tokens.aminmax()).tolist()
        if low < 0 or high >= self.config.codebook_size:
            raise ConfigError(
                tr(
                    "Token {high} has no code: only complete maps with ids "
                    "from 0 to {codebook_size} can be decoded.",
                    high=high if low >= 0 else low,
                    codebook_size=self.config.codebook_size - 1,
                ),
                field="tokens",
            )
        return (self.vqsvae.decode(tokens) + 0.5).clamp(0, 1)
