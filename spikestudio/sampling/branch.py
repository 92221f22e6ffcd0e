"""Where a run that starts in the middle of another comes from, as a value that can be stored.

With the request of the new run and the checkpoint, a ``Branch`` holds all that decides its pixels: the
request of the run before, what was changed during that one, the step, and what was done to the tokens.
So a branch can be made again from its provenance alone; the record of the parent only saves computing
its steps again. A parent may be a branch itself.

Imports no torch: what needs the model is checked by the run (``replay.check_branch``).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from spikestudio.language import tr
from spikestudio.recording.values import Parameters, Readable
from spikestudio.sampling.edits import PAINT, TokenEdit, as_edits, edit_error, whole_number
from spikestudio.sampling.request import SamplingRequest, check_range

KEPT = {
    "sampler": "sampler",
    "steps": tr("number of denoising steps"),
    "seed": "seed",
    "num": tr("number of images"),
    "first_image": tr("number of the first image"),
}
"""What a branch has from its parent, with the names of it: random streams and times belong to these."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """Threshold and temperature from a denoising step on; raises ``ConfigError``."""

    step: int
    threshold: float
    temperature: float

    def __post_init__(self) -> None:
        whole_number(tr("step of a change"), self.step)
        for name in ("threshold", "temperature"):
            check_range(name, getattr(self, name))


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """A run that another one branches from, as far as that one needs it.

    ``changes`` are those before the branch and the one in the step of the branch, which holds for a
    branch that asks for nothing else. ``branch`` is where the run itself comes from.
    """

    request: SamplingRequest
    checkpoint: str
    tensors_sha256: str
    changes: tuple[Change, ...] = ()
    branch: Branch | None = None

    @classmethod
    def of(cls, record: Readable, last: int) -> Past:
        """The run of a record, with its changes up to step ``last``; raises ``ConfigError``."""
        origin = record.origin
        request = SamplingRequest.from_json(origin["request"])
        before = Parameters(request.threshold, request.temperature)
        changes = []
        for step in range(min(last + 1, record.steps_done)):
            now = record.parameters(step) or before
            if now != before:
                changes.append(Change(step=step, **asdict(now)))
            before = now
        return cls(
            request=request,
            checkpoint=origin["checkpoint"]["name"],
            tensors_sha256=origin["checkpoint"]["tensors_sha256"],
            changes=tuple(changes),
            branch=branch_of(origin),
        )

    @property
    def first_step(self) -> int:
        """First denoising step that is the run's own."""
        return 0 if self.branch is None else self.branch.step

    def parameters(self, step: int) -> Parameters:
        """What was in force in a step."""
        held = [each for each in self.changes if each.step <= step]
        source = held[-1] if held else self.request
        return Parameters(source.threshold, source.temperature)

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values, as in the provenance of the run."""
        return {
            "request": self.request.to_json(),
            "checkpoint": {"name": self.checkpoint, "tensors_sha256": self.tensors_sha256},
            "changes": [asdict(each) for each in self.changes],
            "branch": None if self.branch is None else self.branch.to_json(),
        }

    @classmethod
    def from_json(cls, mapping: Mapping[str, Any]) -> Past:
        """Make one from plain values; raises ``ConfigError``."""
        _check_keys("parent", mapping, ("request", "checkpoint", "changes", "branch"))
        checkpoint, changes, branch = (mapping[k] for k in ("checkpoint", "changes", "branch"))
        _check_keys("checkpoint", checkpoint, ("name", "tensors_sha256"))
        if not isinstance(changes, list | tuple) or not isinstance(mapping["request"], Mapping):
            raise edit_error(tr("The parent of a branch needs a request and a list of changes"))
        for each in changes:
            _check_keys("change", each, ("step", "threshold", "temperature"))
        return cls(
            request=SamplingRequest.from_json(mapping["request"]),
            checkpoint=str(checkpoint["name"]),
            tensors_sha256=str(checkpoint["tensors_sha256"]),
            changes=tuple(Change(**each) for each in changes),
            branch=None if branch is None else Branch.from_json(branch),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Branch:
    """A start in the middle of another run, or from given tokens.

    The run that has it does the steps from ``step`` on and counts them as its parent does. Its random
    streams go on where the parent's were, so its request must agree with the parent's in what ``KEPT``
    names; all else may differ. Without a change or an edit it ends as the parent does, unless that was
    changed in a later step.

    Parameters
    ----------
    step
        First denoising step that is done, counted from 0.
    edits
        What is done to the tokens that enter it, as ``TokenEdit`` or its plain values; token models
        only.
    past
        The run before; None starts from the seed, and then ``step`` is 0.

    Raises
    ------
    ConfigError
        A step without a run before it, or before the one at which that run itself branched.
    """

    step: int = 0
    edits: tuple[TokenEdit, ...] = ()
    past: Past | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "step", whole_number(tr("step of a branch"), self.step))
        object.__setattr__(self, "edits", as_edits(self.edits))
        if self.past is None and self.step:
            raise edit_error(
                tr(
                    "A run that starts at denoising step {step} needs another one to branch from",
                    step=self.step,
                )
            )
        if self.past is not None and self.step < self.past.first_step:
            raise edit_error(
                tr(
                    "Denoising step {step} is before step {first_step}, at which that run "
                    "itself branched from another one: branch from the other one",
                    step=self.step,
                    first_step=self.past.first_step,
                )
            )

    @classmethod
    def of(
        cls, record: Readable, step: int, edits: Sequence[TokenEdit | Mapping[str, Any]] = ()
    ) -> Branch:
        """Branch from a run, live or recorded, at a step that it has done or would do next.

        Raises
        ------
        ConfigError
            The run has not come to this step, or an edit is none.
        """
        last = min(record.steps_done, record.num_steps - 1)
        if whole_number(tr("step of a branch"), step) > last:
            raise edit_error(
                tr(
                    "A run can be branched at the denoising steps that it came to, here 0 to {last}, "
                    "not at {step}",
                    last=last,
                    step=step,
                )
            )
        return cls(step=step, edits=as_edits(edits), past=Past.of(record, step))

    @property
    def request(self) -> SamplingRequest | None:
        """That of a branch without any change: the parent's, with what was in force in the step."""
        if self.past is None:
            return None
        return replace(self.past.request, **asdict(self.past.parameters(self.step)))

    def lineage(self) -> Iterator[Branch]:
        """Itself, the branch of its parent, and so on."""
        branch: Branch | None = self
        while branch is not None:
            yield branch
            branch = None if branch.past is None else branch.past.branch

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {
            "step": self.step,
            "edits": [each.to_json() for each in self.edits],
            "parent": None if self.past is None else self.past.to_json(),
        }

    @classmethod
    def from_json(cls, mapping: Mapping[str, Any]) -> Branch:
        """Make one from plain values; raises ``ConfigError``."""
        _check_keys("branch", mapping, ("step", "edits", "parent"))
        parent = mapping["parent"]
        past = None if parent is None else Past.from_json(parent)
        return cls(step=mapping["step"], edits=mapping["edits"], past=past)


def branch_of(origin: Mapping[str, Any]) -> Branch | None:
    """Where a run comes from, by its provenance; None if it started from its seed alone."""
    values = origin.get("branch")
    return None if values is None else Branch.from_json(values)


def given_tokens(tokens: Any, masked: Any) -> Branch:  # noqa: ANN401  arrays of either library
    """Start from tokens some of which are masked: the model fills these in (inpainting).

    Parameters
    ----------
    tokens
        Codes, such as a model's ``encode`` gives of a real image: ``[h, w]`` for every image of the
        batch, or ``[B, h, w]`` for the first ``B`` of it.
    masked
        True where the model is to choose; of the same shape, or ``[h, w]``.

    Raises
    ------
    ConfigError
        No maps of whole numbers, or a mask of another shape or type.
    """
    codes, mask = np.asarray(tokens), np.asarray(masked)
    if codes.ndim not in (2, 3) or codes.dtype.kind not in "iu":
        raise edit_error(
            tr("Tokens to start from must be whole numbers of shape [h, w] or [B, h, w]")
        )
    if mask.dtype != bool or mask.shape not in (codes.shape, codes.shape[-2:]):
        raise edit_error(
            tr(
                "The mask must be true or false in every cell of {codes_shape}, not {dtype} of "
                "{mask_shape}",
                codes_shape=codes.shape,
                dtype=mask.dtype,
                mask_shape=mask.shape,
            )
        )
    shown = np.broadcast_to(~mask, codes.shape)
    images = (None,) if codes.ndim == 2 else tuple((k,) for k in range(len(codes)))
    edits = [
        TokenEdit(
            kind=PAINT,
            cells=tuple(np.flatnonzero(kept).tolist()),
            codes=tuple(each[kept].tolist()),
            images=image,
        )
        for each, kept, image in zip(
            codes.reshape(len(images), *codes.shape[-2:]),
            shown.reshape(len(images), *codes.shape[-2:]),
            images,
            strict=True,
        )
        if kept.any()
    ]
    return Branch(edits=tuple(edits))


def _check_keys(what: str, mapping: object, keys: tuple[str, ...]) -> None:
    if not isinstance(mapping, Mapping) or {*mapping} != {*keys}:
        raise edit_error(
            tr(
                "The {what} of a branch must be an object of {keys}",
                what=what,
                keys=", ".join(keys),
            )
        )
