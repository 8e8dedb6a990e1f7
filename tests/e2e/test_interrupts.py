"""Ctrl-C and a closed terminal in the middle of a run: nothing stays, or `lab clean` removes it.

SIGTERM and SIGKILL are cells of the kill matrix.
"""

from __future__ import annotations

import fcntl
import os
import pty
import select
import signal
import subprocess
import termios
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from pathlib import Path

import docker
import pytest

from lab.host.interrupts import TOGETHER_S
from lab.record.reading import read_info
from tests.e2e.conftest import LAB, OF_ITS_OWN_IMAGE, REPOSITORY, edit, lab, left, left_of_ours
from tests.integration.conftest import LEAVES
from tests.launched import Running, ending, launched

pytestmark = OF_ITS_OWN_IMAGE

DEADLINE_S = 240.0  # a second trial begins after half a minute on a quiet machine


def wait_until(
    what: str, holds: Callable[[], bool], process: Running | None = None, terminal: int | None = None
) -> None:
    """Look often; a terminal is read meanwhile, for whoever writes to it waits when nobody does."""
    give_up_at = time.monotonic() + DEADLINE_S
    while not holds():
        assert time.monotonic() < give_up_at, f"waited in vain for: {what}"
        if process is not None and process.poll() is not None:
            pytest.fail(f"the lab ended with {process.returncode} before {what}: {process.communicate()}")
        if terminal is not None and select.select([terminal], [], [], 0)[0]:
            os.read(terminal, 65536)
        time.sleep(0.05)


def start(scenario: Path, out: Path) -> AbstractContextManager[subprocess.Popen[str]]:
    command = [*LAB, "run", str(scenario), "--out", str(out)]
    return launched(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def lab_processes(out: Path) -> list[str]:
    """Command lines of processes (Locust, sampler) that belong to a run in ``out``."""
    found = subprocess.run(["pgrep", "--full", "--list-full", str(out)], capture_output=True, text=True, check=False)
    return found.stdout.splitlines()


def trial_under_load(out: Path, trial: str) -> Callable[[], bool]:
    def begun() -> bool:
        with suppress(FileNotFoundError):  # the trial has ended
            return any('"warm up"' in path.read_text() for path in out.glob(f"*/trials/.{trial}.part/steps.jsonl"))
        return False

    return begun


def users_at_work(out: Path) -> bool:
    """Whether requests of some trial are recorded: Locust has begun, and ends as the locustfile says."""
    with suppress(FileNotFoundError):
        return any(path.stat().st_size for path in out.glob("*/trials/.*.part/load/requests-0.bin"))
    return False


def test_an_interrupt_in_the_second_trial_keeps_the_first(
    scenario: Path, tmp_path: Path, client: docker.DockerClient
) -> None:
    """Exit 130, a report that says where the run was cut, no container, no Locust, no sampler."""
    edit(scenario, "blocks = 1", "blocks = 9")
    edit(scenario, 'measure = "2s"', 'measure = "6s"')
    out = tmp_path / "runs"
    with start(scenario, out) as process:
        wait_until("load of the second trial", trial_under_load(out, "b02-workers"), process)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=DEADLINE_S)

    assert process.returncode == 130, err
    assert "Traceback" not in err
    assert "interrupted (1 of 3)" in err
    assert "lab: interrupted during b02-workers" in err
    assert "report of 1 finished trial:" in err
    (report,) = out.glob("*/report.md")
    assert "interrupted during b02-workers" in report.read_text()
    assert left_of_ours(client) == []
    assert lab_processes(out) == []


def test_a_closed_terminal_ends_the_run_in_order(scenario: Path, tmp_path: Path, client: docker.DockerClient) -> None:
    """The terminal is really gone: nothing can be printed any more, and still everything is taken down."""
    edit(scenario, 'warmup = "1s"', 'warmup = "20s"')  # it is cut in it
    out = tmp_path / "runs"
    ours, theirs = pty.openpty()
    process: subprocess.Popen[bytes] = subprocess.Popen(
        [*LAB, "run", str(scenario), "--out", str(out)],
        **{"stdin": theirs, "stdout": theirs, "stderr": theirs, "cwd": REPOSITORY},  # type: ignore[call-overload]
        start_new_session=True,
        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
    )
    os.close(theirs)
    with process, ending(process):
        try:
            wait_until("the load", trial_under_load(out, "b01-workers"), process, ours)
        finally:
            os.close(ours)
        assert process.wait(DEADLINE_S) == 130

    assert left_of_ours(client) == []
    assert lab_processes(out) == []
    (info,) = out.glob("*/run.json")
    assert read_info(info.parent).cut == "interrupted during b01-workers while it warmed up"


STUBBORN = """
import time
from locust import FastHttpUser, constant, events, task


@events.test_stop.add_listener
def never_end(**_):
    time.sleep(600)


class Quick(FastHttpUser):
    wait_time = constant(0)

    @task
    def get(self):
        self.client.get("/")
"""


@LEAVES
@pytest.mark.usefixtures("nothing_left")
def test_the_second_interrupt_hurries_and_the_third_leaves_at_once(
    scenario: Path, tmp_path: Path, client: docker.DockerClient
) -> None:
    """Each stage is told; the third names the command that then lists and removes what is left."""
    (tmp_path / "stubborn.py").write_text(STUBBORN)
    edit(scenario, f'"{REPOSITORY}/locustfiles/json_api.py"', '"stubborn.py"')
    edit(scenario, 'warmup = "1s"', 'warmup = "20s"')
    out = tmp_path / "runs"
    with start(scenario, out) as process:
        assert process.stderr is not None
        wait_until("load", lambda: users_at_work(out), process)
        said = ""
        for stage in (1, 2, 3):
            process.send_signal(signal.SIGSTOP)  # a person is no faster, and the clean-up would be over meanwhile
            time.sleep(TOGETHER_S)
            process.send_signal(signal.SIGINT)
            process.send_signal(signal.SIGCONT)
            while f"interrupted ({stage} of 3)" not in said:
                line = process.stderr.readline()
                assert line, said
                said += line
        process.communicate(timeout=DEADLINE_S)

    assert process.returncode == 130
    assert len(left(client)) == 1, "the container of the only service"
    listed = lab("clean", "--dry-run", "--out", out).out.replace("would remove ", "").splitlines()
    of_containers = [line for line in listed if not line.startswith("process ")]  # a test beside kills plain ones
    assert len(of_containers) == 2, "it and half a trial"
    assert "`lab clean`" in said.splitlines()[-1]
    lab("clean", "--out", out)
    assert left(client) == []
    assert [path.name for path in out.glob("*/trials/.*")] == []
    wait_until("the end of Locust and sampler", lambda: lab_processes(out) == [])
