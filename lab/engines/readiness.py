"""Wait until N distinct processes have answered on fresh connections, with a deadline and evidence."""

import http.client
import ssl
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from lab.errors import DeploymentError, RightsError
from lab.host.interrupts import INTERRUPTS
from lab.plan.topology import Endpoint, Topology
from lab.sampling.process_view import Look, look
from lab.sampling.process_view import look as look_here
from lab.sampling.sockets import client_ports

PROBE_TIMEOUT_S = 2.0
PAUSE_S = 0.02
DEATH_CHECK_EVERY_S = 0.2
STAGGER_S = 0.001  # connections that arrive together are all accepted by the one process that wakes first (FIELD 3)
UNNAMED = PID, AT = "pid-", "at-"  # how the names begin that we give to processes without a header of ours
Dead = Callable[[], str]  # a sentence about a container that has ended, or ""
Pids = Callable[[Endpoint], Iterable[int]]  # processes of the app at this endpoint right now
PROC = Path("/proc")


def connection_to(endpoint: Endpoint, timeout_s: float) -> http.client.HTTPConnection:
    """A connection that is not open yet; over TLS the certificate must be signed by whom the endpoint trusts."""
    if endpoint.scheme == "http":
        return http.client.HTTPConnection(endpoint.host, endpoint.port, timeout=timeout_s)
    context = ssl.create_default_context(cafile=endpoint.trust)
    return http.client.HTTPSConnection(endpoint.host, endpoint.port, timeout=timeout_s, context=context)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One response: who gave it, at which endpoint, its status.

    ``server`` is the app's header; else the address, where each process has its own; else the owner of the connection,
    "" when it could not be seen.
    """

    server: str
    endpoint: Endpoint
    status: int


@INTERRUPTS.admitted()
def wait_until_ready(
    topology: Topology,
    dead: Dead,
    pids: Pids,
    *,
    look: Look = look_here,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> Mapping[str, int]:
    """Answers by serving process, once N distinct ones answered and the front does too.

    Raises DeploymentError when a container ends, or when the deadline passes; the message says who was missing.
    """
    give_up_at = clock() + topology.ready_timeout_s
    seen: Counter[str] = Counter()
    answered: set[Endpoint] = set()
    nameless = False
    last_status = 0
    next_death_check = clock()
    while True:
        for answer in _probe_round(topology, pids if nameless else None, look):
            last_status = answer.status
            if answer.status == http.client.OK:
                answered.add(answer.endpoint)
                if answer.server:
                    seen[answer.server] += 1
                else:
                    nameless = True  # from the next round on owners are looked up, which takes time
        everywhere = answered == set(topology.app)
        if everywhere and len(seen) >= topology.processes and _front_answers(topology):
            return dict(seen)
        if clock() >= next_death_check:
            if sentence := dead():
                raise DeploymentError(f"{topology.trial_id}: {sentence}")
            next_death_check = clock() + DEATH_CHECK_EVERY_S
        if clock() >= give_up_at:
            raise _late(topology, len(seen), last_status)
        sleep(PAUSE_S)


def _late(topology: Topology, answered: int, last_status: int) -> DeploymentError:
    return DeploymentError(
        f"{topology.trial_id}: not ready after {topology.ready_timeout_s:.0f} s: {answered} of "
        f"{topology.processes} serving processes answered GET {topology.ready_path} with 200"
        + (f", the last status was {last_status}" if last_status else ", nothing answered at all"),
        "check app.ready_path and the logs, or raise app.ready_timeout",
    )


def _probe_round(topology: Topology, pids: Pids | None, look: Look) -> Iterator[Answer]:
    """Fresh connections to every app port, held open together so that one busy accept loop cannot take them all.

    With ``pids`` the owners of the connections are looked up, before anything is asked: a server may close afterwards.
    """
    per_port = max(1, 2 * topology.processes // len(topology.app))
    with ExitStack() as stack:
        connections: dict[http.client.HTTPConnection, Endpoint] = {}
        for endpoint in topology.app:
            for _ in range(per_port):
                connection = connection_to(endpoint, PROBE_TIMEOUT_S)
                stack.callback(connection.close)
                try:
                    connection.connect()
                except OSError:
                    break  # nobody listens there yet
                connections[connection] = endpoint
                time.sleep(STAGGER_S)
        names = _names(topology, connections, pids, look)
        asked = [connection for connection in connections if _ask(connection, topology)]
        for connection in asked:
            if (answer := _read(connection, connections[connection], names.get(connection, ""))) is not None:
                yield answer


def _names(
    topology: Topology, connections: Mapping[http.client.HTTPConnection, Endpoint], pids: Pids | None, look: Look
) -> Mapping[http.client.HTTPConnection, str]:
    """Tell what to call the server of each connection if its answer does not say."""
    if len(topology.app) == topology.processes:
        return {connection: f"{AT}{endpoint.address}" for connection, endpoint in connections.items()}
    if pids is None:
        return {}
    owners = {endpoint: owner_pids(endpoint.port, list(pids(endpoint)), look) for endpoint in topology.app}
    found = ((each, owners[endpoint].get(each.sock.getsockname()[1])) for each, endpoint in connections.items())
    return {connection: f"{PID}{pid}" for connection, pid in found if pid is not None}


def _ask(connection: http.client.HTTPConnection, topology: Topology) -> bool:
    try:
        connection.request("GET", topology.ready_path, headers=topology.probe_headers)
    except OSError:
        return False
    return True


def _read(connection: http.client.HTTPConnection, endpoint: Endpoint, name: str) -> Answer | None:
    try:
        response = connection.getresponse()
        response.read()
    except (OSError, http.client.HTTPException):
        return None  # closed or timed out while the server starts: asked again in the next round
    return Answer(server=response.getheader("X-Served-By") or name, endpoint=endpoint, status=response.status)


def _front_answers(topology: Topology) -> bool:
    if not topology.fronted:
        return True
    connection = connection_to(topology.entry, PROBE_TIMEOUT_S)
    try:
        connection.request("GET", topology.ready_path, headers=topology.probe_headers)
        return connection.getresponse().status == http.client.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def owner_pids(server_port: int, pids: Sequence[int], look: Look = look) -> Mapping[int, int]:
    """Client's port → which of ``pids``, all of one network, holds the server's end; open connections only.

    Raises RightsError where the processes may not be looked at.
    """
    if not pids:
        return {}
    table = client_ports(PROC, pids[0], server_port)
    try:
        seen = look(pids)
    except RightsError:
        raise RightsError(
            "the lab may not read the descriptors of the app's processes, and its answers do not say who served them",
            "run the lab as root, give its Python CAP_SYS_PTRACE, or let the app send a header X-Served-By",
        ) from None
    return {table[inode]: pid for pid in pids if pid in seen for inode in seen[pid].sockets & table.keys()}
