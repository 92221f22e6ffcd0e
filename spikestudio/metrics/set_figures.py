"""Figures that compare a set of images with a reference by one network's features."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from spikestudio.errors import DataError
from spikestudio.language import tr
from spikestudio.metrics.features import FeatureSet
from spikestudio.metrics.frechet import (
    MAX_BOOTSTRAP_FEATURES,
    Moments,
    frechet_distance,
    frechet_interval,
    moments,
    svd_root_distance,
)
from spikestudio.metrics.inception_score import SPLITS, inception_score, score_interval
from spikestudio.metrics.kernel import kernel_distance
from spikestudio.metrics.manifold import NEIGHBOURS, manifold
from spikestudio.metrics.protocol import Figure, mean_interval

SPLIT_FROM = 5000  # images from which a score is over the usual ten splits
PAPER_IMAGES, PAPER_SPLITS = 1280, 4  # of Spiking-Diffusion's code


@dataclass(frozen=True, slots=True)
class Names:
    """What figures of one feature network are called; an empty name is left out.

    Only features of Inception have FID, KID and IS.
    """

    frechet: str
    kernel: str = ""
    score: str = ""
    manifold: str | None = None  # put before precision, recall, density and coverage


INCEPTION = Names("fid", "kid", "inception_score", "inception_")
JUDGE = Names("judge_frechet_distance", "judge_kernel_distance", "judge_score", "judge_")
AUTOENCODER = Names("frechet_autoencoder_distance")


def set_figures(
    names: Names,
    generated: FeatureSet,
    reference: FeatureSet | Moments,
    protocol: Mapping[str, Any],
    *,
    beside: Mapping[str, FeatureSet] | None = None,
    is_biased: bool = False,
    seed: int = 0,
) -> Iterator[Figure]:
    """Everything that these features tell, one figure after the other.

    Parameters
    ----------
    generated
        Features of the images in question, in their order.
    reference
        Those of real images, or their moments alone, which give a Fréchet distance and no more.
    protocol
        Where the features and the reference are from.
    beside
        Other sets, for the same figures of as many of their images.
    is_biased
        Add the figures as the code of Spiking-Diffusion has them (arXiv 2308.10187): the first 1280
        images of both sets, a wrong root in the Fréchet distance, four splits.
    seed
        Of subsets, of what is chosen, and of the bootstrap.

    Raises
    ------
    DataError
        The features do not fit each other, or are of too few images.
    """
    num = len(generated)
    others = {name: each.some(num, seed) for name, each in (beside or {}).items()}
    yield _frechet(names, generated, reference, protocol, others, seed)
    if names.kernel and isinstance(reference, FeatureSet) and min(num, len(reference)) >= 4:
        yield _kernel(names, generated, reference, protocol, others, seed)
    if names.score and generated.probabilities is not None and num >= 2:
        # The score of a small part is bounded by its size, not by the classes.
        splits = SPLITS if num >= SPLIT_FROM else 1
        yield _score(names, generated, protocol, others, splits, seed)
    if names.manifold is not None and isinstance(reference, FeatureSet):
        yield from _manifold(names, generated, reference, protocol, others, seed)
    if is_biased:
        yield from _as_in_paper(names, generated, reference, protocol)


def _frechet(
    names: Names,
    generated: FeatureSet,
    reference: FeatureSet | Moments,
    protocol: Mapping[str, Any],
    others: Mapping[str, FeatureSet],
    seed: int,
) -> Figure:
    real, own = _moments(reference), moments(generated.features)
    value = frechet_distance(own, real)
    width = generated.features.shape[1]
    notes: dict[str, Any] = {}
    if len(generated) <= width:
        notes["note"] = f"strongly biased upwards: no more images than features ({width})"
    if width > MAX_BOOTSTRAP_FEATURES:
        notes["interval"] = f"none, as it takes too long with {width} features"
    return Figure(
        metric=names.frechet,
        value=value,
        num=len(generated),
        interval=frechet_interval(generated.features, real, value, seed),
        beside={
            name: frechet_distance(moments(each.features), real) for name, each in others.items()
        },
        protocol={**protocol, **notes},
    )


def _kernel(
    names: Names,
    generated: FeatureSet,
    reference: FeatureSet,
    protocol: Mapping[str, Any],
    others: Mapping[str, FeatureSet],
    seed: int,
) -> Figure:
    found = kernel_distance(generated.features, reference.features, seed=seed)
    size = found.subset_size
    return Figure(
        metric=names.kernel,
        value=found.mean,
        num=len(generated),
        interval=found.interval,
        beside={
            name: kernel_distance(
                each.features, reference.features, subset_size=min(size, len(each)), seed=seed
            ).mean
            for name, each in others.items()
        },
        protocol={
            **protocol,
            "kernel": "(x.y/D + 1)^3, unbiased",
            "subsets": f"{found.subsets} of {size}",
            "std_over_subsets": float(f"{found.std:.4g}"),
        },
    )


def _score(
    names: Names,
    generated: FeatureSet,
    protocol: Mapping[str, Any],
    others: Mapping[str, FeatureSet],
    splits: int,
    seed: int,
) -> Figure:
    p = generated.probabilities
    assert p is not None  # asked by the caller
    found = inception_score(p, splits)
    return Figure(
        metric=names.score,
        value=found.mean,
        num=len(generated),
        interval=score_interval(p, found.mean, seed),
        beside={
            name: inception_score(each.probabilities, min(splits, len(each))).mean
            for name, each in others.items()
            if each.probabilities is not None
        },
        protocol={
            **{name: value for name, value in protocol.items() if not name.startswith("ref")},
            "splits": splits,
            **({"std_over_splits": float(f"{found.std:.4g}")} if splits > 1 else {}),
            "highest_possible": p.shape[1],
        },
    )


def _manifold(
    names: Names,
    generated: FeatureSet,
    reference: FeatureSet,
    protocol: Mapping[str, Any],
    others: Mapping[str, FeatureSet],
    seed: int,
) -> Iterator[Figure]:
    num = min(len(generated), len(reference))
    if num <= NEIGHBOURS:
        return
    real = reference.some(num, seed).features
    found = manifold(generated.features[:num], real)
    beside = {
        name: manifold(each.features[:num], real)
        for name, each in others.items()
        if len(each) > NEIGHBOURS
    }
    for each in ("precision", "recall", "density", "coverage"):
        values = getattr(found, each)
        yield Figure(
            metric=f"{names.manifold}{each}",
            value=float(values.mean()),
            num=num,
            interval=mean_interval(values, seed),
            beside={name: float(getattr(other, each).mean()) for name, other in beside.items()},
            protocol={**protocol, "reference_used": num, "neighbours": NEIGHBOURS},
        )


def _as_in_paper(
    names: Names,
    generated: FeatureSet,
    reference: FeatureSet | Moments,
    protocol: Mapping[str, Any],
) -> Iterator[Figure]:
    """Spiking-Diffusion's own variants; its KID also mixed in the images of other temperatures."""
    first = generated.part(slice(PAPER_IMAGES))
    real = reference
    notes = {**protocol, "note": "as in the code of arXiv 2308.10187"}
    if isinstance(reference, FeatureSet):
        real = reference.part(slice(PAPER_IMAGES))
        notes["reference_used"] = f"first {len(reference.part(slice(PAPER_IMAGES)))}"
    yield Figure(
        metric=f"{names.frechet}_svd_root",
        value=svd_root_distance(moments(first.features), _moments(real)),
        num=len(first),
        protocol=notes | {"root": "U s^(1/2) V of the covariances' product, too large a distance"},
    )
    if names.score and first.probabilities is not None and len(first) >= PAPER_SPLITS:
        found = inception_score(first.probabilities, PAPER_SPLITS)
        yield Figure(
            metric=f"{names.score}_{PAPER_SPLITS}_splits",
            value=found.mean,
            num=len(first),
            protocol=notes | {"splits": PAPER_SPLITS, "std_over_splits": found.std},
        )


def _moments(features: FeatureSet | Moments) -> Moments:
    if isinstance(features, Moments):
        return features
    if not len(features):
        raise DataError(tr("The reference has no images."))
    return moments(features.features)
