"""Two hosts on one machine: each an engine with network, mounts and PIDs of its own, and a cable between them.

The cable is a pair of veth that is made inside the two networks: nothing of it is ever in the machine's own, and it
goes with the networks. ``clock_ahead_s`` gives the second host a monotonic clock of its own, as another kernel has.
What a killed test left is removed by the next one. Needs root.
"""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from tests.second_engine import HOME, SecondEngine

PREFIX = "host"
INTERFACE = "cable0"
ADDRESSES = ("10.213.0.1", "10.213.0.2")


@dataclass(frozen=True)
class Host:
    """One of the two, with the address by which the other reaches it."""

    engine: SecondEngine
    address: str

    def ip(self, *words: str) -> None:
        """Run ``ip`` in its network."""
        subprocess.run([*self.engine.prefix, "ip", *words], check=True, capture_output=True, timeout=20)

    def cut(self) -> None:
        """Pull the plug: nothing comes through any more, and nobody is told."""
        self.ip("link", "set", INTERFACE, "down")


@contextmanager
def two_hosts(*, clock_ahead_s: int = 0) -> Iterator[tuple[Host, Host]]:
    """Both, connected; they are gone afterwards with everything in them."""
    remove_abandoned()
    with ExitStack() as stack:
        hosts = []
        for number, (address, ahead_s) in enumerate(zip(ADDRESSES, (0, clock_ahead_s), strict=True)):
            name = f"{PREFIX}{number}-{os.getpid()}"
            engine = SecondEngine(name, own_pids=True, firewall=True, clock_ahead_s=ahead_s)
            stack.callback(engine.stop)
            engine.start()
            hosts.append(Host(engine, address))
        connect(*hosts)
        yield hosts[0], hosts[1]


def connect(first: Host, second: Host) -> None:
    """Lay the cable between them."""
    ends = [each.engine.proc.name for each in (first, second)]
    made = ["link", "add", INTERFACE, "netns", ends[0], "type", "veth", "peer", "name", INTERFACE, "netns", ends[1]]
    subprocess.run(["ip", *made], check=True, capture_output=True, timeout=20)
    for host in (first, second):
        host.ip("address", "add", f"{host.address}/24", "dev", INTERFACE)
        host.ip("link", "set", INTERFACE, "up")


def remove_abandoned(home: Path = HOME) -> None:
    """Stop the hosts of tests that live no more."""
    for folder in home.glob(f"{PREFIX}[01]-*"):
        if not psutil.pid_exists(int(folder.name.rpartition("-")[2])):
            SecondEngine(folder.name, own_pids=True, firewall=True).stop()


def wait_until_measured(running: subprocess.Popen[str], out: Path) -> None:
    """Wait until the run below ``out`` measures a trial; fail with its last words where it ends before."""
    give_up_at = time.monotonic() + 170
    while not any('"measure"' in steps.read_text() for steps in out.glob("*/trials/.*/steps.jsonl")):
        assert running.poll() is None, running.communicate()[1]
        assert time.monotonic() < give_up_at
        time.sleep(0.1)
