"""A worker of the Locust that has a page, where load is driven: a load process that lasts as long as one arm."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from typing import Any

import gevent
import locust.main

from lab.load.inside.cores import keep_to
from lab.load.inside.hooks import die
from lab.load.inside.mail import Mail
from lab.load.inside.status import Status, write_status
from lab.load.load_plan import LoadPlan
from lab.load.web.visiting import Visiting


class Worker(Visiting):
    """Its users come and go as the master of the page tells; what they ask is recorded here."""

    def __init__(self, plan: LoadPlan, process: int) -> None:
        super().__init__(plan, process)
        self._mail = Mail(plan.mail_file(process), plan.base_url)
        self._environment: Any = None

    def install(self) -> None:
        """Take Locust's hooks, and the place of its sockets."""
        super().install()
        self._mail.take_the_place()

    def set_up(self, environment: Any, web_ui: Any) -> None:  # noqa: ARG002  it has none
        """The master has answered: wait for the arm."""
        self._environment = environment
        self._watch(environment)
        waiting = Status(tally=self._visits.journal.tally.totals(), remarks=self.remarks)
        write_status(self._plan.status_file(self._process), waiting)
        gevent.spawn(self._publish).link_exception(die)

    def listen(self, told: Iterator[Mapping[str, Any]]) -> None:
        """Do what the lab says: the arm is up, and later it goes. Locust's messages come between."""
        for order in self._mail.divert(told):
            if "header" in order:
                self._record(self._plan, order["fallback"], order["header"])
            else:
                self._visits.close(self._lanes.live)
                self._environment.runner.quit()


def work(plan: LoadPlan, process: int, told: Iterator[Mapping[str, Any]]) -> None:
    """Become the Locust of one worker."""
    worker = Worker(plan, process)
    keep_to(plan.cores, worker.refuse)
    worker.install()
    gevent.spawn(worker.listen, told).link_exception(die)
    sys.argv = ["locust", "--worker", "--skip-log-setup", "--host", plan.base_url, *plan.args]
    locust.main.main()
