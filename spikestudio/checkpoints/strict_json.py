"""JSON from files of strangers: finite numbers, no repeated names, bounded depth."""

from __future__ import annotations

import json
from math import isfinite
from typing import Any, NoReturn

from spikestudio.language import tr

MAX_DEPTH = 8
MAX_LINEAGE = 64  # of provenance: a branch of a branch is two levels deeper
_MAX_INT = 2**63 - 1


def parse(data: bytes, max_depth: int = MAX_DEPTH) -> Any:  # noqa: ANN401  any JSON value
    """Parse UTF-8 JSON; raises ``ValueError`` saying what is wrong. The caller bounds the size."""
    try:
        value = json.loads(
            data.decode("utf-8"),
            parse_constant=_refuse_constant,
            parse_float=_finite,
            parse_int=_bounded,
            object_pairs_hook=_unique,
        )
    except UnicodeDecodeError:
        raise ValueError(tr("it is not UTF-8 text")) from None
    except json.JSONDecodeError as error:
        raise ValueError(
            tr("it is not JSON ({msg} at character {pos})", msg=error.msg, pos=error.pos)
        ) from None
    except RecursionError:
        raise ValueError(
            tr("it is nested more than {max_depth} levels deep", max_depth=max_depth)
        ) from None
    _check_depth(value, max_depth)
    return value


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(tr("it holds {name}, which is not a finite number", name=name))


def _finite(text: str) -> float:
    value = float(text)
    if not isfinite(value):
        raise ValueError(
            tr("it holds {the_text}, which is not a finite number", the_text=text[:20])
        )
    return value


def _bounded(text: str) -> int:
    if len(text) > 20 or abs(int(text)) > _MAX_INT:
        raise ValueError(
            tr("it holds the number {the_text}…, which is too large", the_text=text[:20])
        )
    return int(text)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    names = dict(pairs)
    if len(names) != len(pairs):
        raise ValueError(tr("a name occurs twice in it"))
    return names


def _check_depth(value: Any, max_depth: int) -> None:  # noqa: ANN401
    level = [value]
    for _ in range(max_depth):
        level = [
            child
            for item in level
            if isinstance(item, dict | list)
            for child in (item.values() if isinstance(item, dict) else item)
        ]
        if not level:
            return
    raise ValueError(tr("it is nested more than {max_depth} levels deep", max_depth=max_depth))
