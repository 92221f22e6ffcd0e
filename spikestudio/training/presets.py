"""How each architecture is trained: ``paper`` as published, ``micro`` for two CPU cores.

Where a paper and its released code differ, ``paper`` follows the paper in what it states, and the code
in what it leaves open:

=================  ==========================================  ======================================
                   preset ``paper``                            elsewhere
=================  ==========================================  ======================================
sddpm              Adam, rate 1e-5, constant, batch 128,       the released code (preset ``released``)
(arXiv 2306.17046) 500,000 steps, gradients clipped to 1,      has rate 2e-4 and batch 32; the paper
                   no average of the weights, no warm-up       lists dropout 0.1, which it ignores
spiking-diffusion  AdamW, rate 1e-3, decay 1e-3, batch 32,     as the code; it keeps the file of epoch
(arXiv 2308.10187) 100 epochs of 60,000 images, then 200 of    190 of the second stage, not of the
                   their tokens; loss weighted (N - t)/N       last, and fixes the order of its batches
sdit               AdamW, rate 1e-4, decay 0.01, batch 256,    as the code; the average of the weights
(arXiv 2402.11588) 1,600 epochs of 60,000 images, no clipping  that it defines is never used
=================  ==========================================  ======================================

A preset's network is fitted to the data set: its image size, channels and classes (``for_dataset``).
SDiT's ``paper`` always works on three channels of 28x28, to which CIFAR-10 is made smaller, and SDDPM's
four levels need a side divisible by 8, to which MNIST is enlarged; ``micro`` takes MNIST as it is.
Spiking-Diffusion's code has no CIFAR-10: the size of ours is 32x32.

No preset flips images, which the code of SDDPM does for CIFAR-10 and CelebA. Neurons are IF (sddpm)
and LIF with tau 2, with the ATan surrogate of the code, where the SDDPM paper names a rectangular one.
BatchNorm statistics are those of the whole batch over all processes, where the code of SDDPM takes
each GPU's own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from spikestudio.data.registry import DatasetInfo
from spikestudio.errors import ConfigError
from spikestudio.language import tr
from spikestudio.models.sddpm import SDDPMConfig
from spikestudio.models.sdit import SDiTConfig
from spikestudio.models.spiking_diffusion.config import SpikingDiffusionConfig


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """One optimisation, from the first to the last step.

    ``snn_schedule`` lists (share of the steps, SNN steps): early steps are cheaper with fewer SNN
    steps. The learning rate rises over ``warmup_steps``, stays, and falls to zero linearly over the
    last ``decay_share``; with ``decay`` "cosine" it falls along half a cosine from the warm-up on
    instead. ``ema_decay`` 0 keeps no average.
    """

    name: str
    num_steps: int
    batch_size: int
    learning_rate: float
    weight_decay: float = 0.0
    warmup_steps: int = 0
    decay_share: float = 0.0
    decay: Literal["linear", "cosine"] = "linear"
    grad_clip: float | None = None
    ema_decay: float = 0.0
    snn_schedule: tuple[tuple[float, int], ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Preset:
    """Network, stages in order, and the request that the trained model opens with."""

    config: Any
    stages: tuple[Stage, ...]
    defaults: Mapping[str, Any]
    is_fixed_size: bool = False  # images are brought to the network's size and channels


def _micro(
    name: str,
    num_steps: int,
    learning_rate: float,
    *,
    ema_decay: float = 0.998,
    snn_schedule: tuple[tuple[float, int], ...] = (),
    options: Mapping[str, Any] | None = None,
) -> Stage:
    """Stage of a small model: what all of them share."""
    return Stage(
        name=name,
        num_steps=num_steps,
        batch_size=64,
        learning_rate=learning_rate,
        weight_decay=0.01,
        warmup_steps=500,
        decay_share=0.3,
        grad_clip=1.0,
        ema_decay=ema_decay,
        snn_schedule=snn_schedule,
        options=options or {},
    )


PRESETS: dict[tuple[str, str], Preset] = {
    ("sddpm", "micro"): Preset(
        config=SDDPMConfig(
            image_size=28,
            image_channels=1,
            base_channels=24,
            channel_mult=(1, 2, 4),
            num_res_blocks=1,
        ),
        stages=(
            _micro(
                "denoiser",
                6_000,
                1e-3,
                snn_schedule=((0.4, 1), (0.3, 2), (0.3, 4)),
                options={"weighting": "balanced"},
            ),
        ),
        defaults={"sampler": "ancestral", "steps": 40, "clip_x0": False},
    ),
    ("sddpm", "paper"): Preset(
        config=SDDPMConfig(),
        stages=(
            Stage(
                name="denoiser",
                num_steps=500_000,
                batch_size=128,
                learning_rate=1e-5,
                grad_clip=1.0,
            ),
        ),
        defaults={"sampler": "ddim", "steps": 50},
    ),
    ("sddpm", "released"): Preset(
        config=SDDPMConfig(),
        stages=(
            Stage(
                name="denoiser",
                num_steps=500_000,
                batch_size=32,
                learning_rate=2e-4,
                grad_clip=1.0,
            ),
        ),
        defaults={"sampler": "ddim", "steps": 50},
    ),
    ("spiking-diffusion", "micro"): Preset(
        config=SpikingDiffusionConfig(
            codebook_size=64,
            denoiser_widths=(96, 128, 128, 128, 128),
            num_snn_steps=4,
            token_embedding=16,
        ),
        stages=(
            _micro("vqsvae", 2_500, 2e-3, ema_decay=0.99, options={"restart_unused": True}),
            _micro("sdid", 9_000, 1e-3, snn_schedule=((0.6, 2), (0.4, 4))),
        ),
        defaults={"sampler": "absorbing", "steps": 49, "temperature": 0.65},
    ),
    ("spiking-diffusion", "paper"): Preset(
        config=SpikingDiffusionConfig(),
        stages=(
            Stage(
                name="vqsvae",
                num_steps=187_500,
                batch_size=32,
                learning_rate=1e-3,
                weight_decay=1e-3,
            ),
            Stage(
                name="sdid",
                num_steps=375_000,
                batch_size=32,
                learning_rate=1e-3,
                weight_decay=1e-3,
                options={"weighting": "strict"},
            ),
        ),
        defaults={"sampler": "absorbing", "steps": 49, "temperature": 0.65},
    ),
    ("sdit", "micro"): Preset(
        config=SDiTConfig(image_channels=1, patch_size=4, width=128),
        stages=(_micro("denoiser", 8_000, 1e-3, options={"weighting": "balanced"}),),
        defaults={"sampler": "ddim", "steps": 20, "guidance": 2.0, "clip_x0": False},
    ),
    ("sdit", "paper"): Preset(
        config=SDiTConfig(),
        stages=(
            Stage(
                name="denoiser",
                num_steps=375_000,
                batch_size=256,
                learning_rate=1e-4,
                weight_decay=0.01,
            ),
        ),
        defaults={"sampler": "ancestral", "steps": 250},
        is_fixed_size=True,
    ),
}


def preset(architecture: str, name: str) -> Preset:
    """Look a preset up; raises ``ConfigError`` naming the choices."""
    found = PRESETS.get((architecture, name))
    if found is None:
        choices = ", ".join(f"{arch} {each}" for arch, each in PRESETS)
        raise ConfigError(
            tr(
                "There is no preset {name!r} for {architecture!r}: choose from {choices}.",
                name=name,
                architecture=architecture,
                choices=choices,
            )
        )
    return found


def for_dataset(preset: Preset, info: DatasetInfo) -> Preset:
    """Fit a preset's network to a data set: image size, channels and classes.

    A side that the network cannot divide is the next larger one that it can.
    """
    config = preset.config
    sizes: dict[str, int] = {}
    if not preset.is_fixed_size:
        unit = _divisor(config)
        side = -(-info.image_size // unit) * unit
        sizes = {"image_size": side, "image_channels": info.channels}
    if hasattr(config, "num_classes") and info.classes:
        sizes["num_classes"] = len(info.classes)
    return replace(preset, config=replace(config, **sizes))


def _divisor(config: Any) -> int:  # noqa: ANN401  one of three architectures
    """What the side of an image must be a multiple of."""
    if isinstance(config, SDDPMConfig):
        return 1 << (len(config.channel_mult) - 1)
    if isinstance(config, SpikingDiffusionConfig):
        return 1 << len(config.encoder_widths)
    assert isinstance(config, SDiTConfig)
    return config.patch_size
