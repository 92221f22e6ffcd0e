"""What to record of a run, as a plain value. Imports neither torch nor NumPy."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite
from pathlib import Path

from spikestudio.errors import ConfigError
from spikestudio.language import tr

MEBIBYTE = 1024 * 1024
DEFAULT_BUDGET_MB = 512
MAX_WATCHED = 256

Neuron = tuple[str, int]  # layer id, row-major index in one image


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """What a run records beside the counts of every layer, which it always does.

    Parameters
    ----------
    path
        HDF5 file to stream to; None keeps the recording in memory only.
    layers
        Ids of the layers whose spikes are kept; None stands for all.
    watch
        Up to 256 neurons, ``(layer id, row-major index)``, whose potentials and input current are kept
        at every step.
    image
        Position in the batch of the image whose neurons these are; one beyond the end is the last.
    potentials
        Id of one layer whose potentials are kept in memory as a whole; an empty or unknown one stands
        for the middle layer, None for no layer.
    budget_mb
        Bound on what spikes, potentials and states may take in memory, in MiB.
    is_new
        Refuse a ``path`` that is taken by the time the run begins, rather than replace what is there.

    Raises
    ------
    ConfigError
        A budget that is no number from 0 on, an image that is no whole number from 0 on, or more than
        256 neurons to watch.
    """

    path: Path | str | None = None
    layers: Sequence[str] | None = None
    watch: Sequence[Neuron] = ()
    image: int = 0
    potentials: str | None = ""
    budget_mb: float = DEFAULT_BUDGET_MB
    is_new: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "layers", _ids(self.layers))
        object.__setattr__(self, "watch", watch_list(self.watch))
        is_number = isinstance(self.budget_mb, int | float) and not isinstance(self.budget_mb, bool)
        if not (is_number and isfinite(self.budget_mb) and self.budget_mb >= 0):
            raise ConfigError(
                tr(
                    "The recorder's budget must be a number of MiB from 0 on, not {budget_mb!r}.",
                    budget_mb=self.budget_mb,
                ),
                field="budget_mb",
            )
        if not _is_index(self.image):
            raise ConfigError(
                tr(
                    "The image to record must be a whole number from 0 on, not {image!r}.",
                    image=self.image,
                ),
                field="image",
            )

    @property
    def budget_bytes(self) -> int:
        """The budget in bytes."""
        return int(self.budget_mb * MEBIBYTE)


def watch_list(neurons: object) -> tuple[Neuron, ...]:
    """Neurons as ``(layer id, index)`` pairs, each once; raises ``ConfigError``."""
    pairs: dict[Neuron, None] = {}
    is_list = isinstance(neurons, tuple | list)
    for pair in neurons if is_list else (neurons,):  # type: ignore[attr-defined]
        is_pair = isinstance(pair, tuple | list) and len(pair) == 2
        if not (is_pair and isinstance(pair[0], str) and _is_index(pair[1])):
            raise ConfigError(
                tr(
                    "A neuron to watch must be a layer id and an index from 0 on, not {pair!r}.",
                    pair=pair,
                ),
                field="watch",
            )
        pairs[pair[0], operator.index(pair[1])] = None
    if len(pairs) > MAX_WATCHED:
        raise ConfigError(
            tr(
                "At most {max_watched} neurons can be watched, not {num_pairs}: choose fewer.",
                max_watched=MAX_WATCHED,
                num_pairs=len(pairs),
            ),
            field="watch",
        )
    return tuple(pairs)


def _ids(layers: object) -> tuple[str, ...] | None:
    if layers is None:
        return None
    if not isinstance(layers, tuple | list) or not all(isinstance(each, str) for each in layers):
        raise ConfigError(
            tr("The layers to record must be a list of ids, not {layers!r}.", layers=layers),
            field="layers",
        )
    return tuple(layers)


def _is_index(value: object) -> bool:
    try:
        return not isinstance(value, bool) and operator.index(value) >= 0  # type: ignore[arg-type]
    except TypeError:
        return False
