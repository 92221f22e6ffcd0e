"""From a checkpoint file to a network that can be evaluated."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from spikestudio.checkpoints.building import build_network, checked_tensors
from spikestudio.checkpoints.card import Card
from spikestudio.checkpoints.catalog import resolve
from spikestudio.checkpoints.contents import open_checkpoint
from spikestudio.checkpoints.devices import pick_device
from spikestudio.checkpoints.official import Choices
from spikestudio.checkpoints.safetensors_io import AUXILIARY, hash_state
from spikestudio.errors import ConfigError
from spikestudio.language import tr
from spikestudio.neurons.nodes import LIFNode, set_threshold, spiking_layers
from spikestudio.types import LayerInfo

_FIXED_CHUNKS = {"sdit": 8}
"""Architectures that are always evaluated with the same number of images."""


class LoadedModel:
    """A network in evaluation mode, with its card.

    ``network`` may be driven directly; ``predict``, ``encode`` and ``decode`` evaluate it without a
    gradient and give image k of a batch the same numbers as image k alone. ``gamma`` is the table of
    the sampler `analytic`, float64 ``[N]``; ``codebook_counts`` how often each code occurs in the
    training images, int64 ``[K]``; None where the file has none.
    """

    def __init__(
        self,
        card: Card,
        network: nn.Module,
        device: str,
        path: Path,
        tables: Mapping[str, Tensor] | None = None,
    ) -> None:
        self.card = card
        self.network = network
        self.device = device
        self.path = path
        self.name = path.stem
        self._config: Any = network.config
        tables = tables or {}
        self.gamma = tables.get(f"{AUXILIARY}gamma")
        self.codebook_counts = tables.get(f"{AUXILIARY}codebook_counts")

    @property
    def is_token_model(self) -> bool:
        """Whether it denoises tokens, which ``decode`` turns into images."""
        return self.card.codebook_size is not None

    @property
    def is_strict(self) -> bool:
        """Whether it is sampled with the numbers of the papers' code, quirks included."""
        return self.card.is_strict

    @property
    def dtype(self) -> str:
        """Type of the network's numbers: ``float32``."""
        found = (each.dtype for each in self.network.parameters() if each.is_floating_point())
        return str(next(found, torch.float32)).removeprefix("torch.")

    @cached_property
    def file_sha256(self) -> str:
        """SHA-256 of the file it was loaded from; empty if that is no longer there."""
        try:
            with self.path.open("rb") as file:
                return hashlib.file_digest(file, "sha256").hexdigest()
        except OSError:
            return ""

    @property
    def num_classes(self) -> int | None:
        """Classes it can be asked for; None if it cannot."""
        return getattr(self._config, "num_classes", None)

    def defaults(self) -> dict[str, Any]:
        """Request with which this model is best sampled, as keywords of ``SamplingRequest``."""
        defaults = self.card.run_defaults()
        return defaults | {"steps": min(defaults["steps"], self._config.num_train_timesteps)}

    def predict(
        self, x: Tensor, t: Tensor | int, y: Tensor | int | None = None
    ) -> Tensor | tuple[Tensor, Tensor]:
        """Evaluate the network once, from fresh neurons.

        Parameters
        ----------
        x
            Noisy images ``[B, C, H, W]``, or tokens int64 ``[B, h, w]`` for token models.
        t
            Diffusion times ``[B]``, or one for all.
        y
            Class labels ``[B]``, or one for all, of class-conditional models; None is the null label.

        Returns
        -------
        Tensor or tuple of Tensor
            The predicted noise ``[B, C, H, W]`` (sddpm), the noise and the variance coefficient
            (sdit), or logits ``[B, K, h, w]`` (spiking-diffusion).

        Raises
        ------
        ConfigError
            ``x`` has the wrong shape, or ``y`` is no label of this model.
        """
        if tuple(x.shape[1:]) != self._input_shape or not len(x):
            raise ConfigError(
                tr(
                    "{name} takes a batch of shape {input_shape}, not {tuple}.",
                    name=self.name,
                    input_shape=self._input_shape,
                    tuple=tuple(x.shape),
                ),
                field="x",
            )
        times = torch.as_tensor(t).expand(len(x))
        if self.num_classes is None:
            if y is not None:
                raise ConfigError(
                    tr("{name} has no classes: leave the label out.", name=self.name), field="y"
                )
            return self._evaluate(self.network, x, times)
        labels = torch.as_tensor(self.num_classes if y is None else y).expand(len(x))
        if labels.min() < 0 or labels.max() > self.num_classes:
            raise ConfigError(
                tr(
                    "{name} has the classes 0 to {num_classes}, not {tolist}.",
                    name=self.name,
                    num_classes=self.num_classes - 1,
                    tolist=labels.tolist(),
                ),
                field="y",
            )
        noise, variance = self._evaluate(self.network, x, times, labels).chunk(2, dim=1)
        return noise, variance

    def encode(self, images: Tensor) -> Tensor:
        """Tokens int64 ``[B, h, w]`` of images ``[B, C, H, W]`` in [0, 1]; token models only."""
        return self._evaluate(self._codec("encode"), images)

    def decode(self, tokens: Tensor) -> Tensor:
        """Images ``[B, C, H, W]`` in [0, 1] of tokens ``[B, h, w]``; token models only."""
        return self._evaluate(self._codec("decode"), tokens)

    @cached_property
    def layers(self) -> tuple[LayerInfo, ...]:
        """Spiking layers of one network evaluation, in the order in which they fire."""
        dtype = torch.int64 if self.is_token_model else torch.float32
        return self._trace(lambda: self.predict(torch.zeros(2, *self._input_shape, dtype=dtype), 0))

    @cached_property
    def codec_layers(self) -> tuple[LayerInfo, ...]:
        """Spiking layers of a token model's encoder and decoder; none for other models."""
        if not self.is_token_model:
            return ()
        images = torch.zeros(2, *self._image_shape)
        return self._trace(lambda: self.decode(self.encode(images)))

    @property
    def _image_shape(self) -> tuple[int, ...]:
        return (self._config.image_channels, self._config.image_size, self._config.image_size)

    @property
    def _input_shape(self) -> tuple[int, ...]:
        if self.is_token_model:
            return (self._config.grid_size, self._config.grid_size)
        return self._image_shape

    def _codec(self, name: str) -> Callable[..., Tensor]:
        if not self.is_token_model:
            raise ConfigError(
                tr(
                    "{name} works on pixels: it has no tokens to {name_2}.",
                    name=self.name,
                    name_2=name,
                )
            )
        return getattr(self.network, name)  # type: ignore[no-any-return]

    @property
    def chunk(self) -> int:
        """Images per network evaluation: more leave the processor's cache."""
        return _FIXED_CHUNKS.get(self.card.architecture, 32)

    @torch.inference_mode()
    def _evaluate(self, function: Callable[..., Tensor], *batch: Tensor) -> Tensor:
        """Call with a number of images for which an image does not depend on the others.

        Kernels are chosen by the batch and round differently, and a difference of one bit can flip a
        spike. Convolutions need two images at least, a transformer's matrix products always as many.
        """
        batch = tuple(each.to(self.device) for each in batch)
        size = _FIXED_CHUNKS.get(self.card.architecture)
        if size is None:
            return function(*(_padded(each, 2) for each in batch))[: len(batch[0])]
        parts = zip(*(each.split(size) for each in batch), strict=True)
        outputs = [function(*(_padded(each, size) for each in part)) for part in parts]
        return torch.cat(outputs)[: len(batch[0])]

    def _trace(self, evaluate: Callable[[], object]) -> tuple[LayerInfo, ...]:
        """Layers that fire during ``evaluate``, with the shapes they are given."""
        nodes = spiking_layers(self.network)
        shapes: dict[str, tuple[int, ...]] = {}

        def watch(name: str) -> Callable[[nn.Module, tuple[Tensor, ...]], None]:
            def note_shape(_: nn.Module, args: tuple[Tensor, ...]) -> None:
                shapes[name] = tuple(args[0].shape[2:])  # of [T, B, ...]

            return note_shape

        handles = [node.register_forward_pre_hook(watch(name)) for name, node in nodes.items()]
        try:
            evaluate()
        finally:
            for handle in handles:
                handle.remove()
        return tuple(
            LayerInfo(
                id=name,
                neuron="LIF" if isinstance(nodes[name], LIFNode) else "IF",
                shape=shape,
                v_threshold=self.card.v_threshold,
                v_reset=nodes[name].v_reset,
                tau=nodes[name].tau,
            )
            for name, shape in shapes.items()
        )


def load(
    name_or_path: str | Path,
    device: str = "cpu",
    *,
    second: Path | None = None,
    choices: Choices | None = None,
) -> LoadedModel:
    """Load a checkpoint by its name in the catalogue or by its path.

    Parameters
    ----------
    name_or_path
        ``sddpm-mnist``, a ``.safetensors`` file of ours, or a ``.pt`` or ``.pth`` file of the papers'
        code. What an official file cannot say is assumed; its card says so.
    device
        ``cpu``, ``cuda``, ``cuda:1``, ``mps``, or ``auto`` for the fastest.
    second
        The other half of Spiking-Diffusion, where it is not beside the first.
    choices
        What is known of an official file and it does not say.

    Raises
    ------
    CheckpointError
        No such file, or one that cannot be used; the subclasses say in which way.
    ConfigError
        The device is not available, or a choice contradicts the file.
    """
    device = pick_device(device)
    contents = open_checkpoint(resolve(name_or_path), second, choices)
    tensors = checked_tensors(contents)
    card = contents.card
    if contents.is_official:
        card = replace(card, tensors_sha256=hash_state(tensors))
    network = build_network(contents, tensors)
    set_threshold(network, card.v_threshold)
    network.eval().requires_grad_(False).to(device)
    return LoadedModel(card, network, device, contents.path, tensors)


def _padded(x: Tensor, size: int) -> Tensor:
    """Repeat the last of fewer than ``size`` rows."""
    missing = size - len(x)
    return x if missing <= 0 else torch.cat([x, x[-1:].expand(missing, *x.shape[1:])])
