"""Pictures of token maps with edits that are not yet done, and what is said of these."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from spikestudio.app.plots.palettes import code_colors
from spikestudio.app.plots.token_item import TokenPicture
from spikestudio.app.plots.token_marks import Cell
from spikestudio.app.viewmodels.token_edits import TokenEditor
from spikestudio.language import tr


def real_picture(editor: TokenEditor) -> TokenPicture:
    """Return the map of the real image that is edited, and beside it the image itself."""
    base = editor.base
    assert base is not None
    assert base.image is not None
    ids = editor.tokens(0)
    picture = TokenPicture(
        ids=ids,
        is_masked=ids == base.mask_id,
        is_new=np.zeros(ids.shape, bool),
        colors=code_colors(base.mask_id + 1)[ids],
        decoded=base.image.pixels,
        heading=tr("real image, {image}", image=base.image.name),
        map_heading=tr("its tokens"),
    )
    return _marked(picture, editor, 0)


def edited_picture(picture: TokenPicture, editor: TokenEditor, image: int) -> TokenPicture:
    """Return the picture of an image's tokens as they are with the edits done.

    A painted cell has the colour of its code whatever the others show: nothing was drawn there.
    """
    base = editor.base
    assert base is not None
    ids, painted = editor.tokens(image), editor.painted(image)
    is_masked = ids == base.mask_id
    colors = picture.colors.copy()
    colors[painted] = code_colors(base.mask_id + 1)[ids[painted]]
    heading = picture.heading
    if picture.decoded is not None:
        heading += tr(", before the edits")
    unknown = picture.is_unknown
    return _marked(
        replace(
            picture,
            ids=ids,
            is_masked=is_masked,
            is_new=picture.is_new & ~is_masked & ~painted,
            colors=colors,
            is_unknown=None if unknown is None else unknown & ~painted,
            heading=heading,
            map_heading=tr("tokens, edited"),
        ),
        editor,
        image,
    )


def _marked(picture: TokenPicture, editor: TokenEditor, image: int) -> TokenPicture:
    locked, pins, cleared = editor.locked(image), picture.is_pinned, editor.cleared(image)
    return replace(
        picture,
        is_pinned=locked if pins is None else locked | pins & ~cleared & ~editor.painted(image),
        is_painted=editor.painted(image),
        is_cleared=cleared,
    )


def describe_edit(editor: TokenEditor, image: int, cell: Cell) -> str:
    """Return what is to be done to a cell, empty if nothing is."""
    if editor.base is None:
        return ""
    words = []
    if editor.painted(image)[cell]:
        words.append(tr("painted code {token:,}", token=int(editor.tokens(image)[cell])))
    if editor.cleared(image)[cell]:
        words.append(tr("cleared"))
    if editor.locked(image)[cell]:
        words.append(tr("locked"))
    return tr("edit: {words}", words=", ".join(words)) if words else ""
