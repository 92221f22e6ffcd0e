"""Reads the codebook of a Spiking-Diffusion model, and what each of its codes looks like."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from spikestudio.metrics.codebook import CodebookInfo, principal_places

if TYPE_CHECKING:
    from spikestudio.checkpoints.loader import LoadedModel

SIDE = 3  # of the map that is decoded: what is drawn in a cell depends on it and its neighbours
BATCH = 64


def read_codebook(model: LoadedModel) -> CodebookInfo | None:
    """Codes of a token model, each with the patch that it draws amid codes of its own kind.

    None for other models. Takes as long as decoding ``K / 5`` images. Neither weights nor settings
    are changed.
    """
    if not model.is_token_model:
        return None
    config: Any = model.network.config
    codes = torch.arange(config.codebook_size).view(-1, 1, 1).expand(-1, SIDE, SIDE)
    decoded = torch.cat([model.decode(part) for part in codes.split(BATCH)])
    side = config.image_size // config.grid_size
    middle = slice(side, 2 * side)
    levels = (decoded[:, :, middle, middle] * 255 + 0.5).floor().to(torch.uint8)
    network: Any = model.network
    vectors = network.vqsvae.vq_layer.embeddings.weight.detach().float().cpu().numpy()
    places, explained = principal_places(vectors)
    counts = model.codebook_counts
    return CodebookInfo(
        tensors_sha256=model.card.tensors_sha256,
        patches=_frozen(np.ascontiguousarray(levels.permute(0, 2, 3, 1).cpu().numpy())),
        vectors=_frozen(vectors.copy()),
        places=_frozen(places),
        explained=explained,
        training_counts=None if counts is None else _frozen(counts.cpu().numpy().copy()),
    )


def _frozen(array: Any) -> Any:  # noqa: ANN401  an array of any type, given back
    array.setflags(write=False)
    return array
