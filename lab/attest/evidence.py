"""Collect the evidence that an arm is what it says, before any load (METHOD 3). Nothing is judged here."""

from __future__ import annotations

import http.client
import time
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from statistics import median

import psutil

from lab.attest.outside import client_seen, negotiated
from lab.attest.runtime import runtime
from lab.engines import Deployment
from lab.engines.readiness import connection_to
from lab.errors import DeploymentError, RightsError
from lab.plan.kinds import Role, ServiceKind
from lab.plan.topology import Endpoint, Topology
from lab.plan.upstream import upstream_reader
from lab.record.evidence import Evidence
from lab.sampling.cgroups import locate, member_pids
from lab.sampling.duties import duty_of
from lab.sampling.plan import SampleTarget
from lab.sampling.process_tree import tree_pids
from lab.sampling.process_view import PROC, Seen, look
from lab.sampling.processes import process_info
from lab.sampling.roles import assign_roles
from lab.sampling.sockets import listeners, listening_ports
from lab.scenario.network import LOOPBACK

PROBE_TIMEOUT_S = 5.0
KEEPALIVE_REQUESTS = 12
FRONT_REQUESTS_PER_PORT = 2
IPV4 = 8  # hexadecimal digits
LOOPBACK_6 = "00000000000000000000000001000000"
MAPPED = "0000000000000000FFFF0000"  # ::ffff:a.b.c.d, an IPv4 address in a socket of the other family


def collect(deployment: Deployment) -> Evidence:
    """Everything that is seen of an arm before load: from where it can be reached, and on each machine that runs it."""
    hosts = {service.name: service.address for service in deployment.services}
    topology = deployment.topology.probed
    inside = []
    for part in deployment.parts:
        targets = tuple(target for target in deployment.targets if target.service in part.services)
        inside.append(part.there(look_inside, topology, targets, hosts))
    seen = together(deployment.there(ask_around, topology), inside)
    apart = [service for service in deployment.services if service.host != service.address]
    named = {f"{each.host}:{port}": f"{each.address}:{port}" for each in apart for port in each.ports}
    return replace(
        seen,
        homes={**{name: named[name] for name in seen.upstreams if name in named}, **seen.homes},
        servers=deployment.servers,
        ignored_header=deployment.ignored_header,
        strangers=deployment.strangers,
        neighbours=deployment.neighbours,
    )


def together(answers: Evidence, inside: Sequence[Evidence]) -> Evidence:
    """What was answered, with what was seen on each of the machines: nothing of the listeners where one saw nothing."""
    unseen = "; ".join(dict.fromkeys(each.unseen for each in inside if each.unseen))
    names: dict[str, set[str]] = {}
    for each in inside:
        for key, value in each.runtime.items():
            names.setdefault(key, set()).update(value.split("/"))
    held = {at: service for each in inside for at, service in each.listeners.items() if service}
    return replace(
        answers,
        roles={service: found for each in inside for service, found in each.roles.items()},
        listeners={} if unseen else {at: held.get(at, "") for each in inside for at in each.listeners},
        runtime={key: "/".join(sorted(values)) for key, values in names.items()},
        unseen=unseen,
        exposed=tuple(sorted({port for each in inside for port in each.exposed})),
    )


def ask_around(topology: Topology) -> Evidence:
    """What an arm answers: what passes the front, its names and client, and the latency of a kept-alive connection."""
    first_s, later_s = _keepalive(topology)
    return Evidence(
        upstreams=_upstreams(topology),
        keepalive_first_s=first_s,
        keepalive_s=later_s,
        homes=homes(topology),
        tls=negotiated(topology),
        client=client_seen(topology),
    )


def look_inside(topology: Topology, targets: tuple[SampleTarget, ...], hosts: Mapping[str, str]) -> Evidence:
    """Roles, listeners and event loop of the services that this machine runs; ``hosts``: the address of each."""
    pids = {target.service: _pids(target) for target in targets}
    seen, unseen = _look([pid for members in pids.values() for pid in members])
    listening = {service: _listening(members, seen) for service, members in pids.items()}
    roles = {
        target.service: _roles(target, pids[target.service], listening[target.service], seen)
        for target in targets
        if target.kind is ServiceKind.APP
    }
    return Evidence(
        roles={name: dict(Counter(role.value for role in by_pid.values())) for name, by_pid in roles.items()},
        listeners={} if unseen else _listeners(topology, hosts, pids, listening, seen),
        runtime=runtime(
            seen[pid].files
            for by_pid in roles.values()
            for pid, role in by_pid.items()
            if role is Role.WORKER and pid in seen  # one that ended since: attestation counts the processes themselves
        ),
        unseen=unseen,
        exposed=exposed_ports({each.port for each in topology.endpoints if each.host == LOOPBACK}),
    )


def roles_of(target: SampleTarget) -> dict[int, Role]:
    """The processes of a service of the app, and what each does."""
    pids = _pids(target)
    seen, _ = _look(pids)
    return _roles(target, pids, _listening(pids, seen), seen)


def _look(pids: Sequence[int]) -> tuple[Mapping[int, Seen], str]:
    """Look at the processes. Gives what is seen, or nothing and the reason."""
    try:
        return look(pids), ""
    except RightsError as error:
        return {}, str(error)


def _pids(target: SampleTarget) -> list[int]:
    if not target.container_id:
        return tree_pids(target.init_pid)
    return member_pids(locate(target.init_pid, target.container_id))


def _listening(members: Iterable[int], seen: Mapping[int, Seen]) -> Mapping[int, int]:
    """Inode → port of every socket that listens in the network that the processes of a service share."""
    living = next((pid for pid in members if pid in seen), None)
    return {} if living is None else listening_ports(PROC, living)


def _roles(
    target: SampleTarget, pids: Iterable[int], listening: Mapping[int, int], seen: Mapping[int, Seen]
) -> dict[int, Role]:
    """By what each process does at the listening sockets; by its name and parent where nothing may be seen of any."""
    own = {inode for inode, port in listening.items() if port in target.ports}
    infos = []
    for pid in pids:
        duty = duty_of(seen[pid].descriptors, own) if pid in seen else None
        try:
            infos.append(process_info(psutil.Process(pid))._replace(duty=duty))
        except psutil.NoSuchProcess:
            continue
    return {key.pid: role for key, role in assign_roles(target.kind, infos).items()}


def _listeners(
    topology: Topology,
    hosts: Mapping[str, str],
    pids: Mapping[str, Sequence[int]],
    listening: Mapping[str, Mapping[int, int]],
    seen: Mapping[int, Seen],
) -> dict[str, str]:
    """Address → service whose process listens there; "" when none of ours does."""
    found = {endpoint.address: "" for endpoint in topology.endpoints}
    for service, members in pids.items():
        ports = listening[service]
        for pid in (pid for pid in members if pid in seen):
            held = (ports[inode] for inode in seen[pid].sockets & ports.keys())
            at = {Endpoint(host=hosts[service], port=port).address for port in held}
            found |= dict.fromkeys(at & found.keys(), service)
    return found


def _upstreams(topology: Topology) -> tuple[str, ...]:
    """Ask each front, and give the upstream that each answer named ("": none). Empty where no front tells one."""
    upstream_of = upstream_reader(topology.upstream_of)
    if not topology.fronted or upstream_of is None:
        return ()
    seen = []
    for entry in FRONT_REQUESTS_PER_PORT * len(topology.app) * topology.entries:
        connection = connection_to(entry, PROBE_TIMEOUT_S)
        try:
            _, response = _get(connection, topology)
            seen.append(upstream_of(response.headers) or "")
        finally:
            connection.close()
    return tuple(seen)


def homes(topology: Topology) -> dict[str, str]:
    """The app's own name of the process at each address → it; empty where several share one, or none has a name."""
    if len(topology.app) < topology.processes or not topology.server_header:
        return {}
    found = {}
    for endpoint in topology.app:
        connection = connection_to(endpoint, PROBE_TIMEOUT_S)
        try:
            name = _get(connection, topology)[1].getheader(topology.server_header)
        finally:
            connection.close()
        if name:
            found[name] = endpoint.address
    return found


def _keepalive(topology: Topology) -> tuple[float, float]:
    """Seconds of the first request, and the median of the following ones, on a connection straight to the app.

    On the quicker of two: on a busy machine a good server may for a moment look like one that is slow by itself.
    """
    return min((_connected(topology) for _ in range(2)), key=lambda seen: seen[1])


def _connected(topology: Topology) -> tuple[float, float]:
    connection = connection_to(topology.app[0], PROBE_TIMEOUT_S)
    try:
        first, *later = (_get(connection, topology)[0] for _ in range(KEEPALIVE_REQUESTS))
    finally:
        connection.close()
    return first, median(later)


def _get(connection: http.client.HTTPConnection, topology: Topology) -> tuple[float, http.client.HTTPResponse]:
    """Seconds that it took, and the answer, whose body has been read."""
    started = time.perf_counter()
    try:
        connection.request("GET", topology.ready_path, headers=topology.probe_headers)
        response = connection.getresponse()
        response.read()
    except (OSError, http.client.HTTPException) as error:
        at = Endpoint(host=connection.host, port=connection.port).address
        raise DeploymentError(f"{at} stopped answering right after it was ready: {error!r}") from None
    return time.perf_counter() - started, response


def exposed_ports(ports: Collection[int], net: Path = Path("/proc/net")) -> tuple[int, ...]:
    """Those of ``ports`` on which this machine listens at an address other than 127.0.0.0/8 and ::1, in order."""
    found = {each.port for each in listeners(net) if each.port in ports and not _loopback(each.address)}
    return tuple(sorted(found))


def _loopback(address: str) -> bool:
    """``address`` as the kernel prints it: 32-bit words, each with its bytes in the order of this machine (little)."""
    four = address.removeprefix(MAPPED)
    return address == LOOPBACK_6 or (len(four) == IPV4 and four.endswith("7F"))
