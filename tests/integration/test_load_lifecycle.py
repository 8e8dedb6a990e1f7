"""Starting, refusing and ending Locust: sentences instead of tracebacks, and nothing left running."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from lab.errors import LoadError
from lab.load.locust_process import loads
from tests.fake_server import fake_server
from tests.load_runs import make_plan, run_load, start_load, wait_finished, write_locustfile

pytestmark = pytest.mark.integration

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
            return (1, 1) if self.get_run_time() < 0.5 else None
"""


def wait_until(condition: Callable[[], bool], what: str, timeout_s: float = 20.0) -> None:
    """Return when the condition holds."""
    give_up_s = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < give_up_s, what
        time.sleep(0.02)


@pytest.mark.parametrize(
    ("text", "changes", "expected"),
    [
        ("class One(:\n", {}, r"locustfile.py, line 1: invalid syntax"),
        ("import no_such_module\n", {}, r"locustfile.py, line 1: ModuleNotFoundError: No module named"),
        ("x = 1\n\nraise SystemExit(3)\n", {}, r"locustfile.py, line 3: SystemExit: 3"),
        ("x = 1\n", {}, r"has no User class"),
        (USER + SHAPE, {}, r"has a LoadTestShape, which contradicts load.rate"),
        (USER + SHAPE, {"rate": None, "load_processes": 2}, r"has a LoadTestShape, which cannot be divided"),
        (USER + SHAPE, {"rate": None, "measure_s": 9.0}, r"Locust stopped before the measure phase had ended"),
        (USER, {"user_classes": ("Two",)}, r"has no user class 'Two'"),
        (USER, {"tags": ("nope",)}, r"user class One has no task with these tags"),
        (USER + "\n    class Two(One):\n        weight = 50\n", {"lanes": 2}, r"2 lanes leave none for user class One"),
        (
            USER.replace("FastHttpUser)", "FastHttpUser)")
            + "\n        def on_start(self):\n            raise OSError(5)\n",
            {},
            r"users of One stop in on_start: locustfile.py:\d+ in on_start: OSError: 5; 0 of 8 lanes are left",
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
            r"the locustfile ended the test itself, before every lane",
        ),
        (
            USER + "\n    from locust import events\n    @events.init_command_line_parser.add_listener\n"
            "    def _(parser):\n        parser.add_argument('--mine', required=True)\n",
            {},
            r"locustfile.py: the following arguments are required: --mine",
        ),
    ],
)
def test_what_cannot_be_run_is_a_sentence(tmp_path: Path, text: str, changes: dict[str, Any], expected: str) -> None:
    """The person's mistake is named with file and line or key, and no load process is left."""
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


def our_load_processes() -> list[psutil.Process]:
    """Load processes that this test process has started, and their children."""
    return [child for child in psutil.Process().children(recursive=True) if child.status() != psutil.STATUS_ZOMBIE]


def test_leaving_early_takes_everything_down(tmp_path: Path) -> None:
    """An exception in the lab ends load processes and what the locustfile has started, even if it ignores SIGINT."""
    path = write_locustfile(
        tmp_path / "user",
        USER + "\n    import subprocess, sys\n    subprocess.Popen([sys.executable, '-c', "
        "'import signal, time; signal.signal(signal.SIGINT, signal.SIG_IGN); time.sleep(600)'])\n",
    )
    before = {process.pid for process in psutil.process_iter()}
    groups: list[int] = []

    def lab_that_fails() -> None:
        with start_load(make_plan(path, "http://127.0.0.1:9", tmp_path)) as load, load.users("none", ""):
            groups.extend(os.getpgid(pid) for pid in load.pids)
            wait_until(lambda: load.poll().sent > 0, "no request was sent")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        lab_that_fails()

    assert groups
    left = [process for process in psutil.process_iter() if process.pid not in before]
    wait_until(lambda: not any(alive_in(groups, process) for process in left), "a process was left", 1.0)


def alive_in(groups: list[int], process: psutil.Process) -> bool:
    """Does the process live in one of the process groups? The dead may wait for init to collect them."""
    try:
        return process.status() != psutil.STATUS_ZOMBIE and os.getpgid(process.pid) in groups
    except (psutil.NoSuchProcess, ProcessLookupError):
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
            time.sleep(60)
        """
    )
    lab = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    assert lab.stdout
    with lab.stdout:
        pid = int(lab.stdout.readline())
    wait_until(lambda: (tmp_path / "load" / "status-0.json").exists(), "Locust did not start")
    lab.kill()
    lab.wait()

    wait_until(
        lambda: not psutil.pid_exists(pid) or psutil.Process(pid).status() == "zombie", "Locust outlived the lab"
    )


def test_a_blocked_event_loop_is_named(tmp_path: Path) -> None:
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


def test_leaving_during_the_start_is_quick(tmp_path: Path) -> None:
    """A load that waits for its arm, and one that still imports Locust, need not be waited for."""
    path = write_locustfile(tmp_path / "user", USER)
    with loads(tmp_path) as starter, starter.start(make_plan(path, "http://127.0.0.1:9", tmp_path)):
        starter.get_ready(2)
        began = time.monotonic()

    assert time.monotonic() - began < 4.0
    assert our_load_processes() == []


def test_nothing_is_sent_before_the_arm_is_up(tmp_path: Path) -> None:
    """The load process has read the locustfile, sleeps, and begins when it is told; its log is one from the start."""
    path = write_locustfile(tmp_path / "user", "    print('imported')\n" + USER)
    (tmp_path / "trial").mkdir()
    with fake_server() as server, loads(tmp_path) as starter:
        starter.get_ready(1)
        with starter.start(make_plan(path, server.url, tmp_path / "trial")) as load:
            process = psutil.Process(load.pids[0])
            spent_s = sum(process.cpu_times()[:2])
            time.sleep(0.5)
            assert sum(process.cpu_times()[:2]) - spent_s <= 0.02, "it waits, it does not poll"
            assert "imported" in (tmp_path / "trial" / "locust.log").read_text()
            assert not server.client_ports
            with load.users("none", ""):
                wait_finished(load)
            assert load.result(tmp_path / "requests.parquet", 0.0).counters.started > 0
            assert server.client_ports
    assert our_load_processes() == []
    assert not list(tmp_path.glob(".*")), "a log of a process that got no plan"


def test_a_load_that_cannot_wait_any_more_is_noticed(tmp_path: Path) -> None:
    """It died while the arm came up: the error says so when the load should begin."""
    path = write_locustfile(tmp_path / "user", USER)
    with start_load(make_plan(path, "http://127.0.0.1:9", tmp_path)) as load:
        os.kill(load.pids[0], signal.SIGKILL)
        with pytest.raises(LoadError, match=r"process 0 was killed by SIGKILL"), load.users("none", ""):
            wait_finished(load)
