"""What a page of a handout is drawn from: the lesson's own start, and a bundled recording.

Nothing is made up: a value that neither of them holds is None, and is left blank on paper.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from spikestudio.errors import SpikeStudioError
from spikestudio.lessons.lesson import ANY, Lesson, Page
from spikestudio.lessons.shelf import ARCHITECTURES
from spikestudio.lessons.states import Value
from spikestudio.neurons.lab import Driven, Neuron, drive
from spikestudio.neurons.lab_inputs import Input
from spikestudio.neurons.reference import SOFT
from spikestudio.paths import bundled_recordings
from spikestudio.recording.reading import open_recording

if TYPE_CHECKING:
    from spikestudio.recording.reading import Recording
    from spikestudio.types import LayerInfo

DEFAULT = "sddpm-mnist"  # where any model will do
USUAL_STEPS = 16  # of the neuron lab, where the page does not say
_NEURON = {"kind": "kind", "tau": "tau", "threshold": "v_threshold", "reset": "reset"}
_INPUT = ("shape", "amplitude", "noise", "seed")


class Recordings:
    """The bundled recordings, each opened when it is asked for and closed at the end."""

    def __init__(self) -> None:
        self._open: dict[str, Recording | None] = {}

    def get(self, name: str) -> Recording | None:
        """Return a recording by the name of its file; None where there is none that can be read."""
        if name not in self._open:
            path = bundled_recordings() / f"{name}.h5"
            try:
                self._open[name] = open_recording(path) if path.is_file() else None
            except SpikeStudioError:
                self._open[name] = None
        return self._open[name]

    def names(self) -> list[str]:
        """Return the names of those that there are."""
        return sorted(path.stem for path in bundled_recordings().glob("*.h5"))

    def close(self) -> None:
        """Close what was opened."""
        for each in self._open.values():
            if each is not None:
                each.close()


@contextmanager
def recordings() -> Iterator[Recordings]:
    """Give the bundled recordings for a while."""
    found = Recordings()
    try:
        yield found
    finally:
        found.close()


@dataclass(frozen=True, eq=False)
class Scene:
    """What a page begins with; ``step`` is the denoising step that is looked at, from 0."""

    page: Page
    name: str  # of the recording; empty without one
    recording: Recording | None

    @cached_property
    def neuron(self) -> Neuron | None:
        """The neuron of the lab; None where the page does not set one."""
        lab = self.page.start.lab
        if not lab:
            return None
        return Neuron(**{ours: lab[name] for name, ours in _NEURON.items() if name in lab})

    @cached_property
    def driven(self) -> Driven | None:
        """What that neuron does under the page's input; computed here with spikingjelly's node."""
        lab, neuron = self.page.start.lab, self.neuron
        if neuron is None:
            return None
        values = Input(**{name: lab[name] for name in _INPUT if name in lab})
        return drive(neuron, values.over(int(lab.get("steps", USUAL_STEPS))))

    @property
    def cursor(self) -> int:
        """SNN step of the lab that is looked at, from 0."""
        return int(self.page.start.lab.get("cursor", 1)) - 1

    @property
    def is_set(self) -> bool:
        """Whether the page itself says which step is looked at."""
        return "step" in self.page.start.timeline

    @property
    def step(self) -> int:
        """Step that is looked at; the middle one where the page does not say."""
        if self.recording is None:
            return 0
        last = self.recording.steps_done - 1
        wanted = int(self.page.start.timeline.get("step", (last + 1) // 2)) - 1
        return last if wanted > last else max(wanted, self.recording.first_step)

    @property
    def image(self) -> int:
        """Image that is looked at, from 0."""
        if self.recording is None:
            return 0
        wanted = self.page.start.selection.get("image", self.recording.image + 1)
        return min(int(wanted), int(self.recording.origin["request"]["num"])) - 1

    @property
    def layer(self) -> LayerInfo | None:
        """The page's layer, or the one that the recording is best looked at with."""
        if self.recording is None:
            return None
        wanted = self.page.start.selection.get("layer", self.recording.selected)
        by_id = {layer.id: layer for layer in self.recording.layers}
        return by_id.get(wanted) or by_id.get(self.recording.selected)

    def value(self, name: str) -> Value:
        """Return a state at the page's start; None where only the application knows it."""
        if name.startswith("request."):
            found: Value = self.page.start.request.get(name.partition(".")[2])
            return found
        read = _READERS.get(name)
        return read(self) if read is not None else None


def scenes(lesson: Lesson, found: Recordings) -> Iterator[Scene]:
    """Return what every page begins with; one that names no model goes on with the last one."""
    name = ""
    for page in lesson.pages:
        name = _recording_of(page, name, found)
        yield Scene(page, name, found.get(name) if name else None)


def _recording_of(page: Page, before: str, found: Recordings) -> str:
    start = page.start
    if start.recording:
        return start.recording
    if start.model == ANY:
        return before or DEFAULT
    if start.model in ARCHITECTURES:
        wanted = f"{start.model}-mnist"
        return before if before.startswith(wanted) else wanted
    if start.model:
        return start.model if start.model in found.names() else ""
    return before


# states -----------------------------------------------------------------------------------------


def _lab(read: Callable[[Scene, Neuron, Driven], Value]) -> Callable[[Scene], Value]:
    def reader(scene: Scene) -> Value:
        if scene.neuron is None or scene.driven is None:
            return None
        return read(scene, scene.neuron, scene.driven)

    return reader


def _first(driven: Driven) -> Value:
    fired = np.flatnonzero(driven.spikes)
    return int(fired[0]) + 1 if fired.size else None


def _share(name: str) -> Callable[[Scene], Value]:
    def reader(scene: Scene) -> Value:
        recording, layer = scene.recording, scene.layer
        if recording is None or layer is None:
            return None
        shares: NDArray[np.float32] = getattr(recording.activity(), name)
        value = float(shares[recording.layers.index(layer), scene.step])
        return None if np.isnan(value) else value

    return reader


def _tokens(read: Callable[[Mapping[str, NDArray[Any]]], Value]) -> Callable[[Scene], Value]:
    """Read the token map after the step that is looked at."""

    def reader(scene: Scene) -> Value:
        from spikestudio.export.states import token_map

        if scene.recording is None:
            return None
        try:
            return read(token_map(scene.recording, scene.step, scene.image))
        except SpikeStudioError:
            return None

    return reader


def _confidence(scene: Scene) -> Value:
    """Mean probability that the revealed tokens had, as the next step found them."""
    recording = scene.recording
    after = recording.state(scene.step + 1) if recording is not None else None
    if after is None or "confidence" not in after:
        return None
    known = after["revealed"][scene.image] >= 0
    return float(after["confidence"][scene.image][known].mean()) if known.any() else None


_READERS: dict[str, Callable[[Scene], Value]] = {
    "lab.kind": _lab(lambda _s, neuron, _d: neuron.kind),
    "lab.tau": _lab(lambda _s, neuron, _d: neuron.tau),
    "lab.threshold": _lab(lambda _s, neuron, _d: neuron.v_threshold),
    "lab.reset": _lab(lambda _s, neuron, _d: "soft" if neuron.reset == SOFT else "hard"),
    "lab.amplitude": lambda scene: scene.page.start.lab.get("amplitude"),
    "lab.steps": _lab(lambda _s, _n, driven: len(driven.current)),
    "lab.cursor": _lab(lambda scene, _n, _d: scene.cursor + 1),
    "lab.rate": _lab(lambda _s, _n, driven: float(driven.spikes.mean())),
    "lab.num_spikes": _lab(lambda _s, _n, driven: int(driven.counts)),
    "lab.first_spike": _lab(lambda _s, _n, driven: _first(driven)),
    "model.name": lambda scene: (
        scene.recording.origin["checkpoint"]["name"] if scene.recording else None
    ),
    "selection.image": lambda scene: scene.image + 1 if scene.recording else None,
    "selection.layer": lambda scene: scene.layer.id if scene.layer else None,
    "timeline.step": lambda scene: scene.step + 1 if scene.recording else None,
    "timeline.t": lambda scene: (
        scene.recording.origin["timesteps"][scene.step] if scene.recording else None
    ),
    "layer.num_neurons": lambda scene: scene.layer.num_neurons if scene.layer else None,
    "layer.rate": _share("rates"),
    "layer.silent": _share("silent_share"),
    "layer.saturated": _share("saturated_share"),
    "tokens.masked": _tokens(lambda found: int((found["revealed"] < 0).sum())),
    "tokens.revealed": _tokens(lambda found: int((found["revealed"] >= 0).sum())),
    "tokens.num": _tokens(lambda found: int(found["revealed"].size)),
    "tokens.confidence": _confidence,
}
