"""The open model inside a real Locust: arrivals, their tasks, their requests."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from lab.load.inside.conductor import DRAIN_S
from lab.record.types import REQUESTS, ClientPolicy, RequestKind
from tests.load_runs import Run, run_load

pytestmark = pytest.mark.integration

ARRIVAL, FOLLOW, START, DROP, EMPTY = (
    RequestKind.ARRIVAL,
    RequestKind.FOLLOW,
    RequestKind.START,
    RequestKind.DROP,
    RequestKind.EMPTY,
)

SIMPLE = """
    from locust import FastHttpUser, constant, task

    class Simple(FastHttpUser):
        wait_time = constant(1000)

        @task
        def root(self):
            self.client.get("/root")
"""


def assert_accounted(run: Run) -> None:
    """Every scheduled arrival is one row and in one counter."""
    counters, kinds = run.outcome.counters, run.kinds()
    assert counters.scheduled == counters.started + counters.dropped + counters.unfinished
    assert counters.scheduled == kinds["arrival"] + kinds["drop"] + kinds["empty"]


def test_every_arrival_is_one_request_whatever_the_locustfile_waits(tmp_path: Path) -> None:
    """wait_time is replaced by the schedule, first task included; three instants in order; the table has its schema."""
    run = run_load(tmp_path, SIMPLE)

    assert_accounted(run)
    assert dict(run.table.schema) == dict(REQUESTS)
    assert run.server.seen["GET /root"] == run.outcome.counters.scheduled > 100
    late = run.table.filter(pl.col("t_sent_s") < pl.col("t_scheduled_s"))
    assert late.height == 0
    assert run.table.filter(pl.col("t_done_s") <= pl.col("t_sent_s")).height == 0
    assert run.outcome.counters.dispatch_lag_p99_s is not None
    assert run.outcome.attribution == "header"
    assert set(run.table["served_by"]) == {"fake-1"}
    assert set(run.table["name"]) == {"GET /root"}
    assert run.outcome.measure_start_s - run.outcome.warmup_start_s == pytest.approx(0.4, abs=0.3)


def test_lanes_take_arrivals_in_turn(tmp_path: Path) -> None:
    """First in, first out: no lane's connection is preferred while the server is quick."""
    run = run_load(tmp_path, SIMPLE, lanes=4, rate=80.0)

    per_lane = run.rows(ARRIVAL)["lane"].value_counts()["count"].to_list()
    assert len(per_lane) == 4
    assert max(per_lane) - min(per_lane) <= 10, "last in, first out would leave one lane nearly all of 120"


CHOOSES = """
    import random
    from random import randint
    from locust import FastHttpUser, HttpUser, task

    class Quick(FastHttpUser):
        @task(3)
        def one(self):
            self.client.get(f"/one/{randint(1, 10**9)}", name="/one")

        @task(1)
        def two(self):
            self.client.get(f"/two/{random.random()}?ms={MS}", name="/two")
            self.client.get(f"/two/{random.choice(range(10**9))}", name="/two again")

    class Slow(HttpUser):
        @task
        def three(self):
            self.client.get(f"/three/{random.uniform(0, 1)}", name="/three")
"""


def test_arms_do_identical_work(tmp_path: Path) -> None:
    """Same seed, another speed of the server: the same instants, classes, tasks and random ids, also after waiting."""
    runs = [
        run_load(tmp_path / ms, CHOOSES.replace("{MS}", ms), measure_s=1.0, lanes=12, serving_processes=1)
        for ms in ("1", "40")
    ]

    paths = [sorted(path.partition("?")[0] for path in run.server.paths) for run in runs]
    assert paths[0] == paths[1]
    schedules = [sorted(run.rows(ARRIVAL)["t_scheduled_s"] - run.rows(ARRIVAL)["t_scheduled_s"].min()) for run in runs]
    assert schedules[0] == pytest.approx(schedules[1], abs=1e-6)
    assert {"GET /one", "GET /two", "GET /two again", "GET /three"} == set(runs[0].table["name"])


def test_another_seed_is_other_work(tmp_path: Path) -> None:
    """The schedule comes from the seed."""
    runs = [run_load(tmp_path / str(seed), SIMPLE, seed=seed, measure_s=0.5) for seed in (1, 2)]

    starts = [sorted(run.rows(ARRIVAL)["t_scheduled_s"])[0] - run.outcome.measure_start_s for run in runs]
    assert starts[0] != starts[1]


def test_user_classes_share_arrivals_like_lanes(tmp_path: Path) -> None:
    """Weights and fixed_count decide about lanes, and lanes about arrivals; both HTTP clients are recorded alike.

    How long they wait, and whether they ask again, is told of each.
    """
    run = run_load(
        tmp_path,
        """
        from locust import FastHttpUser, HttpUser, task

        class Fixed(HttpUser):
            fixed_count = 2
            @task
            def a(self):
                self.client.get("/fixed")

        class Heavy(FastHttpUser):
            weight = 3
            network_timeout = 7
            @task
            def b(self):
                self.client.get("/heavy")

        class Light(HttpUser):
            weight = 1
            @task
            def c(self):
                self.client.post("/light", json={"a": 1})
        """,
        lanes=10,
        rate=300.0,
    )

    assert_accounted(run)
    names = dict(run.table["name"].value_counts().iter_rows())
    total = sum(names.values())
    shares = {name: count / total for name, count in names.items()}
    assert shares == pytest.approx({"GET /fixed": 0.2, "GET /heavy": 0.6, "POST /light": 0.2}, abs=0.07)
    assert run.table.filter(pl.col("error").is_not_null() | (pl.col("status") != 200)).height == 0
    assert run.table["bytes"].min() == len('{"path": "/fixed"}')
    endless = ClientPolicy()
    assert run.outcome.counters.clients == {
        "Fixed": endless,
        "Heavy": ClientPolicy(answer_s=7.0, connect_s=60.0, repeats=True),
        "Light": endless,
    }


def test_tags_choose_tasks(tmp_path: Path) -> None:
    """Only the tagged tasks run, and excluded ones do not."""
    run = run_load(
        tmp_path,
        """
        from locust import FastHttpUser, tag, task

        class Tagged(FastHttpUser):
            @tag("x")
            @task
            def x(self):
                self.client.get("/x")

            @tag("x", "y")
            @task
            def xy(self):
                self.client.get("/xy")

            @task
            def none(self):
                self.client.get("/none")
        """,
        tags=("x",),
        exclude_tags=("y",),
    )

    assert set(run.table["name"]) == {"GET /x"}


NESTED = """
    from locust import FastHttpUser, SequentialTaskSet, TaskSet, task

    class Inner(TaskSet):
        @task(2)
        def leaf(self):
            self.client.get("/inner")

        @task(1)
        def leave(self):
            self.client.get("/leave")
            self.interrupt()

    class Outer(TaskSet):
        tasks = [Inner]

        @task
        def leaf(self):
            self.client.get("/outer")

        @task
        def leave(self):
            self.client.get("/leave-outer")
            self.interrupt(reschedule=False)

    class Steps(SequentialTaskSet):
        @task
        def first(self):
            self.client.get("/first")

        @task
        def second(self):
            self.client.get("/second")

        @task
        def third(self):
            self.client.get("/third")
            self.interrupt()

    class Tree(FastHttpUser):
        tasks = {Outer: 1, Steps: 1}
"""


def test_each_leaf_task_uses_exactly_one_arrival(tmp_path: Path) -> None:
    """Nested and sequential TaskSets, left with and without rescheduling: no arrival is used twice or for nothing."""
    run = run_load(tmp_path, NESTED, lanes=6, rate=200.0)

    assert_accounted(run)
    assert run.kinds().keys() == {"arrival"}
    seen = run.server.seen
    assert set(seen) == {
        f"GET /{leaf}" for leaf in ("inner", "leave", "outer", "leave-outer", "first", "second", "third")
    }
    assert seen["GET /first"] >= seen["GET /second"] >= seen["GET /third"] > 0
    assert seen["GET /first"] - seen["GET /third"] <= 6


def test_requests_of_on_start_and_follow_ups_are_told_apart(tmp_path: Path) -> None:
    """on_start is in no result; the second request of a task has service time only."""
    run = run_load(
        tmp_path,
        """
        from locust import FastHttpUser, task

        class Login(FastHttpUser):
            def on_start(self):
                self.client.post("/login?ms=30", name="/login")

            @task
            def two(self):
                self.client.get("/first")
                self.client.get("/second")
        """,
    )

    assert_accounted(run)
    assert run.kinds()["start"] == 8
    assert set(run.rows(START, phase=None)["name"]) == {"POST /login"}
    assert run.rows(FOLLOW, phase=None).height == run.rows(ARRIVAL, phase=None).height
    assert run.rows(FOLLOW)["t_scheduled_s"].null_count() == run.rows(FOLLOW).height
    assert set(run.rows(FOLLOW)["name"]) == {"GET /second"}


TROUBLE = """
    import random
    from locust import FastHttpUser, task
    from locust.exception import StopUser, RescheduleTaskImmediately

    class Trouble(FastHttpUser):
        @task
        def nothing(self):
            pass

        @task
        def raises(self):
            raise ValueError("broken task")

        @task
        def raises_late(self):
            self.client.get("/late")
            raise KeyError("late")

        @task
        def stops(self):
            raise StopUser()

        @task
        def again(self):
            self.client.get("/again")
            raise RescheduleTaskImmediately()

        @task
        def fails(self):
            self.client.get("/fails?status=503", name="/fails")
"""


def test_tasks_that_fail_stop_or_do_nothing_lose_no_arrival(tmp_path: Path) -> None:
    """Users that stop are replaced; a task without a request is an empty row, with its error when it raised."""
    run = run_load(tmp_path, TROUBLE, lanes=6, rate=120.0, measure_s=2.0)

    assert_accounted(run)
    counters = run.outcome.counters
    assert counters.lanes == 6
    assert run.outcome.replaced > 5
    errors = dict(run.rows(EMPTY, phase=None)["error"].value_counts().iter_rows())
    assert errors.keys() == {None, "ValueError: broken task"}
    late = run.rows(ARRIVAL, phase=None).filter(pl.col("name") == "GET /late")
    assert counters.user_errors == errors["ValueError: broken task"] + late.height
    failed = run.rows(ARRIVAL, phase=None).filter(pl.col("name") == "GET /fails")
    assert set(failed["error"]) == {"HTTP 503"}
    assert set(failed["status"]) == {503}


def test_the_last_byte_counts_and_not_the_with_block(tmp_path: Path) -> None:
    """Both clients: t_done is when the body was complete, though the task thinks about the response for longer."""
    run = run_load(
        tmp_path,
        """
        import gevent
        from locust import FastHttpUser, HttpUser, task

        class Fast(FastHttpUser):
            @task
            def look(self):
                with self.client.get("/fast?tail_ms=50", name="/fast", catch_response=True) as response:
                    gevent.sleep(0.6)
                    response.failure("I did not like it")

        class Plain(HttpUser):
            @task
            def look(self):
                with self.client.get("/plain?tail_ms=50", name="/plain", catch_response=True) as response:
                    gevent.sleep(0.6)
                    raise RuntimeError("inside")
        """,
        rate=20.0,
        lanes=20,
    )

    assert_accounted(run)
    service = run.table.select(pl.col("t_done_s") - pl.col("t_sent_s")).to_series()
    assert service.min() >= 0.05  # type: ignore[operator]
    assert service.median() < 0.4  # type: ignore[operator]
    errors = set(run.table["error"])
    assert errors == {"I did not like it", "RuntimeError: inside"}
    assert run.table["status"].to_list() == [200] * run.table.height


def test_overload_drops_are_counted_failures(tmp_path: Path) -> None:
    """One lane, 100 ms a request, 100 arrivals a second: the queue fills up to its limit, the rest is dropped."""
    run = run_load(
        tmp_path,
        """
        from locust import FastHttpUser, task

        class Slow(FastHttpUser):
            @task
            def slow(self):
                self.client.get("/slow?ms=100", name="/slow")
        """,
        lanes=1,
        queue_limit=20,
        measure_s=2.0,
    )

    assert_accounted(run)
    assert run.outcome.counters.dropped > 100
    drops = run.rows(DROP)
    assert drops["t_sent_s"].null_count() == drops.height
    assert drops["error"].null_count() == 0
    measured = run.rows(ARRIVAL)
    response = measured.select(pl.col("t_done_s") - pl.col("t_scheduled_s")).to_series()
    service = measured.select(pl.col("t_done_s") - pl.col("t_sent_s")).to_series()
    in_queue = response.median() / service.mean()  # type: ignore[operator]  # not empty
    assert 15 < in_queue < 30  # type: ignore[operator]


def test_what_never_ends_is_unfinished(tmp_path: Path) -> None:
    """Requests without an answer, and arrivals that waited behind them, are rows without an end."""
    run = run_load(
        tmp_path,
        """
        from locust import FastHttpUser, task

        class Hang(FastHttpUser):
            @task
            def hang(self):
                self.client.get("/hang?hang=1", name="/hang")
        """,
        lanes=2,
        rate=20.0,
        measure_s=1.0,
    )

    assert_accounted(run)
    assert run.outcome.counters.unfinished == run.table.height
    assert run.outcome.counters.starved_workers == 1
    assert set(run.table["error"]) == {"unfinished"}
    assert run.table["t_done_s"].null_count() == run.table.height
    assert run.table["t_sent_s"].drop_nulls().len() == 2
    assert DRAIN_S <= run.outcome.finished_s - run.outcome.measure_end_s < 2 * DRAIN_S


def test_coordinated_omission_is_visible(tmp_path: Path) -> None:
    """One request that blocks the only lane for 2 s delays the arrivals behind it: in response, not in service."""
    run = run_load(
        tmp_path,
        """
        from itertools import count
        from locust import FastHttpUser, task

        numbers = count()

        class Stall(FastHttpUser):
            @task
            def stall(self):
                self.client.get("/?ms=2000" if next(numbers) == 100 else "/", name="/")
        """,
        lanes=1,
    )

    rows = run.rows(ARRIVAL)
    service = rows.select(pl.col("t_done_s") - pl.col("t_sent_s")).to_series()
    response = rows.select(pl.col("t_done_s") - pl.col("t_scheduled_s")).to_series()
    assert service.quantile(0.9) < 0.4  # type: ignore[operator]
    assert response.quantile(0.9) > 0.8  # type: ignore[operator]


@pytest.mark.alone
def test_custom_clients_and_pools_are_recorded(tmp_path: Path) -> None:
    """A plain User that fires the request event itself makes events, one with greenlets of its own requests."""
    run = run_load(
        tmp_path,
        """
        import time
        import gevent
        from gevent.pool import Group
        from locust import FastHttpUser, User, task

        class Custom(User):
            @task
            def work(self):
                gevent.sleep(0.02)
                self.environment.events.request.fire(
                    request_type="XYZ", name="custom", response_time=20.0, response_length=5, exception=None, context={}
                )

        class Pooled(FastHttpUser):
            @task
            def both(self):
                group = Group()
                for _ in range(2):
                    group.spawn(lambda: self.client.get("/pooled"))
                group.join()
        """,
        lanes=10,
    )

    assert_accounted(run)
    assert run.events.select("type", "name", "value", "length", "error").unique().rows() == [
        ("XYZ", "custom", 20.0, 5.0, None)
    ]
    assert run.events.height == run.rows(EMPTY, phase=None).height == run.outcome.counters.events > 20
    assert set(run.outcome.counters.clients) == {"Pooled"}
    pooled = run.table.filter(pl.col("name") == "GET /pooled")["kind"].value_counts()
    assert len(set(pooled["count"])) == 1


@pytest.mark.parametrize(
    ("query", "attribution", "servers"),
    [
        ("", "header", {"fake-1"}),
        ("?nobody=1&upstream=127.0.0.1:8002", "upstream", {"127.0.0.1:8002"}),
        ("?nobody=1", "none", {None}),
    ],
)
def test_served_by_says_where_it_comes_from(
    tmp_path: Path, query: str, attribution: str, servers: set[str | None]
) -> None:
    """The app's header, else the balancer's upstream of the last try, else nothing."""
    run = run_load(
        tmp_path, SIMPLE.replace('"/root"', f'"/root{query}", name="/root"'), measure_s=0.5, serving_processes=1
    )

    assert run.outcome.attribution == attribution
    assert set(run.table["served_by"]) == servers


@pytest.mark.alone
def test_a_starved_process_is_counted_and_prolongs_nothing(tmp_path: Path) -> None:
    """Two serving processes were promised, one answers: the warm-up is as long as in an arm in which both do."""
    run = run_load(tmp_path, SIMPLE, serving_processes=2, measure_s=0.5)

    assert run.outcome.counters.starved_workers == 1
    assert run.outcome.measure_start_s - run.outcome.warmup_start_s == pytest.approx(0.4, abs=1e-6)


def test_load_processes_share_one_stream(tmp_path: Path) -> None:
    """Two load processes: the same arrivals as with one, each lane in one process, marks at the same instant."""
    runs = [run_load(tmp_path / str(k), SIMPLE, load_processes=k, lanes=5, rate=150.0) for k in (1, 2)]

    for run in runs:
        assert_accounted(run)
        assert set(run.table["lane"]) == set(range(5))
    offsets = [sorted(run.rows(ARRIVAL)["t_scheduled_s"] - run.rows(ARRIVAL)["t_scheduled_s"].min()) for run in runs]
    assert offsets[0] == pytest.approx(offsets[1], abs=1e-6)
    assert runs[1].outcome.counters.lanes == 5


def test_only_the_scenario_configures_locust(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """LOCUST_* variables and configuration files beside the locustfile are ignored; data files beside it are found."""
    folder = tmp_path / "with, comma and ü"
    folder.mkdir()
    (folder / "locust.conf").write_text("users = 99\nrun-time = 1s\nhost = http://127.0.0.1:9\n")
    (folder / "pyproject.toml").write_text('[tool.locust]\nusers = 99\ntags = ["nope"]\n')
    (folder / "ids.txt").write_text("17")
    (folder / "helper.py").write_text("PATH = '/from-helper'\n")
    locustfile = folder / "my, locustfile.py"
    locustfile.write_text(
        "from locust import FastHttpUser, task\nimport helper\nids = open('ids.txt').read()\n"
        "class One(FastHttpUser):\n    host = 'http://127.0.0.1:9'\n"
        "    @task\n    def one(self):\n        self.client.get(helper.PATH + ids)\n"
    )
    monkeypatch.setenv("LOCUST_USERS", "99")
    monkeypatch.setenv("LOCUST_RUN_TIME", "1")
    monkeypatch.setenv("LOCUST_EXCLUDE_TAGS", "x")

    run = run_load(tmp_path, locustfile, measure_s=0.5)

    assert run.outcome.counters.lanes == 8
    assert set(run.table["name"]) == {"GET /from-helper17"}


def test_a_task_that_raises_all_the_time_does_not_fill_the_log(tmp_path: Path) -> None:
    """Hundreds of tracebacks are cut, the counters are not."""
    run = run_load(
        tmp_path,
        """
        from locust import FastHttpUser, task

        class Bad(FastHttpUser):
            @task
            def bad(self):
                raise ValueError("always")
        """,
        rate=400.0,
        queue_limit=1000,  # a busy machine may have them wait
        measure_s=1.0,
    )

    assert run.outcome.counters.user_errors == run.outcome.counters.scheduled > 400
    assert run.log.count("ValueError: always") <= 201
    assert "messages like this one" in run.log


def test_a_pause_inside_a_task_is_the_tasks_own(tmp_path: Path) -> None:
    """A task that calls wait() pauses as the locustfile says and uses no second arrival."""
    run = run_load(
        tmp_path,
        """
        from locust import FastHttpUser, constant, task

        class Pauses(FastHttpUser):
            wait_time = constant(0.05)

            @task
            def pause(self):
                self.client.get("/before")
                self.wait()
                self.client.get("/after")
        """,
        lanes=20,
    )

    assert_accounted(run)
    assert run.rows(ARRIVAL, phase=None).height == run.rows(FOLLOW, phase=None).height
    lanes = run.table.sort("lane", "t_sent_s").with_columns(
        (pl.col("t_sent_s") - pl.col("t_done_s").shift(1).over("lane")).alias("pause_s")
    )
    assert lanes.filter(pl.col("kind") == "follow")["pause_s"].min() >= 0.05  # type: ignore[operator]
