"""What a stage's numbers mean at each step."""

from dataclasses import replace

import pytest

from spikestudio.errors import ConfigError
from spikestudio.models.registry import ARCHITECTURES
from spikestudio.sampling.request import SamplingRequest
from spikestudio.training.presets import PRESETS, Stage, preset
from spikestudio.training.request import learning_rate, shortened, snn_steps_at
from tests.unit.training.small import small_request

STAGE = Stage(name="any", num_steps=100, batch_size=1, learning_rate=2.0)


def test_a_constant_rate():
    assert {learning_rate(STAGE, step) for step in range(100)} == {2.0}


def test_the_rate_rises_stays_and_falls_to_zero():
    stage = replace(STAGE, warmup_steps=10, decay_share=0.4)
    rates = [learning_rate(stage, step) for step in range(101)]
    assert rates[:10] == pytest.approx([0.2 * (step + 1) for step in range(10)])
    assert set(rates[10:61]) == {2.0}
    assert rates[61:] == pytest.approx([0.05 * (100 - step) for step in range(61, 101)])
    assert rates[100] == 0


def test_a_stage_shorter_than_its_warm_up():
    stage = replace(STAGE, num_steps=4, warmup_steps=10, decay_share=0.5)
    rates = [learning_rate(stage, step) for step in range(4)]
    assert rates == pytest.approx([0.2, 0.4, 0.6, 0.8])


def test_snn_steps_follow_the_shares():
    stage = replace(STAGE, snn_schedule=((0.4, 1), (0.3, 2), (0.3, 4)))
    steps = [snn_steps_at(stage, step, 9) for step in range(100)]
    assert steps == [1] * 40 + [2] * 30 + [4] * 30


def test_snn_steps_without_a_schedule_are_the_network_s():
    assert snn_steps_at(STAGE, 5, 9) == 9
    assert snn_steps_at(replace(STAGE, snn_schedule=((0.5, 2),)), 50, 9) == 9


@pytest.mark.parametrize("length", [0.5, 1.0, 2.0, 1e-6])
def test_a_shortened_run_keeps_its_shape(tmp_path, length):
    request = small_request("spiking-diffusion", tmp_path)
    short = shortened(request, length)
    assert [stage.num_steps for stage in short.preset.stages] == [max(1, round(6 * length))] * 2
    assert short.preset.config == request.preset.config
    assert replace(short, preset=request.preset) == request


@pytest.mark.parametrize(("architecture", "name"), PRESETS)
def test_every_preset_is_sound(architecture, name):
    found = preset(architecture, name)
    assert isinstance(found.config, ARCHITECTURES[architecture].config_type)
    SamplingRequest(**found.defaults)
    for stage in found.stages:
        assert sum(share for share, _ in stage.snn_schedule) in (0, pytest.approx(1))
        assert snn_steps_at(stage, stage.num_steps - 1, found.config.num_snn_steps) == (
            found.config.num_snn_steps
        )
        assert 0 <= stage.decay_share <= 1
        assert 0 <= stage.ema_decay < 1


def test_an_unknown_preset_names_the_choices():
    with pytest.raises(ConfigError, match=r"no preset 'huge' for 'sddpm'.*sddpm micro"):
        preset("sddpm", "huge")
