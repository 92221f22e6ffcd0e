"""Training as a generator of events: resumable to the same losses, saved on every way out.

Nothing random is kept between steps. The order of the images in an epoch and all noise of a step
follow from the seed and the step's number, so a state is the weights, their average, the optimiser's
moments and that number.
"""

from __future__ import annotations

import copy
import logging
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from spikestudio.atomic import check_writable
from spikestudio.checkpoints.card import Card
from spikestudio.checkpoints.loader import LoadedModel, load
from spikestudio.checkpoints.safetensors_io import save
from spikestudio.data.readers import Dataset
from spikestudio.data.registry import dataset_info
from spikestudio.errors import TrainingError
from spikestudio.export.images import save_grid
from spikestudio.export.provenance import provenance
from spikestudio.models.config import to_json
from spikestudio.models.registry import ARCHITECTURES
from spikestudio.sampling.events import Failed
from spikestudio.sampling.request import SamplingRequest
from spikestudio.sampling.run import SamplingRun
from spikestudio.seeds import derive_seed
from spikestudio.training.averaging import average_into, recalibrate
from spikestudio.training.events import Progressed, Saved, Trained, TrainingEvent
from spikestudio.training.log import LOG_FILE, LossLog, trim_log
from spikestudio.training.presets import Preset, Stage
from spikestudio.training.state import STATE_FILE, load_state, save_state
from spikestudio.training.tasks import Task, check_fit, make_task

logger = logging.getLogger(__name__)

LOG_EVERY = 20  # steps averaged into one line of the log


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingRequest:
    """What to train, on what, where to."""

    architecture: str
    preset_name: str
    preset: Preset
    run_folder: Path
    out: Path
    seed: int = 0
    device: str = "cpu"
    bfloat16: bool = False
    compiled: bool = False
    save_minutes: float = 5.0
    init: Path | None = None  # checkpoint whose weights to start from
    resume: bool = False


def train(
    request: TrainingRequest, dataset: Dataset, stop: threading.Event | None = None
) -> Iterator[TrainingEvent]:
    """Run all stages. Setting ``stop``, or closing the generator, saves the state and ends early."""
    return _Run(request, dataset, stop or threading.Event()).events()


def learning_rate(stage: Stage, step: int) -> float:
    """Rate of one step: linear warm-up, constant, linear decay to zero."""
    warm = min(1.0, (step + 1) / stage.warmup_steps) if stage.warmup_steps else 1.0
    decay_steps = stage.decay_share * stage.num_steps
    left = (stage.num_steps - step) / decay_steps if decay_steps else 1.0
    return stage.learning_rate * min(warm, left, 1.0)


def snn_steps_at(stage: Stage, step: int, default: int) -> int:
    """SNN steps in force at one step of the stage's schedule."""
    end = 0.0
    for share, snn_steps in stage.snn_schedule:
        end += share
        if step < round(end * stage.num_steps):
            return snn_steps
    return default


class _Run:
    def __init__(self, request: TrainingRequest, dataset: Dataset, stop: threading.Event) -> None:
        check_fit(request.preset.config, dataset)
        check_writable(request.out)
        self.request = request
        self.stop = stop
        self.is_between_steps = True
        self.dataset = dataset
        self.device = torch.device(request.device)
        torch.manual_seed(derive_seed(request.seed, "weights"))
        build = ARCHITECTURES[request.architecture].build
        self.network: Any = build(request.preset.config).to(self.device).train()
        torch.nn.utils.convert_conv2d_weight_memory_format(self.network, torch.channels_last)
        self.average = copy.deepcopy(self.network).eval().requires_grad_(False)
        self.stage_index = 0
        self.step = 0
        self.seconds = 0.0
        self.started_from = ""
        self.optimiser: torch.optim.AdamW | None = None
        self.saved_optimiser: dict[str, Tensor] = {}
        if request.resume:
            self._load()
        elif (request.run_folder / STATE_FILE).exists():
            raise TrainingError(
                f"There is a training run in {request.run_folder}: add --resume to go on with it, "
                "or choose another output."
            )
        elif request.init is not None:
            self.started_from = self._take_weights(request.init)

    def events(self) -> Iterator[TrainingEvent]:
        stages = self.request.preset.stages
        try:
            while self.stage_index < len(stages) and not self.stop.is_set():
                yield from self._stage(stages[self.stage_index])
        finally:
            if self.is_between_steps:  # else weights and moments may not belong together
                self._save()
        if self.stage_index < len(stages):
            return
        card = self._write_checkpoint(self.request.out)
        yield Trained(checkpoint=self.request.out, card=card)

    def _stage(self, stage: Stage) -> Iterator[TrainingEvent]:
        compiled: Callable[[nn.Module], Any] = (
            (lambda module: torch.compile(module, dynamic=False))
            if self.request.compiled
            else (lambda module: module)
        )
        task = make_task(stage, self.network, self.dataset, self.device, compiled)
        self.optimiser = self._make_optimiser(stage, task)
        log = LossLog(self.request.run_folder / LOG_FILE, stage.name)
        last_save = last_log = time.monotonic()
        while self.step < stage.num_steps:
            if self.stop.is_set():
                return
            started = time.monotonic()
            self.is_between_steps = False
            losses = self._train_step(stage, task)
            self.step += 1
            self.is_between_steps = True
            self.seconds += time.monotonic() - started
            log.add(losses)
            if self.step % LOG_EVERY == 0 or self.step == stage.num_steps:
                now = time.monotonic()
                per_step = (now - last_log) / log.count
                yield self._progress(stage, log.flush(self.step), per_step)
                last_log = now
            if time.monotonic() - last_save > 60 * self.request.save_minutes:
                self._save()
                yield self._write_latest()
                last_save = time.monotonic()
        self.is_between_steps = False
        self._finish_stage(stage, task)
        self.stage_index += 1
        self.step = 0
        self.is_between_steps = True

    def _make_optimiser(self, stage: Stage, task: Task) -> torch.optim.AdamW:
        parameters = [p for p in task.trained.parameters() if p.requires_grad]
        optimiser = torch.optim.AdamW(
            parameters, lr=stage.learning_rate, weight_decay=stage.weight_decay
        )
        for index, parameter in enumerate(parameters):
            if f"{index}.exp_avg" in self.saved_optimiser:
                optimiser.state[parameter] = {
                    "step": self.saved_optimiser[f"{index}.step"].cpu(),
                    **{
                        # laid out in memory like the weights, which makes steps faster
                        name: torch.empty_like(parameter).copy_(
                            self.saved_optimiser[f"{index}.{name}"]
                        )
                        for name in ("exp_avg", "exp_avg_sq")
                    },
                }
        self.saved_optimiser = {}
        return optimiser

    def _train_step(self, stage: Stage, task: Task) -> dict[str, Tensor]:
        assert self.optimiser is not None
        self.network.set_snn_steps(
            snn_steps_at(stage, self.step, self.request.preset.config.num_snn_steps)
        )
        for group in self.optimiser.param_groups:
            group["lr"] = learning_rate(stage, self.step)
        generator = torch.Generator().manual_seed(
            derive_seed(self.request.seed, stage.name, self.step)
        )
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.request.bfloat16):
            losses = task.loss(self._indices(stage), generator)
        if not bool(losses["loss"].isfinite()):
            raise TrainingError(
                f"Training of {stage.name} diverged: its loss is not finite at step {self.step + 1}, "
                "so start again with another seed or in float32."
            )
        self.optimiser.zero_grad(set_to_none=True)
        losses["loss"].backward()
        if stage.grad_clip is not None:
            nn.utils.clip_grad_norm_(task.trained.parameters(), stage.grad_clip)
        self.optimiser.step()
        average_into(self.average, self.network, self._ema_decay(stage))
        return losses

    def _ema_decay(self, stage: Stage) -> float:
        """Decay of the average, shorter at the start so that it forgets the initial weights."""
        return min(stage.ema_decay, (1 + self.step) / (10 + self.step))

    def _indices(self, stage: Stage) -> Tensor:
        """Positions of this step's images; each epoch is a permutation of the data set."""
        per_epoch = max(1, len(self.dataset) // stage.batch_size)
        epoch, position = divmod(self.step, per_epoch)
        generator = torch.Generator().manual_seed(
            derive_seed(self.request.seed, stage.name, "epoch", epoch)
        )
        order = torch.randperm(len(self.dataset), generator=generator)
        return order[position * stage.batch_size : (position + 1) * stage.batch_size]

    def _finish_stage(self, stage: Stage, task: Task) -> None:
        """Go on from the averaged weights, with BatchNorm statistics measured for them."""
        self.network.set_snn_steps(self.request.preset.config.num_snn_steps)
        self.network.load_state_dict(self.average.state_dict())

        def forward(number: int) -> None:
            generator = torch.Generator().manual_seed(
                derive_seed(self.request.seed, stage.name, "statistics", number)
            )
            order = torch.randperm(len(self.dataset), generator=generator)
            task.loss(order[: stage.batch_size], generator)

        recalibrate(task.trained, forward)
        self.average.load_state_dict(self.network.state_dict())
        self.optimiser = None

    def _progress(self, stage: Stage, losses: dict[str, float], per_step: float) -> Progressed:
        stages = self.request.preset.stages
        before = sum(each.num_steps for each in stages[: self.stage_index])
        return Progressed(
            stage=stage.name,
            step=self.step,
            num_steps=stage.num_steps,
            total_done=before + self.step,
            total_steps=sum(each.num_steps for each in stages),
            losses=losses,
            learning_rate=learning_rate(stage, self.step - 1),
            snn_steps=self.network.num_snn_steps,
            seconds_per_step=per_step,
        )

    def _write_checkpoint(self, path: Path) -> Card:
        request, info = self.request, dataset_info(self.dataset.name)
        done = sum(stage.num_steps for stage in request.preset.stages[: self.stage_index])
        card = Card.describe(
            request.architecture,
            to_json(request.preset.config),
            dataset=self.dataset.name,
            data_licence=info.licence,
            image_size=info.image_size,
            image_channels=info.channels,
            classes=self.dataset.classes,
            training={
                "preset": request.preset_name,
                "steps": done + self.step,
                "steps_planned": sum(stage.num_steps for stage in request.preset.stages),
                "batch_size": request.preset.stages[-1].batch_size,
                "optimiser": "AdamW",
                "learning_rate": request.preset.stages[-1].learning_rate,
                "ema_decay": request.preset.stages[-1].ema_decay,
                "images": len(self.dataset),
                "seed": request.seed,
                "device": request.device,
                "bfloat16": request.bfloat16,
                "hours": round(self.seconds / 3600, 3),
                **({"started_from": self.started_from} if self.started_from else {}),
            },
            defaults=request.preset.defaults,
        )
        return save(path, self.average.state_dict(), card)

    def _write_latest(self) -> Saved:
        """A usable checkpoint of the average so far and, once the last stage runs, its samples."""
        path = self.request.run_folder / "latest.safetensors"
        card = self._write_checkpoint(path)
        if self.stage_index == len(self.request.preset.stages) - 1:
            model = LoadedModel(card, self.average, self.request.device, path)
            run = SamplingRun(model, SamplingRequest(**model.defaults()))
            for event in run:
                if isinstance(event, Failed):
                    logger.warning("No samples at step %d: %s", self.step, event.message)
            if run.result is not None and run.result.images is not None:
                folder = self.request.run_folder / "samples"
                folder.mkdir(exist_ok=True)
                picture = folder / f"{self.step:07d}.png"
                save_grid(picture, run.result.images, provenance(run.result))
        return Saved(checkpoint=path)

    def _save(self) -> None:
        moments: dict[str, Tensor] = dict(self.saved_optimiser)
        if self.optimiser is not None:
            states = (self.optimiser.state[p] for p in self.optimiser.param_groups[0]["params"])
            for index, state in enumerate(states):
                moments |= {f"{index}.{name}": value for name, value in state.items()}
        save_state(
            self.request.run_folder,
            position={
                "architecture": self.request.architecture,
                "preset": self.request.preset_name,
                "seed": self.request.seed,
                "dataset": self.dataset.name,
                "images": len(self.dataset),
                "stage": self.stage_index,
                "step": self.step,
                "seconds": self.seconds,
                "started_from": self.started_from,
            },
            tensors={
                "network": self.network.state_dict(),
                "average": self.average.state_dict(),
                "optimiser": moments,
            },
        )

    def _take_weights(self, path: Path) -> str:
        """Start from a checkpoint; gives its name and data set, for the card."""
        model = load(path)
        network: Any = model.network
        if (model.card.architecture, network.config) != (
            self.request.architecture,
            self.request.preset.config,
        ):
            raise TrainingError(
                f"{path} holds another network than the preset {self.request.preset_name} of "
                f"{self.request.architecture}: start from one with the same configuration."
            )
        for target in (self.network, self.average):
            target.load_state_dict(network.state_dict())
        return f"{model.name} ({model.card.dataset}, {model.card.tensors_sha256[:12]})"

    def _load(self) -> None:
        position, tensors = load_state(
            self.request.run_folder,
            expected={
                "architecture": self.request.architecture,
                "preset": self.request.preset_name,
                "seed": self.request.seed,
                "dataset": self.dataset.name,
                "images": len(self.dataset),
            },
        )
        try:
            self.network.load_state_dict(tensors["network"])
            self.average.load_state_dict(tensors["average"])
        except (KeyError, RuntimeError) as error:
            raise TrainingError(
                f"The weights in {self.request.run_folder} do not fit the preset "
                f"{self.request.preset_name}, which has changed: choose another folder."
            ) from error
        self.saved_optimiser = tensors["optimiser"]
        self.stage_index, self.step = int(position["stage"]), int(position["step"])
        self.seconds = float(position["seconds"])
        self.started_from = str(position.get("started_from", ""))
        names = [stage.name for stage in self.request.preset.stages]
        if self.stage_index == len(names):
            return
        trim_log(self.request.run_folder / LOG_FILE, names[: self.stage_index + 1], self.step)


def shortened(request: TrainingRequest, share: float) -> TrainingRequest:
    """Return the same request with every stage's steps multiplied by ``share``, at least one each."""
    stages = tuple(
        replace(stage, num_steps=max(1, round(stage.num_steps * share)))
        for stage in request.preset.stages
    )
    return replace(request, preset=replace(request.preset, stages=stages))
