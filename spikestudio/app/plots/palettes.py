"""Colour tables of the plots: at most 256 entries, uint8 RGBA, index 0 transparent.

Index 0 always means that nothing is known (not reached yet, or not recorded), so a gap can never be
mistaken for a value.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import pyqtgraph as pg
from numpy.typing import NDArray

from spikestudio.app import theme

Lut = NDArray[np.uint8]  # [entries, 4]

UNKNOWN = 0
SILENT = 1
SPIKE = 2
FIRST_WATCHED = 3  # one index per watched neuron from here on

POTENTIAL_RANGE = (-1.0, 2.0)  # in thresholds
FIRST_ABOVE = 171  # 170 entries for -1 to 1 threshold, 85 for 1 to 2

RATE_RANGE = (0.0, 0.5)

_NEUTRAL = {"dark": "#262D38", "light": "#FFFFFF"}  # a potential of zero
_NEGATIVE = {"dark": "#4A90E2", "light": "#1F5FA8"}
_POSITIVE = {"dark": "#D9662B", "light": "#D9772B"}


def rgb(color: str) -> NDArray[np.float64]:
    """Return ``"#RRGGBB"`` as three numbers 0 to 255."""
    return np.array([int(color[i : i + 2], 16) for i in (1, 3, 5)], float)


def raster_lut() -> Lut:
    """Colours of a spike picture: unknown, silent, spike, spikes of the watched neurons."""
    tokens = theme.tokens()
    lut = np.zeros((FIRST_WATCHED + len(tokens.watch), 4), np.uint8)
    lut[SPIKE:, 3] = 255
    lut[SPIKE:, :3] = [rgb(color) for color in (tokens.spike, *tokens.watch)]
    return lut


def potential_lut() -> Lut:
    """Colours of potentials: blue below zero, orange up to the threshold, then the spike colour."""
    mode = theme.manager.mode
    values = np.linspace(-1, 1, FIRST_ABOVE - 1)
    anchors = [rgb(table[mode]) for table in (_NEGATIVE, _NEUTRAL, _POSITIVE)]
    lut = np.zeros((256, 4), np.uint8)
    lut[1:, 3] = 255
    for channel in range(3):
        ramp = [anchor[channel] for anchor in anchors]
        lut[1:FIRST_ABOVE, channel] = np.interp(values, [-1, 0, 1], ramp).round()
    lut[FIRST_ABOVE:, :3] = rgb(theme.tokens().spike)
    return lut


def potential_indices(h: NDArray[np.float32], threshold: float) -> NDArray[np.uint8]:
    """Return the colour index of potentials before reset.

    Values from -1 to 2 thresholds get indices 1 to 255, those beyond the nearest end; an index of
    ``FIRST_ABOVE`` or more means exactly that the neuron reached its threshold.
    """
    low, high = POTENTIAL_RANGE
    scaled = (np.clip(h / np.float32(threshold), low, high) - low) * np.float32(85)
    indices = np.clip(scaled.astype(np.int16) + 1, 1, 255)
    above = h >= np.float32(threshold)
    indices = np.where(
        above, np.maximum(indices, FIRST_ABOVE), np.minimum(indices, FIRST_ABOVE - 1)
    )
    return indices.astype(np.uint8)


@cache
def scalar_lut() -> Lut:
    """Cividis in 255 entries behind the transparent one; read-only."""
    lut = np.zeros((256, 4), np.uint8)
    lut[1:] = pg.colormap.get("cividis").getLookupTable(nPts=255, alpha=True)
    lut.flags.writeable = False
    return lut


def scalar_indices(values: NDArray[np.floating], low: float, high: float) -> NDArray[np.uint8]:
    """Return the index of each value in ``scalar_lut``: 1 to 255 from low to high, NaN is 0."""
    scaled = 1 + (np.clip(values, low, high) - low) / (high - low) * 254
    return np.where(np.isnan(values), 0, np.round(scaled)).astype(np.uint8)


@cache
def code_colors(codes: int) -> NDArray[np.uint8]:
    """Return one colour per code id, ``[codes, 3]``: the same id always has the same colour.

    Hues follow the golden angle, so neighbouring ids look different; three lightnesses and two
    saturations keep ids apart whose hues come close.
    """
    ids = np.arange(codes)
    hue = (ids * 0.618033988749895) % 1.0
    lightness = np.array([0.62, 0.48, 0.74])[ids % 3]
    saturation = np.array([0.62, 0.42])[(ids // 3) % 2]
    chroma = saturation * np.minimum(lightness, 1 - lightness)
    k = (
        np.array([0, 8, 4])[None, :] + hue[:, None] * 12
    ) % 12  # HSL to RGB, one formula per channel
    shape = np.clip(np.minimum(k - 3, 9 - k), -1, 1)
    colors = np.round((lightness[:, None] - chroma[:, None] * shape) * 255).astype(np.uint8)
    colors.flags.writeable = False
    return colors
