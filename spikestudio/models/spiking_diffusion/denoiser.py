"""SDID: the spiking denoiser of token maps (arXiv 2308.10187, section 3.2).

A stack of spiking 3x3 convolutions at the resolution of the token map, with one skip from the first
block to the output layer. State-dict keys, shapes and numbers are those of the released code.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from spikestudio.models.spiking_diffusion.config import SpikingDiffusionConfig
from spikestudio.models.spiking_diffusion.layers import SpikingSequential, spiking_block
from spikestudio.neurons.layers import repeat_steps


class SDID(nn.Module):
    """Logits of the clean tokens: map int64 ``[B, h, w]`` and time ``[B]`` to ``[B, K, h, w]``.

    Ids are 0..K-1, or K where masked; times are 1..N. The mask is not a class.
    """

    def __init__(self, config: SpikingDiffusionConfig) -> None:
        super().__init__()
        self.config = config
        self.num_snn_steps = config.num_snn_steps
        if config.token_embedding:
            self.token_embedding = nn.Embedding(config.codebook_size + 1, config.token_embedding)
        c = (config.token_embedding or 1) + 1  # the last channel is the time
        # Blocks conv1, conv2, ... and then the output layer carry on one numbering.
        self.num_blocks = len(config.denoiser_widths)
        for i, width in enumerate(config.denoiser_widths, start=1):
            conv = nn.Conv2d(c, width, 3, padding=1)
            self.add_module(f"conv{i}", SpikingSequential(*spiking_block(conv, width)))
            c = width
        joined = config.denoiser_widths[-1] + config.denoiser_widths[0]
        output = nn.Sequential(nn.Conv2d(joined, config.codebook_size, 3, padding=1))
        self.add_module(f"conv{self.num_blocks + 1}", output)

    def forward(self, tokens: Tensor, t: Tensor) -> Tensor:
        first, *blocks, output = (
            self.get_submodule(f"conv{i}") for i in range(1, self.num_blocks + 2)
        )
        skip = first(repeat_steps(self._currents(tokens, t), self.num_snn_steps))
        x_seq = skip  # [T, B, C, h, w]
        for block in blocks:
            x_seq = block(x_seq)
        # The output layer is linear: the mean of its results is its result of the mean.
        rates = torch.cat([x_seq.mean(0), skip.mean(0)], dim=1)
        return output(rates)  # type: ignore[no-any-return]

    def _currents(self, tokens: Tensor, t: Tensor) -> Tensor:
        """Input currents ``[B, channels, h, w]``, the same at every SNN step."""
        dtype = self.get_parameter("conv1.0.weight").dtype
        time = t.to(dtype).view(-1, 1, 1, 1).expand(-1, 1, *tokens.shape[1:])
        if not self.config.token_embedding:
            return torch.cat([tokens.to(dtype)[:, None], time], dim=1)
        embedded = self.token_embedding(tokens).permute(0, 3, 1, 2)
        return torch.cat([embedded, time / self.config.num_train_timesteps], dim=1)
