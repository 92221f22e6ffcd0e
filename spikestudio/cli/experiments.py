"""Experiments on neurons, as commands read them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

MAX_BYTES = 2**22  # of a file: lists of neurons may be long


def read_overrides(path: Path) -> list[Any]:
    """Read a JSON list; what is in it is checked with the rest of the request."""
    from spikestudio.checkpoints import strict_json
    from spikestudio.errors import ConfigError

    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
        if len(data) > MAX_BYTES:
            raise ValueError(f"it is longer than {MAX_BYTES:,} bytes")
        values = strict_json.parse(data)
    except (OSError, ValueError) as error:
        raise ConfigError(
            f"The overrides {path} cannot be read ({error}): give a file with a JSON list.",
            field="overrides",
        ) from error
    if not isinstance(values, list):
        raise ConfigError(
            f"The overrides {path} hold {type(values).__name__} and not a list: put [ ] around them.",
            field="overrides",
        )
    return values
