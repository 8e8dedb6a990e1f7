"""Runs inside Locust's process, then is Locust with its web UI: ``python -m lab.load.web.plugin PLAN DESCRIPTOR``.

The lab deploys arms one after the other on the same URL and says over the descriptor which one is up; a person starts
and stops the load. The locustfile's own closed model runs.
"""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Mapping
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from time import monotonic
from typing import Any, NoReturn

import gevent
import locust
import locust.log
import locust.main
from geventhttpclient.connectionpool import ConnectionPool
from locust.runners import STATE_CLEANUP, STATE_RUNNING, STATE_SPAWNING
from locust.user.users import User
from urllib3.connection import HTTPConnection

from lab.errors import LoadError
from lab.host.jsonlines import Lines, Message
from lab.load.inside.clients import Asked
from lab.load.inside.conductor import ClosedFeed
from lab.load.inside.gating import watch_tasks
from lab.load.inside.hooks import Hooks, die, die_with_parent, prepare_locust
from lab.load.inside.hosts import keep_paths
from lab.load.inside.lanes import Lanes
from lab.load.inside.locustfile import filter_tasks
from lab.load.inside.log_limit import keep_logs_for_the_page
from lab.load.inside.pytest_users import begin_unasked, meter_functions
from lab.load.inside.socket_times import note_client_ports
from lab.load.inside.status import EXIT_REFUSED, refusal_of
from lab.load.load_plan import LoadPlan
from lab.load.web.routes import extend
from lab.load.web.visits import History, Visits

PUBLISH_S = 0.5
STOP_TIMEOUT_S = "5"  # a user may finish its task: a request that is cut would look like a failure
LISTEN_S = 0.02
DEPLOYING, READY, FAILED, ENDING = "deploying", "ready", "failed", "ending"


class WebPlugin(Hooks):
    """Locust with the lab's tab. It answers the page and does what the lab says."""

    def __init__(self, plan: LoadPlan, lines: Lines) -> None:
        self._lines = lines
        self._visits = Visits()
        super().__init__(plan, self._visits.journal, Asked(by_socket=True))
        self._lanes = Lanes(self._visits.journal, (), 0, 1, plan.seed)
        self._history = History()
        self._begun_s = monotonic()
        self._arms: tuple[str, ...] = ()
        self._arm, self._state, self._message = "", DEPLOYING, ""
        self._visit = 0
        self._verbs: tuple[Mapping[str, str], ...] = ()
        self._acts: tuple[Mapping[str, Any], ...] = ()
        self._busy = False
        self._directory: Path | None = None
        self.base_url = plan.base_url

    def install(self) -> None:
        """Take Locust's hooks."""
        super().install()
        note_client_ports(self.base_url, ConnectionPool, HTTPConnection)
        events = locust.events
        events.test_start.add_listener(lambda **_: self._visits.started())
        events.test_stopping.add_listener(lambda **_: self._visits.stopped())

    def live(self, since: int) -> Mapping[str, Any]:
        """Give what the page shows; see routes.Desk."""
        return {
            "arm": self._arm,
            "arms": self._arms,
            "state": self._state,
            "message": self._message,
            "visit": self._visit,
            "now_s": monotonic() - self._begun_s,
            "processes": self._plan.serving_processes,
            "points": self._history.since(since),
            "verbs": self._verbs if self._state == READY else (),
            "acts": [act | {"t_s": act["t_s"] - self._begun_s} for act in map(dict, self._acts)],
            "busy": self._busy,
        }

    def readings(self) -> Path | None:
        """The sampler's rows of the arm that is up."""
        return self._directory / "sampling" / "processes.csv" if self._directory else None

    def obstacle(self) -> str:
        """Tell why no test can be started now."""
        if self._state == READY:
            return ""
        return (
            self._message or f"The arm {self._arm} is not up yet: start when the line below the form says that it is."
        )

    def switch(self, arm: str) -> str:
        """Ask the lab for another arm, or for the same one afresh."""
        if arm not in self._arms:
            return f"There is no arm {arm!r}."
        if self._state not in (READY, FAILED):
            return "The lab is busy: another arm is on its way."
        self._arm, self._state, self._message = arm, DEPLOYING, ""
        self._lines.send(said="switch", arm=arm)
        return ""

    def act(self, verb: str) -> str:
        """Ask the lab to do something to the arm."""
        if self._state != READY or verb not in [each["verb"] for each in self._verbs]:
            return f"Nothing of the kind {verb!r} can be done to {self._arm} now."
        if self._busy:
            return "Something is being done to the arm already: wait until it is over."
        self._busy = True  # until the lab says otherwise: a second click is no second act
        self._lines.send(said="act", verb=verb)
        return ""

    def end(self) -> None:
        """Ask the lab to end the session."""
        self._state = ENDING
        self._lines.send(said="end")

    def refuse(self, error: LoadError) -> NoReturn:
        """End this process; the lab raises ``error`` on its side."""
        self._lines.send(said="refused", refusal=refusal_of(error))
        os._exit(EXIT_REFUSED)

    def leaves(self, error: LoadError) -> None:
        """Fail the task, which the page shows: the session goes on."""
        raise error

    def set_up(self, environment: Any, web_ui: Any) -> None:
        """Add the tab, and listen to the lab."""
        filter_tasks(self._plan, environment)
        keep_paths(environment.user_classes)
        feed, journal = ClosedFeed(), self._visits.journal
        watch_tasks(feed, journal)
        meter_functions(environment.user_classes, journal, partial(begin_unasked, feed, journal))
        self._follow_users()
        with self._own_modules.shown():  # Flask looks where the module of a blueprint lies
            extend(web_ui.app, web_ui.template_args, self)
        for work in (self._listen, self._announce, self._publish):
            gevent.spawn(work, environment).link_exception(die)

    def _follow_users(self) -> None:
        start = User.start

        def started(user: Any, group: Any) -> Any:
            greenlet = start(user, group)
            lane = self._lanes.enter(user, greenlet)
            self._visits.note_users(len(self._lanes.live))
            greenlet.link(lambda _: self._lanes.leave(lane))
            return greenlet

        User.start = started

    def _announce(self, environment: Any) -> None:
        """Tell the lab the port, once somebody listens there."""
        ui = environment.web_ui
        while ui.server is None or not ui.server.started:
            gevent.sleep(LISTEN_S)
        self._lines.send(said="listening", port=ui.server.server_port)

    def _publish(self, _environment: Any) -> None:
        """Keep what the lab reads up to date."""
        while True:
            self._visits.publish()
            gevent.sleep(PUBLISH_S)

    def _listen(self, environment: Any) -> None:
        """Do what the lab says, until it is gone."""
        orders = {"deploying": self._deploying, "open": self._open, "figures": self._note, "fail": self._fail}
        while (order := self._lines.receive()) is not None:
            if order["do"] == "close":
                self._close(environment.runner)
            else:
                orders[order["do"]](order)

    def _deploying(self, order: Message) -> None:
        self._arms = tuple(order["arms"])
        self._arm, self._state, self._message = order["arm"], DEPLOYING, ""

    def _open(self, order: Message) -> None:
        """An arm is up."""
        self._directory = Path(order["directory"])
        plan = replace(self._plan, directory=self._directory, upstream_of=order["upstream_of"])
        self._visits.open(plan)
        with self._own_modules.shown():
            self._asked.upstream_of = plan.upstream_reader("upstream")
        self._asked.header = order["header"]
        self._verbs, self._acts, self._busy = tuple(order["verbs"]), (), False
        self._visit += 1
        self._state = READY

    def _note(self, order: Message) -> None:
        """A look at the processes of the arm."""
        at_s = round(monotonic() - self._begun_s, 3)
        point = {"t_s": at_s, "visit": self._visit, "arm": self._arm, "processes": order["processes"]}
        self._history.add(point)
        self._acts, self._busy = tuple(order["acts"]), order["busy"]

    def _fail(self, order: Message) -> None:
        """An arm did not come up, or died; the person may ask for another one."""
        self._state, self._message = FAILED, order["message"]

    def _close(self, runner: Any) -> None:
        """The arm is about to be taken down: no user may ask it for anything any more."""
        if self._state == READY:
            self._state = ENDING
        if runner.spawning_greenlet:
            runner.spawning_greenlet.kill(block=True)
        if runner.state in (STATE_SPAWNING, STATE_RUNNING) or self._visits.testing:
            runner.stop()
        while runner.state == STATE_CLEANUP:  # stopped from the page at the same moment
            gevent.sleep(LISTEN_S)
        self._directory = None
        self._lines.send(said="closed", status=asdict(self._visits.close(self._lanes.live)))


def main(plan_file: str, descriptor: str) -> None:
    """Become the Locust of a session."""
    plan = LoadPlan.read(Path(plan_file))
    watcher = die_with_parent()
    prepare_locust()
    keep_logs_for_the_page(locust.log.LogReader())
    to_lab = socket.socket(fileno=int(descriptor))
    WebPlugin(plan, Lines(to_lab, to_lab)).install()
    users = str(plan.lanes)
    sys.argv = ["locust", "--skip-log-setup", "--host", plan.base_url, "--web-host", "127.0.0.1", "--web-port", "0"]
    sys.argv += ["--users", users, "--spawn-rate", users, "--stop-timeout", STOP_TIMEOUT_S, *plan.args]
    try:
        locust.main.main()
    finally:
        watcher.stop()


if __name__ == "__main__":
    main(*sys.argv[1:])
