"""``scripts/engine`` as a person uses it: an engine of one's own beside the machine's, and nothing of it afterwards."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import closing

import docker
import psutil
import pytest

from tests.integration.conftest import REPOSITORY
from tests.second_engine import SecondEngine

pytestmark = pytest.mark.integration

NAME = f"tests-{os.getpid()}"


def engine(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([REPOSITORY / "scripts" / "engine", *words], capture_output=True, text=True, timeout=300)


@pytest.fixture
def ours() -> Iterator[SecondEngine]:
    """Its name; a test that fails half way must not leave it running."""
    ours = SecondEngine(NAME, "vfs")
    yield ours
    ours.stop()


def test_it_has_a_network_of_its_own_and_goes_as_it_came(ours: SecondEngine, client: docker.DockerClient) -> None:
    """Loopback alone, the storage driver that was asked for, another engine than the machine's; then no trace of it."""
    started = engine("start", NAME, "--storage-driver", "vfs")
    assert started.returncode == 0, started.stderr
    assert f"DOCKER_HOST={ours.host}" in started.stdout
    with closing(ours.client()) as own:
        assert own.info()["Driver"] == "vfs"
        assert own.info()["DockerRootDir"] != client.info()["DockerRootDir"]
    told = engine("run", NAME, "sh", "-c", "echo $DOCKER_HOST; ls /sys/fs/cgroup | wc -l; cat /proc/net/dev").stdout
    assert told.splitlines()[0] == ours.host
    assert int(told.splitlines()[1]) > 0, "cgroups are as visible as outside"
    assert [line.split(":")[0].strip() for line in told.splitlines() if ":" in line and "unix" not in line] == ["lo"]

    assert engine("stop", NAME).returncode == 0
    assert not ours.root.exists()
    assert [each.pid for each in psutil.process_iter() if any(f"{ours.root}/" in word for word in words(each))] == []


def words(process: psutil.Process) -> list[str]:
    try:
        return list(process.cmdline())
    except psutil.NoSuchProcess:
        return []


def test_one_that_does_not_run_is_a_sentence() -> None:
    """With what to do, and no traceback; to stop what is not there is no error."""
    refused = engine("run", NAME, "true")
    assert refused.returncode == 1
    assert refused.stderr.splitlines() == [
        f"scripts/engine: containerd of engine {NAME} does not run",
        "start it: scripts/engine start",
    ]
    assert engine("stop", NAME).returncode == 0


@pytest.mark.parametrize("name", ["..", "a/b", "/", "", "a b"])
def test_a_name_that_leads_elsewhere_is_refused(name: str) -> None:
    """The folder of an engine is removed with it."""
    refused = engine("stop", name)
    assert refused.returncode == 1
    assert refused.stderr.startswith(f"scripts/engine: {name!r} is no name for an engine")


def test_a_driver_that_is_none_is_a_sentence_and_leaves_nothing(ours: SecondEngine) -> None:
    """dockerd's own words are in it."""
    refused = engine("start", NAME, "--storage-driver", "nonsense")
    assert refused.returncode == 1
    assert "dockerd does not answer; its last words:" in refused.stderr
    assert "nonsense" in refused.stderr
    ours.stop()
    assert not ours.root.exists()
