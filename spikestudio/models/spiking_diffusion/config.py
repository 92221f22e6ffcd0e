"""Sizes of Spiking-Diffusion; the defaults are the paper's (arXiv 2308.10187)."""

from __future__ import annotations

from dataclasses import dataclass

from spikestudio.errors import ConfigError
from spikestudio.language import tr
from spikestudio.models.config import check


@dataclass(frozen=True, slots=True)
class SpikingDiffusionConfig:
    """Both stages: the spiking VQ auto-encoder and the denoiser of its tokens.

    ``encoder_widths`` are the channels of the convolutions that halve the image, mirrored in the
    decoder. ``denoiser_widths`` are those of the denoiser's spiking blocks. ``token_embedding`` 0
    feeds the denoiser raw token ids and times as currents, as the paper's code does; n > 0 feeds it
    n learned channels per token id and the time scaled to [0, 1].
    """

    image_size: int = 28
    image_channels: int = 1
    codebook_size: int = 128
    code_dim: int = 16
    encoder_widths: tuple[int, ...] = (32, 64)
    denoiser_widths: tuple[int, ...] = (64, 128, 256, 512, 256)
    num_snn_steps: int = 16
    token_embedding: int = 0

    def __post_init__(self) -> None:
        check("image_size", self.image_size, 4, 256)
        check("image_channels", self.image_channels, 1, 4)
        check("codebook_size", self.codebook_size, 2, 8192)
        check("code_dim", self.code_dim, 1, 512)
        check(tr("encoder_widths levels"), len(self.encoder_widths), 1, 5)
        check(tr("denoiser_widths blocks"), len(self.denoiser_widths), 2, 16)
        for width in self.encoder_widths:
            check("encoder_widths", width, 1, 1024)
        for width in self.denoiser_widths:
            check("denoiser_widths", width, 1, 4096)
        check("num_snn_steps", self.num_snn_steps, 1, 64)
        check("token_embedding", self.token_embedding, 0, 512)
        if self.image_size % 2 ** len(self.encoder_widths):
            raise ConfigError(
                tr(
                    "image_size {image_size} cannot be halved {num_encoder_widths} times.",
                    image_size=self.image_size,
                    num_encoder_widths=len(self.encoder_widths),
                ),
                field="image_size",
            )

    @property
    def grid_size(self) -> int:
        """Side of the square token map."""
        return self.image_size >> len(self.encoder_widths)

    @property
    def num_train_timesteps(self) -> int:
        """Diffusion steps N: one per token, so that a step reveals one token on average."""
        return self.grid_size**2

    @property
    def mask_id(self) -> int:
        """Id of the absorbing state, one past the last code."""
        return self.codebook_size
