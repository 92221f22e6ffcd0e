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
    metric_title,
)
from spikestudio.app.viewmodels.parameters import SAMPLER_TITLES
from spikestudio.checkpoints.card import NO_HASH
from spikestudio.checkpoints.library import printable
from spikestudio.language import tr
from spikestudio.metrics.protocol import Sentence

if TYPE_CHECKING:
    from spikestudio.checkpoints.card import Card, Measurement
    from spikestudio.checkpoints.library import Item

BROKEN = tr("Cannot be used")  # title of the section of a broken file
_TRAINING = {
    "steps": tr("Steps"),
    "epochs": tr("Epochs"),
    "batch_size": tr("Batch size"),
    "optimiser": tr("Optimiser"),
    "learning_rate": tr("Learning rate"),
    "ema_decay": tr("EMA decay"),
    "images": tr("Images"),
    "seed": tr("Seed"),
    "device": tr("Device"),
    "hours": tr("Hours"),
    "code_version": tr("Code version"),
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
        UNKNOWN
        if how.interval is None
        else tr("{:g} to {:g} (95 % interval)").format(*how.interval)
    )
    beside = [f"{name} {value:g}" for name, value in how.beside.items()]
    protocol = "; ".join(each for each in (how.settings, how.rest, *beside) if each)
    return Measured(number, interval, protocol or UNKNOWN)


def sections(item: Item) -> list[Section]:
    """Describe a file: all of its card, or why it has none."""
    card = item.card
    if card is None:
        error = item.entry.error or UNKNOWN
        return [Section(BROKEN, (), error), Section(tr("File"), _file(item))]
    return [
        *_quality(card),
        Section(tr("Network"), _network(card, item.entry.num_parameters)),
        Section(tr("Data"), _data(card)),
        Section(tr("Sampled by default with"), _defaults(card)),
        Section(tr("Training"), _training(card)),
        Section(tr("File"), (*_file(item), Fact(tr("SHA-256 of the tensors"), _digest(card)))),
    ]


def first_figure(card: Card) -> str:
    """Return the most telling figure of quality on one line, with the number of images."""
    if not card.quality:
        return tr("quality unknown")
    item = card.quality[0]
    number = measured(item).num
    return f"{metric_title(item.metric).lower()} {item.value:.3g}, " + (
        f"n = {number}" if number != UNKNOWN else tr("n unknown")
    )


def size_text(num_bytes: int) -> str:
    """Return a file's size in MB, of a tiny one in bytes."""
    if num_bytes < 10_000:
        return tr("{num_bytes:,} bytes", num_bytes=num_bytes)
    return (
        tr("{num_bytes:,.3g} MB", num_bytes=num_bytes / 1000000.0)
        if num_bytes < 1e8
        else tr("{num_bytes:,.0f} MB", num_bytes=num_bytes / 1000000.0)
    )


def date_text(seconds: float) -> str:
    """Return the day of a time in seconds since 1970."""
    try:
        return UNKNOWN if isnan(seconds) else f"{datetime.fromtimestamp(seconds):%Y-%m-%d %H:%M}"
    except (OverflowError, OSError, ValueError):  # a file may bear any time
        return UNKNOWN


def _quality(card: Card) -> list[Section]:
    """One section for each protocol, because only figures of one protocol are comparable."""
    if not card.quality:
        remark = tr("The file does not say how good its samples are: quality is unknown.")
        return [Section(tr("Quality"), (), remark)]
    groups: dict[str, list[Fact]] = {}
    for each in card.quality:
        how = measured(each)
        value = f"{each.value:.4g}"
        fact = Fact(
            metric_title(each.metric),
            value,
            tr("n {how_num}, interval {interval}", how_num=how.num, interval=how.interval),
        )
        groups.setdefault(how.protocol, []).append(fact)
    return [
        Section(
            tr("Quality, as measured"), tuple(facts), tr("Protocol: {protocol}", protocol=protocol)
        )
        for protocol, facts in groups.items()
    ]


def _network(card: Card, num_parameters: int) -> tuple[Fact, ...]:
    low, high = card.data_range
    tau = tr("none: IF neurons do not leak") if card.tau is None else f"{card.tau:g}"
    codes = (
        (
            Fact(tr("Codebook"), tr("{codebook_size:,} codes", codebook_size=card.codebook_size)),
            Fact(tr("Mask id"), _value(card.mask_id)),
        )
        if card.codebook_size
        else ()
    )
    return (
        Fact(tr("Architecture"), architecture_title(card.architecture, card.config)),
        Fact(tr("Parameters"), f"{num_parameters:,}"),
        Fact(tr("Neurons"), card.neuron_type),
        Fact(tr("SNN time steps"), f"T = {card.snn_steps}"),
        Fact(tr("Firing threshold"), f"{card.v_threshold:g}"),
        Fact(tr("Time constant tau"), tau),
        Fact(tr("Data range"), tr("{low:g} to {high:g}", low=low, high=high)),
        *codes,
        Fact(tr("Configuration"), _pairs(card.config)),
    )


def _data(card: Card) -> tuple[Fact, ...]:
    channels = {1: tr("grey"), 3: tr("colour")}.get(
        card.image_channels, tr("{image_channels} channels", image_channels=card.image_channels)
    )
    classes = f"{len(card.classes)}: {', '.join(card.classes)}" if card.classes else UNKNOWN
    return (
        Fact(tr("Trained on"), dataset_title(card.dataset)),
        Fact(tr("Image"), f"{card.image_size} × {card.image_size}, {channels}"),
        Fact(tr("Classes"), classes),
        Fact(tr("Licence of the data"), card.data_licence or UNKNOWN),
    )


def _defaults(card: Card) -> tuple[Fact, ...]:
    values = card.run_defaults()
    sampler = str(values.pop("sampler"))
    return (
        Fact(tr("Sampler"), SAMPLER_TITLES.get(sampler, sampler)),
        *(Fact(_words(name), _value(value)) for name, value in values.items()),
    )


def _training(card: Card) -> tuple[Fact, ...]:
    told = dict(card.training)
    known = [Fact(title, _value(told.pop(name, None))) for name, title in _TRAINING.items()]
    return (*known, *(Fact(_words(name), _value(value)) for name, value in told.items()))


def _file(item: Item) -> tuple[Fact, ...]:
    entry = item.entry
    size = tr(
        "{size} ({size_bytes:,} bytes)",
        size=size_text(entry.size_bytes),
        size_bytes=entry.size_bytes,
    )
    return (
        Fact(tr("Path"), printable(str(entry.path))),
        Fact(tr("Size"), UNKNOWN if isnan(item.modified) else size),
        Fact(tr("Changed"), date_text(item.modified)),
    )


def _digest(card: Card) -> str:
    return UNKNOWN if card.tensors_sha256 == NO_HASH else card.tensors_sha256


def _words(name: str) -> str:
    return name.replace("_", " ").capitalize().replace("Snn", "SNN").replace(" x0", " x₀")


def _value(value: object) -> str:
    if value is None or value == "":
        return UNKNOWN
    if isinstance(value, bool):
        return tr("yes") if value else tr("no")
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _pairs(values: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in values.items())
