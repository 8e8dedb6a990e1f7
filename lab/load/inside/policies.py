"""How long the clients of a locustfile wait, and whether they ask again: a drill's cost depends on it (METHOD 9.2)."""

from collections.abc import Iterable
from math import isfinite
from typing import Any

FAST, PLAIN = "network_timeout", "pool_manager"  # which only FastHttpUser, or only HttpUser, has


def policies(user_classes: Iterable[Any]) -> dict[str, dict[str, Any]]:
    """As a record's ClientPolicy, by the name of each user class that has one of Locust's HTTP clients.

    FastHttpUser's client asks again where its connection is closed without an answer, if the method allows for it
    (RFC 9110, 9.2.2). HttpUser's does not, and waits without end unless a request says otherwise.
    """
    return {each.__name__: _policy(each) for each in user_classes if hasattr(each, FAST) or hasattr(each, PLAIN)}


def _policy(user_class: Any) -> dict[str, Any]:
    return {
        "answer_s": _seconds(getattr(user_class, FAST, None)),
        "connect_s": _seconds(getattr(user_class, "connection_timeout", None)),
        "repeats": hasattr(user_class, FAST),
    }


def _seconds(told: Any) -> float | None:
    """A time as a locustfile gives it; None for no limit, and for what is no time."""
    return float(told) if isinstance(told, int | float) and isfinite(told) and told >= 0 else None
