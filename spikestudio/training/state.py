"""The resumable state of a training run, in one safetensors file of its run folder."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from spikestudio.atomic import atomic_write
from spikestudio.errors import TrainingError

STATE_FILE = "state.safetensors"
_KEY = "spikestudio-training"


def save_state(
    folder: Path, *, position: Mapping[str, Any], tensors: Mapping[str, Mapping[str, Tensor]]
) -> None:
    """Replace the state in ``folder`` atomically; tensors are stored as ``group/name``."""
    flat = {
        f"{group}/{name}": tensor.detach().cpu().contiguous()
        for group, members in tensors.items()
        for name, tensor in members.items()
    }
    with atomic_write(folder / STATE_FILE) as temporary:
        save_file(flat, temporary, metadata={_KEY: json.dumps(dict(position))})


def load_state(
    folder: Path, *, expected: Mapping[str, Any]
) -> tuple[dict[str, Any], dict[str, dict[str, Tensor]]]:
    """Position and tensors by group; raises ``TrainingError`` unless ``expected`` matches."""
    path = folder / STATE_FILE
    try:
        with safe_open(path, framework="pt") as file:
            position = json.loads((file.metadata() or {})[_KEY])
            tensors: dict[str, dict[str, Tensor]] = {}
            for key in file.keys():  # noqa: SIM118  not a mapping
                group, _, name = key.partition("/")
                tensors.setdefault(group, {})[name] = file.get_tensor(key)
    except FileNotFoundError:
        raise TrainingError(
            f"There is nothing to resume in {folder}: start without --resume."
        ) from None
    except (SafetensorError, KeyError, ValueError, OSError) as error:
        raise TrainingError(f"The training state {path} cannot be read: {error}.") from error
    for name, value in expected.items():
        if position.get(name, value) != value:
            raise TrainingError(
                f"The run in {folder} was started with {name} {position.get(name)!r}, not {value!r}: "
                "resume with the same settings or choose another folder."
            )
    tensors.setdefault("optimiser", {})
    return position, tensors
