"""A Markdown table of the quality in checkpoints' cards: nothing is measured, so nothing can differ."""

from __future__ import annotations

from collections.abc import Sequence

from spikestudio.checkpoints.card import Card

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
    """Rows are figures and columns checkpoints, ``(name, card)``; protocols follow as notes.

    A figure that a card lacks is a dash. A checkpoint without any is left out.
    """
    cards = [each for each in cards if each[1].quality]
    if not cards:
        return "No checkpoint has measured quality yet: run spikestudio evaluate NAME --store.\n"
    values = {name: {each.metric: each for each in card.quality} for name, card in cards}
    known = list(dict.fromkeys(each.metric for _, card in cards for each in card.quality))
    metrics = [*(each for each in _FIRST if each in known), *(e for e in known if e not in _FIRST)]
    notes: dict[str, int] = {}
    lines = [
        "| figure | " + " | ".join(f"`{name}`" for name, _ in cards) + " |",
        "|---" * (len(cards) + 1) + "|",
    ]
    for metric in metrics:
        row = []
        for name, _ in cards:
            found = values[name].get(metric)
            if found is None:
                row.append("-")
                continue
            note = notes.setdefault(found.protocol, len(notes) + 1)
            row.append(f"{_text(metric, found.value)} [{note}]")
        lines.append(f"| {metric.replace('_', ' ')} | " + " | ".join(row) + " |")
    lines += ["", *(f"[{note}] {_escaped(text)}  " for text, note in notes.items())]
    return "\n".join(lines) + "\n"


def _text(metric: str, value: float) -> str:
    if metric in _SHARES:
        return f"{100 * value:.1f} %"
    return f"{value:.4g}"


def _escaped(text: str) -> str:
    return "".join(f"\\{each}" if each in r"\`*_[]<>|" else each for each in text)
