import numpy as np
import pytest
import torch

from spikestudio.models.spiking_diffusion.walk import walk
from tests.tiny import evaluate, same_bits, tiny_model


@pytest.fixture
def model():
    return tiny_model("spiking-diffusion")


def image(channels=1):
    rng = np.random.default_rng(5)
    return rng.integers(0, 256, (12, 12, channels), dtype=np.uint8)


def test_ends_with_what_encode_and_decode_give(model):
    for channels in (1, 3):
        model = tiny_model("spiking-diffusion", image_channels=channels)
        pixels = image(channels)
        steps = walk(model.network, pixels)
        whole = torch.from_numpy(pixels.transpose(2, 0, 1).copy()).float()[None] / 255
        tokens = model.encode(whole)
        assert np.array_equal(steps.tokens, tokens[0].numpy())
        assert len(np.unique(steps.tokens)) > 1
        decoded = (model.decode(tokens)[0].permute(1, 2, 0) * 255 + 0.5).floor().numpy()
        assert np.array_equal(steps.reconstruction, decoded.astype(np.uint8))
        assert np.array_equal(steps.image, pixels)


def test_numbers_follow_from_each_other(model):
    steps = walk(model.network, image())
    assert set(np.unique(steps.encoder_spikes)) == {0, 1}
    assert steps.encoder_spikes.any(axis=(1, 2, 3)).any()
    assert np.allclose(steps.rate, steps.encoder_spikes.mean(axis=0))
    mixed = (1 - steps.alpha) * steps.potential + steps.alpha * steps.rate
    assert np.allclose(steps.z, mixed, atol=1e-6)
    for row, column in np.ndindex(3, 3):
        assert steps.distances(row, column).argmin() == steps.tokens[row, column]
    v = np.zeros_like(steps.currents)  # LIF with tau 2 and hard reset to 0
    for spikes in steps.generated_spikes:
        h = v + (steps.currents - v) / 2
        assert np.array_equal(h >= 1, spikes == 1)
        v = np.where(h >= 1, 0, h)


def test_other_snn_steps_and_an_untouched_model(model):
    before = evaluate(model)
    assert len(walk(model.network, image()).generated_spikes) == model.card.snn_steps
    assert same_bits(before, evaluate(model))
    model.network.set_snn_steps(6)
    assert len(walk(model.network, image()).encoder_spikes) == 6
