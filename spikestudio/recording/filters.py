"""Filter expressions over neurons: ``layer == "mid.neuron1" and rate > 0.3``.

    expression   any and any ..., any or any ..., not any, (any)
    comparison   value OP value (OP value ...), OP one of == != < <= > >=
    membership   field in [literal, ...], field not in [literal, ...]
    truth        dead, saturated
    value        a field, a number, a text in quotes, true or false

An expression is parsed to a tree of the few kinds listed here and evaluated over NumPy columns; no part
of it is ever run as code. All errors are ``FilterError``, one sentence with the position.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from spikestudio.errors import SpikeStudioError
from spikestudio.language import tr

Kind = Literal["number", "text", "truth"]
Columns = Mapping[str, NDArray[Any]]

FIELDS: dict[str, Kind] = {
    "layer": "text",
    "neuron": "number",
    "channel": "number",
    "x": "number",
    "y": "number",
    "rate": "number",
    "spikes": "number",
    "latency": "number",
    "dead": "truth",
    "saturated": "truth",
}
COMPARISONS: dict[str, Callable[[Any, Any], Any]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
WORDS = frozenset(("and", "or", "not", "in", "true", "false"))
MAX_LENGTH = 2000
MAX_DEPTH = 50  # of parentheses and "not"
LARGEST_NUMBER = 1e15

_TOKEN = re.compile(
    r"""(?P<space>\s+)
    | (?P<number>[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?(?![\w.]))
    | (?P<text>"[^"]*"|'[^']*')
    | (?P<word>[A-Za-z_]\w*)
    | (?P<mark>==|!=|<=|>=|<|>|\(|\)|\[|\]|,)""",
    re.VERBOSE | re.ASCII,
)


class FilterError(SpikeStudioError):
    """A filter expression cannot be used; ``position`` is the place in it, from 0."""

    def __init__(self, message: str, *, position: int) -> None:
        super().__init__(message)
        self.position = position


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str  # "number", "text", "word", "mark" or "end"
    text: str
    position: int


@dataclass(frozen=True, slots=True)
class _Field:
    name: str


@dataclass(frozen=True, slots=True)
class _Literal:
    value: float | str | bool


@dataclass(frozen=True, slots=True)
class _Chain:
    """``values[0] OPS[0] values[1] OPS[1] values[2] ...``, all of which must hold."""

    values: tuple[_Field | _Literal, ...]
    ops: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _In:
    field: _Field
    choices: tuple[_Literal, ...]


@dataclass(frozen=True, slots=True)
class _Not:
    part: _Node


@dataclass(frozen=True, slots=True)
class _All:
    parts: tuple[_Node, ...]


@dataclass(frozen=True, slots=True)
class _Any:
    parts: tuple[_Node, ...]


_Node = _Field | _Literal | _Chain | _In | _Not | _All | _Any


@dataclass(frozen=True, slots=True)
class Filter:
    """A parsed expression; ``fields`` are the columns that it reads."""

    text: str
    fields: frozenset[str]
    _root: _Node

    def mask(self, columns: Columns, size: int) -> NDArray[np.bool_]:
        """Evaluate for ``size`` neurons at once.

        Parameters
        ----------
        columns
            One array ``[size]`` per field; at least those in ``fields``. Comparisons with NaN (a
            latency of a neuron that never fired) do not hold, except ``!=``.
        size
            Number of neurons.

        Returns
        -------
        Boolean ``[size]``, true where the expression holds.
        """
        with np.errstate(invalid="ignore"):
            found = _evaluate(self._root, columns)
        return np.array(np.broadcast_to(np.asarray(found, bool), (size,)))


def parse(text: str) -> Filter:
    """Read a filter expression; an empty one lets every neuron through.

    Raises
    ------
    FilterError
        It does not follow the grammar, is too long or too deep, names an unknown field, or compares
        things of different kinds.
    """
    if len(text) > MAX_LENGTH:
        raise FilterError(
            tr(
                "The filter has {num_text:,} characters: use at most {max_length:,}.",
                num_text=len(text),
                max_length=MAX_LENGTH,
            ),
            position=MAX_LENGTH,
        )
    if not text.strip():
        return Filter(text, frozenset(), _Literal(True))
    parser = _Parser(_tokens(text))
    root = parser.parse()
    return Filter(text, frozenset(parser.fields), root)


def _tokens(text: str) -> list[_Token]:
    tokens, position = [], 0
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None:
            raise _unexpected_character(text, position)
        if match.lastgroup and match.lastgroup != "space":
            tokens.append(_Token(match.lastgroup, match.group(), position))
        position = match.end()
    tokens.append(_Token("end", "", len(text)))
    return tokens


def _unexpected_character(text: str, position: int) -> FilterError:
    character, advice = text[position], tr("remove it")
    if character in "\"'":
        advice = tr("close the text with the same quote")
    elif character == "=":
        advice = tr("write == to compare")
    elif character in "&|!":
        advice = tr("write and, or, not")
    elif character.isdigit() or character in "-+.":
        return _error(
            tr("is not a number that can be read"), text[position : position + 12], position
        )
    return _error(tr("does not belong in a filter: {advice}", advice=advice), character, position)


def _error(problem: str, what: str, position: int) -> FilterError:
    shown = what if len(what) <= 30 else f"{what[:30]}…"
    return FilterError(
        tr(
            "In the filter at character {position}, {shown!r} {problem}.",
            position=position + 1,
            shown=shown,
            problem=problem,
        ),
        position=position,
    )


class _Parser:
    """Recursive descent over the tokens; ``or`` binds weakest, then ``and``, then ``not``."""

    def __init__(self, tokens: list[_Token]) -> None:
        self._tokens = tokens
        self._next = 0
        self._depth = 0
        self.fields: set[str] = set()

    def parse(self) -> _Node:
        root = self._any()
        if (token := self._peek()).kind != "end":
            problem = tr("comes where the filter should end: join conditions with and, or")
            if token.text in ("(", "["):
                problem = tr(
                    "cannot follow a value: functions and indices are not part of a filter"
                )
            raise _error(problem, token.text, token.position)
        return root

    def _any(self) -> _Node:
        parts = [self._all()]
        while self._take("or"):
            parts.append(self._all())
        return parts[0] if len(parts) == 1 else _Any(tuple(parts))

    def _all(self) -> _Node:
        parts = [self._not()]
        while self._take("and"):
            parts.append(self._not())
        return parts[0] if len(parts) == 1 else _All(tuple(parts))

    def _not(self) -> _Node:
        token = self._peek()
        if self._take("not"):
            return _Not(self._nested(self._not, token))
        if self._take("("):
            inner = self._nested(self._any, token)
            self._expect(")")
            return inner
        return self._condition()

    def _nested(self, part: Callable[[], _Node], token: _Token) -> _Node:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise _error(
                tr("is nested more than {max_depth} deep", max_depth=MAX_DEPTH),
                token.text,
                token.position,
            )
        node = part()
        self._depth -= 1
        return node

    def _condition(self) -> _Node:
        first = self._peek()
        values, ops = [self._value()], []
        is_negated = self._is("not") and self._take("not") is not None
        if is_negated or self._is("in"):
            node = self._membership(values[0], first)
            return _Not(node) if is_negated else node
        while self._peek().text in COMPARISONS and self._peek().kind == "mark":
            op = self._advance()
            at = self._peek()
            values.append(self._value())
            ops.append(op.text)
            self._check_kinds(values[-2], values[-1], op, at)
        if ops:
            return _Chain(tuple(values), tuple(ops))
        if _kind(values[0]) != "truth":
            raise _error(
                tr("is no condition by itself: compare it with something"),
                first.text,
                first.position,
            )
        return values[0]

    def _membership(self, value: _Field | _Literal, first: _Token) -> _Node:
        self._expect("in")
        if not isinstance(value, _Field):
            raise _error(
                tr("is no field: only a field can be in a list"), first.text, first.position
            )
        self._expect("[")
        choices = []
        while not self._is("]"):
            at = self._peek()
            choice = self._value()
            if not isinstance(choice, _Literal):
                raise _error(tr("is a field: a list holds numbers or texts"), at.text, at.position)
            if _kind(choice) != _kind(value):
                raise _error(
                    tr("is no {kind}, as {name} is", kind=_kind(value), name=value.name),
                    at.text,
                    at.position,
                )
            choices.append(choice)
            if not self._is("]"):
                self._expect(",")
        self._expect("]")
        return _In(value, tuple(choices))

    def _value(self) -> _Field | _Literal:
        token = self._advance()
        if token.kind == "number":
            number = float(token.text)
            if abs(number) > LARGEST_NUMBER:
                raise _error(
                    tr(
                        "is beyond the largest number, {largest_number:g}",
                        largest_number=LARGEST_NUMBER,
                    ),
                    token.text,
                    token.position,
                )
            return _Literal(number)
        if token.kind == "text":
            return _Literal(token.text[1:-1])
        if token.text in ("true", "false"):
            return _Literal(token.text == "true")
        if token.kind == "word" and token.text not in WORDS:
            if token.text not in FIELDS:
                raise _error(
                    tr("is no field: use one of {fields}", fields=", ".join(FIELDS)),
                    token.text,
                    token.position,
                )
            self.fields.add(token.text)
            return _Field(token.text)
        if token.kind == "end":
            raise FilterError(
                tr(
                    "The filter breaks off at character {position}: "
                    "a field, a number or a text is missing.",
                    position=token.position + 1,
                ),
                position=token.position,
            )
        raise _error(tr("stands where a field, number or text should"), token.text, token.position)

    def _check_kinds(
        self, left: _Field | _Literal, right: _Field | _Literal, op: _Token, at: _Token
    ) -> None:
        if _kind(left) != _kind(right):
            raise _error(
                tr(
                    "is a {kind} and cannot be compared with a {kind_2}",
                    kind=_kind(right),
                    kind_2=_kind(left),
                ),
                at.text,
                at.position,
            )
        if _kind(left) != "number" and op.text not in ("==", "!="):
            raise _error(
                tr("does not apply to a {kind}: use == or !=", kind=_kind(left)),
                op.text,
                op.position,
            )

    def _peek(self) -> _Token:
        return self._tokens[self._next]

    def _advance(self) -> _Token:
        token = self._peek()
        if token.kind != "end":
            self._next += 1
        return token

    def _is(self, text: str) -> bool:
        token = self._peek()
        return token.kind in ("word", "mark") and token.text == text

    def _take(self, text: str) -> _Token | None:
        return self._advance() if self._is(text) else None

    def _expect(self, text: str) -> None:
        token = self._peek()
        if self._take(text) is None:
            found = (
                tr("not {token!r}", token=token.text) if token.text else tr("but the filter ends")
            )
            raise FilterError(
                tr(
                    "In the filter at character {position}, {the_text!r} is expected, {found}.",
                    position=token.position + 1,
                    the_text=text,
                    found=found,
                ),
                position=token.position,
            )


def _kind(value: _Field | _Literal) -> Kind:
    if isinstance(value, _Field):
        return FIELDS[value.name]
    if isinstance(value.value, bool):
        return "truth"
    return "text" if isinstance(value.value, str) else "number"


def _evaluate(node: _Node, columns: Columns) -> Any:  # noqa: ANN401  a column or a scalar
    match node:
        case _Field(name):
            return np.asarray(columns[name])
        case _Literal(value):
            return value
        case _Chain(values, ops):
            sides = [_evaluate(value, columns) for value in values]
            pairs = zip(ops, sides[:-1], sides[1:], strict=True)
            return _joined(np.logical_and, [COMPARISONS[op](a, b) for op, a, b in pairs])
        case _In(field, choices):
            return np.isin(_evaluate(field, columns), [choice.value for choice in choices])
        case _Not(part):
            return np.logical_not(_evaluate(part, columns))
        case _All(parts):
            return _joined(np.logical_and, [_evaluate(part, columns) for part in parts])
        case _Any(parts):
            return _joined(np.logical_or, [_evaluate(part, columns) for part in parts])


def _joined(join: Callable[[Any, Any], Any], parts: list[Any]) -> Any:  # noqa: ANN401
    result = parts[0]
    for part in parts[1:]:
        result = join(result, part)
    return result
