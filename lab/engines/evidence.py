"""Collect the evidence that an arm is what it says, before any load (METHOD 3). Nothing is judged here."""

from __future__ import annotations

import http.client
import time
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from statistics import median

import psutil

from lab.analysis.attestation import Evidence
from lab.engines import Deployment
from lab.errors import DeploymentError
from lab.sampling.cgroups import locate, member_pids
from lab.sampling.roles import ProcessInfo, assign_roles
from lab.sampling.targets import SampleTarget
from lab.topology import HOST, Role, ServiceKind, Topology

PROBE_TIMEOUT_S = 5.0
KEEPALIVE_REQUESTS = 12
FRONT_REQUESTS_PER_PORT = 2
RUNTIME_MODULES = {"loop": ("uvloop", "asyncio"), "http": ("httptools", "h11")}  # extension module, else pure Python


def collect(deployment: Deployment) -> Evidence:
    """Roles, listeners, what passes nginx, event loop, and the latency of a kept-alive connection."""
    topology = deployment.topology
    pids = {target.service: _pids(target) for target in deployment.targets}
    roles = {t.service: _roles(t, pids[t.service]) for t in deployment.targets if t.kind is ServiceKind.APP}
    first_s, later_s = _keepalive(topology.app_ports[0], topology.ready_path)
    return Evidence(
        servers=deployment.servers,
        roles={name: dict(Counter(role.value for role in by_pid.values())) for name, by_pid in roles.items()},
        listeners=_listeners({*topology.app_ports, topology.port}, pids),
        upstreams=_upstreams(topology),
        runtime=_runtime(pid for by_pid in roles.values() for pid, role in by_pid.items() if role is Role.WORKER),
        strangers=deployment.strangers,
        keepalive_first_s=first_s,
        keepalive_s=later_s,
    )


def _pids(target: SampleTarget) -> list[int]:
    return member_pids(locate(target.init_pid, target.container_id))


def _roles(target: SampleTarget, pids: Iterable[int]) -> dict[int, Role]:
    infos = []
    for pid in pids:
        try:
            process = psutil.Process(pid)
            infos.append(ProcessInfo(pid, process.create_time(), process.ppid(), " ".join(process.cmdline())))
        except psutil.NoSuchProcess:
            continue
    return {key.pid: role for key, role in assign_roles(target.kind, infos).items()}


def _listeners(ports: set[int], pids: Mapping[str, Iterable[int]]) -> dict[int, str]:
    """Port → service whose process listens there; "" when none of ours does."""
    found = dict.fromkeys(ports, "")
    for service, members_ in pids.items():
        for pid in members_:
            try:
                connections = psutil.Process(pid).net_connections(kind="tcp")
            except psutil.NoSuchProcess:
                continue
            for connection in connections:
                if connection.status == psutil.CONN_LISTEN and connection.laddr.port in found:
                    found[connection.laddr.port] = service
    return found


def _upstreams(topology: Topology) -> tuple[str, ...]:
    """Which upstream nginx named in each answer; empty for an arm without a front."""
    if topology.port in topology.app_ports:
        return ()
    seen = []
    for _ in range(FRONT_REQUESTS_PER_PORT * len(topology.app_ports)):
        connection = http.client.HTTPConnection(HOST, topology.port, timeout=PROBE_TIMEOUT_S)
        try:
            _, upstream = _get(connection, topology.ready_path)
            seen.append(upstream)
        finally:
            connection.close()
    return tuple(seen)


def _keepalive(port: int, path: str) -> tuple[float, float]:
    """Seconds of the first request, and the median of the following ones, on one connection straight to the app."""
    connection = http.client.HTTPConnection(HOST, port, timeout=PROBE_TIMEOUT_S)
    try:
        first, *later = (_get(connection, path)[0] for _ in range(KEEPALIVE_REQUESTS))
    finally:
        connection.close()
    return first, median(later)


def _get(connection: http.client.HTTPConnection, path: str) -> tuple[float, str]:
    started = time.perf_counter()
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        response.read()
    except (OSError, http.client.HTTPException) as error:
        raise DeploymentError(f"port {connection.port} stopped answering right after it was ready: {error!r}") from None
    return time.perf_counter() - started, response.getheader("X-Lab-Upstream") or ""


def _runtime(workers: Iterable[int]) -> dict[str, str]:
    """Event loop and HTTP implementation, by which extension modules the serving processes have mapped.

    Works for any image; "asyncio" and "h11" mean that no faster implementation is mapped. Differing workers of one
    arm show as "uvloop/asyncio".
    """
    seen: dict[str, set[str]] = {key: set() for key in RUNTIME_MODULES}
    for pid in workers:
        maps = Path(f"/proc/{pid}/maps")
        try:
            text = maps.read_text(errors="replace")
        except FileNotFoundError:
            continue  # it ended since it was listed: attestation counts the processes themselves
        for key, (extension, pure) in RUNTIME_MODULES.items():
            seen[key].add(extension if f"/{extension}/" in text else pure)
    return {key: "/".join(sorted(values)) for key, values in seen.items()}
