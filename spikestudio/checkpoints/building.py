"""From the contents of a file to tensors that are known to fit, and to a network."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from torch import Tensor, nn

from spikestudio.checkpoints.construction import construct, outline
from spikestudio.checkpoints.contents import Contents
from spikestudio.checkpoints.examine import CONSTANTS, Findings, compare_names, compare_values
from spikestudio.errors import CheckpointError, ConfigError
from spikestudio.models.config import from_json
from spikestudio.models.registry import ARCHITECTURES


def examine(contents: Contents, *, values: bool = True) -> Findings:
    """Compare a file with the network that it describes, with its ``values`` where the names fit.

    Raises ``CheckpointError`` if the configuration is out of range or the tensors cannot be read.
    """
    return _examine(contents, values=values)[0]


def checked_tensors(contents: Contents) -> dict[str, Tensor]:
    """Read all tensors; raises ``CheckpointError`` unless they fit the network and are finite.

    An official file's absent constant tables are added.
    """
    findings, tensors, needed = _examine(contents)
    findings.require_usable(contents.path, contents.card.architecture)
    if contents.is_official:
        tensors |= {name: needed[name] for name in findings.regenerated}
    return tensors


def build_network(contents: Contents, tensors: Mapping[str, Tensor]) -> nn.Module:
    """Network on the CPU with the tensors that ``checked_tensors`` gave."""
    network = construct(_builder(contents))
    for name, target in network.state_dict().items():
        tensor = tensors.get(name)
        # A table that was rounded to float16 is computed instead.
        if tensor is not None and (tensor.dtype == target.dtype or not name.endswith(CONSTANTS)):
            target.copy_(tensor)
    return network


def _examine(
    contents: Contents, *, values: bool = True
) -> tuple[Findings, dict[str, Tensor], dict[str, Tensor]]:
    # Without memory first: a hostile configuration must not make us allocate more than the file has.
    needed = outline(_builder(contents))
    findings = compare_names(contents.tensors, needed, contents.renamed, strict=contents.is_strict)
    if not (findings.fits and values):
        return findings, {}, needed
    tensors = contents.read()
    return compare_values(findings, tensors, needed, strict=contents.is_strict), tensors, needed


def _builder(contents: Contents) -> Callable[[], nn.Module]:
    architecture = ARCHITECTURES[contents.card.architecture]
    config: Any
    try:
        config = from_json(architecture.config_type, contents.card.config)
    except ConfigError as error:
        raise CheckpointError(
            f"The configuration of {contents.path} cannot be used: {error}", path=contents.path
        ) from error
    return lambda: architecture.build(config)
