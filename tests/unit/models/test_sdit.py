"""SDiT against reference outputs, its sizes, its run-time switches and its training loss."""

from __future__ import annotations

from dataclasses import replace
from math import log
from typing import Any

import pytest
import torch
from torch import Tensor

from spikestudio.diffusion.gaussian import balanced_weights
from spikestudio.diffusion.schedules import GaussianSchedule
from spikestudio.errors import ConfigError
from spikestudio.models.config import from_json, to_json
from spikestudio.models.embeddings import sinusoid_cos_first, sinusoid_table, unpatchify
from spikestudio.models.sdit import SDiT, SDiTConfig
from spikestudio.neurons.nodes import set_threshold, spiking_layers
from spikestudio.training.sdit import sdit_loss
from tests.unit.golden import golden_input, golden_weights

SMALL = SDiTConfig(image_size=8, width=32, depth=2)
CIFAR10 = SDiTConfig(width=512, depth=8)
LAYERS = ("in_blocks.0", "mid_block", "out_blocks.0")


def golden_network(dtype: torch.dtype = torch.float64) -> SDiT:
    network = SDiT(SMALL).to(dtype).eval()
    network.load_state_dict(golden_weights(network.state_dict(), gain=4.0))
    return network


@torch.no_grad()
def evaluate(network: SDiT) -> Tensor:
    x = golden_input((2, 3, 8, 8)).to(network.pos_embed.dtype)
    output: Tensor = network(x, torch.tensor([0, 999]), torch.tensor([3, 10]))
    return output


def on_meta(config: SDiTConfig) -> SDiT:
    with torch.device("meta"):
        return SDiT(config)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_golden(dtype: torch.dtype) -> None:
    network = golden_network(dtype)
    rates: dict[str, float] = {}
    for name, lif in spiking_layers(network).items():
        lif.register_forward_hook(
            lambda _module, _args, spikes, name=name: rates.update({name: float(spikes.mean())})
        )
    y = evaluate(network)
    exact = dtype == torch.float64
    assert y.shape == (2, 6, 8, 8)
    assert [float(y.mean()), float(y.std())] == pytest.approx(
        [0.10594197, 1.70374751], **({"abs": 5e-9} if exact else {"rel": 1e-4})
    )
    assert [*y.flatten()[:5].tolist(), float(y.flatten()[-1])] == pytest.approx(
        [0.163104, 1.132278, 0.314617, 0.297724, -0.154438, -0.390892],
        **({"abs": 5e-7} if exact else {"rel": 1e-4}),
    )
    expected = (0.4414, 0.2652, 0.4778, 0.2876, 0.4316, 0.2945)
    assert rates == pytest.approx(
        dict(zip((f"{b}.lif{i}" for b in LAYERS for i in (1, 2)), expected, strict=True)),
        abs=5e-5,
    )


@pytest.mark.parametrize(
    ("config", "parameters", "entries"),
    [(SDiTConfig(), 11_667_259, 111), (CIFAR10, 36_052_047, 191), (SMALL, 59_445, 71)],
)
def test_sizes(config: SDiTConfig, parameters: int, entries: int) -> None:
    network = on_meta(config)
    assert sum(p.numel() for p in network.parameters()) == parameters
    assert len(network.state_dict()) == entries


@pytest.mark.parametrize("config", [SDiTConfig(), CIFAR10])
def test_state_dict_of_the_papers(config: SDiTConfig) -> None:
    d, n, half = config.width, 197, config.depth // 2
    blocks = [f"in_blocks.{i}" for i in range(half)] + ["mid_block"]
    outs = [f"out_blocks.{i}" for i in range(half)]
    expected: dict[str, tuple[int, ...]] = {
        "pos_embed": (1, n, d),
        "x_embedder.proj.weight": (d, 3, 2, 2),
        "x_embedder.proj.bias": (d,),
        "t_embedder.mlp.0.weight": (d, 256),
        "t_embedder.mlp.0.bias": (d,),
        "t_embedder.mlp.2.weight": (d, d),
        "t_embedder.mlp.2.bias": (d,),
        "y_embedder.embedding_table.weight": (11, d),
        "conv.weight": (6, 6, 3, 3),
        "conv.bias": (6,),
        "final_layer.linear.weight": (24, d),
        "final_layer.linear.bias": (24,),
    }
    for p in blocks + outs:
        expected |= {
            f"{p}.restruction_token": (1, n, d),
            f"{p}.restruction_token_MLP.weight": (n, d),
            f"{p}.restruction_token_MLP.bias": (n,),
            f"{p}.another_MLP.weight": (d, n),
            f"{p}.another_MLP.bias": (d,),
            f"{p}.ffn.key.weight": (4 * d, d),
            f"{p}.ffn.value.weight": (d, 4 * d),
            f"{p}.ffn.receptance.weight": (d, d),
        }
        expected |= {f"{p}.att.time_{x}": (d,) for x in ("decay", "first")}
        expected |= {f"{p}.att.time_mix_{x}": (1, 1, d) for x in "kvr"}
        expected |= {f"{p}.ffn.time_mix_{x}": (1, 1, d) for x in "kr"}
        for x in ("key", "value", "receptance", "output"):
            expected[f"{p}.att.{x}.weight"] = (d, d)
    for p in outs:
        expected |= {f"{p}.skip_linear.weight": (d, 2 * d), f"{p}.skip_linear.bias": (d,)}
    shapes = {key: tuple(entry.shape) for key, entry in on_meta(config).state_dict().items()}
    assert shapes == expected


def test_initial_values() -> None:
    network = SDiT(SDiTConfig(image_size=8, width=64, depth=4))
    first, second = network.in_blocks[0], network.in_blocks[1]
    channel = torch.arange(64, dtype=torch.float64)
    decay = -5 + 8 * (channel / 63) ** (0.7 + 1.3 / 3)
    torch.testing.assert_close(second.att.time_decay.double(), decay, rtol=1e-6, atol=1e-6)
    assert second.att.time_first[:3].tolist() == pytest.approx(
        [log(0.3), log(0.3) + 0.5, log(0.3) - 0.5]
    )
    mix = (channel / 64) ** (3 / 4)
    torch.testing.assert_close(second.att.time_mix_k.flatten().double(), mix, rtol=1e-6, atol=1e-7)
    torch.testing.assert_close(
        second.att.time_mix_v.flatten().double(), mix + 0.1, rtol=1e-6, atol=1e-7
    )
    torch.testing.assert_close(
        second.att.time_mix_r.flatten().double(), mix.sqrt(), rtol=1e-6, atol=1e-7
    )
    assert torch.equal(network.out_blocks[0].att.time_decay, first.att.time_decay)
    assert torch.equal(first.restruction_token, torch.ones(1, 17, 64))
    assert not network.pos_embed.any()
    assert not network.final_layer.linear.weight.any()
    assert 0.018 < float(network.t_embedder.mlp[0].weight.detach().std()) < 0.022


def test_snn_steps_and_threshold_revert_exactly() -> None:
    network = golden_network(torch.float32)
    before = evaluate(network)
    for change in (lambda: network.set_snn_steps(7), lambda: set_threshold(network, 0.9)):
        change()
        assert not torch.equal(evaluate(network), before)
        network.set_snn_steps(4)
        set_threshold(network, 1.0)
        assert torch.equal(evaluate(network), before)
    with pytest.raises(ConfigError):
        network.set_snn_steps(0)


def test_neurons_see_a_constant_current() -> None:
    network = golden_network()
    seen: list[Tensor] = []
    lif = network.out_blocks[0].lif1
    lif.register_forward_hook(lambda _module, args, _spikes: seen.append(args[0]))
    network.set_snn_steps(5)
    evaluate(network)
    assert seen[0].shape == (5, 2, 2 * 17, 32)  # [T, B, image and reconstruction tokens, D]
    assert torch.equal(seen[0][0], seen[0][4])


def test_reconstruction_can_be_left_out() -> None:
    network = golden_network()
    with_module = evaluate(network)
    network.reconstruction = False
    assert not torch.equal(evaluate(network), with_module)
    without = SDiT(replace(SMALL, reconstruction=False)).double()
    without.load_state_dict(network.state_dict())
    assert torch.equal(evaluate(without), evaluate(network))


def test_an_image_does_not_depend_on_the_order_of_the_batch() -> None:
    network = golden_network(torch.float32)
    x = golden_input((3, 3, 8, 8)).float()
    t, y = torch.tensor([5, 500, 999]), torch.tensor([0, 10, 7])
    with torch.no_grad():
        forwards, backwards = network(x, t, y), network(x.flip(0), t.flip(0), y.flip(0))
    assert torch.equal(forwards, backwards.flip(0))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("depth", 3),
        ("depth", 0),
        ("patch_size", 3),
        ("width", 1),
        ("num_classes", 0),
        ("num_snn_steps", 0),
        ("image_channels", 0),
    ],
)
def test_config_refuses(name: str, value: int) -> None:
    with pytest.raises(ConfigError) as refused:
        replace(SDiTConfig(), **{name: value})
    assert refused.value.field == name
    assert str(value) in str(refused.value)


def test_config_survives_json() -> None:
    assert from_json(SDiTConfig, to_json(CIFAR10)) == CIFAR10


def test_embeddings() -> None:
    table = sinusoid_table(1000, 128)
    assert table.dtype == torch.float32
    assert table[1, :4].tolist() == pytest.approx(
        [0.841471, 0.540302, 0.761720, 0.647906], abs=5e-7
    )
    cosines = sinusoid_cos_first(torch.tensor([1]), 128)
    torch.testing.assert_close(
        cosines[0], torch.cat([table[1, 1::2], table[1, 0::2]]), rtol=0, atol=1e-6
    )
    # Token 1 of 2x2 patches is the top right one; its values come row, column, channel.
    images = unpatchify(torch.arange(32.0).reshape(1, 4, 8), patch_size=2, rows=2, columns=2)
    assert images.shape == (1, 2, 4, 4)
    assert images[0, :, 0, 2].tolist() == [8, 9]
    assert images[0, :, 0, 3].tolist() == [10, 11]
    assert images[0, :, 1, 2].tolist() == [12, 13]


class FixedOutput(torch.nn.Module):
    """Stands for a network: gives its parameter, and keeps the labels it was asked for."""

    def __init__(self, output: Tensor) -> None:
        super().__init__()
        self.config = SMALL
        self.output = torch.nn.Parameter(output)

    def forward(self, x: Tensor, t: Tensor, y: Tensor) -> Tensor:
        self.asked = (x, t, y)
        return self.output


def loss_of(network: torch.nn.Module, batch: int, weighting: Any = "uniform") -> Tensor:
    images = golden_input((batch, 3, 8, 8)).float()
    return sdit_loss(
        network,  # type: ignore[arg-type]
        GaussianSchedule.linear(beta_dtype=torch.float64),
        images,
        torch.arange(batch) % 10,
        generator=torch.Generator().manual_seed(3),
        weighting=weighting,
    )


def test_loss_trains_the_noise_by_its_error_and_the_variance_by_the_bound() -> None:
    network = FixedOutput(torch.zeros(4, 6, 8, 8))
    loss_of(network, 4).backward()
    gradient = network.output.grad
    assert gradient is not None
    x_t, t, _ = network.asked
    ab = GaussianSchedule.linear(beta_dtype=torch.float64).alphas_cumprod[t].reshape(-1, 1, 1, 1)
    noise = (x_t - ab.sqrt() * golden_input((4, 3, 8, 8)).float()) / (1 - ab).sqrt()
    expected = -2 * noise / noise.numel()  # of the squared error alone, at a prediction of zero
    torch.testing.assert_close(gradient[:, :3], expected.float(), rtol=1e-3, atol=1e-5)
    assert gradient[:, 3:].abs().min() > 0


def test_loss_drops_a_tenth_of_the_labels() -> None:
    network = FixedOutput(torch.zeros(2000, 6, 8, 8))
    loss_of(network, 2000)
    labels = network.asked[2]
    dropped = labels == SMALL.null_label
    assert 0.07 < float(dropped.float().mean()) < 0.13
    assert torch.equal(labels[~dropped], (torch.arange(2000) % 10)[~dropped])


def test_balanced_loss_weighs_each_image_by_its_time() -> None:
    network = FixedOutput(torch.zeros(16, 6, 8, 8))
    loss_of(network, 16).backward()
    uniform = network.output.grad
    network.output.grad = None
    loss_of(network, 16, weighting="balanced").backward()
    balanced = network.output.grad
    assert uniform is not None
    assert balanced is not None
    weights = balanced_weights(GaussianSchedule.linear(), network.asked[1]).reshape(-1, 1, 1, 1)
    torch.testing.assert_close(balanced[:, :3], weights * uniform[:, :3], rtol=1e-3, atol=1e-6)
    assert torch.equal(balanced[:, 3:], uniform[:, 3:])


def test_training_lowers_the_loss() -> None:
    torch.manual_seed(0)
    network = SDiT(SMALL)
    optimiser = torch.optim.AdamW(network.parameters(), lr=1e-2)
    losses = []
    for _ in range(12):
        loss = loss_of(network, 4)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(float(loss.detach()))
    assert all(p.grad is not None for p in network.parameters())
    assert losses[-1] < 0.9 * losses[0]
