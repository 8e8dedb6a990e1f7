"""Functions that drills and watchdogs call where an arm is (``Deployment.there``): an agent has them in its image."""

from __future__ import annotations

import hashlib
import http.client
import os
import ssl
from collections.abc import Mapping, Sequence
from pathlib import Path

from lab.engines.readiness import GOOD_STATUS, connection_to
from lab.errors import DeploymentError
from lab.plan.kinds import ServiceKind
from lab.plan.topology import Endpoint, Topology
from lab.plan.upstream import upstream_reader
from lab.sampling.cgroups import locate
from lab.sampling.plan import SampleTarget
from lab.sampling.process_tree import kinship
from lab.sampling.process_view import PROC
from lab.sampling.sockets import clients

TIMEOUT_S = 5.0
NOBODY = ""
GROUP_FILE = "memory.oom.group"
VMSTAT = Path("/proc/vmstat")


def send(pid: int, started: int, number: int) -> bool:
    """Send a signal to the process that has this pid and started then (clock ticks since boot); False: it has ended.

    Raises DeploymentError when it may not be signalled.
    """
    kin = kinship(PROC, pid)
    if kin is None or kin.started != started:
        return False
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return False
    except PermissionError:
        raise DeploymentError(f"process {pid} may not be signalled by this user", "run the lab as root") from None
    return True


def connected(pid: int, ports: Sequence[int]) -> frozenset[int]:
    """The connections to these ports in the network of a process, each by the inode of its server's end."""
    return frozenset(inode for port in ports for inode in clients(PROC, pid, port))


def ask(topology: Topology, path: str, timeout_s: float) -> tuple[int, str]:
    """Ask once where clients connect: the status of the answer, or 0 and why there was none."""
    connection = connection_to(topology.entry, timeout_s)
    try:
        connection.request("GET", path, headers=dict(topology.probe_headers))
        return connection.getresponse().status, ""
    except (OSError, http.client.HTTPException) as error:
        return 0, repr(error)
    finally:
        connection.close()


def answers(endpoint: Endpoint, path: str, headers: Mapping[str, str], timeout_s: float) -> bool | None:
    """Ask once on a new connection: whether a good answer came in time; None where nobody listens.

    Then it has ended, or is starting: that is the matter of the restart policy.
    """
    connection = connection_to(endpoint, timeout_s)
    try:
        connection.request("GET", path, headers=dict(headers))
        return connection.getresponse().status < GOOD_STATUS
    except ConnectionRefusedError:
        return None
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def who(topology: Topology, endpoint: Endpoint) -> str | None:
    """Ask once on a new connection who answers: the address that a front names, else the name that the app gives.

    "" where neither is told, None without a good answer.
    """
    connection = connection_to(endpoint, TIMEOUT_S)
    try:
        connection.request("GET", topology.ready_path, headers=dict(topology.probe_headers))
        answer = connection.getresponse()
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()
    if answer.status >= GOOD_STATUS:
        return None
    read = upstream_reader(topology.upstream_of) if topology.fronted else None
    name = answer.getheader(topology.server_header, NOBODY) if topology.server_header else NOBODY
    return (read(answer.headers) if read else None) or name or NOBODY


def fingerprint(endpoint: Endpoint) -> str:
    """The SHA-256 of the certificate that a new connection is shown; "" where none could be made."""
    connection = connection_to(endpoint, TIMEOUT_S)
    try:
        connection.connect()
        shown = connection.sock.getpeercert(binary_form=True) if isinstance(connection.sock, ssl.SSLSocket) else None
    except OSError:
        return ""
    finally:
        connection.close()
    return hashlib.sha256(shown).hexdigest() if shown else ""


def oom_kills() -> int:
    """How many processes the kernel of this machine has killed for memory, in whatever container."""
    counters = dict(line.split() for line in VMSTAT.read_text().splitlines())
    return int(counters["oom_kill"])


def die_together(targets: Sequence[SampleTarget], root: Path = Path("/")) -> None:
    """Have the kernel kill all of a container where one of its processes is out of memory.

    Raises DeploymentError where it does not take that.
    """
    for target in targets:
        if target.kind is not ServiceKind.APP:
            continue
        memory = locate(target.init_pid, target.container_id, root).memory
        try:
            if memory is None or not (memory / GROUP_FILE).exists():  # version 1, or a kernel before 4.19
                raise FileNotFoundError(f"its cgroup has no {GROUP_FILE}")
            (memory / GROUP_FILE).write_text("1")
        except OSError as error:
            raise DeploymentError(
                f"the processes of {target.service} cannot be made to die together: {error}", "leave out drills[].group"
            ) from None
