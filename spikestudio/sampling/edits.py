"""What is done by hand to the tokens that enter a denoising step. Needs no torch."""

from __future__ import annotations

import operator
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spikestudio.errors import ConfigError
from spikestudio.language import tr
from spikestudio.recording.values import State

_LONGEST = 60  # characters of a wrong value that are shown
LOCK, PAINT, CLEAR = KINDS = ("lock", "paint", "clear")


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenEdit:
    """What is done to some cells of the token maps before the first step of a branch.

    Parameters
    ----------
    kind
        ``lock``: the edits that follow leave these cells alone, which must be revealed; as no step
        revises a revealed cell, their tokens are kept to the end. ``paint``: the cells take these
        codes and count as revealed. ``clear``: the cells are masked again, and the steps that are left
        reveal them.
    cells
        Row-major ids in the token map.
    codes
        Of ``paint`` only: a code for each cell, or one for all.
    images
        Positions in the batch; None stands for all.

    Raises
    ------
    ConfigError
        An unknown kind, no cells, or codes that do not fit the kind or the cells.
    """

    kind: str
    cells: tuple[int, ...]
    codes: tuple[int, ...] | None = None
    images: tuple[int, ...] | None = None

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise edit_error(
                tr(
                    "Unknown kind of token edit {cut}: choose one of {kinds}",
                    cut=_cut(self.kind),
                    kinds=", ".join(KINDS),
                )
            )
        cells = _ids("cells", self.cells)
        if self.kind == PAINT:
            codes = _ids("codes", self.codes if _is_list(self.codes) else (self.codes,))
            codes = codes * len(cells) if len(codes) == 1 else codes
            if len(codes) != len(cells):
                raise edit_error(
                    tr(
                        "To paint {num_cells} cells give as many codes, or one for all, "
                        "not {num_codes}",
                        num_cells=len(cells),
                        num_codes=len(codes),
                    )
                )
            painted = dict(zip(cells, codes, strict=True))  # the last of a cell named twice
            object.__setattr__(self, "codes", tuple(painted.values()))
        elif self.codes is not None:
            raise edit_error(
                tr(
                    "Only {paint} takes codes: leave them out of {kind}",
                    paint=PAINT,
                    kind=self.kind,
                )
            )
        object.__setattr__(self, "cells", tuple(dict.fromkeys(cells)))
        if self.images is not None:
            object.__setattr__(self, "images", _ids("images", self.images))

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values; what is left out is None."""
        values = asdict(self).items()
        return {name: list(v) if isinstance(v, tuple) else v for name, v in values}

    @classmethod
    def from_json(cls, mapping: Mapping[str, Any]) -> TokenEdit:
        """Make one from plain values; raises ``ConfigError``."""
        if not {"kind", "cells"} <= {*mapping} <= {"kind", "cells", "codes", "images"}:
            raise edit_error(
                tr(
                    "A token edit has a kind, cells, codes and images, not {cut}",
                    cut=_cut([*mapping]),
                )
            )
        return cls(**mapping)


def as_edits(values: object) -> tuple[TokenEdit, ...]:
    """Edits from a sequence of them, or of their plain values; raises ``ConfigError``."""
    if _is_list(values) and all(isinstance(v, TokenEdit | Mapping) for v in values):  # type: ignore[attr-defined]
        return tuple(
            v if isinstance(v, TokenEdit) else TokenEdit.from_json(v)
            for v in values  # type: ignore[attr-defined]
        )
    raise edit_error(tr("The token edits must be a list of edits, not {cut}", cut=_cut(values)))


def check_edits(edits: Iterable[TokenEdit], num: int, num_cells: int, num_codes: int) -> None:
    """Raise ``ConfigError`` for an edit that does not fit the batch, the token map or the codebook."""
    for edit in edits:
        for ids, size, name in (
            (edit.images, num, "images"),
            (edit.cells, num_cells, tr("token cells")),
            (edit.codes, num_codes, "codes"),
        ):
            if ids is not None and max(ids) >= size:
                raise edit_error(
                    tr(
                        "There are the {name} 0 to {size}, not {ids}",
                        name=name,
                        size=size - 1,
                        ids=max(ids),
                    )
                )


def edited(
    state: State, edits: Iterable[TokenEdit], step: int, mask_id: int
) -> dict[str, NDArray[Any]]:
    """Tokens that enter a denoising step after the edits, which are done in their order.

    A painted cell counts as revealed in ``step``, with confidence 1: nothing was drawn. What the
    schedule makes of cleared and painted cells is said at ``diffusion.absorbing.unmask``.

    Raises
    ------
    ConfigError
        A cell to lock is masked.
    """
    maps = {name: np.array(state[name]) for name in ("tokens", "revealed", "confidence")}
    tokens, revealed, confidence = (each.reshape(len(each), -1) for each in maps.values())
    locked = np.zeros(tokens.shape, bool)
    for edit in edits:
        where = np.ix_(edit.images or range(len(tokens)), edit.cells)
        if edit.kind == LOCK:
            _check_revealed(revealed, where, step)
            locked[where] = True
            continue
        new: tuple[Any, ...] = (edit.codes, step, 1.0) if edit.kind == PAINT else (mask_id, -1, 0.0)
        for values, value in zip((tokens, revealed, confidence), new, strict=True):
            values[where] = np.where(locked[where], values[where], value)
    return maps


def _check_revealed(revealed: NDArray[Any], where: Any, step: int) -> None:  # noqa: ANN401
    masked = np.argwhere(revealed[where] < 0)
    if len(masked):
        image, cell = (int(axis.ravel()[k]) for axis, k in zip(where, masked[0], strict=True))
        raise edit_error(
            tr(
                "Cell {cell} of image {image} is masked when denoising step {step} begins, so there is "
                "no token to lock: paint one instead",
                cell=cell,
                image=image,
                step=step,
            )
        )


def whole_number(what: str, number: Any) -> int:  # noqa: ANN401  whatever was given
    """A whole number from 0 on; raises ``ConfigError``."""
    try:
        whole = -1 if isinstance(number, bool) else operator.index(number)
    except TypeError:
        whole = -1
    if not 0 <= whole < 2**31:
        raise edit_error(
            tr(
                "The {what} must be a whole number from 0 on, not {cut}",
                what=what,
                cut=_cut(number),
            )
        )
    return whole


def edit_error(sentence: str) -> ConfigError:
    """One that blames the branch."""
    return ConfigError(f"{sentence}.", field="branch")


def _ids(name: str, ids: Any) -> tuple[int, ...]:  # noqa: ANN401
    if not _is_list(ids) or not len(ids):
        raise edit_error(
            tr(
                "The {name} of a token edit must be a list of numbers, not {cut}",
                name=name,
                cut=_cut(ids),
            )
        )
    return tuple(whole_number(tr("{name} of a token edit", name=name), each) for each in ids)


def _is_list(values: object) -> bool:
    if isinstance(values, np.ndarray):
        return values.ndim == 1
    return isinstance(values, Sequence) and not isinstance(values, str | bytes | bytearray)


def _cut(value: object) -> str:
    """What was given as it fits into a sentence, whatever it is and however long."""
    text = " ".join(repr(value).split())
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
