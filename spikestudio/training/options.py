"""Options of ``spikestudio train`` as values: written into the run's folder, and back to a command."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

from spikestudio.errors import TrainingError
from spikestudio.language import tr

RUN_SUFFIX = ".run"


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingOptions:
    """What the command is given; paths as text. The run's folder is ``out`` with suffix ``.run``."""

    architecture: str
    data: str
    out: str
    dataset: str = "mnist"
    preset: str = "micro"
    length: float = 1.0
    init: str = ""
    resume: bool = False
    seed: int = 0
    device: str = "auto"
    precision: str = "float32"
    compile: bool = False
    parts: int = 1
    checkpointing: bool = False
    channels_last: bool = True
    cosine: bool = False
    gamma_images: int = 16
    tensorboard: bool = False
    save_minutes: float = 5.0

    @property
    def run_folder(self) -> Path:
        """Folder of log, samples, state and status."""
        return Path(self.out).with_suffix(RUN_SUFFIX)

    def to_json(self) -> dict[str, Any]:
        """Return the options by name."""
        return asdict(self)

    @classmethod
    def of_run(cls, values: Mapping[str, Any], folder: Path) -> TrainingOptions:
        """Options with which the run of ``folder`` goes on, wherever the folder is by now.

        Only known options of the right type are taken over, since anybody may have written them.
        Raises ``TrainingError`` if they do not make a command.
        """
        known: dict[str, Any] = {}
        try:
            for each in fields(cls):
                if each.name in values:
                    usual = type(getattr(_USUAL, each.name))
                    known[each.name] = usual(values[each.name])
            made = cls(**known | {"out": str(folder.with_suffix(".safetensors")), "resume": True})
        except (TypeError, ValueError, OverflowError):
            made = None
        is_run = folder.suffix == RUN_SUFFIX
        texts = (made.architecture, made.dataset, made.preset, made.device) if made else ("-",)
        if made is None or not is_run or any(text.startswith("-") for text in texts):
            raise TrainingError(
                tr(
                    "The folder {folder} does not tell how its run was started: repeat its command "
                    "with --resume.",
                    folder=folder,
                )
            )
        return made

    def command(self) -> list[str]:
        """Arguments of a process that trains so."""
        program = [sys.executable]
        if not getattr(sys, "frozen", False):  # a frozen executable is the command itself
            program += ["-m", "spikestudio"]
        return [*program, *self.arguments()]

    def arguments(self) -> list[str]:
        """Words after ``spikestudio``; what is as usual is left out."""
        words = ["train", self.architecture, "--data", self.data, "--out", self.out]
        for each in fields(self):
            value = getattr(self, each.name)
            if each.name in ("architecture", "data", "out") or value == getattr(_USUAL, each.name):
                continue
            option = f"--{each.name.replace('_', '-')}"
            if each.name == "channels_last":
                words.append("--contiguous")
            elif isinstance(value, bool):
                words.append(option)
            else:
                words += [option, f"{value:.12g}" if isinstance(value, float) else str(value)]
        return words

    def resumed(self) -> TrainingOptions:
        """Return the same run, gone on with."""
        return replace(self, resume=True)


_USUAL = TrainingOptions(architecture="", data="", out="")
