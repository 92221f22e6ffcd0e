"""One image through the spiking auto-encoder, with every array on the way."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from spikestudio.models.spiking_diffusion import SpikingDiffusion
from spikestudio.neurons.layers import repeat_steps

Values = NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class CodecWalk:
    """What the auto-encoder made of one image; see the model's module for the names."""

    image: NDArray[np.uint8]  # [H, W, C]
    encoder_spikes: NDArray[np.uint8]  # [T, D, h, w], 0 or 1
    rate: Values  # [D, h, w], spikes per SNN step
    potential: Values  # [D, h, w], membrane read-out of the spikes
    alpha: float  # share of the rate in z
    z: Values  # [D, h, w]
    vectors: Values  # [K, D], the codebook
    tokens: NDArray[np.int32]  # [h, w], nearest code of each z
    currents: Values  # [D, h, w], constant input of the adaptive spike generator
    generated_spikes: NDArray[np.uint8]  # [T, D, h, w], of the generator
    reconstruction: NDArray[np.uint8]  # [H, W, C]

    def distances(self, row: int, column: int) -> Values:
        """Squared distance of a cell's z from every code, ``[K]``."""
        away = self.vectors - self.z[:, row, column]
        squared: Values = (away**2).sum(axis=1)
        return squared


@torch.inference_mode()
def walk(network: SpikingDiffusion, image: NDArray[np.uint8]) -> CodecWalk:
    """Encode, quantise and decode ``image`` uint8 ``[H, W, C]`` as the model itself does.

    Nothing about the network is changed; it must not be used by another thread meanwhile.
    """
    vqsvae: Any = network.vqsvae
    quantiser = vqsvae.vq_layer
    device = quantiser.embeddings.weight.device
    levels = torch.from_numpy(np.array(image.transpose(2, 0, 1), order="C")).to(device)
    # Twice: kernels for batches of one round differently, and a bit can flip a spike.
    x = (levels.float() / 255 - 0.5).expand(2, *levels.shape).contiguous()
    spikes = vqsvae.encoder.snn_convs(repeat_steps(x, network.num_snn_steps))
    z = quantiser.readout(spikes)
    tokens = quantiser.nearest(z)
    codes = quantiser.codes(tokens)
    generated = quantiser.poisson(repeat_steps(codes, network.num_snn_steps))
    currents = quantiser.poisson[1](quantiser.poisson[0](codes))
    decoded = torch.tanh(vqsvae.memout(vqsvae.decoder.snn_convs(generated)))
    pixels = ((decoded[0] + 0.5).clamp(0, 1) * 255 + 0.5).floor()
    return CodecWalk(
        image=image,
        encoder_spikes=_array(spikes[:, 0].to(torch.uint8)),
        rate=_array(spikes[:, 0].float().mean(0)),
        potential=_array(quantiser.memout(spikes)[0].float()),
        alpha=float(quantiser.alpha),
        z=_array(z[0].float()),
        vectors=_array(quantiser.embeddings.weight.float()),
        tokens=_array(tokens[0].to(torch.int32)),
        currents=_array(currents[0].float()),
        generated_spikes=_array(generated[:, 0].to(torch.uint8)),
        reconstruction=_array(pixels.to(torch.uint8).permute(1, 2, 0)),
    )


def _array(tensor: Tensor) -> NDArray[Any]:
    """A copy that cannot be written to."""
    array = np.array(tensor.detach().cpu().numpy(), order="C")
    array.setflags(write=False)
    return array
