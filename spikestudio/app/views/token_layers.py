"""What the token map shows of a step: colours with their scale, words, the decoded image."""

from __future__ import annotations

from math import log2

import numpy as np
from numpy.typing import NDArray

from spikestudio.app.plots.palettes import code_colors, scalar_indices, scalar_lut
from spikestudio.app.plots.scale_bar import Mark, ScaleBar
from spikestudio.app.plots.token_bars import share_text
from spikestudio.language import tr
from spikestudio.sampling.events import ImagePreview, TokensUnmasked

CODE, CONFIDENCE, ENTROPY, ORDER = (
    tr("code"),
    tr("confidence"),
    tr("entropy"),
    tr("order of reveal"),
)
LAYERS = (CODE, CONFIDENCE, ENTROPY, ORDER)


def cell_colors(
    kind: str,
    tokens: TokensUnmasked,
    image: int,
    steps: int,
    entropy: NDArray[np.float32] | None = None,
) -> NDArray[np.uint8]:
    """Return the colours of an image's cells, ``[h, w, 3]``.

    ``entropy`` ``[h, w]`` in bits is needed for that layer only; where it is NaN the colour means
    nothing.
    """
    if kind == CODE:
        colors: NDArray[np.uint8] = code_colors(tokens.mask_id + 1)[tokens.tokens[image]]
        return colors
    if kind == ORDER:
        indices = scalar_indices(tokens.order[image] + 1.0, 1, max(2, steps))
    elif kind == ENTROPY:
        assert entropy is not None
        indices = scalar_indices(entropy, 0, most_bits(tokens.mask_id))
    else:
        indices = scalar_indices(tokens.confidence[image], 0, 1)
    return scalar_lut()[indices, :3]


def show_scale(scale: ScaleBar, kind: str, codes: int, steps: int) -> None:
    """Let a scale bar say what the colours of a layer mean; codes have none."""
    scale.setVisible(kind != CODE)
    marks: tuple[Mark, ...] = ((0.0, "0"), (0.5, "0.5"), (1.0, "1"))
    title = tr("probability of the code drawn")
    if kind == CODE:
        return
    if kind == ORDER:
        marks, title = ((0.0, "1"), (1.0, f"{max(2, steps):,}")), tr("revealed in step")
    elif kind == ENTROPY:
        most = most_bits(codes)
        marks, title = ((0.0, "0"), (1.0, f"{most:.3g}")), tr("entropy, bits")
    scale.set_scale(title, scalar_lut(), marks, tr("masked"))


def most_bits(codes: int) -> float:
    """Return the entropy of equally likely codes."""
    return log2(codes)


def describe_cell(
    cell: tuple[int, int],
    tokens: TokensUnmasked,
    image: int,
    entropy: float | None = None,
    *,
    is_painted: bool = False,
) -> str:
    """Return what is known of one cell, in a line; ``entropy`` in bits, None where not kept."""
    row, column = cell
    where = tr("Cell x {column}, y {row}", column=column, row=row)
    token = int(tokens.tokens[image, row, column])
    bits = "" if entropy is None else tr(", entropy {share} bits", share=share_text(entropy))
    if token == tokens.mask_id:
        return tr(
            "{where}: still masked{bits}", where=where, bits=bits and tr(", prediction") + bits[1:]
        )
    step = int(tokens.order[image, row, column]) + 1
    if is_painted:
        return tr(
            "{where}: code {token:,}, painted before step {step:,}",
            where=where,
            token=token,
            step=step,
        )
    confidence = share_text(float(tokens.confidence[image, row, column]))
    return tr(
        "{where}: code {token:,}, confidence {confidence}{bits}, revealed in step {step:,}",
        where=where,
        token=token,
        confidence=confidence,
        bits=bits,
        step=step,
    )


def decoded_at(
    preview: ImagePreview | None, step: int, *, is_live: bool
) -> tuple[NDArray[np.uint8] | None, str]:
    """Return the codebook's pictures to show beside the tokens of a step, and their heading.

    While a run goes on those of the step before may be the newest; an earlier step has its own or none.
    """
    if preview is None or preview.decoded is None or (preview.step != step and not is_live):
        return None, tr("decoded: not kept for step {step:,}", step=step + 1)
    if preview.step != step:
        return preview.decoded, tr("decoded, step {preview_step:,}", preview_step=preview.step + 1)
    return preview.decoded, tr("decoded")
