"""Exact instants of every request: Locust's HTTP clients are timed where they send, custom clients by their events."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from time import perf_counter
from typing import Any

from lab.load.inside import socket_times
from lab.load.inside.journal import Journal, Request
from lab.load.inside.lanes import ATTRIBUTE as LANE
from lab.load.inside.lanes import current_lane
from lab.plan.upstream import UpstreamOf

OWN_HEADER = "X-Served-By"
BAD_STATUS = {"HTTPError", "LocustBadStatusCode"}
_ADDRESS = re.compile(r"0x[0-9a-fA-F]+")
_ATTRIBUTE = "lab_request"


@dataclass(slots=True)
class Asked:
    """The questions about requests beside the app's header. They are known when the arm is up, after the hooks.

    ``by_socket``: their sockets; ``upstream_of``: the front's addresses, which then stand for serving processes.
    """

    by_socket: bool
    upstream_of: UpstreamOf | None = None


def time_session(session: Any, journal: Journal, asked: Asked) -> None:
    """Note when requests of this session class (HttpSession, FastHttpSession) begin.

    Here and in the listener every call counts: each costs about a microsecond of the two hundred of a request.

    The request event later brings ``response_time``: the client's own perf_counter difference from this moment to the
    last byte, also when a ``catch_response`` block reports it much later.
    """
    send: Callable[..., Any] = session._send_request_safe_mode

    def timed(self: Any, method: str, url: str, **kwargs: Any) -> Any:
        request = journal.send(getattr(self.user, LANE, None), perf_counter(), (method, url))
        if asked.by_socket:
            socket_times.expect(request)
        try:
            response = send(self, method, url, **kwargs)
        except Exception:
            request.returned_s = perf_counter()
            raise
        request.returned_s = perf_counter()
        request.status = response.status_code or 0
        setattr(response, _ATTRIBUTE, request)
        return response

    session._send_request_safe_mode = timed


def request_listener(journal: Journal, asked: Asked) -> Callable[..., None]:
    """The listener of Locust's request event."""

    def on_request(
        request_type: str,
        name: str,
        response_time: float | None,
        response_length: int | None,
        response: Any = None,
        exception: Any = None,
        **_context: Any,
    ) -> None:
        now = perf_counter()
        request: Request | None = getattr(response, _ATTRIBUTE, None)
        server, upstream = None, False
        if request is None or request.reported:
            request = journal.send(current_lane(), now - (response_time or 0.0) / 1000)
            done_s = now
        else:
            understood_s = now if response_time is None else request.began_s + response_time / 1000
            done_s = socket_times.done_s(request, understood_s) if asked.by_socket else understood_s
            server, upstream = served_by(response.headers, asked.upstream_of)
        journal.finish(
            request,
            done_s,
            status=request.status,
            size=response_length or 0,
            name=f"{request_type} {name}",
            server=server,
            upstream=upstream,
            error=None if exception is None else describe(exception, request.status),
        )

    return on_request


def served_by(headers: Any, upstream_of: UpstreamOf | None) -> tuple[str | None, bool]:
    """Tell who answered: the app's own header, else the upstream address that the front names (True).

    Without ``upstream_of`` there is no second choice: several processes listen on one address.
    """
    if headers is None:
        return None, False
    if own := headers.get(OWN_HEADER):
        return str(own), False
    upstream = upstream_of(headers) if upstream_of else None
    return upstream, upstream is not None


def describe(error: object, status: int = 0) -> str:
    """An error as one groupable line: no memory addresses, and a bad status without its URL."""
    name = type(error).__name__
    if name in BAD_STATUS and status:
        return f"HTTP {status}"
    text = str(error)
    if not isinstance(error, str) and name != "CatchResponseError":
        text = f"{name}: {text}" if text else name
    return _ADDRESS.sub("0x…", text)
