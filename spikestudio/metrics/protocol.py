"""A figure of quality, never without how it was measured.

Two numbers of the same name are comparable only if their protocols agree: the number of images, the
reference split, the features, how images were resized and how grey became colour (arXiv 2104.11222).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spikestudio.checkpoints.card import Measurement

CONFIDENCE = 0.95
DRAWS = 200  # of a bootstrap
MAX_TEXT = 300  # characters of a protocol in a card
_UNPRINTABLE = re.compile(r"[^\x20-\x7e]")
_NUM = re.compile(r"(?P<num>\d[\d,]*) (?:samples|images)\b(?: \((?P<settings>[^()]*)\))?")
_FLOAT = r"-?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?"
_INTERVAL = re.compile(rf"95 % interval (?P<low>{_FLOAT}) to (?P<high>{_FLOAT})(?![\w.])")
_BESIDE = re.compile(
    r"(?P<name>train images|class-wise Gaussian|std over subsets|evaluations) "
    rf"(?P<value>{_FLOAT})(?:; |$)"
)

Interval = tuple[float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One measured value.

    Parameters
    ----------
    metric
        Lower case with underscores, as in a card.
    value
        The figure itself, finite.
    num
        Generated images (or test images, of a reconstruction) that it is of.
    protocol
        Everything that it depends on, as plain values.
    interval
        95 % interval of its scatter over samples of ``num`` images; None where there is none, and
        ``protocol`` may say why. A bias that depends on ``num`` is not in it.
    beside
        The same figure, with as many images, of something else: real images, a baseline.
    """

    metric: str
    value: float
    num: int
    protocol: Mapping[str, Any]
    interval: Interval | None = None
    beside: Mapping[str, float] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        low, high = self.interval or (None, None)
        return {
            "metric": self.metric,
            "value": self.value,
            "low": low,
            "high": high,
            "num": self.num,
            "beside": dict(self.beside),
            "protocol": dict(self.protocol),
        }

    def sentence(self, request: str = "") -> str:
        """How it was measured, within the length that a card allows."""
        parts = [f"{self.num} images" + (f" ({request})" if request else "")]
        if self.interval is not None:
            parts.append("95 % interval {:.4g} to {:.4g}".format(*self.interval))
        parts += [f"{name} {value:.4g}" for name, value in self.beside.items()]
        parts += [f"{name.replace('_', ' ')} {value}" for name, value in self.protocol.items()]
        text = ""
        for part in parts:
            longer = f"{text}; {part}" if text else part
            if len(longer) > MAX_TEXT:
                break
            text = longer
        return _UNPRINTABLE.sub("?", text)

    def measurement(self, request: str = "") -> Measurement:
        """As it is kept in a checkpoint's card."""
        return Measurement(self.metric, self.value, self.sentence(request))


@dataclass(frozen=True, slots=True)
class Sentence:
    """What a protocol's sentence says: None and empty where it does not.

    ``settings`` is how the images were sampled, ``beside`` the other numbers by name, and ``rest``
    what stays when these, the number and the interval are taken out.
    """

    num: int | None
    settings: str
    interval: Interval | None
    beside: Mapping[str, float]
    rest: str

    @classmethod
    def read(cls, text: str) -> Sentence:
        """Take a sentence apart that ``Figure.sentence`` made, or one of earlier cards."""
        num, settings, interval, rest = None, "", None, text
        if found := _NUM.match(rest):
            num, settings = int(found["num"].replace(",", "")), found["settings"] or ""
            rest = rest[found.end() :].lstrip(";, ")
        if found := _INTERVAL.search(rest):
            interval = (float(found["low"]), float(found["high"]))
            rest = rest[: found.start()] + rest[found.end() :].lstrip("; ")
        beside = {each["name"]: float(each["value"]) for each in _BESIDE.finditer(rest)}
        settings = re.sub(r"\bsampler (\S+), steps (\d+)", r"\1, \2 steps", settings)
        return cls(num, settings, interval, beside, _BESIDE.sub("", rest).strip("; "))


def mean_interval(values: NDArray[Any], seed: int) -> Interval | None:
    """Bootstrap interval of a mean of one value per image; None of fewer than two."""
    values = np.asarray(values, np.float64)
    if len(values) < 2:
        return None
    rng = np.random.default_rng(seed)
    draws = [values[rng.integers(len(values), size=len(values))].mean() for _ in range(10 * DRAWS)]
    low, high = np.quantile(draws, _TAILS).tolist()
    return low, high


def scatter_interval(
    value: float, num: int, measure: Callable[[NDArray[np.int64]], float], seed: int
) -> Interval | None:
    """Bootstrap interval of a figure of a whole set; None of fewer than two images.

    ``measure`` gives the figure of a sample in which image k occurs as often as it is told, int64
    ``[N]``. Drawing with replacement makes distances between distributions larger, so the draws are
    moved to be centred on ``value``: their spread is the interval, not their mean.
    """
    if num < 2:
        return None
    rng = np.random.default_rng(seed)
    weights = np.full(num, 1 / num)
    draws = np.array([measure(rng.multinomial(num, weights)) for _ in range(DRAWS)])
    low, high = (np.quantile(draws, _TAILS) - draws.mean() + value).tolist()
    return low, high


_TAILS = ((1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2)
