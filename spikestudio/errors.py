"""Every error that SpikeStudio raises on purpose.

Each message is one sentence that says what failed, why, and what to do. The core raises; only the
command line and the window's message area show.

    SpikeStudioError
    ├── ConfigError                  a value outside its range, or values that do not fit together
    ├── CheckpointError              a file that cannot be used as a model
    │   ├── UnsafeCheckpointError    it would have to run code to be read
    │   ├── UnknownFormatError       it is not a checkpoint at all
    │   └── StateDictMismatchError   its tensors do not fit the architecture it names
    ├── SamplingError                a run that could not go on
    │   └── NumericalError           it produced NaN or infinity
    ├── RecordingError               a recording file that cannot be read
    ├── DataError                    a data set that cannot be read or fetched
    ├── TrainingError                a training run that cannot start or go on
    └── ExportError                  a result that could not be written
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path


class SpikeStudioError(Exception):
    """Base of all expected errors; ``str(error)`` is fit to be shown to a user."""


class ConfigError(SpikeStudioError):
    """A value is outside its range or of the wrong type; ``field`` names it."""

    def __init__(self, message: str, *, field: str = "") -> None:
        super().__init__(message)
        self.field = field


class CheckpointError(SpikeStudioError):
    """A checkpoint file cannot be used; ``path`` is the file."""

    def __init__(self, message: str, *, path: Path | None = None) -> None:
        super().__init__(message)
        self.path = path


class UnsafeCheckpointError(CheckpointError):
    """Reading the file would run code; ``wanted`` lists the names it asks for."""

    def __init__(
        self, message: str, *, path: Path | None = None, wanted: Sequence[str] = ()
    ) -> None:
        super().__init__(message, path=path)
        self.wanted = tuple(wanted)


class UnknownFormatError(CheckpointError):
    """The file is not a checkpoint of a known format."""


class StateDictMismatchError(CheckpointError):
    """Tensors are missing, unexpected or of another shape than the architecture needs."""

    def __init__(
        self,
        message: str,
        *,
        path: Path | None = None,
        missing: Sequence[str] = (),
        unexpected: Sequence[str] = (),
        mismatched: Sequence[str] = (),
    ) -> None:
        super().__init__(message, path=path)
        self.missing = tuple(missing)
        self.unexpected = tuple(unexpected)
        self.mismatched = tuple(mismatched)


class SamplingError(SpikeStudioError):
    """A sampling run could not start or go on."""


class NumericalError(SamplingError):
    """A network evaluation produced NaN or infinity."""


class RecordingError(SpikeStudioError):
    """A recording file cannot be read; ``path`` is the file."""

    def __init__(self, message: str, path: Path | None = None) -> None:
        super().__init__(message)
        self.path = path


class DataError(SpikeStudioError):
    """A data set file is missing, malformed or could not be fetched."""

    def __init__(self, message: str, *, path: Path | None = None) -> None:
        super().__init__(message)
        self.path = path


class TrainingError(SpikeStudioError):
    """A training run could not start, resume or go on."""


class ExportError(SpikeStudioError):
    """A result could not be written; what was there before is untouched."""

    def __init__(self, message: str, *, path: Path | None = None) -> None:
        super().__init__(message)
        self.path = path
