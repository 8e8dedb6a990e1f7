"""The user's own conditions on metrics of arms, read into a typed tree and checked before anything starts.

    expectation := sum ("<" | "<=" | ">" | ">=" | "==" | "!=") sum
    sum         := product (("+" | "-") product)*
    product     := factor (("*" | "/") factor)*
    factor      := "-" factor | "(" sum ")" | metric "(" arm ")" | number [unit]

Nothing is evaluated here. Length, number of tokens and depth are limited, so that hostile text gets a sentence and
never exhausts the stack.
"""

import math
import re
from collections.abc import Callable, Collection, Mapping
from difflib import get_close_matches
from typing import NamedTuple

from lab.errors import ScenarioError
from lab.metric_types import Reading
from lab.metrics import METRICS
from lab.scenario.expectation_tree import (
    KINDS,
    Constant,
    Expectation,
    Kind,
    Measured,
    Node,
    Operation,
    alike,
    product,
    quotient,
    related,
)
from lab.units import parse_duration_s, parse_size_bytes

MAX_LENGTH = 500
MAX_TOKENS = 100
MAX_DEPTH = 20
_TOKEN = re.compile(
    r"(?P<reading>[a-z_][\w.]*\s*\([^()]*\))"
    r"|(?P<quantity>\d+(?:\.\d+)?(?:\s*(?:%|/\s*s\b|[a-z]+\b))?)"
    r"|(?P<comparison>[<>=!]=|[<>])"
    r"|(?P<symbol>[-+*/()])"
    r"|(?P<word>[a-z_][\w.]*)",
    re.ASCII | re.IGNORECASE,
)
_QUANTITY = re.compile(r"([\d.]+)\s*(.*)", re.DOTALL)


class ExpectationError(ScenarioError):
    """An expectation that cannot be read, or that relates what cannot be related."""


class _Token(NamedTuple):
    kind: str
    text: str
    column: int


class Parser:
    """One pass over one text; ``parse`` is called once."""

    def __init__(self, text: str, arms: Collection[str]) -> None:
        self._text, self._arms = text, arms
        self._tokens = self._tokenize()
        self._next = 0

    def parse(self) -> tuple[Node, str, Node, Kind]:
        """Left side, comparison, right side, kind of their difference; or ExpectationError with the column at fault."""
        left = self._sum(0)
        operator = self._take()
        if operator.kind != "comparison":
            raise self.error(f"expected a comparison (<, <=, >, >=, ==, !=){_found(operator)}", operator.column)
        left, right = related(left, self._sum(0))
        if (rest := self._take()).kind != "end":
            raise self.error(f"expected the end{_found(rest)}", rest.column, "an expectation has one comparison")
        if (kind := alike(left.kind, right.kind)) is None:
            raise self.error(
                f"{left.kind} cannot be compared with {right.kind}", operator.column, _units_hint(left, right)
            )
        if operator.text in ("==", "!=") and kind is not Kind.COUNT:
            raise self.error(f"{operator.text} is for counts, not for {kind}", operator.column, "use <= or >=")
        return left, operator.text, right, kind

    def error(self, what: str, column: int, hint: str = "") -> ExpectationError:
        """The error that names the expectation (its beginning, when long) and the place in it."""
        text = self._text if len(self._text) <= 80 else self._text[:77] + "..."
        return ExpectationError(f"expectation {text!r}: {what} (column {column})", hint)

    def _tokenize(self) -> list[_Token]:
        if len(self._text) > MAX_LENGTH:
            raise self.error(f"longer than {MAX_LENGTH} characters", MAX_LENGTH + 1)
        tokens, position = [], 0
        while position < len(self._text):
            if self._text[position].isspace():
                position += 1
                continue
            match = _TOKEN.match(self._text, position)
            if match is None or match.lastgroup is None:
                raise self.error(f"cannot read {self._text[position : position + 10]!r}", position + 1)
            tokens.append(_Token(match.lastgroup, match[0], position + 1))
            position = match.end()
        if len(tokens) > MAX_TOKENS:
            raise self.error(f"more than {MAX_TOKENS} numbers, names and signs", tokens[MAX_TOKENS].column)
        return [*tokens, _Token("end", "", len(self._text) + 1)]

    def _take(self) -> _Token:
        token = self._tokens[self._next]
        self._next = min(self._next + 1, len(self._tokens) - 1)
        return token

    def _sum(self, depth: int) -> Node:
        return self._chain("+-", lambda: self._chain("*/", lambda: self._factor(depth)))

    def _chain(self, symbols: str, operand: Callable[[], Node]) -> Node:
        """``operand (symbol operand)*``, from left to right."""
        left = operand()
        while (token := self._tokens[self._next]).kind == "symbol" and token.text in symbols:
            self._take()
            left = self._operation(token, left, operand())
        return left

    def _operation(self, token: _Token, left: Node, right: Node) -> Operation:
        kind_of, verb = {
            "+": (alike, "added to"),
            "-": (alike, "reduced by"),
            "*": (product, "multiplied by"),
            "/": (quotient, "divided by"),
        }[token.text]
        left, right = related(left, right) if token.text in "+-" else (left, right)
        if (kind := kind_of(left.kind, right.kind)) is None:
            raise self.error(f"{left.kind} cannot be {verb} {right.kind}", token.column, _units_hint(left, right))
        return Operation(token.text, left, right, kind)

    def _factor(self, depth: int) -> Node:
        token = self._take()
        if depth > MAX_DEPTH:
            raise self.error(f"nested more than {MAX_DEPTH} deep", token.column)
        if token.kind == "quantity":
            return self._constant(token)
        if token.kind == "reading":
            return self._measured(token)
        if token.text == "-":
            operand = self._factor(depth + 1)
            return Operation("-", Constant(0.0, operand.kind), operand, operand.kind)
        if token.text == "(":
            inner = self._sum(depth + 1)
            if (closing := self._take()).text != ")":
                raise self.error(f"expected a closing bracket{_found(closing)}", closing.column)
            return inner
        hint = self._call_hint(token) if token.kind == "word" else ""
        raise self.error(f"expected a metric of an arm or a number{_found(token)}", token.column, hint)

    def _call_hint(self, token: _Token) -> str:
        """How a metric of an arm is written; ``token`` may be a part of the arm's name, in which there are hyphens."""
        text = self._text[token.column - 1 :]
        named = [arm for arm in self._arms if re.match(rf"{re.escape(arm)}(?![\w-])", text)]
        if not named:
            return f"name its arm as well: {token.text}(ARM)"
        metric = re.match(r"\.([\w.]+)", text.removeprefix(named[0]), re.ASCII)
        return f"write {metric[1] if metric else 'METRIC'}({named[0]})"

    def _measured(self, token: _Token) -> Measured:
        name, _, arm = token.text.removesuffix(")").partition("(")
        reading = Reading(name.strip(), arm.strip())
        for what, named, known in (("metric", reading.metric, METRICS), ("arm", reading.arm, self._arms)):
            if named not in known:
                raise self.error(f"unknown {what} {named[:40]!r}", token.column, nearest(named, known))
        metric = METRICS[reading.metric]
        return Measured(reading, KINDS[metric.unit], metric.shares)

    def _constant(self, token: _Token) -> Constant:
        match = _QUANTITY.fullmatch(token.text)
        number, unit = (match[1], match[2].replace(" ", "")) if match else (token.text, "")
        constant = _constant(number, unit)
        if constant is None:
            raise self.error(
                f"unknown unit {unit!r}", token.column, 'units look like "5ms", "2s", "200MiB", "300/s", "5%"'
            )
        if not math.isfinite(constant.value):
            raise self.error("the number is too large", token.column)
        return constant


def _constant(number: str, unit: str) -> Constant | None:
    plain: Mapping[str, tuple[float, Kind]] = {
        "": (1.0, Kind.NUMBER),
        "%": (0.01, Kind.FRACTION),
        "/s": (1.0, Kind.RATE),
    }
    if unit in plain:
        scale, kind = plain[unit]
        return Constant(float(number) * scale, kind)
    for parse, kind in ((parse_duration_s, Kind.TIME), (parse_size_bytes, Kind.BYTES)):
        try:
            return Constant(parse(number + unit), kind)
        except ValueError:
            continue
    return None


def _found(token: _Token) -> str:
    return ", got the end" if token.kind == "end" else f", got {token.text[:40]!r}"


def _units_hint(left: Node, right: Node) -> str:
    if {left.kind, right.kind} == {Kind.COUNT, Kind.FRACTION}:
        return "give the number without %: of counts only failed requests have a share"
    return 'give the number its unit, as in "5ms" or "200MiB"' if Kind.NUMBER in (left.kind, right.kind) else ""


def nearest(name: str, known: Collection[str]) -> str:
    """``"did you mean 'p99'?"``, or what is known where nothing is near."""
    close = get_close_matches(name, list(known), n=1, cutoff=0.4)
    return f"did you mean {close[0]!r}?" if close else f"known are {', '.join(known)}"


def parse_expectation(text: str, arms: Collection[str]) -> Expectation:
    """``"p99(workers) <= 1.1 * p99(replicas)"`` → Expectation.

    Raises ExpectationError, with the column and where possible a suggestion, for text that does not parse, unknown
    metrics and arms, units that do not fit, and conditions that measure nothing.
    """
    parser = Parser(text, arms)
    left, comparison, right, kind = parser.parse()
    expectation = Expectation(text=text, left=left, comparison=comparison, right=right, kind=kind)
    for metric, arm in expectation.mixed:
        raise parser.error(f"{metric}({arm}) is a share here and a count there", 1, "make two expectations of it")
    if not expectation.needs:
        raise parser.error("names no metric", 1, "relate a metric of an arm, as in errors(arm) == 0")
    return expectation
