"""Preferences of the window: one small JSON file, versioned, never in the way of a start."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from spikestudio.atomic import atomic_write, unused
from spikestudio.language import tr
from spikestudio.recording.record import DEFAULT_BUDGET_MB
from spikestudio.sessions.limits import DEFAULT_LIMIT_MB

SCHEMA_VERSION = 1
FILE_NAME = "settings.json"


@dataclass(slots=True)
class Settings:
    """Everything that is remembered between two starts; the defaults are the first start's."""

    theme: str = "dark"
    text_scale: float = 1.0
    language: str = "system"  # a code of ``language.LANGUAGES``, or the computer's
    device: str = "auto"
    model: str = ""  # path of the model loaded last
    layout: str = "Watch"
    high_contrast: bool = False
    level: str = "lab"  # how much of the window is shown
    keys: dict[str, Any] = field(default_factory=dict)  # of commands, where the user gave others
    recent: list[str] = field(default_factory=list)  # done from the palette, newest first
    told: dict[str, Any] = field(default_factory=dict)  # of official files, by path
    wide_threshold: bool = False
    export_folder: str = ""
    exports: dict[str, Any] = field(default_factory=dict)  # options and folder of every kind
    record_folder: str = ""
    training_runs: list[str] = field(default_factory=list)  # folders, newest first
    library_folders: list[str] = field(default_factory=list)  # looked through beside the own ones
    recorder_mb: int = DEFAULT_BUDGET_MB
    session_folder: str = ""
    session_mb: int = DEFAULT_LIMIT_MB  # that recordings may take in a session file
    autoplay: bool = True  # a recording, until something was sampled
    geometry: str = ""  # of the window, as Qt encodes it, base64
    dock_state: str = ""  # of the docks, separate so that one can be dropped without the other
    dock_version: int = 0


class SettingsStore:
    """Reads and writes the settings file.

    A file that cannot be used is set aside under another name and replaced by the defaults;
    ``notice`` then holds one sentence for the user.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / FILE_NAME
        self.notice = ""

    def load(self) -> Settings:
        """Return the stored settings, or the defaults."""
        try:
            text = self.path.read_text(encoding="utf-8")
        except FileNotFoundError:
            return Settings()
        except (OSError, UnicodeDecodeError) as error:
            return self._give_up(tr("could not be read ({error})", error=error))
        try:
            return _from_json(json.loads(text))
        except (ValueError, TypeError) as error:
            return self._give_up(tr("could not be used ({error})", error=error))

    def save(self, settings: Settings) -> None:
        """Replace the file atomically; raises ``ExportError`` and then leaves the old file."""
        text = json.dumps({"schema_version": SCHEMA_VERSION, **asdict(settings)}, indent=1)
        with suppress(OSError):  # the write below then says why
            self.path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_write(self.path) as temporary:
            temporary.write_text(text, encoding="utf-8")

    def _give_up(self, reason: str) -> Settings:
        aside = unused(self.path.with_name("settings-unusable.json"))
        with suppress(OSError):
            self.path.replace(aside)
        self.notice = tr(
            "The settings file {reason}, so the window starts with its defaults.", reason=reason
        )
        return Settings()


def _from_json(mapping: Any) -> Settings:  # noqa: ANN401  whatever the file holds
    if not isinstance(mapping, dict):
        raise TypeError(tr("it holds no table of settings"))
    version = mapping.pop("schema_version", None)
    if version != SCHEMA_VERSION:
        raise ValueError(
            tr(
                "it has version {version!r}, this program reads version {schema_version}",
                version=version,
                schema_version=SCHEMA_VERSION,
            )
        )
    defaults = Settings()
    for each in fields(Settings):
        wanted = type(getattr(defaults, each.name))
        value = mapping.get(each.name, getattr(defaults, each.name))
        if wanted is float and type(value) is int:
            value = float(value)
        if type(value) is not wanted:
            raise TypeError(
                tr(
                    "{name} must be a {wanted}, not {value!r}",
                    name=each.name,
                    wanted=wanted.__name__,
                    value=value,
                )
            )
        if wanted is list and not all(type(item) is str for item in value):
            raise TypeError(tr("{name} must be a list of texts", name=each.name))
        setattr(defaults, each.name, value)
    return defaults
