from __future__ import annotations

import math
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from spikestudio.checkpoints.building import checked_tensors, examine
from spikestudio.checkpoints.contents import open_checkpoint
from spikestudio.checkpoints.loader import LoadedModel, load
from spikestudio.checkpoints.official import Choices, read_official
from spikestudio.checkpoints.safetensors_io import save
from spikestudio.data.registry import dataset_info
from spikestudio.errors import (
    CheckpointError,
    ConfigError,
    StateDictMismatchError,
    UnknownFormatError,
)
from spikestudio.models.config import to_json
from tests.unit.checkpoints import official_files
from tests.unit.checkpoints.hostile import Bomb
from tests.unit.checkpoints.official_files import (
    CONFIGS,
    make_network,
    with_prefix,
    without_tables,
    write,
)

VARIANTS: dict[str, dict[str, Any]] = {
    "as written": {},
    "bare": {"bare": True},
    "data parallel": {"change": with_prefix("module.")},
    "compiled and parallel": {"change": with_prefix("module._orig_mod.")},
    "without tables": {"change": without_tables},
    "bare, parallel, without tables": {
        "bare": True,
        "change": lambda state: with_prefix("module.")(without_tables(state)),
    },
    "old format": {"old": True},
    "without namespace": {"namespace": False},
    "parameters": {
        "change": lambda state: {
            name: nn.Parameter(value) if value.is_floating_point() else value
            for name, value in state.items()
        }
    },
}


@pytest.fixture(params=CONFIGS)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def outputs(model: LoadedModel | nn.Module) -> list[torch.Tensor]:
    """Evaluate a network on fixed inputs; a token model's decoder as well."""
    network: Any = model.network if isinstance(model, LoadedModel) else model
    config = network.config
    generator = torch.Generator().manual_seed(0)
    t = torch.tensor([3, 40])
    with torch.inference_mode():
        if hasattr(network, "decode"):
            grid = (2, config.grid_size, config.grid_size)
            tokens = torch.randint(config.codebook_size, grid, generator=generator)
            return [network(tokens, t), network.decode(tokens)]
        shape = (2, config.image_channels, config.image_size, config.image_size)
        x = torch.randn(shape, generator=generator)
        if hasattr(config, "num_classes"):
            return [network(x, t, torch.tensor([0, config.num_classes]))]
        return [network(x, t)]


def assert_same(model: LoadedModel, network: nn.Module) -> None:
    assert to_json(model.network.config) == to_json(network.config)
    ours, theirs = model.network.state_dict(), network.state_dict()
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)
    results = outputs(network)
    assert all(torch.equal(a, b) for a, b in zip(outputs(model), results, strict=True))
    assert all(each.std() > 0 for each in results)


@pytest.mark.parametrize("variant", VARIANTS)
def test_an_official_file_opens_as_the_same_network_and_survives_conversion(
    tmp_path: Path, kind: str, variant: str
) -> None:
    network = make_network(kind)
    path = write(tmp_path, kind, network, **VARIANTS[variant])
    model = load(path)
    assert_same(model, network)
    contents = open_checkpoint(path)
    out = tmp_path / "ours.safetensors"
    card = save(out, checked_tensors(contents), contents.card)
    converted = load(out)
    assert_same(converted, network)
    assert converted.card == card == model.card  # its hash as well


def test_what_was_assumed_is_said_and_what_is_known_is_not(tmp_path: Path) -> None:
    def facts(kind: str, **how: Any) -> dict[str, Any]:
        path = write(tmp_path / kind, kind, make_network(kind), **how)
        return dict(open_checkpoint(path).card.training)

    sddpm = facts("sddpm")
    assert sddpm["assumed"] == "num_snn_steps 4, threshold 1, data range"
    assert sddpm["steps"] == 500
    assert sddpm["source"] == "official: 500ckpt.pt (net_model)"
    bare = facts("sddpm", bare=True, change=without_tables)["assumed"]
    assert "num_train_timesteps 1000" in bare
    assert "image_size 32" in bare
    assert "num_snn_steps" not in facts("sdm")["assumed"]
    tokens = facts("spiking-diffusion")["assumed"]
    assert "mask id" in tokens
    assert "image_size 28" in tokens
    assert "num_snn_steps" not in tokens
    sdit = facts("sdit")
    assert "num_snn_steps 4" in sdit["assumed"]
    assert "image_size" not in sdit["assumed"]
    assert (sdit["epochs"], sdit["learning_rate"], sdit["seed"]) == (1600, 1e-4, 0)
    assert "data_path" not in sdit


def test_choices_fill_what_the_file_leaves_open(tmp_path: Path) -> None:
    path = write(tmp_path, "sddpm", make_network("sddpm"), bare=True, change=without_tables)
    dataset = dataset_info("celeba64")
    card = open_checkpoint(
        path, None, Choices(snn_steps=8, num_train_timesteps=50, dataset=dataset)
    ).card
    assert (card.snn_steps, card.config["num_train_timesteps"]) == (8, 50)
    assert (card.dataset, card.data_licence) == ("celeba64", dataset.licence)
    assert card.image_size == card.config["image_size"] == 64
    small = open_checkpoint(path, None, Choices(image_size=16, dataset=dataset_info("mnist"))).card
    assert (small.config["image_size"], small.image_size, small.image_channels) == (16, 28, 1)


@pytest.mark.parametrize(
    ("kind", "choices"),
    [
        ("sdm", Choices(snn_steps=4)),
        ("sddpm", Choices(num_train_timesteps=50)),
        ("sddpm", Choices(image_size=64)),
        ("sdit", Choices(image_size=28)),
        ("spiking-diffusion", Choices(snn_steps=4, strict=True)),
        ("sdm", Choices(dataset=dataset_info("cifar10"))),
        ("sdit", Choices(part="net_model")),
    ],
)
def test_a_choice_that_the_file_contradicts_is_refused(
    tmp_path: Path, kind: str, choices: Choices
) -> None:
    path = write(tmp_path, kind, make_network(kind))
    with pytest.raises(ConfigError):
        open_checkpoint(path, None, choices)


def test_stored_coefficients_are_made_anew_for_other_steps(tmp_path: Path) -> None:
    network = make_network("spiking-diffusion")
    path = write(tmp_path, "spiking-diffusion", network)
    tensors = checked_tensors(open_checkpoint(path, None, Choices(snn_steps=5)))
    assert tensors["vqsvae.memout.coef"].flatten().tolist() == pytest.approx(
        [0.8 ** (4 - t) for t in range(5)]
    )


def test_strict_takes_the_whole_file_only(tmp_path: Path, kind: str) -> None:
    network = make_network(kind)
    whole = open_checkpoint(write(tmp_path, kind, network), None, Choices(strict=True))
    assert whole.card.training["numerics"] == "strict"
    assert checked_tensors(whole)
    cut = write(tmp_path, kind, network, change=without_tables)
    contents = open_checkpoint(cut, None, Choices(strict=True))
    if kind == "sdit":  # it has no tables
        assert checked_tensors(contents)
    else:
        with pytest.raises(StateDictMismatchError):
            checked_tensors(contents)


def test_the_entry_with_the_weights_can_be_chosen(tmp_path: Path) -> None:
    path = tmp_path / "sdm.pt"
    network = make_network("sdm")
    state = network.state_dict()
    average = {name: value.clone() for name, value in state.items()}
    average["tail_conv.tsmconv.bias"] += 1
    torch.save({"net_model": state, "ema_model": average}, path)

    def bias(part: str | None) -> torch.Tensor:
        contents = open_checkpoint(path, None, Choices(part=part, image_size=8))
        return checked_tensors(contents)["tail_conv.tsmconv.bias"]

    assert torch.equal(bias(None), state["tail_conv.tsmconv.bias"])
    assert torch.equal(bias("ema_model"), average["tail_conv.tsmconv.bias"])
    torch.save({"ema_model": average}, path)
    assert torch.equal(bias(None), average["tail_conv.tsmconv.bias"])


def test_either_half_of_spiking_diffusion_finds_the_other(tmp_path: Path) -> None:
    network = make_network("spiking-diffusion")
    first = write(tmp_path, "spiking-diffusion", network)
    second = tmp_path / "diff_result" / "diff_model.pth"
    assert_same(load(second), network)
    beside = second.rename(tmp_path / "diff_model.pth")
    assert_same(load(first), network)
    assert_same(load(beside), network)
    elsewhere = beside.rename(tmp_path / "other.pth")
    contents = open_checkpoint(elsewhere, first)
    assert contents.card.codebook_size == 8
    with pytest.raises(CheckpointError, match=r"put diff_model\.pth beside it"):
        load(first)
    with pytest.raises(CheckpointError, match="two halves"):
        open_checkpoint(first, first)


def test_halves_of_different_models_are_refused(tmp_path: Path) -> None:
    def other_codes(state: official_files.State) -> official_files.State:
        return {
            name: value[:7] if name.startswith("conv4.0.") else value
            for name, value in state.items()
        }

    network = make_network("spiking-diffusion")
    path = write(tmp_path, "spiking-diffusion", network, change=other_codes)
    with pytest.raises(UnknownFormatError, match="8 codes and the denoiser predicts 7"):
        load(path)


def test_a_second_file_or_choices_make_no_sense_for_whole_models(tmp_path: Path) -> None:
    path = write(tmp_path, "sddpm", make_network("sddpm"))
    with pytest.raises(ConfigError, match=r"leave .* out"):
        open_checkpoint(path, path)
    contents = open_checkpoint(path)
    out = tmp_path / "ours.safetensors"
    save(out, checked_tensors(contents), contents.card)
    for arguments in ((path,), (None, Choices(snn_steps=2))):
        with pytest.raises(ConfigError, match="already"):
            open_checkpoint(out, *arguments)


def changed(change: Callable[[official_files.State], object]) -> dict[str, Any]:
    def apply(state: official_files.State) -> official_files.State:
        state = {name: value.clone() for name, value in state.items()}
        change(state)
        return state

    return {"change": apply}


def test_everything_wrong_is_found_at_once(tmp_path: Path) -> None:
    def damage(state: official_files.State) -> None:
        del state["bn.weight"]
        state["stranger"] = torch.zeros(3)
        state["conv.bias"] = torch.zeros(5)
        state["upblocks.0.temb_projection.1.bias"] = state.pop("upblocks.0.temb_proj.1.bias")

    path = write(tmp_path, "sddpm", make_network("sddpm"), **changed(damage))
    findings = examine(open_checkpoint(path))
    assert set(findings.missing) == {"bn.weight", "upblocks.0.temb_proj.1.bias"}
    assert set(findings.unexpected) == {"stranger", "upblocks.0.temb_projection.1.bias"}
    assert [(m.name, m.stored, m.needed) for m in findings.mismatched] == [
        ("conv.bias", "F32[5]", "F32[4]")
    ]
    assert findings.likely == (
        ("upblocks.0.temb_projection.1.bias", "upblocks.0.temb_proj.1.bias"),
    )
    assert not findings.is_usable
    kinds = {kind for kind, _, _ in findings.rows()}
    assert kinds == {"missing", "unexpected", "wrong shape", "likely rename"}
    with pytest.raises(StateDictMismatchError):
        load(path)


def test_an_accepted_rename_mends_the_file(tmp_path: Path) -> None:
    old, new = "upblocks.0.temb_projection.1.bias", "upblocks.0.temb_proj.1.bias"
    network = make_network("sddpm")
    rename = changed(lambda state: state.update({old: state.pop(new)}))
    path = write(tmp_path, "sddpm", network, **rename)
    contents = open_checkpoint(path, None, Choices(renames={old: new}))
    assert torch.equal(checked_tensors(contents)[new], network.state_dict()[new])
    assert examine(contents).renamed == ((old, new),)
    with pytest.raises(ConfigError, match="same name"):
        open_checkpoint(path, None, Choices(renames={old: "bn.bias"}))


def test_renames_and_regenerated_tables_are_reported(tmp_path: Path, kind: str) -> None:
    network = make_network(kind)
    path = write(
        tmp_path, kind, network, change=lambda state: with_prefix("module.")(without_tables(state))
    )
    findings = examine(open_checkpoint(path))
    assert findings.is_usable
    state = network.state_dict()
    tables = {name for name in state if name.endswith(official_files.TABLES)}
    assert set(findings.regenerated) == tables
    assert {ours for _, ours in findings.renamed} == set(state) - tables
    assert all(theirs.startswith("module.") for theirs, _ in findings.renamed)


def test_values_are_examined(tmp_path: Path) -> None:
    def damage(state: official_files.State) -> None:
        state["conv.bias"][1] = math.nan
        state["time_embedding.timembedding.0.weight"][7, 1] += 0.5

    path = write(tmp_path, "sddpm", make_network("sddpm"), **changed(damage))
    findings = examine(open_checkpoint(path))
    assert findings.fits
    assert not findings.is_usable
    assert findings.non_finite == ("conv.bias",)
    assert findings.deviating == pytest.approx({"time_embedding.timembedding.0.weight": 0.5})
    with pytest.raises(CheckpointError, match=r"NaN .* \(conv\.bias\)"):
        load(path)


def test_a_table_that_rounds_otherwise_is_used_as_it_is(tmp_path: Path) -> None:
    name = "time_embedding.timembedding.0.weight"
    path = write(
        *(tmp_path, "sddpm", make_network("sddpm")),
        **changed(lambda state: state[name].mul_(1 - 1e-6)),
    )
    expected = make_network("sddpm").state_dict()[name] * (1 - 1e-6)
    assert torch.equal(load(path).network.state_dict()[name], expected)


def test_half_precision_is_widened(tmp_path: Path, kind: str) -> None:
    network = make_network(kind)
    path = write(
        *(tmp_path, kind, network),
        change=lambda state: {
            name: value.half() if value.is_floating_point() else value
            for name, value in state.items()
        },
    )
    state = load(path).network.state_dict()
    for name, value in network.state_dict().items():
        if not name.endswith(official_files.TABLES):
            expected = value.half().float() if value.is_floating_point() else value
            assert torch.equal(state[name], expected)


@pytest.mark.parametrize(
    "contents",
    [
        {"w": torch.zeros(3)},
        {"net_model": {}},
        {},
        [torch.zeros(3)],
        {"net_model": {"conv.weight": 3}},
        {"net_model": {"odd name": torch.zeros(2)}},
        {"net_model": {3: torch.zeros(2)}},
        {"net_model": {"downblocks.999.bn1.weight": torch.zeros(2)}},
        {"net_model": {"in_blocks.1.x": torch.zeros(2)}},
        torch.zeros(2),
    ],
)
def test_other_contents_are_refused(tmp_path: Path, contents: object) -> None:
    path = tmp_path / "x.pt"
    torch.save(contents, path)
    with pytest.raises(UnknownFormatError) as caught:
        load(path)
    assert str(path) in str(caught.value)


def test_nothing_changes_when_the_check_of_torch_is_switched_off(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD", "1")
    crater, path = tmp_path / "crater", tmp_path / "model.pt"
    torch.save({"net_model": make_network("sddpm").state_dict(), "x": Bomb(crater)}, path)
    with pytest.raises(CheckpointError, match=f"{os.mkdir.__module__}.mkdir"):
        load(path)
    assert not crater.exists()


def test_weights_that_were_not_taken_are_told(tmp_path: Path) -> None:
    path = write(tmp_path, "sddpm", make_network("sddpm"))
    contents = torch.load(path, weights_only=False)
    assert "weights" not in str(read_official(path).card.training["assumed"])
    contents["ema_model"] = {name: value + 1 for name, value in contents["net_model"].items()}
    torch.save(contents, path)
    found = read_official(path)
    assumed = str(found.card.training["assumed"])
    assert assumed.endswith("weights net_model (there are also ema_model)")
    average = read_official(path, None, Choices(part="ema_model"))
    assert "weights" not in str(average.card.training["assumed"])
    name = "conv.bias"
    assert torch.equal(average.read()[name], found.read()[name] + 1)
