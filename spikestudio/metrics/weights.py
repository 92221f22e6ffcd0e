"""Weights of feature networks of others, read as data: nothing in a file is run."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from spikestudio.checkpoints.pickle_io import TensorRef
from spikestudio.checkpoints.torch_file import is_torch_file, read_tensors, read_torch_file
from spikestudio.errors import DataError
from spikestudio.language import tr

_ENTRIES = ("state_dict", "model_state_dict", "model")


def read_weights(path: Path) -> dict[str, Tensor]:
    """Tensors of a ``.safetensors`` file, or of a ``.pt`` or ``.pth`` file with a state dict.

    Raises
    ------
    DataError
        There is no such file, or it holds no tensors.
    CheckpointError
        It is a pickle that would have to run code to be read, or damaged.
    """
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        if not is_torch_file(path):
            raise ValueError(tr("it is not a PyTorch file"))
        file = read_torch_file(path)
        tensors = _tensors(file.contents)
        if not tensors:
            raise ValueError(tr("it holds no tensors"))
        return {
            name.removeprefix("module."): tensor
            for name, tensor in read_tensors(file, tensors).items()
        }
    except (OSError, ValueError, SafetensorError) as error:
        raise DataError(
            tr(
                "{path} holds no weights that can be read ({error}): give a .safetensors or .pth file.",
                path=path,
                error=error,
            ),
            path=path,
        ) from error


def _tensors(contents: Any) -> Mapping[str, TensorRef]:  # noqa: ANN401  whatever the file holds
    if not isinstance(contents, dict):
        return {}
    nested = [contents[name] for name in _ENTRIES if isinstance(contents.get(name), dict)]
    entries = nested[0] if nested else contents
    return {
        name: value
        for name, value in entries.items()
        if isinstance(name, str) and isinstance(value, TensorRef)
    }
