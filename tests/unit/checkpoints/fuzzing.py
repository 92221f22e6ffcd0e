"""Files that nobody would write, made by a die, and what opening them may cost.

Every maker takes a random generator and gives the path of a file; the same state of the generator
gives the same file. Some keep the header valid on purpose, so that what lies behind it is reached.
"""

from __future__ import annotations

import atexit
import ctypes
import json
import random
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import torch

from spikestudio.checkpoints.building import build_network, checked_tensors
from spikestudio.checkpoints.contents import open_checkpoint
from spikestudio.checkpoints.diagnosis import diagnose
from spikestudio.checkpoints.safetensors_io import read_header
from spikestudio.checkpoints.torch_file import is_torch_file, read_torch_file
from spikestudio.errors import CheckpointError, ConfigError
from tests.unit.checkpoints import tiny
from tests.unit.checkpoints.hostile import read_pickle, with_pickle
from tests.unit.checkpoints.official_files import CONFIGS, make_network, write

BOUND = 64 * 1024 * 1024
"""Bytes that opening a file may take beyond its own size, the network's size included once."""
FORMATS = [
    *((kind, old) for kind in CONFIGS for old in (False, True)),
    *((f"ours {architecture}", False) for architecture in tiny.CONFIGS),
]
Form = tuple[str, bool]
Dice = random.Random

_FORBIDDEN = ("pickle.find_class", "os.system", "subprocess.Popen", "os.exec", "socket.connect")


@cache
def corpus() -> dict[Form, Path]:
    """One good file of every format; they are not changed."""
    folder = Path(mkdtemp(prefix="hostile"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    files = {}
    for kind, old in FORMATS:
        if kind.startswith("ours "):
            files[kind, old] = folder / f"{kind.replace(' ', '-')}.safetensors"
            tiny.save(files[kind, old], kind.removeprefix("ours "))
        else:
            files[kind, old] = write(folder / f"{kind}{old}", kind, _network(kind), old=old)
    return files


@cache
def _network(kind: str) -> Any:
    return make_network(kind)


def case_folder() -> Path:
    """An empty folder for the next case."""
    folder = next(path for form, path in corpus().items() if form[0].startswith("ours"))
    folder = folder.parent / "case"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    return folder


def remove_corpus() -> None:
    """Delete all files."""
    shutil.rmtree(case_folder().parent)
    corpus.cache_clear()


def copy(form: Form) -> Path:
    """Copy a good file, with its other half, to be changed."""
    original, folder = corpus()[form], case_folder()
    if form[0].startswith("ours"):
        return Path(shutil.copy(original, folder))
    shutil.copytree(original.parent, folder, dirs_exist_ok=True)
    return folder / original.name


def open_it(path: Path) -> None:
    """Do everything that is done with a file; it works or is refused in one sentence of ours."""
    try:
        found = diagnose(path)
        for row in found.rows():
            assert all(part.isprintable() for part in row[:3])
        json.dumps(found.to_json(), allow_nan=False)
        found.to_text()
        if found.error is not None and path.stat().st_size % 4:
            raise found.error  # what the examination says, loading says too: tried now and then
        contents = open_checkpoint(path)
        build_network(contents, checked_tensors(contents))
    except (CheckpointError, ConfigError) as error:
        message = str(error)
        assert message.isprintable()
        assert message.endswith(".")
        assert len(message) < 1000


def has_valid_header(path: Path) -> bool:
    """Whether the part that describes the tensors can be read; says nothing of what it describes."""
    try:
        if is_torch_file(path):
            read_torch_file(path)
        else:
            read_header(path)
    except CheckpointError:
        return False
    return True


# makers -------------------------------------------------------------------------------------


def mutate(data: bytes, dice: Dice) -> bytes:
    """Change a few bytes, numbers or stretches."""
    result = bytearray(data)
    for _ in range(dice.choice([1, 1, 2, 5, 20])):
        at = dice.randrange(len(result) + 1)
        length = dice.choice([1, 2, 4, 8, 50])
        match dice.randrange(6):
            case 0:
                result[at : at + 1] = bytes([dice.randrange(256)])
            case 1:
                result[at : at + length] = dice.choice([b"\0", b"\xff", b"\x7f"]) * length
            case 2:
                del result[at : at + length]
            case 3:
                result[at:at] = dice.randbytes(length)
            case 4:
                source = dice.randrange(len(result) + 1)
                result[at:at] = result[source : source + length]
            case 5 if dice.random() < 0.1:
                del result[at:]
    return bytes(result)


def any_bytes(dice: Dice) -> Path:
    """Change any bytes of a file."""
    path = copy(dice.choice(FORMATS))
    path.write_bytes(mutate(path.read_bytes(), dice))
    return path


def table_in_a_sound_archive(dice: Dice) -> Path:
    """Change the table of tensors; what it is wrapped in stays whole."""
    form = dice.choice([form for form in FORMATS if not form[1]])
    path = copy(form)
    if form[0].startswith("ours"):
        header, tensors = tiny.split(path)
        tiny.join(path, mutate(json.dumps(header).encode(), dice), tensors)
    else:
        with_pickle(path, mutate(read_pickle(path), dice))
    return path


def numbers(dice: Dice) -> Path:
    """Change the numbers of tensors, with sums that fit them."""
    form = dice.choice(FORMATS)
    path = copy(form)
    if form[0].startswith("ours"):
        header, tensors = tiny.split(path)
        tiny.join(path, header, dice.randbytes(len(tensors)) if dice.random() < 0.5 else tensors)
        return path

    def change(state: dict[str, Any]) -> dict[str, Any]:
        state = {name: value.clone() for name, value in state.items()}
        for name in dice.sample(sorted(state), 3):
            raw = state[name].reshape(-1).view(torch.uint8)
            at = dice.randrange(len(raw))
            raw[at:] = torch.frombuffer(bytearray(dice.randbytes(len(raw) - at)), dtype=torch.uint8)
        return state

    return write(path.parent, form[0], _network(form[0]), change=change, old=form[1])


def sizes(dice: Dice) -> Path:
    """Leave out some tensors and give others another shape, type or value, in a sound file."""

    def resized(state: dict[str, Any]) -> dict[str, Any]:
        result = {}
        for name, value in state.items():
            chance = dice.random()
            if chance < 0.96:
                result[name] = value
            elif chance < 0.99:
                changes = [
                    value.flatten(),
                    value[None],
                    torch.zeros([dice.choice([0, 1, 3, 9])] * value.ndim),
                    value.double(),
                    value.double() * 1e300,
                    value * torch.nan,
                ]
                result[name if chance < 0.98 else f"{name}x"] = dice.choice(changes)
        return result

    kind = dice.choice(sorted(CONFIGS))
    return write(
        *(case_folder(), kind, _network(kind)), change=resized, bare=bool(dice.randrange(2))
    )


_NAMES = (
    *("downblocks.{}.x", "in_blocks.{}.x", "conv{}.0.weight", "encoder.snn_convs.{}.weight"),
    *("module.downblocks.{}.bn1.weight", "a.b.c.{}", "upblocks.{}.conv.tsmp", ""),
)
_ODD = ("", "\0", "\u202e", "\ud800", "a" * 300, "a\nb", "..", "/etc/passwd", "name", "[red]x[/]")


def _value(dice: Dice, depth: int = 0) -> Any:
    """Anything that ``torch.save`` writes without code."""
    match dice.randrange(9 if depth < 3 else 6):
        case 0:
            return dice.choice([None, True, -1, 2**70, 1e308, float("nan"), *_ODD[:3]])
        case 1 | 2 | 3 | 4:
            shape = [dice.choice([0, 1, 1, 2, 4, 7]) for _ in range(dice.randrange(5))]
            kind = dice.choice(
                [torch.float32, torch.float16, torch.int64, torch.bool, torch.float64]
            )
            if dice.random() < 0.5 and len(shape) > 1:
                return torch.zeros(shape, dtype=kind).mT
            return torch.ones((), dtype=kind).expand(shape)
        case 5:
            return dice.randrange(-(2**40), 2**40)
        case 6:
            return [_value(dice, depth + 1) for _ in range(dice.randrange(3))]
        case _:
            return {_name(dice): _value(dice, depth + 1) for _ in range(dice.randrange(4))}


def _name(dice: Dice) -> str:
    match dice.randrange(4):
        case 0:
            return dice.choice(_ODD[:3] + _ODD[4:])
        case 1:
            return dice.choice(_NAMES).format(dice.choice([0, 1, 9, 999, 10_000]))
        case _:
            return dice.choice(_names_of(dice.choice(sorted(CONFIGS))))


@cache
def _names_of(kind: str) -> list[str]:
    network = _network(kind)
    if kind == "spiking-diffusion":
        return [*network.vqsvae.state_dict(), *network.sdid.state_dict()]
    return list(network.state_dict())


def anything(dice: Dice) -> Path:
    """Write sound files with anything in them."""
    folder, old = case_folder(), bool(dice.randrange(2))
    for name in ("model.pth", "diff_model.pth")[: dice.choice([1, 2])]:
        state = {_name(dice): _value(dice) for _ in range(dice.randrange(12))}
        part = dice.choice(["net_model", "ema_model", "model", "state_dict", ""])
        contents = {
            key: _value(dice) for key in ("x_T", "step", "args", "?") if dice.random() < 0.3
        }
        contents |= {part: state} if part else state
        torch.save(contents, folder / name, _use_new_zipfile_serialization=not old)
    return folder / "model.pth"


def card(dice: Dice) -> Path:
    """Change what the card of a sound file of ours says, within its schema or not."""
    path = copy(dice.choice([form for form in FORMATS if form[0].startswith("ours")]))
    header, tensors = tiny.split(path)
    values = json.loads(header["__metadata__"]["spikestudio"])
    config = values["config"]
    for _ in range(dice.choice([1, 1, 2, 4])):
        if dice.random() < 0.7:
            config[dice.choice(sorted(config))] = dice.choice(
                [
                    *(0, 1, 2, 3, 8, 64, 256, 1024, 4096, 10_000),
                    -1,
                    2**40,
                    0.5,
                    None,
                    [1024] * 6,
                    [4],
                ]
            )
        elif dice.random() < 0.5:
            values[dice.choice(sorted(values))] = dice.choice([0, 1, -1, 1e300, "x", [], {}, None])
        else:
            names = sorted(set(header) - {"__metadata__"})
            old, new = dice.choice(names), dice.choice([*names, "stranger", "aux.gamma"])
            header[new] = header.pop(old)
    if dice.random() < 0.1:
        large: dict[str, Any] = {
            "base_channels": 1024,
            "num_train_timesteps": 3900,
            "width": 4096,
            "depth": 64,
        }
        large |= {"denoiser_widths": [4096] * 16, "channel_mult": [16] * 3, "num_res_blocks": 6}
        config |= {name: each for name, each in large.items() if name in config}
    for name in (
        "num_snn_steps",
        "codebook_size",
    ):  # the card must agree with itself to get further
        if name in config:
            other = {"num_snn_steps": ["snn_steps"], "codebook_size": ["codebook_size", "mask_id"]}
            values |= dict.fromkeys(other[name], config[name])
    header["__metadata__"]["spikestudio"] = json.dumps(values)
    tiny.join(path, header, tensors)
    return path


MAKERS: dict[str, tuple[Callable[[Dice], Path], int]] = {
    "any bytes": (any_bytes, 4),
    "table of tensors": (table_in_a_sound_archive, 2),
    "numbers": (numbers, 3),
    "other sizes and types": (sizes, 4),
    "anything in a sound file": (anything, 4),
    "card": (card, 3),
}
"""Makers with the shares in which they are called."""


# what a case costs --------------------------------------------------------------------------


class Watch:
    """Notes what code a process tries to run while it is on; audit hooks stay for ever."""

    def __init__(self) -> None:
        self.is_on = False
        self.events: list[str] = []
        sys.addaudithook(self._note)

    def _note(self, event: str, args: tuple[Any, ...]) -> None:
        if self.is_on and event.startswith(_FORBIDDEN):
            self.events.append(f"{event} {args!r:.80}")

    @contextmanager
    def on(self) -> Iterator[None]:
        self.is_on = True
        try:
            yield
        finally:
            self.is_on = False


@dataclass
class Tally:
    """What the cases so far cost at most, and with which seed."""

    cases: int = 0
    valid: int = 0
    seconds: float = 0.0
    longest: tuple[float, str] = (0.0, "")
    largest: tuple[int, str] = (0, "")
    kinds: dict[str, int] = field(default_factory=dict)

    def add(self, label: str, *, seconds: float, taken: int | None, is_valid: bool) -> None:
        self.cases += 1
        self.valid += is_valid
        self.seconds += seconds
        self.longest = max(self.longest, (seconds, label))
        if taken is not None:
            self.largest = max(self.largest, (taken, label))
        kind = label.partition(":")[0]
        self.kinds[kind] = self.kinds.get(kind, 0) + 1


def measured(path: Path, watch: Watch) -> tuple[float, int | None]:
    """Open a file; CPU seconds, and bytes taken beyond its own size (None where not measurable)."""
    size = sum(each.stat().st_size for each in path.parent.rglob("*") if each.is_file())
    before = _reset_peak()
    started = time.process_time()
    with watch.on():
        open_it(path)
    seconds = time.process_time() - started
    after = _memory("VmHWM")
    return seconds, None if before is None or after is None else max(0, after - before - size)


@cache
def _trim() -> Callable[[int], Any]:
    """Give memory that was freed back to the system, so that taking it again is seen."""
    try:
        trim: Callable[[int], Any] = ctypes.CDLL(None).malloc_trim
    except (OSError, AttributeError, TypeError):
        return lambda _: None
    return trim


def _reset_peak() -> int | None:
    """Set the process's peak back to what it has now (Linux)."""
    _trim()(0)
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return None
    return _memory("VmRSS")


def _memory(name: str) -> int | None:
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith(name)), None)
