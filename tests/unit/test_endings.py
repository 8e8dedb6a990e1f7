"""Processes that end while they are measured: recycled as asked, killed for memory, or nobody knows why."""

from __future__ import annotations

from dataclasses import replace

import polars as pl
import pytest

from lab.analysis.findings import run_findings
from lab.analysis.gates import run_gates
from lab.record.schema import EventKind
from lab.record.types import Event, ServiceRecord, TrialResult
from lab.report.parts.gate_sentences import finding_sentence
from tests.gate_records import arrivals, cgroup_table, drop, process_table, trial

DIED_S = 13.0  # in the measure phase


def found(result: TrialResult) -> dict[str, tuple[float | None, str]]:
    """Value and subject of what was found on endings."""
    keys = ("ledger.changed", "ledger.recycled", "memory.killed")
    return {each.key: (each.value, each.subject) for each in run_findings(result, 2) if each.key in keys}


def successor(role: str = "worker") -> pl.DataFrame:
    """Worker 100 ends and another process takes its place."""
    later = (pl.col("pid") == 100) & (pl.col("t_s") >= DIED_S)
    rows = process_table().with_columns(pid=pl.when(later).then(900).otherwise("pid"))
    return rows.with_columns(role=pl.when(pl.col("pid").is_in([100, 900])).then(pl.lit(role)).otherwise("role"))


def started_by(result: TrialResult, command: str) -> TrialResult:
    """The same trial, whose first service was started with this command."""
    service = ServiceRecord(
        name="app-0", kind="app", container_id="", image="", image_digest="", argv=tuple(command.split()), ports=()
    )
    return replace(result, record=replace(result.record, services=(service,)))


def killed(count: int) -> pl.DataFrame:
    """The cgroup of the first service counts kills, from the reading after the death on."""
    counted = (pl.col("service") == "app-0") & (pl.col("t_s") >= DIED_S)
    return cgroup_table().with_columns(oom_kills=pl.when(counted).then(count).otherwise(0).cast(pl.Int64))


@pytest.mark.parametrize("option", ["--limit-max-requests 400", "--max-requests=400", "--workers-lifetime 60"])
def test_workers_that_are_recycled_as_asked_are_counted_and_nothing_is_wrong(option: str) -> None:
    """One ended and one began, which would be two changes of an arm that loses its workers."""
    result = started_by(trial(processes=successor()), f"uvicorn app.main:app {option}")

    assert found(result) == {"ledger.recycled": (1.0, option.replace("=", " ").split()[0])}
    (told,) = [finding_sentence(each) for each in run_findings(result, 2) if each.key == "ledger.recycled"]
    assert told.startswith("Workers that were recycled while the arm was measured, as its command asks (--")


def test_without_the_option_a_replaced_worker_is_a_change() -> None:
    """Nobody asked for it."""
    result = started_by(trial(processes=successor()), "uvicorn app.main:app --workers 2")

    assert found(result) == {"ledger.changed": (2.0, "")}


def capacity(result: TrialResult) -> str:
    """What the gate on arrivals says, and what was at its limit."""
    (gate,) = [each for each in run_gates(result, 4) if each.key == "load.arrivals"]
    limits = [each.subject for each in run_findings(result, 4) if each.key == "load.capacity"]
    return " ".join([gate.outcome, gate.why, *limits])


def test_arrivals_that_found_no_process_are_the_arms_result() -> None:
    """A worker that died leaves a gap: what is not sent meanwhile makes no trial invalid."""
    result = trial([*arrivals(), drop(13.2)], processes=successor())

    assert capacity(result) == "pass capacity the arm without a process that had ended"


def test_arrivals_that_are_lost_away_from_an_end_are_the_generators() -> None:
    """One in the gap and two long after it: the worker's death explains too little."""
    result = trial([*arrivals(), drop(13.2), drop(18.0), drop(19.0)], processes=successor(), boot_s=1.0)

    assert capacity(result).startswith("invalid")


def test_a_worker_that_is_recycled_as_asked_excuses_no_generator() -> None:
    """One goes in almost every trial, so that the gate could never fail."""
    result = trial([*arrivals(), drop(13.2)], processes=successor())

    assert capacity(started_by(result, "uvicorn app.main:app --limit-max-requests 400")).startswith("invalid")


def only(*pids: int) -> pl.DataFrame:
    """Worker 100 and its successor, with these others beside them."""
    return successor().filter(pl.col("pid").is_in([100, 900, *pids]))


@pytest.mark.parametrize(
    ("processes", "said"),
    [
        (only(), "pass capacity the arm without a process that had ended"),
        (only(101), "invalid"),
        (only(101).filter((pl.col("pid") != 101) | (pl.col("t_s") < DIED_S)), "pass capacity"),
        (only(101).filter((pl.col("pid") != 101) | (pl.col("t_s") > DIED_S - 0.9)), "pass capacity"),
    ],
    ids=["alone", "another serves", "both at once", "the other has only begun"],
)
def test_what_is_lost_while_the_recycled_are_the_only_ones_is_the_arms_result(
    processes: pl.DataFrame, said: str
) -> None:
    """Nobody served meanwhile, however many lanes there are."""
    result = trial([*arrivals(), drop(13.2)], processes=processes, boot_s=1.0)

    assert capacity(started_by(result, "uvicorn app.main:app --limit-max-requests 400")).startswith(said)


def test_health_probes_are_no_deaths() -> None:
    """Short-lived helpers come and go in an image with a health check, every few seconds."""
    assert found(trial(processes=successor("helper"))) == {}


def test_a_process_that_the_kernel_killed_is_named_with_its_service() -> None:
    """Its supervisor replaced it, and no request says so."""
    result = trial(processes=successor(), cgroups=killed(1))

    assert found(result)["memory.killed"] == (1.0, "worker 100 of app-0")
    (told,) = [finding_sentence(each) for each in run_findings(result, 2) if each.key == "memory.killed"]
    assert "because its memory was full: worker 100 of app-0. Raise budget.memory" in told


def test_a_kill_of_nobody_who_was_ever_read_names_the_service() -> None:
    """It lived between two readings."""
    assert found(trial(cgroups=killed(2)))["memory.killed"] == (2.0, "app-0")


def test_a_container_that_was_killed_and_started_again_is_told_by_the_engine() -> None:
    """Its cgroup is a new one, which has counted nothing; a container that ended by itself is no kill."""
    events = (
        Event(t_s=DIED_S - 0.2, kind=EventKind.OUT_OF_MEMORY, service="app-0", detail="137"),
        Event(t_s=DIED_S + 3.0, kind=EventKind.ENDED, service="app-1", detail="0"),
    )
    result = trial(processes=successor(), events=events)

    assert found(result)["memory.killed"] == (1.0, "worker 100 of app-0")


def test_what_cgroup_and_engine_both_saw_is_counted_once() -> None:
    """The kernel's count is the one that counts each process."""
    event = Event(t_s=DIED_S, kind=EventKind.OUT_OF_MEMORY, service="app-0", detail="137")

    assert found(trial(processes=successor(), cgroups=killed(1), events=(event,)))["memory.killed"][0] == 1.0
