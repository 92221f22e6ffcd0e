"""Features of sets of images: from files, from a judge, from the cache."""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from spikestudio.errors import DataError
from spikestudio.language import tr
from spikestudio.metrics.cache import cached_arrays, image_hash, network_hash
from spikestudio.metrics.frechet import Moments

if TYPE_CHECKING:
    from spikestudio.metrics.judge import Judge

Matrix = NDArray[np.float64]
_FEATURES = ("features", "pool_3", "arr_0")
_PROBABILITIES = ("probabilities", "softmax")


@dataclass(frozen=True, slots=True)
class FeatureSet:
    """Features float64 ``[N, D]`` of images in their order, and class probabilities ``[N, K]``."""

    features: Matrix
    probabilities: Matrix | None = None

    def __len__(self) -> int:
        return len(self.features)

    def part(self, rows: NDArray[np.integer] | slice) -> FeatureSet:
        """Some of the images."""
        p = self.probabilities
        return FeatureSet(self.features[rows], None if p is None else p[rows])

    def some(self, num: int, seed: int) -> FeatureSet:
        """As many of the images, drawn without replacement; all if they are no more."""
        if num >= len(self):
            return self
        return self.part(np.random.default_rng(seed).permutation(len(self))[:num])


def read_features(path: Path) -> FeatureSet | Moments:
    """Read features or their moments, as other evaluation suites write them.

    ``.npy`` holds features ``[N, D]``. ``.npz`` holds them as ``features``, ``pool_3`` or ``arr_0``,
    with class probabilities ``[N, K]`` as ``probabilities`` or ``softmax`` if there are any; or mean
    and covariance as ``mu`` and ``sigma`` (pytorch-fid, and the statistics of SDDPM's code). Numbers
    become float64. Pickled arrays are refused.

    Raises
    ------
    DataError
        The file cannot be read, or holds neither.
    """
    try:
        loaded = np.load(path, allow_pickle=False)
        arrays: dict[str, NDArray[Any]]
        if isinstance(loaded, np.ndarray):
            arrays = {"features": loaded}
        else:
            with loaded:
                known = (*_FEATURES, *_PROBABILITIES, "mu", "sigma")
                arrays = {name: loaded[name] for name in known if name in loaded.files}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise DataError(
            tr("The features {path} cannot be read ({error}).", path=path, error=error), path=path
        ) from error
    matrices = {name: each.astype(np.float64) for name, each in arrays.items() if _is_matrix(each)}
    found = next((matrices[name] for name in _FEATURES if name in matrices), None)
    if found is not None:
        beside = next((matrices[name] for name in _PROBABILITIES if name in matrices), None)
        return FeatureSet(
            found, beside if beside is not None and len(beside) == len(found) else None
        )
    mean, covariance = arrays.get("mu"), arrays.get("sigma")
    if mean is None or covariance is None or covariance.shape != (mean.size, mean.size):
        raise DataError(
            tr(
                "{path} holds neither features [N, D] nor their mean and covariance (mu, "
                "sigma): choose "
                "a .npy or .npz file of a FID suite.",
                path=path,
            ),
            path=path,
        )
    return Moments(mean.ravel().astype(np.float64), covariance.astype(np.float64))


def judge_features(judge: Judge, images: NDArray[np.uint8], *, is_kept: bool = False) -> FeatureSet:
    """What a judge makes of images of its own size; ``is_kept``: looked up in the cache."""

    def compute() -> dict[str, NDArray[Any]]:
        features = judge.features(images)
        return {"features": features, "probabilities": judge.verdicts(features)}

    if is_kept:
        key = (network_hash(judge.network), image_hash(images))
        arrays = cached_arrays("judge-features", key, compute)
    else:
        arrays = compute()
    return FeatureSet(*(arrays[name].astype(np.float64) for name in ("features", "probabilities")))


def _is_matrix(array: NDArray[Any]) -> bool:
    return array.ndim == 2 and array.dtype.kind == "f" and len(array) > 0
