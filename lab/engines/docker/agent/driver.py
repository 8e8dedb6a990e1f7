"""An agent that drives load: on its way while something else is done, another one once it was lost with its node."""

import sys
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, contextmanager
from time import monotonic, sleep

import docker
import docker.errors
from requests.exceptions import RequestException

from lab.agent.conversation import Conversation
from lab.engines.docker.connection import connect_node
from lab.engines.docker.removal import engine_errors, left_hint, one_line, remove_labelled
from lab.errors import AwayError, LabError
from lab.host.interrupts import INTERRUPTS
from lab.scenario.nodes import Node

BACK_S = 60.0  # an engine that is started again takes seconds, and so does a network that was cut for a moment
LOOK_S = 0.5


class Driver:
    """Gives the agent, and waits for it if need be. ``start``: another one, which is left when ``stack`` is."""

    def __init__(
        self,
        start: Callable[[], AbstractContextManager[Conversation]],
        stack: ExitStack,
        pool: ThreadPoolExecutor,
        node: Node | None = None,
    ) -> None:
        self._start = start
        self._stack = stack
        self._pool = pool
        self._node = node
        self._agent = self._begun()

    def __call__(self) -> Conversation:
        """The one that there is. Raises MissingError where none may run."""
        return self._agent.result()

    def renew(self, client: docker.DockerClient, marks: Mapping[str, str]) -> None:
        """Start another one as soon as its node is back; what is left of the lost one (``marks``) goes first.

        Raises AwayError where it does not come back within BACK_S.
        """
        give_up_at = monotonic() + BACK_S
        while (why := self._refused(client, marks)) is not None:
            if monotonic() > give_up_at:
                name = self._node.name if self._node else ""
                told = f"node {name or 'that drove load'} has not come back within {BACK_S:g} s: {why}"
                raise AwayError(told, left_hint(name))
            with INTERRUPTS.admitted():
                sleep(LOOK_S)

    def _refused(self, client: docker.DockerClient, marks: Mapping[str, str]) -> str | None:
        """Why there is no other one yet; None once it is up."""
        try:
            if self._node:
                connect_node(self._node).close()  # which makes a tunnel anew
            remove_labelled(client, marks)
            self._agent = self._begun()
            self._agent.result()
        except LabError as error:
            return str(error)
        except (docker.errors.DockerException, RequestException) as error:
            return one_line(error)
        return None

    def _begun(self) -> Future[Conversation]:
        own = self._stack.enter_context(ExitStack())
        own.enter_context(engine_errors(self._node.name if self._node else ""))
        return own.enter_context(ahead(self._pool, self._start()))


@contextmanager
def ahead(pool: ThreadPoolExecutor, agent: AbstractContextManager[Conversation]) -> Iterator[Future[Conversation]]:
    """Enter in a thread what is left at the end."""

    def enter() -> Conversation:
        with engine_errors():  # told where the agent is needed
            return agent.__enter__()

    starting = pool.submit(enter)
    try:
        yield starting
    finally:
        with INTERRUPTS.deferred():
            if starting.exception() is None:
                agent.__exit__(*sys.exc_info())  # or what it raises would not know what came before it
