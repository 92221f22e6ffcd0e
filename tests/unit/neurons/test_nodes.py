"""Our nodes against closed forms and against spikingjelly's own, bit for bit."""

import pytest
import torch
from spikingjelly.activation_based import functional, neuron, surrogate
from torch import nn

from spikestudio.neurons.nodes import IFNode, LIFNode, set_threshold, spiking_layers

LIF_T4 = [(0.25, 16 / 15), (0.5, 4 / 3), (1.0, 2.0)]
LIF_T16 = [
    (1 / 16, 65536 / 65535),
    (2 / 16, 256 / 255),
    (3 / 16, 32 / 31),
    (4 / 16, 16 / 15),
    (5 / 16, 8 / 7),
    (8 / 16, 4 / 3),
    (1.0, 2.0),
]
IF_T4 = [(0.25, 0.25), (0.5, 0.5), (1.0, 1.0)]
IF_T16 = [
    (1 / 16, 1 / 16),
    (2 / 16, 1 / 8),
    (3 / 16, 0.2),
    (4 / 16, 1 / 4),
    (5 / 16, 1 / 3),
    (8 / 16, 1 / 2),
    (1.0, 1.0),
]
CASES = [
    (node, steps, rate, current)
    for node, steps, table in [
        (LIFNode, 4, LIF_T4),
        (LIFNode, 16, LIF_T16),
        (IFNode, 4, IF_T4),
        (IFNode, 16, IF_T16),
    ]
    for rate, current in table
]


def rate_of(node: nn.Module, steps: int, current: float) -> float:
    return node(torch.full((steps, 1), current, dtype=torch.float64)).mean().item()


@pytest.mark.parametrize(("node", "steps", "rate", "current"), CASES)
def test_closed_form_firing_rate(node, steps, rate, current):
    # Just above the smallest current and just below it: some thresholds are no binary fractions.
    assert rate_of(node(), steps, current * (1 + 1e-5)) == rate
    assert rate_of(node(), steps, current * (1 - 1e-5)) < rate


def pairs():
    atan = surrogate.ATan()
    for threshold, reset in [(1.0, 0.0), (0.997, 0.0), (1.5, 0.25), (0.997, None)]:
        yield (
            IFNode(threshold, reset),
            neuron.IFNode(threshold, reset, atan, step_mode="m", store_v_seq=True),
        )
        for tau in (2.0, 3.0):
            yield (
                LIFNode(tau, threshold, reset),
                neuron.LIFNode(tau, True, threshold, reset, atan, step_mode="m", store_v_seq=True),
            )


@pytest.mark.parametrize(("ours", "theirs"), list(pairs()))
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_same_bits_as_spikingjelly(ours, theirs, dtype):
    torch.manual_seed(0)
    functional.reset_net(theirs)
    x = 2 * torch.randn(5, 3, 7, 11, dtype=dtype)
    with torch.no_grad():
        wanted = theirs(x)
        assert torch.equal(ours(x), wanted)
        h, v = ours.potentials(x)
        assert torch.equal(v, theirs.v_seq)
        assert torch.equal((h >= ours.v_threshold).to(dtype), wanted)


@pytest.mark.parametrize(("ours", "theirs"), list(pairs()))
def test_same_gradient_as_spikingjelly(ours, theirs):
    torch.manual_seed(0)
    functional.reset_net(theirs)
    x = (2 * torch.randn(5, 3, 40, dtype=torch.float64)).requires_grad_()
    weight = torch.randn(5, 3, 40, dtype=torch.float64)
    (mine,) = torch.autograd.grad((ours(x) * weight).sum(), x)
    (wanted,) = torch.autograd.grad((theirs(x) * weight).sum(), x)
    torch.testing.assert_close(mine, wanted, rtol=1e-12, atol=1e-12)


def test_no_state_survives_a_call():
    node = LIFNode()
    first, other = torch.rand(4, 2, 5) * 2, torch.rand(4, 7, 5) * 2
    spikes = node(first)
    node(other)
    assert torch.equal(node(first), spikes)
    functional.reset_net(node)
    assert torch.equal(node(first), spikes)


def test_threshold_reaches_every_layer_and_reverts():
    net = nn.Sequential(IFNode(), nn.Sequential(LIFNode(), nn.Identity()))
    x = torch.rand(4, 2, 50) * 2
    before = net(x)
    set_threshold(net, 0.5)
    assert [node.v_threshold for node in spiking_layers(net).values()] == [0.5, 0.5]
    assert not torch.equal(net(x), before)
    set_threshold(net, 1.0)
    assert torch.equal(net(x), before)


def test_layers_are_listed_by_path_in_order():
    net = nn.Sequential(IFNode(), nn.Sequential(LIFNode(), nn.Identity()))
    assert list(spiking_layers(net)) == ["0", "1.0"]


def test_bfloat16_currents_accumulate_in_float32():
    x = torch.full((300, 1), 1 / 256, dtype=torch.bfloat16)  # 257 terms: too fine for bfloat16
    spikes = IFNode()(x)
    assert spikes.dtype == torch.bfloat16
    assert int(spikes.argmax()) == 255
