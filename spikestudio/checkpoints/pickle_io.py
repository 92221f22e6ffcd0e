"""Pickles read as data: a pickle is a program, and this runs none of it.

The opcodes that ``torch.save`` writes are interpreted over plain values. What would be a tensor becomes
a description of one (``TensorRef``); whatever else a pickle names is noted in ``wanted`` and never
imported or called. torch's own reader is not used: also with ``weights_only=True`` a file of 5 kB can
make it allocate gigabytes (``bytearray(2**30)`` is on its list of allowed calls).
"""

from __future__ import annotations

import io
import pickletools
import re
import warnings
from dataclasses import dataclass, field
from typing import Any

from spikestudio.language import tr

MAX_BYTES = 1024 * 1024  # of a pickle; official files with optimiser state have less
MAX_OPCODES = 400_000
PICKLE = b"\x80"  # opcode of every pickle since protocol 2

_DTYPES = {
    **{"Float": "F32", "Double": "F64", "Half": "F16", "BFloat16": "BF16", "Bool": "BOOL"},
    **{"Long": "I64", "Int": "I32", "Short": "I16", "Char": "I8", "Byte": "U8"},
}
_STORAGES = {
    f"{module}.{kind}Storage": dtype
    for module in ("torch", "torch.storage")
    for kind, dtype in _DTYPES.items()
}
_ANY_STORAGE = re.compile(r"torch\.(storage\.)?[A-Za-z0-9]{1,40}Storage")
_REBUILD = ("torch._utils._rebuild_tensor_v2", "torch._utils._rebuild_tensor")
_PARAMETER = "torch._utils._rebuild_parameter"
_DICT, _NAMESPACE = "collections.OrderedDict", "argparse.Namespace"
_KNOWN = {*_STORAGES, *_REBUILD, _PARAMETER, _DICT, _NAMESPACE}


@dataclass(frozen=True, slots=True)
class StorageRef:
    """A flat array in the file: ``numel`` items of ``dtype`` under ``key``."""

    key: str
    dtype: str
    numel: int


@dataclass(frozen=True, slots=True)
class TensorRef:
    """A tensor as a view of a storage; ``offset`` and ``strides`` count items."""

    storage: StorageRef
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]

    @property
    def dtype(self) -> str:
        """Type as safetensors names it: ``F32``, ``I64`` ..."""
        return self.storage.dtype


@dataclass(slots=True)
class Namespace:
    """What an ``argparse.Namespace`` held."""

    values: object = None


@dataclass(frozen=True, slots=True)
class _Global:
    name: str


class _MalformedError(ValueError):
    """The pickle is none that PyTorch writes; the message says why and quotes nothing of it."""


_MARK = object()
_OPAQUE = object()  # what cannot be known without running code


@dataclass(slots=True)
class Reading:
    """Outcome of one pickle: its value, or why there is none, and what it would import.

    ``wanted`` are the dotted names beyond those of plain tensors. ``end`` is the position after it.
    """

    value: Any = None
    error: str | None = None
    wanted: set[str] = field(default_factory=set)
    storages: dict[str, StorageRef] = field(default_factory=dict)
    end: int = 0


def parse(data: bytes, start: int = 0) -> Reading:
    """Read the pickle that starts at ``start``; raises nothing, see ``Reading.error``."""
    stream = io.BytesIO(data)
    stream.seek(start)
    reading = Reading()
    machine = _Machine(reading)
    try:
        with warnings.catch_warnings():  # of odd escapes in a text
            warnings.simplefilter("ignore", DeprecationWarning)
            for count, (opcode, arg, _) in enumerate(pickletools.genops(stream)):
                if count > MAX_OPCODES:
                    raise _MalformedError(tr("it is too long"))
                machine.step(opcode.name, arg)
        reading.value = machine.pop()
    except (ValueError, KeyError, IndexError, OverflowError, TypeError) as error:
        # Messages of other modules may quote the file.
        reading.error = str(error) if isinstance(error, _MalformedError) else tr("it is malformed")
    reading.end = stream.tell()
    return reading


class _Machine:
    """The stack and memo of a pickle; every step takes time in proportion to its opcodes."""

    def __init__(self, reading: Reading) -> None:
        self.reading = reading
        self.stack: list[Any] = []
        self.memo: dict[int, Any] = {}

    def pop(self) -> Any:  # noqa: ANN401  any value
        value = self.stack.pop()
        if value is _MARK:
            raise _MalformedError(tr("it is malformed"))
        return value

    def pop_to_mark(self) -> list[Any]:
        for i in range(len(self.stack) - 1, -1, -1):
            if self.stack[i] is _MARK:
                items = self.stack[i + 1 :]
                del self.stack[i:]
                return items
        raise _MalformedError(tr("it is malformed"))

    def step(self, name: str, arg: Any) -> None:  # noqa: ANN401  as pickletools gives it
        push = self.stack.append
        match name:
            case "PROTO" | "FRAME" | "STOP":
                pass
            case "MARK":
                push(_MARK)
            case "POP":
                self.stack.pop()
            case "POP_MARK":
                self.pop_to_mark()
            case "DUP":
                push(self.stack[-1])
            case "NONE":
                push(None)
            case "NEWTRUE" | "NEWFALSE":
                push(name == "NEWTRUE")
            case "EMPTY_LIST" | "LIST":
                push([] if name == "EMPTY_LIST" else self.pop_to_mark())
            case "EMPTY_TUPLE":
                push(())
            case "TUPLE1" | "TUPLE2" | "TUPLE3":
                items = [self.pop() for _ in range(int(name[-1]))]
                push(tuple(reversed(items)))
            case "TUPLE":
                push(tuple(self.pop_to_mark()))
            case "EMPTY_DICT" | "DICT":
                items = [] if name == "EMPTY_DICT" else self.pop_to_mark()
                push({})
                self.set_items(items)
            case "EMPTY_SET":
                push(_OPAQUE)
            case "FROZENSET":
                self.pop_to_mark()
                push(_OPAQUE)
            case "APPEND" | "APPENDS" | "ADDITEMS":
                items = [self.pop()] if name == "APPEND" else self.pop_to_mark()
                if isinstance(self.stack[-1], list):
                    self.stack[-1].extend(items)
            case "SETITEM":
                value, key = self.pop(), self.pop()
                self.set_items([key, value])
            case "SETITEMS":
                self.set_items(self.pop_to_mark())
            case "PUT" | "BINPUT" | "LONG_BINPUT":
                self.memo[int(arg)] = self.stack[-1]
            case "MEMOIZE":
                self.memo[len(self.memo)] = self.stack[-1]
            case "GET" | "BINGET" | "LONG_BINGET":
                push(self.memo[int(arg)])
            case "GLOBAL":
                push(self.global_(*arg.split(" ", 1)))
            case "STACK_GLOBAL":
                attribute, module = self.pop(), self.pop()
                push(self.global_(module, attribute))
            case "INST" | "OBJ":
                if name == "INST":
                    self.global_(*arg.split(" ", 1))
                self.pop_to_mark()
                push(_OPAQUE)
            case "NEWOBJ_EX":
                self.pop()
                self.call()
            case "REDUCE" | "NEWOBJ":
                self.call()
            case "BUILD":
                state = self.pop()
                if isinstance(self.stack[-1], Namespace):
                    self.stack[-1].values = state
            case "BINPERSID":
                push(self.storage(self.pop()))
            case _ if arg is not None:
                push(arg)  # a number, text or bytes
            case _:
                raise _MalformedError(
                    tr("it has the opcode {name}, which PyTorch does not write", name=name)
                )

    def set_items(self, items: list[Any]) -> None:
        target = self.stack[-1]
        if not isinstance(target, dict):
            return
        for key, value in zip(items[::2], items[1::2], strict=True):
            # Hashing a number takes time in proportion to its digits, every time.
            if not isinstance(key, str) and not (type(key) is int and abs(key) < 2**63):
                raise _MalformedError(tr("a dictionary in it has odd keys"))
            target[key] = value

    def global_(self, module: object, attribute: object) -> _Global:
        name = "?"
        if isinstance(module, str) and isinstance(attribute, str):
            name = f"{module[:100]}.{attribute[:100]}"
        if name not in _KNOWN and not _ANY_STORAGE.fullmatch(name):
            self.reading.wanted.add("".join(c for c in name[:100] if c.isprintable()))
        return _Global(name)

    def call(self) -> None:
        args, function = self.pop(), self.pop()
        name = function.name if isinstance(function, _Global) else ""
        value: Any = _OPAQUE
        if name == _DICT and args == ():
            value = {}
        elif name == _NAMESPACE and args == ():
            value = Namespace()
        elif name in _REBUILD and isinstance(args, tuple) and len(args) >= 4:
            value = _tensor(*args[:4])
        elif name == _PARAMETER and isinstance(args, tuple) and args:
            value = args[0]
        self.stack.append(value)

    def storage(self, reference: object) -> StorageRef:
        match reference:
            case ("storage", _Global(name), str(key), str(), int(numel), *_):
                if name not in _STORAGES:
                    raise _MalformedError(tr("it has numbers of the kind {name}", name=name))
                if len(key) <= 100 and 0 <= numel < 2**48:
                    storage = StorageRef(key, _STORAGES[name], numel)
                    if self.reading.storages.setdefault(key, storage) == storage:
                        return storage
        raise _MalformedError(tr("it refers to numbers in a way that PyTorch does not"))


def _tensor(storage: object, offset: object, shape: object, strides: object) -> TensorRef:
    """Description of a tensor whose items all lie in its storage."""
    if (
        isinstance(storage, StorageRef)
        and type(offset) is int
        and _are_sizes(shape)
        and _are_sizes(strides)
        and len(shape) == len(strides)  # type: ignore[arg-type]
    ):
        tensor = TensorRef(storage, offset, shape, strides)  # type: ignore[arg-type]
        numel, last = 1, offset
        for size, stride in zip(tensor.shape, tensor.strides, strict=True):
            numel *= size
            last += max(size - 1, 0) * stride
        # No more items than are stored: an axis with stride 0 would make gigabytes of one number.
        if 0 <= offset <= storage.numel >= numel and (numel == 0 or last < storage.numel):
            return tensor
    raise _MalformedError(tr("it has a tensor that does not fit its storage"))


def _are_sizes(values: object) -> bool:
    return (
        isinstance(values, tuple)
        and len(values) <= 8
        and all(type(n) is int and 0 <= n < 2**48 for n in values)
    )
