"""The columns of the comparison, and the table as Markdown and CSV."""

from __future__ import annotations

import csv
from collections.abc import Callable, Collection, Sequence
from dataclasses import asdict, dataclass
from math import floor, log10
from pathlib import Path
from typing import Any, TextIO

from spikestudio.atomic import atomic_write
from spikestudio.bench.answer import ENERGY, MEASURED, Answer, Figures
from spikestudio.bench.question import OPTIONS
from spikestudio.language import invariant, tr

UNKNOWN = "–"
BUSY = 0.5  # threads of others that may want a core before it is said
_PREFIXES = {-12: "p", -9: "n", -6: "µ", -3: "m", 0: "", 3: "k", 6: "M", 9: "G", 12: "T", 15: "P"}


@dataclass(frozen=True, slots=True)
class Column:
    """One figure of every answer; ``title`` and ``tip`` are words for it."""

    key: str
    title: str
    tip: str
    unit: str
    value: Callable[[Figures], float | None]

    def of(self, answer: Answer) -> float | None:
        """Return the figure; None where there is none."""
        return None if answer.figures is None else self.value(answer.figures)

    def text(self, answer: Answer) -> str:
        """Return it as it is shown, with its unit."""
        value = self.of(answer)
        if value is None:
            return UNKNOWN
        return percent(value) if self.unit == "%" else si(value, self.unit)


COLUMNS = (
    Column(
        "image", tr("Time per image"), tr("{measured}; the share of one image", measured=MEASURED), "s",
        lambda f: f.seconds_per_image,
    ),
    Column(
        "evaluation", tr("Per evaluation"), tr("One evaluation of the network, for all "
        "images: " "{measured}", measured=MEASURED), "s", lambda f: f.seconds_per_evaluation,
    ),
    Column(
        "evaluations", tr("Evaluations"), tr("Of the network for one "
        "image"), "", lambda f: f.evaluations
    ),
    Column(
        "rate", tr("Firing rate"), tr("Spikes per neuron of the denoiser and SNN time step"), "%",
        lambda f: f.mean_rate,
    ),
    Column(
        "synapses", tr("Additions"), tr("Synaptic operations: additions that spikes caused for "
        "one image, a "
        "token model's decoder included"), "", lambda f: f.synaptic_operations,
    ),
    Column(
        "strict", tr("Energy, strict"), tr("Of one image, adding only where spikes are read: "
        "{energy}; " "without a token model's decoder", energy=ENERGY), "J", lambda f: f.strict.joules,
    ),
    Column(
        "papers", tr("Energy, papers"), tr("Of one image, as the papers count: all layers but "
        "the first " "convolution add; {energy}; without a token model's decoder", energy=ENERGY), "J",
        lambda f: f.papers.joules,
    ),
    Column(
        "ann", tr("As an ANN"), tr("Of one image of the same network without spikes: "
        "every layer " "multiplies, in one pass; {energy}", energy=ENERGY), "J", lambda f: f.ann.joules,
    ),
    Column(
        "macs", tr("MAC as an ANN"), tr("Multiply-accumulates of the same network without "
        "spikes, of one "
        "image"), "", lambda f: f.ann.macs,
    ),
    Column("neurons", tr("Neurons"), tr("Of the denoiser, for one image"), "", lambda f: f.neurons),
    Column("parameters", tr("Parameters"), tr("Of the whole network"), "", lambda f: f.parameters),
    Column(
        "judge", tr("Judge"), tr("How sure a classifier of the model's own data set is of the "
        "images, on "
        "average; it may be sure of what is none, too"), "%", lambda f: f.confidence,
    ),
)  # fmt: skip


def si(value: float, unit: str = "") -> str:
    """Return three significant digits with an SI prefix: ``281 µJ``, ``6.48 G``."""
    value = float(f"{value:.3g}")
    if not unit and value == int(value) and abs(value) < 1000:
        return f"{value:.0f}"
    exponent = 3 * floor(log10(abs(value)) / 3 + 1e-12) if value else 0
    exponent = min(max(exponent, min(_PREFIXES)), max(_PREFIXES))
    number = f"{value / 10.0**exponent:#.3g}".rstrip(".")
    return f"{number} {_PREFIXES[exponent]}{unit}".rstrip()


def percent(share: float) -> str:
    """Return a share with three significant digits: ``12.3 %``."""
    return "0 %" if share == 0 else f"{100 * share:#.3g}".rstrip(".") + " %"


def remarks(answer: Answer) -> list[str]:
    """Return what has to be known to compare an answer with others, in words."""
    words = [answer.error] if answer.error else []
    words += [
        tr(
            "cannot be asked for {option}: {reason}",
            option=OPTIONS[name],
            reason=_reason(answer.checkpoint, why),
        )
        for name, why in answer.refused.items()
    ]
    figures, num = answer.figures, answer.request.get("num", 0)
    if figures is not None and figures.computed > num:
        words.append(
            tr(
                "computes {computed} images at a time, so the time of {num} is that of more",
                computed=figures.computed,
                num=num,
            )
        )
    if figures is not None and figures.strict.additions == 0:
        words.append(
            tr("never reads spikes themselves, only their mean: no additions in the strict count")
        )
    if figures is not None and answer.request.get("sampler") == "absorbing":
        words.append(tr("decodes a picture in every step, which is part of its time"))
    if figures is not None and figures.seconds_per_evaluation is None:
        words.append(tr("has one step only, which warms up: no time was measured"))
    return words


def caveats(answers: Sequence[Answer], disturbed: Collection[str] = ()) -> list[str]:
    """Return sentences that concern the comparison as a whole.

    ``disturbed`` are the paths of those that were asked while something else was computed.
    """
    datasets = list(dict.fromkeys(answer.dataset for answer in answers if answer.dataset))
    said = []
    if len(datasets) > 1:
        said.append(
            tr(
                "The models draw different data ({datasets}): compare images and judges only "
                "within a data set.",
                datasets=", ".join(datasets),
            )
        )
    names = ", ".join(each.checkpoint for each in answers if each.path in disturbed)
    if names:
        said.append(
            tr(
                "Something else was computed meanwhile: the times of {names} are too long.",
                names=names,
            )
        )
    load = next((each.figures.load for each in answers if each.figures is not None), None)
    if load is not None and load > BUSY:
        said.append(
            tr(
                "In the minute before, about {load:.1f} threads of other programs wanted a core: the "
                "times may be longer than on a machine at rest.",
                load=load,
            )
        )
    return said


def markdown(answers: Sequence[Answer], disturbed: Collection[str] = ()) -> str:
    """Return the table in Markdown, with what has to be known below it; ``*`` marks the disturbed."""
    head = [tr("Model"), tr("Data"), *(column.title for column in COLUMNS)]
    lines = [_line(head), _line(["---", "---", *("---:" for _ in COLUMNS)])]
    for answer in answers:
        mark = "*" if answer.path in disturbed else ""
        texts = [column.text(answer) + (mark if column.unit == "s" else "") for column in COLUMNS]
        lines.append(_line([answer.checkpoint, answer.dataset, *texts]))
    lines.append("")
    lines += [f"- {answer.checkpoint} {word}" for answer in answers for word in remarks(answer)]
    lines += [f"- {sentence}" for sentence in caveats(answers, disturbed)]
    lines += [
        tr("- Time: {measured}.", measured=MEASURED),
        tr("- Energy: {energy}; memory and neurons are left out.", energy=ENERGY),
    ]
    return "\n".join(lines) + "\n"


def rows(answers: Sequence[Answer], disturbed: Collection[str] = ()) -> list[dict[str, Any]]:
    """Return every figure in full by the names of the columns of the CSV file."""
    return [_row(answer, answer.path in disturbed) for answer in answers]


def save_csv(path: Path | str, answers: Sequence[Answer], disturbed: Collection[str] = ()) -> None:
    """Write ``rows`` as CSV; raises ``ExportError``."""
    with atomic_write(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        write_csv(file, answers, disturbed)


def write_csv(
    file: TextIO,
    answers: Sequence[Answer],
    disturbed: Collection[str] = (),
) -> None:
    """Write ``rows`` to a text file that is open."""
    writer = csv.DictWriter(file, list(_row(Answer(checkpoint="", path=""), is_disturbed=False)))
    writer.writeheader()
    writer.writerows(rows(answers, disturbed))


@invariant()
def _row(answer: Answer, is_disturbed: bool) -> dict[str, Any]:
    request, figures = answer.request, answer.figures
    plain = {} if figures is None else asdict(figures)
    return {
        "checkpoint": answer.checkpoint,
        "architecture": answer.architecture,
        "dataset": answer.dataset,
        **{
            name: request.get(name)
            for name in ("seed", "num", "sampler", "steps", "snn_steps", "threshold", "class_label")
        },
        "guidance": request.get("guidance"),
        **{name: plain.get(name) for name in _PLAIN},
        **{
            f"{name}_{part}": plain[name][part] if plain else None
            for name in ("ann", "papers", "strict")
            for part in ("macs", "additions", "joules")
        },
        "disturbed": is_disturbed,
        "remarks": "; ".join(remarks(answer)),
    }


_PLAIN = (
    *("evaluations", "seconds_per_evaluation", "seconds_per_image", "seconds", "computed"),
    *("mean_rate", "synaptic_operations", "confidence", "judge", "neurons", "parameters"),
    *("device", "threads", "load"),
)


def _line(texts: Sequence[str]) -> str:
    return "| " + " | ".join(text.replace("|", "\\|") for text in texts) + " |"


def _reason(checkpoint: str, sentence: str) -> str:
    """Return a sentence without its subject and without what is to be done about it."""
    why = sentence.rstrip(".")
    why = why.rpartition(": ")[0] or why
    return (
        tr("it {why}", why=why[len(checkpoint) + 1 :]) if why.startswith(f"{checkpoint} ") else why
    )
