"""Time of the scan beside the loop over tokens, at the paper's size and at small ones."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from pytest_benchmark.fixture import BenchmarkFixture
from torch import Tensor

from spikestudio.models.wkv import wkv
from tests.unit.models.test_wkv import random_inputs, wkv_loop

SHAPES = [(8, 394, 384), (64, 100, 192), (64, 100, 128)]


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("function", [wkv_loop, wkv])
def test_forward(
    benchmark: BenchmarkFixture, function: Callable[..., Tensor], shape: tuple[int, int, int]
) -> None:
    inputs = random_inputs(shape, dtype=torch.float32)
    with torch.no_grad():
        benchmark.pedantic(function, inputs, rounds=5, warmup_rounds=1)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("function", [wkv_loop, wkv])
def test_forward_and_backward(
    benchmark: BenchmarkFixture, function: Callable[..., Tensor], shape: tuple[int, int, int]
) -> None:
    inputs = [x.requires_grad_() for x in random_inputs(shape, dtype=torch.float32)]

    def both() -> None:
        torch.autograd.grad(function(*inputs).sum(), inputs)

    benchmark.pedantic(both, rounds=3, warmup_rounds=1)
