"""Runs inside Locust's process, then is Locust: ``python -m lab.load.inside.plugin DIRECTORY``.

The lab says the rest on standard input, a JSON object a line: first which plan, and when the arm is up, how to know
who served. DIRECTORY only shows in a list of processes whose this one is.

Only this module, ``gating`` and ``locustfile`` import locust, and only load processes import them. The locustfile stays
unmodified; the scenario is the whole configuration.
"""

import os
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import gevent
import gevent.socket
import gevent.ssl
import locust
import locust.argument_parser
import locust.main
import locust.stats
from geventhttpclient.connectionpool import ConnectionPool
from locust.runners import Runner
from locust.user.users import User
from urllib3.connection import HTTPConnection

from lab.errors import LoadError
from lab.load.inside.aborting import Fates
from lab.load.inside.clients import Asked, describe
from lab.load.inside.conductor import ClosedFeed, Conductor, Feed
from lab.load.inside.cores import keep_to
from lab.load.inside.dispatcher import Dispatcher
from lab.load.inside.gating import gate_tasks, watch_tasks
from lab.load.inside.hooks import Hooks, die, die_with_parent, prepare_locust
from lab.load.inside.hosts import keep_paths
from lab.load.inside.journal import Journal, Lane
from lab.load.inside.lanes import Lanes, seed_random, spawn_exactly
from lab.load.inside.load_counts import Tally
from lab.load.inside.locustfile import Contents, classes_of_lanes, filter_tasks
from lab.load.inside.mail import Mail
from lab.load.inside.orders import orders
from lab.load.inside.policies import policies
from lab.load.inside.pytest_users import begin_unasked, meter_functions
from lab.load.inside.recording import RequestRecorder
from lab.load.inside.shaped import follow_shape, lead_workers
from lab.load.inside.socket_times import note_client_ports, watch_reads, watch_sockets
from lab.load.inside.status import Status, write_status
from lab.load.inside.verdict import hear_verdict, stopped_early
from lab.load.load_plan import LoadPlan
from lab.load.web.worker import work

REPLACE_AFTER_S = 0.05
HOPELESS = 3  # users for each lane, one after the other, that stopped in their on_start


class Plugin(Hooks):
    """One load process, which walks through its phases by itself."""

    def __init__(self, plan: LoadPlan, process: int, told: Iterator[Mapping[str, Any]]) -> None:
        self._told = told
        self._mail: Mail | None = None
        self._recorder = RequestRecorder(plan.recording_file(process))
        tally = Tally(fates=Fates(limit_s=plan.bad_after_s))
        journal = Journal(self._recorder, tally, open_model=plan.open_model)
        super().__init__(plan, process, journal, Asked(by_socket=plan.open_model))
        self._watcher: Any = None
        self._conductor: Conductor | None = None

    def install(self) -> None:
        """Take Locust's hooks."""
        super().install()
        if self._plan.open_model:  # it costs 4% of what a load process can carry, which the closed model asks for
            if self._plan.kernel_times:
                watch_sockets(gevent.socket.socket)
            else:
                watch_reads(gevent.socket.socket, gevent.ssl.SSLSocket)
        locust.events.test_stopping.add_listener(self._on_stopping)  # no test_stop follows a quit in test_start
        hear_verdict(locust.events, self._on_quit)

    def _on_stopping(self, **_: Any) -> None:
        if not self._journal.ended:
            self.refuse(stopped_early(ready=self._conductor is not None and self._conductor.status.ready))

    def _on_quit(self, exit_code: int, last_words: str) -> None:
        """Tell with which exit code the locustfile lets Locust end; 0 is no verdict."""
        if self._conductor and exit_code:
            status = self._conductor.status
            status.exit_code, status.last_words = exit_code, last_words
            write_status(self._plan.status_file(self._process), status)

    def _contents(self) -> Contents:
        """A shape says to several load processes by a master, which the lab starts, how many users each has."""
        contents, plan = super()._contents(), self._plan
        if contents[-1] is not None and plan.load_processes > 1:
            self._mail = Mail(plan.mail_file(self._process), plan.base_url)
            self._mail.take_the_place()
            self._told = self._mail.divert(self._told)
            sys.argv.insert(1, "--worker")
            write_status(plan.status_file(self._process), Status(mastered=True))
        return contents

    def set_up(self, environment: Any, web_ui: Any) -> None:  # noqa: ARG002  it has none
        """Share out the lanes, gate the tasks, and let the phases begin."""
        plan = self._plan
        filter_tasks(plan, environment)
        self.remarks += keep_paths(environment.user_classes)
        shaped = environment.shape_class is not None
        classes = () if shaped else classes_of_lanes(plan, environment)
        self._wait_for_arm()
        lanes = Lanes(self._journal, classes, self._process, plan.load_processes, plan.seed)
        if shaped:
            follow_shape(environment, self.refuse)
        else:
            spawn_exactly(lanes, environment)
        feed = self._open(environment, lanes, classes) if plan.open_model else self._closed(environment)
        conductor = Conductor(plan, self._process, self._journal, self._recorder, lanes.live, feed)
        conductor.status.clients = policies(environment.user_classes)
        conductor.status.mastered = self._mail is not None
        self._conductor = conductor
        self._follow_users(environment, lanes, conductor)
        gevent.spawn(self._conduct, conductor, environment).link_exception(die)

    def _wait_for_arm(self) -> None:
        """Nothing can be refused any more; return when there is an arm to send requests to."""
        waiting = Status(tally=self._journal.tally.totals(), remarks=self.remarks, mastered=self._mail is not None)
        write_status(self._plan.status_file(self._process), waiting)
        order = next(self._told)
        fallback, self._asked.header = order["fallback"], order["header"]
        self._watcher = None if self._mail else die_with_parent()  # who gets mail notices it there
        with self._own_modules.shown():
            self._asked.upstream_of = self._plan.upstream_reader(fallback)
        if fallback == "socket":
            self._asked.by_socket = True
            note_client_ports(self._plan.base_url, ConnectionPool, HTTPConnection, self._journal.tally.addresses)

    def _conduct(self, conductor: Conductor, environment: Any) -> None:
        try:
            conductor.run()
        except LoadError as error:
            self.refuse(error)
        environment.stop_timeout = 0
        if self._mail:
            self._mail.silent = True  # a master that hears of an end deals the users out to the others
        environment.runner.quit()

    def _open(self, environment: Any, lanes: Lanes, classes: tuple[str, ...]) -> Feed:
        timetable, limit = self._plan.timetable(len(classes)), self._plan.queue_share(self._process)
        dispatcher = Dispatcher(self._journal, timetable, classes, lanes.slots, limit)
        gate_tasks(dispatcher, self._journal)
        meter_functions(environment.user_classes, self._journal, dispatcher.take)
        return dispatcher

    def _closed(self, environment: Any) -> Feed:
        feed = ClosedFeed(shaped=environment.shape_class is not None)
        events = environment.events
        (events.test_start if feed.shaped else events.spawning_complete).add_listener(feed.on_begun)
        watch_tasks(feed, self._journal)
        meter_functions(environment.user_classes, self._journal, partial(begin_unasked, feed, self._journal))
        return feed

    def _follow_users(self, environment: Any, lanes: Lanes, conductor: Conductor) -> None:
        """Know every user from its spawn to its end. One that stops is replaced, so that lanes stay constant."""
        start, spawn = User.start, Runner.spawn_users
        stopped: Counter[str] = Counter()  # in on_start, one after the other

        def started(user: Any, group: Any) -> Any:
            greenlet = start(user, group)
            lane = lanes.enter(user, greenlet)
            greenlet.link(lambda _: ended(lane))
            return greenlet

        def ended(lane: Lane) -> None:
            lanes.leave(lane)
            if conductor.over or environment.shape_class:
                return
            self._journal.tally.replaced += 1
            stopped[lane.user_class] = 0 if lane.experienced else stopped[lane.user_class] + 1
            hopeless = not conductor.status.ready or not lane.asked  # later a request may fail by the arm's doing
            if hopeless and stopped[lane.user_class] > HOPELESS * len(lanes.slots):
                self.refuse(self._nobody_comes(lane.user_class, lanes))
            gevent.spawn_later(REPLACE_AFTER_S, replace, lane.user_class)

        def replace(user_class: str) -> None:
            if not conductor.over:
                environment.runner.spawn_users({user_class: 1})

        def spawned(runner: Any, counts: dict[str, int], wait: bool = False) -> Any:
            try:
                return spawn(runner, counts, wait)
            except Exception as error:  # noqa: BLE001 - it is the user's code and may raise anything
                said = f"a user of {', '.join(counts)} could not be created: {describe(error)}"
                self.refuse(LoadError(said, "see __init__ of the user class"))

        User.start, Runner.spawn_users = started, spawned

    def _nobody_comes(self, user_class: str, lanes: Lanes) -> LoadError:
        left = f"{sum(lane.ready for lane in lanes.live.values())} of {len(lanes.slots)} connections are left"
        failed = self._journal.failed_start
        return LoadError(
            f"users of {user_class} stop in on_start: {self._errors.of_start(user_class)}"
            + (f", where a request failed ({failed})" if failed else "")
            + f"; {left}",
            ("see why that request fails: does the app know it, and what it sends? If data ran out: " if failed else "")
            + "the lab, unlike Locust, replaces users that stop: give data (accounts, say) for as many as will come, "
            "take them back in on_stop, or have fewer connections (load.lanes)",
        )


def main() -> None:
    """Become the Locust of one load process, once there is a plan for it."""
    told = orders()
    order = next(told)
    process = int(order["process"])
    plan = LoadPlan.read(Path(order["plan"])).of(process)
    os.chdir(plan.root)
    prepare_locust()
    if plan.by_hand:
        work(plan, process, told)
    elif process == plan.load_processes:
        lead_workers(plan, told)
    else:
        drive(plan, process, told)


def drive(plan: LoadPlan, process: int, told: Iterator[Mapping[str, Any]]) -> None:
    """Become the Locust of one load process that walks through its phases."""
    seed_random(f"{plan.seed}/shared/{process}", by_lane=plan.open_model)
    plugin = Plugin(plan, process, told)
    keep_to(plan.cores, plugin.refuse)
    plugin.install()
    sys.argv = ["locust", "--headless", "--only-summary", "--skip-log-setup", "--exit-code-on-error", "0"]
    sys.argv += ["--host", plan.base_url, *plan.args]
    locust.main.main()


if __name__ == "__main__":
    main()
