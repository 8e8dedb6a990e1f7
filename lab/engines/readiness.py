"""Ready means: N distinct processes have answered on fresh connections. A wait with a deadline and evidence."""

from __future__ import annotations

import http.client
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass

from lab.engines.sockets import owner_pid
from lab.errors import DeploymentError
from lab.topology import HOST, Topology

PROBE_TIMEOUT_S = 2.0
PAUSE_S = 0.02
DEATH_CHECK_EVERY_S = 0.2
STAGGER_S = 0.001  # connections that arrive together are all accepted by the one process that wakes first (FIELD 3)

Dead = Callable[[], str]  # a sentence about a container that has ended, or ""
Pids = Callable[[], Iterable[int]]  # processes of the app right now


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One response: who gave it (header, else owner of the connection, else its port), on which port, its status."""

    server: str
    port: int
    status: int


def wait_until_ready(
    topology: Topology,
    dead: Dead,
    pids: Pids,
    *,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> Mapping[str, int]:
    """Answers by serving process, once N distinct ones answered and the front does too.

    Raises DeploymentError when a container ends, or when the deadline passes; the message says who was missing.
    """
    give_up_at = clock() + topology.ready_timeout_s
    seen: Counter[str] = Counter()
    ports: set[int] = set()
    last_status = 0
    next_death_check = clock()
    while True:
        for answer in _probe_round(topology, pids):
            last_status = answer.status
            if answer.status == http.client.OK:
                seen[answer.server] += 1
                ports.add(answer.port)
        everywhere = ports == set(topology.app_ports)
        if everywhere and len(seen) >= topology.processes and _front_answers(topology):
            return dict(seen)
        if clock() >= next_death_check:
            if sentence := dead():
                raise DeploymentError(f"{topology.trial_id}: {sentence}")
            next_death_check = clock() + DEATH_CHECK_EVERY_S
        if clock() >= give_up_at:
            raise DeploymentError(
                f"{topology.trial_id}: not ready after {topology.ready_timeout_s:.0f} s: {len(seen)} of "
                f"{topology.processes} serving processes answered GET {topology.ready_path} with 200"
                + (f", the last status was {last_status}" if last_status else ", nothing answered at all"),
                "check app.ready_path and the logs, or raise app.ready_timeout",
            )
        sleep(PAUSE_S)


def _probe_round(topology: Topology, pids: Pids) -> Iterator[Answer]:
    """Fresh connections to every app port, held open together so that one busy accept loop cannot take them all."""
    per_port = max(1, 2 * topology.processes // len(topology.app_ports))
    with ExitStack() as stack:
        connections = []
        for port in topology.app_ports:
            for _ in range(per_port):
                connection = http.client.HTTPConnection(HOST, port, timeout=PROBE_TIMEOUT_S)
                stack.callback(connection.close)
                try:
                    connection.request("GET", topology.ready_path)
                except OSError:
                    break  # nobody listens there yet
                connections.append(connection)
                time.sleep(STAGGER_S)
        for connection in connections:
            if (answer := _read(connection, pids)) is not None:
                yield answer


def _read(connection: http.client.HTTPConnection, pids: Pids) -> Answer | None:
    try:
        response = connection.getresponse()
        response.read()
    except (OSError, http.client.HTTPException):
        return None  # closed or timed out while the server starts: asked again in the next round
    server = response.getheader("X-Served-By") or ""
    if not server and response.status == http.client.OK and connection.sock is not None:
        client_port = connection.sock.getsockname()[1]
        pid = owner_pid(connection.port, client_port, pids())
        server = f"pid-{pid}" if pid is not None else ""
    return Answer(server=server or f"port-{connection.port}", port=connection.port, status=response.status)


def _front_answers(topology: Topology) -> bool:
    if topology.port in topology.app_ports:
        return True
    connection = http.client.HTTPConnection(HOST, topology.port, timeout=PROBE_TIMEOUT_S)
    try:
        connection.request("GET", topology.ready_path)
        return connection.getresponse().status == http.client.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
