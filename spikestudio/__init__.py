"""SpikeStudio: see spiking generative models at work.

    import spikestudio as ss
    model = ss.load("sddpm-mnist")
    run = ss.sample(model, num=16, seed=0, threshold=0.997)
    for event in run: ...
    run.result.images

Importing the package is cheap: torch is imported when ``load`` or ``sample`` is first called.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

    from spikestudio.checkpoints.loader import LoadedModel
    from spikestudio.sampling.run import SamplingRun

    __version__: str

__all__ = ["__version__", "load", "sample"]


def load(name_or_path: str | Path, device: str = "cpu") -> LoadedModel:
    """Load a checkpoint by its name in the catalogue or by its path.

    ``device`` is ``cpu``, ``cuda``, ``cuda:1``, ``mps``, or ``auto`` for the fastest. Raises
    ``CheckpointError`` for a file that cannot be used, ``ConfigError`` for a device that is not here.
    """
    from spikestudio.checkpoints.loader import load

    return load(name_or_path, device)


def sample(model: LoadedModel, **parameters: Any) -> SamplingRun:  # noqa: ANN401  of several types
    """Run to be iterated over: doing so does the work and yields its events.

    ``parameters`` are fields of ``SamplingRequest``; those left out are the model's defaults. Raises
    ``ConfigError`` for one that is unknown, out of range, or not for this model.
    """
    from dataclasses import fields

    from spikestudio.errors import ConfigError
    from spikestudio.sampling.request import SamplingRequest
    from spikestudio.sampling.run import SamplingRun

    known = [field.name for field in fields(SamplingRequest)]
    unknown = sorted(set(parameters).difference(known))
    if unknown:
        raise ConfigError(
            f"Unknown parameter {unknown[0]!r}: choose from {', '.join(known)}.", field=unknown[0]
        )
    return SamplingRun(model, SamplingRequest(**model.defaults() | parameters))


def __getattr__(name: str) -> str:
    if name == "__version__":
        from importlib.metadata import PackageNotFoundError, version

        try:
            return version("spikestudio")
        except PackageNotFoundError:  # run from a checkout that was not installed
            return "0+unknown"
    raise AttributeError(f"module 'spikestudio' has no attribute {name!r}")
