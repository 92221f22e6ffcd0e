"""A Markdown table of the quality in checkpoints' cards: nothing is measured, so nothing can differ."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from spikestudio.checkpoints.card import Card, Measurement
from spikestudio.metrics.protocol import Sentence

_UNTOLD = "how it was measured is not told"
_SHARES = frozenset(
    (
        *("confident_share", "agreement", "min_class_share"),
        *("judge_precision", "judge_recall", "judge_coverage"),
    )
)
_FIRST = (
    *("fid", "kid", "inception_score", "confident_share", "agreement", "min_class_share"),
    *("judge_frechet_distance", "judge_kernel_distance", "frechet_autoencoder_distance"),
    *("judge_precision", "judge_recall", "judge_density", "judge_coverage", "judge_score"),
)


def quality_table(cards: Sequence[tuple[str, Card]]) -> str:
    """One table for each data set: rows are figures, columns checkpoints, ``(name, card)``.

    Behind a figure stand its 95 % interval and what the same figure is of real images, where the card
    has them; how a figure was measured follows as a note. A figure that a card lacks is a dash; a
    checkpoint without any is left out.
    """
    cards = [each for each in cards if each[1].quality]
    if not cards:
        return "No checkpoint has measured quality yet: run spikestudio evaluate NAME --store.\n"
    notes: dict[str, int] = {}
    names = list(dict.fromkeys(card.dataset for _, card in cards))
    tables = [_table([each for each in cards if each[1].dataset == name], notes) for name in names]
    lines = [f"[{note}] {_escaped(text)}  " for text, note in notes.items()]
    return "\n".join(["\n".join(each) + "\n" for each in tables] + lines) + "\n"


def _table(cards: list[tuple[str, Card]], notes: dict[str, int]) -> list[str]:
    """Lines of the table of one data set; new notes are numbered on."""
    found = {
        name: {each.metric: (each, Sentence.read(each.protocol)) for each in card.quality}
        for name, card in cards
    }
    known = list(dict.fromkeys(metric for column in found.values() for metric in column))
    metrics = [*(each for each in _FIRST if each in known), *(e for e in known if e not in _FIRST)]
    usual = {name: _source(next(iter(column.values()))[1]) for name, column in found.items()}
    title = cards[0][1].dataset or "data set unknown"
    lines = [
        f"| {title} | " + " | ".join(f"`{name}`" for name, _ in cards) + " |",
        "|---" * (len(cards) + 1) + "|",
        "| samples | " + " | ".join(usual.values()) + " |",
    ]
    for metric in metrics:
        cells = [column.get(metric) for column in found.values()]
        rests = {each[1].rest for each in cells if each is not None}
        for rest in sorted(rests):
            notes.setdefault(rest or _UNTOLD, len(notes) + 1)
        label = metric.replace("_", " ")
        if len(rests) == 1:
            label += f" [{notes[rests.pop() or _UNTOLD]}]"
            row = [_cell(each, usual[name], {}) for name, each in zip(found, cells, strict=True)]
        else:
            row = [_cell(each, usual[name], notes) for name, each in zip(found, cells, strict=True)]
        lines.append(f"| {label} | " + " | ".join(row) + " |")
    return lines


def _cell(given: tuple[Measurement, Sentence] | None, usual: str, notes: Mapping[str, int]) -> str:
    """Text of one figure; its source where that is not the column's, its note where it has one."""
    if given is None:
        return "-"
    item, how = given
    more = []
    if how.interval is not None:
        more.append(" to ".join(_text(item.metric, each) for each in how.interval))
    more += [f"{name} {_text(item.metric, value)}" for name, value in how.beside.items()]
    if _source(how) != usual:
        more.append(_source(how))
    text = _text(item.metric, item.value) + (f" ({'; '.join(more)})" if more else "")
    return f"{text} [{notes[how.rest or _UNTOLD]}]" if notes else text


def _source(how: Sentence) -> str:
    number = "number unknown" if how.num is None else f"{how.num:,}"
    return _escaped(f"{number}, {how.settings}" if how.settings else number)


def _text(metric: str, value: float) -> str:
    if metric in _SHARES:
        return f"{100 * value:.1f} %"
    return f"{value:.4g}"


def _escaped(text: str) -> str:
    return "".join(f"\\{each}" if each in r"\`*_[]<>|" else each for each in text)
