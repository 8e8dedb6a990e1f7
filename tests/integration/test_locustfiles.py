"""Locustfiles as people have them: found modules, own arguments, and sentences before anything is built."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from lab.errors import LoadError, ScenarioError
from lab.record.types import RequestKind
from lab.run.first_import import look_at_locustfile
from lab.scenario.model import Scenario
from tests.fake_server import fake_server
from tests.fake_surroundings import shop
from tests.forked_loads import FORKED
from tests.load_runs import run_load, write_locustfile

pytestmark = pytest.mark.integration

SIMPLE = """
    from locust import FastHttpUser, task

    class One(FastHttpUser):
        @task
        def one(self):
            self.client.get("/one")
"""
ARGUMENTS = """
    from locust import FastHttpUser, events, task

    @events.init_command_line_parser.add_listener
    def own(parser):
        parser.add_argument("--tenant", env_var="LOAD_TENANT", required=True)
        parser.add_argument("--query", env_var="LOCUST_QUERY", default="all")

    class One(FastHttpUser):
        @task
        def one(self):
            told = self.environment.parsed_options
            self.client.get(f"/{told.tenant}/{told.query}")
"""


@pytest.fixture(autouse=True)
def _looks_by_copies(monkeypatch: pytest.MonkeyPatch) -> None:
    """As ``run_load`` does."""
    monkeypatch.setattr("lab.load.locust_process.HERE", FORKED)


def scenario_of(folder: Path, locustfile: Path, **load: Any) -> Scenario:
    """A scenario that is never run."""
    scenario = shop(folder, 1)
    return replace(scenario, load=replace(scenario.load, locustfile=locustfile, **load))


def project(folder: Path, files: Mapping[str, str]) -> Path:
    """The files of somebody's project."""
    for name, text in files.items():
        write_locustfile((folder / name).parent, text, Path(name).name)
    return folder


PROJECT = {
    "app/settings.py": "PATH = '/from-app'\n",  # a namespace package, which any other `app` would go before
    "lab/__init__.py": "EXTRA = '-lab'\n",
    "tests/load/common.py": "MORE = '-tests'\n",
    "tests/load/locustfile.py": """
        from app.settings import PATH
        from lab import EXTRA
        from locust import FastHttpUser, task
        from tests.load.common import MORE

        class One(FastHttpUser):
            @task
            def one(self):
                from app import settings
                self.client.get(settings.PATH + EXTRA + MORE)
    """,
}


def test_a_project_finds_its_own_modules_even_where_the_lab_has_such_names(tmp_path: Path) -> None:
    """From the folder in which Locust would be started, which is found; also in a task, long after the import."""
    locustfile = project(tmp_path / "theirs", PROJECT) / "tests/load/locustfile.py"
    said: list[str] = []

    found = look_at_locustfile(scenario_of(tmp_path, locustfile), said.append)

    assert found.load.root == tmp_path / "theirs"
    assert "load.root" in said[0]
    run = run_load(tmp_path / "run", locustfile, root=found.load.root, measure_s=0.3)
    assert set(run.table["name"]) == {"GET /from-app-lab-tests"}


@pytest.mark.parametrize("name", ["app", "tests", "lab"])
def test_the_labs_own_packages_are_not_there_for_a_locustfile(tmp_path: Path, name: str) -> None:
    """A project that misses its module is told so, and does not get one of ours."""
    locustfile = write_locustfile(tmp_path / "user", f"import {name}\n")

    with pytest.raises(ScenarioError, match=f"line 1: ModuleNotFoundError: No module named '{name}'") as caught:
        look_at_locustfile(scenario_of(tmp_path, locustfile), print)
    assert "load.root" in caught.value.hint


def test_a_file_of_the_folder_above_is_found(tmp_path: Path) -> None:
    """As under plain Locust, where it was started from there."""
    folder = project(tmp_path / "theirs", {"load/locustfile.py": 'open("ids.txt").read()\n' + _flat(SIMPLE)})
    (folder / "ids.txt").write_text("17")

    found = look_at_locustfile(scenario_of(tmp_path, folder / "load/locustfile.py"), print)

    assert found.load.root == folder


def _flat(text: str) -> str:
    return "\n".join(line.removeprefix("    ") for line in text.splitlines())


@pytest.mark.parametrize(
    ("text", "load", "sentence", "hint"),
    [
        ("class One(:\n", {}, "locustfile.py, line 1: invalid syntax", "not valid Python"),
        ("import no_such_package\n", {}, "No module named 'no_such_package'", "load.requirements, .*load.python"),
        ("x = 1\n", {}, "has no User class", "HttpUser"),
        ("import os\nos.environ['API_KEY']\n", {}, "line 2: the variable API_KEY is not set", "API_KEY=… lab run"),
        ("{}['API_KEY']\n", {}, "line 1: KeyError: 'API_KEY'", "importing the locustfile failed"),
        (SIMPLE, {"users": ("Two",)}, "no user class 'Two'", "it has One"),
        (SIMPLE, {"tags": ("nope",)}, "no task with these tags", "load.tags"),
        (ARGUMENTS, {}, "arguments are required: --tenant", r'\["--tenant", "VALUE"\], or in .*LOAD_TENANT'),
        (SIMPLE, {"args": ("--tenant", "a")}, "unrecognized arguments: --tenant", "load.args"),
        (SIMPLE, {"args": ("--users", "5")}, "--users is an option of Locust itself", "load.lanes"),
        (SIMPLE, {"args": ("-t5m",)}, "-t5m is an option of Locust itself", "load.measure"),
        (SIMPLE, {"args": ("--master",)}, "--master is an option of Locust itself", "load.nodes"),
        (SIMPLE, {"args": ("One",)}, "'One' belongs to no argument", "load.users"),
    ],
)
def test_what_is_wrong_is_said_before_anything_is_built(
    tmp_path: Path, text: str, load: dict[str, Any], sentence: str, hint: str
) -> None:
    """In one sentence with the key that mends it."""
    locustfile = write_locustfile(tmp_path / "user", text)

    with pytest.raises(ScenarioError, match=sentence) as caught:
        look_at_locustfile(scenario_of(tmp_path, locustfile, **load), print)
    assert re.search(hint, caught.value.hint)


def test_own_arguments_come_from_the_scenario_or_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Said once each; what the scenario decides is not taken from the environment, which is said as well."""
    locustfile = write_locustfile(tmp_path / "user", ARGUMENTS)
    monkeypatch.setenv("LOCUST_QUERY", "shoes")
    monkeypatch.setenv("LOCUST_USERS", "99")
    said: list[str] = []

    look_at_locustfile(scenario_of(tmp_path, locustfile, args=("--tenant", "acme")), said.append)

    assert [word for word in ("LOCUST_USERS", "--query", "LOCUST_QUERY") if word in " ".join(said)] == [
        "LOCUST_USERS",
        "--query",
        "LOCUST_QUERY",
    ]
    run = run_load(tmp_path / "run", locustfile, args=("--tenant", "acme"), measure_s=0.3)
    assert set(run.table["name"]) == {"GET /acme/shoes"}
    assert run.outcome.counters.lanes == 8


PYTEST_STYLE = """
    def test_one(session):
        session.get("/one")

    def test_two(fastsession):
        fastsession.get("/two")
        fastsession.get("/three")
        assert fastsession.user is not None
"""


@pytest.mark.parametrize("rate", [80.0, None])
def test_pytest_style_functions_are_tasks(tmp_path: Path, rate: float | None) -> None:
    """In the open model one arrival for each call of a function, in the closed one as fast as they are answered."""
    locustfile = write_locustfile(tmp_path / "user", PYTEST_STYLE, "test_items.py")

    run = run_load(tmp_path, locustfile, rate=rate, lanes=4, measure_s=0.8)

    counters, arrivals = run.outcome.counters, run.table.filter(pl.col("kind") == "arrival")
    assert counters.scheduled == counters.started + counters.unfinished == arrivals.height > 10
    assert set(arrivals["name"]) == {"GET /one", "GET /two"}
    assert set(run.table.filter(pl.col("kind") == "follow")["name"]) == {"GET /three"}


def test_a_failing_test_function_is_an_exception_of_the_locustfile(tmp_path: Path) -> None:
    """It ends the user, as under plain Locust; the lab counts it and replaces the user."""
    text = "def test_one(session):\n    session.get('/one')\n    assert False, 'not what it was'\n"
    locustfile = write_locustfile(tmp_path / "user", text, "test_items.py")

    run = run_load(tmp_path, locustfile, lanes=4, rate=30.0, measure_s=0.8)

    (told,) = run.outcome.counters.exceptions
    assert "test_items.py:3 in test_one: AssertionError: not what it was" in told
    assert run.outcome.counters.started > 10


def test_a_class_of_weight_zero_is_left_out(tmp_path: Path) -> None:
    """As under plain Locust; where nothing else is left, a sentence says so."""
    text = _flat(SIMPLE) + "\n\nclass Never(One):\n    weight = 0\n"
    locustfile = write_locustfile(tmp_path / "user", text)

    run = run_load(tmp_path / "run", locustfile, measure_s=0.3)

    assert set(run.table["name"]) == {"GET /one"}
    with pytest.raises(ScenarioError, match="every user class has weight 0: Never"):
        look_at_locustfile(scenario_of(tmp_path, locustfile, users=("Never",)), print)


SHAPE = """
    from locust import FastHttpUser, LoadTestShape, constant, task

    class Reader(FastHttpUser):
        wait_time = constant(0.05)

        @task
        def item(self):
            self.client.get("/item")

    class Ramp(LoadTestShape):
        def tick(self):
            return 60, 4, [Reader]
"""


def test_a_slow_ramp_is_no_stuck_start(tmp_path: Path) -> None:
    """The warm-up begins with the shape; that the ramp goes on in the measure phase is counted."""
    run = run_load(tmp_path, SHAPE, rate=None, warmup_s=1.0, measure_s=4.0)

    assert 4 <= run.outcome.counters.ramp <= 24, "4 a second: of 60 at once none would be left"
    assert run.rows(RequestKind.ARRIVAL)["lane"].n_unique() > 3


@pytest.mark.parametrize(
    ("before", "after", "sentence"),
    [
        ("def tick", "use_common_options = True\n\n        def tick", "reads users, spawn rate and run time"),
        ("return 60, 4, [Reader]", "return 60 / 0", "Ramp.tick failed: ZeroDivisionError: division by zero"),
    ],
)
def test_a_shape_that_cannot_run_is_a_sentence(tmp_path: Path, before: str, after: str, sentence: str) -> None:
    """What it asks for and is not given, or what it raised."""
    with pytest.raises(LoadError, match=sentence):
        run_load(tmp_path, SHAPE.replace(before, after), rate=None, measure_s=0.5)


ACCOUNTS = """
    from locust import HttpUser, constant, task
    from locust.exception import StopUser

    ACCOUNTS = ["a"] * {accounts}

    class Customer(HttpUser):
        def on_start(self):
            ACCOUNTS.pop()
            self.client.get("/login")

        @task
        def visit(self):
            self.client.get("/visit")
            raise StopUser
"""


@pytest.mark.parametrize(("accounts", "left"), [(12, "0 of 4"), (3, "3 of 4")])
def test_accounts_that_run_out_are_the_reason_that_is_told(tmp_path: Path, accounts: int, left: str) -> None:
    """During the run, and before the warm-up when there are fewer than lanes."""
    text = ACCOUNTS.replace("{accounts}", str(accounts))
    said = f"users of Customer stop in on_start: locustfile.py:9 in on_start: IndexError: pop from empty list; {left}"

    with pytest.raises(LoadError, match=said) as caught:
        run_load(tmp_path, text, lanes=4, rate=40.0, measure_s=8.0)
    assert "replaces users that stop" in caught.value.hint


def test_a_request_that_failed_in_on_start_is_told_with_what_came_of_it(tmp_path: Path) -> None:
    """A login that the app does not know looks like a defect of the locustfile."""
    text = """
        from locust import FastHttpUser, task

        class Customer(FastHttpUser):
            def on_start(self):
                self.token = self.client.get("/login?status=404").json()["token"]

            @task
            def visit(self):
                self.client.get("/visit")
    """
    with pytest.raises(LoadError, match=r"where a request failed \(GET /login.*HTTP 404\); 0 of") as caught:
        run_load(tmp_path, text, lanes=4, rate=40.0, measure_s=8.0)
    assert caught.value.hint.startswith("see why that request fails")


def test_exceptions_are_counted_by_place(tmp_path: Path) -> None:
    """The innermost line of the user's own files, not one of a library below it."""
    text = """
        import json
        from random import random
        from locust import FastHttpUser, task

        def parse(text):
            return json.loads(text)

        class One(FastHttpUser):
            @task
            def one(self):
                self.client.get("/one")
                parse("no json") if random() < 0.7 else 1 / 0
    """
    run = run_load(tmp_path, text, measure_s=0.5)

    found = run.outcome.counters.exceptions
    parsing, dividing = found
    assert parsing.startswith("locustfile.py:7 in parse: JSONDecodeError: Expecting value")
    assert dividing == "locustfile.py:13 in one: ZeroDivisionError: division by zero"
    assert sum(found.values()) == run.outcome.counters.user_errors == run.outcome.counters.started


@pytest.mark.parametrize(("host", "path"), [("http://elsewhere.invalid:1/", "items"), ("http://x/api/v1", "/items")])
@pytest.mark.parametrize("user", ["HttpUser", "FastHttpUser"])
def test_the_path_of_a_classs_own_host_is_kept(tmp_path: Path, user: str, host: str, path: str) -> None:
    """The arm's address takes the place of its address; a path without a slash in front is one all the same."""
    text = SIMPLE.replace("FastHttpUser", user).replace("@task", f"host = '{host}'\n\n        @task", 1)

    run = run_load(tmp_path, text.replace('"/one"', f'"{path}", name="items"'), measure_s=0.3)

    assert set(run.server.seen) == {"GET /api/v1/items" if "api" in host else "GET /items"}


@pytest.mark.parametrize("user", ["HttpUser", "FastHttpUser"])
def test_a_request_to_another_host_ends_the_run_before_it_is_sent(tmp_path: Path, user: str) -> None:
    """The sentence names the class and the URL, and says how to write it; nothing reaches the other host."""
    with fake_server() as other:
        text = SIMPLE.replace("FastHttpUser", user).replace('"/one"', f'"{other.url}/one"')
        with pytest.raises(LoadError, match=f"One asks for {other.url}/one, which is not the arm") as caught:
            run_load(tmp_path, text, measure_s=0.3)
        assert "path alone" in caught.value.hint
        assert not other.seen


@pytest.mark.parametrize("user", ["HttpUser", "FastHttpUser"])
def test_a_redirect_is_followed_to_the_arm_alone(tmp_path: Path, user: str) -> None:
    """Also by another name of loopback. One that leads away is a failure that names the place, and is not followed."""
    code = """
        @task
        def back(self):
            port = self.host.rpartition(":")[2]
            self.client.get(f"http://localhost:{port}/back?status=307&to=/there", name="back")

        @task
        def away(self):
            self.client.get("/away?status=302&to=OTHER/gone", name="away")
    """
    with fake_server() as other:
        text = SIMPLE[: SIMPLE.index("        @task")].replace("FastHttpUser", user)
        run = run_load(tmp_path, _flat(text) + _flat(code).replace("OTHER", other.url), measure_s=0.5)
        assert not other.seen

    away, back = (run.table.filter(pl.col("name") == f"GET {name}") for name in ("away", "back"))
    place = other.url.replace("127.0.0.1", "localhost")
    assert set(away["error"]) == {f"ConnectionError: the app redirects to {place}, which is not the arm: not followed"}
    assert set(back["error"]) == {None}
    assert run.server.seen["GET /there"] == run.server.seen["GET /back"] > 0


def test_the_locustfiles_own_verdict_is_told(tmp_path: Path) -> None:
    """The exit code that a listener sets, and what it said; the errors of requests alone are no verdict."""
    text = (
        _flat(SIMPLE)
        + """
import logging
from locust import events

@events.quitting.add_listener
def judge(environment, **_):
    if environment.stats.total.num_requests > 3:
        logging.error("p95 is above the limit")
        environment.process_exit_code = 7
"""
    )
    counters = run_load(tmp_path / "judged", text, measure_s=0.3).outcome.counters
    failing = run_load(tmp_path / "failing", SIMPLE.replace("/one", "/one?status=500"), measure_s=0.3).outcome.counters

    assert (counters.exit_code, counters.last_words) == (7, "p95 is above the limit")
    assert (failing.exit_code, failing.last_words) == (0, "")


STREAMED = """
    from locust import FastHttpUser, HttpUser, task

    class Chat({user}):
        @task
        def turn(self):
            with self.client.get("/turn?tail_ms=300", stream=True, name="turn", catch_response=True) as answer:
                for _ in answer.iter_content(3):
                    pass

        @task
        def glance(self):
            self.client.get("/turn?tail_ms=300", stream=True, name="glance")
"""


@pytest.mark.parametrize("rate", [20.0, None])
@pytest.mark.parametrize("user", ["HttpUser", "FastHttpUser"])
def test_a_streamed_answer_lasts_until_it_was_read(tmp_path: Path, user: str, rate: float | None) -> None:
    """To its last byte, in both models; one that is reported unread is known to its headers only, and counted."""
    text = STREAMED.replace("{user}", user).replace("@task\n        def turn", "@task(3)\n        def turn")

    run = run_load(tmp_path, text, rate=rate, lanes=6, measure_s=2.0)

    took = run.rows().with_columns(took_s=pl.col("t_done_s") - pl.col("t_sent_s"))
    assert took.filter(pl.col("name") == "GET turn")["took_s"].min() > 0.295  # type: ignore[operator]
    assert took.filter(pl.col("name") == "GET glance")["took_s"].median() < 0.25  # type: ignore[operator]
    assert run.outcome.counters.unread == run.table.filter(pl.col("name") == "GET glance").height > 0


def test_events_come_from_users_and_from_other_greenlets(tmp_path: Path) -> None:
    """From on_start, a task, a greenlet that reads on: events of a table of their own, whatever their numbers."""
    text = """
        import gevent
        from locust import User, task

        class Listener(User):
            def tell(self, kind, value, length=0, error=None):
                fire = self.environment.events.request.fire
                fire(request_type=kind, name="n", response_time=value, response_length=length, exception=error)

            def on_start(self):
                self.tell("connect", 3)
                self.reader = gevent.spawn(self.read)

            def read(self):
                while True:
                    gevent.sleep(0.05)
                    self.tell("news", -1, 0.5)

            @task
            def ask(self):
                self.tell("answer", 1.5, 10, error="too late")

            def on_stop(self):
                self.reader.kill()
    """
    run = run_load(tmp_path, text, lanes=3, rate=40.0, measure_s=1.0)

    counts = dict(run.events["type"].value_counts().iter_rows())
    assert counts["connect"] == 3
    assert counts["news"] > 30
    assert counts["answer"] == run.outcome.counters.scheduled == run.outcome.counters.started
    assert set(run.events.filter(pl.col("type") == "news")["value"]) == {-1.0}
    assert set(run.events.filter(pl.col("type") == "answer")["error"]) == {"too late"}
    assert set(run.events["lane"]) == {-1, 0, 1, 2}
    assert set(run.table["kind"]) == {"empty"}
    assert run.outcome.counters.starved_workers == 0


def test_another_interpreter_with_locust_runs_the_locustfile(tmp_path: Path) -> None:
    """One in which the lab is not installed: here a virtual environment that sees Locust by a path file."""
    environment = tmp_path / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(environment)], check=True)
    (site,) = (environment / "lib").glob("python3*/site-packages")
    libraries = Path(locust_of_the_tests()).parents[1]
    (site / "theirs.pth").write_text(f"{libraries}\n")
    (site / "only_theirs.py").write_text("PATH = '/from-theirs'\n")
    text = "import only_theirs\n" + _flat(SIMPLE).replace('"/one"', "only_theirs.PATH")
    locustfile = write_locustfile(tmp_path / "user", text)
    python = environment / "bin" / "python"
    said: list[str] = []

    look_at_locustfile(scenario_of(tmp_path, locustfile, python=python), said.append)

    assert said[0].startswith("the locustfile runs under Python 3.")
    run = run_load(tmp_path / "run", locustfile, python=str(python), measure_s=0.3)
    assert set(run.table["name"]) == {"GET /from-theirs"}


def locust_of_the_tests() -> str:
    """Where Locust lies, without importing it."""
    spec = importlib.util.find_spec("locust")
    assert spec is not None
    assert spec.origin is not None
    return spec.origin


@pytest.mark.parametrize(
    ("program", "sentence"),
    [
        ("#!/bin/sh\necho No module named locust >&2; exit 1\n", "has no Locust: No module named locust"),
        ("#!/bin/sh\necho '[[3, 12, 1], \"2.30.0\"]'\n", "is Python 3.12.1, Locust 2.30.0: too old"),
        ("no program\n", "cannot be run"),
    ],
)
def test_an_interpreter_that_will_not_do_is_a_sentence(tmp_path: Path, program: str, sentence: str) -> None:
    """Before anything is built."""
    python = tmp_path / "python"
    python.write_text(program)
    python.chmod(0o755)
    locustfile = write_locustfile(tmp_path / "user", SIMPLE)

    with pytest.raises(ScenarioError, match=f"load.python: .*{sentence}"):
        look_at_locustfile(scenario_of(tmp_path, locustfile, python=python), print)


def test_a_folder_that_only_has_the_name_is_no_module(tmp_path: Path) -> None:
    """What the locustfile wanted is the sentence; the folder that did not help stands behind it."""
    folder = project(tmp_path / "theirs", {"grpc/locustfile.py": "from grpc import no_such_thing\n"})

    with pytest.raises(ScenarioError, match="line 1: ModuleNotFoundError: No module named 'grpc'") as caught:
        look_at_locustfile(scenario_of(tmp_path, folder / "grpc" / "locustfile.py"), print)
    assert "ImportError: cannot import name 'no_such_thing'" in caught.value.hint
