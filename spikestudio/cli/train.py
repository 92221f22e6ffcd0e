"""``spikestudio train``: train one of the architectures on a data set."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from spikestudio.cli.console import CANCELLED, fail, progress, stdout
from spikestudio.training.events import Progressed

if TYPE_CHECKING:
    from spikestudio.training.events import TrainingEvent


def train(
    architecture: Annotated[
        str, typer.Argument(metavar="ARCH", help="sddpm, spiking-diffusion or sdit.")
    ],
    data: Annotated[Path, typer.Option(help="Folder of the data set.")],
    out: Annotated[Path, typer.Option(help="Checkpoint to write (.safetensors).")],
    dataset: Annotated[str, typer.Option(help="Name of the data set.")] = "mnist",
    preset: Annotated[str, typer.Option(help="micro or paper.")] = "micro",
    length: Annotated[
        float, typer.Option(help="Multiplies the preset's number of steps.", min=1e-6, max=100)
    ] = 1.0,
    init: Annotated[
        Path | None, typer.Option(help="Checkpoint of the same preset whose weights to start from.")
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the run folder.")] = False,
    seed: Annotated[int, typer.Option(help="Seed of weights, order and noise.", min=0)] = 0,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")] = "auto",
    precision: Annotated[str, typer.Option(help="float32 or bfloat16 (autocast).")] = "float32",
    compile_network: Annotated[
        bool, typer.Option("--compile", help="Compile the network (needs a C++ compiler).")
    ] = False,
    save_minutes: Annotated[float, typer.Option(help="Minutes between saves.", min=0)] = 5.0,
) -> None:
    """Train, writing log, samples and state to the folder OUT.run; Ctrl+C saves and stops."""
    from spikestudio.checkpoints.devices import pick_device
    from spikestudio.data.readers import load_dataset
    from spikestudio.errors import ConfigError
    from spikestudio.models.registry import architecture as find_architecture
    from spikestudio.runtime import tune_allocator
    from spikestudio.training.loop import TrainingRequest, shortened
    from spikestudio.training.loop import train as run
    from spikestudio.training.presets import preset as find_preset

    if precision not in ("float32", "bfloat16"):
        raise ConfigError(f"Unknown precision {precision!r}: choose float32 or bfloat16.")
    find_architecture(architecture)
    tune_allocator()
    run_folder = out.with_suffix(".run")
    request = TrainingRequest(
        architecture=architecture,
        preset_name=preset,
        preset=find_preset(architecture, preset),
        run_folder=run_folder,
        out=out,
        seed=seed,
        device=pick_device(device),
        bfloat16=precision == "bfloat16",
        compiled=compile_network,
        save_minutes=save_minutes,
        init=init,
        resume=resume,
    )
    images = load_dataset(data, dataset, "train")
    run_folder.mkdir(parents=True, exist_ok=True)
    stop = threading.Event()
    with _Report() as report, _stopped_by_signals(stop):
        for event in run(shortened(request, length), images, stop):
            report.show(event)
    if stop.is_set():
        fail(f"Stopped and saved in {run_folder}; add --resume to go on.")
        raise typer.Exit(CANCELLED)
    stdout().print(f"Wrote {out}", soft_wrap=True)


@contextmanager
def _stopped_by_signals(stop: threading.Event) -> Iterator[None]:
    """Let Ctrl+C, or a scheduler's SIGTERM, end training after the current step; again, at once."""
    watched = (signal.SIGINT, signal.SIGTERM)

    def handle(number: int, _frame: object) -> None:
        stop.set()
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
