"""Everything that decided a run's pixels, as one JSON object that is stored with every export.

It holds no time and no path, so the same request writes the same file.
"""

from __future__ import annotations

import hashlib
import platform
import sys
from collections.abc import Mapping
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spikestudio import __version__
from spikestudio.diffusion.solvers import PREFIX
from spikestudio.sampling.result import RunResult
from spikestudio.seeds import derive_seed

SCHEMA_VERSION = 1
_PACKAGES = ("torch", "spikingjelly", "numpy")


def provenance(result: RunResult) -> dict[str, Any]:
    """Describe a run as in ``resources/schemas/provenance.json``; plain JSON values."""
    request = result.request
    branch = {} if result.branch is None else {"branch": result.branch.to_json()}
    images = {} if result.images is None else {"images": fingerprint(result)}
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
            **({"file_sha256": result.file_sha256} if result.file_sha256 else {}),
            **({"strict": True} if result.is_strict else {}),
        },
        **images,
        "device": result.device,
        "dtype": result.dtype,
        "threads": result.num_threads,
        **flags(),
        "versions": versions(request.sampler),
    }


def fingerprint(result: RunResult) -> dict[str, Any]:
    """Hash of a run's images, and the number of steps that they are of."""
    assert result.images is not None  # or there is nothing to take one of
    return {"steps_done": result.steps_done, "sha256": images_sha256(result.images)}


def images_sha256(images: NDArray[np.uint8]) -> str:
    """SHA-256 of the shape, ``N,H,W,C`` in digits and commas, and then the bytes of uint8 images."""
    shape = ",".join(str(size) for size in images.shape)
    return hashlib.sha256(shape.encode() + np.ascontiguousarray(images).tobytes()).hexdigest()


def versions(sampler: str = "") -> dict[str, str]:
    """Versions of what has a part in the pixels, with the package of the sampler if it has one."""
    solvers = ("diffusers",) if sampler.startswith(PREFIX) else ()
    return {
        "spikestudio": __version__,
        **{name: _version(name) for name in (*_PACKAGES, *solvers)},
        "python": platform.python_version(),
        "platform": platform.platform(),
    }


def flags() -> dict[str, Any]:
    """How torch chooses its kernels in this process, as ``flags``; nothing before it is imported."""
    if "torch" not in sys.modules:
        return {}
    torch: Any = import_module("torch")  # waits while another thread imports it
    cudnn = torch.backends.cudnn
    return {
        "flags": {
            "deterministic_algorithms": torch.are_deterministic_algorithms_enabled(),
            "cudnn_deterministic": cudnn.deterministic,
            "cudnn_benchmark": cudnn.benchmark,
            "cudnn_tf32": cudnn.allow_tf32,
            "float32_matmul": torch.get_float32_matmul_precision(),
            "cpu_capability": torch.backends.cpu.get_cpu_capability(),
        }
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
