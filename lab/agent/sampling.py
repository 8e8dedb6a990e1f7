"""The sampler as a child of an agent: its rows grow in the trial's folder here, as those of the lab's own child do."""

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from typing import Any

from lab.agent.conversation import Conversation, RemoteChild
from lab.agent.mirror import forget_earlier
from lab.host.jsonlines import Message
from lab.sampling.channel import FOLDER, LOG, Channel, Launched
from lab.sampling.plan import SamplerPlan, plan_to_json


class RemoteLines:
    """What the lab and a remote program say to each other, as lab.host.jsonlines has it between neighbours."""

    def __init__(self, child: RemoteChild) -> None:
        self._child = child

    @property
    def ended(self) -> bool:
        """The program is gone; what it said before can still be received."""
        return self._child.exit(0.0) is not None

    def send(self, **message: Any) -> None:
        """Say something."""
        self._child.order("tell", line=message)

    def receive(self, timeout_s: float | None = None) -> Message | None:
        """Give the next message; None when none came in time."""
        return self._child.answer(timeout_s)

    def hang_up(self) -> None:
        """Say that nothing more will be said."""
        self._child.order("hang_up")

    def close(self) -> None:
        """Nothing is held here."""


class RemoteProgram:
    """The sampling program of an agent."""

    def __init__(self, child: RemoteChild) -> None:
        self._child = child

    @property
    def pid(self) -> int:
        """Its process, as the engine's machine numbers it."""
        return self._child.pid

    def running(self) -> bool:
        """Tell whether it lives."""
        return self._child.exit(0.0) is None

    def end(self, deadline_s: float) -> int | None:
        """Its exit code, −N for signal N; killed, and None, if it does not end in time."""
        ended = self._child.wait(deadline_s)
        if ended is None:
            self.kill()
            self._child.wait(deadline_s)
            return None
        return ended.si_status if ended.si_code == os.CLD_EXITED else -ended.si_status

    def kill(self) -> None:
        """End it at once."""
        self._child.order("kill")

    def last_words(self) -> str:
        """Its log, whole."""
        return self._child.log.read_text(encoding="utf-8", errors="replace") if self._child.log.exists() else ""


def sampled_by(agent: Conversation) -> Callable[[SamplerPlan], AbstractContextManager[Launched]]:
    """As lab.sampling.channel.as_child, where the agent is."""

    @contextmanager
    def launch(plan: SamplerPlan) -> Iterator[Launched]:
        folder = plan.directory / FOLDER
        folder.mkdir(parents=True)
        t0_s = plan.t0_monotonic_s + agent.clock.offset_s
        there = replace(plan, directory=folder, t0_monotonic_s=t0_s, agent_pid=agent.pid)
        written = folder / "plan.json"
        written.write_text(plan_to_json(there), encoding="utf-8")
        agent.call(forget_earlier, str(folder), written.name)
        agent.put(written)
        agent.watch(folder)
        child = agent.start("lab.sampling", str(written), log=folder / LOG, cwd=folder, load=False)
        try:
            yield Launched(Channel(RemoteProgram(child), RemoteLines(child), plan.node), folder)
        finally:
            agent.forget(folder)

    return launch
