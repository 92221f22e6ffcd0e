"""How the tensors of a file compare with those that its network needs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from spikestudio.checkpoints.dtypes import torch_dtypes
from spikestudio.errors import CheckpointError, StateDictMismatchError
from spikestudio.language import tr, tr_n

if TYPE_CHECKING:
    from torch import Tensor

CONSTANTS = ("timembedding.0.weight", "coef")
"""Ends of the keys of constant tables: a file may lack them, because the network computes its own."""
_TOLERANCE = 2e-3  # absolute; the tables are at most 1 and may be stored in float16
_STRICT_TOLERANCE = 2e-4  # what sines of times up to 1000 differ by between float32 libraries
_STORED_AS = {"F32": ("F32", "F16", "BF16", "F64"), "I64": ("I64", "I32")}
_USED_AS = {"F64": "F32", "I32": "I64"}
_PLENTY = 64  # unexpected names for which likely ones are sought; more are of another network
ERRORS = (
    *(
        tr("missing"),
        tr("unexpected"),
        tr("wrong shape"),
        tr("not finite"),
        tr("wrong constant"),
        tr("wrong checksum"),
    ),
    *(tr("would run"), tr("unreadable")),
)
"""Kinds of findings with which a file cannot be used; all others are notes."""


class Stored(Protocol):
    """Type and shape of a tensor in a file."""

    @property
    def dtype(self) -> str: ...
    @property
    def shape(self) -> tuple[int, ...]: ...


@dataclass(frozen=True, slots=True)
class Mismatch:
    """A tensor of another shape or type than is needed, both as text."""

    name: str
    stored: str
    needed: str


@dataclass(frozen=True, slots=True)
class Findings:
    """What an examination found; ``is_usable`` if the network can be filled.

    ``regenerated`` are constant tables that the file lacks and the network computes. ``likely`` pairs
    unexpected names with missing ones of the same shape that are spelt alike. ``deviating`` gives the
    largest deviation of each constant that has other values than it should. ``narrowed`` are stored in
    float64 and used in float32; ``is_altered`` tells that the card was written for other tensors.
    """

    missing: tuple[str, ...] = ()
    unexpected: tuple[str, ...] = ()
    mismatched: tuple[Mismatch, ...] = ()
    regenerated: tuple[str, ...] = ()
    renamed: tuple[tuple[str, str], ...] = ()
    likely: tuple[tuple[str, str], ...] = ()
    non_finite: tuple[str, ...] = ()
    deviating: Mapping[str, float] = field(default_factory=dict)
    narrowed: tuple[str, ...] = ()
    is_altered: bool = False

    @property
    def fits(self) -> bool:
        """Whether names, shapes and types are those of the network."""
        return not (self.missing or self.unexpected or self.mismatched)

    @property
    def is_usable(self) -> bool:
        """Whether the values are sound as well."""
        return self.fits and not (self.non_finite or self.deviating or self.is_altered)

    def rows(self) -> list[tuple[str, str, str]]:
        """Everything found as ``(kind, name, details)``, the worst first."""
        return [
            *((tr("missing"), name, "") for name in self.missing),
            *((tr("unexpected"), name, "") for name in self.unexpected),
            *(
                (
                    tr("wrong shape"),
                    m.name,
                    tr("{stored}, not {needed}", stored=m.stored, needed=m.needed),
                )
                for m in self.mismatched
            ),
            *((tr("not finite"), name, tr("NaN or infinite values")) for name in self.non_finite),
            *(
                (tr("wrong constant"), name, tr("differs by up to {value:.3g}", value=value))
                for name, value in self.deviating.items()
            ),
            *(
                [(tr("wrong checksum"), "", tr("not the tensors that the card was written for"))]
                if self.is_altered
                else []
            ),
            *(
                (tr("likely rename"), theirs, tr("looks like {ours}", ours=ours))
                for theirs, ours in self.likely
            ),
            *(
                (tr("regenerated"), name, tr("absent, follows from the sizes"))
                for name in self.regenerated
            ),
            *(
                [
                    (
                        tr("rounded"),
                        tr("{num_narrowed} tensors", num_narrowed=len(self.narrowed)),
                        tr("stored in float64, used in float32"),
                    )
                ]
                if self.narrowed
                else []
            ),
            *((tr("renamed"), theirs, ours) for theirs, ours in self.renamed),
        ]

    def to_json(self) -> dict[str, Any]:
        """All findings as plain JSON values."""
        return {
            "usable": self.is_usable,
            "missing": list(self.missing),
            "unexpected": list(self.unexpected),
            "wrong_shape": [
                {"name": m.name, "stored": m.stored, "needed": m.needed} for m in self.mismatched
            ],
            "regenerated": list(self.regenerated),
            "renamed": dict(self.renamed),
            "likely_renames": dict(self.likely),
            "non_finite": list(self.non_finite),
            "wrong_constants": dict(self.deviating),
            "float64": list(self.narrowed),
            "wrong_checksum": self.is_altered,
        }

    def require_fit(self, path: Path, architecture: str) -> None:
        """Raise ``StateDictMismatchError`` unless the names, shapes and types fit."""
        if self.fits:
            return
        groups = (
            (tr("missing"), self.missing),
            (tr("unexpected"), self.unexpected),
            (tr("of another shape or type"), tuple(each.name for each in self.mismatched)),
        )
        counts = "; ".join(
            f"{len(names)} {what} ({', '.join(names[:3])}{', …' if len(names) > 3 else ''})"
            for what, names in groups
            if names
        )
        raise StateDictMismatchError(
            tr(
                "The tensors of {path} do not fit the {architecture} network that it describes: "
                "{counts}; {advice}.",
                path=path,
                architecture=architecture,
                counts=counts,
                advice=tr(
                    "some of them may only be named otherwise: the doctor (Library) and "
                    "spikestudio inspect find out"
                )
                if self.likely
                else tr("get the file again or choose another"),
            ),
            path=path,
            missing=self.missing,
            unexpected=self.unexpected,
            mismatched=groups[2][1],
        )

    def require_usable(self, path: Path, architecture: str) -> None:
        """Raise ``CheckpointError`` unless the network can be filled."""
        self.require_fit(path, architecture)
        if self.non_finite:
            number = len(self.non_finite)
            raise CheckpointError(
                tr_n(
                    "{path} holds NaN or infinite weights in {num_non_finite} tensor "
                    "({non_finite}): its training diverged, so choose another file.",
                    "{path} holds NaN or infinite weights in {num_non_finite} tensors "
                    "({non_finite}): its training diverged, so choose another file.",
                    number,
                    path=path,
                    num_non_finite=number,
                    non_finite=", ".join(self.non_finite[:3]) + (", …" if number > 3 else ""),
                ),
                path=path,
            )
        if self.is_altered:
            raise CheckpointError(
                tr(
                    "The tensors of {path} are not those its card was written for (their SHA-256 "
                    "differs): the file is damaged, so get it again.",
                    path=path,
                ),
                path=path,
            )
        for name in self.deviating:
            raise CheckpointError(
                tr(
                    "The constant table {name} in {path} has other values than the architecture "
                    "defines: the file is damaged, so choose another.",
                    name=name,
                    path=path,
                ),
                path=path,
            )


def compare_names(
    stored: Mapping[str, Stored],
    needed: Mapping[str, Tensor],
    renamed: tuple[tuple[str, str], ...] = (),
    *,
    strict: bool = False,
) -> Findings:
    """Compare names, shapes and types; ``strict`` counts absent constant tables as missing."""
    absent = [name for name in needed if name not in stored]
    regenerated = [] if strict else [name for name in absent if name.endswith(CONSTANTS)]
    missing = tuple(name for name in absent if name not in regenerated)
    unexpected = tuple(name for name in stored if name not in needed)
    names = {dtype: name for name, dtype in torch_dtypes().items()}
    mismatched = []
    for name, tensor in stored.items():
        if name in needed:
            shape, dtype = tuple(needed[name].shape), names[needed[name].dtype]
            if tensor.shape != shape or tensor.dtype not in _STORED_AS[dtype]:
                wanted = _text(dtype, shape)
                mismatched.append(Mismatch(name, _text(tensor.dtype, tensor.shape), wanted))
    return Findings(
        missing=missing,
        unexpected=unexpected,
        mismatched=tuple(mismatched),
        regenerated=tuple(regenerated),
        renamed=renamed,
        likely=_likely_renames(stored, needed, unexpected[:_PLENTY], (*missing, *regenerated)),
        narrowed=tuple(name for name, each in stored.items() if each.dtype == "F64"),
    )


def compare_values(
    findings: Findings,
    tensors: Mapping[str, Tensor],
    needed: Mapping[str, Tensor],
    *,
    strict: bool = False,
) -> Findings:
    """Add what the values tell: all finite, and constants as ``needed`` has them."""
    tolerance = _STRICT_TOLERANCE if strict else _TOLERANCE
    deviating = {}
    non_finite = tuple(name for name, each in tensors.items() if not _is_finite(each))
    for name, tensor in tensors.items():
        right = needed.get(name)
        if (
            name.endswith(CONSTANTS)
            and tensor.is_floating_point()
            and right is not None
            and right.shape == tensor.shape
            and right.numel()
        ):
            deviation = float((tensor.double() - right.double()).abs().max())
            if not deviation <= tolerance and name not in non_finite:
                deviating[name] = deviation
    return replace(findings, non_finite=non_finite, deviating=deviating)


def as_used(tensor: Tensor) -> Tensor:
    """The tensor in the type that networks have: float64 becomes float32, int32 int64."""
    names = {dtype: name for name, dtype in torch_dtypes().items()}
    used = _USED_AS.get(names[tensor.dtype])
    return tensor if used is None else tensor.to(torch_dtypes()[used])


def _is_finite(tensor: Tensor) -> bool:
    """Whether it is finite; a piece at a time, because the answer's intermediates are as large."""
    if not tensor.is_floating_point():
        return True
    return all(bool(piece.isfinite().all()) for piece in tensor.reshape(-1).split(1 << 20))


def _likely_renames(
    stored: Mapping[str, Stored],
    needed: Mapping[str, Tensor],
    unexpected: tuple[str, ...],
    missing: tuple[str, ...],
) -> tuple[tuple[str, str], ...]:
    free = list(missing)
    pairs = []
    for name in unexpected:
        alike = [each for each in free[:512] if tuple(needed[each].shape) == stored[name].shape]
        for match in get_close_matches(name, alike, n=1, cutoff=0.8):
            free.remove(match)
            pairs.append((name, match))
    return tuple(pairs)


def _text(dtype: str, shape: tuple[int, ...]) -> str:
    return f"{dtype}[{', '.join(map(str, shape))}]"
