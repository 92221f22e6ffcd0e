"""The resumable state of a training run, in one safetensors file of its run folder."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from spikestudio.atomic import atomic_write, temporary_beside
from spikestudio.errors import TrainingError
from spikestudio.language import tr
from spikestudio.training.presets import Stage

STATE_FILE = "state.safetensors"
_KEY = "spikestudio-training"


def save_state(
    folder: Path, *, position: Mapping[str, Any], tensors: Mapping[str, Mapping[str, Tensor]]
) -> None:
    """Replace the state in ``folder`` atomically; tensors are stored as ``group/name``.

    Raises ``ExportError``; the state that was there is then unchanged.
    """
    flat = {
        f"{group}/{name}": tensor.detach().cpu().contiguous()
        for group, members in tensors.items()
        for name, tensor in members.items()
    }
    with atomic_write(folder / STATE_FILE) as temporary:
        _save_tensors(temporary, flat, json.dumps(dict(position)))


def _save_tensors(path: Path, tensors: dict[str, Tensor], position: str) -> None:
    """Write a file of tensors; raises ``OSError``, where the library has an error of its own.

    The library writes to a temporary file of its own beside it first: in a folder with a name that is
    recognised if the process is killed.
    """
    folder = temporary_beside(path)
    folder.mkdir()
    try:
        save_file(tensors, folder / path.name, metadata={_KEY: position})
        (folder / path.name).replace(path)
    except SafetensorError as error:
        number = re.search(r"os error (\d+)", str(error))
        if number is None:
            raise OSError(str(error)) from error
        raise OSError(int(number[1]), os.strerror(int(number[1]))) from error
    finally:
        shutil.rmtree(folder, ignore_errors=True)


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
            tr("There is nothing to resume in {folder}: start without --resume.", folder=folder)
        ) from None
    except (SafetensorError, KeyError, ValueError, OSError) as error:
        raise TrainingError(
            tr("The training state {path} cannot be read: {error}.", path=path, error=error)
        ) from error
    for name, value in expected.items():
        if position.get(name, value) != value:
            raise TrainingError(
                tr(
                    "The run in {folder} was started with {name} {position!r}, not {value!r}: "
                    "resume with the same settings or choose another folder.",
                    folder=folder,
                    name=name,
                    position=position.get(name),
                    value=value,
                )
            )
    tensors.setdefault("optimiser", {})
    return position, tensors


def make_optimiser(
    stage: Stage, trained: nn.Module, saved: Mapping[str, Tensor]
) -> torch.optim.AdamW:
    """Optimiser of a stage, with the moments that ``optimiser_tensors`` gave, if any."""
    parameters = [p for p in trained.parameters() if p.requires_grad]
    optimiser = torch.optim.AdamW(
        parameters, lr=stage.learning_rate, weight_decay=stage.weight_decay
    )
    for index, parameter in enumerate(parameters):
        if f"{index}.exp_avg" in saved:
            optimiser.state[parameter] = {
                "step": saved[f"{index}.step"].cpu(),
                **{
                    # laid out in memory like the weights, which makes steps faster
                    name: torch.empty_like(parameter).copy_(saved[f"{index}.{name}"])
                    for name in ("exp_avg", "exp_avg_sq")
                },
            }
    return optimiser


def optimiser_tensors(optimiser: torch.optim.Optimizer) -> dict[str, Tensor]:
    """State of an optimiser as ``number of the parameter.name``."""
    states = (optimiser.state[p] for p in optimiser.param_groups[0]["params"])
    return {
        f"{index}.{name}": value
        for index, state in enumerate(states)
        for name, value in state.items()
    }
