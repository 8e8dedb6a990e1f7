"""How an arm looks from outside: what it negotiates over TLS, and whom its app takes a client for (METHOD 12)."""

import http.client
import json
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager

from lab.attest.raw_http import exchange
from lab.attest.transparency import forged_headers
from lab.engines.readiness import connection_to, tls_context
from lab.errors import DeploymentError
from lab.plan.topology import Endpoint, Topology

TIMEOUT_S = 5.0
OFFERED = ("h2", "http/1.1")  # as a browser does
RESUMPTIONS = 8  # so often a session is offered: among processes that share no keys, one of N knows it


def negotiated(topology: Topology) -> dict[str, str]:
    """What clients get over TLS; empty without.

    ``version`` and ``cipher``, ``alpn``: the protocol taken of OFFERED, "none" where the server speaks of none;
    ``resumed``: "3 of 8", how often a new connection could go on with the session of the first.
    Raises DeploymentError.
    """
    at = topology.entry
    if at.scheme != "https":
        return {}
    try:
        return {**_first(at), "resumed": f"{_resumed(topology)} of {RESUMPTIONS}"}
    except (OSError, http.client.HTTPException) as error:
        raise DeploymentError(f"{at.url} stopped answering right after it was ready: {error!r}") from None


def _first(at: Endpoint) -> dict[str, str]:
    context = tls_context(at)
    context.set_alpn_protocols(OFFERED)
    with _connected(at, context) as connection:
        cipher = connection.cipher()
        return {
            "version": connection.version() or "",
            "cipher": cipher[0] if cipher else "",
            "alpn": connection.selected_alpn_protocol() or "none",
        }


def _resumed(topology: Topology) -> int:
    """With TLS 1.3 a server gives its ticket after the handshake, so one request is made."""
    at, context = topology.entry, tls_context(topology.entry)
    with _connected(at, context) as connection:
        exchange(connection, "GET", topology.ready_path)
        session = connection.session
    found = 0
    for _ in range(RESUMPTIONS):
        with _connected(at, context, session) as connection:
            found += bool(connection.session_reused)
    return found


@contextmanager
def _connected(at: Endpoint, context: ssl.SSLContext, session: ssl.SSLSession | None = None) -> Iterator[ssl.SSLSocket]:
    with (
        socket.create_connection((at.host, at.port), TIMEOUT_S) as plain,
        context.wrap_socket(plain, server_hostname=at.host, session=session) as connection,
    ):
        yield connection


def client_seen(topology: Topology) -> dict[str, str]:
    """``client`` and ``scheme`` as the app sees them of a request that forges both, where its scenario says how to ask.

    Empty where it is not asked, or tells nothing of the kind.
    """
    if not topology.client_path:
        return {}
    connection = connection_to(topology.entry, TIMEOUT_S)
    headers = {**topology.probe_headers, **forged_headers(topology.entry.scheme)}
    try:
        connection.request("GET", topology.client_path, headers=headers)
        told = json.loads(connection.getresponse().read())
    except (OSError, http.client.HTTPException, ValueError):
        return {}
    finally:
        connection.close()
    known = told if isinstance(told, dict) else {}
    return {key: str(known[key]) for key in ("client", "scheme")} if {"client", "scheme"} <= known.keys() else {}
