"""A service's files: each with its mode and owner, and one that is not recorded, such as a key, is shown nowhere."""

from __future__ import annotations

import io
import os
import signal
import tarfile
import time
from pathlib import Path

from lab.engines.docker.container import archive
from lab.engines.process.command import ProgramPlace, start_of
from lab.engines.process.service import start_service
from lab.host.labels import labels
from lab.plan.kinds import ServiceKind
from lab.plan.topology import ConfigFile, Service

KEY = ConfigFile(path="/etc/x/key", content=b"\xffsecret", mode=0o400, recorded=False)
CONF = ConfigFile(path="/etc/x/conf", content="größer".encode())
SERVICE = Service(
    name="front",
    kind=ServiceKind.PROXY,
    image="x",
    argv=("sleep", "60"),
    ports=(),
    files=(KEY, CONF),
    user="65534:65534",
)


def test_only_recorded_files_are_shown() -> None:
    """Records, reports and plans take them from here."""
    assert SERVICE.recorded_files == {"/etc/x/conf": "größer"}


def test_a_container_gets_every_file_with_mode_and_owner() -> None:
    """A key that only its service may read belongs to that service's user."""
    ((folder, data),) = archive(SERVICE.files, SERVICE.user)
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        found = {entry.name: (entry.mode, entry.uid, entry.gid, tar.extractfile(entry)) for entry in tar}

        assert folder == "/etc/x"
        assert found["key"][:3] == (0o400, 65534, 65534)
        assert found["conf"][:3] == (0o444, 65534, 65534)
        assert found["key"][3] is not None
        assert found["key"][3].read() == KEY.content


def test_a_plain_process_gets_every_file_with_its_mode(tmp_path: Path) -> None:
    """Below its own folder, before it starts."""
    started = start_service(
        SERVICE, start_of(SERVICE, ProgramPlace(), tmp_path, labels("run", "trial", "front")), tmp_path
    )
    try:
        key, conf = tmp_path / "etc/x/key", tmp_path / "etc/x/conf"

        assert (key.read_bytes(), key.stat().st_mode & 0o777) == (KEY.content, 0o400)
        assert (conf.read_bytes(), conf.stat().st_mode & 0o777) == (CONF.content, 0o444)
    finally:
        os.killpg(started.pid, signal.SIGKILL)
        while not started.ended(1):
            time.sleep(0.01)
        started.reap()
