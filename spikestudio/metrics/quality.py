"""How good generated images are: judged by a classifier, and compared with real images.

Distances are root mean square differences of pixels in [0, 1]: 0 for a copy, about 0.3 to 0.4
between two MNIST digits.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from spikestudio.checkpoints.card import Measurement
from spikestudio.data.resize import resize
from spikestudio.errors import DataError
from spikestudio.language import tr

if TYPE_CHECKING:
    from spikestudio.data.readers import Dataset
    from spikestudio.metrics.judge import Judge

CONFIDENT = 0.9
COPY_DISTANCE = 0.02  # closer than this to a training image looks the same
_BOOTSTRAP_DRAWS = 2000
_CHUNK = 500  # images compared with the whole training set at a time

Images = NDArray[np.uint8]
Labels = NDArray[np.int64]


def quality_report(
    images: Images,
    asked_labels: Labels | None,
    train: Dataset,
    judge: Judge,
    *,
    test: Dataset,
    seed: int = 0,
) -> dict[str, Any]:
    """Measure generated images against a data set.

    Parameters
    ----------
    images : uint8 [N, H, W, C]
        What was generated. Another size than that of the data set is resized to it (bilinear),
        three channels are averaged where the data set is grey.
    asked_labels : int64 [N] or None
        Classes that a class-conditional model was asked for.
    train, test : Dataset
        Both splits, labelled; ``test`` gives the figures that real images reach.
    judge : Judge
        Classifier for this data set.
    seed : int
        Of the choice of test images and of the bootstrap.

    Returns
    -------
    dict
        Plain values, fit for JSON. Shares are of all N images and in [0, 1]; ``low`` and ``high``
        bound their 95 % bootstrap interval.

    Raises
    ------
    DataError
        No images, or a data set that does not fit the judge or has no labels.
    """
    if len(images) == 0:
        raise DataError(tr("There are no images to measure: sample at least one."))
    check_judge(judge, train.name)
    if test.labels is None:
        raise DataError(
            tr("The test images of {test} have no labels, which are needed here.", test=test.name)
        )
    rng = np.random.default_rng(seed)
    images, resizing = fit(images, train.images.shape[1], train.images.shape[3])
    probabilities = judge.probabilities(images)
    judged = probabilities.argmax(1)
    is_confident = probabilities.max(1) >= CONFIDENT
    shares = np.bincount(judged, minlength=len(train.classes)) / len(images)
    sure = np.bincount(judged[is_confident], minlength=len(train.classes)) / len(images)
    compared = rng.permutation(len(test))[: len(images)]
    return {
        "num": len(images),
        "confident": _share(is_confident, rng),
        "mean_confidence": float(probabilities.max(1).mean()),
        "class_shares": dict(zip(train.classes, shares.tolist(), strict=True)),
        "min_class_share": float(shares.min()),
        "confident_class_shares": dict(zip(train.classes, sure.tolist(), strict=True)),
        "num_classes_present": int((sure > 0).sum()),
        "agreement": None if asked_labels is None else _share(judged == asked_labels, rng),
        "nearest_training_distance": {
            "generated": _summary(nearest_distances(images, train.images)),
            "test": _summary(nearest_distances(test.images[compared], train.images)),
        },
        "diversity": _diversity(images, judged, test.images, test.labels, rng),
        "protocol": {
            "dataset": train.name,
            "num_train": len(train),
            "num_test": len(test),
            "confident_at": CONFIDENT,
            "copy_distance": COPY_DISTANCE,
            "distance": "root mean square difference of pixels in [0, 1]",
            "diversity": "mean distance within a judged class, over that of as many test images",
            "resizing": resizing,
            "seed": seed,
            "judge": asdict(judge.facts),
        },
    }


def check_judge(judge: Judge, dataset: str) -> None:
    """Raise ``DataError`` if the judge was not trained on that data set."""
    known = judge.facts.dataset
    if known != dataset:
        raise DataError(
            tr(
                "The judge knows {known} and cannot judge {dataset}: choose --dataset {known}.",
                known=known,
                dataset=dataset,
            )
        )


def measurements(report: dict[str, Any]) -> tuple[Measurement, ...]:
    """Figures of a report for a checkpoint's card, the most telling one first."""
    protocol, nearest = report["protocol"], report["nearest_training_distance"]
    request = protocol.get("request", {})
    settings = ", ".join(
        f"{name} {request[name]}" for name in ("sampler", "steps", "seed") if name in request
    )
    text = (
        f"{report['num']} samples ({settings or 'settings not given'}), judged by a classifier with "
        f"{protocol['judge']['test_accuracy']:.2%} accuracy on the {protocol['dataset']} test set; "
        f"distances are {protocol['distance']}"
    )
    figures = {
        "confident_share": report["confident"]["share"],
        "agreement": (report["agreement"] or {}).get("share"),
        "classes_present": report["num_classes_present"],
        "min_class_share": report["min_class_share"],
        "nearest_training_distance": nearest["generated"]["median"],
        "nearest_training_distance_of_test_images": nearest["test"]["median"],
        "diversity": report["diversity"]["generated"],
        "diversity_of_test_images": report["diversity"]["test"],
    }
    return tuple(
        Measurement(name, float(value), text)
        for name, value in figures.items()
        if value is not None
    )


def fit(images: Images, size: int, channels: int) -> tuple[Images, str]:
    """Bring images to ``size`` x ``size`` and ``channels``, and say how that was done."""
    steps = []
    if images.shape[3] > channels:
        images = np.rint(images.mean(3, keepdims=True)).astype(np.uint8)
        steps.append("channels averaged")
    elif images.shape[3] < channels:
        images = images.repeat(channels, 3)
        steps.append("grey repeated")
    if images.shape[1:3] != (size, size):
        steps.append(f"{images.shape[1]}x{images.shape[2]} to {size}x{size}, bilinear")
        images = resize(images, size)
    return images, ", ".join(steps) or "none"


def nearest_distances(images: Images, others: Images) -> NDArray[np.float64]:
    """Distance ``[N]`` of each image to the nearest of ``others`` (same shape, any number)."""
    flat_others = others.reshape(len(others), -1).astype(np.float32)
    half_norms = np.einsum("nd,nd->n", flat_others, flat_others) / 2
    nearest = [
        (half_norms - chunk.reshape(len(chunk), -1).astype(np.float32) @ flat_others.T).argmin(1)
        for chunk in np.split(images, range(_CHUNK, len(images), _CHUNK))
    ]
    difference = images.astype(np.float64) - others[np.concatenate(nearest)]
    distances: NDArray[np.float64] = np.sqrt(np.square(difference / 255).mean((1, 2, 3)))
    return distances


def mean_pairwise_distance(images: Images) -> float:
    """Mean distance between two different images of a set of at least two."""
    flat = images.reshape(len(images), -1) / 255
    squares = np.square(flat).mean(1)
    gram = flat @ flat.T / flat.shape[1]
    upper = np.triu_indices(len(flat), 1)
    squared = (squares[:, None] + squares - 2 * gram)[upper]
    return float(np.sqrt(squared.clip(0)).mean())


def _diversity(
    images: Images, judged: Labels, real: Images, labels: Labels, rng: np.random.Generator
) -> dict[str, float | None]:
    """Mean distance within a class, generated and real, classes weighted by generated images."""
    generated, reference, weights = [], [], []
    for label in np.unique(judged):
        mine = images[judged == label]
        same = rng.permutation(np.flatnonzero(labels == label))[: len(mine)]
        if min(len(mine), len(same)) >= 2:
            generated.append(mean_pairwise_distance(mine))
            reference.append(mean_pairwise_distance(real[same]))
            weights.append(len(mine))
    if not weights:
        return {"generated": None, "test": None, "ratio": None}
    mine_mean = float(np.average(generated, weights=weights))
    real_mean = float(np.average(reference, weights=weights))
    return {"generated": mine_mean, "test": real_mean, "ratio": mine_mean / real_mean}


def _summary(distances: NDArray[np.float64]) -> dict[str, float]:
    return {
        "median": float(np.median(distances)),
        "p05": float(np.quantile(distances, 0.05)),
        "min": float(distances.min()),
        "copies": float((distances < COPY_DISTANCE).mean()),
    }


def _share(hits: NDArray[np.bool_], rng: np.random.Generator) -> dict[str, float]:
    """Share of hits with its bootstrap interval; resampling N hits is a binomial draw."""
    share = float(hits.mean())
    draws = rng.binomial(len(hits), share, _BOOTSTRAP_DRAWS) / len(hits)
    low, high = np.quantile(draws, (0.025, 0.975)).tolist()
    return {"share": share, "low": low, "high": high}
