"""A run whose read-out is rescaled to the trained number of SNN steps."""

import numpy as np
import pytest

from spikestudio.errors import ConfigError
from spikestudio.sampling.recompute import recompute
from spikestudio.sampling.run import SamplingRun
from tests.tiny import run_to_end, tiny_model, tiny_request


def test_a_rescaled_read_out_is_that_of_the_trained_steps_and_is_recomputed():
    model = tiny_model("sddpm")
    trained = model.card.snn_steps
    same = [
        run_to_end(model, num=2, steps=3, snn_steps=trained, rescale_readout=flag).images
        for flag in (False, True)
    ]
    assert np.array_equal(*same)
    plain, scaled = (
        run_to_end(model, num=2, steps=3, snn_steps=trained + 3, rescale_readout=flag).images
        for flag in (False, True)
    )
    assert not np.array_equal(plain, scaled)
    request = tiny_request(model, num=2, steps=3, snn_steps=trained + 3, rescale_readout=True)
    run = SamplingRun(model, request)
    list(run)
    layer = run.layers[-1].id
    again = recompute(model, run.recorder, 2, [layer])[layer]
    assert np.array_equal(again.spikes, run.recorder.spikes(layer, 2))


def test_a_model_without_a_read_out_says_so():
    model = tiny_model("sdit")
    with pytest.raises(ConfigError, match="no read-out to rescale"):
        SamplingRun(model, tiny_request(model, rescale_readout=True))
