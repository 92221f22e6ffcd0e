"""States of lessons that are of tokens, the codebook, and the auto-encoder that makes them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from spikestudio.app.viewmodels.moments import tokens_after

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from spikestudio.app.viewmodels.codebook import CodebookModel, Usage
    from spikestudio.app.viewmodels.lesson_desk import Desk, Readers
    from spikestudio.lessons.states import Value
    from spikestudio.models.spiking_diffusion.walk import CodecWalk


def readers(desk: Desk) -> Readers:
    """Return how each state is read, by name."""
    return {**_tokens(desk), **_codebook(desk), **_codec(desk)}


def _tokens(desk: Desk) -> Readers:
    run = desk.run

    def revealed() -> NDArray[np.bool_] | None:
        """Cells of the selected image that hold a token after the step that is looked at."""
        tokens = run.tokens
        if tokens is None:
            return None
        image = min(run.selection.image, len(tokens.order) - 1)
        order = tokens.order[image]
        found: NDArray[np.bool_] = (order >= 0) & (order <= desk.step)
        return found

    def count(*, masked: bool) -> Value:
        found = revealed()
        return None if found is None else int((~found if masked else found).sum())

    def size() -> Value:
        found = revealed()
        return None if found is None else found.size

    def confidence() -> Value:
        found, tokens = revealed(), run.tokens
        if found is None or tokens is None or not found.any():
            return None
        image = min(run.selection.image, len(tokens.order) - 1)
        return float(tokens.confidence[image][found].mean())

    return {
        "tokens.masked": lambda: count(masked=True),
        "tokens.revealed": lambda: count(masked=False),
        "tokens.num": size,
        "tokens.reveal_chance": lambda: (
            None
            if run.tokens is None or run.run is None
            else 1 / (len(run.run.timesteps) - desk.step)
        ),
        "tokens.confidence": confidence,
    }


def _codebook(desk: Desk) -> Readers:
    """All images of the run, after the step that is looked at."""

    def used(read: Callable[[CodebookModel, Usage], Value]) -> Callable[[], Value]:
        def value() -> Value:
            book = desk.codebook
            usage = None if book is None else book.usage(desk.step)
            return None if usage is None or book is None else read(book, usage)

        return value

    def count(book: CodebookModel, usage: Usage) -> Value:
        code = book.selected
        return int(usage.counts[code]) if code is not None and code < len(usage.counts) else 0

    def selected() -> int | None:
        return None if desk.codebook is None else desk.codebook.selected

    def cells() -> Value:
        tokens, code = tokens_after(desk.run, desk.step), selected()
        if tokens is None:
            return None
        image = min(desk.run.selection.image, len(tokens.tokens) - 1)
        return 0 if code is None else int((tokens.tokens[image] == code).sum())

    def size() -> Value:
        info = None if desk.codebook is None else desk.codebook.info
        return None if info is None else info.size

    return {
        "codebook.size": size,
        "codebook.selected": selected,
        "codebook.used": used(lambda _book, usage: usage.used),
        "codebook.tokens": used(lambda _book, usage: usage.tokens),
        "codebook.count": used(count),
        "codebook.cells": cells,
    }


def _codec(desk: Desk) -> Readers:
    """The image that went through the auto-encoder, and the cell of it that is looked at."""

    def of(read: Callable[[CodecWalk, tuple[int, int]], Value]) -> Callable[[], Value]:
        def value() -> Value:
            walks = desk.walks
            walk = None if walks is None else walks.walk
            return None if walks is None or walk is None else read(walk, walks.place(walk))

        return value

    def error(walk: CodecWalk, _cell: tuple[int, int]) -> Value:
        gaps = (walk.image.astype(np.float64) - walk.reconstruction) / 255
        return float((gaps**2).mean())

    return {
        "codec.cell": of(lambda walk, cell: cell[0] * walk.tokens.shape[1] + cell[1] + 1),
        "codec.token": of(lambda walk, cell: int(walk.tokens[cell])),
        "codec.distance": of(lambda walk, cell: float(walk.distances(*cell).min())),
        "codec.features": of(lambda walk, _cell: walk.z.shape[0]),
        "codec.spikes": of(lambda walk, cell: int(walk.encoder_spikes[:, :, *cell].sum())),
        "codec.error": of(error),
    }
