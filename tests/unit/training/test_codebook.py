"""Codes that nothing is near to are started anew."""

import copy

import torch

import spikestudio as ss
from spikestudio.models.spiking_diffusion import VQSVAE
from spikestudio.training.codebook import restart_unused


def model_and_images() -> tuple[VQSVAE, torch.Tensor]:
    """A trained network, whose encoder fires, and images that make it do so."""
    model: VQSVAE = ss.load("spiking-diffusion-mnist").network.vqsvae.train()
    images = torch.rand((16, 1, 28, 28), generator=torch.Generator().manual_seed(0))
    return model, images


def read_outs(model: VQSVAE, images: torch.Tensor) -> torch.Tensor:
    """Those that differ, ``[N, D]``."""
    with torch.no_grad():
        return model.eval().readout(images - 0.5).permute(0, 2, 3, 1).flatten(0, 2).unique(dim=0)


def used(model: VQSVAE, images: torch.Tensor) -> set[int]:
    with torch.no_grad():
        return set(model.eval().encode(images - 0.5).flatten().tolist())


def test_codes_far_from_everything_become_read_outs():
    model, images = model_and_images()
    codes = model.vq_layer.embeddings.weight
    with torch.no_grad():
        codes[1:] += 1e3
    assert used(model, images) == {0}
    before = codes.detach().clone()
    num = restart_unused(model, images, torch.Generator().manual_seed(0))
    assert num == len(codes) - 1
    assert torch.equal(codes[0], before[0])
    assert (codes[1:, None] == read_outs(model, images)).all(-1).any(1).all()
    assert len(codes[1:].unique(dim=0)) == num
    assert used(model, images) >= set(range(1, len(codes)))


def test_codes_in_use_stay():
    model, images = model_and_images()
    distinct = read_outs(model, images)
    with torch.no_grad():
        codes = model.vq_layer.embeddings.weight
        codes.copy_(distinct[:: len(distinct) // len(codes)][: len(codes)])
    before = copy.deepcopy(model.state_dict())
    assert restart_unused(model, images, torch.Generator().manual_seed(0)) == 0
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())


def test_only_the_codebook_changes_and_the_mode_stays():
    model, images = model_and_images()
    model.train()
    with torch.no_grad():
        model.vq_layer.embeddings.weight[1:] += 1e3
    before = copy.deepcopy(model.state_dict())
    restart_unused(model, images, torch.Generator().manual_seed(0))
    assert model.training
    changed = {n for n, value in model.state_dict().items() if not torch.equal(before[n], value)}
    assert changed == {"vq_layer.embeddings.weight"}


def test_the_choice_follows_the_generator():
    model, images = model_and_images()
    with torch.no_grad():
        model.vq_layer.embeddings.weight[1:] += 1e3
    others = [copy.deepcopy(model) for _ in range(3)]
    for other, seed in zip(others, (1, 1, 2), strict=True):
        restart_unused(other, images, torch.Generator().manual_seed(seed))
    first, same, different = (other.vq_layer.embeddings.weight for other in others)
    assert torch.equal(first, same)
    assert not torch.equal(first, different)
