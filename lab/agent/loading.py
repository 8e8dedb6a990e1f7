"""Load processes as children of an agent: what they write grows here as if they were the lab's own."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, ParamSpec, TypeVar
from urllib.parse import urlsplit

from lab.agent.calls import There
from lab.agent.conversation import Conversation, RemoteChild
from lab.agent.mirror import forget_earlier
from lab.load.inside.status import checked
from lab.load.load_plan import LoadPlan
from lab.load.place import MODULE, Child, Exit, Place
from lab.record.types import ClockOffset
from lab.scenario.network import Network

P = ParamSpec("P")
T = TypeVar("T")
END_S = 20.0  # the agent waits for a child's own end, and then ends it


class AgentLoad:
    """A load process of an agent."""

    def __init__(self, child: RemoteChild) -> None:
        self._child = child
        self.log = child.log

    @property
    def pid(self) -> int:
        """Its process, as the engine's machine numbers it."""
        return self._child.pid

    def tell(self, **order: Any) -> None:
        """Say what comes next."""
        self._child.order("tell", line=order)

    def exit(self, timeout_s: float) -> Exit | None:
        """How it ended. Raises SamplingError when the agent has."""
        return self._child.exit(timeout_s)

    def move_log(self, target: Path) -> None:
        """The folder that it moves to is watched."""
        self._child.order("move", log=str(self.log), to=str(target))
        self.log = target

    def end(self, patience_s: float) -> None:
        """End it with its group; all that it wrote is here afterwards."""
        self._child.order("end", patience_s=patience_s)
        self._child.wait(END_S + patience_s)

    def kill(self) -> None:
        """At once."""
        self._child.order("kill")

    def discard(self) -> None:
        """End it if it has not ended."""
        if self._child.wait(0.0) is None:
            self.end(0.0)


class AgentPlace:
    """In an agent; ``prepare`` gives the one that runs, with the files of the locustfile in it.

    ``host``: its name in the networks that it joins. On another machine than the arms it joins none: ``entrance`` is
    then where it reaches them ("10.0.0.1:20080"), ``node`` what that machine is called, ``inside`` a place that joins,
    ``further`` those on more machines that drive load with it, ``agents`` those of all machines that measure, by the
    names of their nodes. ``again`` has another agent run where that one was lost.
    """

    network = Network.OWN

    def __init__(
        self,
        prepare: Callable[[], Conversation],
        host: str = "loads",
        *,
        node: str = "",
        entrance: str = "",
        inside: Place | None = None,
        further: Sequence[Place] = (),
        agents: Mapping[str, Callable[[], Conversation]] = MappingProxyType({}),
        again: Callable[[], None] = lambda: None,
    ) -> None:
        self.host = host
        self.node = node
        self.inside: Place = inside or self
        self.machines: Sequence[Place] = (self, *further)
        self._entrance = entrance
        self._prepare = prepare
        self._again = again
        self._agents = agents
        self._agent: Conversation | None = None

    @property
    def pids(self) -> tuple[int, ...]:
        """The agent itself."""
        return (self._running().pid,)

    @property
    def clock_offset_s(self) -> float:
        """What to add to an instant here to have it there."""
        return self._running().clock.offset_s

    @property
    def measured(self) -> Mapping[str, There]:
        """The agents that run now: another one runs where one was lost."""
        return {name: agent().call for name, agent in self._agents.items()}

    @property
    def lost(self) -> str:
        """The machine, where its agent has ended."""
        return self.node if self._agent is not None and self._agent.ended else ""

    def renew(self) -> None:
        """Have it again. Raises MissingError where it does not come back."""
        self._again()
        self._agent = None

    def call(self, function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """In the agent itself."""
        return self._running().call(function, *args, **kwargs)

    def url(self, url: str) -> str:
        """Where load reaches an arm that is at ``url`` for its neighbours."""
        return urlsplit(url)._replace(netloc=self._entrance).geturl() if self._entrance else url

    def clock(self) -> ClockOffset:
        """As it was compared for the plan that was shared last, with the drift since then in its bound."""
        return ClockOffset(**self._running().drift()._asdict())

    def start(self, log: Path, cwd: Path, python: str) -> Child:  # noqa: ARG002  it has a Python of its own
        """A child of the agent."""
        return AgentLoad(self._running().start(MODULE, str(cwd), log=log, cwd=cwd, load=True))

    def share(self, plan: LoadPlan) -> None:
        """The plan goes there; recordings, statuses and logs come from there. Clocks drift: they are compared anew.

        So does the locustfile, which may be another one than the user's: see lab/run/calibration.py.
        """
        agent = self._running()
        agent.compare()
        agent.call(forget_earlier, str(plan.raw), plan.plan_file.name)
        for folder in (plan.directory, plan.raw):
            agent.watch(folder)
        for file in (plan.locustfile, plan.plan_file):
            agent.put(file)

    def mark(self, plan: LoadPlan, marks: Mapping[str, float]) -> None:
        """On the clock there, as it was compared for the plan."""
        there = {mark: instant_s + self.clock_offset_s for mark, instant_s in marks.items()}
        self._running().put(plan.marks_file, checked(there))

    def forget(self, plan: LoadPlan) -> None:
        """What still comes would find no folder."""
        self._running().forget(plan.directory)

    def _running(self) -> Conversation:
        if self._agent is None:
            self._agent = self._prepare()
        return self._agent
