"""The images of all models below each other, with their figures, as one picture."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cache
from math import ceil
from pathlib import Path
from typing import TYPE_CHECKING

from spikestudio.atomic import atomic_write
from spikestudio.bench.answer import ENERGY, MEASURED, Answer
from spikestudio.bench.question import OPTIONS, Question
from spikestudio.bench.table import COLUMNS, caveats, remarks
from spikestudio.errors import ExportError
from spikestudio.export.images import grid, write_picture
from spikestudio.language import tr
from spikestudio.paths import resource

if TYPE_CHECKING:
    from PIL import Image, ImageDraw, ImageFont

CHUNK = "spikestudio-bench"  # PNG text chunk with the question and all answers
_MARGIN, _GAP, _LINE, _TEXT = 24, 16, 20, 640  # pixels; the last one is the width of the figures
_TILE, _MAX_SIDE = 84, 30_000  # least side of an image when there is room, and most of the sheet
_WIDTH = 1000  # of the pictures, where that is enough for one of each
_FIXED = "\N{NO-BREAK SPACE}"
_INK, _MUTED, _PAPER = "#161C24", "#55606E", "#FFFFFF"


def draw(question: Question, answers: Sequence[Answer]) -> Image.Image:
    """Draw the sheet; raises ``ExportError`` if it would be too large."""
    from PIL import Image, ImageDraw

    pictures = [_picture(answer) for answer in answers]
    left = max((each.width for each in pictures if each is not None), default=_TILE) + _GAP
    blocks = [_figures(answer) for answer in answers]
    heights = [
        max(each.height if each is not None else 0, (2 + len(block)) * _LINE)
        for each, block in zip(pictures, blocks, strict=True)
    ]
    foot = [
        part
        for text in (*caveats(answers), f"Time: {MEASURED}.", f"Energy: {ENERGY}.")
        for part in _wrapped(text, left + _TEXT)
    ]
    top = _MARGIN + 28 + _LINE + _GAP
    size = (
        2 * _MARGIN + left + _TEXT,
        top + sum(heights) + _GAP * len(heights) + _LINE * len(foot) + _MARGIN,
    )
    if max(size) > _MAX_SIDE:
        raise ExportError(
            tr(
                "The sheet would have {size:,} x {size_2:,} pixels, which is too large: ask fewer "
                "models or for fewer images.",
                size=size[0],
                size_2=size[1],
            )
        )
    canvas = Image.new("RGB", size, _PAPER)
    pen = ImageDraw.Draw(canvas)
    pen.text((_MARGIN, _MARGIN), "One question to several models", fill=_INK, font=_font(18, True))
    pen.text((_MARGIN, _MARGIN + 28), words(question), fill=_MUTED, font=_font(13))
    y = top
    for answer, picture, block, height in zip(answers, pictures, blocks, heights, strict=True):
        if picture is not None:
            canvas.paste(picture, (_MARGIN, y))
        _write(pen, answer, block, (_MARGIN + left, y))
        y += height + _GAP
    for k, line in enumerate(foot):
        pen.text((_MARGIN, y + k * _LINE), line, fill=_MUTED, font=_font(13))
    return canvas


def save_sheet(path: Path | str, question: Question, answers: Sequence[Answer]) -> None:
    """Write the sheet as a PNG that carries question and answers; raises ``ExportError``."""
    from PIL import PngImagePlugin

    values = {
        "schema_version": 1,
        "question": question.to_json(),
        "answers": [answer.to_json() for answer in answers],
    }
    info = PngImagePlugin.PngInfo()
    info.add_text(CHUNK, json.dumps(values, allow_nan=False), zip=True)
    picture = draw(question, answers)
    with atomic_write(path) as temporary:
        write_picture(temporary, picture, "PNG", pnginfo=info)


def words(question: Question) -> str:
    """Return the question in one line."""
    images = f"{question.num:,} image{'s' * (question.num != 1)}"
    more = [
        f"{name} {getattr(question, field)}"
        for field, name in OPTIONS.items()
        if getattr(question, field) is not None
    ]
    return ", ".join([f"seed {question.seed}", images, *more]) + "; the rest is each model's own"


def _picture(answer: Answer) -> Image.Image | None:
    if answer.images is None:
        return None
    from PIL import Image

    num, side = len(answer.images), answer.images.shape[2]
    scale = max(1, min(ceil(_TILE / side), _WIDTH // (num * side)))
    picture = grid(answer.images, max(1, min(num, _WIDTH // (scale * side)))).convert("RGB")
    size = (picture.width * scale, picture.height * scale)
    return picture.resize(size, Image.Resampling.NEAREST)


def _figures(answer: Answer) -> list[str]:
    """Return the lines beside the pictures."""
    texts = [f"{column.title} {column.text(answer)}".replace(" ", _FIXED) for column in COLUMNS]
    lines = [] if answer.figures is None else ["; ".join(texts)]
    return [part for text in (*lines, *remarks(answer)) for part in _wrapped(text, _TEXT)]


def _write(
    pen: ImageDraw.ImageDraw, answer: Answer, lines: Sequence[str], place: tuple[int, int]
) -> None:
    x, y = place
    pen.text((x, y), answer.checkpoint, fill=_INK, font=_font(14, True))
    what = (
        f"{answer.architecture}, data {answer.dataset}" if answer.dataset else "could not be asked"
    )
    pen.text((x, y + _LINE), what, fill=_MUTED, font=_font(13))
    for k, line in enumerate(lines, start=2):
        pen.text((x, y + k * _LINE), line, fill=_INK, font=_font(13))


def _wrapped(text: str, width: int) -> list[str]:
    lines = [""]
    for word in text.split(" "):
        longer = f"{lines[-1]} {word}".strip()
        if lines[-1] and _font(13).getlength(longer) > width:
            lines.append(word)
        else:
            lines[-1] = longer
    return lines


@cache
def _font(size: int, bold: bool = False) -> ImageFont.FreeTypeFont:
    from PIL import ImageFont

    name = "Inter-SemiBold.otf" if bold else "Inter-Regular.otf"
    return ImageFont.truetype(resource("fonts", name), size)
