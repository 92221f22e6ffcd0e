"""The Fréchet autoencoder distance: published names, both ways of batch normalisation, training."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from spikestudio import paths
from spikestudio.errors import DataError
from spikestudio.metrics.autoencoder import (
    Autoencoder,
    autoencoder_for,
    load_autoencoder,
    to_input,
    train_autoencoder,
)
from spikestudio.metrics.autoencoder_distance import Encoder, own_encoder, published_encoder
from spikestudio.metrics.frechet import frechet_distance, moments
from tests.unit.metrics.digits import digits

IMAGES = np.tile(digits().images, (5, 1, 1, 1))  # 300: more than a batch


@pytest.fixture
def published(tmp_path: Path) -> Path:
    """A file under the published names, with statistics that are not the batches'."""
    torch.manual_seed(0)
    network = Autoencoder()
    path = tmp_path / "autoencoder.pth"
    torch.save(network.state_dict(), path)
    return path


def test_names_and_shapes_are_the_published_ones() -> None:
    state = autoencoder_for(28, 1).state_dict()
    assert len(state) == 62
    shapes = {name: tuple(tensor.shape) for name, tensor in state.items()}
    assert shapes["encoder.3.0.weight"] == (256, 128, 3, 3)
    assert shapes["latent_layer.weight"] == (64, 1024)
    assert shapes["decoder_input.weight"] == (1024, 64)
    assert shapes["decoder.0.0.weight"] == (256, 128, 3, 3)
    assert shapes["decoder.2.1.running_mean"] == (32,)
    assert shapes["final_layer.0.weight"] == (32, 32, 3, 3)
    assert shapes["final_layer.3.weight"] == (32, 1, 3, 3)
    assert autoencoder_for(32, 3).latent == 128
    large = autoencoder_for(64, 3)
    assert large.latent_layer.in_features == 2048
    assert large(torch.zeros(2, 3, 64, 64)).shape == (2, 3, 64, 64)
    assert autoencoder_for(28, 1)(torch.zeros(2, 1, 32, 32)).shape == (2, 1, 32, 32)


def test_input_is_resized_and_in_range() -> None:
    x = to_input(np.full((2, 28, 28, 1), 255, np.uint8), Autoencoder())
    assert x.shape == (2, 1, 32, 32)
    assert (x == 1).all()
    with pytest.raises(DataError, match="1 channels"):
        to_input(np.zeros((1, 28, 28, 3), np.uint8), Autoencoder())


def test_published_weights_see_the_statistics_of_each_batch(published: Path) -> None:
    before = load_autoencoder(published).state_dict()
    encoder = published_encoder(published)
    latents = encoder.latents(IMAGES).features
    assert latents.shape == (300, 64)
    reference = Autoencoder()
    reference.load_state_dict(before)
    reference.train()
    with torch.no_grad():
        plain = [reference.encode(to_input(part, reference)) for part in np.split(IMAGES, [256])]
    np.testing.assert_allclose(latents, torch.cat(plain).numpy(), atol=1e-4)
    np.testing.assert_array_equal(
        encoder.latents(IMAGES).features, latents
    )  # looking changes nothing
    other_order = encoder.latents(IMAGES[::-1].copy()).features[::-1]
    assert np.abs(other_order - latents).max() > 1e-3


def test_own_weights_give_each_image_one_latent(published: Path) -> None:
    network = load_autoencoder(published)
    encoder = Encoder(network, is_published=False)
    latents = encoder.latents(IMAGES).features
    np.testing.assert_allclose(encoder.latents(IMAGES[:1]).features, latents[:1], atol=1e-5)
    np.testing.assert_allclose(latents[:60], latents[60:120], atol=1e-5)
    assert frechet_distance(moments(latents), moments(latents)) == pytest.approx(0, abs=1e-6)


def test_others_are_refused(tmp_path: Path) -> None:
    save_file({"encoder.0.0.weight": torch.zeros(3, 3)}, tmp_path / "x.safetensors")
    with pytest.raises(DataError, match="not an auto-encoder"):
        load_autoencoder(tmp_path / "x.safetensors")
    with pytest.raises(DataError, match="no weights"):
        load_autoencoder(tmp_path / "missing.pth")


def test_training_learns_repeats_and_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(paths, "user_cache", lambda: tmp_path)
    images = digits().images
    losses = [loss for _, loss in train_autoencoder(images, steps=12)]
    assert losses[-1] < 0.5 * losses[0]
    assert [loss for _, loss in train_autoencoder(images, steps=12)] == losses
    steps: list[int] = []
    first = own_encoder(images, steps=3, advance=steps.append)
    assert sum(steps) == 2  # the first one starts it
    again = own_encoder(images, steps=3, advance=lambda _: pytest.fail("it trained again"))
    assert again.hash == first.hash
    np.testing.assert_array_equal(again.latents(images).features, first.latents(images).features)
    (file,) = tmp_path.rglob("autoencoder-*.safetensors")
    file.write_bytes(b"broken")
    assert own_encoder(images, steps=3).hash == first.hash
