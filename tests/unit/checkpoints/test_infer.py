from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spikestudio.checkpoints.construction import outline
from spikestudio.checkpoints.infer import (
    CannotInferError,
    Shapes,
    Sizes,
    infer_sddpm,
    infer_sdit,
    infer_spiking_diffusion,
)
from spikestudio.errors import ConfigError
from spikestudio.models.config import to_json
from spikestudio.models.registry import ARCHITECTURES


def shapes_of(architecture: str, **config: Any) -> dict[str, tuple[int, ...]]:
    """Give names and shapes of a network that is never allocated."""
    entry = ARCHITECTURES[architecture]
    tensors = outline(lambda: entry.build(entry.config_type(**config)))
    return {name: tuple(tensor.shape) for name, tensor in tensors.items()}


def stage(shapes: Shapes, name: str) -> dict[str, tuple[int, ...]]:
    return {k.removeprefix(f"{name}."): v for k, v in shapes.items() if k.startswith(f"{name}.")}


def inferred(architecture: str, shapes: Shapes, **choices: int) -> Sizes:
    sizes = Sizes(choices)
    if architecture == "sddpm":
        infer_sddpm(shapes, sizes, image_size=None, dataset_size=0)
    elif architecture == "sdit":
        infer_sdit(shapes, sizes)
    else:
        vqsvae, sdid = stage(shapes, "vqsvae"), stage(shapes, "sdid")
        infer_spiking_diffusion(vqsvae, sdid, sizes, dataset_size=0, strict=False)
    return sizes


@pytest.mark.parametrize(
    ("architecture", "config"),
    [
        ("sddpm", {}),
        ("sddpm", {"image_channels": 1}),
        ("sddpm", {"tsm": True, "num_snn_steps": 8}),
        ("spiking-diffusion", {}),
        ("spiking-diffusion", {"codebook_size": 512}),
        ("sdit", {}),
        ("sdit", {"width": 512, "depth": 8}),
    ],
)
def test_the_papers_networks_are_recognised(architecture: str, config: dict[str, Any]) -> None:
    sizes = inferred(architecture, shapes_of(architecture, **config))
    assert sizes.config == to_json(ARCHITECTURES[architecture].config_type(**config))


CHOICES = {"num_snn_steps": 5, "image_size": 32, "num_train_timesteps": 77}
sddpm = st.fixed_dictionaries(
    {
        "image_size": st.just(32),
        "image_channels": st.integers(1, 4),
        "base_channels": st.sampled_from([2, 4, 6]),
        "channel_mult": st.lists(st.integers(1, 3), min_size=1, max_size=4).map(tuple),
        "num_res_blocks": st.integers(1, 3),
        "num_snn_steps": st.just(5),
        "num_train_timesteps": st.just(77),
        "tsm": st.booleans(),
    }
)
widths = st.integers(1, 9)
spiking_diffusion = st.fixed_dictionaries(
    {
        "image_size": st.just(32),
        "image_channels": st.integers(1, 4),
        "codebook_size": st.integers(2, 20),
        "code_dim": widths,
        "encoder_widths": st.lists(widths, min_size=1, max_size=4).map(tuple),
        "denoiser_widths": st.lists(widths, min_size=2, max_size=12).map(tuple),
        "num_snn_steps": st.just(5),
        "token_embedding": st.integers(0, 3),
    }
)
sdit = st.fixed_dictionaries(
    {
        "image_size": st.just(32),
        "image_channels": st.integers(1, 4),
        "patch_size": st.sampled_from([2, 4, 8, 16]),
        "width": st.integers(2, 20),
        "depth": st.sampled_from([2, 4, 12]),
        "num_classes": st.integers(1, 30),
        "num_snn_steps": st.just(5),
        "num_train_timesteps": st.just(77),
    }
)


@settings(max_examples=40, deadline=None, derandomize=True, database=None)
@given(
    case=st.one_of(
        sddpm.map(lambda config: ("sddpm", config)),
        spiking_diffusion.map(lambda config: ("spiking-diffusion", config)),
        sdit.map(lambda config: ("sdit", config)),
    ),
    with_tables=st.booleans(),
)
def test_every_size_is_found(case: tuple[str, dict[str, Any]], with_tables: bool) -> None:
    architecture, config = case
    shapes = {
        name: shape
        for name, shape in shapes_of(architecture, **config).items()
        if with_tables or not name.endswith(("timembedding.0.weight", "coef"))
    }
    sizes = inferred(architecture, shapes, **CHOICES)
    assert sizes.config == to_json(ARCHITECTURES[architecture].config_type(**config))
    assert sizes.assumed == []


def test_what_is_not_stated_is_assumed() -> None:
    sizes = Sizes({"a": 1})
    sizes.settle("a", None, 4)
    sizes.settle("b", None, 4)
    sizes.settle("c", 3, 4)
    assert sizes.config == {"a": 1, "b": 4, "c": 3}
    assert sizes.assumed == ["b 4"]
    with pytest.raises(ConfigError, match="fixes a at 2 and 1 was asked for"):
        sizes.settle("a", 2, 4)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_too_little_to_go_by_is_said(architecture: str) -> None:
    with pytest.raises(CannotInferError, match="has no tensor"):
        inferred(architecture, {})


def test_irregular_blocks_are_refused() -> None:
    shapes = shapes_of("sddpm", base_channels=4, channel_mult=(1, 2), num_res_blocks=2)
    for name in ("downblocks.1", "downblocks.4"):
        odd = {k: (5, *v[1:]) if k.startswith(f"{name}.") else v for k, v in shapes.items()}
        with pytest.raises(CannotInferError, match="blocks"):
            inferred("sddpm", odd)
    with pytest.raises(CannotInferError, match="no square"):
        inferred("sdit", shapes_of("sdit") | {"pos_embed": (1, 190, 384)})
