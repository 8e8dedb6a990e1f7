"""Starting, refusing and ending Locust: sentences instead of tracebacks, and nothing left running."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import pytest

from lab.errors import LoadError
from lab.load.child import end_group
from lab.load.locust_process import loads
from tests.fake_server import fake_server
from tests.forked_loads import FORKED
from tests.launched import launched
from tests.load_runs import make_plan, run_load, start_load, wait_finished, write_locustfile

pytestmark = pytest.mark.integration

QUICK_S = 20.0  # on a busy machine
USER = """
    from locust import FastHttpUser, LoadTestShape, task

    class One(FastHttpUser):
        @task
        def one(self):
            self.client.get("/")
"""
SHAPE = """
    class Shape(LoadTestShape):
        def tick(self):
            return (1, 1) if self.get_run_time() < 2.5 else None
"""


def wait_until(condition: Callable[[], bool], what: str, timeout_s: float = 60.0) -> None:
    """Return when the condition holds."""
    give_up_s = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < give_up_s, what
        time.sleep(0.02)


@pytest.fixture
def our_load_processes() -> Callable[[], list[psutil.Process]]:
    """Load processes that a test has started, and their children.

    Not what copies are made of, nor what stands from earlier tests of this process, such as hosts.
    """
    before = {child.pid for child in psutil.Process().children()}

    def living() -> list[psutil.Process]:
        original = FORKED.original.pid if FORKED.original else 0
        ours = [child for child in psutil.Process().children() if child.pid == original or child.pid not in before]
        found = [each for child in ours for each in (child, *below(child))]
        return [each for each in found if each.pid != original and lives(each)]

    return living


def below(process: psutil.Process) -> list[psutil.Process]:
    """Its children and theirs; none of one that has ended."""
    try:
        return list(process.children(recursive=True))
    except psutil.NoSuchProcess:
        return []


@pytest.mark.parametrize(
    ("text", "changes", "expected"),
    [
        ("x = 1\n\nraise SystemExit(3)\n", {}, r"locustfile.py, line 3: SystemExit: 3"),
        (USER + SHAPE, {}, r"has a LoadTestShape, which contradicts load.rate"),
        (
            USER + SHAPE,
            {"rate": None, "measure_s": 9.0, "load_processes": 2},
            r"Locust stopped before the measure phase had ended",
        ),
        (USER + SHAPE, {"rate": None, "measure_s": 9.0}, r"Locust stopped before the measure phase had ended"),
        (
            USER + SHAPE.replace("return (1, 1)", "return 1 / 0"),
            {"rate": None, "load_processes": 2},
            r"Shape.tick failed: ZeroDivisionError",
        ),
        (
            USER + "\n    class Two(One):\n        weight = 50\n",
            {"lanes": 2},
            r"2 connections leave none for user class One",
        ),
        (
            USER.replace("FastHttpUser)", "FastHttpUser)")
            + "\n        def on_start(self):\n            raise OSError(5)\n",
            {},
            r"users of One stop in on_start: locustfile.py:\d+ in on_start: OSError: 5; 0 of 8 connections are left",
        ),
        (
            USER + "\n        def __init__(self, *args):\n            raise OSError(6)\n",
            {},
            r"a user of One could not be created: OSError: 6",
        ),
        (
            USER.replace('self.client.get("/")', "self.environment.runner.quit()"),
            {},
            r"Locust stopped before the measure phase had ended",
        ),
        (
            USER + "\n    from locust import events\n    @events.test_start.add_listener\n"
            "    def _(environment, **_):\n        environment.runner.quit()\n",
            {},
            r"the locustfile ended the test itself, before every connection",
        ),
    ],
)
def test_what_cannot_be_run_is_a_sentence(
    tmp_path: Path,
    text: str,
    changes: dict[str, Any],
    expected: str,
    our_load_processes: Callable[[], list[psutil.Process]],
) -> None:
    """The person's mistake is named with file and line or key, and no load process is left.

    A load process refuses in the same way what a look at the locustfile finds: see test_locustfiles.
    """
    with pytest.raises(LoadError, match=expected) as caught:
        run_load(tmp_path, text, **changes)

    assert caught.value.hint
    assert "Traceback" not in str(caught.value)
    assert our_load_processes() == []


def test_a_missing_locustfile_is_a_sentence(tmp_path: Path) -> None:
    """Nothing is started without a file."""
    plan = make_plan(tmp_path / "nothing.py", "http://127.0.0.1:9", tmp_path)
    with pytest.raises(LoadError, match="no such locustfile"), start_load(plan):
        pass


def lives(process: psutil.Process) -> bool:
    """Has it not ended? The dead may wait for their parent, or for init, to collect them."""
    try:
        return bool(process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def test_leaving_early_takes_everything_down(tmp_path: Path) -> None:
    """An exception in the lab ends load processes and what the locustfile has started, even if it ignores SIGINT."""
    path = write_locustfile(
        tmp_path / "user",
        USER + "\n    import subprocess, sys\n    subprocess.Popen([sys.executable, '-c', "
        "'import signal, time; signal.signal(signal.SIGINT, signal.SIG_IGN); time.sleep(600)'])\n",
    )
    groups: list[int] = []

    def lab_that_fails() -> None:
        with start_load(make_plan(path, "http://127.0.0.1:9", tmp_path)) as load, load.users("none", ""):
            groups.extend(os.getpgid(pid) for pid in load.pids)
            wait_until(lambda: load.poll().sent > 0, "no request was sent")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        lab_that_fails()

    assert groups
    wait_until(lambda: not any(alive_in(groups, process) for process in psutil.process_iter()), "a process was left")


def alive_in(groups: list[int], process: psutil.Process) -> bool:
    """Does the process live in one of the process groups?"""
    with suppress(ProcessLookupError):
        return os.getpgid(process.pid) in groups and lives(process)
    return False


def test_a_killed_load_process_is_noticed(tmp_path: Path) -> None:
    """A load process that dies ends the load with its log."""
    path = write_locustfile(tmp_path / "user", USER)
    with (
        start_load(make_plan(path, "http://127.0.0.1:9", tmp_path, load_processes=2)) as load,
        load.users("none", ""),
    ):
        wait_until(lambda: load.poll().sent > 0, "no request was sent")
        os.kill(load.pids[1], signal.SIGKILL)
        with pytest.raises(LoadError, match=r"process 1 was killed by SIGKILL") as caught:
            wait_finished(load)

    assert "the end of locust-1.log" in caught.value.hint


def test_the_load_dies_with_the_lab(tmp_path: Path) -> None:
    """kill -9 of the lab leaves no load process behind."""
    path = write_locustfile(tmp_path / "user", USER)
    script = textwrap.dedent(
        f"""
        import time
        from pathlib import Path
        from tests.load_runs import make_plan, start_load

        with start_load(make_plan(Path({str(path)!r}), "http://127.0.0.1:9", Path({str(tmp_path)!r}))) as load:
            print(*load.pids, flush=True)
            time.sleep(600)
        """
    )
    with launched([sys.executable, "-c", script], stdout=subprocess.PIPE) as lab:
        assert lab.stdout
        locust = psutil.Process(int(lab.stdout.readline()))
        wait_until(lambda: (tmp_path / "load" / "status-0.json").exists(), "Locust did not start")
        lab.kill()

    wait_until(lambda: not locust.is_running() or not lives(locust), "Locust outlived the lab")


def test_a_blocked_event_loop_is_named(tmp_path: Path, our_load_processes: Callable[[], list[psutil.Process]]) -> None:
    """A locustfile that never yields would hang the run: the silence is noticed."""
    path = write_locustfile(tmp_path / "user", USER.replace('self.client.get("/")', "[None for _ in iter(int, 1)]"))
    plan = make_plan(path, "http://127.0.0.1:9", tmp_path)
    with (
        pytest.raises(LoadError, match="has not reported for 3 s"),
        start_load(plan, silence_s=3.0) as load,
        load.users("none", ""),
    ):
        wait_finished(load)

    assert our_load_processes() == []


def test_leaving_during_the_start_is_quick(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, our_load_processes: Callable[[], list[psutil.Process]]
) -> None:
    """A load that waits for its arm, and one that still imports Locust, need not be waited for."""
    defaults = end_group.__kwdefaults__
    assert defaults is not None
    monkeypatch.setitem(defaults, "grace_s", 10 * QUICK_S)  # what one takes that has to be killed
    path = write_locustfile(tmp_path / "user", USER)
    with loads(tmp_path) as starter, starter.start(make_plan(path, "http://127.0.0.1:9", tmp_path)):
        starter.get_ready(2)
        began = time.monotonic()

    assert time.monotonic() - began < QUICK_S
    assert our_load_processes() == []


def test_nothing_is_sent_before_the_arm_is_up(
    tmp_path: Path, our_load_processes: Callable[[], list[psutil.Process]]
) -> None:
    """The load process has read the locustfile, sleeps, and begins when it is told; its log is one from the start."""
    path = write_locustfile(tmp_path / "user", "    print('imported')\n" + USER)
    (tmp_path / "trial").mkdir()
    with fake_server() as server, loads(tmp_path) as starter:
        starter.get_ready(1)
        with starter.start(make_plan(path, server.url, tmp_path / "trial")) as load:
            process = psutil.Process(load.pids[0])
            log = tmp_path / "trial" / "locust.log"
            wait_until(lambda: "imported" in log.read_text(), "it has read the locustfile")
            wait_until(lambda: spent_s(process, 1.0) <= 0.02, "it waits, it does not poll")
            assert not server.client_ports
            with load.users("none", ""):
                wait_finished(load)
            assert load.result(tmp_path / "requests.parquet", 0.0).counters.started > 0
            assert server.client_ports
    assert our_load_processes() == []
    assert not list(tmp_path.glob(".*")), "a log of a process that got no plan"


def spent_s(process: psutil.Process, within_s: float) -> float:
    """How much CPU it uses in so many seconds; it may have told that it waits a moment before it does."""
    before_s = sum(process.cpu_times()[:2])
    time.sleep(within_s)
    return float(sum(process.cpu_times()[:2]) - before_s)


def test_a_load_that_cannot_wait_any_more_is_noticed(tmp_path: Path) -> None:
    """It died while the arm came up: the error says so when the load should begin."""
    path = write_locustfile(tmp_path / "user", USER)
    with start_load(make_plan(path, "http://127.0.0.1:9", tmp_path)) as load:
        os.kill(load.pids[0], signal.SIGKILL)
        with pytest.raises(LoadError, match=r"process 0 was killed by SIGKILL"), load.users("none", ""):
            wait_finished(load)
