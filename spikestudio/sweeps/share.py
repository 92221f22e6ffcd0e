"""Which cells are this process' own, when several share a sweep."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from spikestudio.errors import ConfigError
from spikestudio.language import tr
from spikestudio.sweeps.cells import Cell


@dataclass(frozen=True, slots=True)
class Share:
    """Place of this process among ``size`` of them, counted from 0."""

    rank: int = 0
    size: int = 1
    local_rank: int | None = None

    @classmethod
    def of_environment(cls, environment: Mapping[str, str] = os.environ) -> Share:
        """As ``torchrun`` says it; the only process where it does not. Raises ``ConfigError``."""
        try:
            rank, size = (
                int(environment.get(*each)) for each in (("RANK", "0"), ("WORLD_SIZE", "1"))
            )
            local = int(environment["LOCAL_RANK"]) if "LOCAL_RANK" in environment else None
        except ValueError:
            rank, size, local = -1, 0, None
        if not 0 <= rank < size:
            raise ConfigError(
                tr(
                    "RANK and WORLD_SIZE in the environment do not fit together: "
                    "start with torchrun, or unset both."
                )
            )
        return cls(rank, size, local)

    @property
    def is_first(self) -> bool:
        """Whether this process writes what covers all cells."""
        return self.rank == 0

    def own(self, cells: Sequence[Cell]) -> tuple[Cell, ...]:
        """Every ``size``-th cell.

        It does not depend on which ones are done: the processes do not look at the folder at the same
        moment, and would not agree.
        """
        return tuple(cell for cell in cells if cell.index % self.size == self.rank)

    def device(self, name: str) -> str:
        """A device of its own for each process on a machine with several GPUs."""
        if self.local_rank is None or name not in ("auto", "cuda"):
            return name
        from spikestudio.checkpoints.devices import available_devices

        gpus = [each for each in available_devices() if each.startswith("cuda:")]
        return gpus[self.local_rank % len(gpus)] if gpus else name
