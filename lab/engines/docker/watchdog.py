"""Restart containers of the app that hang: what plain Docker leaves undone, for it ignores *unhealthy*.

The how-to on drills has the same as a few lines of shell, and as what it is in an orchestrator: a liveness probe.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

from lab.agent.calls import There
from lab.engines import Deployment
from lab.engines.there import answers
from lab.plan.kinds import ServiceKind
from lab.plan.topology import Endpoint

EVERY_S = 1.0
WITHIN_S = 1.0
MOST_FAILURES = 3  # in a row


class Watchdog:
    """Looks after one container; ``restart`` starts it again, and returns when it runs.

    What has not answered since it was started is starting, however long that takes.
    """

    def __init__(self, asks: Callable[[], bool | None], restart: Callable[[], None]) -> None:
        self._asks = asks
        self._restart = restart
        self._served = True
        self._failures = 0

    def look(self) -> bool:
        """Ask once; True where that led to a restart."""
        well = self._asks()
        self._served = well or (self._served and well is not None)
        self._failures = self._failures + 1 if well is False and self._served else 0
        if self._failures < MOST_FAILURES:
            return False
        self._served, self._failures = False, 0
        self._restart()
        return True


@contextmanager
def watching(dogs: Sequence[Watchdog], every_s: float = EVERY_S) -> Iterator[Callable[[], None]]:
    """Each looks every ``every_s`` in a thread of its own while the block runs.

    Gives a function that raises the error of one that failed; so does the end of the block.
    """
    over, errors = threading.Event(), list[Exception]()

    def look(dog: Watchdog) -> None:
        try:
            while not over.wait(every_s):
                dog.look()
        except Exception as error:  # noqa: BLE001  it is raised where the arm is looked after
            errors.append(error)

    def check() -> None:
        if errors:
            raise errors[0]

    threads = [threading.Thread(target=look, args=(dog,), name="watchdog", daemon=True) for dog in dogs]
    for thread in threads:
        thread.start()
    try:
        yield check
    finally:
        over.set()
        for thread in threads:
            thread.join()
    check()


@contextmanager
def guarded(deployment: Deployment, restart: Callable[[str], None], there: There) -> Iterator[Deployment]:
    """The deployment, with a watchdog for each container of the app where its arm has them.

    ``restart``: starts the container of a service again. They are asked from ``there``.
    """
    topology = deployment.topology
    if not topology.watchdog:
        yield deployment
        return

    def dog(name: str, endpoint: Endpoint) -> Watchdog:
        return Watchdog(
            lambda: there(answers, endpoint, topology.ready_path, topology.probe_headers, WITHIN_S),
            lambda: restart(name),
        )

    apps = [service for service in deployment.services if service.kind == ServiceKind.APP]
    dogs = [dog(app.name, replace(topology.app[0], host=app.address, port=app.ports[0])) for app in apps]
    with watching(dogs) as check:

        def both() -> None:
            check()
            deployment.check()

        yield replace(deployment, check=both)
