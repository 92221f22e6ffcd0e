"""Figures and tables of a run as they are exported, as previews and as what is written."""

from __future__ import annotations

from collections.abc import Mapping
from io import BytesIO
from itertools import islice
from typing import Any

from PIL import Image

from spikestudio.errors import ConfigError, ExportError
from spikestudio.export import choice, figures, tables
from spikestudio.export.choice import Neurons
from spikestudio.export.draw.style import MM_PER_INCH
from spikestudio.export.kinds import AS_SHOWN, Material, Options
from spikestudio.export.product_images import Limit, Preview, check_step, origin_at, run_of
from spikestudio.export.snapshot import Snapshot
from spikestudio.language import tr

_LINES = 14  # of a table


def _size(options: Options) -> figures.Size:
    return figures.Size(
        width_mm=options.width_mm,
        height_mm=options.height_mm or None,
        font_pt=options.font_pt,
        dpi=options.dpi,
    )


def chosen_of(material: Material, options: Options, steps: range) -> Neurons:
    """Neurons that the options ask for."""
    run = run_of(material)
    layer = choice.find_layer(run, None)
    if options.rule != AS_SHOWN:
        return choice.choose(run, layer, steps, rule=options.rule, rows=options.rows)
    shown = material.shown
    if shown is None or shown.mode != "spikes" or shown.groups[0][0].id != layer.id:
        raise ConfigError(
            tr("The raster dock does not show spikes of {layer}.", layer=layer.id), field="rule"
        )
    page = f", page {shown.page:,} of {shown.pages:,}" if shown.pages > 1 else ""
    return Neurons(layer, shown.groups[0][1], f"{shown.rule}{page}")


def _of_all_layers(run: Snapshot, options: Options, steps: range) -> list[Neurons]:
    """As many of each recorded layer, so that none is lost beside a large one."""
    layers = [layer for layer in run.layers if layer.id in run.recorded]
    rule = choice.DEFAULT_RULE if options.rule == AS_SHOWN else options.rule
    each = max(1, options.rows // max(1, len(layers)))
    found = []
    for layer in layers:
        try:
            found.append(choice.choose(run, layer, steps, rule=rule, rows=each))
        except ConfigError:  # no neuron of it fired
            if rule != "firing only":
                raise
    return found


def figure_of(kind: str, material: Material, options: Options) -> figures.FigureData:
    """The figure of a kind; raises ``SpikeStudioError``."""
    kind = options.figure if kind == "bundle" else kind
    size = _size(options)
    if kind == "sweep":
        return _sweep_figure(material, size)
    run = run_of(material)
    if kind == "tokens":
        step = options.step or run.steps_done
        check_step(run, step)
        return figures.tokens_figure(run, step - 1, size, options.image - 1)
    steps = choice.parse_steps(options.steps.strip() or None, run)
    match kind:
        case "raster":
            return figures.raster_figure(run, chosen_of(material, options, steps), steps, size)
        case "layers":
            return figures.layers_figure(run, _of_all_layers(run, options, steps), steps, size)
        case "membrane":
            layer, neurons = watched_of(material, steps)
            return figures.membrane_figure(run, steps, size, layer, neurons)
        case "rates":
            return figures.rates_figure(run, steps, size)
        case "curve":
            layer = choice.find_layer(run, None, has_spikes=False)
            return figures.curve_figure(run, steps, size, layer)
    raise ConfigError(tr("There is no figure {kind!r}.", kind=kind), field="figure")


def watched_of(material: Material, steps: range) -> tuple[Any, tuple[int, ...] | None]:
    """Layer and neurons that are selected, if they are known; else None for all watched ones."""
    run, neurons = run_of(material), material.neurons
    if neurons:
        wanted = {(run.selected, i) for i in neurons}
        seen = {pair for k in steps if (each := run.watched(k)) for pair in each.neurons}
        if wanted & seen:
            return choice.find_layer(run, None, has_spikes=False), neurons
    return None, None


def _sweep_figure(material: Material, size: figures.Size) -> figures.FigureData:
    sweep = material.sweep
    if sweep is None:
        raise ExportError(tr("No sweep with a curve was done: sweep an axis of numbers first."))
    curves = [figures.SweepCurve(title, *values.T) for title, values in sweep.curves]
    return figures.sweep_figure(curves, sweep.axis, sweep.title, sweep.caption, size)


def origin_of(kind: str, material: Material, options: Options) -> Mapping[str, Any]:
    """Provenance of what ``figure_of`` shows."""
    kind = options.figure if kind == "bundle" else kind
    if kind == "sweep":
        assert material.sweep is not None  # it was drawn
        return material.sweep.origin
    return origin_at(run_of(material), options.step if kind == "tokens" else 0)


def preview_figure(figure: figures.FigureData, suffix: str, limit: Limit) -> Preview:
    """Preview of a figure, or of its bundle."""
    spec = figure.spec
    wide, high = (spec[f"{side}_mm"] / MM_PER_INCH for side in ("width", "height"))
    dpi = float(spec["dpi"])
    if limit is not None:
        dpi = max(20.0, min(dpi, limit[0] / wide, limit[1] / high))
    buffer = BytesIO()
    figures.render(figure, buffer, "png", {}, dpi)
    with Image.open(buffer) as drawn:
        picture = drawn.convert("RGB")
    size = f"{spec['width_mm']:g} x {spec['height_mm']:g} mm"
    pixels = f"{int(wide * spec['dpi']):,} x {int(high * spec['dpi']):,} pixels"
    if suffix == ".png":
        size = f"{pixels}: {size} at {spec['dpi']} dpi"
    elif suffix == ".zip":
        size = f"{size}: SVG, PDF, and a PNG of {pixels}; data.npz and redraw.py"
    else:
        size = f"{size}, vector"
    return Preview(picture, "", size, "\n".join(spec["caption"]))


def table_of(kind: str, material: Material, options: Options) -> tables.Table:
    """The numbers of a kind; raises ``SpikeStudioError``."""
    run = run_of(material)
    steps = choice.parse_steps(options.steps.strip() or None, run)
    match kind:
        case "spikes":
            return tables.spikes_table(run, chosen_of(material, options, steps), steps)
        case "membrane":
            return tables.potentials_table(run, steps, *watched_of(material, steps))
        case "rates":
            return tables.rates_table(run, steps)
        case "tokens":
            if options.step:
                check_step(run, options.step)
                steps = range(options.step - 1, options.step)
            return tables.tokens_table(run, steps)
    raise ConfigError(tr("There are no numbers of {kind!r}.", kind=kind), field="format")


def preview_table(table: tables.Table, suffix: str) -> Preview:
    """First lines of a table, or its arrays."""
    manifest = table.manifest()
    if suffix == ".csv":
        rows = [[f"{cell}" for cell in row] for row in islice(table.rows(), _LINES)]
        grid = [list(table.columns), *rows]
        widths = [max(len(row[k]) for row in grid) for k in range(len(table.columns))]
        lines = [
            "  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True))
            for row in grid
        ]
        text = "\n".join(lines) + ("\n…" if len(rows) == _LINES else "")
        size = "one line per value; a sidecar .csv.json says what they are"
    else:
        names = max(len(name) for name in manifest["arrays"])
        text = "\n".join(
            f"{name.ljust(names)}  {each['dtype']} {each['shape']}\n{' ' * names}  {each['meaning']}"
            for name, each in manifest["arrays"].items()
        )
        total = sum(values.nbytes for values in table.arrays.values())
        size = f"{total / 1024:,.0f} KiB before compression"
    return Preview(None, text, size, str(manifest.get("choice", "")))
