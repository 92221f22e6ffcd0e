"""The scan against the plain recurrence over tokens, in values and gradients."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from spikestudio.models.wkv import wkv
from tests.unit.golden import golden_input

LENGTHS = (1, 2, 3, 4, 5, 7, 8, 31, 50, 100)


def wkv_loop(time_decay: Tensor, time_first: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """The numerically stable recurrence, one token after the other."""
    w = -time_decay.exp()
    p = q = torch.zeros_like(k[:, 0])
    o = torch.full_like(p, -1e38)
    outputs = []
    for k_i, v_i in zip(k.unbind(1), v.unbind(1), strict=True):
        n = torch.maximum(o, time_first + k_i)
        past, now = torch.exp(o - n), torch.exp(time_first + k_i - n)
        outputs.append((past * p + now * v_i) / (past * q + now))
        n = torch.maximum(w + o, k_i)
        past, now = torch.exp(w + o - n), torch.exp(k_i - n)
        p, q, o = past * p + now * v_i, past * q + now, n
    return torch.stack(outputs, dim=1)


def random_inputs(
    shape: tuple[int, int, int], *, dtype: torch.dtype = torch.float64, key_scale: float = 3.0
) -> list[Tensor]:
    generator = torch.Generator().manual_seed(0)
    width = shape[-1]
    decay = torch.linspace(-5, 3, width, dtype=dtype)
    first = torch.randn(width, generator=generator, dtype=dtype)
    k = key_scale * torch.randn(shape, generator=generator, dtype=dtype)
    return [decay, first, k, torch.randn(shape, generator=generator, dtype=dtype)]


def largest_difference(x: Tensor, reference: Tensor) -> float:
    return float((x.double() - reference).abs().max() / reference.abs().max())


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 5e-9), (torch.float32, 1e-4)])
def test_golden(dtype: torch.dtype, tolerance: float) -> None:
    signal = golden_input((1, 4, 2)).to(dtype)
    y = wkv(
        torch.tensor([0.0, -1.0], dtype=dtype),
        torch.tensor([0.5, -0.5], dtype=dtype),
        signal,
        signal + 1,
    )
    expected = [1.0, 1.29552021, 1.41985500, 1.53793658, 1.77539139, 1.76201162, 1.90845451]
    expected.append(1.84380046)
    assert y.flatten().tolist() == pytest.approx(expected, abs=tolerance)


@pytest.mark.parametrize("tokens", LENGTHS)
def test_equals_the_loop(tokens: int) -> None:
    inputs = random_inputs((2, tokens, 5))
    torch.testing.assert_close(wkv(*inputs), wkv_loop(*inputs), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("tokens", LENGTHS)
def test_gradients_equal_those_of_the_loop(tokens: int) -> None:
    inputs = [x.requires_grad_() for x in random_inputs((2, tokens, 5))]
    y, reference = wkv(*inputs), wkv_loop(*inputs)
    direction = torch.cos(torch.arange(y.numel(), dtype=y.dtype)).reshape(y.shape)
    gradients = torch.autograd.grad(y, inputs, direction)
    expected = torch.autograd.grad(
        reference, inputs, direction, allow_unused=True, materialize_grads=True
    )
    torch.testing.assert_close(gradients, expected, rtol=1e-10, atol=1e-11)


def test_gradcheck() -> None:
    inputs = [x.requires_grad_() for x in random_inputs((2, 6, 3), key_scale=1.0)]
    assert torch.autograd.gradcheck(wkv, inputs)


@pytest.mark.parametrize("key_scale", [1.0, 100.0])
def test_float32_is_as_exact_as_the_loop(key_scale: float) -> None:
    inputs = random_inputs((2, 394, 16), key_scale=key_scale)
    reference = wkv_loop(*inputs)
    rounded = [x.float() for x in inputs]
    exact = wkv_loop(*(x.double() for x in rounded))
    assert largest_difference(wkv(*rounded), exact) < 1e-5
    assert largest_difference(wkv(*inputs), reference) < 1e-11


@pytest.mark.parametrize("key", [-1e4, 1e4])
def test_survives_any_exponent(key: float) -> None:
    decay, first, k, v = random_inputs((1, 20, 4), dtype=torch.float32)
    k[:, 7] = key
    decay[0] = 60.0  # forgets at once
    y = wkv(decay, first, k, v)
    torch.testing.assert_close(y, wkv_loop(decay, first, k, v), rtol=1e-4, atol=1e-5)


def test_each_sequence_is_alone() -> None:
    decay, first, k, v = random_inputs((5, 33, 48), dtype=torch.float32)
    together = wkv(decay, first, k, v)
    for i in range(5):
        alone = wkv(decay, first, k[i : i + 1], v[i : i + 1])
        assert torch.equal(alone[0], together[i])


def test_is_causal() -> None:
    decay, first, k, v = random_inputs((1, 20, 4))
    before = wkv(decay, first, k, v)
    k[:, 11:] += 1
    v[:, 11:] -= 1
    after = wkv(decay, first, k, v)
    torch.testing.assert_close(after[:, :11], before[:, :11], rtol=1e-13, atol=1e-13)
    assert not torch.allclose(after[:, 11:], before[:, 11:])


def test_half_precision_is_computed_in_float32() -> None:
    inputs = [x.bfloat16() for x in random_inputs((1, 8, 4))]
    y = wkv(*inputs)
    assert y.dtype == torch.float32
    torch.testing.assert_close(y, wkv(*(x.float() for x in inputs)))
