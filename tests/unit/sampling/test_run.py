"""What every run keeps to, whatever the architecture and the sampler."""

import math
from typing import Any

import numpy as np
import pytest
import torch

from spikestudio.checkpoints.loader import LoadedModel
from spikestudio.diffusion.samplers import ddim
from spikestudio.diffusion.schedules import GaussianSchedule
from spikestudio.errors import ConfigError, SamplingError
from spikestudio.sampling.events import (
    TERMINAL_EVENTS,
    Cancelled,
    Event,
    Failed,
    Finished,
    ImagePreview,
    RunStarted,
    StepFinished,
    TokensUnmasked,
)
from spikestudio.sampling.pixels import as_data, to_pixels
from spikestudio.sampling.run import PREVIEW_IMAGES, SamplingRun
from spikestudio.seeds import ImageStreams
from tests.tiny import (
    SAMPLERS,
    evaluate,
    num_hooks,
    run_to_end,
    same_bits,
    tiny_model,
    tiny_request,
)
from tests.unit.sampling.test_request import assert_one_sentence

MODELS = {
    "sddpm": ("sddpm", {}),
    "tsm": ("sddpm", {"tsm": True}),
    "spiking-diffusion": ("spiking-diffusion", {}),
    "paper-tokens": ("spiking-diffusion", {"token_embedding": 0}),
    "sdit": ("sdit", {}),
    "sdit-colour": ("sdit", {"image_channels": 3, "reconstruction": False}),
}
CASES = [(name, sampler) for name, (arch, _) in MODELS.items() for sampler in SAMPLERS[arch]]


def make(name: str) -> LoadedModel:
    architecture, config = MODELS[name]
    return tiny_model(architecture, **config)


def of_type(events: list[Event], kind: type) -> list[Any]:
    return [event for event in events if isinstance(event, kind)]


@pytest.mark.parametrize(("name", "sampler"), CASES)
def test_events_and_result(name, sampler):
    model = make(name)
    before = evaluate(model)
    steps = 12 if sampler == "ddpm" else 4
    request = tiny_request(model, num=3, steps=steps, sampler=sampler, seed=5)
    run = SamplingRun(model, request)
    events = list(run)

    assert isinstance(events[0], RunStarted)
    assert isinstance(events[-1], Finished)
    assert len(of_type(events, TERMINAL_EVENTS)) == 1
    assert {event.run_id for event in events} == {run.run_id}
    started = events[0]
    assert started.request is request
    assert started.device == "cpu"
    assert len(started.timesteps) == steps
    assert list(started.timesteps) == sorted(started.timesteps, reverse=True)
    assert started.recorder.layers == started.layers == run.layers

    finished = of_type(events, StepFinished)
    assert [event.step for event in finished] == list(range(steps))
    assert tuple(event.t for event in finished) == started.timesteps
    assert {(event.threshold, event.temperature) for event in finished} == {(1.0, 1.0)}
    times = [event.time for event in (started, *finished, events[-1])]
    assert times == sorted(times)
    assert all(event.seconds > 0 for event in finished)
    recorded = [event.bytes_recorded for event in finished]
    assert recorded == sorted(recorded)
    assert recorded[0] > 0

    # Right after a step come its pictures, before the next step begins.
    kinds = [StepFinished, ImagePreview]
    if model.is_token_model:
        kinds.insert(1, TokensUnmasked)
    assert [type(event) for event in events[1:-1]] == kinds * steps

    size, channels = model.card.image_size, model.card.image_channels
    previews = of_type(events, ImagePreview)
    for preview in previews:
        given = [preview.x_t, preview.x0_hat, preview.decoded]
        present = [each is not None for each in given]
        assert present == ([False, False, True] if model.is_token_model else [True, True, False])
        for pixels in given:
            if pixels is not None:
                assert pixels.dtype == np.uint8
                assert pixels.shape == (3, size, size, channels)

    result = events[-1].result
    assert run.result is result
    assert result.request is request
    assert result.is_complete
    assert result.steps_done == steps
    assert result.timesteps == started.timesteps
    assert result.architecture == model.card.architecture
    assert result.tensors_sha256 == model.card.tensors_sha256
    assert result.checkpoint == model.name
    assert result.num_threads == torch.get_num_threads()
    assert result.thresholds == result.temperatures == (1.0,) * steps
    assert result.parameter_changes() == []
    assert result.seconds > 0
    last = previews[-1].decoded if model.is_token_model else previews[-1].x_t
    assert np.array_equal(result.images, last)
    assert (result.labels is not None) == (model.num_classes is not None)

    assert num_hooks(model.network) == 0
    assert same_bits(evaluate(model), before)


@pytest.mark.parametrize("name", ["spiking-diffusion", "paper-tokens"])
def test_tokens_are_unmasked_once_and_decoded(name):
    model = make(name)
    config = model.network.config
    events = list(SamplingRun(model, tiny_request(model, num=3, steps=4)))
    maps = of_type(events, TokensUnmasked)
    assert len(maps) == 4
    before = None
    for step, event in enumerate(maps):
        masked = event.order < 0
        assert event.mask_id == config.mask_id
        assert event.tokens.dtype == event.order.dtype == np.int32
        assert event.confidence.dtype == np.float32
        assert event.tokens.shape == (3, config.grid_size, config.grid_size)
        assert np.array_equal(event.tokens == config.mask_id, masked)
        assert np.array_equal(event.confidence > 0, ~masked)
        assert (event.order[~masked] <= step).all()
        if before is not None:
            kept = before.order >= 0
            assert np.array_equal(event.tokens[kept], before.tokens[kept])
            assert np.array_equal(event.order[kept], before.order[kept])
        before = event
    assert (maps[-1].order >= 0).all()
    assert (maps[0].order < 0).any()
    result = events[-1].result
    assert np.array_equal(result.tokens, maps[-1].tokens)
    decoded = model.decode(torch.from_numpy(result.tokens).long())
    assert np.array_equal(result.images, to_pixels(decoded, 0.0, 1.0))


def test_a_preview_shows_the_first_images_of_a_large_batch_and_the_result_all():
    model = make("sddpm")
    num = PREVIEW_IMAGES + 6
    events = list(SamplingRun(model, tiny_request(model, num=num, steps=2)))
    first, last = of_type(events, ImagePreview)
    assert len(first.x_t) == len(first.x0_hat) == PREVIEW_IMAGES
    assert len(last.x_t) == len(last.x0_hat) == num
    assert len(events[-1].result.images) == num


@pytest.mark.parametrize("name", ["sddpm", "spiking-diffusion"])
def test_a_cancelled_run_keeps_every_image(name):
    model = make(name)
    num = PREVIEW_IMAGES + 6
    run = SamplingRun(model, tiny_request(model, num=num, steps=3))
    previews = []
    for event in run:
        if isinstance(event, ImagePreview):
            previews.append(event)
            run.cancel()
    assert isinstance(event, Cancelled)
    assert len(previews) == 1
    result = event.result
    assert result.steps_done == 1
    assert not result.is_complete
    assert len(result.images) == num
    shown = previews[0].decoded if model.is_token_model else previews[0].x0_hat
    assert np.array_equal(result.images[:PREVIEW_IMAGES], shown[:PREVIEW_IMAGES])


def test_guidance_mixes_both_predictions():
    model = make("sdit")
    request = tiny_request(model, num=3, steps=4, seed=2, class_label=4, guidance=2.5)
    result = run_to_end(model, num=3, steps=4, seed=2, class_label=4, guidance=2.5)
    streams = ImageStreams(request.seed, request.num)

    def predict(x, t):
        conditional, variance = model.predict(x, t, 4)
        unconditional, _ = model.predict(x, t)
        return unconditional + 2.5 * (conditional - unconditional), variance

    *_, last = ddim(
        predict,
        streams.normal(1, 8, 8),
        schedule=GaussianSchedule.linear(12),
        times=result.timesteps,
        noise=torch.zeros_like,
    )
    assert np.array_equal(result.images, as_data(last.x_next, model.card))
    unguided = run_to_end(model, num=3, steps=4, seed=2, class_label=4)
    assert not np.array_equal(result.images, unguided.images)


def test_an_asked_class_is_every_image_s_class():
    model = make("sdit")
    asked = run_to_end(model, num=5, class_label=7)
    other = run_to_end(model, num=5, class_label=8)
    assert asked.labels.tolist() == [7] * 5
    assert not np.array_equal(asked.images, other.images)


def test_classes_are_drawn_from_each_image_s_stream():
    model = make("sdit")
    drawn = run_to_end(model, num=12, seed=3)
    streams = ImageStreams(3, 12)
    streams.normal(1, 8, 8)
    labels = streams.labels(10)
    assert drawn.labels.tolist() == labels.tolist()
    assert len(set(labels.tolist())) > 3
    for k in (0, 5, 11):
        alone = run_to_end(model, num=1, first_image=k, seed=3, class_label=int(labels[k]))
        assert np.array_equal(alone.images[0], drawn.images[k])


def test_a_low_temperature_takes_the_likeliest_code():
    model = make("spiking-diffusion")
    cold = [run_to_end(model, steps=1, temperature=0.001, seed=seed).tokens for seed in (1, 2)]
    warm = [run_to_end(model, steps=1, temperature=2.0, seed=seed).tokens for seed in (1, 2)]
    config = model.network.config
    masked = torch.full((1, config.grid_size, config.grid_size), config.mask_id)
    likeliest = model.predict(masked, config.num_train_timesteps).argmax(1)
    assert np.array_equal(cold[0], cold[1])
    assert np.array_equal(cold[0][:1], likeliest.numpy())
    assert not np.array_equal(warm[0], warm[1])


@pytest.mark.parametrize("name", MODELS)
def test_another_seed_gives_other_pixels(name):
    model = make(name)
    first, second = (run_to_end(model, seed=seed).images for seed in (1, 2))
    assert not np.array_equal(first, second)
    assert not np.array_equal(first[0], first[1])


@pytest.mark.parametrize(
    ("name", "changes", "field"),
    [
        ("sddpm", {"sampler": "absorbing"}, "sampler"),
        ("spiking-diffusion", {"sampler": "ddim"}, "sampler"),
        ("sddpm", {"sampler": "ddpm", "steps": 11}, "steps"),
        ("sddpm", {"steps": 13}, "steps"),
        ("sdit", {"sampler": "ancestral", "steps": 13}, "steps"),
        ("spiking-diffusion", {"steps": 10}, "steps"),
        ("sddpm", {"class_label": 3}, "class_label"),
        ("spiking-diffusion", {"class_label": 0}, "class_label"),
        ("sdit", {"class_label": 10}, "class_label"),
        ("sdit", {"class_label": -1}, "class_label"),
        ("tsm", {"snn_steps": 4}, "snn_steps"),
    ],
)
def test_a_request_that_does_not_fit_the_model_is_refused(name, changes, field):
    model = make(name)
    before = evaluate(model)
    with pytest.raises(ConfigError) as caught:
        SamplingRun(model, tiny_request(model, **changes))
    assert caught.value.field == field
    assert_one_sentence(str(caught.value))
    assert num_hooks(model.network) == 0
    assert same_bits(evaluate(model), before)


@pytest.mark.parametrize(
    ("name", "parameter", "broken"),
    [
        ("sddpm", "last_bn.bias", math.nan),
        ("sddpm", "last_bn.bias", math.inf),  # clipping would make a number of it
        ("spiking-diffusion", "sdid.conv4.0.bias", math.nan),
        ("spiking-diffusion", "sdid.conv4.0.bias", math.inf),
        ("spiking-diffusion", "vqsvae.decoder.snn_convs.6.bias", math.nan),
        ("sdit", "conv.bias", math.nan),
        ("sdit", "conv.bias", math.inf),
    ],
)
def test_numbers_that_are_none_end_the_run_in_one_sentence(name, parameter, broken):
    model = make(name)
    before = model.network.get_parameter(parameter).data.clone()
    model.network.get_parameter(parameter).data.fill_(broken)
    run = SamplingRun(model, tiny_request(model))
    events = list(run)
    assert isinstance(events[0], RunStarted)
    assert isinstance(events[-1], Failed)
    assert of_type(events, StepFinished) == []
    assert "NaN or infinity at denoising step 1" in events[-1].message
    assert_one_sentence(events[-1].message)
    assert num_hooks(model.network) == 0

    model.network.get_parameter(parameter).data.copy_(before)
    assert np.array_equal(run_to_end(model).images, run_to_end(make(name)).images)


def test_a_run_is_iterated_once():
    model = make("sddpm")
    run = SamplingRun(model, tiny_request(model))
    result = list(run)[-1].result
    with pytest.raises(SamplingError, match="make another run") as caught:
        list(run)
    assert_one_sentence(str(caught.value))
    assert run.result is result
    assert num_hooks(model.network) == 0


def test_leaving_the_loop_early_detaches_everything():
    model = make("sddpm")
    before = evaluate(model)
    run = SamplingRun(model, tiny_request(model, snn_steps=5, threshold=0.7))
    for event in run:
        if isinstance(event, StepFinished):
            break
    assert num_hooks(model.network) == 0
    assert same_bits(evaluate(model), before)


def test_runs_have_ids_of_their_own():
    model = make("sddpm")
    runs = [SamplingRun(model, tiny_request(model)) for _ in range(3)]
    assert len({run.run_id for run in runs}) == 3
