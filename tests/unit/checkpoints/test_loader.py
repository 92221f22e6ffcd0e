from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch
from torch import Tensor

from spikestudio.checkpoints import loader, safetensors_io
from spikestudio.checkpoints.devices import available_devices, pick_device
from spikestudio.checkpoints.examine import CONSTANTS
from spikestudio.errors import CheckpointError, ConfigError, StateDictMismatchError
from spikestudio.neurons.nodes import spiking_layers
from tests.unit.checkpoints import tiny


@pytest.fixture
def path(tmp_path: Path, architecture: str) -> Path:
    path = tmp_path / "model.safetensors"
    tiny.save(path, architecture)
    return path


def inputs(model: loader.LoadedModel, num: int) -> tuple[Tensor, Tensor, Tensor | None]:
    generator = torch.Generator().manual_seed(1)
    size, channels = model.card.config["image_size"], model.card.config["image_channels"]
    if model.is_token_model:
        x = torch.randint(0, model.card.codebook_size + 1, (num, 2, 2), generator=generator)
    else:
        x = torch.randn(num, channels, size, size, generator=generator)
    t = torch.arange(1, num + 1)
    return x, t, torch.arange(num) % 10 if model.num_classes else None


def evaluate(model: loader.LoadedModel, x: Tensor, t: Tensor, y: Tensor | None) -> Tensor:
    out = model.predict(x, t, y)
    return torch.cat(out, dim=1) if isinstance(out, tuple) else out


def test_a_loaded_network_computes_what_the_saved_one_did(path: Path, architecture: str) -> None:
    # Weights that may be trained get other kernels, which round otherwise.
    original = tiny.make_network(architecture).requires_grad_(False)
    model = loader.load(path)
    x, t, y = inputs(model, 3)
    with torch.inference_mode():
        expected = original(x, t) if y is None else original(x, t, y)
    assert torch.equal(evaluate(model, x, t, y), expected)
    assert expected.std() > 0
    state, loaded = original.state_dict(), model.network.state_dict()
    assert state.keys() == loaded.keys()
    assert all(torch.equal(state[name], loaded[name]) for name in state)
    assert not model.network.training
    assert not any(parameter.requires_grad for parameter in model.network.parameters())
    assert {p.device.type for p in model.network.state_dict().values()} == {"cpu"}


def test_an_image_alone_gives_the_numbers_it_gives_in_a_batch(path: Path) -> None:
    model = loader.load(path)
    x, t, y = inputs(model, 4)
    batch = evaluate(model, x, t, y)
    for k in range(4):
        label = None if y is None else y[k : k + 1]
        assert torch.equal(evaluate(model, x[k : k + 1], t[k : k + 1], label), batch[k : k + 1])


def test_one_time_or_label_serves_the_whole_batch(path: Path) -> None:
    model = loader.load(path)
    x, _, y = inputs(model, 3)
    same = torch.full((3,), 5)
    label = None if y is None else torch.full((3,), 2)
    one = model.predict(x, 5, None if y is None else 2)
    assert torch.equal(
        torch.cat(one, dim=1) if isinstance(one, tuple) else one, evaluate(model, x, same, label)
    )


def test_no_label_is_the_null_label(tmp_path: Path) -> None:
    path = tmp_path / "sdit.safetensors"
    tiny.save(path, "sdit")
    model = loader.load(path)
    x, t, _ = inputs(model, 2)
    null = torch.full((2,), 10)
    noise, variance = model.predict(x, t)
    assert noise.shape == variance.shape == x.shape
    assert torch.equal(noise, model.predict(x, t, null)[0])
    assert not torch.equal(noise, model.predict(x, t, 3)[0])


def test_layers_are_those_that_fire_in_one_evaluation(path: Path, architecture: str) -> None:
    model = loader.load(path)
    x, t, y = inputs(model, 2)
    seen: list[tuple[str, tuple[int, ...]]] = []
    handles = [
        node.register_forward_hook(
            lambda _, args, out, name=name: seen.append((name, tuple(out.shape[2:])))
        )
        for name, node in spiking_layers(model.network).items()
    ]
    evaluate(model, x, t, y)
    for handle in handles:
        handle.remove()
    assert [(layer.id, layer.shape) for layer in model.layers] == seen
    kind = "IF" if architecture == "sddpm" else "LIF"
    assert {(layer.neuron, layer.tau) for layer in model.layers} == {
        (kind, None if kind == "IF" else 2.0)
    }
    everywhere = {layer.id for layer in (*model.layers, *model.codec_layers)}
    assert everywhere == set(spiking_layers(model.network))
    assert bool(model.codec_layers) == model.is_token_model


def test_tracing_leaves_no_hook_behind(path: Path) -> None:
    model = loader.load(path)
    assert model.layers
    assert not any(node._forward_pre_hooks for node in spiking_layers(model.network).values())


def test_defaults_make_a_request(path: Path, architecture: str) -> None:
    from spikestudio.sampling.request import SamplingRequest

    model = loader.load(path)
    request = SamplingRequest(**model.defaults())
    assert request.snn_steps == tiny.CONFIGS[architecture]["num_snn_steps"]
    assert request.steps == (4 if model.is_token_model else 20)  # the longest these models have


def test_tokens_and_images(path: Path) -> None:
    model = loader.load(path)
    if not model.is_token_model:
        for name in ("encode", "decode"):
            with pytest.raises(ConfigError, match="no tokens"):
                getattr(model, name)(torch.zeros(1, 1, 8, 8))
        return
    images = torch.rand(3, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    tokens = model.encode(images)
    assert tokens.shape == (3, 2, 2)
    assert torch.equal(model.encode(images[1:2]), tokens[1:2])
    decoded = model.decode(tokens)
    assert decoded.shape == images.shape
    assert 0 <= decoded.min() <= decoded.max() <= 1
    assert torch.equal(model.decode(tokens[2:]), decoded[2:])


def test_wrong_shapes_and_labels_are_refused(path: Path) -> None:
    model = loader.load(path)
    x, t, y = inputs(model, 2)
    with pytest.raises(ConfigError, match="shape"):
        model.predict(x[..., :-1], t, y)
    with pytest.raises(ConfigError, match="shape"):
        model.predict(x[:0], t[:0], y)
    with pytest.raises(ConfigError, match="class"):
        model.predict(x, t, 11)


def test_half_precision_weights_are_widened(tmp_path: Path, architecture: str) -> None:
    path = tmp_path / "half.safetensors"
    network = tiny.make_network(architecture)
    halves = {
        name: value.half() if value.is_floating_point() else value
        for name, value in network.state_dict().items()
    }
    safetensors_io.save(path, halves, tiny.make_card(architecture))
    loaded = loader.load(path).network.state_dict()
    for name, value in network.state_dict().items():
        assert loaded[name].dtype == value.dtype
        if not name.endswith(CONSTANTS):  # computed, so not rounded
            assert torch.equal(loaded[name], halves[name].to(value.dtype))


def test_constant_tables_may_be_absent_but_not_wrong(tmp_path: Path, architecture: str) -> None:
    path = tmp_path / "model.safetensors"
    state = tiny.make_network(architecture).state_dict()
    constants = [name for name in state if name.endswith(CONSTANTS)]
    assert bool(constants) == (architecture != "sdit")
    bare = {name: value for name, value in state.items() if name not in constants}
    safetensors_io.save(path, bare, tiny.make_card(architecture))
    loaded = loader.load(path).network.state_dict()
    assert all(torch.equal(loaded[name], state[name]) for name in state)
    for name in constants:
        wrong = state | {name: state[name] + 0.1}
        safetensors_io.save(path, wrong, tiny.make_card(architecture))
        with pytest.raises(CheckpointError, match="constant table"):
            loader.load(path)


def test_missing_unexpected_and_misshapen_tensors_are_counted_and_named(
    tmp_path: Path, architecture: str
) -> None:
    path = tmp_path / "model.safetensors"
    state = tiny.make_network(architecture).state_dict()
    weights = [name for name in state if name.endswith("weight") and "timembedding.0" not in name]
    for name in weights[:4]:
        del state[name]
    shape = (*state[weights[4]].shape[:-1], state[weights[4]].shape[-1] + 1)
    state[weights[4]] = torch.zeros(shape)
    state[weights[5]] = torch.zeros(state[weights[5]].shape, dtype=torch.int32)
    state["stranger"] = torch.zeros(2)
    state["aux.gamma"] = torch.zeros(2)  # not part of the network and not compared
    safetensors_io.save(path, state, tiny.make_card(architecture))
    with pytest.raises(StateDictMismatchError) as caught:
        loader.load(path)
    error = caught.value
    assert set(error.missing) == set(weights[:4])
    assert error.unexpected == ("stranger",)
    assert set(error.mismatched) == set(weights[4:6])
    message = str(error)
    assert "4 missing" in message
    assert "1 unexpected (stranger)" in message
    assert "2 of another shape or type" in message
    assert sum(name in message for name in weights[:4]) == 3


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16])
def test_weights_that_are_not_finite_are_refused(
    tmp_path: Path, value: float, dtype: torch.dtype
) -> None:
    path = tmp_path / "model.safetensors"
    state = tiny.make_network("sddpm").state_dict()
    state["tail_conv.bias"] = torch.full((1,), value, dtype=dtype)
    safetensors_io.save(path, state, tiny.make_card("sddpm"))
    with pytest.raises(CheckpointError, match=r"NaN or infinite .*tail_conv.bias"):
        loader.load(path)


HUGE = {
    "sddpm": {"base_channels": 1024, "channel_mult": [16] * 2, "num_train_timesteps": 3_900},
    "spiking-diffusion": {"denoiser_widths": [4096] * 16, "code_dim": 512},
    "sdit": {"width": 2048, "depth": 16},
}
BAD = {
    "sddpm": {"base_channels": 10**15, "channel_mult": [[1]], "num_res_blocks": "2", "x": 1},
    "spiking-diffusion": {"denoiser_widths": [10**9] * 2, "code_dim": -1, "x": 1},
    "sdit": {"width": 10**12, "depth": 10**6, "patch_size": 0, "x": None},
}


def test_a_hostile_configuration_allocates_nothing(path: Path, architecture: str) -> None:
    config = {**tiny.make_card(architecture).to_json()["config"], **HUGE[architecture]}
    tiny.rewrite_card(path, config=config)
    resource = pytest.importorskip("resource")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # the peak so far, kB
    with pytest.raises(StateDictMismatchError):
        loader.load(path)
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown < 300_000  # the network would have many gigabytes


def test_a_configuration_out_of_range_is_refused(path: Path, architecture: str) -> None:
    config = tiny.make_card(architecture).to_json()["config"]
    for name, value in BAD[architecture].items():
        tiny.rewrite_card(path, config={**config, name: value})
        with pytest.raises(CheckpointError) as caught:
            loader.load(path)
        assert name in str(caught.value)


def test_the_cards_threshold_is_in_force(path: Path, architecture: str) -> None:
    plain = loader.load(path)
    x, t, y = inputs(plain, 2)
    tiny.rewrite_card(path, v_threshold=0.5)
    model = loader.load(path)
    assert {layer.v_threshold for layer in model.layers} == {0.5}
    assert {node.v_threshold for node in spiking_layers(model.network).values()} == {0.5}
    assert not torch.equal(evaluate(model, x, t, y), evaluate(plain, x, t, y))


def test_devices() -> None:
    assert available_devices()[-1] == "cpu"
    assert pick_device("auto") == available_devices()[0]
    for name in ("gpu", "cuda:99", "", "meta"):
        with pytest.raises(ConfigError, match="not available"):
            pick_device(name)


def test_a_device_that_is_not_here_is_refused_before_reading(tmp_path: Path) -> None:
    with pytest.raises(ConfigError):
        loader.load(tmp_path / "no file", "cuda:99")
