"""What a model answered: its images, and what they took. Plain values; imports no torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spikestudio.errors import DataError
from spikestudio.language import tr

MEASURED = tr(
    "mean of the denoising steps after the first one, which warms up; "
    "an evaluation computes all images at once"
)
ENERGY = tr("of the operations alone, 4.6 pJ a MAC and 0.9 pJ an addition (32-bit floats in 45 nm)")


@dataclass(frozen=True, slots=True)
class Cost:
    """Operations of one accounting for one image, over all its evaluations, and their energy."""

    macs: float
    additions: float
    joules: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What one model took.

    Parameters
    ----------
    parameters, neurons
        Of the whole network, and of the denoiser.
    steps, evaluations
        Denoising steps, and network evaluations for one image: with guidance two in each step.
    computed
        Images that one evaluation computed: more than asked for where a kernel needs a fixed batch.
    seconds
        The whole run, with warming up and decoding; ``seconds_per_evaluation`` and
        ``seconds_per_image`` leave the first step out, and are None where there is no other.
    mean_rate
        Spikes per neuron of the denoiser and SNN step; None if unknown.
    synaptic_operations
        Additions that spikes caused for one image, with a token model's decoder; None if unknown.
    ann, papers, strict
        The denoiser's operations for one image: of the same network without spikes, and in the two
        accountings of ``metrics.operations``.
    confidence, judge
        How sure the judge of the data set is of the images, of 0 to 1, and whose judge it is; None and
        empty where there is no judge.
    load
        Mean number of threads that wanted a core in the minute before the first model was asked;
        None where the system does not tell.
    """

    parameters: int
    neurons: int
    steps: int
    evaluations: int
    computed: int
    seconds: float
    seconds_per_evaluation: float | None
    seconds_per_image: float | None
    mean_rate: float | None
    synaptic_operations: float | None
    ann: Cost
    papers: Cost
    strict: Cost
    confidence: float | None
    judge: str
    device: str
    threads: int
    load: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One model's answer; ``figures`` and ``images`` are None if it gave none, ``error`` says why.

    ``images`` uint8 ``[B, H, W, C]``. ``refused`` holds what it could not be asked, with the reason.
    """

    checkpoint: str
    path: str
    architecture: str = ""
    dataset: str = ""
    request: Mapping[str, Any] = field(default_factory=dict)
    refused: Mapping[str, str] = field(default_factory=dict)
    figures: Figures | None = None
    error: str = ""
    provenance: Mapping[str, Any] | None = None
    images: NDArray[np.uint8] | None = field(default=None, compare=False)

    def to_json(self) -> dict[str, Any]:
        """Plain values, without the images; ``provenance`` makes those again."""
        values = {each.name: getattr(self, each.name) for each in fields(self)}
        del values["images"]
        return values | {
            "request": dict(self.request),
            "refused": dict(self.refused),
            "figures": None if self.figures is None else asdict(self.figures),
        }

    @classmethod
    def from_json(
        cls, values: Mapping[str, Any], images: NDArray[np.uint8] | None = None
    ) -> Answer:
        """Make one from plain values; raises ``DataError``."""
        try:
            figures = values["figures"]
            if figures is not None:
                costs = {name: Cost(**figures[name]) for name in ("ann", "papers", "strict")}
                figures = Figures(**figures | costs)
            return cls(**dict(values) | {"figures": figures, "images": images})
        except (KeyError, TypeError) as error:
            raise DataError(
                tr("This is no answer of a bench ({error}): run the bench again.", error=error)
            ) from error
