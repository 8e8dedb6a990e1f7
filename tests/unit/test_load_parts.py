"""Small parts of the load stage: plan, status, tally, outcome, clients, log, commands, alarm."""

from __future__ import annotations

import logging
import select
import time
from collections.abc import Sequence
from pathlib import Path
from threading import Event, Thread

import polars as pl
import pytest

from lab.errors import LoadError
from lab.load.child import child_command, child_environment, log_tail
from lab.load.inside import boot
from lab.load.inside.alarm import Alarm
from lab.load.inside.clients import describe, served_by
from lab.load.inside.load_counts import Tally, fine_bucket, lag_quantile_s
from lab.load.inside.log_limit import MAX_REPEATS, LimitRepeats
from lab.load.inside.recording import ARRIVAL, RequestRecorder
from lab.load.inside.status import Status, read_json, read_status, write_json, write_status
from lab.load.inside.verdict import stopped_early
from lab.load.load_plan import LoadPlan
from lab.load.outcome import LoadOutcome, outcome, progress
from lab.plan.upstream import named_upstream
from lab.record.types import CONNECTIONS
from tests.load_runs import make_plan

HEADER = "X-Served-By"


def test_a_plan_survives_the_way_to_the_load_process(tmp_path: Path) -> None:
    """Paths, tuples and a missing rate come back as they were."""
    plan = make_plan(tmp_path / "l.py", "http://127.0.0.1:1", tmp_path, rate=None, tags=("a", "b"))
    plan.raw.mkdir()
    plan.write()

    assert LoadPlan.read(plan.plan_file) == plan


@pytest.mark.parametrize(("limit", "processes"), [(64, 1), (64, 3), (65, 4)])
def test_queue_shares_add_up(limit: int, processes: int) -> None:
    """The load processes together may hold exactly the limit."""
    plan = make_plan(Path("l.py"), "", Path(), queue_limit=limit, load_processes=processes)

    assert sum(plan.queue_share(process) for process in range(processes)) == limit


def test_the_closed_model_has_no_timetable() -> None:
    """Asking for one is a mistake of the lab."""
    with pytest.raises(ValueError, match="closed model"):
        make_plan(Path("l.py"), "", Path(), rate=None).timetable(1)


def test_a_status_is_read_whole(tmp_path: Path) -> None:
    """Before the first there is none; then always the latest."""
    assert read_status(tmp_path / "s.json") is None
    for lanes in (1, 2):
        write_status(tmp_path / "s.json", Status(lanes=lanes, tally=Tally().totals()))

    assert read_status(tmp_path / "s.json") == Status(lanes=2, tally=Tally().totals())


@pytest.mark.parametrize(("ready", "said"), [(False, "ended the test itself"), (True, "before the measure phase")])
def test_a_locustfile_that_ends_the_run_is_told_when(*, ready: bool, said: str) -> None:
    """Before there was any load, as by a quit in test_start, or within it."""
    error = stopped_early(ready=ready)

    assert said in str(error)
    assert error.hint


def test_lag_quantiles_merge_load_processes() -> None:
    """Upper edges of 10 µs buckets, so that a lag is never shown too small; nothing without arrivals."""
    assert lag_quantile_s([{"0": 98, "50": 1}, {"100": 1}], 0.98) == pytest.approx(1e-5)
    assert lag_quantile_s([{"0": 98, "50": 1}, {"100": 1}], 0.99) == pytest.approx(51e-5)
    assert lag_quantile_s([{"0": 98, "50": 1}, {"100": 1}], 1.0) == pytest.approx(101e-5)
    assert lag_quantile_s([{}, {}], 0.99) is None


@pytest.mark.parametrize(
    ("served", "expected"),
    [
        ({"a": 100, "b": 99}, 1),
        ({"a": 100, "b": 100}, 0),
        ({"a": 500}, 1),
        ({None: 199}, 2),
        ({None: 200}, 0),
    ],
)
def test_a_serving_process_is_starved_below_its_warm_up(
    tmp_path: Path, served: dict[str | None, int], expected: int
) -> None:
    """Two processes must have answered 100 requests each before the warm-up ended; what came later does not count."""
    plan = make_plan(tmp_path / "l.py", "", tmp_path, rate=None, min_warmup_requests=100, serving_processes=2)
    plan.raw.mkdir()
    recorder = RequestRecorder(plan.recording_file(0))
    for sent_s, counts in ((0.5, served), (1.5, {"b": 400})):
        for name, count in counts.items():
            for _ in range(count):
                recorder.write(ARRIVAL, lane=0, sent_s=sent_s, done_s=sent_s + 0.1, server=name)
    recorder.close()
    count = sum(served.values()) + 400
    tally = Tally(scheduled=count, started=count, from_header=count)
    status = Status(
        warmup_start_s=0.0,
        measure_start_s=1.0,
        measure_end_s=2.0,
        finished_s=3.0,
        recorded=count,
        tally=tally.totals(),
    )

    found = outcome(plan, [status], tmp_path / "r.parquet", 0.0)

    assert found.counters.starved_workers == expected


def test_progress_joins_load_processes() -> None:
    """Counts add up, and the run is finished when all are."""
    first = Status(warmup_start_s=0.0, tally={"requests": 5, "failed": 1, "dropped": 2})
    second = Status(tally={"requests": 7}, finished_s=9.0)

    joined = progress([first, second])

    assert (joined.sent, joined.failed, joined.dropped, joined.finished) == (12, 1, 2, False)
    assert (joined.phase, progress([Status()]).phase) == ("warmup", "spawning")


def recorded(
    folder: Path, due_s: Sequence[float], *, dispatched: int, end_s: float = 2.0, aborted: bool = False
) -> int:
    """How many are in the measure phase of a load of 2 a second until ``end_s``, of which these were recorded."""
    plan = make_plan(folder / "l.py", "", folder, rate=2.0, schedule="uniform", measure_s=1.0)
    plan.raw.mkdir(parents=True)
    recorder = RequestRecorder(plan.recording_file(0))
    for each_s in due_s:
        recorder.write(ARRIVAL, lane=0, scheduled_s=each_s, sent_s=each_s, done_s=each_s + 0.1)
    recorder.close()
    status = Status(
        warmup_start_s=0.0,
        measure_start_s=1.0,
        measure_end_s=end_s,
        finished_s=3.0,
        recorded=len(due_s),
        tally=Tally(scheduled=dispatched, started=dispatched).totals(),
        aborted=aborted,
    )
    outcome(plan, [status], folder / "r.parquet", 0.0)
    return pl.read_parquet(folder / "r.parquet").filter(pl.col("phase") == "measure").height


def test_a_lost_row_is_an_error_and_not_a_smaller_number(tmp_path: Path) -> None:
    """The outcome refuses when schedule, counters and table disagree."""
    with pytest.raises(LoadError, match="4 in the schedule, 4 dispatched, 4 accounted for, 3 recorded"):
        recorded(tmp_path, (0.25, 0.75, 1.25), dispatched=4)


def test_what_is_sent_although_the_load_was_given_up_is_no_defect(tmp_path: Path) -> None:
    """A load process that stood still has heard of it late; what was due after the end belongs to no phase of it."""
    all_of_it = (0.25, 0.75, 1.25, 1.75)

    assert recorded(tmp_path / "late", all_of_it, dispatched=4, end_s=1.5, aborted=True) == 1
    with pytest.raises(LoadError, match="3 in the schedule, 4 dispatched"):
        recorded(tmp_path / "as planned", all_of_it, dispatched=4, end_s=1.5)
    with pytest.raises(LoadError, match="3 in the schedule, 2 dispatched"):
        recorded(tmp_path / "lost", all_of_it[:2], dispatched=2, end_s=1.5, aborted=True)
    with pytest.raises(LoadError, match="4 accounted for, 3 recorded"):
        recorded(tmp_path / "unwritten", all_of_it[:3], dispatched=4, end_s=1.5, aborted=True)


def by_socket(directory: Path, connections: pl.DataFrame) -> LoadOutcome:
    """A run of 3 s without a header: 150 warm-up requests on one connection, 20 on another, 30 on a third."""
    plan = make_plan(directory / "l.py", "", directory, rate=None, min_warmup_requests=100, serving_processes=2)
    plan.raw.mkdir()
    recorder = RequestRecorder(plan.recording_file(0))
    for client_port, count in ((40001, 150), (40002, 20), (40003, 30)):
        for _ in range(count):
            recorder.write(ARRIVAL, lane=0, sent_s=0.5, done_s=0.6, client_port=client_port)
    recorder.close()
    status = Status(
        warmup_start_s=0.0,
        measure_start_s=1.0,
        measure_end_s=2.0,
        finished_s=3.0,
        recorded=200,
        tally=Tally(scheduled=200, started=200).totals(),
    )
    return outcome(plan, [status], directory / "r.parquet", 0.0, connections)


def test_requests_are_attributed_by_the_sockets_owners(tmp_path: Path) -> None:
    """Who was starved in the warm-up is known only then: two processes, one of them with 50 requests."""
    readings = [(0.5, port, pid, "app", "10.0.0.2") for port, pid in ((40001, 7), (40002, 8), (40003, 8))]

    found = by_socket(tmp_path, pl.DataFrame(readings, schema=dict(CONNECTIONS), orient="row"))

    assert (found.attribution, found.counters.starved_workers) == ("socket", 1)
    served = pl.read_parquet(tmp_path / "r.parquet")["served_by"].value_counts().rows()
    assert dict(served) == {"app:7": 150, "app:8": 50}


def test_no_connection_seen_is_no_attribution(tmp_path: Path) -> None:
    """Nothing is claimed to have been found by socket."""
    found = by_socket(tmp_path, pl.DataFrame(schema=dict(CONNECTIONS)))

    assert found.attribution == "none"
    assert pl.read_parquet(tmp_path / "r.parquet")["served_by"].null_count() == 200


def test_errors_can_be_grouped() -> None:
    """No addresses, a bad status without its URL, the text of a task as it is."""

    class HTTPError(Exception):
        pass

    class CatchResponseError(Exception):
        pass

    assert describe(HTTPError("404 for url /items/17"), 404) == "HTTP 404"
    assert describe(HTTPError("odd"), 0) == "HTTPError: odd"
    assert describe(CatchResponseError("too slow"), 200) == "too slow"
    assert describe(ValueError("<x object at 0x7f00deadbeef>")) == "ValueError: <x object at 0x…>"
    assert describe(ValueError()) == "ValueError"
    assert describe("just a text") == "just a text"


def test_served_by_prefers_the_apps_own_header() -> None:
    """Of several upstream tries the last one answered."""
    assert served_by({HEADER: "app-1", "X-Lab-Upstream": "1:1"}, HEADER, named_upstream) == (
        "app-1",
        False,
    )
    assert served_by({"X-Lab-Upstream": "1:1, 1:2"}, HEADER, named_upstream) == ("1:2", True)
    assert served_by({"Server": "nginx"}, HEADER, named_upstream) == (None, False)
    assert served_by(None, HEADER, named_upstream) == (None, False)


def test_an_address_of_several_processes_is_no_server() -> None:
    """Workers behind nginx have one address: it must not look like one process that does everything."""
    assert served_by({HEADER: "app-1", "X-Lab-Upstream": "1:1"}, HEADER, None) == ("app-1", False)
    assert served_by({"X-Lab-Upstream": "1:1"}, HEADER, None) == (None, False)


def test_a_header_that_names_no_process_is_not_read() -> None:
    """Another header may; without any the front's address is believed."""
    headers = {"X-Served-By": "FastAPI", "X-Worker": "app-1", "X-Lab-Upstream": "1:1"}
    assert served_by(headers, "", named_upstream) == ("1:1", True)
    assert served_by(headers, "X-Worker", named_upstream) == ("app-1", False)


def test_a_flood_of_messages_is_cut_by_template() -> None:
    """The same template stops after its limit, another one still gets through."""
    limit = LimitRepeats()

    def passes(message: str) -> bool:
        return limit.filter(logging.LogRecord("locust", logging.ERROR, "", 1, message, None, None))

    assert sum(passes("%s failed") for _ in range(MAX_REPEATS + 50)) == MAX_REPEATS
    assert passes("something else")


def test_a_load_process_has_the_environment_of_its_user() -> None:
    """A locustfile finds its settings and its modules; the lab adds no path, and no switch takes its patches away."""
    environment = child_environment({"LOCUST_SKIP_MONKEY_PATCH": "1", "TOKEN": "x", "PYTHONPATH": "/mine"})

    assert environment == {"TOKEN": "x", "PYTHONPATH": "/mine", "PYTHONHASHSEED": "0", "PYTHONUNBUFFERED": "1"}


def test_a_module_beside_the_locustfile_cannot_shadow_the_standard_library() -> None:
    """-P keeps the working directory out of the path until Locust imports the locustfile."""
    command = child_command("lab.load.inside.plugin", "/trial", python="/usr/bin/python3")

    assert command == ["/usr/bin/python3", "-P", boot.__file__, "lab.load.inside.plugin", "/trial"]


def test_an_alarm_rings_at_its_instant() -> None:
    """At once when it has passed; not before; a new instant replaces the old one."""
    alarm = Alarm()
    alarm.set(time.monotonic() - 1.0)
    assert select.select([alarm.fd], [], [], 30.0)[0]
    alarm.silence()
    alarm.silence()
    assert not select.select([alarm.fd], [], [], 0.0)[0]

    late_s = []
    for _ in range(5):  # the machine may be busy for a moment
        due_s = time.monotonic() + 0.02
        alarm.set(time.monotonic() + 60.0)
        alarm.set(due_s)
        assert select.select([alarm.fd], [], [], 30.0)[0]
        late_s.append(time.monotonic() - due_s)
        alarm.silence()
    assert 0.0 <= min(late_s) < 0.5


@pytest.mark.parametrize(
    ("exact", "bucket"), [(0.04, 0.0), (1.26, 1.3), (99.94, 99.9), (123.4, 123.0), (54321.0, 54300.0)]
)
def test_locusts_own_histogram_is_fine_and_small(exact: float, bucket: float) -> None:
    """Tenths of a millisecond where it matters, three digits above: its UI does not contradict the report."""
    assert fine_bucket(exact) == pytest.approx(bucket)


def test_a_status_is_read_whole_or_not_at_all(tmp_path: Path) -> None:
    """A shorter text covers a longer one; what is half written is not taken; no file is no status."""
    path = tmp_path / "status.json"
    assert read_json(path) is None
    path.touch()
    assert read_json(path) is None, "made, and nothing said yet"
    write_json(path, {"name": "a long one", "n": 1})
    write_json(path, {"n": 2})
    assert read_json(path) == {"n": 2}

    path.write_text(path.read_text().replace("2}", "3}", 1))
    assert read_json(path) is None, "it is not what its checksum is of"


@pytest.mark.parametrize("old", [slice(0, 20), slice(30, 60), slice(-20, None), slice(9, -9)])
def test_a_status_with_a_part_of_the_one_before_is_not_taken(tmp_path: Path, old: slice) -> None:
    """Who reads overtakes who writes, and is overtaken again: then only the middle is old."""
    path, texts = tmp_path / "status.json", []
    for digit in "12":
        write_json(path, dict.fromkeys("abcdef", digit * 10))
        texts.append(bytearray(path.read_bytes()))
    before, mixed = texts
    mixed[old] = before[old]
    path.write_bytes(mixed)

    assert read_json(path) is None


def test_a_reader_beside_a_writer_sees_only_what_was_said(tmp_path: Path) -> None:
    """Every value is one that was written, however often the two meet."""
    path, ended = tmp_path / "status.json", Event()
    write_json(path, {"n": 0, "again": [0] * 500})

    def write() -> None:
        try:
            for n in range(2000):
                write_json(path, {"n": n, "again": [n] * 500})
        finally:
            ended.set()

    writer = Thread(target=write)
    writer.start()
    while not ended.is_set():
        found = read_json(path)
        assert found is None or set(found["again"]) == {found["n"]}
    writer.join()
    assert (read_json(path) or {})["n"] == 1999


def test_a_log_that_never_came_is_told_as_that(tmp_path: Path) -> None:
    """An agent that ends early has sent nothing of it."""
    assert log_tail(tmp_path / "locust.log") == "nothing of locust.log is there"
