"""Any checkpoint file, ours or official, as a card, descriptions of tensors and a way to read them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING

from spikestudio.checkpoints.card import Card
from spikestudio.checkpoints.examine import Stored
from spikestudio.checkpoints.files import require_file, unreadable
from spikestudio.checkpoints.official import Choices, read_official
from spikestudio.checkpoints.renames import rename_all
from spikestudio.checkpoints.safetensors_io import AUXILIARY, read_header, read_tensors
from spikestudio.checkpoints.torch_file import is_torch_file
from spikestudio.errors import ConfigError
from spikestudio.language import tr

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, slots=True)
class Contents:
    """What a file holds, before its tensors are read.

    ``tensors`` leaves out those under ``aux.``, which are no part of the network; ``read`` gives all.
    ``read_loosely`` gives them also where they are not those that the card was written for.
    ``renamed`` pairs names in the file with the network's where they differ.
    """

    path: Path
    card: Card
    tensors: Mapping[str, Stored]
    read: Callable[[], dict[str, Tensor]]
    read_loosely: Callable[[], dict[str, Tensor]]
    renamed: tuple[tuple[str, str], ...] = ()
    is_official: bool = False
    is_strict: bool = False

    @property
    def num_parameters(self) -> int:
        """Numbers in the network's tensors."""
        return sum(prod(tensor.shape) for tensor in self.tensors.values())


def open_checkpoint(
    path: Path,
    second: Path | None = None,
    choices: Choices | None = None,
    *,
    must_be_official: bool = False,
) -> Contents:
    """Read what a checkpoint says of itself; needs no torch.

    Parameters
    ----------
    path, second
        A ``.safetensors`` file of ours, or an official file and, for Spiking-Diffusion, its other half.
    choices
        What is known of an official file; of one of ours, the renames alone.
    must_be_official
        Refuse files of ours.

    Raises
    ------
    CheckpointError
        The file cannot be used; the subclasses say in which way.
    ConfigError
        A choice that contradicts the file, a rename that fits no tensor, or a file of ours where an
        official one is wanted.
    """
    require_file(path)
    try:
        is_official = is_torch_file(path)
    except OSError as error:
        raise unreadable(path, error) from error
    if is_official:
        found = read_official(path, second, choices)
        is_strict = choices is not None and choices.strict
        return Contents(
            *(path, found.card, found.tensors, found.read, found.read, found.renamed),
            is_official=True,
            is_strict=is_strict,
        )
    header = read_header(path)
    renames = {} if choices is None else choices.renames
    if must_be_official or second is not None or choices not in (None, Choices(renames=renames)):
        raise ConfigError(
            tr("{path} is a SpikeStudio checkpoint already: its card has every setting.", path=path)
        )
    originals = rename_all(header.tensors, renames)
    ours = {theirs: name for name, theirs in originals.items()}
    return Contents(
        path,
        header.card,
        {
            name: header.tensors[theirs]
            for name, theirs in originals.items()
            if not name.startswith(AUXILIARY)
        },
        lambda: read_tensors(header, ours),
        lambda: read_tensors(header, ours, verify=False),
        tuple((theirs, name) for name, theirs in originals.items() if name != theirs),
    )
