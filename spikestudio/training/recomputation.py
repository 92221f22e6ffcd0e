"""Activation checkpointing: blocks keep their inputs only and are evaluated again for the gradient."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

from torch import Tensor, is_grad_enabled, nn
from torch.utils.checkpoint import checkpoint

from spikestudio.models.sdit import SDiT
from spikestudio.models.spiking_diffusion.layers import SpikingSequential


def recompute_blocks(network: nn.Module) -> None:
    """Checkpoint every block of the network while it trains; its state dict stays what it is.

    Blocks are the residual and resampling blocks of the U-Net, the transformer's, and the chains of
    spiking convolutions of Spiking-Diffusion.
    """
    for block in _blocks(network):
        block.forward = _checkpointed(block)


def _blocks(network: nn.Module) -> list[nn.Module]:
    blocks: list[nn.Module] = [
        module for module in network.modules() if isinstance(module, SpikingSequential)
    ]
    for module in network.modules():
        if isinstance(module, nn.ModuleList):
            blocks += list(module)
    return [*blocks, network.mid_block] if isinstance(network, SDiT) else blocks


def _checkpointed(block: nn.Module) -> Callable[..., Tensor]:
    forward = block.forward
    norms = [each for each in block.modules() if isinstance(each, nn.modules.batchnorm._BatchNorm)]

    def contexts() -> tuple[AbstractContextManager[None], AbstractContextManager[None]]:
        return nullcontext(), _seen_before(norms)

    def recomputed(*inputs: Any) -> Tensor:  # noqa: ANN401  what the block takes
        if not (block.training and is_grad_enabled()):
            return forward(*inputs)  # type: ignore[no-any-return]
        return checkpoint(  # type: ignore[no-any-return]
            forward,
            *inputs,
            use_reentrant=False,
            preserve_rng_state=False,  # nothing in a network is random
            context_fn=contexts,
        )

    return recomputed


@contextmanager
def _seen_before(norms: list[Any]) -> Iterator[None]:
    """Evaluate a batch again without counting it a second time in the running statistics."""
    before = [(norm.momentum, norm.num_batches_tracked.clone()) for norm in norms]
    for norm in norms:
        norm.momentum = 0.0
    try:
        yield
    finally:
        for norm, (momentum, count) in zip(norms, before, strict=True):
            norm.momentum = momentum
            norm.num_batches_tracked.copy_(count)  # the second evaluation may end early
