"""Inception features of images with torch-fidelity (extra ``inception``) and the user's weights.

The network is the TensorFlow Inception of 2015 that published FIDs use. No weights come along and none
are downloaded: the file is ``weights-inception-2015-12-05-6726825d.pth`` of that project.
"""

from __future__ import annotations

import io
import sys
from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from spikestudio.errors import ConfigError, DataError
from spikestudio.language import tr
from spikestudio.metrics.cache import cached_arrays, image_hash, network_hash
from spikestudio.metrics.features import FeatureSet
from spikestudio.metrics.inception_score import softmax
from spikestudio.metrics.weights import read_weights

SIZE = 299
RESIZES = {
    "tf-bilinear": "bilinear to 299x299 as in TensorFlow 1, in the network",
    "pil-bicubic": "bicubic to 299x299 with Pillow, rounded to 8 bits",
}
_BATCH = 32


class Inception:
    """The network with its weights.

    Raises
    ------
    ConfigError
        torch-fidelity is not installed or does not work, or there is no such resize filter.
    DataError
        The file holds no weights of this network.
    """

    def __init__(self, weights: Path, *, resize: str = "tf-bilinear", device: str = "cpu") -> None:
        if resize not in RESIZES:
            raise ConfigError(
                tr(
                    "Unknown resize filter {resize!r}: choose one of {resizes}.",
                    resize=resize[:40],
                    resizes=", ".join(RESIZES),
                ),
                field="resize",
            )
        self.resize = resize
        self.device = device
        self.network = _network(weights).to(device)

    def features(
        self,
        images: NDArray[np.uint8],
        *,
        is_kept: bool = False,
        advance: Callable[[int], object] = lambda _: None,
    ) -> FeatureSet:
        """Features ``[N, 2048]`` and probabilities ``[N, 1008]`` of uint8 ``[N, H, W, C]``.

        Grey is repeated to three channels. ``advance`` is told of images done.
        """

        def compute() -> dict[str, NDArray[Any]]:
            parts = []
            for first in range(0, len(images), _BATCH):
                part = images[first : first + _BATCH]
                parts.append(self._evaluate(part))
                advance(len(part))
            names = ("features", "logits")
            return {
                name: np.concatenate(each)
                for name, each in zip(names, zip(*parts, strict=True), strict=True)
            }

        key = (network_hash(self.network), self.resize, image_hash(images))
        arrays = cached_arrays("inception", key, compute) if is_kept else compute()
        # As in the published score, the logits are those without the bias of the last layer.
        return FeatureSet(arrays["features"].astype(np.float64), softmax(arrays["logits"]))

    @torch.inference_mode()
    def _evaluate(self, images: NDArray[np.uint8]) -> tuple[NDArray[Any], NDArray[Any]]:
        if images.shape[3] == 1:
            images = images.repeat(3, 3)
        if self.resize == "pil-bicubic":
            bicubic = Image.Resampling.BICUBIC
            images = np.stack(
                [np.asarray(Image.fromarray(each).resize((SIZE, SIZE), bicubic)) for each in images]
            )
        x = torch.from_numpy(np.ascontiguousarray(images.transpose(0, 3, 1, 2))).to(self.device)
        features, logits = self.network(x)
        return features.float().cpu().numpy(), logits.float().cpu().numpy()


def _extractor_module() -> ModuleType:
    """The one module of torch-fidelity that is needed.

    The package itself imports torchvision, which does not load beside some builds of torch; this
    module does not. So it is imported with an empty package around it.
    """
    name = "torch_fidelity"
    if name not in sys.modules:
        spec = find_spec(name)
        if spec is None:
            raise ImportError(f"there is no module {name}")
        package = ModuleType(name)
        package.__path__ = list(spec.submodule_search_locations or ())
        sys.modules[name] = package
        try:
            return import_module(f"{name}.feature_extractor_inceptionv3")
        finally:
            del sys.modules[name]  # whoever imports the whole package gets the whole
    return import_module(f"{name}.feature_extractor_inceptionv3")


def _network(weights: Path) -> torch.nn.Module:
    tensors = read_weights(weights)
    try:
        module = _extractor_module()
    except (ImportError, RuntimeError, OSError) as error:
        raise ConfigError(
            tr(
                "Inception features need torch-fidelity, which does not load "
                "({splitline}): pip install 'spikestudio[inception]'.",
                splitline=str(error).splitlines()[0][:120],
            ),
            field="inception",
        ) from error
    # It unpickles its file, code and all. What it is given is written here, from tensors alone.
    file = io.BytesIO()
    torch.save(tensors, file)
    file.seek(0)
    try:
        network = module.FeatureExtractorInceptionV3("inception", ["2048", "logits_unbiased"], file)
    except (RuntimeError, ValueError, KeyError) as error:
        raise DataError(
            tr(
                "{weights} holds no weights of the Inception that FID is computed with: give "
                "weights-inception-2015-12-05-6726825d.pth of torch-fidelity.",
                weights=weights,
            ),
            path=weights,
        ) from error
    result: torch.nn.Module = network.eval()
    return result
