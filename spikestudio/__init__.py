"""SpikeStudio: see spiking generative models at work.

    import spikestudio as ss
    model = ss.load("sddpm-mnist")
    run = ss.sample(model, num=16, seed=0, threshold=0.997)
    for event in run: ...
    run.result.images

    run = ss.sample(model, record=ss.Record(path="run.h5", watch=[("neuron", 5)]))
    for event in run: ...
    run.recorder.activity().silent_share, run.recorder.watched(0).h

    from spikestudio.sampling.branch import Branch
    middle = Branch.of(run.recorder, step=20)
    other = ss.sample(model, branch=middle, parent=run.recorder, threshold=0.99)

Importing the package is cheap: torch is imported when ``load`` or ``sample`` is first called.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from spikestudio.language import tr
from spikestudio.recording.record import Record as Record

if TYPE_CHECKING:
    from pathlib import Path

    from spikestudio.checkpoints.loader import LoadedModel
    from spikestudio.recording.values import Readable
    from spikestudio.sampling.branch import Branch
    from spikestudio.sampling.run import SamplingRun

    __version__: str

__all__ = ["Record", "__version__", "load", "sample"]


def load(
    name_or_path: str | Path,
    device: str = "cpu",
    *,
    second: str | Path | None = None,
    **facts: Any,  # noqa: ANN401  of several types
) -> LoadedModel:
    """Load a checkpoint by its name in the catalogue or by its path.

    ``device`` is ``cpu``, ``cuda``, ``cuda:1``, ``mps``, or ``auto`` for the fastest. Raises
    ``CheckpointError`` for a file that cannot be used, ``ConfigError`` for a device that is not here.

    For files of the papers' code: ``second`` is the other half of Spiking-Diffusion where it is not
    beside the first, and ``facts`` say what a file cannot, which is assumed otherwise: ``snn_steps``,
    ``image_size``, ``num_train_timesteps``, ``part``, ``renames``, and ``strict`` for the numbers of
    the papers' code, quirks included (see ``checkpoints.official.Choices``).
    """
    from dataclasses import fields
    from pathlib import Path

    from spikestudio.checkpoints.loader import load
    from spikestudio.checkpoints.official import Choices
    from spikestudio.errors import ConfigError

    known = [field.name for field in fields(Choices)]
    unknown = sorted(set(facts).difference(known))
    if unknown:
        raise ConfigError(
            tr(
                "A file has no {unknown!r} to be told: choose from {known}.",
                unknown=unknown[0],
                known=", ".join(known),
            ),
            field=unknown[0],
        )
    return load(
        name_or_path,
        device,
        second=None if second is None else Path(second),
        choices=Choices(**facts) if facts else None,
    )


def sample(
    model: LoadedModel,
    *,
    record: Record | None = None,
    branch: Branch | None = None,
    parent: Readable | None = None,
    **parameters: Any,  # noqa: ANN401  of several types
) -> SamplingRun:
    """Run to be iterated over: doing so does the work and yields its events.

    ``parameters`` are fields of ``SamplingRequest``; those left out are the model's defaults, or for a
    ``branch`` of another run what that one had in this step; ``parent`` is the other run's recorder or
    recording, which saves computing the steps before again. What is recorded is read from
    ``run.recorder`` at any time, and afterwards from the file of ``record``, if it names one, with
    ``spikestudio.recording.hdf5.open_recording``. Raises ``ConfigError`` for a parameter that is
    unknown, out of range, or not for this model, and for a branch that does not fit.
    """
    from dataclasses import fields

    from spikestudio.errors import ConfigError
    from spikestudio.export.provenance import provenance
    from spikestudio.sampling.request import SamplingRequest
    from spikestudio.sampling.run import SamplingRun

    known = [field.name for field in fields(SamplingRequest)]
    unknown = sorted(set(parameters).difference(known))
    if unknown:
        raise ConfigError(
            tr(
                "Unknown parameter {unknown!r}: choose from {known}.",
                unknown=unknown[0],
                known=", ".join(known),
            ),
            field=unknown[0],
        )
    kept = None if branch is None else branch.request
    defaults = model.defaults() if kept is None else {name: getattr(kept, name) for name in known}
    request = SamplingRequest(**defaults | parameters)
    return SamplingRun(
        model, request, record=record, describe=provenance, branch=branch, parent=parent
    )


def __getattr__(name: str) -> str:
    if name == "__version__":
        from importlib.metadata import PackageNotFoundError, version

        try:
            return version("spikestudio")
        except PackageNotFoundError:  # run from a checkout that was not installed
            return "0+unknown"
    raise AttributeError(f"module 'spikestudio' has no attribute {name!r}")
