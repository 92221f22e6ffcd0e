"""A session as one page for any browser, to read, print or send: everything is inside.

All texts are escaped, notes come from Markdown without HTML and pictures, and the page's own policy
forbids scripts and anything from elsewhere.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from html import escape
from io import BytesIO
from math import ceil
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING, Any

import numpy as np

from spikestudio import __version__
from spikestudio.atomic import atomic_write
from spikestudio.errors import SpikeStudioError
from spikestudio.export.origin import request_values
from spikestudio.export.progress import ExportCancelledError, Progress
from spikestudio.language import tr
from spikestudio.paths import resource
from spikestudio.sampling.request import RANGES, SamplingRequest
from spikestudio.sessions.document import Run, Session

if TYPE_CHECKING:
    from spikestudio.checkpoints.card import Card
    from spikestudio.recording.hdf5 import Recording

RASTER_ROWS = 96
_WIDTH = 480  # pixels that the images of a run have at least
_MOST_IMAGES = 64
_BULLET = "\N{BULLET} "
_NAMES = {
    "clip_x0": "clipping of x0",
    "rescale_readout": "rescaled read-out",
    "class_label": "class",
}


def save_report(
    path: Path | str,
    session: Session,
    cards: Collection[Card] = (),
    *,
    progress: Progress | None = None,
    is_cancelled: Callable[[], bool] | None = None,
) -> None:
    """Write the page; takes about a second for each run that has a recording.

    Parameters
    ----------
    path
        The HTML file, which is replaced as a whole.
    session
        Whose runs are shown, in the order in which they ended.
    cards
        Those of the checkpoints at hand: parameters are marked where they differ from what a model
        is best sampled with, else from those of the program.

    Raises
    ------
    ExportError
        It cannot be written; ``ExportCancelledError`` if ``is_cancelled`` said so. What was at
        ``path`` is unchanged.
    """
    path = Path(path)
    parts = []
    for done, run in enumerate(session.runs):
        if is_cancelled is not None and is_cancelled():
            raise ExportCancelledError(
                tr("{path} was cancelled; nothing was written.", path=path.name), path=path
            )
        parts.append(_run(run, session, cards))
        if progress is not None:
            progress(done + 1, len(session.runs))
    template = Template(resource("templates", "report.html").read_text(encoding="utf-8"))
    number = len(session.runs)
    model = "" if session.model is None else f", model {session.model.name}"
    saved = f", saved {session.saved_at.replace('T', ' at ')}" if session.saved_at else ""
    text = template.substitute(
        title=escape(session.name or "Session"),
        facts=escape(f"{number:,} run{'' if number == 1 else 's'}{model}{saved}"),
        program=escape(f"SpikeStudio {__version__}"),
        note=_note(session.note),
        contents="".join(
            f'<li><a href="#run-{run.key}">{escape(_title(run))}</a>, {escape(_outcome(run))}</li>'
            for run in session.runs
        ),
        runs="\n".join(parts),
    )
    with atomic_write(path) as temporary:
        temporary.write_text(text, encoding="utf-8", errors="replace")


def markdown(text: str) -> str:
    """Markdown as HTML: no HTML of its own, no pictures, and no links but to the web."""
    from markdown_it import MarkdownIt

    reader = MarkdownIt("commonmark", {"html": False}).enable("table").disable("image")
    reader.validateLink = _is_link  # type: ignore[method-assign, assignment]
    return str(reader.render(text))


def _is_link(address: str) -> bool:
    return address.lower().startswith(("https://", "http://", "#"))


def _note(text: str) -> str:
    return f'<div class="note">{markdown(text)}</div>' if text.strip() else ""


def _title(run: Run) -> str:
    return run.file_name or f"Run {run.number}"


def _outcome(run: Run) -> str:
    done, total = run.steps_done, len(run.timesteps)
    if run.state == "finished":
        return f"finished, {total:,} steps"
    word = "failed" if run.state == "failed" else "stopped"
    return f"{word} after {done:,} of {total:,} steps"


def _run(run: Run, session: Session, cards: Collection[Card]) -> str:
    checkpoint = run.origin["checkpoint"]
    facts = [f"model {checkpoint['name']}", f"on {run.origin['device']}"]
    if run.seconds is not None:
        facts.append(f"{run.seconds:,.1f} s")
    if run.ended_at:
        facts.append(f"ended {run.ended_at.replace('T', ' at ')}")
    parent = next((each for each in session.runs if each.key == run.parent), None)
    if parent is not None:
        facts.append(f"made from {_title(parent).lower()}")
    branch = run.branch
    if branch is not None:
        facts.append(f"branched at step {branch.step + 1:,}")
    failure = f'<p class="failed">{escape(run.failure)}</p>' if run.failure else ""
    provenance = json.dumps(run.origin, indent=1, ensure_ascii=False)
    return (
        f'<article id="run-{run.key}"><h2>{escape(_title(run))}'
        f"{' <small>kept</small>' if run.is_pinned else ''}</h2>"
        f"<p>{escape(_outcome(run))}; {escape(', '.join(facts))}.</p>{failure}{_note(run.note)}"
        f'<div class="pair">{_images(run)}{_parameters(run, cards)}</div>'
        f'<div class="figures">{_figures(run)}</div>'
        f"<h3>Provenance</h3><pre>{escape(provenance)}</pre></article>"
    )


def _images(run: Run) -> str:
    images = run.images if run.images is not None else run.thumbnail
    if images is None:
        return '<p class="none">No step was done, so there are no images.</p>'
    from spikestudio.export.images import grid

    shown = images[:_MOST_IMAGES]
    picture = grid(np.ascontiguousarray(shown))
    file = BytesIO()
    picture.save(file, "PNG")
    width = picture.width * ceil(_WIDTH / picture.width)
    of = f"{len(shown):,} of {run.request.num:,} images" if len(shown) < run.request.num else ""
    caption = f"<figcaption>{of}</figcaption>" if of else ""
    return (
        f'<figure><img class="pixels" width="{width}" alt="Images of {escape(_title(run))}" '
        f'src="{_data("image/png", file.getvalue())}">{caption}</figure>'
    )


def _parameters(run: Run, cards: Collection[Card]) -> str:
    usual, whose = _usual(run, cards)
    values, before = request_values(run.request), request_values(usual)
    rows = []
    for name, value in values.items():
        label = RANGES[name].label if name in RANGES else _NAMES.get(name, name.replace("_", " "))
        is_other = value != before[name] and name != "seed"
        mark = f" <small>usually {escape(_text(before[name]))}</small>" if is_other else ""
        rows.append(
            f'<tr{" class=changed" if is_other else ""}><th scope="row">'
            f"{_BULLET if is_other else ''}{escape(label)}</th>"
            f"<td>{escape(_text(value))}{mark}</td></tr>"
        )
    for change in run.origin["changes"]:
        rows.append(
            f'<tr class="changed"><th scope="row">from step {change["step"] + 1:,}</th>'
            f"<td>threshold {change['threshold']:g}, temperature {change['temperature']:g}</td></tr>"
        )
    return (
        f"<table><caption>Parameters; \N{BULLET} differs from {escape(whose)}</caption>"
        f"<tbody>{''.join(rows)}</tbody></table>"
    )


def _usual(run: Run, cards: Collection[Card]) -> tuple[SamplingRequest, str]:
    """What a run's parameters are compared with, and whose that is."""
    sha256 = run.origin["checkpoint"]["tensors_sha256"]
    card = next((each for each in cards if each.tensors_sha256 == sha256), None)
    if card is not None:
        return SamplingRequest(**card.run_defaults()), "what the model is best sampled with"
    return SamplingRequest(), "the program's defaults"


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    if value is None:
        return "any"
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, list):
        return json.dumps(value) if value else "none"
    return str(value)


def _figures(run: Run) -> str:
    """Rates and raster from the recording; where there is none, why, and what is known."""
    try:
        with _opened(run) as recording:
            if recording is None:
                rate = float(np.nanmean(run.rates)) if np.isfinite(run.rates).any() else None
                known = f" Mean firing rate of the layers: {rate:.3g}." if rate is not None else ""
                why = run.left_out or "It has no recording."
                return f'<p class="none">No figures: {escape(_lower(why))}{known}</p>'
            return "".join(_drawn(recording))
    except SpikeStudioError as error:
        return f'<p class="none">No figures: {escape(_lower(str(error)))}</p>'


def _drawn(recording: Recording) -> Iterator[str]:
    from spikestudio.export import choice, figures

    steps = range(recording.first_step, recording.steps_done)
    yield _figure(figures.rates_figure(recording, steps), recording, "Firing rates")
    if recording.selected in recording.recorded:
        layer = choice.find_layer(recording, None)
        chosen = choice.choose(recording, layer, steps, rows=RASTER_ROWS)
        yield _figure(figures.raster_figure(recording, chosen, steps), recording, "Raster")


def _figure(figure: Any, recording: Recording, name: str) -> str:  # noqa: ANN401  a FigureData
    from spikestudio.export.figures import figure_bytes

    data = figure_bytes(figure, "svg", recording.origin)
    return f'<figure><img alt="{name}" src="{_data("image/svg+xml", data)}"></figure>'


@contextmanager
def _opened(run: Run) -> Iterator[Recording | None]:
    if run.recording is None or not run.recording.is_file():
        yield None
        return
    from spikestudio.recording.hdf5 import open_recording

    recording = open_recording(run.recording)
    try:
        yield recording
    finally:
        recording.close()


def _lower(sentence: str) -> str:
    return sentence[:1].lower() + sentence[1:]


def _data(kind: str, data: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(data).decode()}"
