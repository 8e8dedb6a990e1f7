"""Which platform process works for which container."""

from __future__ import annotations

import pytest

from lab.sampling.platform_processes import ContainerTraits, local_addresses, root_mount, serves

ID = "3135e4dff0d27fa5c480e2fc72a0f6d8c44af4252b62c7f77cb6637b56d902ad"
OTHER = ID[::-1]
MERGED = "/var/lib/docker/fuse-overlayfs/9266fe60/merged"
CONTAINER = ContainerTraits(service="app", container_id=ID, addresses=frozenset({"172.17.0.2"}), root_mount=MERGED)
SHIM = ["/usr/bin/containerd-shim-runc-v2", "-namespace", "moby", "-id", ID, "-address", "/run/containerd.sock"]
PORT_PROXY = ["/usr/sbin/docker-proxy", "-proto", "tcp", "-host-ip", "127.0.0.1", "-container-ip", "172.17.0.2"]
FUSE = ["fuse-overlayfs", "-o", "lowerdir=/l/A:/l/B,upperdir=/d,workdir=/w", MERGED]


@pytest.mark.parametrize(
    ("name", "argv"),
    [("containerd-shim-runc-v2", SHIM), ("docker-proxy", PORT_PROXY), ("fuse-overlayfs", FUSE)],
)
def test_a_platform_process_is_known_by_its_command_line(name: str, argv: list[str]) -> None:
    """It works for this container, and not for another one of the same engine."""
    other = ContainerTraits(
        service="other", container_id=OTHER, addresses=frozenset({"172.17.0.3"}), root_mount=f"{MERGED}2"
    )

    assert serves(name, argv, CONTAINER)
    assert not serves(name, argv, other)


def test_under_host_networking_no_port_proxy_is_claimed() -> None:
    """The container has no address of its own, so that somebody else's proxies stay somebody else's."""
    host_network = ContainerTraits(service="app", container_id=ID, addresses=frozenset(), root_mount="")

    assert not serves("docker-proxy", PORT_PROXY, host_network)
    assert not serves("fuse-overlayfs", FUSE, host_network)
    assert not serves("dockerd", ["/usr/sbin/dockerd"], CONTAINER)


def test_a_process_that_lost_its_command_line_is_nobodys() -> None:
    """A process on its way out has an empty command line."""
    assert not serves("docker-proxy", [], CONTAINER)
    assert not serves("fuse-overlayfs", [], CONTAINER)
    assert not serves("containerd-shim-runc-v2", [], CONTAINER)


def test_local_addresses_leave_loopback_and_broadcast_out() -> None:
    """Only what is marked "host LOCAL" belongs to the namespace."""
    fib_trie = """Main:
  +-- 0.0.0.0/0 3 0 5
     |-- 0.0.0.0
        /0 universe UNICAST
     +-- 172.17.0.0/16 2 0 2
        +-- 172.17.0.0/30 2 0 2
           |-- 172.17.0.0
              /16 link UNICAST
           |-- 172.17.0.2
              /32 host LOCAL
        |-- 172.17.255.255
           /32 link BROADCAST
Local:
  +-- 127.0.0.0/8 2 0 2
     |-- 127.0.0.1
        /32 host LOCAL
"""
    assert local_addresses(fib_trie) == frozenset({"172.17.0.2"})


def test_the_root_mount_is_found_by_its_device() -> None:
    """The container sees it as "/", the host under the storage driver's folder; the device number is the same."""
    container = (
        "69 45 0:39 / / rw,nodev,noatime master:2 - fuse.fuse-overlayfs fuse-overlayfs rw\n70 69 0:41 / /proc rw\n"
    )
    host = f"20 1 254:0 / / rw - ext4 /dev/vda rw\n61 20 0:38 / /srv rw - x x rw\n62 20 0:39 / {MERGED} rw - f f rw\n"

    assert root_mount(container, host) == MERGED
    assert root_mount(container, "20 1 254:0 / / rw - ext4 /dev/vda rw\n") == ""
