"""Ctrl-C, SIGTERM and SIGKILL in the middle of a run: nothing stays, or `lab clean` removes it."""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import docker
import pytest

from tests.e2e.conftest import LAB, REPOSITORY, edit, lab, left

pytestmark = pytest.mark.e2e

DEADLINE_S = 90.0


def wait_until(what: str, holds: Callable[[], bool]) -> None:
    give_up_at = time.monotonic() + DEADLINE_S
    while not holds():
        assert time.monotonic() < give_up_at, f"waited in vain for: {what}"
        time.sleep(0.05)


def start(scenario: Path, out: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [*LAB, "run", str(scenario), "--out", str(out)],
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=REPOSITORY,
    )


def lab_processes(out: Path) -> list[str]:
    """Command lines of processes (Locust, sampler) that belong to a run in ``out``."""
    found = subprocess.run(["pgrep", "--full", "--list-full", str(out)], capture_output=True, text=True, check=False)
    return found.stdout.splitlines()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_interrupt_in_the_second_trial_keeps_the_first(
    scenario: Path, tmp_path: Path, client: docker.DockerClient, number: signal.Signals
) -> None:
    """Exit 130, a report of what was finished, no container, no Locust, no sampler."""
    edit(scenario, "blocks = 1", "blocks = 9")
    out = tmp_path / "runs"
    process = start(scenario, out)
    wait_until("the first trial on disk", lambda: any(out.glob("*/trials/b01-workers/record.json")))
    wait_until("load of the second trial", lambda: any(out.glob("*/trials/.b02-workers.part/load/status-0.json")))
    process.send_signal(number)
    _, err = process.communicate(timeout=DEADLINE_S)

    assert process.returncode == 130, err
    assert "Traceback" not in err
    assert "report of the 1 finished trials" in err
    assert any(out.glob("*/report.html"))
    assert left(client) == []
    assert lab_processes(out) == []


def test_what_sigkill_left_is_listed_and_removed_by_clean(
    scenario: Path, tmp_path: Path, client: docker.DockerClient
) -> None:
    """SIGKILL cannot be caught: the dry run lists exactly what is left, clean removes it, the run is readable."""
    edit(scenario, 'front = "direct"', 'front = "nginx"')
    edit(scenario, "blocks = 1", "blocks = 9")
    out = tmp_path / "runs"
    process = start(scenario, out)
    wait_until("the first trial on disk", lambda: any(out.glob("*/trials/b01-workers/record.json")))
    wait_until("load of the second trial", lambda: any(out.glob("*/trials/.b02-workers.part/load/status-0.json")))
    process.kill()
    process.communicate(timeout=DEADLINE_S)

    expected = left(client)
    assert len(expected) == 3, "an app, an nginx and its volume"
    listed = lab("clean", "--dry-run").out
    assert sorted(line.split()[-1] for line in listed.splitlines()) == sorted(expected)
    assert left(client) == expected, "a dry run removes nothing"

    assert lab("clean").code == 0
    assert left(client) == []
    wait_until("the end of Locust and sampler", lambda: lab_processes(out) == [])
    (folder,) = out.iterdir()
    assert lab("report", folder).code == 0
