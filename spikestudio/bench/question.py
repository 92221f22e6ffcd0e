"""What every model is asked, and what of it one model can be asked. Imports no torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from spikestudio.checkpoints.catalog import list_checkpoints
from spikestudio.errors import ConfigError
from spikestudio.language import tr
from spikestudio.sampling.request import SamplingRequest

if TYPE_CHECKING:
    from spikestudio.checkpoints.loader import LoadedModel

OPTIONS = {
    "steps": "steps",
    "snn_steps": "SNN steps",
    "threshold": "threshold",
    "class_label": "class",
}
"""Fields that a model may be unable to take, with the words for them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """The same seed and number of images for all; what is None is each model's own default.

    Raises ``ConfigError`` for a value that no model can take.
    """

    seed: int = 0
    num: int = 4
    steps: int | None = None
    snn_steps: int | None = None
    threshold: float | None = None
    class_label: int | None = None

    def __post_init__(self) -> None:
        SamplingRequest(**self.given())
        if self.class_label is not None and self.class_label < 0:
            raise ConfigError(
                tr(
                    "The class must be a whole number from 0 on, not {class_label}.",
                    class_label=self.class_label,
                ),
                field="class_label",
            )

    def given(self) -> dict[str, Any]:
        """Fields of a ``SamplingRequest`` that are asked for."""
        return {name: value for name, value in asdict(self).items() if value is not None}

    def to_json(self) -> dict[str, Any]:
        """Plain values; None is each model's own default."""
        return asdict(self)


def asked(model: LoadedModel, question: Question) -> tuple[SamplingRequest, Mapping[str, str]]:
    """Request to a model: its defaults, and of the question what it can be asked.

    Returns
    -------
    SamplingRequest
        What it is asked.
    Mapping
        Fields that it cannot be asked, with the reason in a sentence; its own default stands.
    """
    from spikestudio.sampling.plan import plan

    fields = model.defaults() | {"seed": question.seed, "num": question.num}
    refused: dict[str, str] = {}
    for name in OPTIONS:
        value = getattr(question, name)
        if value is None:
            continue
        try:
            plan(model, SamplingRequest(**fields | {name: value}))
        except ConfigError as error:
            refused[name] = str(error)
        else:
            fields[name] = value
    return SamplingRequest(**fields), refused


def bundled() -> tuple[Path, ...]:
    """Files of all checkpoints that come along; raises ``ConfigError`` if there are none."""
    files = tuple(entry.path for entry in list_checkpoints() if entry.is_bundled)
    if not files:
        raise ConfigError(
            tr("No checkpoints come with this copy of SpikeStudio: name the files to ask.")
        )
    return files
