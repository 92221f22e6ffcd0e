"""Other names for the tensors of a file, as a user gives them in pairs of an old and a new name.

An old name that ends in a full stop stands for all names that begin so: ``stem.`` and ``conv.`` make
``stem.weight`` and ``stem.bias`` the convolution's. Needs no torch.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from spikestudio.errors import ConfigError
from spikestudio.language import tr


def renamed(name: str, renames: Mapping[str, str]) -> tuple[str, str]:
    """New name of a tensor, and the old name of the pair that gave it; empty if none did."""
    if name in renames:
        return renames[name], name
    for old, new in renames.items():
        if old.endswith(".") and name.startswith(old):
            return new + name.removeprefix(old), old
    return name, ""


def rename_all(names: Iterable[str], renames: Mapping[str, str]) -> dict[str, str]:
    """Names in a file by their new ones; raises ``ConfigError`` if a pair fits none, or two clash."""
    pairs = [(name, *renamed(name, renames)) for name in names]
    require_known(renames, {old for _, _, old in pairs})
    return unique({}, ((new, name) for name, new, _ in pairs))


def require_known(renames: Mapping[str, str], applied: Iterable[str]) -> None:
    """Raise ``ConfigError`` if a pair was for a tensor that the file does not have."""
    for old in renames:
        if old not in applied:
            raise ConfigError(
                tr(
                    "The file has no tensor {old!a} to rename: take the name as the table of "
                    "findings shows it.",
                    old=old[:80],
                ),
                field="renames",
            )


def unique(names: dict[str, str], pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Add pairs of a new and an old name; raises ``ConfigError`` if a new one is there already."""
    for new, old in pairs:
        if new in names:
            raise ConfigError(
                tr("Two tensors would get the same name {new!a}: rename others.", new=new[:80]),
                field="renames",
            )
        names[new] = old
    return names
