"""Two hosts or more on one machine: each an engine with network, mounts and PIDs of its own, and cables between them.

A cable is a pair of veth that is made inside the two networks: nothing of it is ever in the machine's own, and it goes
with the networks. One leads from the first host to each other one. ``clock_ahead_s`` gives the second host a monotonic
clock of its own, as another kernel has; with ``tcp`` all but the first answer there too, to those in the networks, the
second over TLS by certificates of an authority that nobody else knows. A process may have several such sets.
What a killed test left is removed by the next one. Needs root.
"""

from __future__ import annotations

import fcntl
import os
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import docker
import psutil
import trustme

from lab.engines.docker.removal import each
from lab.scenario.nodes import TLS_FILES
from tests.second_engine import HOME, MEMORY, SecondEngine, short_lived

PREFIX = "host"
INTERFACE = "cable0"
NETWORK = "10.213.{}.{}"  # of each cable: the first host is 1 there, the other one 2
PORT = 2375
DEADLINE_S = 60.0  # in which the kernel ends what was killed and lets go of a network, on a busy machine
MEASURED_S = 240.0  # until a run measures, on a busy machine
SETS = count(1)  # of hosts that this process has had


@dataclass(frozen=True)
class Host:
    """One of them, with the address by which the others reach it."""

    engine: SecondEngine
    address: str
    interface: str = INTERFACE

    @property
    def tcp(self) -> str:
        """Where its engine answers by TCP, to the others."""
        return f"tcp://{self.address}:{PORT}"

    @property
    def tls(self) -> Path:
        """The folder with its certificates."""
        return self.engine.root / "tls"

    def ip(self, *words: str) -> None:
        """Run ``ip`` in its network."""
        subprocess.run([*self.engine.prefix, "ip", *words], check=True, capture_output=True, timeout=DEADLINE_S)

    def has_cable(self) -> bool:
        """Whether there is a cable between the two, in whatever state."""
        return self.interface in (self.engine.proc / "net/dev").read_text()

    def cut(self) -> None:
        """Pull the plug: nothing comes through any more, and nobody is told."""
        self.ip("link", "set", self.interface, "down")

    def mend(self) -> None:
        """Put it in again."""
        self.ip("link", "set", self.interface, "up")


def power_off(host: Host) -> None:
    """Switch it off: the first process of its PIDs is killed, and the kernel kills all others with it."""
    first = psutil.Process(int(host.engine.proc.name))
    first.kill()
    first.wait(DEADLINE_S)


def power_on(host: Host, other: Host) -> None:
    """Switch it on again, with the disk that it had, and lay the cable anew: the old one went with its network."""
    give_up_at = time.monotonic() + DEADLINE_S
    while other.has_cable():
        assert time.monotonic() < give_up_at, "the kernel keeps the old cable"
        time.sleep(0.1)
    host.engine.start(lambda: connect(other, host))


@contextmanager
def two_hosts(*, clock_ahead_s: int = 0, tcp: bool = False) -> Iterator[tuple[Host, Host]]:
    """Both, connected; they are gone afterwards with everything in them."""
    with hosts(2, clock_ahead_s=clock_ahead_s, tcp=tcp) as (first, second):
        yield first, second


@contextmanager
def hosts(number: int, *, clock_ahead_s: int = 0, tcp: bool = False) -> Iterator[list[Host]]:
    """So many, the first connected with each other one; they are gone afterwards."""
    remove_abandoned()
    found, own = list[Host](), f"{next(SETS)}-{os.getpid()}"
    for place in range(number):
        cable, home, name = max(0, place - 1), short_lived(), f"{PREFIX}{place}-{own}"
        address, second = NETWORK.format(cable, 2 if place else 1), place == 1
        engine = SecondEngine(
            name,
            home=home,
            own_pids=True,
            firewall=True,
            clock_ahead_s=clock_ahead_s * second,
            tcp=PORT * (tcp and place > 0),
            tls=certified(home / name / "tls", address) if tcp and second else None,
        )
        found.append(Host(engine, address, f"cable{cable}"))
    engines = [host.engine for host in found]
    with ThreadPoolExecutor(number) as pool, ExitStack() as stack:  # they come and go beside each other
        stack.callback(each, pool, SecondEngine.stop, engines)
        each(pool, SecondEngine.start, engines)
        for other in found[1:]:
            connect(found[0], other)
        yield found


def certified(folder: Path, address: str) -> Path:
    """A folder with what an engine at this address shows, and who asks it, of an authority that signs nothing else."""
    authority = trustme.CA()
    own = authority.issue_cert(address)
    folder.mkdir(parents=True)
    authority.cert_pem.write_to_path(folder / TLS_FILES[0])
    own.cert_chain_pems[0].write_to_path(folder / TLS_FILES[1])
    own.private_key_pem.write_to_path(folder / TLS_FILES[2])
    return folder


def connect(first: Host, other: Host) -> None:
    """Lay the cable between them; what is not at its ends is reached through the first."""
    ends, cable = [host.engine.proc.name for host in (first, other)], other.interface
    made = ["link", "add", cable, "netns", ends[0], "type", "veth", "peer", "name", cable, "netns", ends[1]]
    subprocess.run(["ip", *made], check=True, capture_output=True, timeout=DEADLINE_S)
    near = other.address.removesuffix("2") + "1"
    for host, address in ((first, near), (other, other.address)):
        host.ip("address", "add", f"{address}/24", "dev", cable)
        host.ip("link", "set", cable, "up")
    if near != first.address:
        other.ip("route", "add", f"{first.address}/32", "via", near)


def lead_on(first: Host, *others: Host) -> None:
    """Let the others reach each other through the first, whose engine forwards nothing but its containers' packets.

    The first has one address for all, as nodes of a Swarm have: an overlay network knows its nodes by it.
    """
    for other in others:
        first.ip("route", "replace", f"{other.address}/32", "dev", other.interface, "src", first.address)
        via = other.address.removesuffix("2") + "1"
        for target in others:
            if target is not other:
                other.ip("route", "add", f"{target.address}/32", "via", via)
    passed = ["iptables", "-I", "DOCKER-USER", "-i", "cable+", "-o", "cable+", "-j", "ACCEPT"]
    subprocess.run([*first.engine.prefix, *passed], check=True, capture_output=True, timeout=DEADLINE_S)


def remove_abandoned() -> None:
    """Stop the hosts of tests that live no more. One process does that at a time: two would stop the same."""
    lock = os.open(HOME.parent, os.O_RDONLY)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for folder in [folder for home in (HOME, MEMORY) for folder in home.glob(f"{PREFIX}[0-9]-*")]:
            if not psutil.pid_exists(int(folder.name.rpartition("-")[2])):
                SecondEngine(folder.name, home=folder.parent, own_pids=True, firewall=True).stop()
    finally:
        os.close(lock)


@contextmanager
def images_lent(host: Host) -> Iterator[docker.DockerClient]:
    """A client of its engine; images that are brought inside are gone afterwards, so that others carry their own."""
    with closing(host.engine.client()) as own:
        before = {image.id for image in own.images.list()}
        try:
            yield own
        finally:
            for identity in {image.id for image in own.images.list()} - before:
                own.images.remove(identity, force=True)


def wait_until_measured(running: subprocess.Popen[str], out: Path, trial: str = ".*", step: str = "measure") -> None:
    """Wait until the run below ``out`` measures a trial, or is in another step; fail with its last words otherwise."""
    give_up_at = time.monotonic() + MEASURED_S
    while not any(f'"{step}"' in _told(steps) for steps in out.glob(f"*/trials/{trial}/steps.jsonl")):
        assert running.poll() is None, running.communicate()[1]
        assert time.monotonic() < give_up_at
        time.sleep(0.1)


def _told(steps: Path) -> str:
    """What a trial has told of its steps; "" once it has ended, and its folder has another name."""
    try:
        return steps.read_text()
    except FileNotFoundError:
        return ""
