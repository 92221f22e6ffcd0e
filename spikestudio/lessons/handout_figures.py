"""The figure that fits a page of a handout, drawn from the neuron lab or a bundled recording."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from spikestudio.errors import SpikeStudioError
from spikestudio.export import choice, states
from spikestudio.export import figures as printed
from spikestudio.export.images import grid
from spikestudio.lessons import figures
from spikestudio.lessons.equations import alpha_bar
from spikestudio.lessons.handout_scene import Scene
from spikestudio.paths import resource

if TYPE_CHECKING:
    from spikestudio.recording.reading import Recording

WIDTH = 454  # CSS pixels that a figure takes: 120 mm
DIGIT, SEED, TIMES = "mnist-7.png", 7, (0, 250, 500, 750, 999)  # as in the card's figure of noise
NUM_TIMES = 1000
ROWS, STEPS = 96, 6  # neurons of a raster, columns of a strip of steps
_SIZE = printed.Size(width_mm=figures.WIDTH_MM, font_pt=figures.FONT_PT, dpi=figures.DPI)
_LARGEST = 110  # CSS pixels of one small picture
_SHARP = 3  # pixels of the file for one CSS pixel of small pictures, at most

Kind = Literal["noise", "lab", "membrane", "tokens", "raster", "rates", "strip", "samples"]
OF_DOCK: dict[str, tuple[Kind, ...]] = {  # the most telling first
    "neuron-lab": ("lab",),
    "membrane": ("membrane",),
    "tokens": ("tokens",),
    "token-tools": ("tokens",),
    "codebook": ("tokens",),
    "vqsvae": ("tokens", "samples"),
    "raster": ("raster",),
    "mosaic": ("raster",),
    "lesions": ("raster",),
    "efficiency": ("rates",),
    "rates": ("rates",),
    "image": ("strip", "samples"),
    "sampler": ("samples",),
}
_ORDER: tuple[Kind, ...] = (
    *("noise", "lab", "membrane", "tokens", "raster", "rates", "strip", "samples"),
)


@dataclass(frozen=True, slots=True)
class Plate:
    """A figure as a PNG, what it shows, and what tells it from others."""

    key: tuple[object, ...]
    text: str
    draw: Callable[[], bytes]
    width: int = WIDTH


def plates(scene: Scene) -> Iterator[Plate]:
    """Return the figures that fit a page, the most telling first; none where nothing fits.

    Where a prediction is asked for, none shows what comes after the page's start.
    """
    docks = [name for column in scene.page.start.show for name in column]
    kinds = {kind for name in docks for kind in OF_DOCK.get(name, ())}
    if scene.page.figure == "noise":
        kinds = {"noise"}
    if scene.page.predict is not None:
        kinds.discard("rates")
    for kind in _ORDER:
        if kind in kinds:
            try:
                plate = _MAKERS[kind](scene)
            except SpikeStudioError:  # the recording lacks it
                continue
            if plate is not None:
                yield plate


def digit() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return digit and noise of the figure of noise, ``[H, W]`` each, the former from -1 to 1."""
    from PIL import Image

    with Image.open(resource("images", DIGIT)) as file:
        pixels = np.asarray(file.convert("L"), np.float64) / 127.5 - 1
    return pixels, np.random.default_rng(SEED).standard_normal(pixels.shape)


def _noise(scene: Scene) -> Plate:
    def draw() -> bytes:
        pixels, noise = digit()
        shares = alpha_bar(NUM_TIMES)[list(TIMES)]
        noisy = [np.sqrt(each) * pixels + np.sqrt(1 - each) * noise for each in shares]
        levels = ((np.array(noisy) + 1) * 127.5).clip(0, 255).round().astype(np.uint8)
        return _sharp(levels[..., None], len(TIMES))

    times = ", ".join(f"{each}" for each in TIMES)
    text = f"A digit with noise at the times t = {times}, from the left."
    return Plate(("noise",), text, draw)


def _lab(scene: Scene) -> Plate | None:
    neuron, driven = scene.neuron, scene.driven
    if neuron is None or driven is None:
        return None
    tau = f", τ = {neuron.tau:g}" if neuron.is_leaky else ""
    reset = "soft reset" if neuron.v_reset is None else f"reset to {neuron.v_reset:g}"
    text = (
        f"What the page begins with: {neuron.kind} neuron{tau}, threshold {neuron.v_threshold:g}, "
        f"{reset}. Potential before and after the reset."
    )
    key = ("lab", neuron, driven.current.tobytes())
    return Plate(key, text, lambda: figures.lab(neuron, driven).file("png"))


def _membrane(scene: Scene) -> Plate | None:
    recording = scene.recording
    if recording is None:
        return None
    steps = _steps(scene, recording)
    drawn = printed.membrane_figure(recording, steps, _SIZE, scene.layer, most=4)
    return _printed(scene, "membrane", drawn)


def _tokens(scene: Scene) -> Plate | None:
    if scene.recording is None:
        return None
    drawn = printed.tokens_figure(scene.recording, scene.step, _SIZE, scene.image)
    return _printed(scene, "tokens", drawn)


def _raster(scene: Scene) -> Plate | None:
    recording, layer = scene.recording, scene.layer
    if recording is None or layer is None:
        return None
    note = ""
    if layer.id not in recording.recorded:
        note = f"It lacks the spikes of {layer.id}, so another layer is shown."
        layer = choice.find_layer(recording, None)
    steps = _steps(scene, recording)
    chosen = choice.choose(recording, layer, steps, rows=ROWS)
    drawn = printed.raster_figure(recording, chosen, steps, _SIZE)
    return _printed(scene, "raster", drawn, note)


def _rates(scene: Scene) -> Plate | None:
    recording = scene.recording
    if recording is None:
        return None
    steps = range(recording.first_step, recording.steps_done)
    return _printed(scene, "rates", printed.rates_figure(recording, steps, _SIZE))


def _strip(scene: Scene) -> Plate | None:
    """One image as it enters some steps, and as it is predicted there."""
    recording = scene.recording
    if recording is None or states.noisy(recording, scene.step) is None:
        return None
    last = scene.step if scene.is_set else recording.steps_done - 1
    places = np.linspace(recording.first_step, last, STEPS).round().astype(int)
    steps = list(dict.fromkeys(places.tolist()))

    def draw() -> bytes:
        noisy = [states.noisy(recording, step) for step in steps]
        clean = [states.prediction(recording, step) for step in steps]
        rows = [each[scene.image] for each in (*noisy, *clean) if each is not None]
        return _sharp(np.stack(rows), len(steps))

    numbers = ", ".join(str(step + 1) for step in steps)
    text = (
        f"Image {scene.image + 1} before the steps {numbers}; below, the digit predicted there. "
        f"{_source(scene)}"
    )
    return Plate(("strip", scene.name, scene.image, *steps), text, draw)


def _samples(scene: Scene) -> Plate | None:
    recording = scene.recording
    if recording is None:
        return None
    step = scene.step if scene.is_set else recording.steps_done - 1
    images = states.prediction(recording, step)
    what = "Samples" if step == recording.num_steps - 1 else f"Digits predicted at step {step + 1}"
    text = f"{what}. {_source(scene)}"
    width = min(WIDTH, _LARGEST * len(images))
    return Plate(("samples", scene.name, step), text, lambda: _sharp(images, len(images)), width)


_MAKERS: dict[Kind, Callable[[Scene], Plate | None]] = {
    "noise": _noise,
    "lab": _lab,
    "membrane": _membrane,
    "tokens": _tokens,
    "raster": _raster,
    "rates": _rates,
    "strip": _strip,
    "samples": _samples,
}


def _steps(scene: Scene, recording: Recording) -> range:
    """All steps, or the one at which the page begins."""
    if scene.is_set:
        return range(scene.step, scene.step + 1)
    return range(recording.first_step, recording.steps_done)


def _source(scene: Scene) -> str:
    return f"From the recording {scene.name} that comes with SpikeStudio."


def _printed(scene: Scene, kind: Kind, drawn: printed.FigureData, note: str = "") -> Plate:
    """A figure as it is exported: title and caption are in it."""

    def draw() -> bytes:
        buffer = BytesIO()
        printed.render(drawn, buffer, "png", {"Software": None})
        return buffer.getvalue()

    key = (kind, scene.name, scene.image, scene.step if scene.is_set else -1, drawn.spec["title"])
    return Plate(key, f"{drawn.spec['title']}. {_source(scene)} {note}".strip(), draw)


def _sharp(images: NDArray[np.uint8], columns: int) -> bytes:
    """Return small pictures side by side, enlarged without blur to the width of a figure."""
    picture = grid(np.ascontiguousarray(images), columns)
    scale = max(1, _SHARP * WIDTH // picture.width)
    from PIL import Image

    size = (picture.width * scale, picture.height * scale)
    buffer = BytesIO()
    picture.resize(size, Image.Resampling.NEAREST).save(buffer, "PNG", optimize=True)
    return buffer.getvalue()
