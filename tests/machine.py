"""What the tests must leave as it was: the machine's interfaces, networks, firewall, mounts, volumes and containers."""

from __future__ import annotations

import difflib
import re
import shutil
import socket
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import closing, nullcontext
from pathlib import Path

import docker
import psutil
from docker.errors import DockerException

from lab.engines.docker.engine import connect
from lab.engines.leftovers import find_leftovers, reach_docker, remove_leftovers
from lab.errors import MissingError
from lab.host.labels import owner_lives

Facts = Mapping[str, Mapping[str, str]]  # kind of thing → its name → its state
FIREWALL = (["iptables-save"], ["ip6tables-save"], ["nft", "--stateless", "list", "ruleset"])
COUNTED = re.compile(r"\[\d+:\d+\]|^#.*", re.MULTILINE)  # counters and dates
BY_ENGINES = re.compile(r"/docker/|/containerd/|/merged$")  # file systems of containers, which come and go


def tidy() -> None:
    """Remove what killed labs left behind: the first lab of the tests would, and a test would stand for it."""
    client, _ = reach_docker()
    with closing(client) if client else nullcontext():
        remove_leftovers(find_leftovers(client=client), client)


def look() -> Facts:
    """The state of the machine; without Docker and without root, what can be seen of it."""
    facts: dict[str, Mapping[str, str]] = {
        "network interface": _interfaces(),
        "firewall": dict(_firewall()),
        "mount": _mounts(),
    }
    try:
        client = connect()
    except MissingError:
        return facts
    with closing(client):
        try:
            return {**facts, **_of_docker(client)}
        except DockerException:  # something went while it was looked at
            return {**facts, **_of_docker(client)}


def changes(before: Facts, after: Facts) -> list[str]:
    """A sentence for each thing that is not as it was; what could be seen only once is not compared."""
    found = []
    for kind in before.keys() & after.keys():
        old, new = before[kind], after[kind]
        found += [f"{kind} {name} is gone" for name in old.keys() - new.keys()]
        found += [f"{kind} {name} was left behind" for name in new.keys() - old.keys()]
        for name in old.keys() & new.keys():
            if old[name] != new[name]:
                lines = difflib.ndiff(old[name].splitlines(), new[name].splitlines())
                told = "\n".join(line for line in lines if line[0] in "+-")
                found.append(f"{kind} {name} is not as it was:\n{told}")
    return sorted(found)


def _interfaces() -> Mapping[str, str]:
    """Without the ends of containers' cables; an address of IPv6 comes by itself when somebody plugs in."""
    return {
        name: " ".join(sorted(each.address for each in addresses if each.family == socket.AF_INET))
        for name, addresses in psutil.net_if_addrs().items()
        if not name.startswith("veth")
    }


def _firewall() -> Iterator[tuple[str, str]]:
    for command in FIREWALL:
        if program := shutil.which(command[0]):
            done = subprocess.run([program, *command[1:]], capture_output=True, text=True, check=False)
            if done.returncode == 0:  # else not root
                yield command[0], COUNTED.sub("", done.stdout)


def _mounts() -> Mapping[str, str]:
    rows = [line.split() for line in Path("/proc/self/mounts").read_text().splitlines()]
    return {row[1]: row[2] for row in rows if not BY_ENGINES.search(row[1])}


def _of_docker(client: docker.DockerClient) -> Facts:
    """Without what a lab or test owns that lives; a container's state is since when it runs."""
    containers = client.containers.list(all=True, ignore_removed=True)
    volumes = {volume.name: volume.attrs["Labels"] or {} for volume in client.volumes.list()}
    return {
        "Docker network": {network.name: network.id for network in client.networks.list()},
        "volume": {name: "" for name, labels in volumes.items() if not owner_lives(labels)},
        "container": {
            each.name: f"{each.status} {each.attrs['State']['StartedAt']}"
            for each in containers
            if not owner_lives(each.labels)
        },
    }
