"""Is a front transparent: does what works directly work behind it? Observed on the lab's echo server, and judged.

Every item is observed twice with the same bytes, directly and behind the front, and must come out the same. Only what
a front adds has no counterpart: who the client was, and how it connected.
"""

import http.client
from collections.abc import Callable, Iterator, Mapping
from http.client import HTTPException, HTTPResponse

from lab.attest.echo import LARGE
from lab.attest.raw_http import HOST, ask, exchange, opened, read
from lab.plan.topology import Endpoint

FORGED = "203.0.113.9"  # an address for documentation (RFC 5737): no client has it
BODY = 8 * 1024**2  # beyond every default that was met: 1 MB of nginx; and beyond what a front keeps in memory
FRAME = b"\x81\x83abcd\x15\x0a\x00"  # of a WebSocket: a masked text
REPEATED = 5
ODD_PATH = "/a%2Fb//c/../~d/%C3%A9/%20?q=a%2Fb&q=%20"


def _header(name: str, value: str) -> Callable[[Endpoint], str]:
    def observe(at: Endpoint) -> str:
        found = ask(at, "GET", "/", f"{name}: {value}")
        same = found.seen.get("headers", {}).get(name.lower()) == value
        return f"{found.status}, header {'unchanged' if same else 'lost or changed'}"

    return observe


def _method(method: str) -> Callable[[Endpoint], str]:
    return lambda at: ask(at, method, "/").told("method")


def _path(target: str) -> Callable[[Endpoint], str]:
    return lambda at: ask(at, "GET", target).told("target")


def _host(at: Endpoint) -> str:
    found = ask(at, "GET", "/")
    return f"{found.status} {found.seen.get('headers', {}).get('host', 'without an echo')}"


def _query(at: Endpoint) -> str:
    found = ask(at, "GET", f"/?q={'x' * LARGE}")
    return f"{found.status}, target of {len(found.seen.get('target', ''))} bytes"


def _answer_header(at: Endpoint) -> str:
    found = ask(at, "GET", "/large")
    return f"{found.status}, header of {len(found.headers.get('x-large', ''))} bytes"


def _body(at: Endpoint) -> str:
    return ask(at, "POST", "/", body=bytes(BODY)).told("size")


def _chunked(at: Endpoint) -> str:
    body = b"4\r\nabcd\r\n3\r\nefg\r\n0\r\n\r\n"
    return ask(at, "POST", "/", "Transfer-Encoding: chunked", body=body).told("size")


def _head(at: Endpoint) -> str:
    found = ask(at, "HEAD", "/")
    return f"{found.status}, {'a' if int(found.headers.get('content-length', 0)) else 'no'} length"


def _empty(status: int) -> Callable[[Endpoint], str]:
    def observe(at: Endpoint) -> str:
        with opened(at) as connection:
            first = exchange(connection, "GET", f"/{status}")
            return f"{first.status}, then {exchange(connection, 'GET', '/').status} on the same connection"

    return observe


def _old_client(at: Endpoint) -> str:
    return str(ask(at, "GET", "/", version="1.0").status)


def _continue(at: Endpoint) -> str:
    with opened(at) as connection:
        lines = ("POST / HTTP/1.1", f"Host: {HOST}", "Content-Length: 4", "Expect: 100-continue", "", "")
        connection.sendall("\r\n".join(lines).encode())
        interim = connection.recv(4096).partition(b"\r\n\r\n")[0].split()[1:2]
        connection.sendall(b"abcd")
        return f"{b''.join(interim).decode()}, then {read(connection, 'POST').told('size')}"


def _upgrade(at: Endpoint) -> str:
    with opened(at) as connection:
        lines = (
            "GET /upgrade HTTP/1.1",
            f"Host: {HOST}",
            "Connection: Upgrade",
            "Upgrade: websocket",
            "Sec-WebSocket-Version: 13",
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        )
        connection.sendall("\r\n".join([*lines, "", ""]).encode())
        status = read(connection, "GET").status
        if status != http.client.SWITCHING_PROTOCOLS:
            return str(status)
        connection.sendall(FRAME)
        came = b""
        while len(came) < len(FRAME) and (data := connection.recv(4096)):
            came += data
        return f"{status}, then {len(came)} bytes"


def _events(at: Endpoint) -> str:
    """Whether the first event arrives before the second is sent."""
    with opened(at) as connection:
        connection.sendall(f"GET /events HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode())
        response = HTTPResponse(connection)
        response.begin()
        first = response.read1(4096)
        ask(at, "GET", "/release")
        return "second event held" if b"second" in first else "first event alone"


def _kept_alive(at: Endpoint) -> str:
    """Whether any request of a connection reaches the app on one of an earlier request: HAProxy keeps what it needs."""
    with opened(at) as connection:
        ports = {exchange(connection, "GET", "/").seen.get("port") for _ in range(REPEATED)}
    return "connections kept" if len(ports) < REPEATED else "a connection for each request"


OBSERVED: Mapping[str, Callable[[Endpoint], str]] = {
    "Host with its port": _host,
    "header names with underscores": _header("X_Api_Key", "abc"),
    f"request headers of {LARGE // 1000} kB": _header("X-Large", "x" * LARGE),
    f"answer headers of {LARGE // 1000} kB": _answer_header,
    f"query strings of {LARGE // 1000} kB": _query,
    "paths unchanged": _path(ODD_PATH),
    "absolute URIs": _path(f"http://{HOST}/absolute?q=1"),
    f"bodies of {BODY // 1024**2} MB": _body,
    "chunked bodies": _chunked,
    "Expect: 100-continue": _continue,
    "HEAD": _head,
    "OPTIONS": _method("OPTIONS"),
    "TRACE": _method("TRACE"),
    "DELETE": _method("DELETE"),
    "204": _empty(204),
    "304": _empty(304),
    "HTTP/1.0": _old_client,
    "WebSocket": _upgrade,
    "server-sent events at once": _events,
    "keep-alive to the app": _kept_alive,
}


def forged_headers(scheme: str) -> Mapping[str, str]:
    """The headers of a proxy, from a client that connects by ``scheme``: none of them is true."""
    other = "http" if scheme == "https" else "https"
    return {
        "X-Forwarded-For": FORGED,
        "X-Real-IP": FORGED,
        "Forwarded": f"for={FORGED};proto={other}",
        "X-Forwarded-Proto": other,
    }


def _forwarded(at: Endpoint) -> Mapping[str, str]:
    """The headers that the app gets from a request that forges those of a proxy."""
    forged = (f"{name}: {value}" for name, value in forged_headers(at.scheme).items())
    headers: Mapping[str, str] = ask(at, "GET", "/", *forged).seen.get("headers", {})
    return headers


def client_failures(headers: Mapping[str, str], scheme: str) -> Iterator[tuple[str, str]]:
    """What a front does not tell rightly of the client, and why; ``headers``: of a request that forged them."""
    if not headers.get("x-forwarded-for"):
        yield "client address", "the app is not told the address in X-Forwarded-For"
    if forged := sorted(name for name, value in headers.items() if FORGED in value):
        yield "forged client address", f"a client's own {', '.join(forged)} reaches the app"
    if headers.get("x-forwarded-proto") != scheme:
        told = headers.get("x-forwarded-proto", "nothing")
        yield "scheme", f"X-Forwarded-Proto is {told}, the client used {scheme}"


def failures(direct: Mapping[str, str], behind: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Items that come out otherwise behind the front, with both observations."""
    for item, seen in behind.items():
        if seen != direct[item]:
            yield item, f"{seen} instead of {direct[item]}"


def observe(at: Endpoint) -> dict[str, str]:
    """What happens at an address, by item; what goes wrong is an observation as well."""
    return {item: _tried(look, at) for item, look in OBSERVED.items()}


def _tried(look: Callable[[Endpoint], str], at: Endpoint) -> str:
    try:
        return look(at)
    except (OSError, HTTPException) as error:
        return f"no answer ({type(error).__name__})"


def opacity(echo: Endpoint, front: Endpoint) -> dict[str, str]:
    """Everything that the front does not let pass as it is, with the proof; empty for a transparent one."""
    found = dict(failures(observe(echo), observe(front)))
    try:
        found |= client_failures(_forwarded(front), front.scheme)
    except (OSError, HTTPException) as error:
        found["client address"] = f"no answer ({type(error).__name__})"
    return found
