"""A codebook and how it is used: which codes are drawn, how likely each was. Plain NumPy.

Logits and probabilities have the codes on their first axis; further axes (rows and columns of a token
map) pass through.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class CodebookInfo:
    """The codes of one model, with the hash of its tensors.

    ``places`` are the vectors along their two widest directions, which hold the shares
    ``explained`` of the variance. ``training_counts`` says how often each code was used in the
    training data; None where the checkpoint does not tell.
    """

    tensors_sha256: str
    patches: NDArray[np.uint8]  # [K, p, p, C], what a map of one code only decodes to
    vectors: Values  # [K, D]
    places: Values  # [K, 2]
    explained: tuple[float, float]
    training_counts: NDArray[np.int64] | None = None

    @property
    def size(self) -> int:
        """Number of codes K."""
        return len(self.vectors)


def principal_places(vectors: Values) -> tuple[Values, tuple[float, float]]:
    """Project vectors ``[K, D]`` on their two directions of most variance.

    Returns
    -------
    tuple
        Places ``[K, 2]`` around zero, and the share of the variance that each axis holds. The same
        vectors give the same places: the largest part of a direction is positive.
    """
    centred = vectors.astype(np.float64) - vectors.mean(axis=0, dtype=np.float64)
    _, scales, directions = np.linalg.svd(centred, full_matrices=False)
    largest = np.abs(directions).argmax(axis=1)
    directions *= np.sign(directions[np.arange(len(directions)), largest])[:, None]
    places = np.zeros((len(vectors), 2), np.float32)
    shares = np.zeros(2)
    axes = min(2, len(directions))
    places[:, :axes] = centred @ directions[:axes].T
    variance = scales**2
    if variance.sum() > 0:
        shares[:axes] = variance[:axes] / variance.sum()
    return places, (float(shares[0]), float(shares[1]))


def code_counts(tokens: NDArray[np.integer], codes: int) -> NDArray[np.int64]:
    """How often each of ``codes`` ids occurs; the mask, which is no code, is not counted."""
    counts: NDArray[np.int64] = np.bincount(tokens.ravel(), minlength=codes)[:codes]
    return counts


def perplexity(counts: NDArray[np.int64]) -> float:
    """As many equally frequent codes would be as varied: 1 to K; NaN without any token.

    It grows with the number of tokens until that is many times K, so state that number with it.
    """
    total = counts.sum()
    if not total:
        return float("nan")
    shares = counts[counts > 0] / total
    return float(np.exp(-(shares * np.log(shares)).sum()))


def code_probabilities(logits: Values, temperature: float) -> Values:
    """softmax(logits / temperature) over the first axis."""
    scores = logits.astype(np.float32) / np.float32(temperature)
    weights = np.exp(scores - scores.max(axis=0))
    probabilities: Values = weights / weights.sum(axis=0)
    return probabilities


def entropy_bits(probabilities: Values) -> Values:
    """Entropy over the first axis in bits: 0 where one code is certain, log2 K where all are equal."""
    logarithms = np.log2(probabilities, where=probabilities > 0, out=np.zeros_like(probabilities))
    entropy: Values = np.abs((probabilities * logarithms).sum(axis=0))
    return entropy


def likeliest(probabilities: Values, number: int) -> NDArray[np.intp]:
    """Ids of the most probable codes of ``[K]``, the likeliest first; equal ones in order of id."""
    order: NDArray[np.intp] = np.argsort(-probabilities, kind="stable")[:number]
    return order


def nearest_first(vectors: Values, code: int) -> NDArray[np.intp]:
    """All ids by the distance of their vectors from that of ``code``, which comes first."""
    distances = np.linalg.norm(vectors - vectors[code], axis=1)
    distances[code] = -1
    order: NDArray[np.intp] = np.argsort(distances, kind="stable")
    return order
