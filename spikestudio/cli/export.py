"""``spikestudio export``: figures, numbers and animations of a recorded run."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from spikestudio.cli.console import print_json, progress, stdout

if TYPE_CHECKING:
    from spikestudio.export.choice import Neurons
    from spikestudio.export.figures import FigureData, Size
    from spikestudio.export.tables import Table
    from spikestudio.recording.hdf5 import Recording
    from spikestudio.types import LayerInfo

_EXCHANGE = {"nwb": (".nwb",), "nirdata": (".h5", ".hdf5")}  # formats of other tools
_FIGURE = "x.svg, .pdf or .png; .zip with a script that draws it again; numbers as .npz or .csv."


def export(
    file: Annotated[Path, typer.Argument(metavar="RUN.h5", help="A recording of a run.")],
    raster: Annotated[Path | None, typer.Option(help=f"Spikes over time: {_FIGURE}")] = None,
    membrane: Annotated[
        Path | None, typer.Option(help=f"Potentials of watched neurons: {_FIGURE}")
    ] = None,
    rates: Annotated[Path | None, typer.Option(help=f"Rates of all layers: {_FIGURE}")] = None,
    curve: Annotated[
        Path | None,
        typer.Option(help="Rate above threshold, step by step: .svg, .pdf, .png, .zip."),
    ] = None,
    tokens: Annotated[
        Path | None, typer.Option(help=f"Token map and order of reveal: {_FIGURE}")
    ] = None,
    spikes: Annotated[Path | None, typer.Option(help="Spikes as numbers: .npz or .csv.")] = None,
    grid: Annotated[
        Path | None,
        typer.Option(
            help="Images: .png, .jpg, .webp, .tiff; arrays as .npz; a folder/ of single ones."
        ),
    ] = None,
    animation: Annotated[
        Path | None, typer.Option(help="The run as .gif, .png (APNG), .webp or .mp4.")
    ] = None,
    nwb: Annotated[
        Path | None,
        typer.Option(help="Spikes, potentials and counts as .nwb; needs spikestudio[nwb]."),
    ] = None,
    nirdata: Annotated[
        Path | None,
        typer.Option(help="Spikes of whole layers as NIRData .h5; needs spikestudio[nir]."),
    ] = None,
    layer: Annotated[
        str | None, typer.Option(help="Layer; the one the run was recorded for if left out.")
    ] = None,
    neurons: Annotated[str | None, typer.Option(help="Their numbers: 1,2,10-14.")] = None,
    rule: Annotated[
        str, typer.Option(help="highest rate, first spike, evenly spaced, index or firing only.")
    ] = "highest rate",
    rows: Annotated[int, typer.Option(help="Neurons that the rule takes.", min=1)] = 128,
    steps: Annotated[
        str | None, typer.Option(help="Denoising steps from 1: 3, 1-10 or 5-; all if left out.")
    ] = None,
    image: Annotated[
        int | None, typer.Option(help="Image of the token map, from 1.", min=1)
    ] = None,
    preset: Annotated[
        str, typer.Option(help="Size of figures: column, two-columns or slide.")
    ] = "column",
    width: Annotated[float | None, typer.Option(help="Width of figures in mm.")] = None,
    height: Annotated[float | None, typer.Option(help="Height of figures in mm.")] = None,
    dpi: Annotated[int | None, typer.Option(help="Dots per inch of PNG figures.")] = None,
    columns: Annotated[int | None, typer.Option(help="Images per row of a grid.", min=1)] = None,
    padding: Annotated[int, typer.Option(help="Pixels between images of a grid.")] = 2,
    scale: Annotated[int, typer.Option(help="Pixels per pixel of an image in a grid.")] = 1,
    labels: Annotated[bool, typer.Option("--labels", help="Number the images of a grid.")] = False,
    beside: Annotated[
        str, typer.Option(help="What an animation shows beside the images: raster,membrane,tokens.")
    ] = "",
    size: Annotated[int, typer.Option(help="Height of an animation in pixels.")] = 480,
    fps: Annotated[float, typer.Option(help="Denoising steps per second of an animation.")] = 8.0,
    hold: Annotated[float, typer.Option(help="Seconds that its last frame stays.")] = 2.0,
    loop: Annotated[bool, typer.Option(help="Begin again at its end.")] = True,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Make figures, numbers and animations of a recording; needs no checkpoint and samples nothing.

    Several may be asked for at once. Every file says which run it is of, and is complete or not there.
    """
    from spikestudio.export import choice
    from spikestudio.recording.hdf5 import open_recording

    targets = {
        name: path
        for name, path in (
            *(("raster", raster), ("membrane", membrane), ("rates", rates), ("curve", curve)),
            *(("tokens", tokens), ("spikes", spikes), ("grid", grid), ("animation", animation)),
            *(("nwb", nwb), ("nirdata", nirdata)),
        )
        if path is not None
    }
    if not targets:
        raise typer.BadParameter("say what to write, such as --raster raster.svg")
    given = {"width_mm": width, "height_mm": height, "dpi": dpi}
    recording = open_recording(file)
    try:
        job = _Job(
            recording,
            choice.parse_steps(steps, recording),
            layer,
            None if neurons is None else choice.parse_neurons(neurons),
            rule,
            rows,
            None if image is None else image - 1,
            preset,
            {name: value for name, value in given.items() if value is not None},
        )
        job.check(targets)
        for name, path in targets.items():
            match name:
                case "grid":
                    job.write_grid(path, columns, padding, scale, labels=labels)
                case "animation":
                    job.write_animation(path, beside, size, fps, hold, loop=loop)
                case "nwb" | "nirdata":
                    job.write_exchange(name, path)
                case _:
                    job.write(name, path)
    finally:
        recording.close()
    if as_json:
        print_json({"recording": str(file), **{name: str(path) for name, path in targets.items()}})
    else:
        names = ", ".join(str(path) for path in targets.values())
        stdout().print(f"Wrote {names}.", soft_wrap=True, markup=False)


def _why_not(name: str) -> str:
    """Why a format of other tools cannot be written here; empty if it can."""
    if name == "nwb":
        from spikestudio.export.nwb import why_not_nwb

        return why_not_nwb()
    from spikestudio.export.nirdata import why_not_nir

    return why_not_nir()


@dataclass(frozen=True, slots=True)
class _Job:
    """What was asked for."""

    recording: Recording
    steps: range
    layer_id: str | None
    neurons: list[int] | None
    rule: str
    rows: int
    image: int | None
    preset: str
    given_size: dict[str, Any]

    def check(self, targets: dict[str, Path]) -> None:
        """Raise ``SpikeStudioError`` now for a file that could not be written later."""
        from spikestudio.atomic import check_writable
        from spikestudio.errors import ExportError
        from spikestudio.export import tables
        from spikestudio.export.images import check_folder

        if len({path.absolute() for path in targets.values()}) < len(targets):
            raise ExportError("Two exports have the same name: give each its own.")
        figures = (".png", ".svg", ".pdf", ".zip")
        for name, path in targets.items():
            kind = path.suffix.lower()
            if name == "grid" and (not kind or path.is_dir()):
                check_folder(path)
                continue
            known: tuple[str, ...] = (*figures, *tables.FORMATS)
            if name == "curve":
                known = figures
            elif name == "spikes":
                known = tables.FORMATS
            elif name in _EXCHANGE:
                known = _EXCHANGE[name]
                reason = _why_not(name)
                if reason:
                    raise ExportError(reason, path=path)
            elif name == "grid":
                known = (".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff", ".npz")
            elif name == "animation":
                from spikestudio.export.animation import check_animation

                check_animation(path)
                known = (kind,)
            if kind not in known:
                raise ExportError(
                    f"Cannot write {path}: --{name} must end in {', '.join(known)}.", path=path
                )
            check_writable(path)

    def write(self, name: str, path: Path) -> None:
        """Write a figure, its bundle, or its numbers."""
        from spikestudio.export.tables import FORMATS, save_table

        origin = self.recording.origin
        if path.suffix.lower() in FORMATS:
            save_table(path, self._table(name), origin)
            return
        figure = self._figure(name)
        if path.suffix.lower() == ".zip":
            from spikestudio.export.bundle import save_bundle

            save_bundle(path, figure, origin)
        else:
            from spikestudio.export.figures import save_figure

            save_figure(path, figure, origin)

    def write_grid(
        self, path: Path, columns: int | None, padding: int, scale: int, *, labels: bool
    ) -> None:
        """Write the images as predicted in the last of the steps."""
        from spikestudio.export.images import save_folder, save_npz
        from spikestudio.export.pictures import GridStyle, layout, save_picture, tile
        from spikestudio.export.states import prediction

        images, origin = prediction(self.recording, self.steps[-1]), self._origin_until_last()
        if path.suffix.lower() == ".npz":
            save_npz(path, images, origin)
        elif not path.suffix or path.is_dir():
            save_folder(path, images, origin)
        else:
            names = [f"{k + 1}" for k in range(len(images))] if labels else []
            style = GridStyle(columns=columns, padding=padding, scale=scale, labels=names)
            origin |= layout(images, style)
            save_picture(path, tile(images, style), origin, dpi=self.given_size.get("dpi"))

    def write_exchange(self, name: str, path: Path) -> None:
        """Write a format of other tools: the neurons that the rule takes, or whole layers."""
        origin = self.recording.origin
        if name == "nwb":
            from spikestudio.export.nwb import save_nwb

            has_spikes = self.layer_id is not None or bool(self.recording.recorded)
            chosen = [self._chosen()] if has_spikes else []
            save_nwb(path, self.recording, chosen, self.steps, origin)
        else:
            from spikestudio.export.nirdata import save_nirdata

            layers = None if self.layer_id is None else (self._layer().id,)
            save_nirdata(path, self.recording, self.steps, origin, layers)

    def _origin_until_last(self) -> dict[str, Any]:
        """Provenance of what the run had predicted when the last of the steps was done."""
        origin, done = self.recording.origin, self.steps[-1] + 1
        changes = [each for each in origin["changes"] if each["step"] < done]
        whole = {**origin, "steps_done": done, "changes": changes}
        if done < origin["steps_done"]:
            whole.pop("images", None)  # the hash is of the last step's
        return whole

    def write_animation(
        self, path: Path, beside: str, size: int, fps: float, hold: float, *, loop: bool
    ) -> None:
        """Write the run as moving pictures, with a progress bar; Ctrl+C leaves nothing behind."""
        from spikestudio.errors import ConfigError
        from spikestudio.export.animation import Timing, save_animation
        from spikestudio.export.frames import PARTS, Scene

        wanted = [part.strip() for part in beside.split(",") if part.strip()]
        parts = tuple(part for part in PARTS if part in wanted)
        if len(parts) < len(wanted):
            raise ConfigError(
                f"--beside {beside}: choose among {', '.join(PARTS)}.", field="beside"
            )
        chosen = self._chosen() if "raster" in parts else None
        scene = Scene(
            recording=self.recording,
            steps=self.steps,
            height=size,
            parts=parts,
            chosen=chosen,
            image=self.image,
        )
        timing = Timing(fps=fps, hold=hold, loop=loop)
        with progress() as bar:
            task = bar.add_task("Drawing frames", total=len(self.steps))
            save_animation(
                path,
                scene,
                timing,
                self.recording.origin,
                progress=lambda done, _: bar.update(task, completed=done),
            )

    def _layer(self, *, has_spikes: bool = True) -> LayerInfo:
        from spikestudio.export.choice import find_layer

        return find_layer(self.recording, self.layer_id, has_spikes=has_spikes)

    def _chosen(self) -> Neurons:
        from spikestudio.export.choice import choose

        return choose(
            self.recording,
            self._layer(),
            self.steps,
            neurons=self.neurons,
            rule=self.rule,
            rows=self.rows,
        )

    def _size(self) -> Size:
        from dataclasses import replace

        from spikestudio.errors import ConfigError
        from spikestudio.export.figures import PRESETS

        if self.preset not in PRESETS:
            names = ", ".join(PRESETS)
            raise ConfigError(
                f"There is no preset {self.preset!r}: choose {names}.", field="preset"
            )
        return replace(PRESETS[self.preset], **self.given_size)

    def _watched_layer(self) -> LayerInfo | None:
        """The layer if one was asked for: potentials of all watched neurons otherwise."""
        return None if self.layer_id is None else self._layer(has_spikes=False)

    def _figure(self, name: str) -> FigureData:
        from spikestudio.export import figures

        size, recording, steps = self._size(), self.recording, self.steps
        match name:
            case "raster":
                return figures.raster_figure(recording, self._chosen(), steps, size)
            case "membrane":
                layer = self._watched_layer()
                return figures.membrane_figure(recording, steps, size, layer, self.neurons)
            case "rates":
                return figures.rates_figure(recording, steps, size)
            case "curve":
                layer = self._layer(has_spikes=False)
                return figures.curve_figure(recording, steps, size, layer)
            case _:
                return figures.tokens_figure(recording, steps[-1], size, self.image)

    def _table(self, name: str) -> Table:
        from spikestudio.export import tables

        match name:
            case "raster" | "spikes":
                return tables.spikes_table(self.recording, self._chosen(), self.steps)
            case "membrane":
                layer = self._watched_layer()
                return tables.potentials_table(self.recording, self.steps, layer, self.neurons)
            case "rates":
                return tables.rates_table(self.recording, self.steps)
            case _:
                return tables.tokens_table(self.recording, self.steps)
