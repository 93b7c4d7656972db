"""Metric math: the part of CloudWatch's expressions that alarms and dashboards use.

Numbers, metrics and expressions by their ids, ``+ - * / ^``, comparisons, ``AND``/``&&``, ``OR``/``||``, parentheses,
and the functions IF, FILL and PERIOD. Anything else is refused when the expression is read.
"""

import operator
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from math import isfinite
from typing import Final

# One value per period, oldest first; None where there is none.
Series = tuple[float | None, ...]
Value = Series | float

_TOKEN: Final = re.compile(
    r"\s*(?:(?P<number>\d+(?:\.\d*)?(?:[eE][+-]?\d+)?|\.\d+)|(?P<name>[A-Za-z]\w*)"
    r"|(?P<sign>&&|\|\||==|!=|<=|>=|[-+*/^<>(),]))"
)
_ID: Final = re.compile(r"[a-z]\w*")
_WORDS: Final = {"AND": "&&", "OR": "||"}
_SIGNS: Final[tuple[Mapping[str, Callable[[float, float], float]], ...]] = (
    {"||": lambda a, b: float(bool(a) or bool(b))},
    {"&&": lambda a, b: float(bool(a) and bool(b))},
    {"==": lambda a, b: float(a == b), "!=": lambda a, b: float(a != b)},
    {
        "<=": lambda a, b: float(a <= b),
        ">=": lambda a, b: float(a >= b),
        "<": lambda a, b: float(a < b),
        ">": lambda a, b: float(a > b),
    },
    {"+": operator.add, "-": operator.sub},
    {"*": operator.mul, "/": operator.truediv},
)
_ARGUMENTS: Final = {"IF": (2, 3), "FILL": (2, 2), "PERIOD": (1, 1)}


class ExpressionError(ValueError):
    """An expression that is not one, or that uses what is not known here."""


@dataclass(frozen=True)
class Inputs:
    """What an expression is worked out on: the series by id, each with its period in seconds."""

    series: Mapping[str, Series]
    periods: Mapping[str, int]


_Node = Callable[[Inputs], Value]


@dataclass(frozen=True)
class Expression:
    """An expression that was read: the ids that it uses, and its value on some inputs."""

    text: str
    uses: frozenset[str]
    value: _Node


def parse(text: str) -> Expression:
    """Read an expression.

    Raises:
        ExpressionError: where it is wrong, or which function is unknown.

    """
    reader = _Reader(text)
    node = reader.operation(0)
    if reader.next:
        raise ExpressionError(f"Error in expression [{text}]: {reader.next!r} is not expected there")
    return Expression(text, frozenset(reader.uses), node)


class _Reader:
    """Reads an expression from left to right; each method takes as much as is its own."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = list(_tokens(text))
        self.uses: set[str] = set()

    @property
    def next(self) -> str:
        return self._tokens[0] if self._tokens else ""

    def _take(self) -> str:
        if not self._tokens:
            raise ExpressionError(f"Error in expression [{self._text}]: it ends too early")
        return self._tokens.pop(0)

    def _expect(self, sign: str) -> None:
        found = self._take()
        if found != sign:
            raise ExpressionError(f"Error in expression [{self._text}]: {sign!r} is expected instead of {found!r}")

    def operation(self, level: int) -> _Node:
        if level == len(_SIGNS):
            return self._power()
        left = self.operation(level + 1)
        while self.next in _SIGNS[level]:
            apply = _SIGNS[level][self._take()]
            left = _both(apply, left, self.operation(level + 1))
        return left

    def _power(self) -> _Node:
        if self.next == "-":
            self._take()
            return _both(operator.mul, _constant(-1.0), self._power())
        base = self._operand()
        if self.next != "^":
            return base
        self._take()
        return _both(operator.pow, base, self._power())

    def _operand(self) -> _Node:
        taken = self._take()
        if taken == "(":
            inner = self.operation(0)
            self._expect(")")
            return inner
        if taken[0].isdigit() or taken[0] == ".":
            return _constant(float(taken))
        if self.next == "(":
            return self._function(taken)
        if not _ID.fullmatch(taken):
            raise ExpressionError(f"Error in expression [{self._text}]: {taken!r} is no id of a metric")
        self.uses.add(taken)
        return lambda inputs: inputs.series[taken]

    def _function(self, name: str) -> _Node:
        if name not in _ARGUMENTS:
            raise ExpressionError(f"Error in expression [{self._text}]: the function {name} is not known here")
        self._expect("(")
        if name == "PERIOD":
            taken = self._take()
            self.uses.add(taken)
            self._expect(")")
            return lambda inputs: float(inputs.periods[taken])
        arguments = [self.operation(0)]
        while self.next == ",":
            self._take()
            if name == "FILL" and self.next == "REPEAT":
                self._take()
                arguments.append(_repeat(arguments[0]))
            else:
                arguments.append(self.operation(0))
        self._expect(")")
        fewest, most = _ARGUMENTS[name]
        if not fewest <= len(arguments) <= most:
            raise ExpressionError(
                f"Error in expression [{self._text}]: {name} does not take {len(arguments)} arguments"
            )
        return _if(*arguments) if name == "IF" else _fill(*arguments)


def _tokens(text: str) -> Sequence[str]:
    found, at = [], 0
    end = len(text.rstrip())
    while at < end:
        match = _TOKEN.match(text, at)
        if match is None:
            raise ExpressionError(f"Error in expression [{text}]: {text[at:].strip()!r} cannot be read")
        token = match.group().strip()
        found.append(_WORDS.get(token, token))
        at = match.end()
    return found


def _constant(value: float) -> _Node:
    return lambda _: value


def _both(apply: Callable[[float, float], float], left: _Node, right: _Node) -> _Node:
    """A missing value on either side leaves the result missing; what is no number, too, as after 1 / 0."""
    return lambda inputs: _each(partial(_number, apply), left(inputs), right(inputs))


def _number(apply: Callable[[float, float], float | complex], left: float | None, right: float | None) -> float | None:
    if left is None or right is None:
        return None
    try:
        value = apply(left, right)
    except (ZeroDivisionError, OverflowError):
        return None
    # A root of a negative number is complex.
    return None if isinstance(value, complex) or not isfinite(value) else value


def _if(condition: _Node, then: _Node, otherwise: _Node | None = None) -> _Node:
    def choose(holds: float | None, yes: float | None, no: float | None) -> float | None:
        if holds is None:
            return None
        return yes if holds else no

    def work(inputs: Inputs) -> Value:
        values = condition(inputs), then(inputs), otherwise(inputs) if otherwise else None
        length = max((len(each) for each in values if isinstance(each, tuple)), default=None)
        if length is None:
            raise ExpressionError("IF needs a series among its arguments")
        return tuple(choose(*each) for each in zip(*(_spread(each, length) for each in values), strict=True))

    return work


def _fill(series: _Node, value: _Node) -> _Node:
    def choose(found: float | None, instead: float | None) -> float | None:
        return instead if found is None else found

    return lambda inputs: _each(choose, series(inputs), value(inputs))


def _repeat(node: _Node) -> _Node:
    """The last value that there was, at each place."""

    def work(inputs: Inputs) -> Value:
        series = node(inputs)
        if not isinstance(series, tuple):
            return series
        last: float | None = None
        found = []
        for each in series:
            last = last if each is None else each
            found.append(last)
        return tuple(found)

    return work


def _each(apply: Callable[[float | None, float | None], float | None], left: Value, right: Value) -> Value:
    if not isinstance(left, tuple) and not isinstance(right, tuple):
        found = apply(left, right)
        if found is None:
            raise ExpressionError("an expression of constants has no value")
        return found
    length = max(len(each) for each in (left, right) if isinstance(each, tuple))
    return tuple(apply(a, b) for a, b in zip(_spread(left, length), _spread(right, length), strict=True))


def _spread(value: Value | None, length: int) -> Series:
    return value if isinstance(value, tuple) else (value,) * length
