"""Time of a training step, as a table: pytest tests/benchmarks/test_training.py

A step is a forward pass, a backward pass and a step of the optimiser on one batch. The network of the
preset ``micro`` is compared with one of the same shape and weights whose neurons are spikingjelly's
own. No figure fails a test, because each depends on the machine and on what else it does; a loss that
differs between the two networks does.
"""

import copy
import statistics
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from rich.console import Console
from rich.table import Table
from spikingjelly.activation_based import functional, neuron, surrogate
from torch import nn

from spikestudio.models.registry import ARCHITECTURES
from spikestudio.models.spiking_diffusion.layers import SpikingSequential
from spikestudio.neurons.nodes import spiking_layers
from spikestudio.runtime import tune_allocator
from spikestudio.training.parallel import World
from spikestudio.training.presets import PRESETS
from spikestudio.training.rates import metered

PAIRS = 5  # measured in turn, so that both sides see the same disturbances
BATCH = 16

pytestmark = pytest.mark.timeout(1800)
Row = tuple[str, str, str, str]


@pytest.fixture(scope="module")
def report(request: pytest.FixtureRequest) -> Iterator[Callable[[str, str, str, str], None]]:
    """Add a line to the table that is printed at the end."""
    tune_allocator()
    rows: list[Row] = []
    yield lambda *row: rows.append(row)
    title = f"training step, batch {BATCH}, {torch.get_num_threads()} threads"
    table = Table("network", "ours", "plain spikingjelly", "ours is", title=title)
    for row in rows:
        table.add_row(*row)
    capture = request.config.pluginmanager.getplugin("capturemanager")
    with capture.global_and_fixture_disabled():
        Console(width=120).print("\n", table)


class PlainSequential(nn.Sequential):
    """Ordinary layers on merged time and batch, and neurons over time, as spikingjelly has it."""

    def forward(self, x_seq: torch.Tensor) -> torch.Tensor:
        for layer in self:
            is_node = isinstance(layer, neuron.BaseNode)
            x_seq = layer(x_seq) if is_node else functional.seq_to_ann_forward(x_seq, layer)
        return x_seq


def networks(architecture: str) -> tuple[Any, nn.Module]:
    """Our network, and the same with spikingjelly's nodes, which keep a state that must be reset."""
    torch.manual_seed(0)
    ours: Any = ARCHITECTURES[architecture].build(PRESETS[architecture, "micro"].config).train()
    plain = copy.deepcopy(ours)
    for name, layer in spiking_layers(ours).items():
        settings = {
            "v_threshold": layer.v_threshold,
            "v_reset": layer.v_reset,
            "surrogate_function": surrogate.ATan(),
            "step_mode": "m",
        }
        if isinstance(layer, neuron.LIFNode):
            node: nn.Module = neuron.LIFNode(
                tau=layer.tau, decay_input=layer.decay_input, **settings
            )
        else:
            node = neuron.IFNode(**settings)
        parent, _, attribute = name.rpartition(".")
        setattr(plain.get_submodule(parent), attribute, node)
    for module in plain.modules():
        if isinstance(module, SpikingSequential):
            module.__class__ = PlainSequential
    return ours, plain


def loss_of(architecture: str, network: Any) -> torch.Tensor:
    """Some loss through all that is trained; the batch is the same each time."""
    config = network.config
    generator = torch.Generator().manual_seed(1)
    shape = (BATCH, config.image_channels, config.image_size, config.image_size)
    x = torch.randn(shape, generator=generator)
    t = torch.randint(1, config.num_train_timesteps, (BATCH,), generator=generator)
    if architecture == "spiking-diffusion":
        grid = (BATCH, config.grid_size, config.grid_size)
        tokens = torch.randint(config.codebook_size + 1, grid, generator=generator)
        return torch.as_tensor(network.sdid(tokens, t).square().mean())
    output = network(x, t, t % config.num_classes) if architecture == "sdit" else network(x, t)
    output = output[0] if isinstance(output, tuple) else output
    return torch.as_tensor((output - x[:, : output.shape[1]]).square().mean())


@pytest.mark.parametrize("architecture", ["sddpm", "spiking-diffusion", "sdit"])
def test_a_step_against_plain_spikingjelly(architecture, report):
    ours, plain = networks(architecture)
    first = [float(loss_of(architecture, each).detach()) for each in (ours, plain)]
    assert first[0] == pytest.approx(first[1], rel=1e-4)
    seconds: dict[str, list[float]] = {"ours": [], "plain": []}
    sides = {"ours": ours, "plain": plain}
    optimisers = {name: torch.optim.AdamW(each.parameters()) for name, each in sides.items()}
    for turn in range(PAIRS + 1):
        for name, network in sides.items():
            started = time.perf_counter()
            functional.reset_net(plain)
            optimisers[name].zero_grad(set_to_none=True)
            loss_of(architecture, network).backward()
            optimisers[name].step()
            if turn:  # the first one warms up
                seconds[name].append(time.perf_counter() - started)
    mine, theirs = (statistics.median(seconds[name]) for name in ("ours", "plain"))
    what = f"{architecture}, preset micro"
    report(what, f"{mine:.3f} s", f"{theirs:.3f} s", f"{theirs / mine:.2f}x as fast")


def test_what_counting_spikes_costs(report):
    ours, _ = networks("sddpm")
    seconds: dict[bool, list[float]] = {False: [], True: []}
    for turn in range(PAIRS + 1):
        for is_wanted in (False, True):
            started = time.perf_counter()
            with metered(ours, is_wanted=is_wanted) as meter:
                loss_of("sddpm", ours).backward()
            meter.means(World())
            if turn:
                seconds[is_wanted].append(time.perf_counter() - started)
    plain, counted = (statistics.median(seconds[each]) for each in (False, True))
    cost = 100 * (counted / plain - 1) / 20  # one step of twenty is counted
    report(
        "sddpm, spikes counted", f"{counted:.3f} s", f"{plain:.3f} s uncounted", f"{cost:+.2f} %"
    )
