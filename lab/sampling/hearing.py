"""What is to be heard of a machine while nothing is deployed there. An agent is asked the same for its own machine."""

import os
import time
from dataclasses import dataclass
from pathlib import Path

import psutil

from lab.host.labels import started
from lab.record.machine import CpuUser
from lab.record.schema import HostRow
from lab.sampling.host import HostReader
from lab.sampling.machine import cpu_users
from lab.sampling.platform_processes import engine_processes

LISTEN_S = 3.0  # one look: long enough that a clock tick more or less is far below the limits of the gates


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """A reading at either end of a look at a machine of so many ``cores``, and the programs that used its CPU."""

    before: HostRow
    after: HostRow
    cores: int
    users: tuple[CpuUser, ...]


def hear(look_s: float = LISTEN_S, lab_pid: int = 0, lab_started: str = "") -> Heard:
    """Look at this machine for so long; nothing may be deployed meanwhile.

    ``lab_pid`` and ``lab_started`` (as ``labels.started`` gives it): the process of the lab, which may be on this
    machine or on another one. It, this process, the children of both and the container engine are not among the
    ``users``. An agent that does not see the machine's processes has no users and no engine to tell of.
    """
    own, cores = {os.getpid()}, os.cpu_count() or 1
    if lab_pid and started(lab_pid) == lab_started:
        own.add(lab_pid)
    engine = [found.process for found in engine_processes()]
    children = [child for pid in own for child in psutil.Process(pid).children(recursive=True)]
    reader = HostReader(Path("/"), own)
    reader.load.follow(children)
    reader.engine.follow(engine)
    before = _read(reader)
    ours = own | {process.pid for process in (*children, *engine)}
    users = tuple(CpuUser(**user) for user in cpu_users(look_s, time.sleep, ours=ours, most=None))
    return Heard(before=before, after=_read(reader), cores=cores, users=users)


def _read(reader: HostReader) -> HostRow:
    """A reading in which the lab is the sampler, and may have no load processes yet."""
    row = reader.read(time.monotonic(), engine=True)
    return row._replace(sampler_cpu_s=0.0, load_cpu_s=row.load_cpu_s or 0.0)
