"""A Locust whose tests a person starts and stops at its page: what its users ask is recorded, visit by visit."""

from __future__ import annotations

from functools import partial
from typing import Any

import gevent
import locust
from geventhttpclient.connectionpool import ConnectionPool
from locust.user.users import User
from urllib3.connection import HTTPConnection

from lab.errors import LoadError
from lab.load.inside.clients import Asked
from lab.load.inside.conductor import ClosedFeed
from lab.load.inside.gating import watch_tasks
from lab.load.inside.hooks import Hooks
from lab.load.inside.hosts import keep_paths
from lab.load.inside.lanes import Lanes
from lab.load.inside.locustfile import filter_tasks
from lab.load.inside.pytest_users import begin_unasked, meter_functions
from lab.load.inside.socket_times import note_client_ports
from lab.load.load_plan import Fallback, LoadPlan
from lab.load.web.visits import Visits

PUBLISH_S = 0.5


class Visiting(Hooks):
    """What the Locust of a page and its workers have in common; ``process``: the number of this one."""

    def __init__(self, plan: LoadPlan, process: int = 0) -> None:
        self._visits = Visits()
        self._addresses: list[str] = []  # from which it connects, also by what it keeps open between two visits
        super().__init__(plan, process, self._visits.journal, Asked(by_socket=True))
        self._lanes = Lanes(self._visits.journal, (), process, plan.load_processes, plan.seed)

    def install(self) -> None:
        """Take Locust's hooks."""
        super().install()
        note_client_ports(self._plan.base_url, ConnectionPool, HTTPConnection, self._addresses)
        events = locust.events
        events.test_start.add_listener(lambda **_: self._visits.started())
        events.test_stopping.add_listener(lambda **_: self._visits.stopped())

    def leaves(self, error: LoadError) -> None:
        """Fail the task, which the page shows: the session goes on."""
        raise error

    def _watch(self, environment: Any) -> None:
        """Know every user and every task. Raises LoadError."""
        filter_tasks(self._plan, environment)
        self.remarks += keep_paths(environment.user_classes)
        feed, journal = ClosedFeed(), self._visits.journal
        watch_tasks(feed, journal)
        meter_functions(environment.user_classes, journal, partial(begin_unasked, feed, journal))
        start = User.start

        def started(user: Any, group: Any) -> Any:
            greenlet = start(user, group)
            lane = self._lanes.enter(user, greenlet)
            self._visits.note_users(len(self._lanes.live))
            greenlet.link(lambda _: self._lanes.leave(lane))
            return greenlet

        User.start = started

    def _record(self, plan: LoadPlan, fallback: Fallback, header: str) -> None:
        """An arm is up: what is asked from now on goes where ``plan`` says."""
        self._visits.open(plan, self._process)
        self._visits.journal.tally.addresses = self._addresses
        with self._own_modules.shown():
            self._asked.upstream_of = plan.upstream_reader(fallback)
        self._asked.header = header

    def _publish(self) -> None:
        """Keep what the lab reads up to date."""
        while True:
            self._visits.publish()
            gevent.sleep(PUBLISH_S)
