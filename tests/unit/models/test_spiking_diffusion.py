"""Spiking-Diffusion: reference numbers, released key names, SNN steps and threshold at run time."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import pairwise
from typing import TypeVar

import pytest
import torch
from torch import Tensor, nn

from spikestudio.errors import ConfigError
from spikestudio.models.config import from_json, to_json
from spikestudio.models.spiking_diffusion import (
    SDID,
    VQSVAE,
    SpikingDiffusion,
    SpikingDiffusionConfig,
)
from spikestudio.neurons.layers import readout_coefficients
from spikestudio.neurons.nodes import set_threshold, spiking_layers
from spikestudio.training.spiking_diffusion import sdid_loss, vqsvae_loss
from tests.unit.golden import golden_input, golden_weights

M = TypeVar("M", bound=nn.Module)
GOLDEN = SpikingDiffusionConfig(codebook_size=32)
MICRO = SpikingDiffusionConfig(
    codebook_size=8,
    code_dim=4,
    encoder_widths=(6, 8),
    denoiser_widths=(8, 12, 8),
    num_snn_steps=4,
    token_embedding=5,
)
BOTH = pytest.mark.parametrize("dtype", [torch.float64, torch.float32])


def close(value: Tensor | float, printed: str, dtype: torch.dtype = torch.float64) -> bool:
    """Within half a unit of the last printed digit; float32 within 1e-4 relative."""
    if dtype is torch.float32:
        return math.isclose(float(value), float(printed), rel_tol=1e-4)
    digits = len(printed.partition(".")[2])
    return abs(float(value) - float(printed)) <= 0.5 * 10**-digits


def golden(model: M, gain: float, dtype: torch.dtype = torch.float64) -> M:
    model = model.to(torch.float64)
    model.load_state_dict(golden_weights(model.state_dict(), gain))
    return model.to(dtype).eval()


@contextmanager
def firing_rates(model: nn.Module) -> Iterator[dict[str, float]]:
    rates: dict[str, float] = {}
    hooks = [
        node.register_forward_hook(
            lambda _node, _args, spikes, name=name: rates.update({name: float(spikes.mean())})
        )
        for name, node in spiking_layers(model).items()
    ]
    yield rates
    for hook in hooks:
        hook.remove()


@pytest.fixture(scope="module")
def image() -> Tensor:
    """Centred, as the auto-encoder sees it."""
    return 0.5 * golden_input((2, 1, 28, 28))


@pytest.fixture(scope="module")
def micro() -> SpikingDiffusion:
    torch.manual_seed(0)
    model = SpikingDiffusion(MICRO)
    for norm in model.modules():
        if isinstance(norm, nn.BatchNorm2d):  # as initialised, hardly a neuron would fire
            nn.init.constant_(norm.weight, 5.0)
            nn.init.constant_(norm.bias, 0.5)
    return model.eval()


@BOTH
def test_vqsvae_reproduces_the_reference(image: Tensor, dtype: torch.dtype) -> None:
    model = golden(VQSVAE(GOLDEN), 4.0, dtype)
    with torch.no_grad(), firing_rates(model) as rates:
        out = model(image.to(dtype))

    z = out.z
    assert close(z.mean(), "0.65090834", dtype)
    assert close(z.std(), "0.97449178", dtype)
    for value, printed in zip(z.flatten()[2:5], ("0.136108", "1.567123", "2.929631"), strict=True):
        assert close(value, printed, dtype)
    first = [3, 16, 19, 6, 24, 30, 21, 4, 9, 15, 12, 12, 13, 4, 24, 6, 3, 4, 27, 10]
    assert out.tokens.flatten()[:20].tolist() == first
    assert out.tokens.unique().numel() == 22
    assert int(out.tokens.sum()) == 1349
    assert close(out.generated_spikes.mean(), "0.45942283", dtype)
    assert close(out.reconstruction.mean(), "0.41492392", dtype)
    assert close(out.reconstruction.std(), "0.16058343", dtype)
    assert close(out.reconstruction.flatten()[0], "0.424282", dtype)
    assert list(rates) == [
        *(f"encoder.snn_convs.{i}" for i in (2, 5, 8)),
        "vq_layer.poisson.2",
        *(f"decoder.snn_convs.{i}" for i in (2, 5)),
    ]
    for rate, printed in zip(
        rates.values(),
        ("0.3645", "0.4275", "0.2181", "0.4594", "0.0052", "0.0003"),
        strict=True,
    ):
        assert close(rate, printed)


@BOTH
def test_vqsvae_training_losses_reproduce_the_reference(image: Tensor, dtype: torch.dtype) -> None:
    model = golden(VQSVAE(GOLDEN), 4.0, dtype).train()
    losses = vqsvae_loss(model, image.to(dtype) + 0.5, data_variance=0.1)
    values = {name: loss.item() for name, loss in losses.items()}

    assert close(values["codebook"] + values["spikes"], "1.080342", dtype)
    assert close(values["reconstruction"], "9.443250", dtype)
    assert close(values["mse"], "0.944325", dtype)
    assert values["loss"] == pytest.approx(1.080342 + 9.443250, rel=1e-6)


@BOTH
def test_sdid_reproduces_the_reference(dtype: torch.dtype) -> None:
    model = golden(SDID(GOLDEN), 1.0, dtype)
    tokens = (7 * torch.arange(98) % 33).reshape(2, 7, 7)
    with torch.no_grad(), firing_rates(model) as rates:
        logits = model(tokens, torch.tensor([49, 3]))

    assert logits.shape == (2, 32, 7, 7)
    assert close(logits.mean(), "-0.01823489", dtype)
    assert close(logits.std(), "1.41963682", dtype)
    first = ("-0.071294", "0.724064", "1.894028", "0.990364", "-0.165127")
    for value, printed in zip(logits.flatten()[:5], first, strict=True):
        assert close(value, printed, dtype)
    assert close(logits.flatten()[-1], "0.502301", dtype)
    assert logits.argmax(1).flatten()[:10].tolist() == [16, 7, 6, 6, 26, 26, 26, 6, 26, 25]
    assert list(rates) == [f"conv{i}.2" for i in range(1, 6)]
    for rate, printed in zip(
        rates.values(), ("0.4011", "0.3531", "0.1234", "0.1200", "0.0401"), strict=True
    ):
        assert close(rate, printed)


def norm_entries(prefix: str, channels: int) -> dict[str, tuple[int, ...]]:
    sized = ("weight", "bias", "running_mean", "running_var")
    return {f"{prefix}.{name}": (channels,) for name in sized} | {
        f"{prefix}.num_batches_tracked": ()
    }


def test_default_state_dict_has_the_released_keys_and_shapes() -> None:
    model = SpikingDiffusion(SpikingDiffusionConfig())
    vqsvae: dict[str, tuple[int, ...]] = {
        "encoder.snn_convs.0.weight": (32, 1, 3, 3),
        "encoder.snn_convs.0.bias": (32,),
        "encoder.snn_convs.3.weight": (64, 32, 3, 3),
        "encoder.snn_convs.3.bias": (64,),
        "encoder.snn_convs.6.weight": (16, 64, 1, 1),
        "encoder.snn_convs.6.bias": (16,),
        **norm_entries("encoder.snn_convs.1", 32),
        **norm_entries("encoder.snn_convs.4", 64),
        **norm_entries("encoder.snn_convs.7", 16),
        "vq_layer.alpha": (),
        "vq_layer.memout.coef": (16, 1, 1, 1, 1),
        "memout.coef": (16, 1, 1, 1, 1),
        "vq_layer.embeddings.weight": (128, 16),
        "vq_layer.poisson.0.weight": (16, 16, 1, 1),
        "vq_layer.poisson.0.bias": (16,),
        **norm_entries("vq_layer.poisson.1", 16),
        "decoder.snn_convs.0.weight": (16, 64, 3, 3),
        "decoder.snn_convs.0.bias": (64,),
        "decoder.snn_convs.3.weight": (64, 32, 3, 3),
        "decoder.snn_convs.3.bias": (32,),
        "decoder.snn_convs.6.weight": (32, 1, 3, 3),
        "decoder.snn_convs.6.bias": (1,),
        **norm_entries("decoder.snn_convs.1", 64),
        **norm_entries("decoder.snn_convs.4", 32),
    }
    sdid: dict[str, tuple[int, ...]] = {
        "conv6.0.weight": (128, 320, 3, 3),
        "conv6.0.bias": (128,),
    }
    widths = (2, 64, 128, 256, 512, 256)
    for i, (c_in, c_out) in enumerate(pairwise(widths), start=1):
        sdid |= {f"conv{i}.0.weight": (c_out, c_in, 3, 3), f"conv{i}.0.bias": (c_out,)}
        sdid |= norm_entries(f"conv{i}.1", c_out)
    assert len(vqsvae) == 48
    assert len(sdid) == 37
    wanted = {f"vqsvae.{key}": shape for key, shape in vqsvae.items()}
    wanted |= {f"sdid.{key}": shape for key, shape in sdid.items()}

    assert {key: tuple(entry.shape) for key, entry in model.state_dict().items()} == wanted


@pytest.mark.parametrize(
    ("codebook_size", "vqsvae", "sdid"),
    [(128, 50_658, 3_101_504), (256, 52_706, 3_470_272), (512, 56_802, 4_207_808)],
)
def test_parameter_counts_of_the_paper(codebook_size: int, vqsvae: int, sdid: int) -> None:
    with torch.device("meta"):
        model = SpikingDiffusion(SpikingDiffusionConfig(codebook_size=codebook_size))
    assert sum(p.numel() for p in model.vqsvae.parameters()) == vqsvae
    assert sum(p.numel() for p in model.sdid.parameters()) == sdid


def test_stored_readout_factors_are_powers_of_the_decay() -> None:
    entry = SpikingDiffusion(SpikingDiffusionConfig()).state_dict()["vqsvae.memout.coef"]
    assert entry.dtype is torch.float32
    assert entry.flatten().tolist() == list(readout_coefficients(16))
    assert entry.sum().item() == pytest.approx(4.859, abs=5e-4)


def outputs(model: SpikingDiffusion) -> list[Tensor]:
    tokens = torch.arange(3 * 49).reshape(3, 7, 7)
    image = golden_input((3, 1, 28, 28)).float().abs()
    with torch.no_grad():
        return [
            model(tokens % 9, torch.tensor([49, 20, 1])),
            model.decode(tokens % 8),
            model.vqsvae(image - 0.5).z,
        ]


def same(a: list[Tensor], b: list[Tensor]) -> list[bool]:
    return [torch.equal(x, y) for x, y in zip(a, b, strict=True)]


def test_snn_steps_change_at_run_time_and_revert_to_the_bit(micro: SpikingDiffusion) -> None:
    before, state = outputs(micro), micro.state_dict()
    micro.set_snn_steps(7)
    assert micro.num_snn_steps == 7
    with torch.no_grad():
        spikes = micro.vqsvae(torch.zeros(2, 1, 28, 28)).generated_spikes
    assert spikes.shape[0] == 7
    changed = outputs(micro)
    assert {key: entry.shape for key, entry in micro.state_dict().items()} == {
        key: entry.shape for key, entry in state.items()
    }
    micro.set_snn_steps(4)

    assert same(before, changed) == [False] * 3
    assert same(before, outputs(micro)) == [True] * 3


def test_another_number_of_snn_steps_is_the_model_built_for_it(micro: SpikingDiffusion) -> None:
    native = SpikingDiffusion(replace(MICRO, num_snn_steps=9))
    state = {k: v for k, v in micro.state_dict().items() if not k.endswith("coef")}
    native.load_state_dict(state, strict=False)
    native.eval()
    micro.set_snn_steps(9)
    changed = outputs(micro)
    micro.set_snn_steps(4)
    assert same(changed, outputs(native)) == [True] * 3


def test_threshold_changes_every_output_and_reverts_to_the_bit(micro: SpikingDiffusion) -> None:
    before = outputs(micro)
    set_threshold(micro, 0.9)
    changed = outputs(micro)
    set_threshold(micro, 1.0)
    assert same(before, changed) == [False] * 3
    assert same(before, outputs(micro)) == [True] * 3


def test_no_state_survives_a_call_that_broke_off(micro: SpikingDiffusion) -> None:
    before = outputs(micro)

    def fail(*_: object) -> None:
        raise KeyboardInterrupt

    hook = micro.sdid.get_submodule("conv2.2").register_forward_hook(fail)
    with pytest.raises(KeyboardInterrupt):
        micro(torch.zeros(5, 7, 7, dtype=torch.int64), torch.full((5,), 3))
    hook.remove()
    assert same(before, outputs(micro)) == [True] * 3


def test_image_k_of_a_batch_does_not_depend_on_the_batch(micro: SpikingDiffusion) -> None:
    tokens = torch.randint(0, 8, (5, 7, 7), generator=torch.Generator().manual_seed(1))
    t = torch.tensor([49, 33, 7, 1, 20])
    with torch.no_grad():
        assert torch.equal(micro(tokens, t)[:2], micro(tokens[:2], t[:2]))
        assert torch.equal(micro.decode(tokens)[:2], micro.decode(tokens[:2]))


def test_images_round_trip_within_the_unit_range(micro: SpikingDiffusion) -> None:
    images = golden_input((2, 1, 28, 28)).float().abs()
    with torch.no_grad():
        tokens = micro.encode(images)
        decoded = micro.decode(tokens)
        out = micro.vqsvae(images - 0.5)
    assert tokens.shape == (2, 7, 7)
    assert tokens.dtype is torch.int64
    assert decoded.shape == images.shape
    assert decoded.min() >= 0
    assert decoded.max() <= 1
    assert torch.equal(tokens, out.tokens)
    assert torch.equal(decoded, (out.reconstruction + 0.5).clamp(0, 1))


@pytest.mark.parametrize("wrong", [8, -1])
def test_only_complete_token_maps_are_decoded(micro: SpikingDiffusion, wrong: int) -> None:
    tokens = torch.zeros(2, 7, 7, dtype=torch.int64)
    tokens[1, 3, 3] = wrong
    with pytest.raises(ConfigError, match=f"Token {wrong} has no code.*0 to 7"):
        micro.decode(tokens)


def test_constant_currents_pass_the_first_layers_once(micro: SpikingDiffusion) -> None:
    rows = []
    hook = micro.sdid.get_submodule("conv1.0").register_forward_hook(
        lambda _layer, _args, out: rows.append(len(out))
    )
    outputs(micro)
    hook.remove()
    assert rows == [3]


def test_training_batch_statistics_count_every_snn_step() -> None:
    """The unbiased variance divides by T*B*H*W - 1, also where the current is constant over T."""
    block = SpikingDiffusion(MICRO).sdid.get_submodule("conv1")
    currents = golden_input((2, 6, 7, 7)).float()
    block.train()(currents.expand(4, -1, -1, -1, -1))
    variance = block[0](currents).repeat(4, 1, 1, 1).transpose(0, 1).flatten(1).var(1)
    torch.testing.assert_close(block[1].running_var, 0.9 + 0.1 * variance)


@pytest.mark.parametrize("token_embedding", [0, 5])
def test_denoiser_distinguishes_masks_and_times(token_embedding: int) -> None:
    torch.manual_seed(0)
    config = replace(MICRO, token_embedding=token_embedding)
    model = SDID(config).train()  # batch statistics make an untrained network fire
    assert ("token_embedding.weight" in model.state_dict()) == bool(token_embedding)
    masked = torch.full((4, 7, 7), config.mask_id)
    known = masked.clone()
    known[:, :4] = 2
    with torch.no_grad():
        a = model(masked, torch.tensor([49, 30, 10, 1]))
        b = model(known, torch.tensor([49, 30, 10, 1]))
    assert not torch.equal(a[0], a[3])
    assert not torch.equal(a, b)


def test_vqsvae_gradients_reach_every_parameter() -> None:
    torch.manual_seed(0)
    model = VQSVAE(MICRO).train()
    set_threshold(model, 0.3)
    vqsvae_loss(model, golden_input((4, 1, 28, 28)).float().abs(), 0.1)["loss"].backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        if not name.endswith(("0.bias", "3.bias", "6.bias")):  # BatchNorm takes these out again
            assert parameter.grad.abs().sum() > 0, name


def test_mixed_precision_leaves_codes_and_losses_in_float32() -> None:
    torch.manual_seed(0)
    model = SpikingDiffusion(MICRO).train()
    images = golden_input((4, 1, 28, 28)).float().abs()
    with torch.autocast("cpu", torch.bfloat16):
        out = model.vqsvae(images - 0.5)
        losses = vqsvae_loss(model.vqsvae, images, 0.1)
        mask = torch.ones_like(out.tokens, dtype=torch.bool)
        losses |= sdid_loss(model.sdid, out.tokens, torch.full((4,), 49), mask)
    assert torch.equal(out.tokens, model.vqsvae.vq_layer.nearest(out.z))
    assert {out.z.dtype, out.reconstruction.dtype} == {torch.float32}
    for name, loss in losses.items():
        assert loss.dtype is torch.float32, name
        assert torch.isfinite(loss), name


class _Oracle(nn.Module):
    """A denoiser with the same logits everywhere; its cross-entropy is known."""

    def __init__(self, probability: float) -> None:
        super().__init__()
        self.config = MICRO
        k = MICRO.codebook_size
        rest = (1 - probability) / (k - 1)
        self.logits = torch.tensor([probability] + [rest] * (k - 1)).log()
        self.seen: list[Tensor] = []

    def forward(self, tokens: Tensor, t: Tensor) -> Tensor:
        self.seen.append(tokens)
        return self.logits.view(1, -1, 1, 1).expand(len(t), -1, 7, 7)


@pytest.mark.parametrize(
    ("weighting", "weights"),
    [("reweighted", (1 / 49, 1.0)), ("strict", (0.0, 48 / 49)), ("elbo", (1.0, 49.0))],
)
def test_sdid_loss_weights_masked_positions_only(
    weighting: str, weights: tuple[float, float]
) -> None:
    oracle = _Oracle(0.5)
    tokens = torch.zeros(2, 7, 7, dtype=torch.int64)
    mask = torch.zeros(2, 7, 7, dtype=torch.bool)
    mask[0] = True
    mask[1, 2, 3] = True
    losses = sdid_loss(oracle, tokens, torch.tensor([49, 1]), mask, weighting=weighting)

    # Each masked position costs ln 2 nats, that is one bit.
    assert losses["cross_entropy"].item() == pytest.approx(math.log(2))
    expected = (weights[0] * 49 + weights[1] * 1) / 2 / 49
    assert losses["loss"].item() == pytest.approx(expected)
    assert torch.equal(oracle.seen[0] == MICRO.mask_id, mask)


def test_config_round_trips_and_derives_the_token_map() -> None:
    config = from_json(SpikingDiffusionConfig, to_json(MICRO))
    assert config == MICRO
    assert (config.grid_size, config.num_train_timesteps, config.mask_id) == (7, 49, 8)


@pytest.mark.parametrize(
    "wrong",
    [
        {"image_size": 30},
        {"image_channels": 5},
        {"codebook_size": 1},
        {"code_dim": 0},
        {"encoder_widths": []},
        {"encoder_widths": [32, 0]},
        {"denoiser_widths": [64]},
        {"denoiser_widths": [64, 10**9]},
        {"num_snn_steps": 65},
        {"token_embedding": -1},
    ],
)
def test_config_refuses_values_out_of_range(wrong: dict[str, object]) -> None:
    with pytest.raises(ConfigError) as error:
        from_json(SpikingDiffusionConfig, wrong)
    assert error.value.field.startswith(next(iter(wrong)))


@pytest.mark.parametrize("snn_steps", [0, 65])
def test_snn_steps_out_of_range_are_refused(micro: SpikingDiffusion, snn_steps: int) -> None:
    with pytest.raises(ConfigError, match="SNN time steps"):
        micro.set_snn_steps(snn_steps)
    assert micro.num_snn_steps == 4
