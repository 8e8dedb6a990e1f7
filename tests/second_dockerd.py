"""A Docker daemon of the tests' own, which they may kill; the machine's engine only lends its images."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Self

import psutil

DRIVERS = ("overlay2", "fuse-overlayfs", "vfs")  # the first that the file system allows
DEADLINE_S = 60.0
CONTAINERD = """
version = 2
root = "{root}/containerd"
state = "{root}/exec/containerd"
disabled_plugins = ["io.containerd.grpc.v1.cri"]
[grpc]
address = "{root}/containerd.sock"
[ttrpc]
address = "{root}/containerd.sock.ttrpc"
"""


class SecondDockerd:
    """Own data root, exec root, socket, pid file and containerd; no bridge and no firewall rules. Needs root.

    containerd is a process of its own, as most distributions have it: it must survive the daemon, or nobody would know
    of the containers any more.
    """

    def __init__(self) -> None:
        self.root = Path(tempfile.mkdtemp(prefix="second-dockerd-", dir="/tmp"))  # sockets have short paths
        self.host = f"unix://{self.root}/docker.sock"
        self._containerd: subprocess.Popen[bytes] | None = None
        self._dockerd: subprocess.Popen[bytes] | None = None
        self._driver = ""

    def __enter__(self) -> Self:
        try:
            (self.root / "containerd.toml").write_text(CONTAINERD.format(root=self.root))
            self._containerd = self._begin(["containerd", "--config", f"{self.root}/containerd.toml"])
            self.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def start(self) -> None:
        """Start the daemon, also after ``kill``; returns once it answers."""
        for driver in (self._driver,) if self._driver else DRIVERS:
            self._dockerd = self._begin(self._command(driver))
            if self._answers(self._dockerd):
                self._driver = driver
                return
        raise AssertionError(f"no second Docker daemon here:\n{(self.root / 'log').read_text()[-2000:]}")

    def copy_images(self, names: Sequence[str]) -> None:
        """Bring images from the machine's engine."""
        environment = {**os.environ, "DOCKER_HOST": self.host}
        with subprocess.Popen(["docker", "save", *names], stdout=subprocess.PIPE) as save:
            load = ["docker", "load", "--quiet"]
            subprocess.run(load, stdin=save.stdout, env=environment, check=True, capture_output=True)
        assert save.returncode == 0

    def kill(self) -> None:
        """SIGKILL of the daemon alone: its containers run on, as they would when it crashes."""
        assert self._dockerd is not None
        self._dockerd.kill()
        self._dockerd.wait(DEADLINE_S)

    def close(self) -> None:
        """Stop it in order, with its containers and everything below its folder."""
        for process in (self._dockerd, self._containerd):
            if process is not None and process.poll() is None:
                process.terminate()
                process.wait(DEADLINE_S)
        for shim in _processes_below(self.root):
            shim.kill()
        mounts = [line.split()[1] for line in Path("/proc/mounts").read_text().splitlines()]
        for mount in sorted((each for each in mounts if each.startswith(str(self.root))), reverse=True):
            subprocess.run(["umount", "--lazy", mount], check=True)
        shutil.rmtree(self.root)

    def _begin(self, command: Sequence[str]) -> subprocess.Popen[bytes]:
        with (self.root / "log").open("ab") as log:
            return subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)

    def _command(self, driver: str) -> list[str]:
        root = self.root
        (root / "daemon.json").write_text("{}")
        return [
            *("dockerd", "--config-file", f"{root}/daemon.json", "--host", self.host),
            *("--data-root", f"{root}/data", "--exec-root", f"{root}/exec", "--pidfile", f"{root}/pid"),
            *("--containerd", f"{root}/containerd.sock", "--storage-driver", driver),
            *("--iptables=false", "--ip-masq=false", "--bridge=none"),
        ]

    def _answers(self, process: subprocess.Popen[bytes]) -> bool:
        give_up_at = time.monotonic() + DEADLINE_S
        while process.poll() is None and time.monotonic() < give_up_at:
            with socket.socket(socket.AF_UNIX) as probe:  # the SDK leaves sockets open where nobody answers
                probe.settimeout(DEADLINE_S)
                try:
                    probe.connect(f"{self.root}/docker.sock")
                    probe.sendall(b"GET /_ping HTTP/1.0\r\nHost: docker\r\n\r\n")
                    if b"200 OK" in probe.recv(64):
                        return True
                except OSError:
                    pass  # not listening yet
            time.sleep(0.1)
        return False


def _processes_below(root: Path) -> Iterator[psutil.Process]:
    """Processes that were told of this folder: the shims of its containers."""
    for process in psutil.process_iter():
        try:
            if any(str(root) in word for word in process.cmdline()):
                yield process
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
