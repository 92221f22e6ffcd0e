"""Averaged weights, and the statistics measured for them."""

import copy

import pytest
import torch
from torch import nn

from spikestudio.training.averaging import average_into, recalibrate


def network() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.ReLU(), nn.BatchNorm1d(4))


@pytest.mark.parametrize("decay", [0.0, 0.3, 0.999, 1.0])
def test_the_average_is_exponential(decay):
    trained, average = network(), network()
    values = [average[0].weight.detach().clone().double()]
    expected = values[0]
    for _ in range(5):
        with torch.no_grad():
            trained[0].weight += torch.randn(4, 3)
        average_into(average, trained, decay)
        expected = decay * expected + (1 - decay) * trained[0].weight.detach().double()
    assert torch.allclose(average[0].weight.double(), expected, rtol=0, atol=1e-6)


def test_no_decay_is_a_copy_to_the_bit():
    trained, average = network(), network()
    with torch.no_grad():
        trained[0].weight += torch.randn(4, 3)
    average_into(average, trained, 0.0)
    assert torch.equal(average[0].weight, trained[0].weight)


def test_statistics_are_averaged_and_counters_copied():
    trained, average = network(), network()
    trained(torch.randn(8, 3))
    average_into(average, trained, 0.75)
    assert torch.allclose(average[1].running_mean, 0.25 * trained[1].running_mean)
    assert average[1].num_batches_tracked == 1


def test_averaging_leaves_the_trained_network_and_its_graph_alone():
    trained, average = network(), network()
    before = copy.deepcopy(trained.state_dict())
    average_into(average, trained, 0.5)
    assert all(torch.equal(before[name], value) for name, value in trained.state_dict().items())
    assert not average[0].weight.grad_fn


def test_recalibrated_statistics_are_the_mean_over_the_batches():
    module = network()
    batches = [torch.randn(16, 3) * 3 + 1 for _ in range(5)]
    recalibrate(module, lambda number: module(batches[number]), batches=5)
    with torch.no_grad():
        first = [module[0](batch) for batch in batches]
        # In training mode the first normalisation uses each batch's own statistics.
        normal = [
            (h - h.mean(0)) / (h.var(0, unbiased=False) + module[1].eps).sqrt() for h in first
        ]
        second = [torch.relu(module[1].weight * h + module[1].bias) for h in normal]
    for norm, inputs in ((module[1], first), (module[3], second)):
        mean = torch.stack([h.mean(0) for h in inputs]).mean(0)
        variance = torch.stack([h.var(0) for h in inputs]).mean(0)
        assert torch.allclose(norm.running_mean, mean, atol=1e-5)
        assert torch.allclose(norm.running_var, variance, atol=1e-5)


def test_recalibration_forgets_the_old_statistics_and_restores_the_settings():
    module = network().eval()
    other = copy.deepcopy(module)
    module[1].running_mean.fill_(100)
    module[1].momentum = 0.25
    for each in (module, other):
        recalibrate(each, lambda number, each=each: each(torch.ones(4, 3) * number), batches=3)
    assert torch.equal(module[1].running_mean, other[1].running_mean)
    assert module[1].momentum == 0.25
    assert not module.training
    assert not module[1].training


def test_recalibration_makes_no_graph():
    module = network()
    graphs = []

    def forward(number: int) -> None:
        graphs.append(module(torch.randn(4, 3)).grad_fn)

    recalibrate(module, forward, batches=2)
    assert graphs == [None, None]


def test_without_batch_norm_there_is_nothing_to_measure():
    calls: list[int] = []
    recalibrate(nn.Linear(2, 2), calls.append)
    assert calls == []
