"""``spikestudio sample``: draw images and write them to a file or folder."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from spikestudio.cli.console import CANCELLED, fail, interruptible, print_json, progress, stdout
from spikestudio.cli.experiments import read_overrides

if TYPE_CHECKING:
    from spikestudio.checkpoints.loader import LoadedModel
    from spikestudio.sampling.result import RunResult
    from spikestudio.sampling.run import SamplingRun


def sample(
    file: Annotated[str, typer.Argument(help="Path or name of a checkpoint.")],
    out: Annotated[
        str, typer.Option(help="grid.png, samples.npz, or a folder/ for single images.")
    ],
    num: Annotated[int | None, typer.Option(help="Images.")] = None,
    seed: Annotated[int, typer.Option(help="Seed of all random streams.")] = 0,
    steps: Annotated[int | None, typer.Option(help="Denoising steps: network evaluations.")] = None,
    sampler: Annotated[
        str | None,
        typer.Option(
            help="ddim, ancestral, analytic or ddpm; diffusers:NAME such as diffusers:unipc with "
            "spikestudio[solvers]; absorbing for token models."
        ),
    ] = None,
    eta: Annotated[
        float | None, typer.Option(help="Fresh noise of ddim: 0 none, 1 as much as ancestral.")
    ] = None,
    snn_steps: Annotated[int | None, typer.Option(help="SNN time steps.")] = None,
    threshold: Annotated[
        float | None, typer.Option(help="Firing threshold of every neuron.")
    ] = None,
    temperature: Annotated[
        float | None, typer.Option(help="Randomness of the tokens; token models only.")
    ] = None,
    class_label: Annotated[
        int | None,
        typer.Option("--class", help="Class of all images; drawn at random if left out."),
    ] = None,
    guidance: Annotated[
        float | None, typer.Option(help="Strength of the class; 1 is without guidance.")
    ] = None,
    clip_x0: Annotated[
        bool | None, typer.Option(help="Keep every predicted clean image in [-1, 1].")
    ] = None,
    rescale_readout: Annotated[
        bool | None,
        typer.Option(
            "--rescale-readout", help="Read potentials out as strongly as at the trained SNN steps."
        ),
    ] = None,
    overrides: Annotated[
        Path | None,
        typer.Option(
            help="Experiments on neurons: a JSON list, as in the provenance of an image, such as "
            '[{"layer": "downblocks.*", "kind": "threshold", "value": 0.9}].'
        ),
    ] = None,
    device: Annotated[str, typer.Option(help="cpu, cuda, mps, or auto for the fastest.")] = "auto",
    columns: Annotated[int | None, typer.Option(help="Images per row of a grid.", min=1)] = None,
    rgb: Annotated[bool, typer.Option("--rgb", help="Repeat grey to three channels.")] = False,
    record: Annotated[
        Path | None, typer.Option(help="run.h5: stream spikes and states of every step to it.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Draw images with a model; what is left out is the model's own default.

    Under torchrun every process draws a share of the images, with the pixels of one process.
    """
    from spikestudio.atomic import check_writable
    from spikestudio.checkpoints.catalog import resolve
    from spikestudio.checkpoints.contents import open_checkpoint
    from spikestudio.errors import ConfigError
    from spikestudio.recording.record import Record
    from spikestudio.sampling.request import SamplingRequest
    from spikestudio.sweeps.share import Share

    share = Share.of_environment()
    if share.size > 1 and record is not None:
        raise ConfigError("A recording is made by one process: leave --record or torchrun out.")
    output = _Output(out, columns, rgb)
    output.check()
    if record is not None:
        check_writable(record)
    given: dict[str, Any] = {
        name: value
        for name, value in (
            *(("num", num), ("seed", seed), ("steps", steps), ("sampler", sampler)),
            *(("snn_steps", snn_steps), ("threshold", threshold), ("temperature", temperature)),
            *(("class_label", class_label), ("guidance", guidance)),
            *(("eta", eta), ("rescale_readout", rescale_readout)),
            *(("clip_x0", clip_x0), ("overrides", overrides and read_overrides(overrides))),
        )
        if value is not None
    }
    SamplingRequest(**given)
    open_checkpoint(
        resolve(file)
    )  # most of what can be wrong is known by now, before torch is loaded

    from spikestudio.checkpoints.loader import load
    from spikestudio.cli.generation import joint
    from spikestudio.export.provenance import provenance
    from spikestudio.runtime import tune_allocator
    from spikestudio.sampling.run import SamplingRun
    from spikestudio.training.parallel import joined

    tune_allocator()
    model = load(file, share.device(device))
    _refuse_unused(model, given)
    request = SamplingRequest(**model.defaults() | given)
    with joined(share.rank, share.size, model.device) as world:
        own = world.part(request.num)
        part = replace(request, num=len(own), first_image=request.first_image + own.first)
        run = SamplingRun(model, part, record=Record(path=record), describe=provenance)
        result = replace(joint(_work(run), own, world), request=request)
    if not share.is_first:  # the first process writes and tells for all
        return
    origin = provenance(result)
    output.write(result, origin)
    if run.recorder.file_error:
        fail(run.recorder.file_error)
    if as_json:
        recorded = {} if record is None else {"record": str(record)}
        print_json({"out": out, **recorded, "seconds": round(result.seconds, 3), **origin})
    else:
        images = "1 image" if result.request.num == 1 else f"{result.request.num} images"
        stdout().print(f"Wrote {images} to {out} ({result.seconds:.1f} s).", soft_wrap=True)


def _refuse_unused(model: LoadedModel, given: dict[str, Any]) -> None:
    """Raise ``ConfigError`` for a parameter that this kind of model would silently ignore."""
    from spikestudio.errors import ConfigError

    for name, is_used, why in (
        ("temperature", model.is_token_model, "works on pixels and not on tokens"),
        ("guidance", model.num_classes is not None, "has no classes to be guided to"),
        ("clip_x0", not model.is_token_model, "predicts tokens and no pixels to clip"),
    ):
        if name in given and not is_used:
            raise ConfigError(
                f"{model.name} {why}: leave --{name.replace('_', '-')} out.", field=name
            )


@dataclass(frozen=True, slots=True)
class _Output:
    """Where the images go; its name says in which format."""

    out: str
    columns: int | None
    rgb: bool

    def check(self) -> None:
        """Raise ``ExportError`` now if it could not be written later."""
        from spikestudio.atomic import check_writable
        from spikestudio.export.images import check_folder, output_kind

        path = Path(self.out)
        if output_kind(self.out) == "folder":
            check_folder(path)
            check_writable(path / "0000.png" if path.is_dir() else path)
        else:
            check_writable(path)

    def write(self, result: RunResult, origin: dict[str, Any]) -> None:
        """Write the images with their provenance."""
        from spikestudio.export.images import output_kind, save_folder, save_grid, save_npz

        assert result.images is not None  # the run is complete
        match output_kind(self.out):
            case "grid":
                save_grid(self.out, result.images, origin, self.columns, rgb=self.rgb)
            case "npz":
                save_npz(self.out, result.images, origin, rgb=self.rgb)
            case "folder":
                save_folder(self.out, result.images, origin, rgb=self.rgb)


def _work(run: SamplingRun) -> RunResult:
    """Do the run with a progress bar; Ctrl+C cancels it."""
    from spikestudio.errors import SamplingError
    from spikestudio.sampling.events import Cancelled, Failed, StepFinished

    with progress() as bar, interruptible(run.control):
        task = bar.add_task("Sampling", total=len(run.timesteps))
        for event in run:
            match event:
                case StepFinished():
                    bar.advance(task)
                case Failed(message=message):
                    raise SamplingError(message)
                case Cancelled(result=result):
                    done = f"{result.steps_done} of {len(result.timesteps)} steps"
                    kept = (
                        f"they are in {run.record.path}"
                        if run.record.path
                        else "nothing was written"
                    )
                    fail(f"Cancelled after {done}; {kept}.")
                    raise typer.Exit(CANCELLED)
    assert run.result is not None  # a run that ends otherwise has finished
    return run.result
