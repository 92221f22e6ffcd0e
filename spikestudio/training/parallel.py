"""Several processes that share one piece of work, each with its part of every batch.

Nothing is random per process: all draw the numbers of the whole batch and keep their rows, so that
the result of a training is that of one process with the same batch, up to the rounding of sums.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from itertools import pairwise

import torch
from torch import Tensor, distributed, nn

from spikestudio.errors import TrainingError
from spikestudio.language import tr

TIMEOUT = timedelta(hours=1)  # the first process samples and writes while the others wait


@dataclass(frozen=True, slots=True)
class Part:
    """Rows ``first`` to ``end`` of a batch of ``total``."""

    total: int
    first: int
    end: int

    @classmethod
    def whole(cls, total: int) -> Part:
        """All rows."""
        return cls(total, 0, total)

    def __len__(self) -> int:
        return self.end - self.first

    @property
    def share(self) -> float:
        """Weight of this part's mean in that of the batch."""
        return len(self) / self.total

    def of(self, rows: Tensor) -> Tensor:
        """Return this part's rows of ``[total, ...]``."""
        return rows[self.first : self.end]

    def draw(self, make: Callable[[int], Tensor]) -> Tensor:
        """Draw for the whole batch, so that the numbers do not depend on the parts."""
        return self.of(make(self.total))

    def split(self, number: int) -> tuple[Part, ...]:
        """As many parts of sizes that differ by one at most, empty ones left out."""
        bounds = [self.first + i * len(self) // number for i in range(number + 1)]
        parts = (Part(self.total, *each) for each in pairwise(bounds))
        return tuple(part for part in parts if len(part))


@dataclass(frozen=True, slots=True)
class World:
    """Place among the processes that work together; without others nothing is communicated."""

    rank: int = 0
    size: int = 1

    @property
    def is_first(self) -> bool:
        """Whether this process writes files."""
        return self.rank == 0

    @property
    def is_alone(self) -> bool:
        return self.size == 1

    def part(self, total: int) -> Part:
        """Return this process' rows of a batch; raises ``TrainingError`` if there are too few."""
        if total < self.size:
            raise TrainingError(
                tr(
                    "A batch of {total} images cannot be shared by {size} processes: start fewer.",
                    total=total,
                    size=self.size,
                )
            )
        return Part(total, self.rank * total // self.size, (self.rank + 1) * total // self.size)

    def sum_(self, tensor: Tensor) -> Tensor:
        """Add up over the processes, in place."""
        if not self.is_alone:
            with _others_alive():
                distributed.all_reduce(tensor)
        return tensor

    def gather(self, tensor: Tensor) -> Tensor:
        """``[size, *tensor.shape]`` in order of rank."""
        if self.is_alone:
            return tensor[None]
        gathered = [torch.empty_like(tensor) for _ in range(self.size)]
        with _others_alive():
            distributed.all_gather(gathered, tensor)
        return torch.stack(gathered)

    def sum_gradients(self, parameters: Iterable[nn.Parameter]) -> None:
        """Add up gradients over the processes, in one message."""
        if self.is_alone:
            return
        gradients = [p.grad for p in parameters if p.grad is not None]
        flat = self.sum_(torch.cat([gradient.reshape(-1) for gradient in gradients]))
        parts = flat.split([gradient.numel() for gradient in gradients])
        for gradient, part in zip(gradients, parts, strict=True):
            gradient.copy_(part.view(gradient.shape))

    def meet(self, device: torch.device) -> None:
        """Wait until all processes have come here."""
        float(self.sum_(torch.zeros(1, device=device)))

    def share_state(self, module: nn.Module) -> None:
        """Give every process the first one's weights and statistics."""
        if self.is_alone:
            return
        for tensor in module.state_dict().values():
            with _others_alive():
                whole = tensor.contiguous()
                distributed.broadcast(whole, src=0)
                tensor.copy_(whole)


@contextmanager
def joined(rank: int, size: int, device: str) -> Iterator[World]:
    """Meet the other processes, whose address ``torchrun`` has put into the environment.

    Raises ``TrainingError`` if they cannot be found, or the device is one that they cannot share.
    """
    if size == 1:
        yield World()
        return
    is_cuda = device.startswith("cuda")
    if not is_cuda and device != "cpu":
        raise TrainingError(
            tr("Several processes share work on cpu or cuda, not on {device}.", device=device)
        )
    if is_cuda:
        torch.cuda.set_device(device)
    backend = "nccl" if is_cuda else "gloo"
    try:
        distributed.init_process_group(backend, rank=rank, world_size=size, timeout=TIMEOUT)
    except (ValueError, RuntimeError) as error:
        raise TrainingError(
            tr(
                "The {size} processes of this command did not find each other, so start them with "
                "torchrun: {splitline}",
                size=size,
                splitline=str(error).splitlines()[0],
            )
        ) from error
    try:
        yield World(rank, size)
    finally:
        distributed.destroy_process_group()


@contextmanager
def _others_alive() -> Iterator[None]:
    """Say in a sentence that another process is gone, which every later message would fail for."""
    try:
        yield
    except RuntimeError as error:
        raise TrainingError(
            tr(
                "Another process of this command has ended, so this one cannot go on: see its message, "
                "then start all again, a training with --resume."
            )
        ) from error
