"""Two labs at once on one machine: the second one is told who measures."""

from __future__ import annotations

import os
import subprocess
from contextlib import ExitStack
from pathlib import Path

import pytest

from lab.host.lock import machine_lock
from lab.record.reading import TRIAL_RECORD
from tests.e2e.conftest import LAB, NO_DOCKER, TIMEOUT_S, edit, lab
from tests.launched import launched

pytestmark = pytest.mark.e2e


@pytest.mark.parametrize("verb", ["run", "selfcheck"])
def test_the_second_lab_is_refused_before_it_touches_anything(scenario: Path, tmp_path: Path, verb: str) -> None:
    """Exit 4, with process, run and since when; no run folder."""
    with machine_lock("20261124T041500Z-first", print):
        refused = lab(verb, scenario, "--out", tmp_path / "runs")

    refused.refused(4, f"another lab measures on this machine (pid {os.getpid()}, run 20261124T041500Z-first, since 20")
    assert "--allow-concurrent" in refused.err
    assert not (tmp_path / "runs").exists()


def test_whoever_does_not_mind_may_run_beside_another(scenario: Path, tmp_path: Path) -> None:
    """It is said, and the run goes on, here to the next thing that is missing."""
    edit(scenario, 'question = "Does it work?"', 'question = "Does it work?"\nengine = "docker"')
    with machine_lock("first", print):
        going = lab("run", scenario, "--out", tmp_path / "runs", "--allow-concurrent", env=NO_DOCKER)

    going.refused(4, "expect both runs to be disturbed", "no Docker engine answers")


@pytest.mark.usefixtures("nothing_left_of_ours")
def test_two_labs_measure_one_image_at_once(scenario: Path, tmp_path: Path) -> None:
    """In one second, with one seed: each has ports and containers of its own, and says whose run spoils its memory."""
    edit(scenario, 'measure = "2s"', 'measure = "15s"')  # one of them may be late, and must still meet the other
    outs = [tmp_path / "one", tmp_path / "two"]
    command = [*LAB, "run", str(scenario), "--engine", "docker", "--allow-concurrent", "--out"]
    pipe = subprocess.PIPE
    with ExitStack() as stack:
        labs = [stack.enter_context(launched([*command, str(out)], stdout=pipe, stderr=pipe)) for out in outs]
        told = [process.communicate(timeout=TIMEOUT_S)[1] for process in labs]
    runs = [next(out.iterdir()) for out in outs]
    records = [TRIAL_RECORD.validate_json((run / "trials/b01-workers/record.json").read_bytes()) for run in runs]
    ports = [{port for service in record.services for port in service.ports} for record in records]
    seen = [record.attestation.neighbours for record in records]

    assert runs[0].name != runs[1].name
    assert not ports[0] & ports[1]
    assert set(seen) <= {(), (runs[0].name,), (runs[1].name,)}
    assert any(seen), "whoever was attested last saw the other"
    for process, text, neighbours in zip(labs, told, seen, strict=True):
        assert process.returncode in (0, 3), text
        assert all(name in text for name in neighbours) or process.returncode == 0, text
