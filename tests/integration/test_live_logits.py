import numpy as np
import pytest

from spikestudio.export.provenance import provenance
from spikestudio.recording.hdf5 import open_recording
from spikestudio.recording.record import Record
from spikestudio.sampling.events import TokensUnmasked
from spikestudio.sampling.run import SamplingRun
from tests.tiny import tiny_model, tiny_request


def test_live_run_keeps_the_logits_that_its_codes_were_drawn_from(tmp_path):
    model = tiny_model("spiking-diffusion")
    request = tiny_request(model, num=3, temperature=0.7)
    record = Record(path=tmp_path / "run.h5")
    run = SamplingRun(model, request, record=record, describe=provenance)
    *_, last = [each for each in run if isinstance(each, TokensUnmasked)]
    recording = open_recording(tmp_path / "run.h5")
    for image in range(3):
        for step in range(3):
            live = run.recorder.logits_of(step, image)
            assert np.array_equal(live, recording.logits_of(step, image))
            assert np.array_equal(live, recording.logits(step)[image])
            weights = np.exp(live / 0.7 - (live / 0.7).max(axis=0))
            shares = weights / weights.sum(axis=0)
            for row, column in np.argwhere(last.order[image] == step):
                code = last.tokens[image, row, column]
                expected = last.confidence[image, row, column]
                assert shares[code, row, column] == pytest.approx(expected, rel=1e-4)
    assert run.recorder.logits_of(3, 0) is None
    assert run.recorder.logits_of(0, 3) is None
    assert recording.logits_of(9, 0) is None
