"""Our networks against a second implementation that knows nothing of them, at the papers' sizes too.

In float64 both agree to the last digits. In float32 a potential within rounding of the threshold may
fall on either side, and a spike more or less changes everything after it; so there the layers are given
the spikes of float64, and their own are counted where they differ.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from spikestudio.models.registry import ARCHITECTURES
from spikestudio.neurons.nodes import spiking_layers
from tests.unit.golden import golden_input, golden_weights
from tests.unit.models import reference
from tests.unit.models.random_networks import DEFAULT, SMALL, Size, made

Outputs = list[Tensor]


def evaluators(network: Any) -> tuple[Callable[[], Outputs], Callable[[], Outputs]]:
    """Ours and the reference, on the same inputs in the dtype of the network's weights."""
    config = network.config
    generator = torch.Generator().manual_seed(1)
    shape = (1, config.image_channels, config.image_size, config.image_size)
    image = torch.randn(shape, generator=generator, dtype=torch.float64)
    steps, time = config.num_snn_steps, torch.tensor([617])

    def cast(x: Tensor) -> Tensor:
        dtype: torch.dtype = next(network.parameters()).dtype
        return x.to(dtype)

    def state(prefix: str = "") -> dict[str, Tensor]:
        return {
            name.removeprefix(prefix): cast(value) if value.is_floating_point() else value
            for name, value in network.state_dict().items()
            if name.startswith(prefix)
        }

    if hasattr(config, "codebook_size"):
        grid = (1, config.grid_size, config.grid_size)
        clean = torch.randint(config.codebook_size, grid, generator=generator)
        noisy = torch.where(torch.rand(grid, generator=generator) < 0.5, clean, config.mask_id)
        picture, t = image.sigmoid() - 0.5, torch.tensor([23])

        def ours() -> Outputs:
            spikes = network.vqsvae(cast(picture))
            return [spikes.z, spikes.tokens, network.vqsvae.decode(clean), network(noisy, t)]

        def theirs() -> Outputs:
            vqsvae = state("vqsvae.")
            z, tokens = reference.encode(vqsvae, cast(picture), steps)
            decoded = reference.decode(vqsvae, clean, steps)
            return [z, tokens, decoded, reference.sdid(state("sdid."), noisy, t, steps)]

        return ours, theirs
    if hasattr(config, "num_classes"):
        label = torch.tensor([3])
        return (
            lambda: [network(cast(image), time, label)],
            lambda: [reference.sdit(state(), cast(image), time, label, steps)],
        )
    return (
        lambda: [network(cast(image), time)],
        lambda: [reference.sddpm(state(), cast(image), time, steps)],
    )


class Spikes:
    """Keeps what every spiking layer gives, call by call; afterwards gives it in their place."""

    def __init__(self, network: nn.Module) -> None:
        self.kept: dict[str, list[Tensor]] = {}
        self.differing = self.total = 0
        self._is_forcing = False
        for name, node in spiking_layers(network).items():
            self.kept[name] = []
            node.register_forward_hook(self._hook(self.kept[name]))

    def _hook(self, kept: list[Tensor]) -> Callable[..., Tensor | None]:
        def hook(_: nn.Module, __: Any, spikes: Tensor) -> Tensor | None:
            if not self._is_forcing:
                kept.append(spikes.bool())
                return None
            right = kept.pop(0)
            self.differing += int((spikes.bool() != right).sum())
            self.total += right.numel()
            return right.to(spikes.dtype)

        return hook

    def force(self) -> None:
        self._is_forcing = True


def deviation(ours: Outputs, theirs: Outputs) -> float:
    """Largest difference, as a share of the largest value."""
    return max(
        float((a.double() - b.double()).abs().max() / b.double().abs().max())
        for a, b in zip(ours, theirs, strict=True)
    )


@torch.no_grad()
def check(size: Size) -> None:
    network = made(*size)
    ours, theirs = evaluators(network)
    spikes = Spikes(network)
    network.double()
    right = ours()
    rates = {name: float(kept[0].double().mean()) for name, kept in spikes.kept.items()}
    assert all(0 < rate < 1 for rate in rates.values()), rates
    assert all(float(each.double().std()) > 0 for each in right)
    assert deviation(right, theirs()) < 1e-9
    spikes.force()
    network.float()
    assert deviation(ours(), right) < 1e-4
    assert spikes.differing <= 1e-4 * spikes.total


@pytest.mark.parametrize("name", SMALL)
def test_small_networks(name: str) -> None:
    check(SMALL[name])


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=pytest.mark.long if name == "sdm" else ()) for name in DEFAULT],
)
def test_networks_of_the_papers_sizes(name: str) -> None:
    check(DEFAULT[name])


@torch.no_grad()
def test_the_reference_is_that_of_the_papers() -> None:
    """Numbers that the papers' own modules gave under these weights."""

    def state(architecture: str, gain: float, **config: Any) -> dict[str, Tensor]:
        entry = ARCHITECTURES[architecture]
        network = entry.build(entry.config_type(**config)).double()
        return golden_weights(network.state_dict(), gain)

    times = torch.tensor([0, 999])
    small: dict[str, Any] = {"image_size": 8, "base_channels": 32, "channel_mult": (1, 2)}
    small["num_res_blocks"] = 1
    out = reference.sddpm(state("sddpm", 1, **small), golden_input((2, 3, 8, 8)), times, 4)
    assert float(out.mean()) == pytest.approx(8.65867943, abs=1e-7)
    assert float(out.flatten()[-1]) == pytest.approx(-14.385837, abs=1e-5)
    out = reference.sddpm(
        state("sddpm", 1, **small, tsm=True), golden_input((2, 3, 8, 8)), times, 4
    )
    assert float(out.std()) == pytest.approx(5.31770058, abs=1e-7)
    whole = state("spiking-diffusion", 4, codebook_size=32)
    parts = [
        golden_weights({k.removeprefix(p): v for k, v in whole.items() if k.startswith(p)}, gain)
        for p, gain in (("vqsvae.", 4), ("sdid.", 1))
    ]
    z, tokens = reference.encode(parts[0], 0.5 * golden_input((2, 1, 28, 28)))
    assert float(z.mean()) == pytest.approx(0.65090834, abs=1e-7)
    assert int(tokens.sum()) == 1349
    assert float(reference.decode(parts[0], tokens).mean()) == pytest.approx(0.41492392, abs=1e-7)
    noisy = (7 * torch.arange(98) % 33).view(2, 7, 7)
    out = reference.sdid(parts[1], noisy, torch.tensor([49, 3]))
    assert float(out.std()) == pytest.approx(1.41963682, abs=1e-7)
    sdit = state("sdit", 4, image_size=8, width=32, depth=2)
    out = reference.sdit(sdit, golden_input((2, 3, 8, 8)), times, torch.tensor([3, 10]))
    assert float(out.mean()) == pytest.approx(0.10594197, abs=1e-7)
    assert float(out.std()) == pytest.approx(1.70374751, abs=1e-7)
