"""Pages for any browser about answers: of one student, and of a class. No script, no network.

Everything that a file said is escaped; the page's own policy forbids scripts and what lies elsewhere.
"""

from __future__ import annotations

import base64
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from html import escape
from pathlib import Path
from string import Template

import numpy as np

from spikestudio import __version__
from spikestudio.atomic import atomic_write
from spikestudio.export.progress import ExportCancelledError, Progress
from spikestudio.language import tr
from spikestudio.lessons import figures
from spikestudio.lessons.answers import ENCODING, Answers, Row, csv_text
from spikestudio.lessons.equations import number
from spikestudio.lessons.figures import Drawing
from spikestudio.lessons.questions import Question, counts
from spikestudio.lessons.summary import ClassSummary
from spikestudio.lessons.writing import plural
from spikestudio.paths import resource

RIGHT, WRONG = "✓ right", "✗ not quite"
NOBODY = "without a name"
_MOST_NAMED = 60  # names in one line


def save_answers(path: Path, answers: Answers) -> None:
    """Write the answers of one student as a page that carries their table; raises ``ExportError``."""
    table = data_uri("text/csv", csv_text(answers).encode(ENCODING))
    who = answers.student or f"a student {NOBODY}"
    head = (
        f"<p>{escape(who)}. {_answered(answers.rows)} Exported {escape(_when(answers.exported_at))}"
        f", SpikeStudio {__version__}.</p>"
        f'<p><a download="answers.csv" href="{table}">The same as a table (CSV)</a></p>'
    )
    title = f"Answers: {answers.student}" if answers.student else "Answers"
    _write(path, title, head, map(_page, answers.rows))


def save_summary(
    path: Path,
    summary: ClassSummary,
    *,
    progress: Progress | None = None,
    is_cancelled: Callable[[], bool] | None = None,
) -> None:
    """Write the summary of a class; takes about a tenth of a second for each question.

    Raises ``ExportError``; ``ExportCancelledError`` if ``is_cancelled`` said so.
    """
    parts = [*_people(summary)]
    for done, question in enumerate(summary.questions, 1):
        if is_cancelled is not None and is_cancelled():
            raise ExportCancelledError(
                tr("{path} was cancelled; nothing was written.", path=path.name), path=path
            )
        parts.append(_question(question))
        if progress is not None:
            progress(done, len(summary.questions))
    if summary.left_out:
        parts.append(f"<p>{summary.left_out:,} further questions are left out.</p>")
    head = f"<p>{_counted(summary)} SpikeStudio {__version__}.</p>"
    _write(path, "Class summary", head, parts, "SpikeStudio class summary")


def data_uri(kind: str, data: bytes) -> str:
    """Return an address that holds what it leads to."""
    return f"data:{kind};base64,{base64.b64encode(data).decode()}"


def figure_of(drawing: Drawing, text: str) -> str:
    """Return a figure as it stands in a page."""
    source = data_uri("image/svg+xml", drawing.file("svg"))
    return f'<figure><img alt="{escape(text)}" src="{source}"></figure>'


def _write(
    path: Path, title: str, head: str, parts: Iterable[str], generator: str = "SpikeStudio"
) -> None:
    template = Template(resource("templates", "classroom.html").read_text(encoding="utf-8"))
    text = template.substitute(
        generator=generator, title=escape(title), head=head, body="\n".join(parts)
    )
    with atomic_write(path) as temporary:
        temporary.write_text(text, encoding="utf-8", errors="replace")


def _when(time: str) -> str:
    return time.replace("T", " at ").replace("+00:00", " UTC") or "at a time that is not recorded"


def _seconds(value: float | None) -> str:
    if value is None:
        return "not recorded"
    minutes, seconds = divmod(round(value), 60)
    return f"{minutes:,} min {seconds} s" if minutes else f"{seconds} s"


def _decimals(value: float) -> int:
    return 0 if value == round(value) else 3


# one student ------------------------------------------------------------------------------------


def _answered(rows: Sequence[Row]) -> str:
    asked = [row for row in rows if row.kind != "page"]
    answered = [row for row in asked if row.predicted is not None]
    right = sum(row.was_right is True for row in answered)
    done = sum(row.is_done for row in rows)
    return (
        f"{len(answered):,} of {plural(len(asked), 'question')} answered, {right:,} right; "
        f"{done:,} of {plural(len(rows), 'page')} complete."
    )


def _page(row: Row) -> str:
    state = "complete" if row.is_done else "not complete"
    times = "" if row.visits is None else f", opened {plural(row.visits, 'time')}"
    facts = f"{state}{times}; time on the page: {_seconds(row.seconds)}."
    lines = [f"<h3>{escape(row.title)}</h3>"]
    if row.kind == "page":
        return f"<article>{lines[0]}<p>{escape(facts[0].upper() + facts[1:])}</p></article>"
    lines.append(f'<p class="question">{escape(row.question)}</p>')
    if row.predicted is None:
        return (
            f'<article>{"".join(lines)}<p class="none">Not answered; {escape(facts)}</p></article>'
        )
    verdict = ""
    if row.was_right is not None:
        name = "right" if row.was_right else "wrong"
        verdict = f' <span class="{name}">{RIGHT if row.was_right else WRONG}</span>'
    gap = (
        ""
        if row.difference is None
        else f", difference {number(row.difference, _decimals(row.difference))}"
    )
    measured = escape(row.measured_words) or "nothing yet"
    lines.append(
        f"<p>Predicted: {escape(row.predicted_words)}. Measured: {measured}{escape(gap)}."
        f"{verdict}</p>"
    )
    if isinstance(row.predicted, list):
        real = row.measured if isinstance(row.measured, list) else None
        fits = real is not None and len(real) == len(row.predicted)
        drawing = figures.curves(np.array([row.predicted]), np.array(real) if fits else None)
        lines.append(figure_of(drawing, "Curves predicted and measured"))
    when = f", {_when(row.answered_at)}" if row.answered_at else ""
    lines.append(
        f"<p>{escape(plural(row.tries, 'answer'))} given, after "
        f"{escape(_seconds(row.seconds_to_answer))}{escape(when)}; {escape(facts)}</p>"
    )
    return f"<article>{''.join(lines)}</article>"


# a class ----------------------------------------------------------------------------------------


def _counted(summary: ClassSummary) -> str:
    nameless = summary.num_nameless
    without = f", {nameless:,} of them {NOBODY}" if nameless else ""
    refused = len(summary.refused)
    broken = f" {plural(refused, 'file')} could not be used." if refused else ""
    return (
        f"{plural(len(summary.handed), 'student')} handed in answers{without}; "
        f"{plural(len(summary.questions), 'question')}.{broken}"
    )


def _people(summary: ClassSummary) -> list[str]:
    """Who handed in, who did not, who did twice, and what could not be used."""
    parts = []
    if summary.missing is not None:
        parts.append(_line("Missing", summary.missing, "nobody"))
    if summary.unlisted:
        parts.append(_line("Not on the list of the class", summary.unlisted))
    names = [each.answers.student for each in summary.handed if each.answers.student]
    if names:
        parts.append(_line("Handed in", names))
    if summary.repeated:
        items = "".join(
            f"<li>{escape(name)}: {escape(', '.join(files))}</li>"
            for name, files in summary.repeated
        )
        parts.append(f"<h3>Handed in more than once; the newest counts</h3><ul>{items}</ul>")
    if summary.refused:
        rows = "".join(
            f"<tr><td>{escape(name)}</td><td>{escape(reason)}</td></tr>"
            for name, reason in summary.refused
        )
        parts.append(
            '<h3>Files that could not be used</h3><div class="scroll"><table><thead><tr>'
            '<th scope="col">File</th><th scope="col">Why</th></tr></thead>'
            f"<tbody>{rows}</tbody></table></div>"
        )
    return [f"<article>{''.join(parts)}</article>"] if parts else []


def _line(title: str, names: Sequence[str], nobody: str = "") -> str:
    return f"<h3>{escape(title)} ({len(names):,})</h3><p>{_named(names) or nobody}</p>"


def _named(names: Sequence[str]) -> str:
    """Names in one line; those without one are counted."""
    known = [name for name in names if name]
    shown = known[:_MOST_NAMED]
    if len(known) > len(shown):
        shown.append(f"{len(known) - len(shown):,} others")
    if nameless := len(names) - len(known):
        shown.append(f"{nameless:,} {NOBODY}")
    return escape(", ".join(shown))


def _question(question: Question) -> str:
    answered, asked = question.answered, len(question.rows)
    facts = [f"{len(answered):,} of {asked:,} answered"]
    if question.num_compared:
        facts.append(f"{question.num_right:,} of {question.num_compared:,} compared were right")
    if question.num_again:
        facts.append(f"{question.num_again:,} answered more than once")
    facts.append(f"median time before the answer: {_seconds(question.seconds)}")
    silent = f"<p>Not answered: {_named(question.silent)}.</p>" if question.silent else ""
    return (
        f"<article><h3>{escape(question.title)}</h3>"
        f'<p class="question">{escape(question.text)}</p>'
        f"<p>{'; '.join(facts)}.</p>{_figure(question)}{silent}</article>"
    )


def _figure(question: Question) -> str:
    if not question.answered:
        return '<p class="none">No figure: nobody has answered.</p>'
    match question.kind:
        case "choice":
            return _choices(question)
        case "number":
            values = [row.predicted for row in question.answered]
            real = [row.measured for _, row in question.rows]
            drawing = figures.numbers(_floats(values), _floats(real), question.unit)
            return figure_of(drawing, f"Histogram of {plural(len(values), 'number')}")
        case _:
            return _curves(question)


def _choices(question: Question) -> str:
    predicted, measured = counts(question)
    words = [said for _, said in question.choices]
    drawing = figures.choices(words, predicted, measured)
    items = "".join(
        f'<tr><td>{figures.letter(k)}</td><td>{escape(said)}</td><td class="number">{mine:,}</td>'
        f'<td class="number">{real:,}</td></tr>'
        for k, (said, mine, real) in enumerate(zip(words, predicted, measured, strict=True))
    )
    others = len(question.answered) - sum(predicted)
    rest = f"<p>{plural(others, 'other answer')}.</p>" if others else ""
    return (
        f"{figure_of(drawing, 'Students by choice, as in the table')}"
        f'<table><thead><tr><th></th><th scope="col">Choice</th>'
        f'<th scope="col" class="number">predicted</th><th scope="col" class="number">measured</th>'
        f"</tr></thead><tbody>{items}</tbody></table>{rest}"
    )


def _curves(question: Question) -> str:
    """Curves of the length that most have; there is no other one but by hand."""
    drawn = [row.predicted for row in question.answered if isinstance(row.predicted, list)]
    length = Counter(map(len, drawn)).most_common(1)[0][0]
    same = [each for each in drawn if len(each) == length]
    found = [row.measured for _, row in question.rows if isinstance(row.measured, list)]
    real = [each for each in found if len(each) == length]
    measured = np.median(np.array(real), axis=0) if real else None
    drawing = figures.curves(np.array(same), measured)
    return figure_of(drawing, f"{plural(len(same), 'curve')}, their median and the measured one")


def _floats(values: Iterable[object]) -> list[float]:
    return [float(each) for each in values if isinstance(each, int | float)]
