"""How far a student got in each lesson, and what was predicted: one small file per lesson."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from spikestudio.atomic import atomic_write
from spikestudio.errors import ExportError

SCHEMA_VERSION = 1
Answer = str | float | list[float]
COLUMNS = ("lesson", "page", "predicted", "measured", "difference", "answered_at")


@dataclass(slots=True)
class Prediction:
    """What was predicted and, once the page is complete, measured."""

    predicted: Answer
    measured: Answer | None = None
    answered_at: str = ""


@dataclass(slots=True)
class Progress:
    """Page looked at last, pages completed, predictions by page id."""

    page: str = ""
    done: set[str] = field(default_factory=set)
    predictions: dict[str, Prediction] = field(default_factory=dict)


class ProgressStore:
    """Reads and writes the files; one that cannot be used is set aside, and ``notice`` says so."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.notice = ""

    def load(self, lesson_id: str) -> Progress:
        """Return the progress in a lesson; none where nothing usable is stored."""
        path = self._path(lesson_id)
        try:
            return _from_json(json.loads(path.read_text(encoding="utf-8")))
        except FileNotFoundError:
            return Progress()
        except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
            with suppress(OSError):
                path.replace(path.with_suffix(".unusable"))
            begun = f"The progress in the lesson {lesson_id} begins anew"
            self.notice = f"{begun}: its file could not be read ({error})."
            return Progress()

    def save(self, lesson_id: str, progress: Progress) -> None:
        """Replace the file atomically; a disk that refuses is told in ``notice``."""
        predictions = {
            page: {
                "predicted": each.predicted,
                "measured": each.measured,
                "answered_at": each.answered_at,
            }
            for page, each in progress.predictions.items()
        }
        values = {
            "schema_version": SCHEMA_VERSION,
            "page": progress.page,
            "done": sorted(progress.done),
            "predictions": predictions,
        }
        with suppress(OSError):  # the write below then says why
            self.folder.mkdir(parents=True, exist_ok=True)
        try:
            with atomic_write(self._path(lesson_id)) as temporary:
                temporary.write_text(json.dumps(values, indent=1), encoding="utf-8")
        except ExportError as error:
            self.notice = str(error)

    def _path(self, lesson_id: str) -> Path:
        return self.folder / f"{lesson_id}.json"


def now() -> str:
    """The time, as it is stored with an answer."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def difference(prediction: Prediction) -> float | None:
    """Predicted minus measured; the largest one of a curve; None where nothing can be subtracted."""
    predicted, measured = prediction.predicted, prediction.measured
    if isinstance(predicted, list) and isinstance(measured, list):
        pairs = list(zip(predicted, measured, strict=False))
        return max((abs(a - b) for a, b in pairs), default=None)
    if isinstance(predicted, int | float) and isinstance(measured, int | float):
        return predicted - measured
    return None


def write_csv(path: Path, lessons: Iterable[tuple[str, Progress]]) -> None:
    """Write the predictions of one student as CSV; raises ``ExportError``."""
    with atomic_write(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        for lesson_id, progress in lessons:
            for page, each in progress.predictions.items():
                gap = difference(each)
                cells = (_cell(each.predicted), _cell(each.measured), _cell(gap))
                writer.writerow((lesson_id, page, *cells, each.answered_at))


def _cell(value: Answer | None) -> str:
    if isinstance(value, list):
        return " ".join(f"{each:.6g}" for each in value)
    return "" if value is None else value if isinstance(value, str) else f"{value:.6g}"


def _from_json(values: Any) -> Progress:  # noqa: ANN401  whatever the file holds
    if values["schema_version"] != SCHEMA_VERSION:
        raise ValueError(f"it is of version {values['schema_version']!r}")
    predictions = {
        str(page): Prediction(
            _answer(each["predicted"]),
            None if each["measured"] is None else _answer(each["measured"]),
            str(each["answered_at"]),
        )
        for page, each in values["predictions"].items()
    }
    return Progress(str(values["page"]), {str(each) for each in values["done"]}, predictions)


def _answer(value: Any) -> Answer:  # noqa: ANN401
    if isinstance(value, list):
        return [float(each) for each in value]
    return value if isinstance(value, str) else float(value)
