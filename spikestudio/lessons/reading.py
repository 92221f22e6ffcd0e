"""Reading a lesson's folder: everything in it is checked, nothing in it is run or fetched."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from spikestudio.checkpoints import strict_json
from spikestudio.language import tr
from spikestudio.lessons import conditions
from spikestudio.lessons.equations import EQUATIONS
from spikestudio.lessons.lesson import ENGLISH, SCHEMA_VERSION, Choice, Lesson, Page, Predict, Start
from spikestudio.lessons.lines import Place, line_at, line_of_error, lines_of, page_at
from spikestudio.lessons.problem import LessonError
from spikestudio.lessons.states import STATES
from spikestudio.lessons.words import Words, parse, placeholders, targets
from spikestudio.paths import resource

FILE = "lesson.json"
MOST_JSON, MOST_WORDS, MOST_PICTURE = 256 * 1024, 32 * 1024, 2 * 2**20  # bytes of a file
MOST_PIXELS = 2**24  # of a picture
PICTURES = (".png", ".svg")
SCHEMES = ("http://", "https://", "glossary:")
_REACHES_OUT = re.compile(
    rb"<!ENTITY|<\s*(?:script|image|foreignObject)\b|href\s*=\s*[\"'](?!#)|url\(\s*[\"']?(?!#)|@import",
    re.IGNORECASE,
)  # of a drawing: scripts, and whatever lies elsewhere
_DEPTH = 16
_LONGEST = 120  # of what is quoted of a file
_LANGUAGES = 20


@dataclass(frozen=True, slots=True)
class Known:
    """Names that a lesson may use; what is empty is not checked."""

    controls: Collection[str] = ()
    docks: Collection[str] = ()
    models: Collection[str] = ()
    terms: Collection[str] = ()


@dataclass(frozen=True, slots=True)
class Entry:
    """A lesson that was found, or why it cannot be used."""

    folder: Path
    lesson: Lesson | None = None
    problem: str = ""


def find(root: Path, known: Known | None = None) -> list[Entry]:
    """Return the lessons in the folders of ``root``, in the order of their folders' names."""
    found = []
    folders = sorted(path for path in root.iterdir() if (path / FILE).is_file())
    for folder in folders:
        try:
            found.append(Entry(folder, read(folder, known)))
        except LessonError as error:
            found.append(Entry(folder, problem=str(error)))
    return found


def read(folder: Path, known: Known | None = None) -> Lesson:
    """Read and check a lesson; raises ``LessonError``, which names file and line."""
    path = folder / FILE
    data = _bytes(path, folder, MOST_JSON)
    try:
        values = strict_json.parse(data, _DEPTH)
    except ValueError as error:
        raise LessonError(path, str(error), line=line_of_error(error, data)) from None
    lines = lines_of(data.decode("utf-8"))
    version = values.get("schema_version") if isinstance(values, dict) else None
    if isinstance(version, int) and version > SCHEMA_VERSION:
        raise LessonError(
            path,
            tr(
                "it is of version {version} and this program reads version {schema_version}",
                version=version,
                schema_version=SCHEMA_VERSION,
            ),
            line=line_at(lines, ("schema_version",)),
        )
    for place, reason in _problems(values, known or Known()):
        raise LessonError(path, reason[:400], line=line_at(lines, place), page=page_at(place))
    pages = tuple(_page(each) for each in values["pages"])
    return Lesson(
        id=values["id"],
        folder=folder,
        minutes=values["minutes"],
        level=values["level"],
        pages=pages,
        words=_languages(folder, pages, known or Known()),
    )


def picture(folder: Path, name: str) -> Path | None:
    """Return a picture of a lesson; None where there is none that may be shown."""
    path = folder / name
    try:
        is_inside = path.resolve().is_relative_to(folder.resolve())
        is_small = is_inside and path.is_file() and path.stat().st_size <= MOST_PICTURE
    except (OSError, ValueError):
        return None
    if not is_small or path.suffix.lower() not in PICTURES:
        return None
    data = path.read_bytes()
    is_drawing = path.suffix.lower() == ".svg"
    is_safe = not _REACHES_OUT.search(data) if is_drawing else _is_sane_png(data)
    return path if is_safe else None


def _is_sane_png(data: bytes) -> bool:
    """Whether a PNG file says a size that fits the memory; a small file may unpack to a huge one."""
    if not data.startswith(b"\x89PNG\r\n\x1a\n") or data[12:16] != b"IHDR":
        return False
    width, height = (int.from_bytes(data[at : at + 4], "big") for at in (16, 20))
    return 0 < width * height <= MOST_PIXELS


# lesson.json ------------------------------------------------------------------------------------


def _problems(values: Any, known: Known) -> Iterator[tuple[Place, str]]:  # noqa: ANN401
    """Return place and reason of everything that is wrong, what hides other problems first."""
    from jsonschema.exceptions import best_match

    error = best_match(validator("lesson.json").iter_errors(values))
    if error is not None:
        where = ".".join(str(each) for each in error.absolute_path) or "it"
        yield (
            tuple(error.absolute_path),
            tr("{where} does not fit: {message}", where=where, message=error.message[:_LONGEST]),
        )
        return
    seen: set[str] = set()
    for index, page in enumerate(values["pages"]):
        at: Place = ("pages", index)
        if page["id"] in seen or page["id"] == "lesson":
            yield (*at, "id"), tr("the page id {id!r} is taken", id=page["id"])
        seen.add(page["id"])
        for place, reason in _page_problems(page, known):
            yield (*at, *place), reason


def _page_problems(page: dict[str, Any], known: Known) -> Iterator[tuple[Place, str]]:
    for name in ("done", "needs"):
        yield from _condition_problems((name,), page.get(name))
    if "needs" in page:
        others = conditions.names(page["needs"])
        if any(not name.startswith("model.") for name in others):
            yield ("needs",), tr("a page can need facts of the model only (model.…)")
    if "point" in page:
        yield from _unknown(("point",), page["point"], known.controls, "control")
    start, predict = page.get("start", {}), page.get("predict", {})
    for column, names in enumerate(start.get("show", ())):
        for row, name in enumerate(names):
            yield from _unknown(("start", "show", column, row), name, known.docks, "dock")
    for name in ("model", "recording"):
        if name in start:
            yield from _unknown(("start", name), start[name], known.models, tr("bundled model"))
    yield from _request_problems(start.get("request", {}))
    yield from _sweep_problems(start.get("sweep", {}))
    for index, name in enumerate(predict.get("locks", ())):
        yield from _unknown(("predict", "locks", index), name, known.controls, "control")
    for index, choice in enumerate(predict.get("choices", ())):
        yield from _condition_problems(("predict", "choices", index, "when"), choice["when"])
    if "state" in predict:
        wanted, name = predict["kind"], predict["state"]
        if name not in STATES:
            yield ("predict", "state"), tr("there is no state {name!r}", name=name)
        elif STATES[name].kind != wanted:
            yield (
                ("predict", "state"),
                tr(
                    "{name} is a {state_kind}, not a {wanted}",
                    name=name,
                    state_kind=STATES[name].kind,
                    wanted=wanted,
                ),
            )
        if predict["low"] >= predict["high"]:
            yield ("predict", "low"), tr("its low is not below its high")
    if predict and "done" not in page:
        yield ("predict",), tr("a page that asks for a prediction needs done, when it is compared")


def _condition_problems(place: Place, condition: Any) -> Iterator[tuple[Place, str]]:  # noqa: ANN401
    for inner, leaf in conditions.leaves(condition) if condition else ():
        key, reason = conditions.problem(leaf)
        if reason:
            yield (*place, *inner, key), reason


def _request_problems(request: dict[str, Any]) -> Iterator[tuple[Place, str]]:
    for name, value in request.items():
        if reason := request_problem(name, value):
            yield ("start", "request", name), reason


def _sweep_problems(axes: dict[str, str]) -> Iterator[tuple[Place, str]]:
    from spikestudio.errors import ConfigError
    from spikestudio.sweeps.axes import parse_axis

    for name, values in axes.items():
        try:
            parse_axis(f"{name}={values}")
        except ConfigError as error:
            yield ("start", "sweep", name), str(error).rstrip(".")


def request_problem(name: str, value: Any) -> str:  # noqa: ANN401  any JSON value
    """Return why a value cannot be one of a request; empty if it can."""
    from spikestudio.errors import ConfigError
    from spikestudio.sampling.request import SamplingRequest

    try:
        SamplingRequest.from_json({name: value})
    except (ConfigError, TypeError, ValueError) as error:
        return str(error).rstrip(".")
    return ""


def _unknown(
    place: Place, name: str, names: Collection[str], what: str
) -> Iterator[tuple[Place, str]]:
    if names and name not in names:
        yield place, tr("there is no {what} {name!r}", what=what, name=name[:_LONGEST])


@cache
def validator(schema: str, part: str = "") -> Any:  # noqa: ANN401  jsonschema's class is made at run time
    """Return what checks JSON values against a schema of ``resources/schemas``, or a part of it."""
    from jsonschema import Draft202012Validator

    values = json.loads(resource("schemas", schema).read_text("utf-8"))
    if part:
        values = {"$defs": values["$defs"], "$ref": f"#/$defs/{part}"}
    return Draft202012Validator(values)


def _page(values: dict[str, Any]) -> Page:
    start, predict = dict(values.get("start", {})), values.get("predict")
    if "show" in start:
        start["show"] = tuple(tuple(column) for column in start["show"])
    return Page(
        id=values["id"],
        start=Start(**start),
        point=values.get("point", ""),
        done=values.get("done"),
        predict=_predict(predict) if predict else None,
        needs=values.get("needs"),
        figure=values.get("figure", ""),
    )


def _predict(values: dict[str, Any]) -> Predict:
    rest = {name: value for name, value in values.items() if name not in ("locks", "choices")}
    choices = tuple(Choice(**each) for each in values.get("choices", ()))
    return Predict(locks=tuple(values.get("locks", ())), choices=choices, **rest)


# words ------------------------------------------------------------------------------------------


def _languages(folder: Path, pages: tuple[Page, ...], known: Known) -> dict[str, dict[str, Words]]:
    names = sorted(each.name for each in folder.iterdir() if (each / "lesson.md").is_file())
    if ENGLISH not in names:
        raise LessonError(folder / ENGLISH / "lesson.md", tr("this file is missing"))
    found = {}
    for name in names[:_LANGUAGES]:
        words = {"lesson": _words(folder, name, "lesson", ("title", "summary"), known)}
        for page in pages:
            if name == ENGLISH or (folder / name / f"{page.id}.md").is_file():
                words[page.id] = _words(folder, name, page.id, _front_of(page), known)
        found[name] = words
    return found


def _front_of(page: Page) -> tuple[str, ...]:
    """Return the front lines that a page cannot do without."""
    if page.predict is None:
        return ("title",)
    return ("title", "question", *(f"choice.{each.id}" for each in page.predict.choices))


def _words(
    folder: Path, language: str, page_id: str, front: tuple[str, ...], known: Known
) -> Words:
    path = folder / language / f"{page_id}.md"
    try:
        text = _bytes(path, folder, MOST_WORDS).decode("utf-8")
        words = parse(text)
    except UnicodeDecodeError:
        raise LessonError(path, tr("it is not UTF-8 text")) from None
    except ValueError as error:
        raise LessonError(path, str(error)) from None
    for name in front:
        if name not in words.front:
            raise LessonError(path, tr("it lacks the front line '{name}:'", name=name), line=1)
    for name in placeholders(text):
        if name not in STATES and name.removeprefix("equation: ") not in EQUATIONS:
            word = name.rpartition(": ")[2]
            line = next((n for n, each in enumerate(text.splitlines(), 1) if word in each), 0)
            raise LessonError(
                path, tr("nothing is known under {{{{{name}}}}}", name=name), line=line
            )
    for line, is_picture, target in targets(text):
        if reason := _refused(folder, target, is_picture, known):
            raise LessonError(path, reason, line=line)
    return words


def _refused(folder: Path, target: str, is_picture: bool, known: Known) -> str:
    quoted = repr(target[:_LONGEST])
    if is_picture:
        return (
            ""
            if picture(folder, target)
            else tr("{quoted} is no PNG or SVG file in its folder", quoted=quoted)
        )
    if not target.startswith(SCHEMES):
        return tr(
            "the link {quoted} leads neither to the glossary nor to a web page", quoted=quoted
        )
    term = target.removeprefix("glossary:")
    if term != target and known.terms and term not in known.terms:
        return tr("the glossary has no {term!r}", term=term[:_LONGEST])
    return ""


def _bytes(path: Path, folder: Path, most: int) -> bytes:
    """Read a small file that is really in the folder; raises ``LessonError``."""
    try:
        if not path.resolve().is_relative_to(folder.resolve()):
            raise LessonError(path, tr("it leads out of the lesson's folder"))
        with path.open("rb") as file:
            data = file.read(most + 1)
    except OSError as error:
        reason = tr("this file is missing") if isinstance(error, FileNotFoundError) else str(error)
        raise LessonError(path, reason) from None
    if len(data) > most:
        raise LessonError(path, tr("it is larger than {most} KiB", most=most // 1024))
    return data
