"""The colours of the themes, by what they are for."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal

Mode = Literal["dark", "light"]


@dataclass(frozen=True, slots=True)
class Tokens:
    """One colour table; every value is ``"#RRGGBB"``."""

    bg: str  # window
    surface: str  # docks, plots
    raised: str  # fields
    hover: str  # under the pointer
    selected: str  # behind what is chosen
    border: str
    text: str
    muted: str  # labels, axes
    disabled: str
    accent: str  # selection, focus, Sample
    on_accent: str
    spike: str
    threshold: str
    ok: str
    warn: str
    error: str
    watch: tuple[str, ...]  # watched neurons, in watch order; apart for colour-blind eyes too


TABLES: dict[Mode, Tokens] = {
    "dark": Tokens(
        bg="#12151A",
        surface="#191D24",
        raised="#222833",
        hover="#2B3340",
        selected="#203646",
        border="#343D4A",
        text="#E8ECF2",
        muted="#A7B1BF",
        disabled="#667080",
        accent="#56B4E9",
        on_accent="#0B1117",
        spike="#F0E442",
        threshold="#E8743B",
        ok="#35C08E",
        warn="#E69F00",
        error="#FF7A6B",
        watch=(
            "#C678A8",
            "#0CB478",
            "#AE9CFC",
            "#CC7254",
            "#9CCC3C",
            "#6CD2EA",
            "#CCB46C",
            "#F690AE",
        ),
    ),
    "light": Tokens(
        bg="#E9EDF2",
        surface="#FFFFFF",
        raised="#F4F6F9",
        hover="#E6EBF1",
        selected="#DCEBF5",
        border="#CBD3DD",
        text="#161C24",
        muted="#55606E",
        disabled="#9AA4B1",
        accent="#0067A3",
        on_accent="#FFFFFF",
        spike="#1B1F26",
        threshold="#B84A00",
        ok="#00704F",
        warn="#8A5A00",
        error="#B3261E",
        watch=(
            "#BA428A",
            "#004830",
            "#5A3CA2",
            "#7E5A36",
            "#547E18",
            "#006672",
            "#544E00",
            "#9C1848",
        ),
    ),
}

_STRONG: dict[Mode, dict[str, Any]] = {
    "dark": {
        "bg": "#232A35",
        "surface": "#000000",
        "raised": "#0D1014",
        "hover": "#1C2430",
        "selected": "#10344A",
        "border": "#8B97A8",
        "text": "#FFFFFF",
        "muted": "#D5DCE6",
        "disabled": "#8B97A8",
        "accent": "#7CCBFF",
        "on_accent": "#000000",
    },
    "light": {
        "bg": "#C9D1DB",
        "surface": "#FFFFFF",
        "raised": "#FFFFFF",
        "hover": "#E6EBF1",
        "selected": "#D3E6F3",
        "border": "#5A6675",
        "text": "#000000",
        "muted": "#2E3742",
        "disabled": "#667080",
        "accent": "#004B7A",
        "on_accent": "#FFFFFF",
        "spike": "#000000",
        "threshold": "#8A3700",
        "ok": "#00553C",
        "warn": "#6B4400",
        "error": "#8F1D16",
    },
}
HIGH_CONTRAST: dict[Mode, Tokens] = {
    mode: replace(TABLES[mode], **colors) for mode, colors in _STRONG.items()
}
