"""What is wrong with a checkpoint file, as a table that can be mended, shown and saved.

``diagnose`` gives a ``Diagnosis``; ``accepting`` one with other names for some tensors.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from spikestudio.atomic import atomic_write
from spikestudio.checkpoints.contents import open_checkpoint
from spikestudio.checkpoints.official import Choices
from spikestudio.errors import CheckpointError, ConfigError, UnsafeCheckpointError
from spikestudio.language import tr

if TYPE_CHECKING:
    from spikestudio.checkpoints.card import Card
    from spikestudio.checkpoints.contents import Contents
    from spikestudio.checkpoints.examine import Findings

SCHEMA_VERSION = 1
SUFFIXES = (".json", ".txt")


class Row(NamedTuple):
    """One finding; ``is_error`` where the file cannot be used because of it."""

    kind: str
    name: str
    details: str
    is_error: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnosis:
    """What was found in a file, and in the other half of a Spiking-Diffusion model.

    ``findings`` and ``card`` are None where the file cannot be read so far that its tensors could be
    compared; ``error`` says why it cannot be used, None if it can. ``num_tensors`` and
    ``num_parameters`` count what is stored.
    """

    path: Path
    second: Path | None
    choices: Choices
    is_official: bool = False
    card: Card | None = None
    findings: Findings | None = None
    error: CheckpointError | None = None
    num_tensors: int = 0
    num_parameters: int = 0

    @property
    def is_usable(self) -> bool:
        """Whether the file can be loaded as it is, with the accepted renames."""
        return self.error is None

    @property
    def wanted(self) -> tuple[str, ...]:
        """Names that the file would import to run code when it is read."""
        return self.error.wanted if isinstance(self.error, UnsafeCheckpointError) else ()

    def rows(self) -> list[Row]:
        """Everything found, the worst first; empty if all is as it should be."""
        if self.findings is not None:
            from spikestudio.checkpoints.examine import ERRORS

            return [Row(*each, is_error=each[0] in ERRORS) for each in self.findings.rows()]
        if self.wanted:
            return [
                Row(tr("would run"), name, tr("refused"), is_error=True) for name in self.wanted
            ]
        return [Row(tr("unreadable"), "", str(self.error), is_error=True)]

    def brief_rows(self) -> list[Row]:
        """Rows for a reader: names that differ in their beginning alone make one row together."""
        groups = _alike(self.findings.renamed if self.findings is not None else ())
        folded = {pair for pairs in groups.values() for pair in pairs}
        return [
            *(row for row in self.rows() if (row.name, row.details) not in folded),
            *(
                Row(
                    tr("renamed"),
                    f"{theirs}*",
                    tr("{ours}, {number:,} tensors", ours=f"{ours}*", number=len(pairs)),
                    is_error=False,
                )
                for (theirs, ours), pairs in groups.items()
            ),
        ]

    def accepting(self, renames: Mapping[str, str]) -> Diagnosis:
        """Diagnose again with more tensors renamed, old names to new ones.

        Raises ``ConfigError`` if one is not there, or two would get the same name.
        """
        choices = replace(self.choices, renames={**self.choices.renames, **renames})
        return diagnose(self.path, self.second, choices)

    def accepting_likely(self) -> Diagnosis:
        """Diagnose again with every likely rename accepted."""
        likely = dict(self.findings.likely) if self.findings else {}
        return self.accepting(likely) if likely else self

    def to_json(self) -> dict[str, Any]:
        """All of it as plain values."""
        return {
            "schema_version": SCHEMA_VERSION,
            "path": str(self.path),
            "usable": self.is_usable,
            "error": None if self.error is None else str(self.error),
            "official": self.is_official,
            "architecture": None if self.card is None else self.card.architecture,
            "assumed": _assumed(self.card),
            "num_tensors": self.num_tensors,
            "num_parameters": self.num_parameters,
            "renames": dict(self.choices.renames),
            "would_run": list(self.wanted),
            "rows": [row._asdict() for row in self.rows()],
            "findings": None if self.findings is None else self.findings.to_json(),
        }

    def to_text(self) -> str:
        """Return the same for people: facts, then one line per finding."""
        kind = "official" if self.is_official else "SpikeStudio"
        lines = [f"file          {self.path}"]
        if self.card is not None:
            lines += [
                f"network       {self.card.architecture} ({kind} file)",
                f"stored        {self.num_tensors:,} tensors, {self.num_parameters:,} numbers",
            ]
        if assumed := _assumed(self.card):
            lines.append(f"assumed       {assumed}")
        lines.append(f"usable        {'yes' if self.error is None else f'no: {self.error}'}")
        lines += [f"accepted      {old} = {new}" for old, new in self.choices.renames.items()]
        rows = self.rows()
        lines += ["", "Tensors: all as the network needs them." if not rows else "Findings:"]
        width = max((len(row.kind) for row in rows), default=0)
        lines += [
            f"{'!' if row.is_error else ' '} {row.kind:<{width}}  {row.name}  {row.details}".rstrip()
            for row in rows
        ]
        return "\n".join(lines) + "\n"

    def save(self, path: Path) -> None:
        """Write a report, ``.json`` or ``.txt``.

        Raises ``ConfigError`` for another ending, ``ExportError`` if it cannot be written.
        """
        if path.suffix not in SUFFIXES:
            raise ConfigError(
                tr(
                    "A report ends in {suffixes}, unlike {path!a}.",
                    suffixes=" or ".join(SUFFIXES),
                    path=path.name,
                ),
                field="report",
            )
        text = self.to_text()
        if path.suffix == ".json":
            text = json.dumps(self.to_json(), indent=2, allow_nan=False) + "\n"
        with atomic_write(path) as temporary:
            temporary.write_text(text, encoding="utf-8")


def diagnose(path: Path, second: Path | None = None, choices: Choices | None = None) -> Diagnosis:
    """Examine a checkpoint file, ours or official, names, shapes and values.

    Parameters
    ----------
    path, second
        The file, and the other half of a Spiking-Diffusion model where it is not beside it.
    choices
        What is known of an official file; of one of ours, the renames.

    Raises
    ------
    ConfigError
        A choice that contradicts the file, or a rename that does not fit it.
    """
    choices = choices or Choices()
    found = Diagnosis(path=path, second=second, choices=choices)
    try:
        contents = open_checkpoint(path, second, choices)
    except CheckpointError as error:
        return replace(found, error=error)

    # torch is loaded for files only that are worth it.
    from spikestudio.checkpoints.building import examine

    found = replace(
        found,
        is_official=contents.is_official,
        card=contents.card,
        num_tensors=len(contents.tensors),
        num_parameters=contents.num_parameters,
    )
    try:
        findings = examine(contents)
    except CheckpointError as error:
        return replace(found, error=error)
    return replace(found, findings=findings, error=_error(contents, findings))


def _error(contents: Contents, findings: Findings) -> CheckpointError | None:
    try:
        findings.require_usable(contents.path, contents.card.architecture)
    except CheckpointError as error:
        return error
    return None


def _alike(
    renamed: tuple[tuple[str, str], ...],
) -> dict[tuple[str, str], list[tuple[str, str]]]:
    """Pairs of names by the beginnings in which they differ, where there are several such pairs."""
    groups: dict[tuple[str, str], list[tuple[str, str]]] = {}
    for theirs, ours in renamed:
        for long, short in ((theirs, ours), (ours, theirs)):
            if long.endswith(f".{short}"):
                more = long.removesuffix(short)
                key = (more, "") if long == theirs else ("", more)
                groups.setdefault(key, []).append((theirs, ours))
    return {key: pairs for key, pairs in groups.items() if len(pairs) > 1}


def _assumed(card: Card | None) -> str:
    return "" if card is None else str(card.training.get("assumed", ""))
