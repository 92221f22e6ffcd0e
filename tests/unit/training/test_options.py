"""Options that change how a step is computed and not what comes out."""

import csv
import functools
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from spikestudio.errors import ConfigError, TrainingError
from spikestudio.models.registry import ARCHITECTURES
from spikestudio.training import loop
from spikestudio.training.averaging import recalibrate
from spikestudio.training.batch_norm import SharedBatchNorm2d
from spikestudio.training.loop import train
from spikestudio.training.parallel import Part, World
from spikestudio.training.presets import Stage
from spikestudio.training.recomputation import recompute_blocks
from spikestudio.training.request import TrainingRequest, learning_rate, with_cosine
from spikestudio.training.state import STATE_FILE, load_state
from spikestudio.training.tasks import make_task
from tests.tiny import ARCHITECTURE_NAMES, tiny_config
from tests.unit.training.small import small_dataset, small_preset, small_request


@pytest.fixture(autouse=True)
def every_step_is_told(monkeypatch) -> None:
    monkeypatch.setattr(loop, "LOG_EVERY", 1)
    monkeypatch.setattr(loop, "recalibrate", functools.partial(recalibrate, batches=3))


def state_after(folder: Path, architecture: str, **changes: Any) -> dict[str, torch.Tensor]:
    """Train to the end, and return the whole state."""
    request = small_request(architecture, folder, **changes)
    list(train(request, small_dataset(architecture)))
    return load_file(request.run_folder / STATE_FILE)


def furthest(first: dict[str, torch.Tensor], second: dict[str, torch.Tensor]) -> float:
    assert first.keys() == second.keys()
    return max(float((first[name].double() - second[name].double()).abs().max()) for name in first)


# Parts of a batch


@pytest.mark.parametrize("parts", [2, 3, 8])
def test_a_batch_in_parts_trains_the_same_transformer(parts, tmp_path):
    whole = state_after(tmp_path / "whole", "sdit", precision="float64")
    split = state_after(tmp_path / "parts", "sdit", precision="float64", parts=parts)
    assert furthest(whole, split) < 1e-9


@pytest.mark.parametrize("architecture", ARCHITECTURE_NAMES)
@pytest.mark.parametrize("parts", [2, 3])
def test_losses_of_parts_add_up_to_those_of_the_batch(architecture, parts):
    """Where no BatchNorm looks at the batch; spikes, tokens and masks are those of the whole."""
    each = network(architecture).eval()
    for stage in small_preset(architecture).stages:
        task = make_task(
            stage,
            each,
            small_dataset(architecture),
            torch.device("cpu"),
            lambda module: module,
            torch.float64,
        )
        totals: dict[str, float] = {}
        for number in (1, parts):
            for part in Part.whole(8).split(number):
                generator = torch.Generator().manual_seed(5)
                for name, value in task.loss(torch.arange(3, 11), generator, part).items():
                    sign = 1 if number == 1 else -1
                    totals[name] = totals.get(name, 0.0) + sign * part.share * float(value.detach())
        assert {name: pytest.approx(0, abs=1e-10) for name in totals} == totals


def test_a_batch_norm_sees_one_part_at_a_time(tmp_path):
    whole = state_after(tmp_path / "whole", "sddpm", precision="float64")
    split = state_after(tmp_path / "parts", "sddpm", precision="float64", parts=2)
    assert furthest(whole, split) > 1e-6


def test_parts_cover_a_batch_once():
    whole = Part.whole(10)
    parts = [part for rank in range(3) for part in World(rank, 3).part(10).split(2)]
    rows = [row for part in parts for row in range(part.first, part.end)]
    assert rows == list(range(10))
    assert sum(part.share for part in parts) == pytest.approx(1)
    assert [len(part) for part in whole.split(4)] == [2, 3, 2, 3]
    assert [len(part) for part in Part.whole(2).split(5)] == [1, 1]


def test_too_few_images_for_the_processes():
    with pytest.raises(TrainingError, match="2 images cannot be shared by 3"):
        World(0, 3).part(2)


# Recomputed activations


def network(architecture: str) -> nn.Module:
    torch.manual_seed(1)
    return ARCHITECTURES[architecture].build(tiny_config(architecture)).double().train()


def passed(architecture: str, network: Any) -> torch.Tensor:
    """Some loss through everything that is trained."""
    generator = torch.Generator().manual_seed(2)
    config = network.config
    shape = (4, config.image_channels, config.image_size, config.image_size)
    x = torch.randn(shape, generator=generator).double()
    t = torch.randint(1, config.num_train_timesteps, (4,), generator=generator)
    if architecture == "spiking-diffusion":
        out = network.vqsvae(x.sigmoid() - 0.5)
        logits = network.sdid(out.tokens, t)
        return out.reconstruction.square().sum() + out.codes.sum() + logits.square().sum()
    output = network(x, t, t % 3) if architecture == "sdit" else network(x, t)
    return (output * torch.randn(output.shape, generator=generator)).sum()


@pytest.mark.parametrize("architecture", ARCHITECTURE_NAMES)
def test_recomputed_blocks_give_the_same_gradients_and_statistics(architecture):
    plain, recomputed = network(architecture), network(architecture)
    recompute_blocks(recomputed)
    calls: list[nn.Module] = []
    for module in recomputed.modules():
        if isinstance(module, nn.BatchNorm2d | nn.LayerNorm) or type(module).__name__ == "_TimeMix":
            module.register_forward_hook(lambda each, *_: calls.append(each))
    for each in (plain, recomputed):
        passed(architecture, each).backward()
    assert len(calls) > len(set(calls))  # some were evaluated twice
    gradients = [{n: p.grad for n, p in each.named_parameters()} for each in (plain, recomputed)]
    assert any(float(g.abs().max()) > 0 for g in gradients[0].values() if g is not None)
    for name, gradient in gradients[0].items():
        assert (gradient is None) == (gradients[1][name] is None)
        assert gradient is None or torch.equal(gradient, gradients[1][name]), name
    for name, value in plain.state_dict().items():
        assert torch.equal(value, recomputed.state_dict()[name]), name


@pytest.mark.parametrize("architecture", ARCHITECTURE_NAMES)
def test_with_checkpointing_training_is_the_same(architecture, tmp_path):
    plain = state_after(tmp_path / "plain", architecture)
    saving = state_after(tmp_path / "saving", architecture, checkpointing=True)
    assert furthest(plain, saving) == 0


def test_contiguous_weights_train_the_same_network(tmp_path):
    last = state_after(tmp_path / "last", "sddpm", precision="float64")
    contiguous = state_after(tmp_path / "first", "sddpm", precision="float64", channels_last=False)
    assert furthest(last, contiguous) < 1e-6


# Statistics over processes


class Pair(World):
    """Two processes in one: each message is answered as if the other one had sent ``others``."""

    def __init__(self, others: list[torch.Tensor]) -> None:
        object.__setattr__(self, "rank", 0)
        object.__setattr__(self, "size", 2)
        object.__setattr__(self, "others", others)

    __slots__ = ("others",)

    def gather(self, tensor: torch.Tensor) -> torch.Tensor:
        return torch.stack([tensor, self.others.pop(0)])

    def sum_(self, tensor: torch.Tensor) -> torch.Tensor:
        return tensor


@pytest.mark.parametrize("momentum", [0.1, None])
def test_alone_shared_statistics_are_those_of_batch_norm(momentum):
    torch.manual_seed(0)
    plain = nn.BatchNorm2d(3, momentum=momentum).double()
    nn.init.normal_(plain.weight)
    shared = nn.BatchNorm2d(3, momentum=momentum).double()
    shared.load_state_dict(plain.state_dict())
    shared = SharedBatchNorm2d(shared, World())
    for _ in range(3):
        x = torch.randn(6, 3, 4, 5).double() * 3 + 1
        inputs = [x.clone().requires_grad_() for _ in range(2)]
        weights = torch.randn(x.shape).double()
        outputs = [norm(each) for norm, each in zip((plain, shared), inputs, strict=True)]
        for output in outputs:
            (output * weights).sum().backward()
        assert torch.allclose(*outputs, rtol=0, atol=1e-12)
        assert torch.allclose(inputs[0].grad, inputs[1].grad, rtol=0, atol=1e-12)
    assert torch.allclose(plain.weight.grad, shared.weight.grad)
    assert torch.allclose(plain.bias.grad, shared.bias.grad)
    for name, value in plain.state_dict().items():
        assert torch.allclose(value, shared.state_dict()[name], rtol=0, atol=1e-12), name
    for norm in (plain, shared):
        norm.eval()
    assert torch.allclose(plain(x), shared(x))


def test_gradients_of_shared_statistics_are_numerically_right():
    shared = SharedBatchNorm2d(nn.BatchNorm2d(2).double(), World())
    x = torch.randn(3, 2, 2, 2, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(shared, (x,))


def test_statistics_join_parts_of_different_sizes():
    torch.manual_seed(0)
    whole = torch.randn(7, 2, 3, 3).double() * 5 + 100
    ours, theirs = whole[:4], whole[4:]
    mean = theirs.mean((0, 2, 3))
    squares = (theirs - mean.view(1, -1, 1, 1)).square().sum((0, 2, 3))
    message = torch.cat([mean, squares, torch.tensor([27.0]).double()])
    shared = SharedBatchNorm2d(nn.BatchNorm2d(2).double(), Pair([message]))
    plain = nn.BatchNorm2d(2).double()
    assert torch.allclose(shared(ours), plain(whole)[:4], rtol=0, atol=1e-12)
    assert torch.allclose(shared.running_var, plain.running_var, rtol=0, atol=1e-12)


# Rates, precision, logs


def test_a_cosine_rises_and_falls_to_zero():
    stage = Stage(name="any", num_steps=110, batch_size=1, learning_rate=2.0, warmup_steps=10)
    stage = replace(stage, decay="cosine")
    rates = [learning_rate(stage, step) for step in range(111)]
    assert rates[:10] == pytest.approx([0.2 * (step + 1) for step in range(10)])
    assert rates[60] == pytest.approx(1.0)
    assert rates[35] == pytest.approx(1 + 0.5**0.5)
    assert rates[110] == pytest.approx(0)
    assert all(a >= b for a, b in pairwise(rates[10:]))


def test_a_run_is_not_resumed_with_another_fall_of_the_rate(tmp_path):
    request = small_request("sdit", tmp_path)
    list(train(request, small_dataset("sdit")))
    with pytest.raises(TrainingError, match="decay 'linear', not 'cosine'"):
        train(with_cosine(replace(request, resume=True)), small_dataset("sdit"))


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"precision": "int8"}, "Unknown precision 'int8'"),
        ({"precision": "float16"}, "float16 trains on CUDA only"),
        ({"checkpointing": True, "compiled": True}, "leave out"),
        ({"parts": 9}, "A batch of 8 images has 1 to 8 parts, not 9"),
    ],
)
def test_what_does_not_go_together_is_refused(changes, match, tmp_path):
    with pytest.raises(ConfigError, match=match):
        small_request("sddpm", tmp_path, **changes)


def test_losses_are_scaled_for_float16_and_the_scale_is_resumed(tmp_path):
    """On the CPU, which float16 is not meant for, but where it works the same way."""
    dataset = small_dataset("sddpm")

    def request(name: str, **changes: Any) -> TrainingRequest:
        made = small_request("sddpm", tmp_path / name, **changes)
        object.__setattr__(made, "precision", "float16")
        return made

    list(train(request("whole"), dataset))
    events = train(request("parts"), dataset)
    told = [next(events) for _ in range(3)]
    events.close()
    assert all(np.isfinite(event.losses["loss"]) for event in told)
    position, _ = load_state(request("parts").run_folder, expected={})
    assert position["scaler"]["scale"] > 1
    list(train(request("parts", resume=True), dataset))
    states = [load_file(request(name).run_folder / STATE_FILE) for name in ("whole", "parts")]
    assert furthest(*states) == 0
    weight = states[0]["network/downblocks.0.conv1.weight"]
    assert weight.dtype == torch.float32
    assert bool(weight.isfinite().all())


def test_tensorboard_holds_the_losses_of_the_log(tmp_path):
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    request = small_request("sdit", tmp_path, tensorboard=True)
    preset = small_preset("sdit", num_steps=4)
    list(train(replace(request, preset=preset), small_dataset("sdit")))
    board = EventAccumulator(str(request.run_folder / "tensorboard"))
    board.Reload()
    with (request.run_folder / "log.csv").open(encoding="utf-8") as file:
        rows = list(csv.reader(file))[1:]
    found = [(event.step, event.value) for event in board.Scalars("denoiser/loss")]
    assert found == [
        (int(row[1]), pytest.approx(float(row[3]))) for row in rows if row[2] == "loss"
    ]
    assert len(board.Scalars("learning_rate")) == 4


def test_without_being_asked_for_tensorboard_stays_away(tmp_path):
    request = small_request("sdit", tmp_path)
    list(train(request, small_dataset("sdit")))
    assert {path.name for path in request.run_folder.iterdir()} == {"log.csv", STATE_FILE}
