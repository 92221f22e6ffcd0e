"""Axes of a sweep, as they are written: ``threshold=0.997-1.003(+0.001)``.

A value is a number or a word; several stand between commas. Numbers may also be given as

    1,2,..,8                    goes on by the difference of the two before the dots, up to the last
    1-8                         whole numbers, by 1
    0.997-1.003(+0.001)         by a step; the last one is not passed
    1-10[5]                     so many, evenly spaced

Spaces do not matter, and a value that comes twice counts once. Decimal numbers are exact: the value is
the one that is printed. Imports neither torch nor NumPy.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal, localcontext
from difflib import get_close_matches

from spikestudio.diffusion.solvers import canonical
from spikestudio.errors import ConfigError
from spikestudio.language import tr
from spikestudio.neurons.overrides import VALUES as OVERRIDE_VALUES
from spikestudio.sampling.request import RANGES, WHOLE_NUMBERS

MAX_VALUES = 1000  # of one axis
EXECUTION_ORDER = {
    "checkpoint": "checkpoint",
    "snn-steps": "snn_steps",
    "steps": "steps",
    "sampler": "sampler",
    "guidance": "guidance",
    "class": "class_label",
    "tau": "tau",
    "temperature": "temperature",
    "threshold": "threshold",
    "seed": "seed",
}
"""Axis to what it changes, from the one that is slowest to change, which is the outermost loop."""

_WORDS = ("checkpoint", "sampler")
_DOTS = ("..", "...", "…")
_PRECISION = 60  # digits; more than any two numbers in range need
_SPACING_DIGITS = 4  # of the distance of evenly spaced values, where it has no end
_NUMBER = r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d{1,9})?"
_SINGLE = re.compile(_NUMBER, re.ASCII)
_RANGE = re.compile(
    rf"(?P<start>{_NUMBER})\s*-\s*(?P<stop>{_NUMBER})\s*"
    rf"(?:\(\s*(?P<step>{_NUMBER})\s*\)|\[\s*(?P<num>\d+)\s*\])?",
    re.ASCII,
)


@dataclass(frozen=True, slots=True)
class Value:
    """One value of an axis: ``text`` is how it is printed, ``value`` what the request gets."""

    text: str
    value: int | float | str


@dataclass(frozen=True, slots=True)
class Axis:
    """A parameter with the values it takes, in the order in which they are shown."""

    name: str
    values: tuple[Value, ...]

    @property
    def field(self) -> str:
        """Name of what it changes: a field of a request, ``checkpoint`` or ``tau``."""
        return EXECUTION_ORDER[self.name]


def parse_axes(texts: Iterable[str]) -> tuple[Axis, ...]:
    """Axes in the order given; raises ``ConfigError`` for one that is wrong or comes twice."""
    axes = tuple(parse_axis(text) for text in texts)
    if not axes:
        raise _error(
            tr("A sweep needs an axis: give one such as --axis threshold=0.997-1.003(+0.001)")
        )
    names = [axis.name for axis in axes]
    for name in names:
        if names.count(name) > 1:
            raise _error(
                tr("The axis {name} is given twice: put all its values into one --axis", name=name)
            )
    return axes


def parse_axis(text: str) -> Axis:
    """Read ``NAME=VALUES``; raises ``ConfigError`` with one sentence."""
    given, equals, rest = text.partition("=")
    name = given.strip().lower().replace("_", "-")
    if not equals:
        raise _error(
            tr(
                "The axis {shown} has no values: write it as in --axis threshold=0.997,1",
                shown=_shown(text),
            )
        )
    if name not in EXECUTION_ORDER:
        near = get_close_matches(name, EXECUTION_ORDER, n=1)
        hint = (
            tr("did you mean {near}", near=near[0])
            if near
            else tr("choose from {execution_order}", execution_order=", ".join(EXECUTION_ORDER))
        )
        raise _error(tr("There is no axis {shown}: {hint}", shown=_shown(given.strip()), hint=hint))
    if not rest.strip():
        raise _error(
            tr(
                "The axis {name} has no value: write it as in {example}",
                name=name,
                example=_example(name),
            )
        )
    items = [item.strip() for item in rest.split(",")]
    if "" in items:
        raise _error(
            tr("The axis {name} has an empty value: take the comma too many out", name=name)
        )
    values = _words(name, items) if name in _WORDS else _numbers(name, items)
    if len(values) > MAX_VALUES:
        raise _too_many(name, f"{len(values):,}")
    return Axis(name, values)


def _words(name: str, items: list[str]) -> tuple[Value, ...]:
    if name == "sampler":
        try:
            items = [canonical(_cut(item)) for item in items]
        except ConfigError as error:
            raise ConfigError(str(error), field="axis") from error
    return tuple(Value(item, item) for item in dict.fromkeys(items))


def _numbers(name: str, items: list[str]) -> tuple[Value, ...]:
    field = EXECUTION_ORDER[name]
    is_whole = field in WHOLE_NUMBERS or name == "class"
    with localcontext(prec=_PRECISION):
        numbers = _Reader(name, is_whole).read(items)
        unique = {number: number for number in reversed(numbers)}  # the first one's form stays
        return tuple(
            Value(f"{int(number)}", int(number))
            if is_whole
            else Value(f"{number:f}", float(number))
            for number in dict.fromkeys(unique[each] for each in numbers)
        )


class _Reader:
    """Numbers of one axis, from its items."""

    def __init__(self, name: str, is_whole: bool) -> None:
        self.name = name
        self.is_whole = is_whole
        limits = RANGES.get(EXECUTION_ORDER[name])
        low, high = OVERRIDE_VALUES["tau"] or (0, 0)
        if limits is not None:
            low, high = limits.low, limits.high
        elif name == "class":
            low, high = 0, 2**31 - 1
        self.low, self.high = Decimal(str(low)), Decimal(str(high))

    def read(self, items: list[str]) -> list[Decimal]:
        numbers: list[Decimal] = []
        k = 0
        while k < len(items):
            item = items[k]
            if item in _DOTS:
                numbers += self._continued(numbers, items[k + 1 : k + 2])
                k += 1  # the last one is among them
            elif _SINGLE.fullmatch(item):
                numbers.append(self._number(item))
            else:
                numbers += self._range(item)
            if len(numbers) > MAX_VALUES:
                raise _too_many(self.name, tr("more than {max_values:,}", max_values=MAX_VALUES))
            k += 1
        return numbers

    def _number(self, text: str) -> Decimal:
        number = Decimal(text)
        if not self.low <= number <= self.high:
            raise _error(
                tr(
                    "The {name} {cut} is out of range: choose a value from {low} to {high}",
                    name=self.name,
                    cut=_cut(text),
                    low=self.low,
                    high=self.high,
                )
            )
        self._check_whole(number, text)
        return number

    def _check_whole(self, number: Decimal, text: str) -> None:
        if self.is_whole and number != number.to_integral_value():
            raise _error(
                tr("The axis {name} takes whole numbers, not {cut}", name=self.name, cut=_cut(text))
            )

    def _continued(self, before: list[Decimal], after: list[str]) -> list[Decimal]:
        example = tr("write it as in {name}=1,2,..,8", name=self.name)
        if len(before) < 2:
            raise _error(
                tr(
                    "The dots .. of the axis {name} need two values before: {example}",
                    name=self.name,
                    example=example,
                )
            )
        if not after or not _SINGLE.fullmatch(after[0]):
            raise _error(
                tr(
                    "The dots .. of the axis {name} need a number after: {example}",
                    name=self.name,
                    example=example,
                )
            )
        start, stop = before[-1], self._number(after[0])
        step = start - before[-2]
        if step == 0:
            raise _error(
                tr(
                    "The two values before the dots of the axis {name} are the same, {start}: "
                    "give two that differ",
                    name=self.name,
                    start=start,
                )
            )
        if (stop - start) * step < 0:
            raise _error(
                tr(
                    "The axis {name} goes by {step:f} away from {stop}: "
                    "turn the values before the dots round",
                    name=self.name,
                    step=step,
                    stop=stop,
                )
            )
        numbers = self._steps(start, stop, step)
        if numbers[-1] != stop:
            raise _error(
                tr(
                    "The axis {name} goes to {number}, then to {number_2}, and "
                    "misses {stop}: end with one of the two",
                    name=self.name,
                    number=numbers[-1],
                    number_2=numbers[-1] + step,
                    stop=stop,
                )
            )
        return numbers[1:]

    def _range(self, item: str) -> list[Decimal]:
        # Dashes of other lengths come from texts that were set; no number has one.
        found = _RANGE.fullmatch(item.replace("–", "-").replace("−", "-"))
        if found is None:
            raise _error(
                tr(
                    "The value {shown} of the axis {name} is no number and no range: "
                    "write it as in {example}",
                    shown=_shown(item),
                    name=self.name,
                    example=_example(self.name),
                )
            )
        bounds = f"{found['start']}-{found['stop']}"
        start, stop = self._number(found["start"]), self._number(found["stop"])
        if found["num"] is not None:
            return self._spaced(bounds, start, stop, found["num"])
        return self._steps(start, stop, self._step(bounds, start, stop, found["step"]))

    def _step(self, bounds: str, start: Decimal, stop: Decimal, text: str | None) -> Decimal:
        if text is None:
            if self.is_whole:
                return Decimal(1 if start <= stop else -1)
            half = (stop - start) / 2
            raise _error(
                tr(
                    "The range {bounds} of the axis {name} has no step: "
                    "write {bounds}({normalize:+f}), or {bounds}[5] for five values",
                    bounds=bounds,
                    name=self.name,
                    normalize=half.normalize(),
                )
            )
        step = Decimal(text)
        if step == 0:
            raise _error(
                tr("The range {bounds} needs a step other than 0: write {bounds}[5]", bounds=bounds)
            )
        self._check_whole(step, text)
        if (stop - start) * step < 0:
            raise _error(
                tr(
                    "The step of {bounds}({the_text}) has the wrong sign: write {bounds}({step:+f})",
                    bounds=bounds,
                    the_text=text,
                    step=-step,
                )
            )
        return step

    def _spaced(self, bounds: str, start: Decimal, stop: Decimal, text: str) -> list[Decimal]:
        if len(text) > 9 or int(text) > MAX_VALUES:
            raise _too_many(self.name, f"{int(text):,}" if len(text) < 10 else tr("far more"))
        num = int(text)
        if start == stop and num == 1:
            return [start]
        if num < 2:
            raise _error(
                tr(
                    "The range {bounds}[{the_text}] has too few values: ask for 2 or more",
                    bounds=bounds,
                    the_text=text,
                )
            )
        step = (stop - start) / (num - 1)
        is_exact = len(step.as_tuple().digits) <= _PRECISION // 2
        unit = (
            Decimal(1)
            if self.is_whole
            else Decimal(1).scaleb(step.adjusted() + 1 - _SPACING_DIGITS)
        )
        numbers = [start + k * step for k in range(num - 1)] + [stop]
        if is_exact and not self.is_whole:
            return numbers
        inner = (each.quantize(unit, ROUND_HALF_UP) for each in numbers[1:-1])
        return [start, *inner, stop]

    def _steps(self, start: Decimal, stop: Decimal, step: Decimal) -> list[Decimal]:
        num = (stop - start) / step + 1
        if num >= MAX_VALUES + 1:
            raise _too_many(self.name, f"{int(num):,}" if num < 10**9 else tr("far more"))
        return [start + k * step for k in range(int(num))]


def _too_many(name: str, num: str) -> ConfigError:
    return _error(
        tr(
            "The axis {name} would have {num} values where at most {max_values:,} are allowed: "
            "take a larger step",
            name=name,
            num=num,
            max_values=MAX_VALUES,
        )
    )


def _example(name: str) -> str:
    examples = {"checkpoint": "sddpm-mnist,my.safetensors", "sampler": "ddim,diffusers:unipc"}
    whole = "2,4,8" if EXECUTION_ORDER[name] in WHOLE_NUMBERS else "0.9,1"
    return f"{name}={examples.get(name, '0,1,..,9' if name == 'class' else whole)}"


def _cut(text: str) -> str:
    return text if len(text) <= 40 else f"{text[:40]}…"


def _shown(text: str) -> str:
    return repr(_cut(text))


def _error(sentence: str) -> ConfigError:
    return ConfigError(f"{sentence}.", field="axis")
