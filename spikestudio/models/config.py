"""Model configurations: frozen dataclasses of plain values, to JSON and back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, asdict, fields, is_dataclass
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

from spikestudio.errors import ConfigError
from spikestudio.language import tr

C = TypeVar("C")


def to_json(config: object) -> dict[str, Any]:
    """All fields as plain JSON values (tuples become lists)."""
    if not is_dataclass(config) or isinstance(config, type):
        raise TypeError(tr("{config!r} is not a configuration", config=config))
    return {
        name: list(value) if isinstance(value, tuple) else value
        for name, value in asdict(config).items()
    }


def from_json(cls: type[C], mapping: Mapping[str, Any]) -> C:
    """Build a configuration from plain values.

    Raises
    ------
    ConfigError
        Unknown or missing names, values of the wrong type, or out of range (checked by ``cls``).
    """
    known = {field.name: field for field in fields(cls)}  # type: ignore[arg-type]
    unknown = sorted(set(mapping) - set(known))
    if unknown:
        raise ConfigError(
            tr("Unknown setting {unknown!r} in the configuration.", unknown=unknown[0]),
            field=unknown[0],
        )
    hints = get_type_hints(cls)
    values = {}
    for name, field in known.items():
        if name in mapping:
            values[name] = _checked(name, mapping[name], hints[name])
        elif field.default is MISSING:
            raise ConfigError(tr("The configuration lacks {name!r}.", name=name), field=name)
    return cls(**values)


def check(name: str, value: float, low: float, high: float) -> None:
    """Raise ``ConfigError`` unless ``low <= value <= high``."""
    if not low <= value <= high:
        raise ConfigError(
            tr(
                "{name} is {value!r}: it must be from {low:g} to {high:g}.",
                name=name,
                value=value,
                low=low,
                high=high,
            ),
            field=name,
        )


def _checked(name: str, value: Any, wanted: Any) -> Any:  # noqa: ANN401  JSON in, field out
    if get_origin(wanted) is tuple:
        item = get_args(wanted)[0]
        if isinstance(value, list | tuple) and len(value) <= 64:
            return tuple(_checked(name, each, item) for each in value)
    elif wanted is float and isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    elif type(value) is wanted:
        return value
    raise ConfigError(
        tr("{name} has the wrong type: {value!r}.", name=name, value=str(value)[:60]), field=name
    )
