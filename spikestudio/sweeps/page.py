"""One page that shows a sweep in any browser, without a network: pictures and figures are inside."""

from __future__ import annotations

import base64
import itertools
import json
from collections.abc import Sequence
from html import escape
from math import ceil
from pathlib import Path
from string import Template

from spikestudio import __version__
from spikestudio.atomic import atomic_write
from spikestudio.paths import resource
from spikestudio.sweeps.cells import Cell, SweepPlan
from spikestudio.sweeps.folder import SweepFolder
from spikestudio.sweeps.measures import Mean
from spikestudio.sweeps.table import Row
from spikestudio.sweeps.words import axis_title, settings, title

_WIDTH = 128  # pixels that a picture has at least on the page


def save_page(path: Path, files: SweepFolder, rows: Sequence[Row], judge: str = "") -> None:
    """Write the page; ``judge`` says what measured the confidence. Raises ``ExportError``."""
    plan = files.plan
    template = Template(resource("templates", "sweep.html").read_text(encoding="utf-8"))
    by_index = {row.cell.index: row for row in rows}
    text = template.substitute(
        title=escape(title(plan)),
        settings=escape(settings(plan)),
        facts=escape(_facts(rows)),
        filters=_filters(plan),
        matrices="\n".join(_matrices(files, by_index)),
        figures=_figures(plan, rows),
        notes=escape(_notes(rows, judge)),
        tile=_WIDTH,
        # "<" could end the element that holds it
        cells=json.dumps([cell.to_json() for cell in plan.cells]).replace("<", "\\u003c"),
    )
    with atomic_write(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def _facts(rows: Sequence[Row]) -> str:
    states = [row.state for row in rows]
    counts = ", ".join(
        f"{states.count(state):,} {state}"
        for state in ("done", "failed", "open")
        if state in states
    )
    devices = sorted({row.outcome.device for row in rows if row.outcome})
    where = f", computed on {' and '.join(devices)}" if devices else ""
    return f"{len(rows):,} cells: {counts}{where}. SpikeStudio {__version__}."


def _notes(rows: Sequence[Row], judge: str) -> str:
    notes = [
        "Difference: mean absolute difference of the pixels, of 0 to 1, from the same images of the "
        "reference cell. Small figures are 95 % bootstrap intervals of the mean over images.",
        "Firing rate: share of the denoiser's neurons that fire in one SNN time step. Synaptic "
        "operations: additions that spikes cause, for one image; 0 where no weights are applied to "
        "spikes themselves, but to their mean or to other real values.",
    ]
    if judge:
        notes.append(f"Confidence: {judge}.")
    return " ".join(notes) if any(row.outcome for row in rows) else ""


def _filters(plan: SweepPlan) -> str:
    parts = []
    for axis in plan.axes:
        name = escape(axis_title(axis.name))
        options = "".join(
            f'<option value="{k}">{escape(value.text)}</option>'
            for k, value in enumerate(axis.values)
        )
        parts.append(
            f'<label>{name}<select><option value="">all</option>{options}</select></label>'
        )
    return "".join(parts)


def _matrices(files: SweepFolder, rows: dict[int, Row]) -> list[str]:
    """One table for every combination of the third axis and further ones."""
    plan = files.plan
    parts = []
    for outer in itertools.product(*(range(len(axis.values)) for axis in plan.axes[2:])):
        places = {k + 2: value for k, value in enumerate(outer)}
        named = zip(plan.axes[2:], outer, strict=True)
        heading = ", ".join(f"{axis_title(a.name)} {a.values[k].text}" for a, k in named)
        parts.append(
            f"<section{_data(places)}><h2>{escape(heading) or 'Images'}</h2>"
            f'<div class="scroll"><table class="matrix">{_matrix(files, rows, outer)}</table></div>'
            "</section>"
        )
    return parts


def _matrix(files: SweepFolder, rows: dict[int, Row], outer: tuple[int, ...]) -> str:
    plan = files.plan
    across = plan.axes[0]
    down = plan.axes[1] if len(plan.axes) > 1 else None
    heads = "".join(
        f'<th scope="col"{_data({0: k})}>{escape(value.text)}</th>'
        for k, value in enumerate(across.values)
    )
    corner = f'<th class="axis">{escape(axis_title(down.name))}</th>' if down else ""
    top = f'<th class="axis" colspan="{len(across.values)}">{escape(axis_title(across.name))}</th>'
    lines = [f"<thead><tr>{'<td></td>' if down else ''}{top}</tr><tr>{corner}{heads}</tr></thead>"]
    lines.append("<tbody>")
    for row in range(len(down.values) if down else 1):
        label = f'<th scope="row">{escape(down.values[row].text)}</th>' if down else ""
        inner = []
        for column in range(len(across.values)):
            place = (column, row, *outer) if down else (column,)
            cell = plan.by_place[place]
            inner.append(f"<td{_data({0: column})}>{_picture(files, rows[cell.index])}</td>")
        lines.append(f"<tr{_data({1: row}) if down else ''}>{label}{''.join(inner)}</tr>")
    lines.append("</tbody>")
    return "".join(lines)


def _picture(files: SweepFolder, row: Row) -> str:
    cell = row.cell
    if row.state != "done":
        return f'<div class="none">{"failed" if row.state == "failed" else "not computed"}</div>'
    png = files.file(cell, ".png").read_bytes()
    width = int.from_bytes(png[16:20], "big")  # of the header chunk, which is always the first
    shown = width * ceil(_WIDTH / width)
    name = escape(cell.label, quote=True)
    rate = row.outcome.mean_rate if row.outcome else None
    caption = f"<small>rate {_number(rate)}</small>" if rate is not None else ""
    return (
        f'<button class="cell" data-cell="{cell.index}" title="{name}">'
        f'<img width="{shown}" alt="Images of {name}" '
        f'src="data:image/png;base64,{base64.b64encode(png).decode()}">{caption}</button>'
    )


def _figures(plan: SweepPlan, rows: Sequence[Row]) -> str:
    has_judge = any(row.confidence for row in rows)
    names = ["Cell", *(axis_title(axis.name) for axis in plan.axes)]
    figures = ["Firing rate", "Synaptic operations per image", "Difference", "Reference cell"]
    figures += [*(["Confidence"] if has_judge else []), "Time (s)"]
    head = "".join(
        f'<th scope="col" class="number">{escape(name)}</th>' for name in names + figures
    )
    lines = [f"<thead><tr>{head}</tr></thead><tbody>"]
    for row in rows:
        places = dict(enumerate(row.cell.place))
        values = [f"{row.cell.index:04}", *(escape(text) for text in row.cell.texts.values())]
        cells = "".join(f'<td class="number">{value}</td>' for value in values)
        if row.outcome is None or row.outcome.error:
            why = escape(row.outcome.error if row.outcome else "Not computed.")
            cells += f'<td class="failed" colspan="{len(figures)}">{why}</td>'
        else:
            shown = [_number(row.outcome.mean_rate), _number(row.outcome.synaptic_operations)]
            shown += [_interval(row.difference), _reference(row.cell)]
            shown += [_interval(row.confidence)] if has_judge else []
            shown.append(_number(row.outcome.seconds))
            cells += "".join(f'<td class="number">{value}</td>' for value in shown)
        lines.append(f"<tr{_data(places)}>{cells}</tr>")
    return "".join([*lines, "</tbody>"])


def _reference(cell: Cell) -> str:
    return "itself" if cell.reference == cell.index else f"{cell.reference:04}"


def _number(value: float | None) -> str:
    """Three significant digits, in full for large numbers."""
    if value is None:
        return "not known"
    if value == 0:
        return "0"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:#.3g}".rstrip(".")


def _interval(value: Mean | None) -> str:
    if value is None:
        return "not known"
    if value.low is None or value.high is None or value.low == value.high:
        return _number(value.mean)
    return f"{_number(value.mean)}<small>{_number(value.low)} to {_number(value.high)}</small>"


def _data(places: dict[int, int]) -> str:
    """Attributes that the filters look at."""
    return "".join([" data-axis", *(f' data-a{axis}="{k}"' for axis, k in places.items())])
