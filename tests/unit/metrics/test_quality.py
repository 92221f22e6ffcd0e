import json
from dataclasses import dataclass, replace

import numpy as np
import pytest
from numpy.typing import NDArray

from spikestudio.checkpoints.card import Measurement
from spikestudio.data.readers import Dataset
from spikestudio.errors import DataError
from spikestudio.metrics.judge import Judge, JudgeFacts, load_judge
from spikestudio.metrics.quality import (
    fit,
    mean_pairwise_distance,
    measurements,
    nearest_distances,
    quality_report,
)
from tests.unit.metrics.digits import digits

RNG = np.random.default_rng(0)


@dataclass
class Scripted:
    """A judge whose verdicts are given."""

    verdicts: NDArray[np.float32]
    facts = JudgeFacts(
        dataset="mnist", test_accuracy=1.0, test_confident=1.0, num_train=60, epochs=1, seed=0
    )

    def probabilities(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        assert len(images) == len(self.verdicts)
        return self.verdicts


def verdicts(*judged: tuple[int, float]) -> NDArray[np.float32]:
    """One row per (class, confidence); the rest of the probability is spread evenly."""
    rows = np.empty((len(judged), 10), np.float32)
    for row, (label, confidence) in zip(rows, judged, strict=True):
        row[:] = (1 - confidence) / 9
        row[label] = confidence
    return rows


def report_of(
    images: NDArray[np.uint8], judge: Judge | Scripted, asked: NDArray[np.int64] | None = None
) -> dict:
    train, test = digits("train"), digits("test")
    return quality_report(images, asked, train, judge, test=test)  # type: ignore[arg-type]


def test_shares_count_what_the_judge_says() -> None:
    judge = Scripted(verdicts((0, 0.95), (0, 0.91), (1, 0.89), (7, 0.99)))
    report = report_of(digits().images[:4], judge, np.array([0, 1, 1, 7]))
    assert report["confident"]["share"] == 0.75
    assert report["class_shares"] == {
        str(k): {0: 0.5, 1: 0.25, 7: 0.25}.get(k, 0) for k in range(10)
    }
    assert report["min_class_share"] == 0
    assert report["confident_class_shares"]["1"] == 0
    assert report["num_classes_present"] == 2
    assert report["agreement"]["share"] == 0.75
    assert report["mean_confidence"] == pytest.approx((0.95 + 0.91 + 0.89 + 0.99) / 4)


def test_interval_is_that_of_a_share() -> None:
    judge = Scripted(verdicts(*[(k % 10, 0.95 if k < 320 else 0.5) for k in range(400)]))
    confident = report_of(np.tile(digits().images, (7, 1, 1, 1))[:400], judge)["confident"]
    half_width = 1.96 * np.sqrt(0.8 * 0.2 / 400)
    assert confident["share"] == 0.8
    assert confident["low"] == pytest.approx(0.8 - half_width, abs=0.01)
    assert confident["high"] == pytest.approx(0.8 + half_width, abs=0.01)


def test_real_digits_pass_and_copies_are_found() -> None:
    judge, train, test = load_judge(), digits("train"), digits("test")
    real = report_of(test.images, judge, test.labels)
    assert real["confident"]["share"] > 0.9
    assert real["num_classes_present"] == 10
    assert real["agreement"]["share"] > 0.95
    assert real["diversity"]["ratio"] == pytest.approx(1, abs=0.05)
    assert real["nearest_training_distance"]["generated"]["copies"] == 0
    copied = report_of(train.images, judge)
    assert copied["nearest_training_distance"]["generated"] == {
        "median": 0,
        "p05": 0,
        "min": 0,
        "copies": 1,
    }
    assert copied["nearest_training_distance"]["test"]["median"] > 0.1
    assert copied["agreement"] is None


def test_one_image_over_and_over_has_no_diversity() -> None:
    report = report_of(np.repeat(digits().images[:1], 20, 0), load_judge())
    assert report["diversity"]["generated"] == pytest.approx(0, abs=1e-6)
    assert report["num_classes_present"] == 1


def test_same_seed_same_report_fit_for_json() -> None:
    images = digits("test").images
    first = report_of(images, load_judge())
    assert json.loads(json.dumps(first, allow_nan=False)) == first
    assert report_of(images, load_judge()) == first


def test_single_image_has_no_diversity_figure() -> None:
    report = report_of(digits().images[:1], load_judge())
    assert report["diversity"] == {"generated": None, "test": None, "ratio": None}


def test_distances_against_plain_loops() -> None:
    a, b = (RNG.integers(0, 256, (n, 5, 5, 1), np.uint8) for n in (7, 11))
    plain = np.sqrt((((a[:, None] - b[None].astype(float)) / 255) ** 2).mean((2, 3, 4)))
    np.testing.assert_allclose(nearest_distances(a, b), plain.min(1), rtol=1e-6)
    pairs = [
        np.sqrt((((a[i].astype(float) - a[j]) / 255) ** 2).mean())
        for i in range(7)
        for j in range(i)
    ]
    assert mean_pairwise_distance(a) == pytest.approx(np.mean(pairs))


def test_distances_do_not_depend_on_the_chunk() -> None:
    a = RNG.integers(0, 256, (1100, 3, 3, 1), np.uint8)
    b = RNG.integers(0, 256, (50, 3, 3, 1), np.uint8)
    np.testing.assert_array_equal(
        nearest_distances(a, b),
        np.concatenate([nearest_distances(a[k : k + 1], b) for k in range(1100)]),
    )


def test_other_sizes_are_brought_to_the_data_set() -> None:
    large = np.full((2, 32, 32, 3), (0, 90, 91), np.uint8)
    small, how = fit(large, 28, 1)
    assert small.shape == (2, 28, 28, 1)
    assert (small == 60).all()
    assert how == "channels averaged, 32x32 to 28x28, bilinear"
    same, how = fit(small, 28, 1)
    assert same is small
    assert how == "none"
    assert fit(small, 28, 3)[0].shape == (2, 28, 28, 3)


def test_what_cannot_be_measured_is_refused() -> None:
    judge, train, test = load_judge(), digits("train"), digits("test")
    with pytest.raises(DataError, match="no images"):
        quality_report(train.images[:0], None, train, judge, test=test)
    kmnist: Dataset = replace(train, name="kmnist")
    with pytest.raises(DataError, match=r"cannot judge kmnist.*--dataset mnist"):
        quality_report(train.images, None, kmnist, judge, test=test)


def test_measurements_for_the_card() -> None:
    report = report_of(digits("test").images, load_judge(), digits("test").labels)
    report["protocol"]["request"] = {"sampler": "ddim", "steps": 30, "seed": 0}
    figures = measurements(report)
    assert figures[0] == Measurement(
        "confident_share", report["confident"]["share"], figures[0].protocol
    )
    assert "ddim, steps 30, seed 0" in figures[0].protocol
    assert "60 samples" in figures[0].protocol
    assert max(len(each.protocol) for each in figures) <= 300
    assert "agreement" in {each.metric for each in figures}
    report["agreement"] = None
    assert "agreement" not in {each.metric for each in measurements(report)}
