"""The state dict in an official file: found, cleaned of what wrappers add, and recognised."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from spikestudio.checkpoints.files import damaged, require_file
from spikestudio.checkpoints.pickle_io import TensorRef
from spikestudio.checkpoints.renames import renamed, unique
from spikestudio.checkpoints.torch_file import TorchFile, is_torch_file, read_torch_file
from spikestudio.errors import ConfigError, UnknownFormatError
from spikestudio.language import tr

PARTS = ("net_model", "ema_model", "model", "state_dict")
"""Entries that hold a state dict, the one that is taken first."""
_PREFIXES = ("module.", "_orig_mod.")  # of data-parallel and of compiled modules
_MAX_WRAPPERS = 4  # modules around a network, of other programs
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
    """The state dict of one file: its tensors by cleaned names, and what lies beside it.

    ``applied`` are the user's renames that fitted a tensor.
    """

    file: TorchFile
    stage: str
    part: str
    tensors: Mapping[str, TensorRef]
    originals: Mapping[str, str]
    applied: frozenset[str]

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
            tr(
                "Cannot open {path}: it is not a PyTorch file; choose a .pt or .pth file of the "
                "papers' "
                "code.",
                path=path,
            ),
            path=path,
        )
    file = read_torch_file(path)
    part, entries = _find_part(file, part)
    tensors = {name: value for name, value in entries.items() if isinstance(value, TensorRef)}
    if len(tensors) > _MAX_TENSORS:
        raise damaged(
            path,
            tr(
                "it lists {num_tensors} tensors where {_max_tensors} are allowed",
                num_tensors=len(tensors),
                _max_tensors=_MAX_TENSORS,
            ),
        )
    odd = [name for name in tensors if not (isinstance(name, str) and _NAME.fullmatch(name))]
    if odd:
        raise damaged(path, tr("it holds a tensor of the odd name {odd!a}", odd=str(odd[0])[:40]))
    originals, applied = _rename(_without_prefixes(tensors), renames)
    stage = _stage(originals)
    for _ in range(_MAX_WRAPPERS):
        if stage:
            break
        # A network inside a module of another program: ``unet.conv.weight`` is ``conv.weight``.
        originals = _unwrapped(originals)
        stage = _stage(originals)
    cleaned = {ours: tensors[theirs] for ours, theirs in originals.items()}
    if not stage:
        names = ", ".join(list(tensors)[:3]) or "none"
        raise UnknownFormatError(
            tr(
                "Cannot open {path}: it is a pickled PyTorch file whose {num_cleaned} tensors "
                "({name}) are of no network that SpikeStudio knows; choose an SDDPM, SDM, "
                "Spiking-Diffusion or SDiT file.",
                path=path,
                num_cleaned=len(cleaned),
                name=names[:200],
            ),
            path=path,
        )
    return State(file, stage, part, cleaned, originals, applied)


def _find_part(file: TorchFile, wanted: str | None) -> tuple[str, Mapping[Any, Any]]:
    """The state dict and the name of its entry, empty for a bare one."""
    contents = file.contents
    if isinstance(contents, dict):
        parts = [name for name in PARTS if isinstance(contents.get(name), dict)]
        if wanted is not None:
            if not parts and not isinstance(contents.get(wanted), dict):
                raise ConfigError(
                    tr(
                        "{file_path} is one set of weights without entries: do not choose {wanted!r}.",
                        file_path=file.path,
                        wanted=wanted[:40],
                    ),
                    field="part",
                )
            if not isinstance(contents.get(wanted), dict):
                there = ", ".join(parts)
                raise ConfigError(
                    tr(
                        "{file_path} has no entry {wanted!r} with weights: choose one of those it "
                        "has ({there}).",
                        file_path=file.path,
                        wanted=wanted[:40],
                        there=there,
                    ),
                    field="part",
                )
            return wanted, contents[wanted]
        if parts:
            return parts[0], contents[parts[0]]
        return "", contents
    raise damaged(file.path, tr("it is not a dictionary of tensors"))


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


def _unwrapped(originals: Mapping[str, str]) -> dict[str, str]:
    """Names without their first part where all have the same."""
    first = {name.partition(".")[0] for name in originals if "." in name}
    if len(first) != 1 or not all("." in name for name in originals):
        return dict(originals)
    return {name.partition(".")[2]: theirs for name, theirs in originals.items()}


def _stage(names: Collection[str]) -> str:
    """The network that most of the names are of, empty if they are of none."""
    counts = {
        stage: sum(bool(pattern.match(name)) for name in names)
        for stage, pattern in _STAGES.items()
    }
    stage = max(counts, key=lambda each: counts[each])
    return stage if counts[stage] else ""


def _rename(
    originals: Mapping[str, str], renames: Mapping[str, str]
) -> tuple[dict[str, str], frozenset[str]]:
    """Apply a user's renames, given for names in the file, for cleaned ones or for ours."""
    result: dict[str, str] = {}
    applied = set()
    for name, theirs in originals.items():
        spellings = {theirs: "", name: "", f"vqsvae.{name}": "vqsvae.", f"sdid.{name}": "sdid."}
        found = ((*renamed(each, renames), prefix) for each, prefix in spellings.items())
        new, old, prefix = next((each for each in found if each[1]), (name, "", ""))
        applied |= {old} - {""}
        unique(result, [(new.removeprefix(prefix), theirs)])
    return result, frozenset(applied)
