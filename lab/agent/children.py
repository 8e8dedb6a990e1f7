"""The agent's children: load processes and the sampler, which are told lines and end with the agent."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO, NamedTuple, cast

from lab.host.jsonlines import Lines, Message, Outgoing
from lab.load.child import child_command, child_environment, end_group, kill_group, stop_group, wait_exit


class Ended(NamedTuple):
    """How a process ended: one of os.CLD_*, and its exit code or the signal that killed it."""

    si_code: int
    si_status: int


class AgentChild:
    """One child. ``lines``: what it says on standard output is for the lab."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process
        stdin = cast(IO[bytes], process.stdin)
        self._lines = Lines(process.stdout, stdin) if process.stdout else None
        self._told: Outgoing = self._lines or Outgoing(stdin)

    @property
    def pid(self) -> int:
        """Its process."""
        return self._process.pid

    def obey(self, order: Message) -> None:
        """``tell`` it a line, ``hang_up``, ``end`` it with its group after some patience, or ``kill`` that."""
        match order["do"]:
            case "tell":
                self._told.send(**order["line"])  # to one that has ended it is nothing: the lab will hear of that
            case "hang_up":
                self._told.hang_up()
            case "move":
                Path(order["log"]).rename(order["to"])
            case "end":
                stop_group(self._process, patience_s=order["patience_s"])
            case "kill":
                kill_group(self._process)

    def answers(self) -> Iterator[Message]:
        """What it has said since."""
        while self._lines and (message := self._lines.receive(0.0)):
            yield message

    def ended(self) -> Ended | None:
        """How it ended; None while it lives."""
        found = wait_exit(self._process, 0.0)
        return Ended(found.si_code, found.si_status) if found else None

    def forget(self) -> None:
        """Let nothing be left of it and its group."""
        end_group(self._process, patience_s=0.0)


def start_child(order: Message) -> AgentChild:
    """Start what the order describes: a ``module`` of the lab with ``arguments``, in ``cwd``, logging to ``log``.

    ``load``: as a load process, whose environment is the lab's ``env``; else its answers are for the lab.
    """
    load, log = order["load"], Path(order["log"])
    for folder in (Path(order["cwd"]), log.parent):
        folder.mkdir(parents=True, exist_ok=True)
    module, arguments = order["module"], order["arguments"]
    with log.open("wb") as output:
        process = subprocess.Popen(
            child_command(module, *arguments) if load else [sys.executable, "-m", module, *arguments],
            stdin=subprocess.PIPE,
            stdout=output if load else subprocess.PIPE,
            stderr=output,
            cwd=order["cwd"],
            env=child_environment({**os.environ, **order["env"]}) if load else None,
            bufsize=0,
            start_new_session=True,
        )
    return AgentChild(process)
