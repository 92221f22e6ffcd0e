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
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from spikestudio.atomic import check_writable
from spikestudio.checkpoints.card import Card
from spikestudio.checkpoints.loader import LoadedModel, load
from spikestudio.checkpoints.safetensors_io import save
from spikestudio.data.readers import Dataset
from spikestudio.errors import TrainingError
from spikestudio.export.images import save_grid
from spikestudio.export.provenance import provenance
from spikestudio.language import tr
from spikestudio.models.registry import ARCHITECTURES
from spikestudio.sampling.events import Failed
from spikestudio.sampling.request import SamplingRequest
from spikestudio.sampling.run import SamplingRun
from spikestudio.seeds import derive_seed
from spikestudio.training.averaging import average_into, recalibrate
from spikestudio.training.batch_norm import share_statistics
from spikestudio.training.description import describe
from spikestudio.training.events import Measuring, Progressed, Saved, Trained, TrainingEvent
from spikestudio.training.log import LOG_FILE, Board, LossLog, trim_log
from spikestudio.training.parallel import World
from spikestudio.training.presets import Stage
from spikestudio.training.rates import metered
from spikestudio.training.recomputation import recompute_blocks
from spikestudio.training.request import TrainingRequest, learning_rate, snn_steps_at
from spikestudio.training.state import (
    STATE_FILE,
    load_state,
    make_optimiser,
    optimiser_tensors,
    save_state,
)
from spikestudio.training.status import Desk
from spikestudio.training.step import Stepper
from spikestudio.training.tables import Tables, measure
from spikestudio.training.tasks import Task, check_fit, is_tended, make_task

logger = logging.getLogger(__name__)

LOG_EVERY = 20  # steps averaged into one line of the log


def train(
    request: TrainingRequest,
    dataset: Dataset,
    stop: threading.Event | None = None,
    world: World | None = None,
    desk: Desk | None = None,
) -> Iterator[TrainingEvent]:
    """Run all stages. Setting ``stop``, or closing the generator, saves the state and ends early.

    ``desk`` is told every step; how it ended is the caller's to say there.

    Of several processes (``world``) the first one tells what happens and writes all files. ``stop`` of
    any ends all after the same step; the generators of several must not be closed.
    """
    return _Run(request, dataset, stop or threading.Event(), world or World(), desk).events()


def _is_logged(stage: Stage, step: int) -> bool:
    """Whether a line of the log follows so many steps of a stage."""
    return step % LOG_EVERY == 0 or step == stage.num_steps


class _Run:
    def __init__(
        self,
        request: TrainingRequest,
        dataset: Dataset,
        stop: threading.Event,
        world: World,
        desk: Desk | None,
    ) -> None:
        check_fit(request.preset.config, dataset)
        self.request = request
        self.world = world
        self.stop = stop
        self.desk = desk
        self.is_agreed_to_stop = False
        self.is_between_steps = True
        self.dataset = dataset
        self.device = torch.device(request.device)
        self.dtype = torch.float64 if request.precision == "float64" else torch.float32
        torch.manual_seed(derive_seed(request.seed, "weights"))
        build = ARCHITECTURES[request.architecture].build
        self.network: Any = build(request.preset.config).to(self.device, self.dtype).train()
        if request.channels_last:
            nn.utils.convert_conv2d_weight_memory_format(self.network, torch.channels_last)
        self.average = copy.deepcopy(self.network).eval().requires_grad_(False)
        share_statistics(self.network, world)
        if request.checkpointing:
            recompute_blocks(self.network)
        self.stage_index = 0
        self.step = 0
        self.seconds = self.per_step = 0.0
        self.rates: dict[str, float] = {}
        self.started_from = ""
        self.scaler = torch.amp.GradScaler(self.device.type, enabled=request.precision == "float16")
        self.optimiser: torch.optim.AdamW | None = None
        self.saved_optimiser: dict[str, Tensor] = {}
        if world.is_first:
            check_writable(request.out)
        if request.resume:
            self._load()
        elif (request.run_folder / STATE_FILE).exists():
            raise TrainingError(
                tr(
                    "There is a training run in {run_folder}: add --resume to go on with it, "
                    "or choose another output.",
                    run_folder=request.run_folder,
                )
            )
        elif request.init is not None:
            self.started_from = self._take_weights(request.init)
        world.share_state(self.network)
        world.share_state(self.average)
        world.meet(self.device)  # all have looked at the files, which the first one is to change
        self.board = (
            Board(request.run_folder, self._steps_done())
            if request.tensorboard and world.is_first
            else None
        )

    def events(self) -> Iterator[TrainingEvent]:
        stages = self.request.preset.stages
        if self.desk is not None:
            self.desk.plan(tuple((stage.name, stage.num_steps) for stage in stages))
        try:
            while self.stage_index < len(stages) and not self._is_stopping():
                yield from self._stage(stages[self.stage_index])
        finally:
            if self.is_between_steps:  # else weights and moments may not belong together
                self._save()
            if self.board is not None:
                self.board.close()
        if self.stage_index < len(stages):
            return
        tables = yield from self._tables()
        if tables is not None and self.world.is_first:
            card = self._write_checkpoint(self.request.out, tables)
            yield Trained(checkpoint=self.request.out, card=card)

    def _is_stopping(self) -> bool:
        return self.stop.is_set() if self.world.is_alone else self.is_agreed_to_stop

    def _stage(self, stage: Stage) -> Iterator[TrainingEvent]:
        compiled: Callable[[nn.Module], Any] = (
            (lambda module: torch.compile(module, dynamic=False))
            if self.request.compiled
            else (lambda module: module)
        )
        task = make_task(stage, self.network, self.dataset, self.device, compiled, self.dtype)
        self.optimiser = make_optimiser(stage, task.trained, self.saved_optimiser)
        self.saved_optimiser = {}
        stepper = Stepper(
            stage,
            task,
            self.optimiser,
            self.scaler,
            world=self.world,
            device=self.device,
            precision=self.request.precision,
            parts=self.request.parts,
        )
        log = LossLog(self.request.run_folder / LOG_FILE, stage.name)
        last_save = last_log = time.monotonic()
        while self.step < stage.num_steps:
            if self._is_stopping():
                return
            started = time.monotonic()
            self.is_between_steps = False
            losses = self._train_step(stage, stepper)
            if task.tend is not None and is_tended(stage, self.step):
                task.tend(self._indices(stage), self._generator(stage.name, "tend", self.step))
            self.step += 1
            self.is_between_steps = True
            self.seconds += time.monotonic() - started
            if not self.world.is_first:
                continue
            log.add(losses)
            if _is_logged(stage, self.step):
                now = time.monotonic()
                self.per_step = (now - last_log) / log.count
                event = self._progress(stage, log.flush(self.step, self.rates))
                if self.board is not None:
                    self.board.add(event)
                yield event
                last_log = now
            self._announce(stage)
            if time.monotonic() - last_save > 60 * self.request.save_minutes:
                self._save()
                yield self._write_latest()
                last_save = time.monotonic()
        self.is_between_steps = False
        self._finish_stage(stage, task)
        self.stage_index += 1
        self.step = 0
        self.is_between_steps = True

    def _train_step(self, stage: Stage, stepper: Stepper) -> dict[str, Tensor]:
        assert self.optimiser is not None
        self.network.set_snn_steps(
            snn_steps_at(stage, self.step, self.request.preset.config.num_snn_steps)
        )
        for group in self.optimiser.param_groups:
            group["lr"] = learning_rate(stage, self.step)
        # A compiled network has been traced without whatever would count its spikes.
        is_metered = _is_logged(stage, self.step + 1) and not self.request.compiled
        with metered(self.network, is_wanted=is_metered) as meter:
            losses = stepper.backward(
                self._indices(stage),
                lambda: self._generator(stage.name, self.step),
                wants_stop=self.stop.is_set(),
            )
        self.rates = meter.means(self.world)
        if not bool(losses["loss"].isfinite()):
            raise TrainingError(
                tr(
                    "Training of {stage} diverged: its loss is not finite at step {step}, "
                    "so start again with another seed or in float32.",
                    stage=stage.name,
                    step=self.step + 1,
                )
            )
        stepper.move()
        average_into(self.average, self.network, self._ema_decay(stage))
        self.is_agreed_to_stop = stepper.should_stop
        return losses

    def _generator(self, *purpose: str | int) -> torch.Generator:
        return torch.Generator().manual_seed(derive_seed(self.request.seed, *purpose))

    def _ema_decay(self, stage: Stage) -> float:
        """Decay of the average, shorter at the start so that it forgets the initial weights."""
        return min(stage.ema_decay, (1 + self.step) / (10 + self.step))

    def _indices(self, stage: Stage) -> Tensor:
        """Positions of this step's images; each epoch is a permutation of the data set."""
        per_epoch = max(1, len(self.dataset) // stage.batch_size)
        epoch, position = divmod(self.step, per_epoch)
        generator = self._generator(stage.name, "epoch", epoch)
        order = torch.randperm(len(self.dataset), generator=generator)
        return order[position * stage.batch_size : (position + 1) * stage.batch_size]

    def _finish_stage(self, stage: Stage, task: Task) -> None:
        """Go on from the averaged weights, with BatchNorm statistics measured for them."""
        self.network.set_snn_steps(self.request.preset.config.num_snn_steps)
        self.network.load_state_dict(self.average.state_dict())

        def forward(number: int) -> None:
            generator = self._generator(stage.name, "statistics", number)
            order = torch.randperm(len(self.dataset), generator=generator)[: stage.batch_size]
            task.loss(order, generator, self.world.part(len(order)))

        recalibrate(task.trained, forward)
        self.average.load_state_dict(self.network.state_dict())
        self.optimiser = None

    def _announce(self, stage: Stage) -> None:
        if self.desk is not None:
            self.desk.note(
                stage=stage.name,
                step=self.step,
                num_steps=stage.num_steps,
                total_done=self._steps_done(),
                learning_rate=learning_rate(stage, self.step - 1),
                snn_steps=self.network.num_snn_steps,
                seconds_per_step=self.per_step,
            )

    def _progress(self, stage: Stage, losses: dict[str, float]) -> Progressed:
        stages = self.request.preset.stages
        return Progressed(
            stage=stage.name,
            step=self.step,
            num_steps=stage.num_steps,
            total_done=self._steps_done(),
            total_steps=sum(each.num_steps for each in stages),
            losses=losses,
            learning_rate=learning_rate(stage, self.step - 1),
            snn_steps=self.network.num_snn_steps,
            seconds_per_step=self.per_step,
            rates=self.rates,
        )

    def _steps_done(self) -> int:
        """Steps done in all stages."""
        return sum(s.num_steps for s in self.request.preset.stages[: self.stage_index]) + self.step

    def _tables(self) -> Generator[Measuring, None, Tables | None]:
        """What is measured of the finished network; None if stopped meanwhile, to be done again."""
        card = self._card()
        if card.codebook_size is None and not self.request.table_images:
            return Tables()
        work = measure(
            LoadedModel(card, self._rebuilt(), self.request.device, self.request.out),
            self.dataset,
            images=self.request.table_images,
            seed=self.request.seed,
            world=self.world,
        )
        while True:
            try:
                event = next(work)
            except StopIteration as end:
                tables: Tables = end.value
                return tables
            if self.desk is not None:
                self.desk.note(
                    stage=event.what.replace("_", " "), step=event.done, num_steps=event.total
                )
            if self.world.is_first:
                yield event
            if self.world.is_alone and self.stop.is_set():
                return None

    def _model(self, card: Card) -> LoadedModel:
        average = self.average if self.dtype == torch.float32 else self._rebuilt()
        return LoadedModel(card, average, self.request.device, self.request.out)

    def _rebuilt(self) -> nn.Module:
        """Return the average as it is when it is loaded: in float32, laid out in the usual way."""
        network = ARCHITECTURES[self.request.architecture].build(self.request.preset.config)
        network.load_state_dict(self.average.state_dict())
        return network.eval().requires_grad_(False).to(self.device)

    def _write_checkpoint(self, path: Path, tables: Tables | None = None) -> Card:
        card, tables = self._card(tables), tables or Tables()
        return save(path, self._model(card).network.state_dict() | tables.tensors, card)

    def _card(self, tables: Tables | None = None) -> Card:
        return describe(
            self.request,
            self.dataset,
            steps=self._steps_done(),
            hours=self.seconds / 3600,
            processes=self.world.size,
            started_from=self.started_from,
            notes=tables.notes if tables else {},
        )

    def _write_latest(self) -> Saved:
        """A usable checkpoint of the average so far and, once the last stage runs, its samples."""
        path = self.request.run_folder / "latest.safetensors"
        card = self._write_checkpoint(path)
        if self.stage_index == len(self.request.preset.stages) - 1:
            model = self._model(card)
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
        if not self.world.is_first:
            return
        moments = (
            self.saved_optimiser if self.optimiser is None else optimiser_tensors(self.optimiser)
        )
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
                "decay": self._decay(),
                "scaler": self.scaler.state_dict(),
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
                tr(
                    "{path} holds another network than the preset {preset_name} of "
                    "{architecture}: start from one with the same configuration.",
                    path=path,
                    preset_name=self.request.preset_name,
                    architecture=self.request.architecture,
                )
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
                "decay": self._decay(),
            },
        )
        try:
            self.network.load_state_dict(tensors["network"])
            self.average.load_state_dict(tensors["average"])
        except (KeyError, RuntimeError) as error:
            raise TrainingError(
                tr(
                    "The weights in {run_folder} do not fit the preset "
                    "{preset_name}, which has changed: choose another folder.",
                    run_folder=self.request.run_folder,
                    preset_name=self.request.preset_name,
                )
            ) from error
        self.saved_optimiser = tensors["optimiser"]
        self.stage_index, self.step = int(position["stage"]), int(position["step"])
        self.seconds = float(position["seconds"])
        self.started_from = str(position.get("started_from", ""))
        self.scaler.load_state_dict(position.get("scaler") or self.scaler.state_dict())
        names = [stage.name for stage in self.request.preset.stages]
        if self.stage_index == len(names) or not self.world.is_first:
            return
        trim_log(self.request.run_folder / LOG_FILE, names[: self.stage_index + 1], self.step)

    def _decay(self) -> str:
        """How the learning rate falls, which must not change half-way."""
        return self.request.preset.stages[-1].decay
