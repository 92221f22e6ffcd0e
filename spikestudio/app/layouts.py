"""Named arrangements of the docks, as data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from spikestudio.errors import ConfigError


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
    """One arrangement; ``compact`` takes its place in a window smaller than ``least_size``.

    ``least_size`` is width and height in pixels at normal text size.
    """

    name: str
    tip: str
    full: Split
    compact: Split
    text_scale: float = 1.0
    least_size: tuple[int, int] = (1440, 860)


_CONTROLS = Split("column", ("model", "sampler"), (38, 62))
_CLOSE_CONTROLS = Split("column", ("model", "sampler"), (18, 82))  # the sampler shows all it has
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
            "Watch",
            "Everything at once: controls, image, raster, membrane, rates",
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
                (25, 37, 38),
            ),
        ),
        Layout(
            "Teach",
            "Image, and tokens or potentials, large; the raster below; text at 125 %",
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
            text_scale=1.25,
            least_size=(1200, 720),
        ),
        Layout(
            "Inspect",
            "Raster and membrane large, for single neurons",
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
        ),
        Layout(
            "Tokens",
            "The token map large, with the decoded image",
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
        ),
        Layout(
            "Sweep",
            "Runs beside each other: two compared, or a whole sweep of parameters",
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
        ),
        Layout(
            "Models",
            "Checkpoints looked through, mended, compared and trained",
            Split("row", ("library", _LONG_WORK), (42, 58)),
            Split("row", ("library", _LONG_WORK), (45, 55)),
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
        f"There is no layout {name[:40]!r}: choose one of {', '.join(LAYOUTS)}.", field="layout"
    )
