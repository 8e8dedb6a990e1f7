"""The sampler as a process of its own, followed from the lab's side. It samples the test itself: no Docker."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import IO, cast

import polars as pl
import pytest

from lab.agent.children import Ended
from lab.agent.conversation import RemoteChild
from lab.agent.sampling import RemoteProgram
from lab.errors import SamplingError
from lab.host.jsonlines import Lines
from lab.sampling.channel import FOLDER, Channel, Child
from lab.sampling.plan import SamplerPlan
from lab.sampling.sampler import Sampler, start_sampler, write_tables
from tests.fake_processes import show_as_container

DEADLINE_S = 60.0


@pytest.fixture
def plan(tmp_path: Path) -> SamplerPlan:
    root = tmp_path / "root"
    return SamplerPlan(
        targets=(show_as_container(root),),
        t0_monotonic_s=time.monotonic(),
        measure_s=3.0,
        lab_pid=os.getpid(),
        load_pids=(os.getpid(),),
        directory=tmp_path,
        root=root,
    )


def wait_for_end(sampler: Sampler) -> Iterator[None]:
    """Check again and again until the sampler's death is noticed."""
    give_up_at = time.monotonic() + DEADLINE_S
    while time.monotonic() < give_up_at:
        sampler.check()
        time.sleep(0.01)
        yield


def test_tables_and_facts_of_a_short_sampling(plan: SamplerPlan) -> None:
    """It looks at everybody at the start, reads on the half seconds, looks in between; the raw rows are gone then."""
    with start_sampler(plan) as sampler:
        ready_s = time.monotonic() - plan.t0_monotonic_s
        while time.monotonic() < plan.t0_monotonic_s + ready_s + 4.1:
            sampler.check()
            time.sleep(0.01)
        outcome = sampler.result(plan.directory)
        over_s = time.monotonic() - plan.t0_monotonic_s

    facts = outcome.facts
    assert facts.planned_readings >= facts.achieved_readings >= 3
    assert facts.pss_interval_s == 1.0
    assert facts.cpu_s > 0
    assert facts.reading_max_s >= facts.reading_s > 0
    processes = pl.read_parquet(plan.directory / "processes.parquet").filter(pl.col("role") == "helper")
    assert processes["t_s"].is_sorted()
    assert ready_s + 1.0 <= processes["t_s"].max() < over_s  # type: ignore[operator]  # polars: of any column
    assert pl.read_parquet(plan.directory / "host.parquet")["load_cpu_s"].drop_nulls().len() > 0
    assert not (plan.directory / FOLDER).exists()


@pytest.mark.parametrize(("node", "who"), [("", "the sampler"), ("gen", "the sampler on node gen")])
def test_a_killed_sampler_fails_the_trial(plan: SamplerPlan, node: str, who: str) -> None:
    """Its death is noticed, with where it was, and what it had written is still readable."""
    with start_sampler(replace(plan, node=node)) as sampler:
        os.kill(sampler.pid, signal.SIGKILL)
        with pytest.raises(SamplingError, match=f"^{who} was killed by SIGKILL$"):
            for _ in wait_for_end(sampler):
                pass
        with pytest.raises(SamplingError):
            sampler.stop()

    write_tables(plan.directory / FOLDER, plan.directory)
    assert pl.read_parquet(plan.directory / "processes.parquet").height >= 1


@pytest.mark.parametrize(
    ("ended", "code"),
    [(Ended(os.CLD_EXITED, 9), 9), (Ended(os.CLD_KILLED, 9), -9), (Ended(os.CLD_DUMPED, 11), -11), (None, None)],
)
def test_a_sampler_elsewhere_tells_a_signal_from_an_exit_code(ended: Ended | None, code: int | None) -> None:
    """As a child of the lab does; one that did not end in time was told to be killed, and has no end of its own."""
    said: list[str] = []
    child = SimpleNamespace(wait=lambda _: ended, order=said.append)

    assert RemoteProgram(cast(RemoteChild, child)).end(0.1) == code
    assert said == ([] if ended else ["kill"])


def test_whom_the_lab_kills_was_not_killed_by_somebody_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A sampler that has closed its answers and hangs is said to hang."""
    monkeypatch.setattr("lab.sampling.channel.STOP_DEADLINE_S", 0.1)
    hangs = "import os, time; os.close(1); time.sleep(60)"
    (tmp_path / "log").touch()
    with subprocess.Popen(
        [sys.executable, "-c", hangs], stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0
    ) as process:
        lines = Lines(cast(IO[bytes], process.stdout), cast(IO[bytes], process.stdin))
        channel = Channel(Child(process, tmp_path / "log"), lines, "gen")
        with pytest.raises(SamplingError, match="^the sampler on node gen did not end in time$"):
            channel.answer(DEADLINE_S)
        channel.close()

    assert process.returncode == -signal.SIGKILL


def test_a_crash_shows_the_samplers_last_words(plan: SamplerPlan) -> None:
    """A bug in the sampler's process is shown with its traceback, not swallowed."""
    broken = replace(plan, load_pids=("x",))  # type: ignore[arg-type]  # what a bug in the lab would send
    with (
        pytest.raises(SamplingError, match="the sampler ended early with exit code 1") as caught,
        start_sampler(broken),
    ):
        pass
    assert "Traceback" in caught.value.hint


def test_an_arm_that_ended_before_is_an_error_at_the_start(plan: SamplerPlan) -> None:
    """The sentence comes from the other process."""
    (plan.root / "proc").unlink()

    with pytest.raises(SamplingError, match="ended before sampling began"), start_sampler(plan):
        pass


def test_the_sampler_goes_when_the_lab_does(plan: SamplerPlan) -> None:
    """The end of its orders ends it: a lab that was killed leaves nothing behind."""
    with start_sampler(plan) as sampler:
        pid = sampler.pid

    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
