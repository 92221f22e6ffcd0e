"""SDDPM against golden numbers, official keys and its own invariants."""

import pytest
import torch

from spikestudio.errors import ConfigError
from spikestudio.models.config import from_json, to_json
from spikestudio.models.sddpm import SDDPM, SDDPMConfig
from spikestudio.neurons.nodes import set_threshold, spiking_layers
from tests.unit.golden import golden_input, golden_weights

SMALL = SDDPMConfig(
    image_size=8, image_channels=3, base_channels=32, channel_mult=(1, 2), num_res_blocks=1
)
TSM = SDDPMConfig(
    image_size=8,
    image_channels=3,
    base_channels=32,
    channel_mult=(1, 2),
    num_res_blocks=1,
    tsm=True,
)
TINY = SDDPMConfig(image_size=8, image_channels=1, base_channels=8, channel_mult=(1, 2))
TIMES = torch.tensor([0, 999])


def golden_model(config: SDDPMConfig, dtype: torch.dtype = torch.float64) -> SDDPM:
    model = SDDPM(config).to(dtype).eval()
    model.load_state_dict(golden_weights(model.state_dict(), gain=1.0))
    return model.to(dtype)


def run(model: SDDPM, dtype: torch.dtype = torch.float64) -> torch.Tensor:
    with torch.inference_mode():
        return model(golden_input((2, 3, 8, 8)).to(dtype), TIMES)


def test_golden_float64():
    out = run(golden_model(SMALL))
    assert out.mean().item() == pytest.approx(8.65867943, abs=5e-9)
    assert out.std().item() == pytest.approx(14.97222562, abs=5e-9)
    first = [13.971360, 24.763901, 27.548223, 18.279081, 7.499937]
    assert out.flatten()[:5].tolist() == pytest.approx(first, abs=5e-7)
    assert out.flatten()[-1].item() == pytest.approx(-14.385837, abs=5e-7)


def test_golden_float32():
    out = run(golden_model(SMALL, torch.float32), torch.float32)
    assert out.mean().item() == pytest.approx(8.65867943, rel=1e-4)
    first = [13.971360, 24.763901, 27.548223, 18.279081, 7.499937]
    assert out.flatten()[:5].tolist() == pytest.approx(first, rel=1e-4)


def test_golden_firing_rates():
    model = golden_model(SMALL)
    rates = {}
    for name, node in spiking_layers(model).items():
        node.register_forward_hook(lambda _m, _i, out, name=name: rates.update({name: out.mean()}))
    run(model)
    wanted = {
        "neuron": 0.4019,
        "downblocks.0.neuron1": 0.4523,
        "downblocks.0.neuron2": 0.1839,
        "downblocks.1.neuron": 0.4470,
        "downblocks.2.neuron1": 0.1455,
        "downblocks.2.neuron2": 0.2468,
        "upblocks.4.neuron2": 0.1897,
    }
    for name, rate in wanted.items():
        assert rates[name].item() == pytest.approx(rate, abs=5e-5), name


@pytest.mark.parametrize(
    ("threshold", "mean", "first", "last"),
    [
        (0.9, 7.93462114, 13.116383, -13.636320),
        (0.997, 8.00157962, 13.003151, None),
        (1.003, 8.38289363, 13.028501, None),
    ],
)
def test_golden_threshold_guidance(threshold, mean, first, last):
    model = golden_model(SMALL)
    before = run(model)
    set_threshold(model, threshold)
    out = run(model)
    assert out.mean().item() == pytest.approx(mean, abs=5e-9)
    assert out.flatten()[0].item() == pytest.approx(first, abs=5e-7)
    if last is not None:
        assert out.flatten()[-1].item() == pytest.approx(last, abs=5e-7)
    set_threshold(model, 1.0)
    assert torch.equal(run(model), before)


def test_golden_temporal_scales():
    out = run(golden_model(TSM))
    assert out.mean().item() == pytest.approx(2.43638237, abs=5e-9)
    assert out.std().item() == pytest.approx(5.31770058, abs=5e-9)
    first = [-1.085250, -5.621960, -8.415507, -8.374715, -8.346993]
    assert out.flatten()[:5].tolist() == pytest.approx(first, abs=5e-7)
    assert out.flatten()[-1].item() == pytest.approx(-0.320420, abs=5e-7)


def parameters(model: torch.nn.Module) -> int:
    return sum(p.numel() for p in model.parameters())


def on_meta(config: SDDPMConfig) -> SDDPM:
    with torch.device("meta"):
        return SDDPM(config)


def test_sizes_of_published_models():
    small = on_meta(SMALL)
    assert (len(small.state_dict()), parameters(small)) == (185, 676_765)
    paper = on_meta(SDDPMConfig())
    assert (len(paper.state_dict()), parameters(paper)) == (455, 66_696_413)
    assert sum(p.numel() for p in paper.parameters() if p.requires_grad) == 66_568_413
    assert len(spiking_layers(paper)) == 51
    assert parameters(on_meta(SDDPMConfig(image_channels=1))) == 66_691_725
    tsm = on_meta(SDDPMConfig(num_snn_steps=8, tsm=True))
    assert (len(tsm.state_dict()), parameters(tsm)) == (522, 66_696_949)


def test_state_dict_of_the_published_model():
    norm = ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")
    expected = {
        "time_embedding.timembedding.0.weight": (1000, 128),
        "time_embedding.timembedding.1.weight": (512, 128),
        "time_embedding.timembedding.1.bias": (512,),
        "time_embedding.timembedding.3.weight": (512, 512),
        "time_embedding.timembedding.3.bias": (512,),
        "conv.weight": (128, 3, 3, 3),
        "conv.bias": (128,),
        "conv_identity.weight": (128, 128, 3, 3),
        "conv_identity.bias": (128,),
        "tail_conv.weight": (3, 128, 3, 3),
        "tail_conv.bias": (3,),
        "T_output_layer.weight": (3, 3, 3, 3, 1),
        "T_output_layer.bias": (3,),
    }

    def bn(prefix, c):
        expected.update({f"{prefix}.{leaf}": (c,) for leaf in norm[:4]})
        expected[f"{prefix}.{norm[4]}"] = ()

    for prefix in ("bn", "bn_identity", "tail_bn"):
        bn(prefix, 128)
    bn("last_bn", 3)
    blocks = {"downblocks": {0: (128, 128), 1: (128, 128), 3: (128, 256), 4: (256, 256)}}
    blocks["downblocks"] |= {6: (256, 256), 7: (256, 256), 9: (256, 512), 10: (512, 512)}
    blocks["middleblocks"] = {0: (512, 512), 1: (512, 512)}
    blocks["upblocks"] = {0: (1024, 512), 1: (1024, 512), 2: (768, 512), 4: (768, 256)}
    blocks["upblocks"] |= {5: (512, 256), 6: (512, 256), 8: (512, 256), 9: (512, 256)}
    blocks["upblocks"] |= {10: (384, 256), 12: (384, 128), 13: (256, 128), 14: (256, 128)}
    for group, members in blocks.items():
        for index, (c_in, c_out) in members.items():
            p = f"{group}.{index}"
            expected |= {
                f"{p}.temb_proj.1.weight": (c_out, 512),
                f"{p}.temb_proj.1.bias": (c_out,),
                f"{p}.conv1.weight": (c_out, c_in, 3, 3),
                f"{p}.conv1.bias": (c_out,),
                f"{p}.conv2.weight": (c_out, c_out, 3, 3),
                f"{p}.conv2.bias": (c_out,),
            }
            bn(f"{p}.bn1", c_out)
            bn(f"{p}.bn2", c_out)
            if c_in != c_out:
                expected[f"{p}.shortcut.weight"] = (c_out, c_in, 1, 1)
                expected[f"{p}.shortcut.bias"] = (c_out,)
    resampling = {"downblocks.2": 128, "downblocks.5": 256, "downblocks.8": 256}
    resampling |= {"upblocks.3": 512, "upblocks.7": 256, "upblocks.11": 256}
    for prefix, c in resampling.items():
        expected[f"{prefix}.conv.weight"] = (c, c, 3, 3)
        expected[f"{prefix}.conv.bias"] = (c,)
        bn(f"{prefix}.bn", c)
    found = {key: tuple(value.shape) for key, value in on_meta(SDDPMConfig()).state_dict().items()}
    assert found == expected


def test_snn_steps_change_and_revert():
    model = golden_model(SMALL)
    before = run(model)
    model.set_snn_steps(7)
    assert not torch.equal(run(model), before)
    model.set_snn_steps(4)
    assert torch.equal(run(model), before)


def test_temporal_scales_lock_the_steps():
    model = golden_model(TSM)
    with pytest.raises(ConfigError, match="4 SNN steps"):
        model.set_snn_steps(5)


def test_state_is_fresh_after_an_error_inside():
    model = golden_model(SMALL)
    before = run(model)

    def boom(*_):
        raise RuntimeError("stop here")

    handle = spiking_layers(model)["upblocks.4.neuron2"].register_forward_pre_hook(boom)
    with pytest.raises(RuntimeError, match="stop here"):
        run(model)
    handle.remove()
    assert torch.equal(run(model), before)


def test_training_reaches_every_parameter():
    torch.manual_seed(0)
    model = SDDPM(TINY).train()
    loss = (model(torch.randn(4, 1, 8, 8), torch.tensor([1, 5, 500, 999])) ** 2).mean()
    loss.backward()
    without = [n for n, p in model.named_parameters() if p.requires_grad and p.grad is None]
    assert without == []


@pytest.mark.parametrize(
    "bad",
    [
        {"image_size": 9},
        {"base_channels": 7},
        {"channel_mult": []},
        {"num_snn_steps": 0},
        {"image_size": "8"},
        {"hidden": 1},
    ],
)
def test_bad_configurations_are_refused(bad):
    with pytest.raises(ConfigError):
        from_json(SDDPMConfig, {**to_json(TINY), **bad})


def test_configuration_survives_json():
    assert from_json(SDDPMConfig, to_json(TSM)) == TSM
