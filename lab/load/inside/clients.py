"""Exact instants of every request: Locust's HTTP clients are timed where they send.

What these clients report is a request. Whatever else fires Locust's request event, a client of the user's own or a
milestone, is an event: what its numbers mean is known to the locustfile alone.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from math import isnan, nan
from time import perf_counter
from typing import Any

from lab.load.inside import socket_times
from lab.load.inside.journal import Journal, Request
from lab.load.inside.lanes import ATTRIBUTE as LANE
from lab.load.inside.lanes import current_lane
from lab.plan.upstream import UpstreamOf
from lab.record.columns import MAX_COUNT

BAD_STATUS = {"HTTPError", "LocustBadStatusCode"}
_ADDRESS = re.compile(r"0x[0-9a-fA-F]+")
_ATTRIBUTE = "lab_request"


@dataclass(slots=True)
class Asked:
    """The questions about requests. They are known when the arm is up, after the hooks.

    ``header``: that of the app which names its processes, "" for none; ``by_socket``: their sockets; ``upstream_of``:
    the front's addresses, which then stand for serving processes.
    """

    by_socket: bool
    header: str = ""
    upstream_of: UpstreamOf | None = None


def time_session(session: Any, journal: Journal) -> None:
    """Note when requests of this session class (HttpSession, FastHttpSession) begin.

    Here and in the listener every call counts: each costs about a microsecond of the two hundred of a request.

    The request event later brings ``response_time``: the client's own perf_counter difference from this moment to the
    last byte, also when a ``catch_response`` block reports it much later.
    """
    send: Callable[..., Any] = session._send_request_safe_mode

    def timed(self: Any, method: str, url: str, **kwargs: Any) -> Any:
        request = journal.send(getattr(self.user, LANE, None), perf_counter(), (method, url))
        socket_times.expect(request)
        try:
            response = send(self, method, url, **kwargs)
        except Exception:
            request.returned_s = perf_counter()
            raise
        request.returned_s = perf_counter()
        request.status = response.status_code or 0
        setattr(response, _ATTRIBUTE, request)
        if kwargs.get("stream"):
            setattr(response, STREAMED, True)
        return response

    session._send_request_safe_mode = timed


def request_listener(journal: Journal, asked: Asked) -> Callable[..., None]:
    """The listener of Locust's request event, which takes any value: locustfiles give it what they like."""

    def on_request(
        request_type: str,
        name: str,
        response_time: Any,
        response_length: Any,
        response: Any = None,
        exception: Any = None,
        **_context: Any,
    ) -> None:
        now = perf_counter()
        request: Request | None = getattr(response, _ATTRIBUTE, None)
        if request is None or request.reported:
            error = None if exception is None else describe(exception)
            amounts = number(response_time), number(response_length)
            journal.note(current_lane(), now, str(request_type), str(name), *amounts, error)
            return
        understood_s = now
        if is_streamed(response):
            journal.tally.unread += not was_read(response)
        elif not isnan(told := number(response_time)):
            understood_s = min(now, request.began_s + told / 1000)
        done_s = socket_times.done_s(request, understood_s) if asked.by_socket else understood_s
        server, upstream = served_by(response.headers, asked.header, asked.upstream_of)
        length = number(response_length)
        journal.finish(
            request,
            max(done_s, request.sent_s),
            status=request.status,
            size=0 if isnan(length) else max(0, int(length)),
            name=f"{request_type} {name}",
            server=server,
            upstream=upstream,
            error=None if exception is None else describe(exception, request.status),
        )

    return on_request


def number(value: Any) -> float:
    """What a locustfile gave as a number; NaN for what is none, or for what no table could hold."""
    try:
        amount = float(value)
    except (TypeError, ValueError, OverflowError):
        return nan
    return amount if abs(amount) <= MAX_COUNT else nan


def served_by(headers: Any, header: str, upstream_of: UpstreamOf | None) -> tuple[str | None, bool]:
    """Tell who answered: the app's own ``header``, else the upstream address that the front names (True).

    Without ``upstream_of`` there is no second choice: several processes listen on one address.
    """
    if headers is None:
        return None, False
    if header and (own := headers.get(header)):
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
    return _ADDRESS.sub("0x…", text) or "no message"


# Streamed answers (``stream=True``): the client returns at the headers, and the locustfile reads the rest.
STREAMED = "lab_streamed"  # attribute of a response of HttpSession that was asked for with stream=True


def is_streamed(response: Any) -> bool:
    """Tell whether Locust's client left the body to the locustfile, which it says of neither client by itself."""
    if getattr(response, "_response", None) is not None:  # FastHttpSession
        return not hasattr(response, "_cached_content")
    return getattr(response, STREAMED, False)


def was_read(response: Any) -> bool:
    """Tell whether the body of a streamed answer was read to its end."""
    if (of_fast := getattr(response, "_response", None)) is not None:
        return bool(of_fast.message_complete)
    return bool(getattr(response, "_content_consumed", False))
