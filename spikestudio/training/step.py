"""One optimisation step: losses and gradients of a batch, over its parts and over processes."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from spikestudio.training.parallel import World
from spikestudio.training.presets import Stage
from spikestudio.training.tasks import Task

_AUTOCAST = {"bfloat16": torch.bfloat16, "float16": torch.float16}


class Stepper:
    """Moves the weights of one stage; ``should_stop``: one of several processes was asked to stop."""

    def __init__(
        self,
        stage: Stage,
        task: Task,
        optimiser: torch.optim.Optimizer,
        scaler: torch.amp.GradScaler,
        *,
        world: World,
        device: torch.device,
        precision: str,
        parts: int,
    ) -> None:
        self.should_stop = False
        self._stage = stage
        self._task = task
        self._optimiser = optimiser
        self._scaler = scaler
        self._world = world
        self._device = device
        self._lower = _AUTOCAST.get(precision)
        self._parts = parts
        self._parameters = [p for p in task.trained.parameters() if p.requires_grad]

    def backward(
        self, indices: Tensor, generator: Callable[[], torch.Generator], *, wants_stop: bool
    ) -> dict[str, Tensor]:
        """Leave the batch's gradients in the parameters and give its losses, both over all processes.

        ``generator`` gives the step's source of random numbers, afresh for each part.
        """
        self._optimiser.zero_grad(set_to_none=True)
        totals: dict[str, Tensor] = {}
        for part in self._world.part(len(indices)).split(self._parts):
            with torch.autocast(self._device.type, self._lower, enabled=self._lower is not None):
                losses = self._task.loss(indices, generator(), part)
            if len(part) < part.total:
                losses = {name: value * part.share for name, value in losses.items()}
            self._scaler.scale(losses["loss"]).backward()
            for name, value in losses.items():
                total = totals.get(name)
                totals[name] = value.detach() if total is None else total + value.detach()
        self._world.sum_gradients(self._parameters)
        return self._agree(totals, wants_stop)

    def move(self) -> None:
        """Clip the gradients and step; a step whose scaled gradients overflowed moves nothing."""
        if self._stage.grad_clip is not None:
            self._scaler.unscale_(self._optimiser)
            nn.utils.clip_grad_norm_(self._task.trained.parameters(), self._stage.grad_clip)
        self._scaler.step(self._optimiser)
        self._scaler.update()

    def _agree(self, losses: dict[str, Tensor], wants_stop: bool) -> dict[str, Tensor]:
        """Losses over all processes, and in the same message whether one of them wants to stop."""
        if self._world.is_alone:
            return losses
        values = torch.stack([value.double() for value in losses.values()])
        message = torch.cat([values, values.new_tensor([float(wants_stop)])])
        *sums, stops = self._world.sum_(message).unbind()
        self.should_stop = float(stops) > 0
        return dict(zip(losses, sums, strict=True))
