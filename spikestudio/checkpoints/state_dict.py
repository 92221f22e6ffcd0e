"""The state dict in an official file: found, cleaned of what wrappers add, and recognised."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from spikestudio.checkpoints.files import damaged, require_file
from spikestudio.checkpoints.pickle_io import TensorRef
from spikestudio.checkpoints.torch_file import TorchFile, is_torch_file, read_torch_file
from spikestudio.errors import ConfigError, UnknownFormatError

PARTS = ("net_model", "ema_model", "model", "state_dict")
"""Entries that hold a state dict, the one that is taken first."""
_PREFIXES = ("module.", "_orig_mod.")  # of data-parallel and of compiled modules
_NAME = re.compile(r"[A-Za-z0-9_.]{1,180}")
_MAX_TENSORS = 20_000
_STAGES = {  # a name that only this network has
    "sddpm": re.compile(r"time_embedding\.timembedding\.|T_output_layer\.|downblocks\."),
    "sdit": re.compile(r"x_embedder\.|in_blocks\.|mid_block\."),
    "vqsvae": re.compile(r"vq_layer\.|encoder\.snn_convs\."),
    "sdid": re.compile(r"conv[0-9]{1,2}\.0\.weight"),
}


@dataclass(frozen=True, slots=True)
class State:
    """The state dict of one file: its tensors by cleaned names, and what lies beside it."""

    file: TorchFile
    stage: str
    part: str
    tensors: Mapping[str, TensorRef]
    originals: Mapping[str, str]

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        return {name: tensor.shape for name, tensor in self.tensors.items()}


def read_state(path: Path, part: str | None, renames: Mapping[str, str]) -> State:
    """Read a file's state dict: the entry ``part``, or the first of ``PARTS``, or a bare one.

    Raises ``CheckpointError`` if the file cannot be read or is of no network that is known,
    ``ConfigError`` if there is no such part or the renames clash.
    """
    require_file(path)
    if not is_torch_file(path):
        raise UnknownFormatError(
            f"Cannot open {path}: it is not a PyTorch file; choose a .pt or .pth file of the papers' "
            "code.",
            path=path,
        )
    file = read_torch_file(path)
    part, entries = _find_part(file, part)
    tensors = {name: value for name, value in entries.items() if isinstance(value, TensorRef)}
    if len(tensors) > _MAX_TENSORS:
        raise damaged(path, f"it lists {len(tensors)} tensors where {_MAX_TENSORS} are allowed")
    odd = [name for name in tensors if not (isinstance(name, str) and _NAME.fullmatch(name))]
    if odd:
        raise damaged(path, f"it holds a tensor of the odd name {str(odd[0])[:40]!a}")
    originals = _rename(_without_prefixes(tensors), renames)
    cleaned = {ours: tensors[theirs] for ours, theirs in originals.items()}
    counts = {
        stage: sum(bool(pattern.match(name)) for name in cleaned)
        for stage, pattern in _STAGES.items()
    }
    stage = max(counts, key=lambda each: counts[each])
    if not counts[stage]:
        names = ", ".join(list(cleaned)[:3]) or "none"
        raise UnknownFormatError(
            f"Cannot open {path}: it is a pickled PyTorch file whose {len(cleaned)} tensors "
            f"({names[:200]}) are of no network that SpikeStudio knows; choose an SDDPM, SDM, "
            "Spiking-Diffusion or SDiT file.",
            path=path,
        )
    return State(file, stage, part, cleaned, originals)


def _find_part(file: TorchFile, wanted: str | None) -> tuple[str, Mapping[Any, Any]]:
    """The state dict and the name of its entry, empty for a bare one."""
    contents = file.contents
    if isinstance(contents, dict):
        parts = [name for name in PARTS if isinstance(contents.get(name), dict)]
        if wanted is not None:
            if not isinstance(contents.get(wanted), dict):
                there = ", ".join(parts) or "none"
                raise ConfigError(
                    f"{file.path} has no entry {wanted[:40]!r} with weights: choose one of those it "
                    f"has ({there}).",
                    field="part",
                )
            return wanted, contents[wanted]
        if parts:
            return parts[0], contents[parts[0]]
        return "", contents
    raise damaged(file.path, "it is not a dictionary of tensors")


def _without_prefixes(names: Mapping[str, object]) -> dict[str, str]:
    """Names in the file by their names without what wrappers put before all of them."""
    originals = {name: name for name in names}
    while prefix := next(
        (p for p in _PREFIXES if all(name.startswith(p) for name in originals)), ""
    ):
        if not originals:
            break
        originals = {name.removeprefix(prefix): theirs for name, theirs in originals.items()}
    return originals


def _rename(originals: Mapping[str, str], renames: Mapping[str, str]) -> dict[str, str]:
    """Apply a user's renames, given for names in the file or for cleaned ones."""
    result = {
        renames.get(theirs, renames.get(name, name)): theirs for name, theirs in originals.items()
    }
    if len(result) != len(originals):
        raise ConfigError("Two tensors would get the same name: rename others.", field="renames")
    return result
