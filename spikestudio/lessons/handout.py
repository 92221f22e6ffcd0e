"""A lesson on paper: its pages with figures of real runs, questions to answer with a pencil, words.

One HTML page for any browser: everything is inside, and it needs neither a script nor the network. Its
markup is plain enough for simple layout engines.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from html import escape
from pathlib import Path
from string import Template

from spikestudio import __version__
from spikestudio.atomic import atomic_write
from spikestudio.export.progress import ExportCancelledError, Progress
from spikestudio.language import tr
from spikestudio.lessons import figures, handout_numbers, handout_text
from spikestudio.lessons import glossary as words_of
from spikestudio.lessons.answers import decimals_of
from spikestudio.lessons.equations import EQUATIONS, number
from spikestudio.lessons.handout_figures import WIDTH, Plate, plates
from spikestudio.lessons.handout_scene import Recordings, Scene, recordings, scenes
from spikestudio.lessons.handout_text import BLANK
from spikestudio.lessons.lesson import ENGLISH, Lesson, Predict
from spikestudio.lessons.pages import data_uri
from spikestudio.lessons.words import Words
from spikestudio.lessons.writing import value_text
from spikestudio.paths import resource

BOX = "\N{BALLOT BOX}"
QUESTION = "ask-"  # begins the name of an anchor: what follows is not torn apart on paper


def save_html(
    path: Path,
    lesson: Lesson,
    language: str = ENGLISH,
    *,
    progress: Progress | None = None,
    is_cancelled: Callable[[], bool] | None = None,
) -> None:
    """Write the handout of a lesson; raises ``ExportError``, and what ``page`` raises."""
    text = page(lesson, language, progress=progress, is_cancelled=is_cancelled)
    with atomic_write(path) as temporary:
        temporary.write_text(text, encoding="utf-8", errors="replace")


def page(
    lesson: Lesson,
    language: str = ENGLISH,
    *,
    progress: Progress | None = None,
    is_cancelled: Callable[[], bool] | None = None,
) -> str:
    """Return the handout as HTML; takes up to a second for each page.

    Raises ``ExportCancelledError`` if ``is_cancelled`` said so.
    """
    terms = words_of.load(language)
    parts: list[str] = []
    used: dict[str, None] = {}
    shown: dict[tuple[object, ...], int] = {}
    with recordings() as found:
        for index, scene in enumerate(scenes(lesson, found)):
            if is_cancelled is not None and is_cancelled():
                raise ExportCancelledError(tr("The handout was cancelled; nothing was written."))
            words = lesson.text(scene.page.id, language)
            text, linked = _text(lesson, words, scene, found, terms)
            used |= dict.fromkeys(linked)
            question = _question(scene, words) if scene.page.predict is not None else ""
            parts.append(
                f"<h2>{index + 1}. {escape(words.title)}</h2>{text}"
                f"{_figure(list(plates(scene)), shown)}{question}"
            )
            if progress is not None:
                progress(index + 1, len(lesson.pages))
    template = Template(resource("templates", "handout.html").read_text(encoding="utf-8"))
    return template.substitute(
        title=escape(lesson.title(language)),
        summary=escape(lesson.summary(language)),
        facts=escape(f"About {lesson.minutes} minutes. SpikeStudio {__version__}."),
        blank=BLANK,
        body="\n".join(parts),
        words=handout_text.glossary(terms, used),
    )


def _text(
    lesson: Lesson,
    words: Words,
    scene: Scene,
    found: Recordings,
    terms: Mapping[str, tuple[str, str]],
) -> tuple[str, list[str]]:
    """Return the text of a page with the numbers of its start; blanks for those that are not known."""
    from_recording: list[str] = []

    def written(name: str) -> str:
        value = scene.value(name)
        if value is not None and name.startswith(("layer.", "tokens.", "timeline.", "neuron.")):
            from_recording.append(name)
        return value_text(name, value, BLANK)

    def block(name: str) -> str:
        return _equation(name, scene, found)

    text, linked = handout_text.body(words.body, lesson.folder, terms, written, block)
    if from_recording and scene.recording is not None:
        text += (
            f'<p class="source">The numbers in this text are those of step {scene.step + 1:,} of '
            f"{scene.recording.num_steps:,} of the recording {escape(scene.name)}.</p>"
        )
    return text, linked


def _equation(name: str, scene: Scene, found: Recordings) -> str:
    lines, table = handout_numbers.equation(name, scene, found)
    if not lines:
        about = escape(EQUATIONS.get(name, name))
        return (
            f'<p class="equation">Write it down from the application ({about}):</p>'
            f'<p class="equation">{BLANK * 4}</p>'
        )
    text = "<br>".join(map(escape, lines))
    rows = ""
    for number_, row in enumerate(table):
        tag = "td" if number_ else "th"
        rows += "<tr>" + "".join(f"<{tag}>{escape(each)}</{tag}>" for each in row) + "</tr>"
    numbers = f'<table class="numbers" cellspacing="0" cellpadding="3">{rows}</table>'
    return f'<p class="equation">{text}</p>{numbers if rows else ""}'


def _figure(fitting: list[Plate], shown: dict[tuple[object, ...], int]) -> str:
    """Return the most telling figure that was not there before, or where it was."""
    if not fitting:
        return ""
    plate = next((each for each in fitting if each.key not in shown), None)
    if plate is None:
        return f'<p class="source">See figure {shown[fitting[0].key]}.</p>'
    shown[plate.key] = len(shown) + 1
    source = data_uri("image/png", plate.draw())
    text = escape(plate.text)
    return (
        f'<p class="figure"><img width="{plate.width}" alt="{text}" src="{source}"></p>'
        f'<p class="source">Figure {shown[plate.key]}. {text}</p>'
    )


def _question(scene: Scene, words: Words) -> str:
    predict = scene.page.predict
    assert predict is not None
    question = escape(words.front.get("question", ""))
    unit = escape(words.front.get("unit", ""))
    match predict.kind:
        case "choice":
            asked = "".join(
                f"<p>{BOX} {escape(words.front.get(f'choice.{each.id}', each.id))}</p>"
                for each in predict.choices
            )
        case "number":
            decimals = decimals_of(scene.page)
            low, high = number(predict.low, decimals), number(predict.high, decimals)
            asked = f"<p>My prediction, from {low} to {high}: {BLANK} {unit}</p>"
        case "curve":
            asked = _pad(predict)
    return (
        f'<div class="ask"><p><a name="{QUESTION}{escape(scene.page.id)}"></a>'
        f"<b>Predict first: {question}</b></p>{asked}"
        f"<p>Measured in the application: {BLANK} {unit if predict.kind == 'number' else ''}</p></div>"
    )


def _pad(predict: Predict) -> str:
    drawing = figures.pad(predict.points, predict.low, predict.high)
    source = data_uri("image/png", drawing.file("png"))
    return (
        f'<p>Draw your prediction:</p><p class="figure"><img width="{WIDTH}" '
        f'alt="Empty axes to draw on" src="{source}"></p>'
    )
