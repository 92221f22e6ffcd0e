"""Building a network for weights from a file: first without memory, then without drawing them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

_RANDOM = {"uniform_", "normal_", "kaiming_uniform_", "kaiming_normal_", "trunc_normal_"}
_ALLOCATING = {torch.empty, torch.zeros, torch.ones, torch.full}


class _WithoutDrawing(TorchFunctionMode):
    """Leaves out random initial values: half a second for a large network, all overwritten anyway."""

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Any,  # noqa: ANN401  as torch declares it
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:  # noqa: ANN401
        kwargs = dict(kwargs or {})
        if func.__name__ in _RANDOM:
            return args[0] if args else kwargs["tensor"]
        return self.call(func, args, kwargs)

    def call(self, func: Callable[..., Any], args: Any, kwargs: dict[str, Any]) -> Any:  # noqa: ANN401
        return func(*args, **kwargs)


class _WithoutMemory(_WithoutDrawing):
    """Puts parameters on the meta device and lets small tables be computed as usual.

    A plain ``torch.device("meta")`` computes those on meta too, for which torch imports some 800
    modules, which takes longer than loading the weights.
    """

    def call(self, func: Callable[..., Any], args: Any, kwargs: dict[str, Any]) -> Any:  # noqa: ANN401
        if func in _ALLOCATING and kwargs.get("device") is None:
            kwargs["device"] = "meta"
        return func(*args, **kwargs)


def outline(build: Callable[[], nn.Module]) -> dict[str, Tensor]:
    """State dict of what ``build`` makes, with shapes and types but without memory for the weights."""
    with _WithoutMemory():
        return build().state_dict()


def construct(build: Callable[[], nn.Module]) -> nn.Module:
    """Build a network whose weights are still undefined; its constant tables are computed."""
    with _WithoutDrawing():
        return build()
