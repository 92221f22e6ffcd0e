"""The scale of the membrane read-out: the same bits at the trained T, the right factor elsewhere."""

import pytest
import torch

from spikestudio.models.readout import readouts, set_rescaled
from spikestudio.neurons.layers import readout_coefficients
from spikestudio.neurons.readout import READOUT_DECAY, readout_gain, relative_gain
from tests.tiny import evaluate, same_bits, tiny_model

NUMBERS = {"sddpm": 1, "spiking-diffusion": 2, "sdit": 0}  # of membrane read-outs


@pytest.mark.parametrize(("steps", "gain"), [(1, 1.0), (4, 2.952), (8, 4.161), (16, 4.859)])
def test_published_sums_of_the_factors(steps, gain):
    assert readout_gain(steps) == pytest.approx(gain, abs=5e-4)


@pytest.mark.parametrize("steps", range(1, 65))
def test_gain_is_that_of_the_factors_in_use(steps):
    factors = readout_coefficients(steps)
    assert readout_gain(steps) == pytest.approx(sum(factors), rel=1e-6)
    assert relative_gain(steps, steps) == 1.0
    assert steps == 1 or factors[-2] == pytest.approx(READOUT_DECAY)


@pytest.mark.parametrize(("architecture", "number"), NUMBERS.items())
def test_same_bits_at_the_trained_steps(architecture, number):
    model = tiny_model(architecture)
    assert len(readouts(model.network)) == number
    before = evaluate(model)
    set_rescaled(model.network, is_rescaled=True)
    assert same_bits(evaluate(model), before)


@pytest.mark.parametrize("architecture", NUMBERS)
@pytest.mark.parametrize("steps", [1, 8])
def test_off_again_nothing_is_left(architecture, steps):
    model = tiny_model(architecture)
    model.network.set_snn_steps(steps)
    before = evaluate(model)
    set_rescaled(model.network, is_rescaled=True)
    evaluate(model)
    set_rescaled(model.network, is_rescaled=False)
    assert same_bits(evaluate(model), before)


@pytest.mark.parametrize("steps", [1, 2, 6, 16])
def test_predicted_noise_has_the_trained_scale(steps):
    model = tiny_model("sddpm")
    model.network.set_snn_steps(steps)
    (plain,) = evaluate(model)
    set_rescaled(model.network, is_rescaled=True)
    (rescaled,) = evaluate(model)
    assert torch.equal(rescaled, plain / (readout_gain(steps) / readout_gain(3)))
    assert not torch.equal(rescaled, plain)


@pytest.mark.parametrize("steps", [1, 2, 8, 16])
def test_decoder_and_encoder_of_a_token_model_have_the_trained_scale(steps):
    model = tiny_model("spiking-diffusion")
    network = model.network.double()
    network.set_snn_steps(steps)
    tokens = torch.randint(10, (2, 3, 3), generator=torch.Generator().manual_seed(1))
    spikes = torch.rand((steps, 2, 4, 3, 3), generator=torch.Generator().manual_seed(2)).double()
    factor = readout_gain(steps) / readout_gain(4)

    def both():
        return network.vqsvae.decode(tokens), network.vqsvae.vq_layer.readout(spikes)

    with torch.inference_mode():
        image, z = both()
        set_rescaled(network, is_rescaled=True)
        rescaled, z_rescaled = both()
    assert torch.atanh(rescaled).numpy() == pytest.approx((torch.atanh(image) / factor).numpy())
    share = float(network.vqsvae.vq_layer.alpha) * spikes.mean(0)  # of the firing rate
    assert (z_rescaled - share).numpy() == pytest.approx(((z - share) / factor).numpy())


def test_logits_of_tokens_do_not_depend_on_it():
    model = tiny_model("spiking-diffusion")
    model.network.set_snn_steps(9)
    logits, image = evaluate(model)
    set_rescaled(model.network, is_rescaled=True)
    logits_rescaled, image_rescaled = evaluate(model)
    assert torch.equal(logits, logits_rescaled)
    assert not torch.equal(image, image_rescaled)


def test_a_model_with_temporal_scales_keeps_its_steps():
    model = tiny_model("sddpm", tsm=True)
    before = evaluate(model)
    set_rescaled(model.network, is_rescaled=True)
    assert same_bits(evaluate(model), before)
    assert "membrane_output_layer" not in " ".join(model.network.state_dict())
