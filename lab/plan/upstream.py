"""Read from an answer which process served it. Imports nothing heavy: the load processes do it with every answer."""

from collections.abc import Callable
from pkgutil import resolve_name
from typing import Any, Protocol, TypeAlias, cast

UPSTREAM_HEADER = "X-Lab-Upstream"


class Headers(Protocol):
    """The headers of an answer, of whichever HTTP client."""

    def get(self, name: str, /) -> Any:
        """The value of a header, whose name may be written in any case; None without it."""


UpstreamOf: TypeAlias = Callable[[Headers], str | None]  # headers of an answer → address of who served it


def named_upstream(headers: Headers) -> str | None:
    """The address in the header that the lab's fronts add to what the app answers; of several tries the last counts."""
    named = headers.get(UPSTREAM_HEADER)
    return str(named).rpartition(",")[2].strip() if named else None


def reference(function: Callable[..., Any] | None) -> str:
    """``"module:name"`` of a function of a module, by which another process imports it; "" for none."""
    return f"{function.__module__}:{function.__qualname__}" if function else ""


def upstream_reader(named: str) -> UpstreamOf | None:
    """The function that ``reference`` named."""
    return cast(UpstreamOf, resolve_name(named)) if named else None


NAMED_UPSTREAM = reference(named_upstream)
