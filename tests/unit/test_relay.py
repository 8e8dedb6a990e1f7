"""Locust's own messages between a master and its workers, carried by the lab from file to file."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any, cast

import pytest

from lab.load.load_plan import LoadPlan
from lab.load.place import Child
from lab.load.relay import Relay
from tests.load_runs import make_plan


class Worker:
    """A load process that hears."""

    def __init__(self) -> None:
        self.heard: list[dict[str, Any]] = []

    def tell(self, **order: Any) -> None:
        self.heard.append(order)


class Two:
    """A plan of two workers and a master, and what each has heard."""

    def __init__(self, folder: Path) -> None:
        self.plan: LoadPlan = make_plan(folder / "locustfile.py", "http://127.0.0.1:9", folder, load_processes=2)
        self.plan.raw.mkdir()
        self.said = folder / "master.lines"
        self.master: list[dict[str, Any]] = []
        self.workers = [Worker(), Worker()]
        self.relay = Relay(self.said, lambda **line: self.master.append(line))

    @property
    def children(self) -> list[Child]:
        return [cast(Child, worker) for worker in self.workers]


@pytest.fixture
def two(tmp_path: Path) -> Two:
    return Two(tmp_path)


def say(path: Path, worker: str, mail: str) -> dict[str, str]:
    line = {"worker": worker, "mail": mail}
    with path.open("a") as file:
        file.write(json.dumps(line) + "\n")
    return line


def test_a_worker_hears_what_is_for_it(two: Two) -> None:
    """It is known from its first message on by the name that it gave itself."""
    with two.relay.workers(two.plan, two.children):
        said = [say(two.plan.mail_file(number), name, "ready") for number, name in ((0, "a"), (1, "b"))]
        two.relay.carry()
        assert two.master == said
        second = say(two.said, "b", "ack")
        say(two.said, "c", "for one that has gone")
        two.relay.carry()

    assert [worker.heard for worker in two.workers] == [[], [second]]


def test_half_a_message_waits_for_its_rest(two: Two) -> None:
    """Files grow by pieces when they come from another machine."""
    with two.relay.workers(two.plan, two.children):
        path = two.plan.mail_file(0)
        path.write_text('{"worker": "a", ')
        two.relay.carry()
        assert two.master == []
        with path.open("a") as file:
            file.write('"mail": "ready"}\n')
        two.relay.carry()
    assert two.master == [{"worker": "a", "mail": "ready"}]


def test_the_last_words_of_a_worker_are_carried(two: Two) -> None:
    """The master knows then that it has gone, and what it says later finds nobody."""
    with two.relay.workers(two.plan, two.children):
        last = say(two.plan.mail_file(0), "a", "quit")
    assert two.master == [last]
    say(two.said, "a", "heartbeat")
    two.relay.carry()
    assert two.workers[0].heard == []


def watch(relay: Relay) -> None:
    give_up_at = time.monotonic() + 20
    while time.monotonic() < give_up_at:
        relay.check()
        time.sleep(0.01)


def test_what_ends_the_carrying_is_told(two: Two) -> None:
    """It would otherwise look as if all workers had gone."""
    with two.relay.running():
        two.relay.check()
        with two.relay.workers(two.plan, []):
            two.said.write_text("no message\n")
            with pytest.raises(ValueError, match="Expecting value"):
                watch(two.relay)
