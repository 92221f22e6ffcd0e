"""Where the neuron that is pointed at looks in the image, and where it acts on it.

The geometry of a network comes from a thin twin of it, which takes torch and some time: it is asked
for in the background, and only for the newest neuron.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from PySide6.QtCore import QObject, Signal, Slot

from spikestudio.language import tr

if TYPE_CHECKING:
    from spikestudio.app.viewmodels.checkpoint import CheckpointModel
    from spikestudio.app.viewmodels.run import RunModel
    from spikestudio.models.geometry import Box, Config, NeuronField, Space
    from spikestudio.sampling.worker import ModelInfo
    from spikestudio.types import LayerInfo

MAX_KEPT = 512  # fields that need not be computed again
Key = tuple[str, int]  # layer id, neuron


class Submit(Protocol):
    """Runs a job in the background, as ``Jobs.submit`` does."""

    def __call__(
        self,
        job: Callable[[], Any],
        done: Callable[[Any], None],
        failed: Callable[[str, str], None],
    ) -> None: ...


@dataclass(frozen=True, slots=True)
class ShownField:
    """The field of one neuron, and the sides of the squares that its boxes lie in."""

    layer: LayerInfo
    neuron: int
    field: NeuronField
    sides: Mapping[Space, int]

    def part(self, box: Box, space: Space) -> tuple[float, float, float, float]:
        """Return left, top, width and height of a box as parts of the whole image."""
        side = self.sides[space]
        return (
            box.x0 / side,
            box.y0 / side,
            (box.x1 - box.x0) / side,
            (box.y1 - box.y0) / side,
        )

    @property
    def text(self) -> str:
        """What is outlined, in a sentence."""
        field = self.field
        if not field.is_exact:
            place = self._place(field.input, field.input_space)
            return tr(
                "Neuron {neuron:,}: {place}{note}",
                neuron=self.neuron,
                place=place + ": " if place else "",
                note=field.note,
            )
        seen = self._place(field.input, field.input_space) or tr("nothing")
        reached = self._place(field.output, field.output_space) or tr("nothing")
        return tr(
            "Receptive field of neuron {neuron:,}: {seen}; acts on {reached}; exact",
            neuron=self.neuron,
            seen=seen,
            reached=reached,
        )

    def _place(self, box: Box | None, space: Space) -> str:
        if box is None:
            return ""
        side = self.sides[space]
        whole = tr("token map") if space == "tokens" else tr("image")
        if box == (0, 0, side, side):
            return tr("the whole {whole}", whole=whole)
        rows = _span(tr("row"), tr("rows"), box.y0, box.y1)
        columns = _span(tr("column"), tr("columns"), box.x0, box.x1)
        is_mixed = "tokens" in (self.field.input_space, self.field.output_space)
        place = f"{rows}, {columns}"
        return tr("{place} of the {whole}", place=place, whole=whole) if is_mixed else place


class NeuronFieldModel(QObject):
    """The field of the hovered neuron, else of the first watched one; ``shown`` is None without one.

    It is None too while the model that is loaded is not the one of the run. While the field of
    another neuron of the same layer is computed the last one stays: it says whose it is.
    """

    changed = Signal()

    def __init__(
        self,
        run: RunModel,
        checkpoint: CheckpointModel,
        submit: Submit,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._run = run
        self._checkpoint = checkpoint
        self._submit = submit
        self._model: ModelInfo | None = None
        self._config: Config | None = None
        self._kept: OrderedDict[Key, NeuronField | str] = OrderedDict()  # text: why there is none
        self._is_busy = False
        self.shown: ShownField | None = None
        run.hoverChanged.connect(self._follow)
        run.selectionChanged.connect(self._follow)
        run.started.connect(self._take_model)
        checkpoint.loaded.connect(self._take_model)

    @property
    def is_available(self) -> bool:
        """Whether the model of the run is loaded, so that its geometry can be told."""
        return self._model is not None

    @property
    def failure(self) -> str:
        """Why there is no field of the newest neuron, in a sentence; empty if nothing failed."""
        found = self._kept.get(self._wanted) if self._wanted is not None else None
        return found if isinstance(found, str) else ""

    def neuron_at(self, y: float, x: float) -> int | None:
        """Return the neuron of the selected layer whose place is that of a point of the image.

        ``y`` and ``x`` are parts of the image's height and width. It is one of the channel, or feature,
        of the first watched neuron, of the hovered one without any, else of the first channel. None
        while the geometry is not known yet.
        """
        layer = self._run.layer(self._run.selection.layer)
        config = self._config
        if layer is None or config is None:
            return None
        # Torch is there: the configuration has brought it.
        from spikestudio.models.geometry import neuron_at

        chosen, *_ = self._run.selection.neurons or (self._run.hovered or 0,)
        if len(layer.shape) == 2:
            channel = chosen % layer.shape[1]
        else:
            channel = chosen // (layer.shape[1] * layer.shape[2])
        side = config.image_size
        return neuron_at(config, layer, int(y * side), int(x * side), channel)

    @property
    def _wanted(self) -> Key | None:
        selection = self._run.selection
        neuron = self._run.hovered
        if neuron is None and selection.neurons:
            neuron = selection.neurons[0]
        if neuron is None or self._model is None or self._run.layer(selection.layer) is None:
            return None
        return selection.layer, neuron

    @Slot()
    def _take_model(self) -> None:
        """Forget what is known unless the model that is loaded is still that of the run."""
        model = self._checkpoint.model
        if model is None or not _is_model_of(model, self._run):
            model = None
        if model is not self._model:
            is_same = (
                model is not None and self._model is not None and model.card == self._model.card
            )
            self._model = model
            if not is_same:
                self._config = None
                self._kept.clear()
            self.changed.emit()
        self._follow()

    @Slot()
    def _follow(self) -> None:
        wanted = self._wanted
        if wanted is not None and wanted in self._kept:
            self._kept.move_to_end(wanted)
            self._show(wanted)
            return
        if wanted is None or (self.shown is not None and self.shown.layer.id != wanted[0]):
            self._show(None)
        if self._model is not None and (wanted is not None or self._config is None):
            self._ask(self._model, wanted)

    def _ask(self, model: ModelInfo, wanted: Key | None) -> None:
        """Compute the configuration, and the field of a neuron, unless something is being computed."""
        if self._is_busy:
            return
        self._is_busy = True
        layer = self._run.layer(wanted[0]) if wanted is not None else None
        config, card = self._config, model.card

        def job() -> tuple[Config, NeuronField | None]:
            from spikestudio.models.geometry import field_of

            made = config or _config_of(card.architecture, card.config)
            if wanted is None or layer is None:
                return made, None
            return made, field_of(made, layer, wanted[1])

        def done(result: tuple[Config, NeuronField | None]) -> None:
            if self._ends(model):
                self._config = result[0]
                if wanted is not None and result[1] is not None:
                    self._keep(wanted, result[1])
            self._follow()

        def failed(message: str, _details: str) -> None:
            if self._ends(model) and wanted is not None:
                self._keep(wanted, message)
                self.changed.emit()
                self._follow()  # without a neuron asking again would fail again

        self._submit(job, done, failed)

    def _ends(self, model: ModelInfo) -> bool:
        """Note that the job has ended; whether its model is still the one in use."""
        self._is_busy = False
        return self._model is not None and model.card == self._model.card

    def _keep(self, key: Key, found: NeuronField | str) -> None:
        self._kept[key] = found
        while len(self._kept) > MAX_KEPT:
            self._kept.popitem(last=False)

    def _show(self, key: Key | None) -> None:
        field = self._kept[key] if key is not None else ""
        layer = self._run.layer(key[0]) if key is not None else None
        config, shown = self._config, None
        if key and layer and config is not None and not isinstance(field, str):
            shown = ShownField(layer, key[1], field, _sides(config))
        if shown != self.shown:
            self.shown = shown
            self.changed.emit()


def _sides(config: Config) -> dict[Space, int]:
    return {
        "image": config.image_size,
        "tokens": getattr(config, "grid_size", config.image_size),
    }


def _is_model_of(model: ModelInfo, run: RunModel) -> bool:
    if run.recorder is None or run.layers != model.layers:
        return False
    checkpoint = run.recorder.origin.get("checkpoint", {})
    return bool(checkpoint.get("tensors_sha256") == model.card.tensors_sha256)


def _config_of(architecture: str, config: Mapping[str, Any]) -> Config:
    from spikestudio.models.config import from_json
    from spikestudio.models.registry import ARCHITECTURES

    made: Config = from_json(ARCHITECTURES[architecture].config_type, config)
    return made


def _span(one: str, many: str, first: int, end: int) -> str:
    if end - first == 1:
        return f"{one} {first:,}"
    return f"{many} {first:,}\N{EN DASH}{end - 1:,}"
