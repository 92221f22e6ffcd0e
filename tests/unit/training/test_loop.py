"""Training: it learns, it resumes to the bit, it is saved on every way out."""

import csv
import functools
import threading
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from spikestudio.checkpoints.loader import load
from spikestudio.checkpoints.safetensors_io import read_card
from spikestudio.data.readers import Dataset
from spikestudio.errors import ExportError, TrainingError
from spikestudio.models.sddpm import SDDPM
from spikestudio.sampling.events import Finished
from spikestudio.sampling.run import SamplingRun
from spikestudio.training import loop
from spikestudio.training.averaging import recalibrate
from spikestudio.training.events import Measuring, Progressed, Saved, Trained, TrainingEvent
from spikestudio.training.loop import train
from spikestudio.training.request import TrainingRequest
from tests.tiny import ARCHITECTURE_NAMES, num_hooks, tiny_request
from tests.unit.sampling.test_request import assert_one_sentence
from tests.unit.training.small import small_dataset, small_preset, small_request

over_architectures = pytest.mark.parametrize("architecture", ARCHITECTURE_NAMES)


@pytest.fixture(autouse=True)
def every_step_is_told(monkeypatch) -> None:
    monkeypatch.setattr(loop, "LOG_EVERY", 1)
    monkeypatch.setattr(loop, "recalibrate", functools.partial(recalibrate, batches=3))


@dataclass
class History:
    """What a training run told, and the hash of what it made."""

    steps: list[tuple[Any, ...]]
    tensors_sha256: str = ""


def told(events: Iterator[TrainingEvent], history: History, *, until: int = 10**6) -> History:
    """Collect at most ``until`` further steps, then leave."""
    for event in events:
        if isinstance(event, Trained):
            history.tensors_sha256 = event.card.tensors_sha256
        if isinstance(event, Progressed):
            losses = tuple(sorted(event.losses.items()))
            rate = event.learning_rate
            history.steps.append((event.stage, event.step, event.snn_steps, rate, losses))
            until -= 1
        if until == 0:
            break
    events.close()
    return history


@over_architectures
def test_the_loss_falls(architecture, tmp_path):
    preset = small_preset(architecture, num_steps=40, learning_rate=1e-2)
    request = small_request(architecture, tmp_path, preset=preset)
    events = list(train(request, small_dataset(architecture)))
    for stage in preset.stages:
        losses = [
            event.losses["loss"]
            for event in events
            if isinstance(event, Progressed) and event.stage == stage.name
        ]
        assert len(losses) == 40
        assert np.isfinite(losses).all()
        assert np.mean(losses[-20:]) < 0.92 * np.mean(losses[:10])


@over_architectures
def test_progress_is_told_step_by_step(architecture, tmp_path):
    request = small_request(architecture, tmp_path)
    events = list(train(request, small_dataset(architecture)))
    stages = request.preset.stages
    progress = [event for event in events if isinstance(event, Progressed)]
    assert [(event.stage, event.step) for event in progress] == [
        (stage.name, step) for stage in stages for step in range(1, 7)
    ]
    assert [event.total_done for event in progress] == list(range(1, 6 * len(stages) + 1))
    assert {event.total_steps for event in progress} == {6 * len(stages)}
    assert [event.snn_steps for event in progress] == [1, 1, 1, 3, 3, 3] * len(stages)
    assert all(event.seconds_per_step > 0 for event in progress)
    assert isinstance(events[-1], Trained)
    assert len(events) == len(progress) + sum(isinstance(e, Measuring) for e in events) + 1


@over_architectures
def test_the_finished_checkpoint_is_loaded_and_sampled(architecture, tmp_path):
    request = small_request(architecture, tmp_path)
    *_, last = train(request, small_dataset(architecture))
    assert isinstance(last, Trained)
    assert last.checkpoint == request.out
    card = read_card(request.out)
    assert card == last.card
    assert card.training["steps"] == 6 * len(request.preset.stages)
    assert card.training["images"] == 30
    assert card.dataset == "mnist"
    model = load(request.out)
    *_, end = SamplingRun(model, tiny_request(model))
    assert isinstance(end, Finished)


@over_architectures
def test_the_same_request_trains_the_same_network(architecture, tmp_path):
    dataset = small_dataset(architecture)
    first, second, other = (
        told(train(small_request(architecture, tmp_path / name, seed=seed), dataset), History([]))
        for name, seed in (("a", 0), ("b", 0), ("c", 1))
    )
    assert first == second
    assert first.tensors_sha256 != other.tensors_sha256


# Resume

INTERRUPTED_AFTER = {  # steps done, of 6 in each stage; the SNN steps change after 3
    "sddpm": [(1,), (3,), (2, 2, 2)],
    "spiking-diffusion": [(3,), (6,), (8,), (12,), (1, 4, 2)],
    "sdit": [(3,), (2, 2)],
}


@pytest.mark.parametrize(
    ("architecture", "parts"),
    [(name, parts) for name, cases in INTERRUPTED_AFTER.items() for parts in cases],
)
def test_a_resumed_run_is_the_uninterrupted_one(architecture, parts, tmp_path):
    dataset = small_dataset(architecture)
    whole = told(train(small_request(architecture, tmp_path / "whole"), dataset), History([]))
    request = small_request(architecture, tmp_path / "parts")
    history = History([])
    for part in parts:
        told(train(request, dataset), history, until=part)
        assert history.tensors_sha256 == ""
        assert not request.out.exists()
        torch.manual_seed(part)  # what else draws random numbers does not matter
        request = replace(request, resume=True)
    told(train(request, dataset), history)
    assert history == whole
    logs = [
        (tmp_path / name / "model.run" / "log.csv").read_text(encoding="utf-8")
        for name in ("whole", "parts")
    ]
    assert logs[0] == logs[1]


def test_without_an_average_it_resumes_as_well(tmp_path):
    dataset = small_dataset("sddpm")
    preset = small_preset("sddpm", ema_decay=0.0)
    whole_request = small_request("sddpm", tmp_path / "whole", preset=preset)
    whole = told(train(whole_request, dataset), History([]))
    request = small_request("sddpm", tmp_path / "parts", preset=preset)
    history = told(train(request, dataset), History([]), until=4)
    assert told(train(replace(request, resume=True), dataset), history) == whole


def test_resumed_moments_are_laid_out_like_the_weights(tmp_path, monkeypatch):
    request = small_request("sddpm", tmp_path)
    told(train(request, small_dataset("sddpm")), History([]), until=2)
    original, strides = torch.optim.AdamW.step, set()

    def watched(optimiser: Any, *_: Any) -> None:
        for parameter, state in optimiser.state.items():
            strides.add((parameter.stride(), state["exp_avg"].stride()))
        original(optimiser)

    monkeypatch.setattr(torch.optim.AdamW, "step", watched)
    list(train(replace(request, resume=True), small_dataset("sddpm")))
    assert any(len(weights) == 4 for weights, _ in strides)
    assert all(weights == moments for weights, moments in strides)


def test_resuming_a_finished_run_writes_the_same_checkpoint(tmp_path):
    dataset = small_dataset("spiking-diffusion")
    request = small_request("spiking-diffusion", tmp_path)
    first = told(train(request, dataset), History([]))
    log = (request.run_folder / "log.csv").read_text(encoding="utf-8")
    request.out.unlink()
    again = told(train(replace(request, resume=True), dataset), History([]))
    assert again == History([], first.tensors_sha256)
    assert request.out.exists()
    assert (request.run_folder / "log.csv").read_text(encoding="utf-8") == log


def crashed(request: TrainingRequest, dataset: Dataset, monkeypatch: Any, after: int) -> None:
    """Train without ever being able to save at the end, as if the power had failed."""
    events = train(request, dataset)
    told_steps = 0
    while told_steps < after:
        told_steps += isinstance(next(events), Progressed)
    with monkeypatch.context() as patch:
        patch.setattr(loop._Run, "_save", lambda self: None)
        events.close()


def test_after_a_crash_the_last_saved_state_counts_and_the_log_fits_it(tmp_path, monkeypatch):
    dataset = small_dataset("sddpm")
    whole_request = small_request("sddpm", tmp_path / "whole")
    whole = told(train(whole_request, dataset), History([]))
    request = small_request("sddpm", tmp_path / "crashed")
    history = told(train(request, dataset), History([]), until=2)
    crashed(replace(request, resume=True), dataset, monkeypatch, after=3)
    told(train(replace(request, resume=True), dataset), history)
    assert history == whole
    assert (request.run_folder / "log.csv").read_bytes() == (
        whole_request.run_folder / "log.csv"
    ).read_bytes()


# Ways out


@pytest.mark.parametrize("after", [0, 2, 6, 9, 12])
def test_asked_to_stop_it_saves_and_ends(after, tmp_path):
    architecture = "spiking-diffusion"
    dataset = small_dataset(architecture)
    whole = told(train(small_request(architecture, tmp_path / "whole"), dataset), History([]))
    request = small_request(architecture, tmp_path / "stopped")
    stop = threading.Event()
    history = History([])
    events = train(request, dataset, stop)
    if after == 0:
        stop.set()
    for event in events:
        if isinstance(event, Progressed):
            losses = tuple(sorted(event.losses.items()))
            rate = event.learning_rate
            history.steps.append((event.stage, event.step, event.snn_steps, rate, losses))
            if len(history.steps) == after:
                stop.set()
    assert len(history.steps) == after
    if after < 12:
        assert not request.out.exists()
    told(train(replace(request, resume=True), dataset), history)
    assert history.steps == whole.steps
    assert history.tensors_sha256 == whole.tensors_sha256


@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError])
def test_broken_off_within_a_step_the_state_is_that_of_a_whole_step(error, tmp_path, monkeypatch):
    dataset = small_dataset("sddpm")
    whole = told(train(small_request("sddpm", tmp_path / "whole"), dataset), History([]))
    request = small_request("sddpm", tmp_path / "broken")
    history = told(train(request, dataset), History([]), until=2)

    original, calls = torch.optim.AdamW.step, []

    def break_off(optimiser: Any, *_: Any) -> None:
        original(optimiser)
        calls.append(None)
        if len(calls) == 2:
            raise error

    with monkeypatch.context() as patch:
        patch.setattr(torch.optim.AdamW, "step", break_off)
        with pytest.raises(error):
            list(train(replace(request, resume=True), dataset))
    told(train(replace(request, resume=True), dataset), history)
    assert history == whole


def test_a_loss_that_is_no_number_ends_training_before_it_spoils_the_state(tmp_path, monkeypatch):
    dataset = small_dataset("sddpm")
    request = small_request("sddpm", tmp_path)
    told(train(request, dataset), History([]), until=3)
    original = SDDPM.forward
    with monkeypatch.context() as patch:
        patch.setattr(SDDPM, "forward", lambda *args: original(*args) * float("nan"))
        with pytest.raises(TrainingError, match="diverged") as caught:
            list(train(replace(request, resume=True), dataset))
    assert_one_sentence(str(caught.value))
    history = told(train(replace(request, resume=True), dataset), History([]))
    assert [step[1] for step in history.steps] == [4, 5, 6]
    assert history.tensors_sha256


def test_saved_from_time_to_time_with_samples(tmp_path):
    request = small_request("sddpm", tmp_path, save_minutes=0)
    events = list(train(request, small_dataset("sddpm")))
    saved = [event for event in events if isinstance(event, Saved)]
    assert len(saved) == 6
    assert {event.checkpoint for event in saved} == {request.run_folder / "latest.safetensors"}
    assert load(saved[0].checkpoint).card.training["steps"] == 6
    grids = sorted((request.run_folder / "samples").iterdir())
    assert [grid.name for grid in grids] == [f"{step:07d}.png" for step in range(1, 7)]
    assert not any(".tmp" in path.name for path in request.run_folder.rglob("*"))


@over_architectures
def test_samples_on_the_way_do_not_change_the_training(architecture, tmp_path):
    dataset = small_dataset(architecture)
    plain, saving = (
        told(
            train(small_request(architecture, tmp_path / name, save_minutes=minutes), dataset),
            History([]),
        )
        for name, minutes in (("plain", 5.0), ("saving", 0.0))
    )
    assert plain == saving


def test_the_log_holds_every_loss(tmp_path):
    request = small_request("spiking-diffusion", tmp_path)
    events = list(train(request, small_dataset("spiking-diffusion")))
    with (request.run_folder / "log.csv").open(encoding="utf-8") as file:
        rows = list(csv.reader(file))
    assert rows[0] == ["stage", "step", "name", "value"]
    assert [(stage, int(step), name, float(value)) for stage, step, name, value in rows[1:]] == [
        (event.stage, event.step, name, value)
        for event in events
        if isinstance(event, Progressed)
        for name, value in (event.losses | event.rates).items()
    ]


# What is refused, before anything is done


def refused(request: TrainingRequest, dataset: Dataset, match: str) -> None:
    before = sorted(request.run_folder.parent.rglob("*"))
    with pytest.raises(TrainingError, match=match) as caught:
        train(request, dataset)
    assert_one_sentence(str(caught.value))
    assert sorted(request.run_folder.parent.rglob("*")) == before


def test_another_run_in_the_folder_is_not_overwritten(tmp_path):
    request = small_request("sddpm", tmp_path)
    told(train(request, small_dataset("sddpm")), History([]), until=1)
    refused(request, small_dataset("sddpm"), "add --resume to go on with it")


def test_a_run_with_other_settings_is_not_resumed(tmp_path):
    request = small_request("sddpm", tmp_path)
    dataset = small_dataset("sddpm")
    told(train(request, dataset), History([]), until=1)
    resumed = replace(request, resume=True)
    refused(replace(resumed, seed=1), dataset, "was started with seed 0, not 1")
    refused(replace(resumed, preset_name="paper"), dataset, "preset 'micro', not 'paper'")
    refused(resumed, replace(dataset, name="kmnist"), "dataset 'mnist', not 'kmnist'")
    refused(resumed, small_dataset("sddpm", num=31), "images 30, not 31")
    sdit = small_request("sdit", tmp_path, resume=True)
    refused(sdit, small_dataset("sdit"), "architecture 'sddpm', not 'sdit'")
    wider = replace(request.preset.config, base_channels=8)
    changed = replace(resumed, preset=replace(request.preset, config=wider))
    refused(changed, dataset, "do not fit the preset micro")


def test_nothing_to_resume(tmp_path):
    request = small_request("sddpm", tmp_path, resume=True)
    refused(request, small_dataset("sddpm"), "nothing to resume")


@pytest.mark.parametrize(
    ("architecture", "changes", "match"),
    [
        ("sddpm", {"images": np.zeros((8, 9, 9, 1), np.uint8)}, "9x9 with 1 channels"),
        ("sddpm", {"images": np.zeros((8, 8, 8, 3), np.uint8)}, "8x8 with 3 channels"),
        ("sdit", {"images": np.zeros((8, 8, 8, 3), np.uint8)}, "8x8 with 3 channels"),
        ("sdit", {"labels": None}, "learns 10 classes"),
        ("sdit", {"labels": np.full(30, 10)}, "learns 10 classes"),
        ("spiking-diffusion", {"images": np.zeros((8, 8, 8, 1), np.uint8)}, "takes 12x12"),
    ],
)
def test_a_data_set_that_does_not_fit_is_refused(architecture, changes, match, tmp_path):
    dataset = replace(small_dataset(architecture), **changes)
    refused(small_request(architecture, tmp_path), dataset, match)


def test_training_starts_from_the_weights_of_a_checkpoint(tmp_path):
    preset = small_preset("sddpm", num_steps=2, learning_rate=1e-30, ema_decay=0.0)
    first = small_request("sddpm", tmp_path / "a", preset=preset, seed=1)
    list(train(first, small_dataset("sddpm")))
    weight = "downblocks.0.conv1.weight"
    wanted = load(first.out).network.state_dict()[weight]
    for init, is_same in ((first.out, True), (None, False)):
        again = small_request("sddpm", tmp_path / str(is_same), preset=preset, seed=2, init=init)
        list(train(again, small_dataset("sddpm")))
        model = load(again.out)
        found = model.network.state_dict()[weight]
        assert torch.allclose(found, wanted, atol=1e-6) is is_same
        assert ("started_from" in model.card.training) is is_same


def test_weights_of_another_configuration_are_refused(tmp_path):
    first = small_request("sdit", tmp_path / "a", preset=small_preset("sdit", num_steps=1))
    list(train(first, small_dataset("sdit")))
    request = small_request("sddpm", tmp_path / "b", init=first.out)
    refused(request, small_dataset("sddpm"), "holds another network")


def test_an_output_that_cannot_be_written_is_refused_before_the_work(tmp_path):
    request = small_request("sddpm", tmp_path, out=tmp_path / "nowhere" / "model.safetensors")
    with pytest.raises(ExportError, match="does not exist"):
        train(request, small_dataset("sddpm"))


def test_grey_images_are_copied_to_the_channels_of_a_transformer(tmp_path):
    preset = small_preset("sdit", num_steps=1)
    colour = replace(preset, config=replace(preset.config, image_channels=3))
    request = small_request("sdit", tmp_path, preset=colour)
    *_, last = train(request, small_dataset("sdit"))
    model = load(last.checkpoint)
    assert model.card.image_channels == 1
    *_, end = SamplingRun(model, tiny_request(model))
    assert end.result.images.shape[-1] == 1


def test_fewer_images_than_a_batch(tmp_path):
    preset = small_preset("sddpm", num_steps=3, batch_size=64)
    request = small_request("sddpm", tmp_path, preset=preset)
    *_, last = train(request, small_dataset("sddpm", num=5))
    assert isinstance(last, Trained)


def test_every_image_is_seen_once_an_epoch(tmp_path, monkeypatch):
    seen: list[list[int]] = []
    original = loop.make_task

    def watched(*args: Any) -> Any:
        task = original(*args)

        def loss(indices: torch.Tensor, *rest: Any) -> dict[str, torch.Tensor]:
            seen.append(indices.tolist())
            return task.loss(indices, *rest)

        return replace(task, loss=loss)

    monkeypatch.setattr(loop, "make_task", watched)
    preset = small_preset("sdit", num_steps=6, batch_size=8)
    list(train(small_request("sdit", tmp_path, preset=preset), small_dataset("sdit", num=24)))
    epochs = [[index for batch in seen[i : i + 3] for index in batch] for i in (0, 3)]
    assert [sorted(epoch) for epoch in epochs] == [list(range(24))] * 2
    assert epochs[0] != epochs[1]


def test_bfloat16_trains_and_resumes(tmp_path):
    dataset = small_dataset("sddpm")
    whole_request = small_request("sddpm", tmp_path / "whole", precision="bfloat16")
    whole = told(train(whole_request, dataset), History([]))
    request = small_request("sddpm", tmp_path / "parts", precision="bfloat16")
    history = told(train(request, dataset), History([]), until=2)
    told(train(replace(request, resume=True), dataset), history)
    assert history == whole


def test_training_leaves_no_hooks(tmp_path, monkeypatch):
    networks: list[nn.Module] = []
    original = loop.LoadedModel

    def watched(card: Any, network: nn.Module, *rest: Any) -> Any:
        networks.append(network)
        return original(card, network, *rest)

    monkeypatch.setattr(loop, "LoadedModel", watched)
    request = small_request("sddpm", tmp_path, save_minutes=0)
    list(train(request, small_dataset("sddpm")))
    assert networks
    assert num_hooks(networks[0]) == 0
