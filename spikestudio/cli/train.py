"""``spikestudio train``: train one of the architectures on a data set."""

from __future__ import annotations

import shutil
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from spikestudio.cli.console import CANCELLED, fail, progress, stdout
from spikestudio.training.events import Measuring, Progressed, Trained
from spikestudio.training.options import RUN_SUFFIX, TrainingOptions
from spikestudio.training.status import STATUS_FILE, Desk, announced

if TYPE_CHECKING:
    from spikestudio.sweeps.share import Share
    from spikestudio.training.events import TrainingEvent


def train(
    architecture: Annotated[
        str, typer.Argument(metavar="ARCH", help="sddpm, spiking-diffusion or sdit.")
    ],
    data: Annotated[Path, typer.Option(help="Folder of the data set.")],
    out: Annotated[Path, typer.Option(help="Checkpoint to write (.safetensors).")],
    dataset: Annotated[str, typer.Option(help="Name of the data set.")] = "mnist",
    preset: Annotated[str, typer.Option(help="micro, paper or, of sddpm, released.")] = "micro",
    length: Annotated[
        float, typer.Option(help="Multiplies the preset's number of steps.", min=1e-6, max=100)
    ] = 1.0,
    init: Annotated[
        Path | None, typer.Option(help="Checkpoint of the same preset whose weights to start from.")
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the run folder.")] = False,
    seed: Annotated[int, typer.Option(help="Seed of weights, order and noise.", min=0)] = 0,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")] = "auto",
    precision: Annotated[
        str, typer.Option(help="float32, bfloat16 or (CUDA) float16 by autocast, or float64.")
    ] = "float32",
    compile_network: Annotated[
        bool, typer.Option("--compile", help="Compile the network (needs a C++ compiler).")
    ] = False,
    parts: Annotated[
        int,
        typer.Option(
            help="Evaluate a batch in so many parts and add up their gradients: less memory. A "
            "BatchNorm then sees one part at a time.",
            min=1,
        ),
    ] = 1,
    checkpointing: Annotated[
        bool,
        typer.Option("--checkpointing", help="Recompute activations: less memory, same gradients."),
    ] = False,
    channels_last: Annotated[
        bool,
        typer.Option(
            "--channels-last/--contiguous",
            help="How convolutions lie in memory: a matter of speed.",
        ),
    ] = True,
    cosine: Annotated[
        bool,
        typer.Option("--cosine", help="Let the learning rate fall along half a cosine to zero."),
    ] = False,
    gamma_images: Annotated[
        int,
        typer.Option(
            help="Images per diffusion time for the table of the sampler analytic; 0 leaves it out.",
            min=0,
        ),
    ] = 16,
    tensorboard: Annotated[
        bool, typer.Option("--tensorboard", help="Log for TensorBoard, beside log.csv.")
    ] = False,
    save_minutes: Annotated[float, typer.Option(help="Minutes between saves.", min=0)] = 5.0,
) -> None:
    """Train, writing log, samples and state to the folder OUT.run; Ctrl+C saves and stops.

    Under torchrun every process computes its part of each batch, with the result of one process.
    """
    options = TrainingOptions(
        architecture=architecture,
        data=str(data.absolute()),
        out=str(out.absolute()),
        dataset=dataset,
        preset=preset,
        length=length,
        init=str(init.absolute()) if init is not None else "",
        resume=resume,
        seed=seed,
        device=device,
        precision=precision,
        compile=compile_network,
        parts=parts,
        checkpointing=checkpointing,
        channels_last=channels_last,
        cosine=cosine,
        gamma_images=gamma_images,
        tensorboard=tensorboard,
        save_minutes=save_minutes,
    )
    from spikestudio.sweeps.share import Share  # here: it imports NumPy

    share = Share.of_environment()
    run_folder = out.with_suffix(RUN_SUFFIX)
    stop = threading.Event()
    desk = Desk(run_folder, stop, options.to_json()) if share.is_first else None
    with (
        _stopped_by_signals(stop, again_at_once=share.size == 1),
        _folder(run_folder),
        announced(desk),
    ):
        is_trained = _run(options, run_folder, share, stop, desk)
        if desk is not None:
            desk.end("finished" if is_trained else "stopped")
    if not share.is_first:  # the first process says what became of it
        raise typer.Exit(CANCELLED if stop.is_set() else 0)
    if not is_trained:
        fail(f"Stopped and saved in {run_folder}; add --resume to go on.")
        raise typer.Exit(CANCELLED)
    stdout().print(f"Wrote {out}", soft_wrap=True)


def _run(
    options: TrainingOptions,
    run_folder: Path,
    share: Share,
    stop: threading.Event,
    desk: Desk | None,
) -> bool:
    """Train; returns whether to the end."""
    from spikestudio.checkpoints.devices import pick_device
    from spikestudio.data.readers import load_dataset
    from spikestudio.data.registry import dataset_info
    from spikestudio.data.resize import resized
    from spikestudio.models.registry import architecture as find_architecture
    from spikestudio.runtime import tune_allocator
    from spikestudio.training.loop import train as run
    from spikestudio.training.parallel import joined
    from spikestudio.training.presets import for_dataset
    from spikestudio.training.presets import preset as find_preset
    from spikestudio.training.request import TrainingRequest, shortened, with_cosine

    find_architecture(options.architecture)
    tune_allocator()
    request = TrainingRequest(
        architecture=options.architecture,
        preset_name=options.preset,
        preset=for_dataset(
            find_preset(options.architecture, options.preset), dataset_info(options.dataset)
        ),
        run_folder=run_folder,
        out=Path(options.out),
        seed=options.seed,
        device=pick_device(share.device(options.device)),
        precision=options.precision,
        compiled=options.compile,
        parts=options.parts,
        checkpointing=options.checkpointing,
        channels_last=options.channels_last,
        table_images=options.gamma_images,
        tensorboard=options.tensorboard,
        save_minutes=options.save_minutes,
        init=Path(options.init) if options.init else None,
        resume=options.resume,
    )
    request = shortened(request, options.length)
    if options.cosine:
        request = with_cosine(request)
    images = load_dataset(Path(options.data), options.dataset, "train")
    images = resized(images, request.preset.config.image_size)
    is_trained = False
    with joined(share.rank, share.size, request.device) as world, _Report() as report:
        for event in run(request, images, stop, world, desk):
            report.show(event)
            is_trained = is_trained or isinstance(event, Trained)
    return is_trained


@contextmanager
def _folder(path: Path) -> Iterator[None]:
    """Make the run's folder; one in which nothing came about but a failure goes again."""
    is_new = not path.exists()
    path.mkdir(parents=True, exist_ok=True)
    try:
        yield
    except BaseException:
        if is_new and {each.name for each in path.iterdir()} <= {STATUS_FILE}:
            shutil.rmtree(path, ignore_errors=True)
        raise


@contextmanager
def _stopped_by_signals(stop: threading.Event, *, again_at_once: bool) -> Iterator[None]:
    """Let Ctrl+C, or a scheduler's SIGTERM, end training after the current step; again, at once.

    Of several processes each may get it twice, from the terminal and from torchrun, which also ends
    those that do not stop in time.
    """
    watched = (signal.SIGINT, signal.SIGTERM)

    def handle(number: int, _frame: object) -> None:
        stop.set()
        if again_at_once:
            signal.signal(number, before[signal.Signals(number)])

    before = {number: signal.signal(number, handle) for number in watched}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class _Report:
    """Progress with the time left: a bar on a terminal, else a line every half minute."""

    def __init__(self) -> None:
        self.bar = progress()
        self.task = self.bar.add_task("Starting", total=None)
        self.last_line = 0.0

    def __enter__(self) -> _Report:
        self.bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.bar.stop()

    def show(self, event: TrainingEvent) -> None:
        if isinstance(event, Measuring):
            text = f"Measuring {event.what.replace('_', ' ')}"
            self.bar.update(self.task, description=text, total=event.total, completed=event.done)
        if not isinstance(event, Progressed):
            return
        losses = "  ".join(f"{name} {value:.4f}" for name, value in event.losses.items())
        text = f"{event.stage} {event.step}/{event.num_steps}  T={event.snn_steps}  {losses}"
        self.bar.update(
            self.task, description=text, total=event.total_steps, completed=event.total_done
        )
        if self.bar.disable and time.monotonic() - self.last_line > 30:
            self.last_line = time.monotonic()
            left = event.seconds_per_step * (event.total_steps - event.total_done)
            fail(f"{text}  {event.seconds_per_step:.3f} s/step  {left / 60:.0f} min left")
