"""Everything that a checkpoint's card says, in sections; what it does not say is unknown."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from math import isnan
from typing import TYPE_CHECKING, Any

from spikestudio.app.viewmodels.facts import (
    UNKNOWN,
    Fact,
    architecture_title,
    dataset_title,
)
from spikestudio.app.viewmodels.parameters import SAMPLER_TITLES
from spikestudio.checkpoints.card import NO_HASH
from spikestudio.checkpoints.library import printable
from spikestudio.metrics.protocol import Sentence

if TYPE_CHECKING:
    from spikestudio.checkpoints.card import Card, Measurement
    from spikestudio.checkpoints.library import Item

BROKEN = "Cannot be used"  # title of the section of a broken file
_TRAINING = {
    "steps": "Steps",
    "epochs": "Epochs",
    "batch_size": "Batch size",
    "optimiser": "Optimiser",
    "learning_rate": "Learning rate",
    "ema_decay": "EMA decay",
    "images": "Images",
    "seed": "Seed",
    "device": "Device",
    "hours": "Hours",
    "code_version": "Code version",
}
"""Facts that a card should have, so that their absence is told."""


@dataclass(frozen=True, slots=True)
class Section:
    """A heading, facts under it, and a remark on all of them."""

    title: str
    facts: tuple[Fact, ...]
    remark: str = ""


@dataclass(frozen=True, slots=True)
class Measured:
    """How a figure was measured: images, interval in words, and the protocol without the interval."""

    num: str
    interval: str
    protocol: str


def measured(item: Measurement) -> Measured:
    """Take apart the protocol of a figure; what it does not tell is unknown."""
    how = Sentence.read(item.protocol)
    number = UNKNOWN if how.num is None else f"{how.num:,}"
    interval = (
        UNKNOWN if how.interval is None else "{:g} to {:g} (95 % interval)".format(*how.interval)
    )
    beside = [f"{name} {value:g}" for name, value in how.beside.items()]
    protocol = "; ".join(each for each in (how.settings, how.rest, *beside) if each)
    return Measured(number, interval, protocol or UNKNOWN)


def metric_title(metric: str) -> str:
    """Return the name of a figure as words."""
    return metric.replace("_", " ").capitalize()


def sections(item: Item) -> list[Section]:
    """Describe a file: all of its card, or why it has none."""
    card = item.card
    if card is None:
        error = item.entry.error or UNKNOWN
        return [Section(BROKEN, (), error), Section("File", _file(item))]
    return [
        *_quality(card),
        Section("Network", _network(card, item.entry.num_parameters)),
        Section("Data", _data(card)),
        Section("Sampled by default with", _defaults(card)),
        Section("Training", _training(card)),
        Section("File", (*_file(item), Fact("SHA-256 of the tensors", _digest(card)))),
    ]


def first_figure(card: Card) -> str:
    """Return the most telling figure of quality on one line, with the number of images."""
    if not card.quality:
        return "quality unknown"
    item = card.quality[0]
    number = measured(item).num
    return f"{metric_title(item.metric).lower()} {item.value:.3g}, " + (
        f"n = {number}" if number != UNKNOWN else "n unknown"
    )


def size_text(num_bytes: int) -> str:
    """Return a file's size in MB."""
    return f"{num_bytes / 1e6:,.3g} MB" if num_bytes < 1e8 else f"{num_bytes / 1e6:,.0f} MB"


def date_text(seconds: float) -> str:
    """Return the day of a time in seconds since 1970."""
    try:
        return UNKNOWN if isnan(seconds) else f"{datetime.fromtimestamp(seconds):%Y-%m-%d %H:%M}"
    except (OverflowError, OSError, ValueError):  # a file may bear any time
        return UNKNOWN


def _quality(card: Card) -> list[Section]:
    """One section for each protocol, because only figures of one protocol are comparable."""
    if not card.quality:
        remark = "The file does not say how good its samples are: quality is unknown."
        return [Section("Quality", (), remark)]
    groups: dict[str, list[Fact]] = {}
    for each in card.quality:
        how = measured(each)
        value = f"{each.value:.4g}"
        fact = Fact(metric_title(each.metric), value, f"n {how.num}, interval {how.interval}")
        groups.setdefault(how.protocol, []).append(fact)
    return [
        Section("Quality, as measured", tuple(facts), f"Protocol: {protocol}")
        for protocol, facts in groups.items()
    ]


def _network(card: Card, num_parameters: int) -> tuple[Fact, ...]:
    low, high = card.data_range
    tau = "none: IF neurons do not leak" if card.tau is None else f"{card.tau:g}"
    codes = (
        (Fact("Codebook", f"{card.codebook_size:,} codes"), Fact("Mask id", _value(card.mask_id)))
        if card.codebook_size
        else ()
    )
    return (
        Fact("Architecture", architecture_title(card.architecture, card.config)),
        Fact("Parameters", f"{num_parameters:,}"),
        Fact("Neurons", card.neuron_type),
        Fact("SNN time steps", f"T = {card.snn_steps}"),
        Fact("Firing threshold", f"{card.v_threshold:g}"),
        Fact("Time constant tau", tau),
        Fact("Data range", f"{low:g} to {high:g}"),
        *codes,
        Fact("Configuration", _pairs(card.config)),
    )


def _data(card: Card) -> tuple[Fact, ...]:
    channels = {1: "grey", 3: "colour"}.get(card.image_channels, f"{card.image_channels} channels")
    classes = f"{len(card.classes)}: {', '.join(card.classes)}" if card.classes else UNKNOWN
    return (
        Fact("Trained on", dataset_title(card.dataset)),
        Fact("Image", f"{card.image_size} × {card.image_size}, {channels}"),
        Fact("Classes", classes),
        Fact("Licence of the data", card.data_licence or UNKNOWN),
    )


def _defaults(card: Card) -> tuple[Fact, ...]:
    values = card.run_defaults()
    sampler = str(values.pop("sampler"))
    return (
        Fact("Sampler", SAMPLER_TITLES.get(sampler, sampler)),
        *(Fact(_words(name), _value(value)) for name, value in values.items()),
    )


def _training(card: Card) -> tuple[Fact, ...]:
    told = dict(card.training)
    known = [Fact(title, _value(told.pop(name, None))) for name, title in _TRAINING.items()]
    return (*known, *(Fact(_words(name), _value(value)) for name, value in told.items()))


def _file(item: Item) -> tuple[Fact, ...]:
    entry = item.entry
    size = f"{size_text(entry.size_bytes)} ({entry.size_bytes:,} bytes)"
    return (
        Fact("Path", printable(str(entry.path))),
        Fact("Size", UNKNOWN if isnan(item.modified) else size),
        Fact("Changed", date_text(item.modified)),
    )


def _digest(card: Card) -> str:
    return UNKNOWN if card.tensors_sha256 == NO_HASH else card.tensors_sha256


def _words(name: str) -> str:
    return name.replace("_", " ").capitalize().replace("Snn", "SNN").replace(" x0", " x₀")


def _value(value: object) -> str:
    if value is None or value == "":
        return UNKNOWN
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _pairs(values: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in values.items())
