"""The cells of a sweep: every combination of the values of its axes, each with its whole request."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from spikestudio.sampling.request import SamplingRequest
from spikestudio.sweeps.axes import Axis


@dataclass(frozen=True)
class Cell:
    """One run of a sweep.

    ``place`` is the number of the value on each axis, in the order of the plan's axes; ``index`` counts
    the cells in the order in which they are done. ``path`` is the checkpoint's file and ``shape`` the
    height, width and channels of an image. ``reference`` is the index of the cell that this one is
    compared with: the one with the values that hold without the sweep, but the same seed and class.
    """

    index: int
    place: tuple[int, ...]
    texts: Mapping[str, str]  # axis to value, as printed
    request: SamplingRequest
    path: Path
    checkpoint: str
    dataset: str
    tensors_sha256: str
    num_steps: int
    shape: tuple[int, int, int]
    reference: int

    @property
    def stem(self) -> str:
        """Name of its files, without the ending."""
        return f"{self.index:04}"

    @property
    def label(self) -> str:
        """Its values in one line."""
        return ", ".join(f"{name} {text}" for name, text in self.texts.items())

    @cached_property
    def id(self) -> str:
        """SHA-256 of everything that decides its pixels: the request and the checkpoint's tensors."""
        whole = {"request": self.request.to_json(), "tensors_sha256": self.tensors_sha256}
        return hashlib.sha256(json.dumps(whole, sort_keys=True).encode()).hexdigest()

    def to_json(self) -> dict[str, Any]:
        """What the manifest says of it; with ``request`` the run can be repeated."""
        return {
            "cell": self.index,
            "id": self.id,
            "values": dict(self.texts),
            "reference": self.reference,
            "checkpoint": {"name": self.checkpoint, "tensors_sha256": self.tensors_sha256},
            "request": self.request.to_json(),
        }


@dataclass(frozen=True)
class SweepPlan:
    """All cells, in the order in which they are done: the slowest axis to change is the outermost."""

    axes: tuple[Axis, ...]
    cells: tuple[Cell, ...]

    @cached_property
    def by_place(self) -> Mapping[tuple[int, ...], Cell]:
        """Cells by the numbers of their values on the axes."""
        return {cell.place: cell for cell in self.cells}

    def to_json(self) -> dict[str, Any]:
        """The sweep without what came of it."""
        return {
            "axes": [
                {"name": axis.name, "values": [value.text for value in axis.values]}
                for axis in self.axes
            ],
            "cells": [cell.to_json() for cell in self.cells],
        }
