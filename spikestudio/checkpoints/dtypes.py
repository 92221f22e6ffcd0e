"""Number types by the names that safetensors gives them."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    import torch
    from torch import Tensor

ITEM_BYTES = {
    **{"BOOL": 1, "U8": 1, "I8": 1, "I16": 2, "F16": 2, "BF16": 2},
    **{"I32": 4, "F32": 4, "I64": 8, "F64": 8},
}


@cache
def torch_dtypes() -> dict[str, torch.dtype]:
    """Type of torch by each name."""
    import torch

    return {
        **{"BOOL": torch.bool, "U8": torch.uint8, "I8": torch.int8, "I16": torch.int16},
        **{"I32": torch.int32, "I64": torch.int64, "F16": torch.float16},
        **{"BF16": torch.bfloat16, "F32": torch.float32, "F64": torch.float64},
    }


def read_flat(stream: BinaryIO, numel: int, dtype: str) -> Tensor | None:
    """Read ``numel`` items from where the stream is, ``[numel]``; None if it ends before.

    They are read to where they stay, so that nothing but their own bytes is allocated.
    """
    import torch

    raw = torch.empty(numel * ITEM_BYTES[dtype], dtype=torch.uint8)
    wanted, done = raw.numpy().data, 0
    while done < len(wanted):
        count = stream.readinto(wanted[done:])  # type: ignore[attr-defined]
        if not count:
            return None
        done += count
    return raw.view(torch_dtypes()[dtype])
