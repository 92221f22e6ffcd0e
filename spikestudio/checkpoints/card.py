"""What a checkpoint says about itself. Torch-free; the text it is read from is not trusted."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from spikestudio.checkpoints import strict_json
from spikestudio.errors import CheckpointError
from spikestudio.language import tr
from spikestudio.paths import resource

SCHEMA_VERSION = 1
MAX_CARD_BYTES = 256 * 1024
NO_HASH = "0" * 64

Scalar = str | int | float | bool | None


@dataclass(frozen=True, slots=True)
class Measurement:
    """One figure of quality; ``protocol`` says in a sentence how it was measured."""

    metric: str
    value: float
    protocol: str


@dataclass(frozen=True, slots=True)
class _Family:
    """What an architecture's papers fix, and how its models are sampled unless the card says more."""

    neuron_type: str
    tau: float | None
    data_range: tuple[float, float]
    defaults: Mapping[str, Any]


_FAMILIES = {
    "sddpm": _Family("IF", None, (-1.0, 1.0), {"sampler": "ddim", "steps": 50}),
    "spiking-diffusion": _Family(
        "LIF", 2.0, (-0.5, 0.5), {"sampler": "absorbing", "steps": 49, "temperature": 0.65}
    ),
    "sdit": _Family("LIF", 2.0, (-1.0, 1.0), {"sampler": "ddim", "steps": 50}),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """Everything about a checkpoint but its tensors.

    ``image_size`` and ``image_channels`` are those of the data set, which is what is exported; the
    network may work at another size or with grey copied to three channels (see ``config``).
    ``defaults`` may hold num, sampler, steps, temperature, guidance and clip_x0. ``tensors_sha256``
    covers all tensors but those under ``aux.`` and is filled in when the file is saved.
    """

    architecture: str
    config: Mapping[str, Any]
    snn_steps: int
    neuron_type: str
    v_threshold: float
    tau: float | None
    data_range: tuple[float, float]
    image_size: int
    image_channels: int
    codebook_size: int | None
    mask_id: int | None
    classes: tuple[str, ...]
    dataset: str
    data_licence: str
    training: Mapping[str, Scalar] = field(default_factory=dict)
    quality: tuple[Measurement, ...] = ()
    defaults: Mapping[str, Any] = field(default_factory=dict)
    tensors_sha256: str = NO_HASH
    schema_version: int = SCHEMA_VERSION

    @classmethod
    def describe(
        cls,
        architecture: str,
        config: Mapping[str, Any],
        *,
        dataset: str,
        data_licence: str,
        image_size: int,
        image_channels: int,
        classes: tuple[str, ...] = (),
        training: Mapping[str, Scalar] | None = None,
        quality: tuple[Measurement, ...] = (),
        defaults: Mapping[str, Any] | None = None,
    ) -> Card:
        """Card of a network of ours: the rest follows from the architecture and its configuration.

        ``config`` is the configuration as plain values (``models.config.to_json``).
        """
        family = _FAMILIES[architecture]
        codebook_size = config.get("codebook_size")
        return cls(
            architecture=architecture,
            config=dict(config),
            snn_steps=config["num_snn_steps"],
            neuron_type=family.neuron_type,
            v_threshold=1.0,
            tau=family.tau,
            data_range=family.data_range,
            image_size=image_size,
            image_channels=image_channels,
            codebook_size=codebook_size,
            mask_id=codebook_size,  # one past the last code
            classes=classes,
            dataset=dataset,
            data_licence=data_licence,
            training=dict(training or {}),
            quality=quality,
            defaults=dict(defaults or {}),
        )

    @classmethod
    def from_bytes(cls, data: bytes, path: Path) -> Card:
        """Read a card from the JSON text in ``path``; raises ``CheckpointError``."""
        if len(data) > MAX_CARD_BYTES:
            raise CheckpointError(
                tr(
                    "The card of {path} is {num_data} bytes long where {max_card_bytes} are allowed: "
                    "the file is damaged or not one of ours, so use another.",
                    path=path,
                    num_data=len(data),
                    max_card_bytes=MAX_CARD_BYTES,
                ),
                path=path,
            )
        try:
            values = strict_json.parse(data)
        except ValueError as error:
            raise _unusable(path, str(error)) from None
        return cls.from_json(values, path)

    @classmethod
    def from_json(cls, values: Any, path: Path) -> Card:  # noqa: ANN401  untrusted JSON
        """Build a card from parsed JSON after checking it; raises ``CheckpointError``."""
        if not isinstance(values, dict):
            raise _unusable(path, tr("it is not a JSON object"))
        version = values.get("schema_version")
        if version != SCHEMA_VERSION or isinstance(version, bool):
            raise CheckpointError(
                tr(
                    "The card of {path} has schema version {short} and this version of "
                    "SpikeStudio reads {schema_version}: use a file or a SpikeStudio that fits.",
                    path=path,
                    short=_short(version),
                    schema_version=SCHEMA_VERSION,
                ),
                path=path,
            )
        _check_schema(values, path)
        card = cls(
            **values
            | {
                "snn_steps": int(values["snn_steps"]),
                "image_size": int(values["image_size"]),
                "image_channels": int(values["image_channels"]),
                "data_range": tuple(values["data_range"]),
                "classes": tuple(values["classes"]),
                "quality": tuple(Measurement(**each) for each in values["quality"]),
            }
        )
        card._check_consistency(path)
        return card

    def to_json(self, path: Path = Path("new checkpoint")) -> dict[str, Any]:
        """All fields as plain JSON values; raises ``CheckpointError`` if they break the schema."""
        values: dict[str, Any] = json.loads(json.dumps(asdict(self)))
        Card.from_json(values, path)
        return values

    @property
    def is_strict(self) -> bool:
        """Whether it is to be sampled with the numbers of the papers' code, quirks included."""
        return self.training.get("numerics") == "strict"

    def run_defaults(self) -> dict[str, Any]:
        """Request with which this model is best sampled, as keywords of ``SamplingRequest``."""
        return {
            "num": 16,
            "snn_steps": self.snn_steps,
            "threshold": self.v_threshold,
            **_FAMILIES[self.architecture].defaults,
            **self.defaults,
        }

    def _check_consistency(self, path: Path) -> None:
        family = _FAMILIES[self.architecture]
        is_token_model = self.architecture == "spiking-diffusion"
        sampler = self.defaults.get("sampler", "absorbing" if is_token_model else "ddim")
        wrong = [
            message
            for is_wrong, message in (
                (
                    (self.neuron_type, self.tau) != (family.neuron_type, family.tau),
                    tr(
                        "{architecture} has {neuron_type} neurons with tau {tau}",
                        architecture=self.architecture,
                        neuron_type=family.neuron_type,
                        tau=family.tau,
                    ),
                ),
                (self.data_range[0] >= self.data_range[1], tr("data_range must ascend")),
                (
                    self.config.get("num_snn_steps") != self.snn_steps,
                    tr("snn_steps differs from the configuration's"),
                ),
                (
                    self.config.get("codebook_size") != self.codebook_size
                    or (self.codebook_size is not None) != is_token_model
                    or self.mask_id != self.codebook_size,
                    tr("codebook_size, mask_id and the configuration do not fit together"),
                ),
                (
                    (sampler == "absorbing") != is_token_model,
                    tr(
                        "the sampler {sampler!r} does not fit {architecture}",
                        sampler=sampler,
                        architecture=self.architecture,
                    ),
                ),
                (
                    is_token_model and self.defaults.get("steps", 1) > 49,
                    tr("a token model has at most 49 steps"),
                ),
            )
            if is_wrong
        ]
        if wrong:
            raise _unusable(path, wrong[0])


@cache
def _validator() -> Any:  # noqa: ANN401  jsonschema's validator class is made at run time
    from jsonschema import Draft202012Validator

    schema = json.loads(resource("schemas", "checkpoint-card.json").read_text(encoding="utf-8"))
    return Draft202012Validator(schema)


def _check_schema(values: dict[str, Any], path: Path) -> None:
    from jsonschema.exceptions import best_match

    error = best_match(_validator().iter_errors(values))
    if error is None:
        return
    where = ".".join(str(part) for part in error.absolute_path)[:80]
    match error.validator:
        case "required" | "additionalProperties":
            reason = error.message
        case "minimum" | "maximum" | "enum" | "type":
            wanted = f"{error.validator} {error.validator_value}"
            reason = tr(
                "{where} is {short} ({wanted})",
                where=where,
                short=_short(error.instance),
                wanted=wanted,
            )
        case _:
            reason = tr(
                "{where} holds {short}, which is not allowed",
                where=where,
                short=_short(error.instance),
            )
    raise _unusable(path, reason[:300])


def _short(value: object) -> str:
    text = ascii(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _unusable(path: Path, reason: str) -> CheckpointError:
    return CheckpointError(
        tr(
            "The card of {path} cannot be used because {reason}: "
            "the file is damaged or was not made by SpikeStudio, so use another.",
            path=path,
            reason=reason,
        ),
        path=path,
    )
