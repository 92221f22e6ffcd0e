"""MSE, SSIM and codebook use; energy; the baseline; the table of cards."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter

from spikestudio.checkpoints.card import Card, Measurement
from spikestudio.checkpoints.loader import load
from spikestudio.data.readers import Dataset
from spikestudio.errors import DataError
from spikestudio.metrics.baseline import gaussian_baseline
from spikestudio.metrics.efficiency import efficiency_figures
from spikestudio.metrics.operations import Costs
from spikestudio.metrics.reconstruction import reconstruct, reconstruction_figures, similarity
from spikestudio.metrics.table import quality_table
from spikestudio.metrics.tracing import count_operations
from spikestudio.recording.values import Activity
from tests.unit.checkpoints import tiny
from tests.unit.metrics.digits import digits

RNG = np.random.default_rng(0)


def plain_ssim(x: np.ndarray, y: np.ndarray, *, is_padded: bool) -> float:
    """Wang et al. with scipy's Gaussian filter of 11 taps on one grey image."""

    def blurred(z: np.ndarray) -> np.ndarray:
        filtered = gaussian_filter(z, 1.5, mode="constant", radius=5)
        return filtered if is_padded else filtered[5:-5, 5:-5]

    mx, my = blurred(x), blurred(y)
    vx, vy, c = blurred(x * x) - mx**2, blurred(y * y) - my**2, blurred(x * y) - mx * my
    top = (2 * mx * my + 1e-4) * (2 * c + 9e-4)
    return float((top / ((mx**2 + my**2 + 1e-4) * (vx + vy + 9e-4))).mean())


@pytest.mark.parametrize("is_padded", [False, True])
def test_ssim_against_scipy(is_padded: bool) -> None:
    x, y = RNG.random((2, 3, 1, 20, 20))
    found = similarity(torch.tensor(x), torch.tensor(y), is_padded=is_padded)
    plain = [plain_ssim(a[0], b[0], is_padded=is_padded) for a, b in zip(x, y, strict=True)]
    np.testing.assert_allclose(found.numpy(), plain, rtol=1e-9)


def test_ssim_of_extremes() -> None:
    x = torch.tensor(digits().images.transpose(0, 3, 1, 2) / 255.0)
    np.testing.assert_allclose(similarity(x, x).numpy(), 1)
    assert (similarity(x, 1 - x) < 0).all()
    colour = x.expand(-1, 3, -1, -1)
    np.testing.assert_allclose(
        similarity(colour, 0.5 * colour).numpy(), similarity(x, 0.5 * x).numpy()
    )


def test_reconstruction_of_a_token_model(tmp_path: Path) -> None:
    tiny.save(tmp_path / "m.safetensors", "spiking-diffusion")
    model = load(tmp_path / "m.safetensors")
    images = RNG.integers(0, 256, (70, 8, 8, 1), np.uint8)
    done: list[int] = []
    found = reconstruct(model, images, done.append)
    assert sum(done) == 70
    x = torch.tensor(images.transpose(0, 3, 1, 2)).float() / 255
    y = model.decode(model.encode(x)).clamp(0, 1)
    np.testing.assert_allclose(
        found.squared_error, (x - y).square().mean((1, 2, 3)).numpy(), rtol=1e-4
    )
    assert found.counts.sum() == 70 * model.encode(x[:1]).numel()
    figures = {each.metric: each for each in reconstruction_figures(found, {}, is_biased=True)}
    assert figures["reconstruction_mse"].value == pytest.approx(found.squared_error.mean())
    assert 1 <= figures["codebook_perplexity"].value <= figures["codes_used"].value <= 8
    assert "zeros beyond" in str(figures["reconstruction_ssim_padded"].protocol["window"])


@pytest.mark.parametrize("rate", [0.0, 0.25])
def test_energy_follows_both_accountings(tmp_path: Path, rate: float) -> None:
    """Every layer fires at the same rate, two evaluations a step (guidance), three images."""
    tiny.save(tmp_path / "m.safetensors", "sddpm")
    model = load(tmp_path / "m.safetensors")
    operations = count_operations(model.network)
    steps, snn_steps, num = 4, 2, 3
    neurons = np.array([[layer.num_neurons * 2 * num] * steps for layer in model.layers])
    counts = np.repeat((rate * neurons)[:, :, None], snn_steps, 2).astype(np.int64)
    fan_out = dict(zip(operations.spiking, operations.fan_out, strict=True))
    additions = np.array(
        [
            [round(row.sum() * float(fan_out[layer.id].mean())) for row in spikes]
            for layer, spikes in zip(model.layers, counts, strict=True)
        ]
    )
    zero = np.zeros_like(neurons)
    activity = Activity(counts, neurons, zero, zero, additions)
    costs = Costs(mac=2, ac=1)
    figures = {
        each.metric: each.value
        for each in efficiency_figures(operations, model.layers, activity, num, costs)
    }
    first, rest = operations.layers[0], operations.layers[1:]
    convolution = next(each for each in operations.layers if each.is_convolution)
    others = sum(each.macs for each in operations.layers if each is not convolution)
    assert figures["energy_mj_ann"] == pytest.approx(
        2e-9 * (first.macs + sum(e.macs for e in rest))
    )
    papers = 2 * convolution.macs + rate * snn_steps * others
    assert figures["energy_mj_papers"] == pytest.approx(1e-9 * papers, rel=0.05)
    assert figures["firing_rate"] == pytest.approx(rate, abs=0.01)
    dense = sum(
        each.macs * (snn_steps if each.is_stepwise else 1)
        for each in operations.layers
        if not each.is_binary
    )
    assert figures["multiplications_strict"] == pytest.approx(dense)
    spikes = additions.sum(0)[0] / (2 * num)
    assert figures["energy_mj_strict"] == pytest.approx(1e-9 * (2 * dense + spikes), rel=0.01)
    (protocol,) = {
        each.protocol["evaluations"]
        for each in efficiency_figures(operations, model.layers, activity, num, costs)
    }
    assert protocol == 2 * steps


def test_baseline_has_mean_and_covariance_of_each_class() -> None:
    mixing = RNG.standard_normal((2, 4, 4)) * 12
    labels = np.repeat([0, 1], 2000)
    z = RNG.standard_normal((4000, 4))
    pixels = np.einsum("nd,nde->ne", z, mixing[labels]) + np.array([110, 140])[labels][:, None]
    images = pixels.clip(0, 255).round().astype(np.uint8).reshape(-1, 2, 2, 1)
    train = Dataset("mnist", "train", images, labels, ("a", "b"))
    drawn, classes = gaussian_baseline(train, 4000, seed=1)
    assert abs((classes == 0).mean() - 0.5) < 0.03
    for label in (0, 1):
        real = images[labels == label].reshape(-1, 4).astype(float)
        ours = drawn[classes == label].reshape(-1, 4).astype(float)
        np.testing.assert_allclose(ours.mean(0), real.mean(0), atol=3)
        spread = np.sqrt(np.outer(real.var(0), real.var(0)))
        assert np.abs((np.cov(ours.T) - np.cov(real.T)) / spread).max() < 0.12
    fewer, _ = gaussian_baseline(train, 10, seed=1)
    np.testing.assert_array_equal(fewer, drawn[:10])


def test_baseline_needs_classes() -> None:
    data = digits()
    with pytest.raises(DataError, match="no labels"):
        gaussian_baseline(Dataset("mnist", "train", data.images, None), 3)
    lonely = Dataset("mnist", "train", data.images[:1], np.zeros(1, np.int64), ("0",))
    with pytest.raises(DataError, match="two images"):
        gaussian_baseline(lonely, 1)


def card(dataset: str = "mnist", rest: str = "judge | 99 %", **quality: float) -> Card:
    settings = "64 images (ddim, 20 steps, seed 0); 95 % interval 0.25 to 0.5; train images 0.125"
    figures = tuple(
        Measurement(name, value, f"{settings}; {rest}" if name != "diversity" else "by eye")
        for name, value in quality.items()
    )
    return tiny.make_card("sddpm", quality=figures, dataset=dataset)


def test_table_holds_what_the_cards_hold() -> None:
    table = quality_table(
        [
            ("one", card(confident_share=0.8125, diversity=0.25)),
            ("two", card(rest="other", confident_share=0.5, judge_frechet_distance=12.5)),
            ("three", card()),
            ("four", card("cifar10", judge_frechet_distance=3.5)),
        ]
    )
    lines = [line.strip() for line in table.splitlines()]
    assert lines[0] == "| mnist | `one` | `two` |"
    assert "| samples | 64, ddim, 20 steps, seed 0 | 64, ddim, 20 steps, seed 0 |" in lines
    share = "(25.0 % to 50.0 %; train images 12.5 %)"
    assert f"| confident share | 81.2 % {share} [1] | 50.0 % {share} [2] |" in lines
    distance = "(0.25 to 0.5; train images 0.125)"
    assert f"| judge frechet distance [2] | - | 12.5 {distance} |" in lines
    assert "| diversity [3] | 0.25 (number unknown) | - |" in lines
    assert lines.index("| cifar10 | `four` |") > lines.index("| mnist | `one` | `two` |")
    assert f"| judge frechet distance [1] | 3.5 {distance} |" in lines
    assert lines[-3:] == ["[1] judge \\| 99 %", "[2] other", "[3] by eye"]
    assert "measured quality yet" in quality_table([("three", card())])
