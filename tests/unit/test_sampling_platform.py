"""Which platform process works for which container."""

from __future__ import annotations

import pytest

from lab.sampling.platform_processes import ContainerTraits, root_mount, serves

ID = "3135e4dff0d27fa5c480e2fc72a0f6d8c44af4252b62c7f77cb6637b56d902ad"
OTHER = ID[::-1]
MERGED = "/var/lib/docker/fuse-overlayfs/9266fe60/merged"
CONTAINER = ContainerTraits(service="app", container_id=ID, root_mount=MERGED)
SHIM = ["/usr/bin/containerd-shim-runc-v2", "-namespace", "moby", "-id", ID, "-address", "/run/containerd.sock"]
FUSE = ["fuse-overlayfs", "-o", "lowerdir=/l/A:/l/B,upperdir=/d,workdir=/w", MERGED]


@pytest.mark.parametrize(("name", "argv"), [("containerd-shim-runc-v2", SHIM), ("fuse-overlayfs", FUSE)])
def test_a_platform_process_is_known_by_its_command_line(name: str, argv: list[str]) -> None:
    """It works for this container, and not for another one of the same engine."""
    other = ContainerTraits(service="other", container_id=OTHER, root_mount=f"{MERGED}2")

    assert serves(name, argv, CONTAINER)
    assert not serves(name, argv, other)


def test_what_serves_no_container_is_nobodys() -> None:
    """A root that is not to be seen matches no mount, and the engine itself belongs to no arm."""
    unseen = ContainerTraits(service="app", container_id=ID, root_mount="")

    assert not serves("fuse-overlayfs", FUSE, unseen)
    assert not serves("dockerd", ["/usr/sbin/dockerd"], CONTAINER)


def test_a_process_that_lost_its_command_line_is_nobodys() -> None:
    """A process on its way out has an empty command line."""
    assert not serves("fuse-overlayfs", [], CONTAINER)
    assert not serves("containerd-shim-runc-v2", [], CONTAINER)


def test_the_root_mount_is_found_by_its_device() -> None:
    """The container sees it as "/", the host under the storage driver's folder; the device number is the same."""
    container = (
        "69 45 0:39 / / rw,nodev,noatime master:2 - fuse.fuse-overlayfs fuse-overlayfs rw\n70 69 0:41 / /proc rw\n"
    )
    host = f"20 1 254:0 / / rw - ext4 /dev/vda rw\n61 20 0:38 / /srv rw - x x rw\n62 20 0:39 / {MERGED} rw - f f rw\n"

    assert root_mount(container, host) == MERGED
    assert root_mount(container, "20 1 254:0 / / rw - ext4 /dev/vda rw\n") == ""
