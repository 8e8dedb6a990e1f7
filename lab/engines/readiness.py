"""Wait until N distinct processes have answered on fresh connections, with a deadline and evidence."""

import http.client
import socket
import ssl
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass

from lab.agent.calls import There, here
from lab.engines.endings import End, ended_error
from lab.engines.known_endings import Sign
from lab.engines.late import Answer, Watched, answer_of, late_error
from lab.engines.names import Names
from lab.errors import DeploymentError, RightsError
from lab.host.interrupts import INTERRUPTS
from lab.plan.topology import Endpoint, Topology
from lab.sampling.process_tree import tree_pids
from lab.sampling.process_view import PROC, Look, look
from lab.sampling.sockets import clients
from lab.scenario.beside import Ready as Condition

PROBE_TIMEOUT_S = 2.0
PAUSE_S = 0.02
GOOD_STATUS = 400  # of a sidecar: below it an answer counts
DEATH_CHECK_EVERY_S = 0.2
STAGGER_S = 0.001  # connections that arrive together are all accepted by the one process that wakes first (FIELD 3)
UNNAMED = PID, AT = "pid-", "at-"  # how the names begin that we give to processes without a header of ours
Dead = Callable[[], End | None]  # tells of a service that has ended
Roots = Mapping[str, tuple[int, ...]]  # address → first processes of the services that listen there


def connection_to(endpoint: Endpoint, timeout_s: float) -> http.client.HTTPConnection:
    """A connection that is not open yet."""
    if endpoint.scheme == "http":
        return http.client.HTTPConnection(endpoint.host, endpoint.port, timeout=timeout_s)
    return http.client.HTTPSConnection(endpoint.host, endpoint.port, timeout=timeout_s, context=tls_context(endpoint))


def tls_context(endpoint: Endpoint) -> ssl.SSLContext:
    """What connects over TLS: the certificate must be signed by whom the endpoint trusts.

    An authority of ours has signed for this endpoint alone, and in a network of its own nobody knows beforehand which
    address a certificate would have to name: then the signature is all that is asked for.
    """
    context = ssl.create_default_context(cadata=endpoint.trust or None)
    context.check_hostname = not endpoint.trust
    return context


@dataclass(frozen=True, slots=True, kw_only=True)
class Ready:
    """Who answered: ``servers`` are answers by serving process.

    ``ignored``: what the app's header said, where it named no process; else "".
    """

    servers: Mapping[str, int]
    ignored: str = ""


@INTERRUPTS.admitted()
def wait_until_ready(
    topology: Topology,
    dead: Dead,
    roots: Roots,
    *,
    there: There = here,
    signs: Callable[[], Mapping[Sign, str]] = dict,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> Ready:
    """Return once N distinct processes answered and the front does too; probed from ``there``.

    Raises DeploymentError when a container ends, when the deadline passes, or when the answers have long been such that
    it need not; the message says who was missing, and what ``signs`` of the app say then.
    """
    give_up_at = clock() + topology.ready_timeout_s
    watched = Watched(names=Names(threaded=topology.threaded))
    next_death_check = clock()
    while True:
        # Owners of connections are looked up from the second round on, if need be: it takes time.
        names = watched.names
        told = there(probe_round, topology.probed, roots if names.unseen else {}, bool(names.said))
        for answer in told:
            watched.note(answer)
        if watched.app_is_ready(topology) and _front_is_ready(topology, watched, there):
            return Ready(servers=names.servers(), ignored=names.ignored)
        if clock() >= next_death_check:
            if (end := dead()) is not None:
                raise ended_error(topology.trial_id, end)
            next_death_check = clock() + DEATH_CHECK_EVERY_S
        watched.look(topology, clock(), heard=bool(told))
        if clock() >= give_up_at or watched.for_good(topology):
            raise late_error(topology, watched, signs())
        sleep(PAUSE_S)


def probe_round(topology: Topology, roots: Roots, named: bool) -> tuple[Answer, ...]:
    """Fresh connections to every app port, held open together so that one busy accept loop cannot take them all.

    With ``roots`` the owners of the connections are looked up, before anything is asked: a server may close afterwards.
    ``named``: answers carry the app's header, so that those who may not be looked up can be done without. All of it
    takes PROBE_TIMEOUT_S, however many connections there are: deaths and the deadline are looked at between rounds.
    """
    over_at = time.monotonic() + PROBE_TIMEOUT_S
    per_port = max(1, 2 * topology.processes // len(topology.app))
    with ExitStack() as stack:
        connections: dict[http.client.HTTPConnection, Endpoint] = {}
        for endpoint in topology.app:
            for _ in range(per_port):
                connection = connection_to(endpoint, _left_s(over_at))
                stack.callback(connection.close)
                try:
                    connection.connect()
                except ssl.SSLCertVerificationError as error:
                    raise DeploymentError(f"{endpoint.url}: its certificate is not trusted: {error}") from None
                except OSError:
                    break  # nobody listens there yet
                connections[connection] = endpoint
                time.sleep(STAGGER_S)
        owners = _owners(topology, connections, roots, named=named)
        asked = [connection for connection in connections if _ask(connection, topology)]
        found = []
        for each in asked:
            each.sock.settimeout(_left_s(over_at))
            found.append(_read(each, topology, connections[each], owners.get(each, "")))
        return tuple(answer for answer in found if answer is not None)


def _left_s(over_at: float) -> float:
    """The time until then; at the end still enough for what is there already."""
    return max(PAUSE_S, over_at - time.monotonic())


def _owners(
    topology: Topology,
    connections: Mapping[http.client.HTTPConnection, Endpoint],
    roots: Roots,
    *,
    named: bool,
) -> Mapping[http.client.HTTPConnection, str]:
    """Tell what to call the server of each connection if its answer does not say."""
    if len(topology.app) == topology.processes:
        return {connection: f"{AT}{endpoint.address}" for connection, endpoint in connections.items()}
    if not roots:
        return {}
    families = {at: [*pids, *(pid for root in pids for pid in tree_pids(root))] for at, pids in roots.items()}
    try:
        owners = {endpoint: owner_pids(endpoint.port, families.get(endpoint.address, [])) for endpoint in topology.app}
    except RightsError:
        if named:
            return {}
        raise
    found = ((each, owners[endpoint].get(each.sock.getsockname()[1])) for each, endpoint in connections.items())
    return {connection: f"{PID}{pid}" for connection, pid in found if pid is not None}


def _ask(connection: http.client.HTTPConnection, topology: Topology) -> bool:
    try:
        connection.request("GET", topology.ready_path, headers=topology.probe_headers)
    except OSError:
        return False
    return True


def _read(connection: http.client.HTTPConnection, topology: Topology, endpoint: Endpoint, owner: str) -> Answer | None:
    try:
        return answer_of(connection.getresponse(), topology.server_header, endpoint, owner)
    except (OSError, http.client.HTTPException):
        return None  # closed or timed out while the server starts: asked again in the next round


def _front_is_ready(topology: Topology, watched: Watched, there: There) -> bool:
    if not topology.fronted:
        return True
    watched.front = there(ask_front, topology.probed)
    return watched.front is not None and watched.front.ready


def ask_front(topology: Topology) -> Answer | None:
    """What stands before the app answers, everywhere: the answer of the first that is not ready; None for none."""
    answers = [_answer_at(topology, entry) for entry in topology.entries]
    return next((answer for answer in answers if answer is None or not answer.ready), answers[0])


def _answer_at(topology: Topology, entry: Endpoint) -> Answer | None:
    connection = connection_to(entry, PROBE_TIMEOUT_S)
    try:
        return _read(connection, topology, entry, "") if _ask(connection, topology) else None
    finally:
        connection.close()


def owner_pids(server_port: int, pids: Sequence[int], look: Look = look) -> Mapping[int, int]:
    """Client's port → which of ``pids``, all of one network, holds the server's end; open connections only.

    Raises RightsError where the processes may not be looked at.
    """
    if not pids:
        return {}
    table = clients(PROC, pids[0], server_port)
    try:
        seen = look(pids)
    except RightsError:
        raise RightsError(
            "the lab may not read the descriptors of the app's processes, and its answers do not say who served them",
            "run the lab as root, give its Python CAP_SYS_PTRACE, or let the app name its processes in a header "
            "(app.server_header)",
        ) from None
    return {table[inode].port: pid for pid in pids if pid in seen for inode in seen[pid].sockets & table.keys()}


def known(names: tuple[str, ...]) -> dict[str, tuple[str, ...]]:
    """The addresses that the names of a network have here, in order; none of a name that is not known (yet)."""
    found = {}
    for name in names:
        try:
            told = socket.getaddrinfo(name, None, family=socket.AF_INET, type=socket.SOCK_STREAM)
        except socket.gaierror:
            told = []
        found[name] = tuple(sorted({str(each[4][0]) for each in told}))
    return found


def answers(host: str, ready: Condition) -> bool:
    """Tell whether something accepts a connection there, or gives a good answer over HTTP."""
    try:
        if ready.kind == "tcp":
            socket.create_connection((host, ready.port), PROBE_TIMEOUT_S).close()
            return True
        connection = http.client.HTTPConnection(host, ready.port, timeout=PROBE_TIMEOUT_S)
        try:
            connection.request("GET", ready.path)
            return connection.getresponse().status < GOOD_STATUS
        finally:
            connection.close()
    except (OSError, http.client.HTTPException):
        return False
