"""Everything that decided a run's pixels, as one JSON object that is stored with every export.

It holds no time and no path, so the same request writes the same file.
"""

from __future__ import annotations

import platform
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from spikestudio import __version__
from spikestudio.sampling.result import RunResult
from spikestudio.seeds import derive_seed

SCHEMA_VERSION = 1
_PACKAGES = ("torch", "spikingjelly", "numpy")


def provenance(result: RunResult) -> dict[str, Any]:
    """Describe a run as in ``resources/schemas/provenance.json``; plain JSON values."""
    request = result.request
    branch = {} if result.branch is None else {"branch": result.branch.to_json()}
    return {
        "schema_version": SCHEMA_VERSION,
        "request": request.to_json(),
        **branch,
        "changes": result.parameter_changes(),
        "steps_done": result.steps_done,
        "timesteps": list(result.timesteps),
        "image_seeds": [
            derive_seed(request.seed, "image", request.first_image + k) for k in range(request.num)
        ],
        "labels": None if result.labels is None else result.labels.tolist(),
        "checkpoint": {
            "name": result.checkpoint,
            "architecture": result.architecture,
            "tensors_sha256": result.tensors_sha256,
        },
        "device": result.device,
        "dtype": "float32",
        "threads": result.num_threads,
        "versions": {
            "spikestudio": __version__,
            **{name: _version(name) for name in _PACKAGES},
            "python": platform.python_version(),
            "platform": platform.platform(),
        },
    }


def of_image(values: Mapping[str, Any], k: int) -> dict[str, Any]:
    """Cut a run's provenance down to that of its image ``k``."""
    labels = values["labels"]
    return {
        **values,
        "image": k,
        "image_seeds": values["image_seeds"][k : k + 1],
        "labels": None if labels is None else labels[k : k + 1],
    }


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:  # a frozen bundle may leave out what pip knew
        return "unknown"
