"""Call a function of the lab where an arm can be reached: here, or in an agent.

Arguments and result are what the function's annotations say: plain values and dataclasses of them.
"""

import inspect
from collections.abc import Callable, Mapping
from functools import cache
from pkgutil import resolve_name
from typing import Any, ParamSpec, Protocol, TypeVar, get_type_hints

from pydantic import TypeAdapter

from lab.plan.upstream import reference

PACKAGE = "lab."  # nothing else may be called
P = ParamSpec("P")
T = TypeVar("T")


class There(Protocol):
    """Calls a function of the lab in a place from which the arm can be reached."""

    def __call__(self, function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Give what the function gives, and raise the LabError that it raises."""


def here(function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
    """In this process: the arm listens on this machine's loopback."""
    return function(*args, **kwargs)


def call_of(function: Callable[..., Any], arguments: tuple[Any, ...]) -> dict[str, Any]:
    """A call as plain values: the function by name, its arguments in order."""
    adapters = _adapters(function)
    return {
        "function": reference(function),
        "arguments": [
            adapters[name].dump_python(value, mode="json")
            for name, value in zip(_parameters(function), arguments, strict=False)
        ],
    }


def carry_out(call: Mapping[str, Any]) -> Any:
    """Make the call that ``call_of`` described; gives its result as plain values."""
    if not call["function"].startswith(PACKAGE):
        raise ValueError(f"{call['function']} is no function of the lab")
    function = resolve_name(call["function"])
    adapters = _adapters(function)
    given = zip(_parameters(function), call["arguments"], strict=False)
    result = function(*(adapters[name].validate_python(value, strict=False) for name, value in given))
    return adapters["return"].dump_python(result, mode="json")


def result_of(function: Callable[..., Any], value: Any) -> Any:
    """The result of a call from the plain values that ``carry_out`` gave."""
    return _adapters(function)["return"].validate_python(value)


@cache
def _parameters(function: Callable[..., Any]) -> tuple[str, ...]:
    return tuple(inspect.signature(function).parameters)


@cache
def _adapters(function: Callable[..., Any]) -> Mapping[str, TypeAdapter[Any]]:
    hints = get_type_hints(function, include_extras=True)
    return {name: TypeAdapter(hint) for name, hint in hints.items()}
