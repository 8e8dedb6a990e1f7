"""The two hosts that tests of several machines use: apart from each other and from the machine, and gone afterwards."""

from __future__ import annotations

import subprocess
from contextlib import closing

import docker
import psutil
import pytest

from tests.two_hosts import INTERFACE, Host, two_hosts

pytestmark = pytest.mark.integration


def pings(host: Host, address: str) -> bool:
    """Whether a packet reaches the address from there and comes back: by TCP, refused as nobody listens."""
    tried = f"import socket; socket.create_connection(('{address}', 9), 5)"
    done = subprocess.run([*host.engine.prefix, "python3", "-c", tried], capture_output=True, text=True, timeout=60)
    return "ConnectionRefusedError" in done.stderr


def test_they_reach_each_other_until_the_cable_is_cut(client: docker.DockerClient) -> None:
    """Different engines, a different clock, no way to the machine; nothing of them, nor of the cable, stays."""
    with two_hosts(clock_ahead_s=5000) as (first, second):
        folders = {client.info()["DockerRootDir"]}
        for host in (first, second):
            with closing(host.engine.client()) as own:
                folders.add(own.info()["DockerRootDir"])
        assert len(folders) == 3
        assert pings(first, second.address)
        assert pings(second, first.address)
        offsets = (second.engine.proc / "timens_offsets").read_text().split()
        assert offsets[:2] == ["monotonic", "5000"]
        assert INTERFACE not in psutil.net_if_addrs()
        second.cut()
        assert not pings(first, second.address)
        roots = [host.engine.root for host in (first, second)]
    assert not any(root.exists() for root in roots)
    lines = [" ".join(process.info["cmdline"] or ()) for process in psutil.process_iter(["cmdline"])]
    assert not [line for line in lines if any(f"{root}/" in line for root in roots)]
