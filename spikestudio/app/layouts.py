"""Named arrangements of the docks, as data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from spikestudio.errors import ConfigError
from spikestudio.language import mark_in, tr


@dataclass(frozen=True, slots=True)
class Split:
    """Docks or nested arrangements beside each other (``row``), below each other or as tabs.

    ``shares`` are relative sizes, one per part; tabs need none.
    """

    kind: Literal["row", "column", "tabs"]
    parts: tuple[Split | str, ...]
    shares: tuple[int, ...] = ()

    def view_ids(self) -> list[str]:
        """Ids of all docks in it, in order."""
        return [
            view_id
            for part in self.parts
            for view_id in ([part] if isinstance(part, str) else part.view_ids())
        ]


@dataclass(frozen=True, slots=True)
class Layout:
    """One arrangement, in the form that a window has room for.

    ``compact`` takes the place of ``full`` in a window smaller than ``least_size``, and ``narrow`` that
    of ``compact`` in one smaller than ``NARROW``: two docks beside each other, the others as tabs.
    Sizes are width and height in pixels at normal text size; larger text makes a window smaller.
    """

    name: str
    tip: str
    full: Split
    compact: Split
    narrow: Split
    text_scale: float = 1.0
    least_size: tuple[int, int] = (1440, 860)

    def form(self, width: float, height: float) -> Split:
        """Return the form for a window of this size, measured in pixels at normal text size."""
        if width >= self.least_size[0] and height >= self.least_size[1]:
            return self.full
        return self.compact if width >= NARROW[0] and height >= NARROW[1] else self.narrow


def with_lessons(tree: Split, lesson: str, *, is_narrow: bool) -> Split:
    """Return an arrangement with the dock of the lessons left of it, or among its first tabs."""
    if not is_narrow:
        return Split("row", (lesson, tree), (26, 74))
    first, *others = tree.parts
    ids = [first] if isinstance(first, str) else first.view_ids()
    return Split("row", (Split("tabs", (lesson, *ids)), *others), (45, 55))


def columns_for(columns: tuple[tuple[str, ...], ...], width: float, height: float) -> list[Split]:
    """Return docks in as many columns as a window has room for beside a lesson, the rest as tabs.

    ``columns`` are ids of docks below each other; width and height are in pixels at normal text size.
    """
    most = max(1, int((width - LESSON) // COLUMN))
    kept = [*columns[: most - 1], tuple(name for each in columns[most - 1 :] for name in each)]
    parts = []
    for index, names in enumerate(filter(None, kept)):
        is_merged = index >= len(columns) or names != columns[index]
        is_low = height / len(names) < ROW
        kind: Literal["column", "tabs"] = "tabs" if is_merged or is_low else "column"
        shares = () if kind == "tabs" else tuple(_WEIGHTS.get(name, 5) for name in names)
        parts.append(Split(kind, names, shares))
    return parts


def page_columns(columns: list[list[str]]) -> list[list[str]]:
    """Return columns of docks as a page of a lesson may ask for them, without the lesson's own."""
    found = [[name for name in column if name != "lesson"] for column in columns]
    found = [column for column in found if column]
    last = [name for column in found[PAGE_COLUMNS - 1 :] for name in column]
    kept = [*found[: PAGE_COLUMNS - 1], *([last] if last else [])]
    return [column[:PAGE_ROWS] for column in kept]


PAGE_COLUMNS, PAGE_ROWS = 3, 4  # the most that the schema of lessons has
_WEIGHTS = {"timeline": 3}  # of the height beside a lesson; any other dock has five
NARROW = (960, 540)  # the least window for three docks beside each other
LESSON, COLUMN, ROW = 220, 260, 150  # least width of a lesson and of a column, height of a dock
_CONTROLS = Split("column", ("model", "sampler"), (38, 62))
_CLOSE_CONTROLS = Split("column", ("model", "sampler"), (18, 82))  # the sampler shows all it has
_CONTROL_TABS = Split("tabs", ("sampler", "model"))
_TABS = Split("tabs", ("rates", "tokens", "efficiency"))
_PICTURE = Split("column", ("image", "timeline"), (76, 24))
_PICTURES = Split("tabs", ("image", "vqsvae", "raster"))
_ROWS = Split("tabs", ("raster", "mosaic"))
_TABLES = Split("tabs", ("layers", "rates", "thresholds", "tokens", "efficiency", "lesions"))
_RUNS = Split("tabs", ("compare", "sweep", "bench"))
_SESSION = Split("tabs", ("history", "queue", "notes"))
_LONG_WORK = Split("tabs", ("training", "bench"))
_CLOSE_LOOK = Split("tabs", ("membrane", "tokens", "neuron-lab"))

LAYOUTS = {
    layout.name: layout
    for layout in (
        Layout(
            mark_in("layout", "Watch"),
            tr("Everything at once: controls, image, raster, membrane, rates"),
            Split(
                "row",
                (
                    _CONTROLS,
                    _PICTURE,
                    Split("column", ("raster", "membrane", _TABS), (39, 34, 27)),
                ),
                (20, 48, 32),
            ),
            Split(
                "row",
                (
                    _CLOSE_CONTROLS,
                    _PICTURE,
                    Split("tabs", ("raster", "membrane", "rates", "tokens", "efficiency")),
                ),
                (25, 42, 33),
            ),
            Split(
                "row",
                (
                    Split("tabs", ("sampler", "model", "timeline")),
                    Split("tabs", ("image", "raster", "membrane", "rates", "tokens")),
                ),
                (42, 58),
            ),
        ),
        Layout(
            mark_in("layout", "Teach"),
            tr("Image, and tokens or potentials, large; the raster below; text at 125 %"),
            Split(
                "column",
                (Split("row", ("image", _CLOSE_LOOK), (1, 1)), "raster"),
                (65, 35),
            ),
            Split(
                "row",
                ("image", Split("tabs", ("raster", "membrane", "tokens", "neuron-lab"))),
                (1, 1),
            ),
            Split(
                "row",
                ("image", Split("tabs", ("raster", "membrane", "tokens", "neuron-lab"))),
                (40, 60),
            ),
            text_scale=1.25,
            least_size=(1200, 720),
        ),
        Layout(
            mark_in("layout", "Inspect"),
            tr("Raster and membrane large, for single neurons"),
            Split(
                "row",
                (
                    _CONTROLS,
                    Split("column", (_ROWS, "membrane", "timeline"), (42, 36, 22)),
                    Split("column", ("image", _TABLES), (1, 1)),
                ),
                (20, 44, 36),
            ),
            Split(
                "row",
                (
                    _CLOSE_CONTROLS,
                    Split("column", (_ROWS, Split("tabs", ("membrane", "timeline"))), (1, 1)),
                    Split("tabs", ("image", "layers", "rates", "tokens")),
                ),
                (25, 45, 30),
            ),
            Split(
                "row",
                (
                    Split("tabs", ("image", "sampler", "layers")),
                    Split("tabs", ("membrane", "raster", "mosaic", "timeline", "tokens")),
                ),
                (42, 58),
            ),
        ),
        Layout(
            mark_in("layout", "Tokens"),
            tr("The token map large, with the decoded image"),
            Split(
                "row",
                (_CONTROLS, "tokens", Split("column", ("codebook", _PICTURES), (60, 40))),
                (20, 45, 35),
            ),
            Split(
                "row",
                (
                    _CLOSE_CONTROLS,
                    "tokens",
                    Split("tabs", ("codebook", "image", "vqsvae", "raster")),
                ),
                (25, 40, 35),
            ),
            Split(
                "row",
                (
                    _CONTROL_TABS,
                    Split("tabs", ("tokens", "codebook", "image", "vqsvae", "raster")),
                ),
                (42, 58),
            ),
        ),
        Layout(
            mark_in("layout", "Sweep"),
            tr("Runs beside each other: two compared, or a whole sweep of parameters"),
            Split(
                "row",
                (
                    _CONTROLS,
                    Split("column", (_RUNS, "timeline"), (76, 24)),
                    Split("column", (_SESSION, Split("tabs", ("thresholds", "rates"))), (40, 60)),
                ),
                (20, 50, 30),
            ),
            Split(
                "row",
                (
                    _CLOSE_CONTROLS,
                    Split("tabs", ("compare", "sweep", "bench", "timeline")),
                    Split("tabs", ("history", "queue", "thresholds", "rates")),
                ),
                (25, 47, 28),
            ),
            Split(
                "row",
                (
                    Split("tabs", ("sampler", "history", "timeline")),
                    Split("tabs", ("compare", "sweep", "bench", "thresholds")),
                ),
                (42, 58),
            ),
        ),
        Layout(
            mark_in("layout", "Models"),
            tr("Checkpoints looked through, mended, compared and trained"),
            Split("row", ("library", _LONG_WORK), (42, 58)),
            Split("row", ("library", _LONG_WORK), (45, 55)),
            Split("row", ("library", _LONG_WORK), (47, 53)),
        ),
    )
}
DEFAULT = "Watch"


def by_name(name: str) -> Layout:
    """Return a layout, whatever the case of its name; raises ``ConfigError``."""
    for layout in LAYOUTS.values():
        if layout.name.casefold() == name.casefold():
            return layout
    raise ConfigError(
        tr(
            "There is no layout {name!r}: choose one of {layouts}.",
            name=name[:40],
            layouts=", ".join(LAYOUTS),
        ),
        field="layout",
    )
