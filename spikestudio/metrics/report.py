"""All figures of a set of images, by every network at hand, each with its protocol."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spikestudio.data.readers import Dataset
from spikestudio.errors import ConfigError, DataError
from spikestudio.language import tr
from spikestudio.metrics.autoencoder_distance import (
    STEPS,
    Encoder,
    own_encoder,
    published_encoder,
)
from spikestudio.metrics.baseline import gaussian_baseline
from spikestudio.metrics.features import FeatureSet, judge_features, read_features
from spikestudio.metrics.frechet import Moments, frechet_distance
from spikestudio.metrics.inception import RESIZES, Inception
from spikestudio.metrics.judge import Judge
from spikestudio.metrics.protocol import Figure
from spikestudio.metrics.quality import fit
from spikestudio.metrics.set_figures import AUTOENCODER, INCEPTION, JUDGE, set_figures

MAX_BESIDE = 10_000  # real or baseline images that are looked at for comparison

Images = NDArray[np.uint8]
Stage = Callable[[str, int | None], Callable[[int], object]]
"""Begins a stage of the work, of so many parts if known; what it gives is told of those done."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """What to measure with.

    ``reference_split`` is that of the real images. ``inception`` are the user's weights, and
    ``inception_reference`` features or moments in place of the split's. ``autoencoder`` is "own",
    "none" or a file of published weights, ``autoencoder_reference`` its published moments.
    ``is_biased`` adds figures as the code of Spiking-Diffusion has them.
    """

    reference_split: str = "test"
    inception: Path | None = None
    inception_reference: Path | None = None
    resize: str = "tf-bilinear"
    autoencoder: str = "own"
    autoencoder_reference: Path | None = None
    has_baseline: bool = False
    is_biased: bool = False
    seed: int = 0
    device: str = "cpu"

    def __post_init__(self) -> None:
        if self.reference_split not in ("train", "test"):
            raise ConfigError(tr("The reference split is train or test."), field="reference_split")
        if self.resize not in RESIZES:
            raise ConfigError(
                tr("The resize filter is one of {resizes}.", resizes=", ".join(RESIZES)),
                field="resize",
            )


@dataclass(frozen=True, slots=True)
class _Sets:
    """Images at the data set's own size: generated, the reference, and others for comparison."""

    images: Images
    reference: Images
    beside: Mapping[str, Images]


def image_figures(
    images: Images,
    train: Dataset,
    test: Dataset,
    judge: Judge | None,
    choice: Choice,
    stage: Stage,
) -> Iterator[Figure]:
    """Compare images uint8 ``[N, H, W, C]`` with a data set; a network that is not there is left out.

    Raises
    ------
    DataError
        Too few images, or a file that does not fit.
    ConfigError
        The extra ``inception`` is asked for and not installed.
    """
    images, resizing = fit(images, train.images.shape[1], train.images.shape[3])
    reference, other = (test, train) if choice.reference_split == "test" else (train, test)
    num = min(len(images), MAX_BESIDE)
    drawn = np.random.default_rng(choice.seed).permutation(len(other))[:num]
    beside = {f"{other.split} images": other.images[drawn]}
    if choice.has_baseline:
        stage("Drawing the baseline", None)
        beside["class-wise Gaussian"] = gaussian_baseline(train, num, seed=choice.seed)[0]
    sets = _Sets(images, reference.images, beside)
    part = "" if reference.partial_of is None else f" (part of {reference.partial_of})"
    protocol = {
        "reference": f"{len(reference)} {reference.split} images of {reference.name}{part}",
        "images_brought_to_size": resizing,
    }
    if judge is not None:
        yield from _by_judge(judge, sets, protocol, choice, stage)
    if choice.autoencoder != "none":
        yield from _by_autoencoder(train.images, sets, protocol, choice, stage)
    if choice.inception is not None:
        yield from _by_inception(choice.inception, sets, protocol, choice, stage)


def file_figures(
    generated: Path, reference: Path, *, is_biased: bool = False, seed: int = 0
) -> Iterator[Figure]:
    """FID, KID and IS from files of Inception features (see ``read_features``)."""
    ours, real = read_features(generated), read_features(reference)
    number = len(real) if isinstance(real, FeatureSet) else "an unknown number of"
    protocol = {
        "features": f"Inception's as told, in {generated.name}",
        "reference": f"{reference.name}, {number} images",
    }
    if isinstance(ours, FeatureSet):
        yield from set_figures(INCEPTION, ours, real, protocol, is_biased=is_biased, seed=seed)
        return
    moments = real if isinstance(real, Moments) else None
    if moments is None:
        from spikestudio.metrics.frechet import moments as of

        assert isinstance(real, FeatureSet)  # the other of the two kinds
        moments = of(real.features)
    yield Figure(
        metric=INCEPTION.frechet,
        value=frechet_distance(ours, moments),
        num=0,
        protocol=protocol | {"note": "from moments alone: the number of images is not told"},
    )


def _by_judge(
    judge: Judge, sets: _Sets, protocol: dict[str, Any], choice: Choice, stage: Stage
) -> Iterator[Figure]:
    stage("Looking with the judge", None)
    facts = judge.facts
    yield from set_figures(
        JUDGE,
        judge_features(judge, sets.images),
        judge_features(judge, sets.reference, is_kept=True),
        {
            "features": f"judge of {facts.dataset} ({facts.test_accuracy:.2%}), not Inception: no FID",
            **protocol,
        },
        beside={name: judge_features(judge, each) for name, each in sets.beside.items()},
        is_biased=choice.is_biased,
        seed=choice.seed,
    )


def _by_autoencoder(
    training: Images, sets: _Sets, protocol: dict[str, Any], choice: Choice, stage: Stage
) -> Iterator[Figure]:
    encoder: Encoder
    if choice.autoencoder == "own":
        advance = stage("Training the auto-encoder once", STEPS)
        encoder = own_encoder(training, steps=STEPS, advance=advance)
    else:
        encoder = published_encoder(Path(choice.autoencoder))
    stage("Looking with the auto-encoder", None)
    reference: FeatureSet | Moments
    if choice.autoencoder_reference is not None:
        reference = read_features(choice.autoencoder_reference)
        protocol = protocol | {"reference": choice.autoencoder_reference.name}
    else:
        reference = encoder.latents(sets.reference, is_kept=True)
    yield from set_figures(
        AUTOENCODER,
        encoder.latents(sets.images),
        reference,
        encoder.protocol | protocol,
        beside={name: encoder.latents(each) for name, each in sets.beside.items()},
        is_biased=choice.is_biased,
        seed=choice.seed,
    )


def _by_inception(
    weights: Path, sets: _Sets, protocol: dict[str, Any], choice: Choice, stage: Stage
) -> Iterator[Figure]:
    network = Inception(weights, resize=choice.resize, device=choice.device)
    reference: FeatureSet | Moments
    if choice.inception_reference is not None:
        reference = read_features(choice.inception_reference)
        protocol = protocol | {"reference": choice.inception_reference.name}
    else:
        advance = stage("Inception features of the reference", len(sets.reference))
        reference = network.features(sets.reference, is_kept=True, advance=advance)
    channels = "grey repeated" if sets.images.shape[3] == 1 else "colour"
    advance = stage("Inception features", len(sets.images))
    generated = network.features(sets.images, advance=advance)
    if isinstance(reference, Moments) and len(reference.mean) != generated.features.shape[1]:
        raise DataError(tr("The reference has no Inception features of 2048 values."))
    yield from set_figures(
        INCEPTION,
        generated,
        reference,
        {
            "features": f"Inception 2015, torch-fidelity, {weights.name}",
            "resize": RESIZES[choice.resize],
            "channels": channels,
            **protocol,
        },
        is_biased=choice.is_biased,
        seed=choice.seed,
    )
