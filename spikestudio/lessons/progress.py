"""How far a student got in each lesson, what was predicted, how often and how long it took.

One small file per lesson. What later versions added to it may be missing: it was not recorded then.
"""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any

from spikestudio.atomic import atomic_write
from spikestudio.errors import ExportError
from spikestudio.language import tr

if TYPE_CHECKING:
    from spikestudio.lessons.lesson import Predict

SCHEMA_VERSION = 1  # additions leave it, since earlier programs read what they know of the file
MOST_EARLIER = 50  # answers kept of a question that was begun anew
MOST_VISIT = 3600.0  # seconds that count of one visit: a page may stay open overnight
Answer = str | float | list[float]


@dataclass(slots=True)
class Prediction:
    """What was predicted and, once the page is complete, measured.

    ``seconds`` is the time on the page before the answer; None where it was not recorded.
    """

    predicted: Answer
    measured: Answer | None = None
    answered_at: str = ""
    seconds: float | None = None


@dataclass(slots=True)
class PageTime:
    """How often a page was set up, the seconds for which it was open, and when it was completed.

    Of one visit ``MOST_VISIT`` seconds count at most.
    """

    visits: int = 0
    seconds: float = 0.0
    done_at: str = ""


@dataclass(slots=True)
class Progress:
    """Page looked at last, pages completed, predictions by page id.

    ``pages`` are times by page id, ``earlier`` the answers that were given before a lesson was begun
    anew, oldest first. Times are those of a clock that never goes back, in seconds.
    """

    page: str = ""
    done: set[str] = field(default_factory=set)
    predictions: dict[str, Prediction] = field(default_factory=dict)
    pages: dict[str, PageTime] = field(default_factory=dict)
    earlier: dict[str, list[Answer]] = field(default_factory=dict)
    _since: float | None = field(default=None, repr=False, compare=False)

    @property
    def is_begun(self) -> bool:
        """Whether the lesson was ever opened."""
        return bool(self.page or self.done or self.predictions or self.pages)

    def enter(self, page: str, at: float) -> None:
        """Note that a page is set up; the one that was open is left."""
        self.leave(at)
        self.page = page
        self.pages.setdefault(page, PageTime()).visits += 1
        self._since = at

    def leave(self, at: float) -> None:
        """Note that no page is open any more."""
        if self._since is not None:
            self.pages[self.page].seconds += self._lasted(at)
            self._since = None

    def note(self, at: float) -> None:
        """Count the time so far on the page that is open."""
        if self._since is not None:
            self.leave(at)
            self._since = at

    def answer(self, page: str, value: Answer, at: float) -> None:
        """Keep the prediction of a page."""
        before = self.pages[page].seconds if page in self.pages else 0.0
        seconds = None if self._since is None else round(before + self._lasted(at), 1)
        self.predictions[page] = Prediction(value, answered_at=now(), seconds=seconds)

    def complete(self, page: str, measured: Answer | None) -> None:
        """Note that a page is complete, and what was measured in the place of its prediction."""
        self.done.add(page)
        self.pages.setdefault(page, PageTime()).done_at = now()
        if page in self.predictions:
            self.predictions[page].measured = measured

    def begin_anew(self) -> None:
        """Forget what is complete; answers count as earlier tries, and times go on."""
        for page, each in self.predictions.items():
            kept = self.earlier.setdefault(page, [])
            kept.append(each.predicted)
            del kept[:-MOST_EARLIER]
        self.page, self._since = "", None
        self.done.clear()
        self.predictions.clear()

    def tries(self, page: str) -> int:
        """Answers that were given to the question of a page."""
        return len(self.earlier.get(page, ())) + (page in self.predictions)

    def _lasted(self, at: float) -> float:
        return 0.0 if self._since is None else min(max(at - self._since, 0.0), MOST_VISIT)


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
            begun = tr("The progress in the lesson {lesson_id} begins anew", lesson_id=lesson_id)
            self.notice = tr(
                "{begun}: its file could not be read ({error}).", begun=begun, error=error
            )
            return Progress()

    def save(self, lesson_id: str, progress: Progress) -> None:
        """Replace the file atomically; a disk that refuses is told in ``notice``."""
        predictions = {
            page: {
                "predicted": each.predicted,
                "measured": each.measured,
                "answered_at": each.answered_at,
                "seconds": each.seconds,
            }
            for page, each in progress.predictions.items()
        }
        values = {
            "schema_version": SCHEMA_VERSION,
            "page": progress.page,
            "done": sorted(progress.done),
            "predictions": predictions,
            "pages": {
                page: {
                    "visits": each.visits,
                    "seconds": round(each.seconds, 1),
                    "done_at": each.done_at,
                }
                for page, each in progress.pages.items()
            },
            "earlier": progress.earlier,
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


def was_right(predict: Predict, prediction: Prediction) -> bool | None:
    """Whether a prediction is what was measured; None before that."""
    if prediction.measured is None:
        return None
    gap = difference(prediction)
    if gap is None:
        return prediction.predicted == prediction.measured
    return abs(gap) <= predict.tolerance + 1e-9


def _from_json(values: Any) -> Progress:  # noqa: ANN401  whatever the file holds
    if values["schema_version"] != SCHEMA_VERSION:
        raise ValueError(
            tr("it is of version {schema_version!r}", schema_version=values["schema_version"])
        )
    predictions = {
        str(page): Prediction(
            _answer(each["predicted"]),
            None if each["measured"] is None else _answer(each["measured"]),
            str(each["answered_at"]),
            None if each.get("seconds") is None else _number(each["seconds"]),
        )
        for page, each in values["predictions"].items()
    }
    pages = {
        str(page): PageTime(int(each["visits"]), _number(each["seconds"]), str(each["done_at"]))
        for page, each in values.get("pages", {}).items()
    }
    earlier = {
        str(page): [_answer(each) for each in answers][-MOST_EARLIER:]
        for page, answers in values.get("earlier", {}).items()
    }
    done = {str(each) for each in values["done"]}
    return Progress(str(values["page"]), done, predictions, pages, earlier)


def _answer(value: Any) -> Answer:  # noqa: ANN401
    if isinstance(value, list):
        return [_number(each) for each in value]
    return value if isinstance(value, str) else _number(value)


def _number(value: Any) -> float:  # noqa: ANN401
    found = float(value)
    if not isfinite(found):
        raise ValueError(tr("a number in it is not finite"))
    return found
