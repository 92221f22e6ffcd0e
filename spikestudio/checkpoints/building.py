"""From the contents of a file to tensors that are known to fit, and to a network."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from torch import Tensor, nn

from spikestudio.checkpoints.construction import construct, outline
from spikestudio.checkpoints.contents import Contents
from spikestudio.checkpoints.examine import (
    CONSTANTS,
    Findings,
    as_used,
    compare_names,
    compare_values,
)
from spikestudio.checkpoints.safetensors_io import hash_state
from spikestudio.errors import CheckpointError, ConfigError
from spikestudio.language import tr
from spikestudio.models.config import from_json
from spikestudio.models.registry import ARCHITECTURES


def examine(contents: Contents, *, values: bool = True) -> Findings:
    """Compare a file with the network that it describes, and the ``values`` with what they may be.

    Raises ``CheckpointError`` if the configuration is out of range or the tensors cannot be read.
    """
    findings, needed = _compare(contents)
    if not values:
        return findings
    stored = contents.read_loosely()
    digest = contents.card.tensors_sha256
    if not contents.is_official and hash_state(stored) != digest:
        findings = replace(findings, is_altered=True)
    return compare_values(findings, _used(stored, needed), needed, strict=contents.is_strict)


def checked_tensors(contents: Contents) -> dict[str, Tensor]:
    """Read all tensors; raises ``CheckpointError`` unless they fit the network and are finite.

    Float64 becomes float32. An official file's absent constant tables are added.
    """
    findings, needed = _compare(contents)
    findings.require_fit(contents.path, contents.card.architecture)
    tensors = _used(contents.read(), needed)
    findings = compare_values(findings, tensors, needed, strict=contents.is_strict)
    findings.require_usable(contents.path, contents.card.architecture)
    if contents.is_official:
        tensors |= {name: needed[name] for name in findings.regenerated}
    return tensors


def build_network(contents: Contents, tensors: dict[str, Tensor]) -> nn.Module:
    """Network on the CPU with the tensors that ``checked_tensors`` gave, which are used up.

    A file then takes its own size once and not twice.
    """
    network = construct(_builder(contents))
    for name, target in network.state_dict().items():
        tensor = tensors.pop(name, None)
        # A table that was rounded to float16 is computed instead.
        if tensor is not None and (tensor.dtype == target.dtype or not name.endswith(CONSTANTS)):
            target.copy_(tensor)
    return network


def _compare(contents: Contents) -> tuple[Findings, dict[str, Tensor]]:
    # Without memory first: a hostile configuration must not make us allocate more than the file has.
    needed = outline(_builder(contents))
    strict = contents.is_strict
    return compare_names(contents.tensors, needed, contents.renamed, strict=strict), needed


def _used(stored: dict[str, Tensor], needed: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The network's tensors in the types that it has, and others as they are; ``stored`` is used up."""
    return {
        name: as_used(stored.pop(name)) if name in needed else stored.pop(name)
        for name in list(stored)
    }


def _builder(contents: Contents) -> Callable[[], nn.Module]:
    architecture = ARCHITECTURES[contents.card.architecture]
    config: Any
    try:
        config = from_json(architecture.config_type, contents.card.config)
    except ConfigError as error:
        raise CheckpointError(
            tr(
                "The configuration of {contents_path} cannot be used: {error}",
                contents_path=contents.path,
                error=error,
            ),
            path=contents.path,
        ) from error
    return lambda: architecture.build(config)
