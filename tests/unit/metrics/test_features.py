"""Feature files, the cache and the judge's features."""

from __future__ import annotations

import io
import sys
import types
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from spikestudio import paths
from spikestudio.errors import ConfigError, DataError, UnsafeCheckpointError
from spikestudio.metrics.cache import cached_arrays, image_hash
from spikestudio.metrics.features import FeatureSet, judge_features, read_features
from spikestudio.metrics.frechet import Moments, frechet_distance, moments
from spikestudio.metrics.inception import Inception
from spikestudio.metrics.judge import load_judge
from spikestudio.metrics.report import file_figures
from spikestudio.metrics.set_figures import INCEPTION, JUDGE, set_figures
from spikestudio.metrics.weights import read_weights
from tests.unit.metrics.digits import digits

RNG = np.random.default_rng(0)


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(paths, "user_cache", lambda: tmp_path / "cache")
    return tmp_path / "cache"


def test_files_of_other_suites(tmp_path: Path) -> None:
    x = RNG.standard_normal((20, 4)).astype(np.float32)
    np.save(tmp_path / "x.npy", x)
    np.savez(tmp_path / "x.npz", pool_3=x, softmax=np.full((20, 3), 1 / 3))
    found = moments(x)
    np.savez(tmp_path / "stats.npz", mu=found.mean, sigma=found.covariance)
    # a reference of the ADM suite: pictures, with moments beside them
    np.savez(
        tmp_path / "adm.npz",
        arr_0=np.zeros((20, 8, 8, 3), np.uint8),
        mu=found.mean,
        sigma=found.covariance,
    )
    plain = read_features(tmp_path / "x.npy")
    assert isinstance(plain, FeatureSet)
    assert plain.features.dtype == np.float64
    assert plain.probabilities is None
    both = read_features(tmp_path / "x.npz")
    assert isinstance(both, FeatureSet)
    assert both.probabilities is not None
    for name in ("stats.npz", "adm.npz"):
        read = read_features(tmp_path / name)
        assert isinstance(read, Moments)
        assert frechet_distance(read, found) == pytest.approx(0, abs=1e-12)


def test_what_holds_no_features_is_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "other.npz", x=np.zeros(3))
    np.savez(tmp_path / "odd.npz", mu=np.zeros(3), sigma=np.zeros((2, 2)))
    np.save(tmp_path / "pickle.npy", np.array([{}]), allow_pickle=True)
    (tmp_path / "text.npz").write_text("text")
    for name in ("other.npz", "odd.npz", "pickle.npy", "text.npz", "missing.npy"):
        with pytest.raises(DataError, match=name):
            read_features(tmp_path / name)


def test_files_alone_give_fid_kid_and_score(tmp_path: Path) -> None:
    x, y = RNG.standard_normal((60, 4)), RNG.standard_normal((80, 4)) + 1
    p = np.eye(5)[RNG.integers(5, size=60)]
    np.savez(tmp_path / "x.npz", features=x, probabilities=p)
    np.save(tmp_path / "y.npy", y)
    found = {
        each.metric: each
        for each in file_figures(tmp_path / "x.npz", tmp_path / "y.npy", is_biased=True)
    }
    assert {"fid", "kid", "inception_score", "inception_precision", "fid_svd_root"} <= found.keys()
    assert found["fid"].value == pytest.approx(frechet_distance(moments(x), moments(y)))
    assert found["fid"].num == 60
    assert "80 images" in str(found["fid"].protocol["reference"])
    stats = moments(x)
    np.savez(tmp_path / "stats.npz", mu=stats.mean, sigma=stats.covariance)
    (alone,) = file_figures(tmp_path / "stats.npz", tmp_path / "y.npy")
    assert alone.value == pytest.approx(found["fid"].value)
    assert "not told" in str(alone.protocol["note"])


def test_cache_is_looked_up_and_survives_damage(cache: Path) -> None:
    calls = []

    def compute() -> dict[str, np.ndarray]:
        calls.append(1)
        return {"a": np.arange(3)}

    for _ in range(2):
        np.testing.assert_array_equal(cached_arrays("x", ("1",), compute)["a"], [0, 1, 2])
    assert len(calls) == 1
    cached_arrays("x", ("2",), compute)
    assert len(calls) == 2
    for file in cache.rglob("*.npz"):
        file.write_bytes(b"broken")
    np.testing.assert_array_equal(cached_arrays("x", ("1",), compute)["a"], [0, 1, 2])
    assert len(calls) == 3


def test_a_cache_that_cannot_be_written_is_done_without(cache: Path) -> None:
    cache.write_text("a file where the folder should be")
    assert cached_arrays("x", (), lambda: {"a": np.ones(2)})["a"].sum() == 2


def test_images_are_known_by_pixels_and_shape() -> None:
    a = RNG.integers(0, 256, (3, 4, 4, 1), np.uint8)
    changed = a.copy()
    changed[2, 3, 3, 0] ^= 1
    hashes = {image_hash(each) for each in (a, changed, a[::-1], a.reshape(3, 2, 8, 1))}
    assert len(hashes) == 4
    assert image_hash(a.copy()) in hashes


def test_judge_features_are_what_its_last_layer_reads(cache: Path) -> None:
    judge, images = load_judge(), digits().images
    found = judge_features(judge, images, is_kept=True)
    assert found.features.shape == (60, 96)
    assert found.probabilities is not None
    np.testing.assert_allclose(found.probabilities, judge.probabilities(images), atol=1e-6)
    again = judge_features(judge, images, is_kept=True)
    np.testing.assert_array_equal(found.features, again.features)
    assert len(list(cache.rglob("judge-features-*.npz"))) == 1


def test_real_digits_are_close_and_noise_is_far(cache: Path) -> None:
    judge = load_judge()
    test, train = (judge_features(judge, digits(split).images) for split in ("test", "train"))
    train = train.part(RNG.permutation(60))
    noise = judge_features(judge, RNG.integers(0, 256, (60, 28, 28, 1), np.uint8))
    figures = {
        each.metric: each
        for each in set_figures(JUDGE, noise, test, {"reference": "digits"}, beside={"real": train})
    }
    for name in ("judge_frechet_distance", "judge_kernel_distance"):
        assert figures[name].value > 3 * abs(figures[name].beside["real"])
    assert figures["judge_precision"].value == 0
    assert figures["judge_recall"].beside["real"] > 0.5
    assert figures["judge_score"].beside["real"] > 4
    assert "biased upwards" in str(figures["judge_frechet_distance"].protocol["note"])
    assert not any("fid" in name for name in figures)  # none of it is Inception's


def test_weights_are_data(tmp_path: Path) -> None:
    torch.save({"state_dict": {"module.a": torch.ones(2)}}, tmp_path / "a.pth")
    assert torch.equal(read_weights(tmp_path / "a.pth")["a"], torch.ones(2))
    torch.save({"a": torch.ones(2), "b": print}, tmp_path / "code.pth")
    with pytest.raises(UnsafeCheckpointError):
        read_weights(tmp_path / "code.pth")
    for name in ("missing.pth", "missing.safetensors"):
        with pytest.raises(DataError, match="no weights"):
            read_weights(tmp_path / name)


class _FakeExtractor(nn.Module):
    """Stands for torch-fidelity's, with its interface: uint8 pictures, a file of weights."""

    def __init__(self, name: str, features: list[str], weights: io.BytesIO) -> None:
        super().__init__()
        assert features == ["2048", "logits_unbiased"]
        self.fc = nn.Linear(2048, 3, bias=False)
        self.load_state_dict(torch.load(weights, weights_only=True))

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        assert (x.dtype, x.shape[1]) == (torch.uint8, 3)
        features = x.float().mean((2, 3)).mean(1, keepdim=True).expand(-1, 2048) / 255
        return features, self.fc(features)


def test_inception_takes_pictures_to_features(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = "torch_fidelity.feature_extractor_inceptionv3"
    module = types.ModuleType(name)
    module.FeatureExtractorInceptionV3 = _FakeExtractor  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "torch_fidelity", types.ModuleType("torch_fidelity"))
    monkeypatch.setitem(sys.modules, name, module)
    torch.save({"fc.weight": torch.zeros(3, 2048)}, tmp_path / "w.pth")
    images = digits().images[:40]
    done = []
    for resize in ("tf-bilinear", "pil-bicubic"):
        network = Inception(tmp_path / "w.pth", resize=resize)
        found = network.features(images, is_kept=True, advance=done.append)
        np.testing.assert_allclose(
            found.features[:, 0],
            images.mean((1, 2, 3)) / 255,
            atol=1e-2 if "pil" in resize else 1e-6,
        )
        assert found.probabilities is not None
        np.testing.assert_allclose(found.probabilities, 1 / 3)
        network.features(images, is_kept=True, advance=done.append)  # from the cache
    assert done == [32, 8] * 2
    torch.save({"other": torch.zeros(3)}, tmp_path / "other.pth")
    with pytest.raises(DataError, match="Inception that FID"):
        Inception(tmp_path / "other.pth")


def test_inception_says_what_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    torch.save({"a": torch.zeros(3)}, tmp_path / "w.pth")
    monkeypatch.setitem(sys.modules, "torch_fidelity", None)
    with pytest.raises(ConfigError, match=r"spikestudio\[inception\]"):
        Inception(tmp_path / "w.pth")
    with pytest.raises(ConfigError, match="resize filter"):
        Inception(tmp_path / "w.pth", resize="nearest")


def test_moments_as_reference_give_a_distance_and_no_more() -> None:
    x = FeatureSet(RNG.standard_normal((30, 4)), np.full((30, 2), 0.5))
    reference = Moments(np.zeros(4), np.eye(4))
    assert [each.metric for each in set_figures(INCEPTION, x, reference, {})] == [
        "fid",
        "inception_score",
    ]
