"""Distances of feature sets against closed forms and plain loops."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import sqrtm
from scipy.spatial.distance import cdist

from spikestudio.errors import DataError
from spikestudio.metrics.frechet import (
    Moments,
    frechet_distance,
    frechet_interval,
    moments,
    svd_root_distance,
)
from spikestudio.metrics.inception_score import inception_score, score_interval, softmax
from spikestudio.metrics.kernel import kernel_distance, squared_mmd
from spikestudio.metrics.manifold import manifold
from spikestudio.metrics.protocol import Figure, mean_interval


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def covariance(d: int, seed: int) -> np.ndarray:
    a = rng(seed).standard_normal((d, d + 3))
    return a @ a.T / d


def test_frechet_of_gaussians_has_its_closed_form() -> None:
    """For commuting covariances: |m1 - m2|² + Σ (σ1 - σ2)²."""
    one = Moments(np.array([1.0, 2.0]), np.diag([4.0, 9.0]))
    other = Moments(np.array([4.0, 6.0]), np.diag([1.0, 16.0]))
    assert frechet_distance(one, other) == pytest.approx(25 + (2 - 1) ** 2 + (3 - 4) ** 2)
    assert frechet_distance(one, one) == pytest.approx(0, abs=1e-12)


@settings(max_examples=25, deadline=None)
@given(st.integers(2, 12), st.integers(0, 1000))
def test_frechet_is_that_of_the_matrix_root(d: int, seed: int) -> None:
    one = Moments(rng(seed).standard_normal(d), covariance(d, seed))
    other = Moments(rng(seed + 1).standard_normal(d), covariance(d, seed + 1))
    root = np.real(sqrtm(one.covariance @ other.covariance))
    gap = one.mean - other.mean
    plain = gap @ gap + np.trace(one.covariance + other.covariance - 2 * root)
    assert frechet_distance(one, other) == pytest.approx(plain, rel=1e-8)
    assert frechet_distance(other, one) == pytest.approx(plain, rel=1e-8)
    assert svd_root_distance(one, other) >= plain - 1e-9


def test_svd_root_is_right_for_symmetric_products_alone() -> None:
    one, other = (Moments(np.zeros(3), np.diag(each)) for each in ([1.0, 2, 3], [4.0, 1, 2]))
    assert svd_root_distance(one, other) == pytest.approx(frechet_distance(one, other))
    one, other = (Moments(np.zeros(8), covariance(8, seed)) for seed in (1, 2))
    assert svd_root_distance(one, other) > 1.05 * frechet_distance(one, other)


def test_moments_are_numpys_also_of_repeated_rows() -> None:
    x = rng().standard_normal((40, 5)).astype(np.float32)
    found = moments(x)
    np.testing.assert_allclose(found.mean, x.astype(np.float64).mean(0))
    np.testing.assert_allclose(found.covariance, np.cov(x.astype(np.float64), rowvar=False))
    counts = rng(1).multinomial(40, np.full(40, 1 / 40))
    drawn = np.repeat(x.astype(np.float64), counts, 0)
    np.testing.assert_allclose(moments(x, counts).covariance, np.cov(drawn, rowvar=False))


def test_singular_covariances_give_a_number() -> None:
    x, y = rng().standard_normal((10, 30)), rng(1).standard_normal((12, 30))
    assert np.isfinite(frechet_distance(moments(x), moments(y)))
    assert frechet_distance(moments(x), moments(x)) == pytest.approx(0, abs=1e-6)


def test_what_has_no_frechet_distance_is_refused() -> None:
    with pytest.raises(DataError, match="two images"):
        moments(np.zeros((1, 3)))
    with pytest.raises(DataError, match="NaN"):
        moments(np.full((3, 3), np.nan))
    with pytest.raises(DataError, match="3 and of 2"):
        frechet_distance(moments(rng().random((5, 3))), moments(rng().random((5, 2))))


def test_interval_of_frechet_covers_what_other_samples_give() -> None:
    reference = Moments(np.zeros(4), np.eye(4))
    values = [
        frechet_distance(moments(rng(k).standard_normal((200, 4)) + 0.5), reference)
        for k in range(100, 200)
    ]
    x = rng(7).standard_normal((200, 4)) + 0.5
    value = frechet_distance(moments(x), reference)
    interval = frechet_interval(x, reference, value, 0)
    assert interval is not None
    assert interval[0] < value < interval[1]
    assert interval[1] - interval[0] == pytest.approx(
        np.quantile(values, 0.975) - np.quantile(values, 0.025), rel=0.35
    )
    assert frechet_interval(rng().random((5, 300)), reference, 1.0, 0) is None


def plain_mmd(x: np.ndarray, y: np.ndarray) -> float:
    def k(a: np.ndarray, b: np.ndarray) -> float:
        return float((a @ b / len(a) + 1) ** 3)

    n, m = len(x), len(y)
    xx = sum(k(x[i], x[j]) for i in range(n) for j in range(n) if i != j) / (n * (n - 1))
    yy = sum(k(y[i], y[j]) for i in range(m) for j in range(m) if i != j) / (m * (m - 1))
    return xx + yy - 2 * sum(k(a, b) for a in x for b in y) / (n * m)


def test_kernel_distance_against_plain_loops() -> None:
    x, y = rng().standard_normal((9, 4)), rng(1).standard_normal((7, 4)) + 0.3
    assert squared_mmd(x, y) == pytest.approx(plain_mmd(x, y))
    whole = kernel_distance(x[:7], y, subsets=3, subset_size=7)
    assert whole.mean == pytest.approx(plain_mmd(x[:7], y))
    same = kernel_distance(y, y, subsets=3, subset_size=7)
    assert same.std == pytest.approx(0, abs=1e-12)


def test_kernel_distance_is_unbiased_whatever_the_subsets() -> None:
    """Over many pairs of samples of one distribution the mean is 0."""
    values = np.array(
        [
            kernel_distance(
                rng(2 * k).standard_normal((40, 3)),
                rng(2 * k + 1).standard_normal((40, 3)),
                subsets=5,
            ).mean
            for k in range(300)
        ]
    )
    assert abs(values.mean()) < 4 * values.std() / np.sqrt(len(values))
    x, y = rng().standard_normal((3000, 3)), rng(1).standard_normal((3000, 3)) + 1
    small, large = (kernel_distance(x, y, subset_size=n, subsets=20).mean for n in (100, 1000))
    assert small == pytest.approx(large, rel=0.1)


def test_kernel_interval_is_the_scatter_over_samples() -> None:
    y = rng(999).standard_normal((1000, 3))
    values = [squared_mmd(rng(k).standard_normal((200, 3)) + 0.7, y) for k in range(60)]
    found = kernel_distance(rng(70).standard_normal((200, 3)) + 0.7, y)
    assert found.subset_size == 100
    width = found.interval[1] - found.interval[0]
    assert 0.75 < width / (3.92 * np.std(values)) < 1.35


def test_kernel_interval_of_equal_distributions_covers_zero() -> None:
    y = rng(999).standard_normal((2000, 3))
    values = [squared_mmd(rng(k).standard_normal((100, 3)), y) for k in range(60)]
    found = kernel_distance(rng(70).standard_normal((100, 3)), y)
    assert found.interval[0] < 0 < found.interval[1]
    assert 0.5 < (found.interval[1] - found.interval[0]) / (3.92 * np.std(values)) < 2


@pytest.mark.parametrize("size", [1, 5])
def test_kernel_distance_refuses_impossible_subsets(size: int) -> None:
    with pytest.raises(DataError, match="subsets"):
        kernel_distance(rng().random((4, 2)), rng().random((4, 2)), subset_size=size)


def plain_prdc(x: np.ndarray, y: np.ndarray, k: int) -> tuple[float, float, float, float]:
    """Naeem et al., by loops; x generated, y real."""

    def radius(own: np.ndarray, i: int) -> float:
        return sorted(np.linalg.norm(own[i] - own[j]) for j in range(len(own)) if j != i)[k - 1]

    real = [radius(y, i) for i in range(len(y))]
    ours = [radius(x, i) for i in range(len(x))]
    inside = [[bool(np.linalg.norm(a - b) < r) for b, r in zip(y, real, strict=True)] for a in x]
    recall = [any(np.linalg.norm(b - a) < r for a, r in zip(x, ours, strict=True)) for b in y]
    return (
        sum(any(row) for row in inside) / len(x),
        sum(recall) / len(y),
        sum(sum(row) for row in inside) / (k * len(x)),
        sum(any(row[i] for row in inside) for i in range(len(y))) / len(y),
    )


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 1000), st.integers(1, 6), st.floats(0, 3))
def test_manifold_against_plain_loops(seed: int, k: int, shift: float) -> None:
    x, y = rng(seed).standard_normal((23, 3)) + shift, rng(seed + 1).standard_normal((31, 3))
    found = manifold(x, y, k)
    names = ("precision", "recall", "density", "coverage")
    means = [float(getattr(found, name).mean()) for name in names]
    np.testing.assert_allclose(means, plain_prdc(x, y, k))


def test_manifold_of_extremes() -> None:
    real = rng().standard_normal((300, 4))
    same = manifold(real, real)
    for name in ("precision", "recall", "coverage"):
        assert getattr(same, name).mean() == 1
    assert same.density.mean() == pytest.approx(1, abs=0.1)
    far = manifold(real + 100, real)
    for name in ("precision", "recall", "density", "coverage"):
        assert getattr(far, name).mean() == 0
    one_mode = manifold(real[:1] + 0.01 * rng(1).standard_normal((300, 4)), real)
    assert one_mode.precision.mean() > 0.9
    assert one_mode.recall.mean() < 0.05
    assert one_mode.coverage.mean() < 0.2
    with pytest.raises(DataError, match="more than 5"):
        manifold(real[:5], real)


def test_manifold_does_not_depend_on_the_chunk(monkeypatch: pytest.MonkeyPatch) -> None:
    x, y = rng().standard_normal((50, 3)), rng(1).standard_normal((60, 3))
    whole = manifold(x, y)
    monkeypatch.setattr("spikestudio.metrics.manifold._CHUNK", 7)
    parts = manifold(x, y)
    assert (cdist(x, y) > 0).all()
    for name in ("precision", "recall", "density", "coverage"):
        np.testing.assert_array_equal(getattr(parts, name), getattr(whole, name))


def test_inception_score_between_its_bounds() -> None:
    sure = np.eye(10)[np.arange(1000) % 10]
    assert inception_score(sure).mean == pytest.approx(10)
    assert inception_score(np.full((50, 10), 0.1)).mean == pytest.approx(1)
    assert inception_score(np.repeat(sure[:1], 40, 0)).mean == pytest.approx(1)
    halves = inception_score(np.repeat(sure[:2], 50, 0), splits=2)
    assert (halves.mean, halves.std) == pytest.approx((1, 0))  # each split has one class
    with pytest.raises(DataError, match="10 images"):
        inception_score(sure[:9])


def test_inception_score_against_plain_loops() -> None:
    p = softmax(rng().standard_normal((90, 6)) * 2)
    np.testing.assert_allclose(p.sum(1), 1)
    values = []
    for part in np.array_split(p, 3):
        mean = part.mean(0)
        kl = [
            sum(q * (np.log(q) - np.log(m)) for q, m in zip(row, mean, strict=True)) for row in part
        ]
        values.append(np.exp(np.mean(kl)))
    found = inception_score(p, 3)
    assert (found.mean, found.std) == pytest.approx((np.mean(values), np.std(values)))
    interval = score_interval(p, found.mean, 0)
    assert interval is not None
    assert interval[0] < found.mean < interval[1]


def test_mean_interval_is_that_of_a_normal_mean() -> None:
    x = rng(3).standard_normal(400)
    interval = mean_interval(x, 0)
    assert interval is not None
    assert interval[0] == pytest.approx(x.mean() - 1.96 * x.std() / 20, abs=0.02)
    assert interval[1] == pytest.approx(x.mean() + 1.96 * x.std() / 20, abs=0.02)
    assert mean_interval(x, 0) == interval
    assert mean_interval(x[:1], 0) is None


def test_a_figure_keeps_its_protocol_within_the_card_s_length() -> None:
    figure = Figure(
        metric="fid",
        value=3.5,
        num=64,
        interval=(3.0, 4.0),
        beside={"train images": 1.25},
        protocol={"reference": "10000 test images", "long": "x" * 400, "last": "y"},
    )
    text = figure.measurement("ddim, seed 0").protocol
    assert text == (
        "64 images (ddim, seed 0); 95 % interval 3 to 4; train images 1.25; "
        "reference 10000 test images"
    )
    values = figure.to_json()
    assert (values["low"], values["high"], values["num"]) == (3.0, 4.0, 64)
    assert values["protocol"]["last"] == "y"
