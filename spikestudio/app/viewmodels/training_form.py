"""The form of a training run: what is chosen, checked before anything is started."""

from __future__ import annotations

import shlex
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import numpy as np
from PySide6.QtCore import QObject, Signal

from spikestudio import paths
from spikestudio.atomic import check_writable
from spikestudio.errors import (
    CheckpointError,
    ConfigError,
    DataError,
    ExportError,
    SpikeStudioError,
    TrainingError,
)
from spikestudio.language import tr
from spikestudio.training.options import TrainingOptions
from spikestudio.training.status import read_status

Submit = Callable[[Callable[[], Any], Callable[[Any], None], Callable[[str, str], None]], None]

PRESETS = {
    "sddpm": ("micro", "paper", "released"),
    "spiking-diffusion": ("micro", "paper"),
    "sdit": ("micro", "paper"),
}
PRECISIONS = ("float32", "bfloat16", "float16", "float64")
LENGTHS = (1e-6, 100.0)
STATE_FILE = "state.safetensors"


@dataclass(frozen=True, slots=True)
class Plan:
    """What a checked form comes to."""

    options: TrainingOptions
    stages: tuple[tuple[str, int, int], ...]  # name, steps, images per step
    num_images: int | None  # None: counted when training starts
    is_overwriting: bool


class FieldError(SpikeStudioError):
    """What is wrong with one field of the form."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


class TrainingFormModel(QObject):
    """Options of the next run. ``problems`` are sentences by field; "" is for what concerns all."""

    changed = Signal()

    def __init__(
        self, submit: Submit, parent_folder: Path | None = None, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._submit = submit
        self._parent_folder = parent_folder or paths.user_checkpoints()
        self._asked = 0
        self._is_out_chosen = False
        self.options = TrainingOptions(architecture="sddpm", data="", out="")
        self.problems: dict[str, str] = {}
        self.checked: Plan | None = None
        self.is_checking = False
        self._name_out()

    def set(self, **values: Any) -> None:  # noqa: ANN401  fields of the options
        """Change fields; what they come to is to be checked again."""
        for name in ("data", "out", "init"):
            if name in values:
                values[name] = _expanded(values[name])
        options = replace(self.options, **values)
        if options.preset not in PRESETS[options.architecture]:
            options = replace(options, preset="micro")
        if options == self.options:
            return
        self.options = options
        if "out" in values:
            self._is_out_chosen = bool(values["out"])
        if not self._is_out_chosen:
            self._name_out()
        self.forget_check()

    def _name_out(self) -> None:
        """Name an output that does not exist yet."""
        options = self.options
        stem = f"{options.architecture}-{options.dataset}"
        number, out = 1, self._parent_folder / f"{stem}-trained.safetensors"
        while out.exists() or out.with_suffix(".run").exists():
            number += 1
            out = self._parent_folder / f"{stem}-trained-{number}.safetensors"
        self.options = replace(options, out=str(out))

    def begun(self) -> None:
        """Let the next run have another output."""
        self._is_out_chosen = False
        self.options = replace(self.options, resume=False)
        self._name_out()
        self.forget_check()

    def forget_check(self) -> None:
        """Take back what was said of the form."""
        self._asked += 1
        self.checked, self.is_checking, self.problems = None, False, {}
        self.changed.emit()

    @property
    def command_text(self) -> str:
        """The command that is run, as a shell takes it."""
        words = ["spikestudio", *self.options.arguments()]
        return subprocess.list2cmdline(words) if sys.platform == "win32" else shlex.join(words)

    def check(self) -> None:
        """Have the form checked beside the window."""
        self.forget_check()
        self.is_checking = True
        number = self._asked
        self._submit(
            partial(check, self.options),
            partial(self._on_checked, number),
            partial(self._on_failed, number),
        )
        self.changed.emit()

    def _on_checked(self, number: int, found: Plan | dict[str, str]) -> None:
        if number == self._asked:
            self.is_checking = False
            if isinstance(found, Plan):
                self.checked = found
            else:
                self.problems = found
            self.changed.emit()

    def _on_failed(self, number: int, message: str, _details: str) -> None:
        if number == self._asked:
            self.is_checking, self.problems = False, {"": message}
            self.changed.emit()


def check(options: TrainingOptions) -> Plan | dict[str, str]:
    """What options come to, or what is wrong with them by field. Loads torch: for a job."""
    from spikestudio.checkpoints.devices import pick_device
    from spikestudio.data.registry import dataset_info
    from spikestudio.training.presets import for_dataset, preset
    from spikestudio.training.request import TrainingRequest, shortened

    problems: dict[str, str] = {}

    def tried(field: str, work: Callable[[], Any]) -> Any:  # noqa: ANN401
        try:
            return work()
        except SpikeStudioError as error:
            problems[getattr(error, "field", "") or field] = str(error)
            return None

    if not LENGTHS[0] <= options.length <= LENGTHS[1]:
        problems["length"] = tr("The length is a factor from 0.000001 to 100: 1 trains as preset.")
    found = tried("preset", lambda: preset(options.architecture, options.preset))
    if found:
        found = tried("dataset", lambda: for_dataset(found, dataset_info(options.dataset)))
    request = found and tried(
        "precision",
        lambda: TrainingRequest(
            architecture=options.architecture,
            preset_name=options.preset,
            preset=found,
            run_folder=options.run_folder,
            out=Path(options.out),
            device=pick_device(options.device),
            precision=options.precision,
        ),
    )
    num_images = tried("data", lambda: _check_data(options, found)) if found else None
    tried("out", lambda: _check_out(options))
    if found and options.init:
        tried("init", lambda: _check_init(options, found))
    if problems or request is None:
        return problems
    request = shortened(request, options.length)
    return Plan(
        options,
        tuple((s.name, s.num_steps, s.batch_size) for s in request.preset.stages),
        num_images,
        Path(options.out).exists(),
    )


def _check_data(options: TrainingOptions, found: Any) -> int | None:  # noqa: ANN401
    from spikestudio.data.readers import Dataset
    from spikestudio.data.registry import dataset_info
    from spikestudio.training.tasks import check_fit

    info = dataset_info(options.dataset)
    side = found.config.image_size  # to which the images are brought
    shape = (1, side, side, info.channels)
    last = np.array([max(0, len(info.classes) - 1)]) if info.classes else None
    try:
        check_fit(
            found.config, Dataset(info.name, "train", np.zeros(shape, np.uint8), last, info.classes)
        )
    except TrainingError as error:
        raise FieldError("dataset", str(error)) from error
    if not options.data:
        raise DataError(tr("Choose the folder of {info}.", info=info.title))
    folder = Path(options.data)
    if info.layout == "images":  # hundreds of thousands of files: read when training starts
        if not folder.is_dir():
            raise DataError(tr("The data folder {folder} does not exist.", folder=folder))
        return None
    return _count(folder, options.dataset)


@lru_cache(maxsize=4)
def _count(folder: Path, dataset: str) -> int:
    """Images for training in a folder, which has been read once."""
    from spikestudio.data.readers import load_dataset

    return len(load_dataset(folder, dataset, "train"))


def _check_out(options: TrainingOptions) -> None:
    out, run_folder = Path(options.out), options.run_folder
    if out.suffix != ".safetensors":
        raise ConfigError(tr("The output is a checkpoint: let its name end in .safetensors."))
    if not out.is_absolute():
        raise ConfigError(tr("Give the output with its whole path."))
    status = read_status(run_folder)
    if status is not None and status.is_alive:
        raise ConfigError(
            tr("Training of {out} runs right now: stop it first, or attach to it.", out=out.name)
        )
    has_state = (run_folder / STATE_FILE).exists()
    if has_state and not options.resume:
        raise ConfigError(
            tr(
                "There is a training run in {run_folder}: tick Resume to go on with it, or choose "
                "another output.",
                run_folder=run_folder,
            )
        )
    if options.resume and not has_state:
        raise FieldError(
            "resume",
            tr("There is nothing to resume in {run_folder}: untick Resume.", run_folder=run_folder),
        )
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ExportError(
            tr(
                "The folder {parent} cannot be made ({strerror}): choose another.",
                parent=out.parent,
                strerror=error.strerror or error,
            )
        ) from error
    check_writable(out)


def _check_init(options: TrainingOptions, found: Any) -> None:  # noqa: ANN401
    from spikestudio.checkpoints.safetensors_io import read_card
    from spikestudio.models.config import to_json

    card = read_card(Path(options.init))
    if (card.architecture, dict(card.config)) != (options.architecture, to_json(found.config)):
        raise CheckpointError(
            tr(
                "{path} holds another network than the preset {preset} of "
                "{architecture}: start from one with the same configuration, or from none.",
                path=Path(options.init).name,
                preset=options.preset,
                architecture=options.architecture,
            )
        )


def _expanded(text: str) -> str:
    text = text.strip()
    with suppress(RuntimeError):  # the ~ of somebody who is not here is a name like others
        return str(Path(text).expanduser()) if text else ""
    return text
