"""Codes of a VQ-SVAE that hardly any image uses are started anew (arXiv 2005.00341, section 3.1).

The codebook loss moves only codes that are nearest to something, so one that begins too far away stays
unused for good. It is put onto a read-out of the encoder that no code is near to.
"""

from __future__ import annotations

import torch

from spikestudio.models.spiking_diffusion import VQSVAE

UNUSED = 4e-4  # share of all positions; an evenly used code of 64 has 0.016


@torch.no_grad()
def restart_unused(model: VQSVAE, images: torch.Tensor, generator: torch.Generator) -> int:
    """Move unused codes onto read-outs, those far from all codes likelier than others; gives how many.

    Parameters
    ----------
    model
        Its codebook is changed in place; of a model in training mode the BatchNorm statistics are not.
    images
        ``[B, C, H, W]`` in [0, 1].
    generator
        Source of the choice, on the CPU.
    """
    was_training = model.training
    z = model.eval().readout(images - 0.5)
    model.train(was_training)
    codes = model.vq_layer.embeddings.weight
    vectors = z.permute(0, 2, 3, 1).flatten(0, 2).to(codes.dtype)  # [B*h*w, D]
    vectors, times = vectors.unique(dim=0, return_counts=True)  # few spikes make few values
    distance, nearest = torch.cdist(vectors, codes).min(1)
    counts = torch.zeros(len(codes), dtype=times.dtype, device=times.device)
    counts.index_add_(0, nearest, times)
    unused = (counts < UNUSED * times.sum()).nonzero().flatten()
    weights = (times * distance.square().double()).cpu()
    num = min(len(unused), int(weights.count_nonzero()))
    if num:
        chosen = torch.multinomial(weights, num, generator=generator).to(codes.device)
        codes[unused[:num]] = vectors[chosen]
    return num
