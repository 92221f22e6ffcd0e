"""What a user has told of an official file, which the file does not say; kept so as to ask once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from spikestudio.checkpoints.official import Choices
from spikestudio.data.registry import DATASETS, dataset_info
from spikestudio.errors import ConfigError
from spikestudio.language import tr

_SIZES = {"snn_steps": (1, 64), "image_size": (4, 1024), "num_train_timesteps": (1, 100_000)}


@dataclass(frozen=True, slots=True)
class Told:
    """``second`` is the other half of a Spiking-Diffusion model, where it is not beside the first."""

    second: Path | None = None
    choices: Choices = field(default_factory=Choices)

    def to_json(self) -> dict[str, Any]:
        """What was told as plain values; what was not is left out."""
        choices = self.choices
        values = {
            "second": None if self.second is None else str(self.second),
            **{name: getattr(choices, name) for name in _SIZES},
            "dataset": None if choices.dataset is None else choices.dataset.name,
            "part": choices.part,
            "renames": dict(choices.renames) or None,
            "strict": choices.strict or None,
        }
        return {name: value for name, value in values.items() if value is not None}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Told:
        """Take back what ``to_json`` gave; raises ``ConfigError`` for anything else."""
        known = {"second": str, "dataset": str, "part": str, "renames": dict, "strict": bool}
        known |= dict.fromkeys(_SIZES, int)
        for name, value in values.items():
            if name not in known or type(value) is not known[name]:
                raise ConfigError(
                    tr(
                        "A file cannot be told {name!r} {value!r:.40}.", name=name[:40], value=value
                    ),
                    field=name,
                )
        for name, (low, high) in _SIZES.items():
            if not low <= values.get(name, low) <= high:
                raise ConfigError(
                    tr("{name} must be from {low} to {high}.", name=name, low=low, high=high),
                    field=name,
                )
        if values.get("dataset", "") not in ("", *DATASETS):
            raise ConfigError(
                tr("There is no data set {dataset!r:.40}.", dataset=values["dataset"]),
                field="dataset",
            )
        renames = values.get("renames", {})
        if not all(type(old) is type(new) is str for old, new in renames.items()):
            raise ConfigError(tr("Renames must be pairs of names."), field="renames")
        choices = Choices(
            **{name: values.get(name) for name in _SIZES},
            dataset=dataset_info(values["dataset"]) if values.get("dataset") else None,
            part=values.get("part"),
            renames=renames,
            strict=values.get("strict", False),
        )
        return cls(Path(values["second"]) if "second" in values else None, choices)
