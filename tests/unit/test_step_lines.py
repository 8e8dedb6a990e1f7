"""What an app says of its own start-up steps is read from a log with the engine's instants."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import docker
import polars as pl
import pytest

from lab.agent.calls import There, call_of, carry_out
from lab.engines import StepMark
from lab.engines.docker.happened import happened
from lab.engines.docker.restart import restart
from lab.engines.docker.step_lines import epoch_s, marks_of, step_marks
from lab.errors import DeploymentError
from lab.plan.kinds import ServiceKind
from lab.plan.topology import Service
from lab.run.startup import supervised_worker
from tests.builders import make_scenario, make_trials

LOG = """2026-11-28T09:06:59.109123456Z lab-step migrate begin
2026-11-28T09:06:59.5Z INFO:shop: lab-step load.model-2 begin (200 MB)
2026-11-28T09:07:00Z lab-step migrate end
2026-11-28T09:07:01.000001Z lab-step migrate ended
2026-11-28T09:07:02.1Z the lab-steps begin
2026-11-28T09:07:02.1Z lab-step  end
"""


def test_lines_of_steps_are_found_among_others() -> None:
    """Words may stand before and behind them; nothing else counts."""
    second = epoch_s("2026-11-28T09:07:00Z")

    assert list(step_marks("app", LOG)) == [
        StepMark(service="app", name="migrate", begins=True, epoch_s=epoch_s("2026-11-28T09:06:59.109123Z")),
        StepMark(service="app", name="load.model-2", begins=True, epoch_s=second - 0.5),
        StepMark(service="app", name="migrate", begins=False, epoch_s=second),
    ]


def test_instants_have_up_to_nine_digits() -> None:
    """Fewer where they end in zeros."""
    assert epoch_s("2026-11-28T09:07:00.25Z") - epoch_s("2026-11-28T09:07:00Z") == 0.25
    assert epoch_s("1970-01-01T00:00:01.5Z") == 1.5


class FakeContainer:
    """A container that writes down what is done to it."""

    name = "lab-x-app"

    def __init__(self, exit_code: int = 0, after: Callable[[], object] = lambda: None) -> None:
        self.done: list[object] = []
        self._exit_code = exit_code
        self._after = after

    def restart(self, timeout: int) -> None:
        self.done.append("restart")

    def exec_run(self, command: list[str]) -> SimpleNamespace:
        self.done.append(command)
        self._after()
        return SimpleNamespace(exit_code=self._exit_code, output=b"sh: not found\n")


def a_process(proc: Path, pid: int, inside: int) -> Path:
    folder = proc / str(pid)
    folder.mkdir()
    (folder / "status").write_text(f"Name:\tpython\nNSpid:\t{pid}\t{inside}\nThreads:\t1\n")
    return folder


def test_a_process_is_ended_by_its_number_inside_the_container(tmp_path: Path) -> None:
    """From inside, as its own user; returns when it is gone."""
    folder = a_process(tmp_path, 4321, 8)
    container = FakeContainer(after=lambda: shutil.rmtree(folder))

    restart(container, 4321, proc=tmp_path)

    assert container.done == [["sh", "-c", "kill -TERM 8"]]


def test_a_process_of_an_engine_elsewhere_is_looked_at_there(tmp_path: Path) -> None:
    """This machine's numbers are other processes."""
    folder = a_process(tmp_path, 4321, 8)
    asked = []

    def there(function: Any, /, *args: Any, **_: Any) -> Any:
        asked.append(function.__name__)
        return carry_out(call_of(function, (args[0], tmp_path)))

    container = FakeContainer(after=lambda: shutil.rmtree(folder))
    restart(container, 4321, cast(There, there))

    assert container.done == [["sh", "-c", "kill -TERM 8"]]
    assert asked == ["pid_inside", "pid_inside"]


def test_a_container_is_restarted_as_a_whole(tmp_path: Path) -> None:
    """Where nobody looks after the process."""
    container = FakeContainer()

    restart(container, 0, proc=tmp_path)

    assert container.done == ["restart"]


def test_an_image_without_a_shell_says_so(tmp_path: Path) -> None:
    """With the way out."""
    a_process(tmp_path, 4321, 8)

    with pytest.raises(DeploymentError, match="could not be ended: sh: not found") as raised:
        restart(FakeContainer(exit_code=127), 4321, proc=tmp_path)

    assert "restart_one" in raised.value.hint


def test_who_is_restarted_is_told_by_the_roles_that_were_sampled() -> None:
    """The last worker under a supervisor; the container of one that has none."""
    trials = {trial.record.arm: trial for trial in make_trials(make_scenario())}

    def chosen(arm: str) -> int:
        trial = trials[arm]
        service = next(each for each in trial.record.services if each.kind == "app")
        return supervised_worker(trial.tables.processes, service)

    workers = trials["workers"].tables.processes.filter(pl.col("role") == "worker")["pid"].to_list()
    assert chosen("workers") in workers
    assert chosen("replicas") == 0


def test_instants_of_an_engine_elsewhere_are_told_on_this_machines_clock() -> None:
    """Its wall clock is a minute ahead: steps and ends are a minute earlier here."""
    service = Service(name="app", kind=ServiceKind.APP, image="app", argv=(), ports=())
    container = SimpleNamespace(logs=lambda **_: LOG.encode())
    (first, *_) = marks_of([(service, container)], 60.0)
    assert first.epoch_s == epoch_s("2026-11-28T09:05:59.109123Z")

    asked: dict[str, str] = {}

    def events(**more: Any) -> list[dict[str, Any]]:
        asked.update(more)
        return [{"Action": "die", "timeNano": int((time.time() + 60) * 1e9), "Actor": {"ID": "x", "Attributes": {}}}]

    client = cast(docker.DockerClient, SimpleNamespace(api=SimpleNamespace(events=events)))
    t0_s = time.monotonic()
    (event,) = happened(client, "run", "b01-a", t0_s, wall_offset_s=60.0)
    assert 0 <= event.t_s < 20
    assert float(asked["until"]) - time.time() == pytest.approx(60, abs=20)
