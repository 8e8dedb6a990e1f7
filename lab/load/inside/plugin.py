"""Runs inside Locust's process, then is Locust: ``python -m lab.load.plugin PLAN PROCESS``.

Only this module, ``gating`` and ``locustfile`` import locust, and only load processes import them. The locustfile stays
unmodified; the scenario is the whole configuration.
"""

from __future__ import annotations

import errno
import os
import signal
import sys
from pathlib import Path
from typing import Any, NoReturn

import gevent
import gevent.socket
import locust
import locust.argument_parser
import locust.main
import locust.stats
from geventhttpclient.connectionpool import ConnectionPool
from locust.clients import HttpSession
from locust.contrib.fasthttp import FastHttpSession
from locust.runners import LocalRunner
from locust.user.users import User
from urllib3.connection import HTTPConnection

from lab.errors import LoadError
from lab.load.inside import lane_random
from lab.load.inside.client_ports import note_client_ports
from lab.load.inside.clients import describe, request_listener, time_session
from lab.load.inside.conductor import ClosedFeed, Conductor, Feed
from lab.load.inside.dispatcher import Dispatcher
from lab.load.inside.exits import EXIT_BUG, EXIT_DISK, EXIT_REFUSED
from lab.load.inside.gating import gate_tasks, watch_tasks
from lab.load.inside.journal import Journal, Lane
from lab.load.inside.lanes import Lanes
from lab.load.inside.load_counts import Tally, fine_bucket
from lab.load.inside.locustfile import Contents, classes_of_lanes, filter_tasks, read_locustfile
from lab.load.inside.log_limit import set_up_logging
from lab.load.inside.recording import MAX_STRINGS, Recorder
from lab.load.inside.socket_times import watch_sockets
from lab.load.inside.status import Status, write_status
from lab.load.load_plan import LoadPlan

REPLACE_AFTER_S = 0.05
HOPELESS = 3  # users that stopped, per lane, before any lane was ready
RAMP_DOWN_S = 10.0  # a user that a LoadTestShape stops may finish its task


class Plugin:
    """One load process, hooked into Locust."""

    def __init__(self, plan: LoadPlan, process: int) -> None:
        self._plan = plan
        self._process = process
        self._recorder = Recorder(plan.recording_file(process))
        self._journal = Journal(self._recorder, Tally(), open_model=plan.open_model)
        self._last_error = ""

    def install(self) -> None:
        """Take Locust's hooks, before the locustfile is imported: its own listeners come after ours."""
        locust.main.get_locustfiles_locally = lambda _options: [str(self._plan.locustfile)]
        locust.main.merge_locustfiles_content = lambda _files: self._contents()
        by_socket = self._plan.open_model or self._plan.fallback == "socket"
        for session in (HttpSession, FastHttpSession):
            time_session(session, self._journal, by_socket=by_socket)
        if self._plan.open_model:  # it costs 4 % of what a load process can carry, which the closed model asks for
            watch_sockets(gevent.socket.socket)
        if self._plan.fallback == "socket":
            note_client_ports(self._plan.base_url, ConnectionPool, HTTPConnection)
        events = locust.events
        upstream_of = self._plan.upstream_reader()
        events.request.add_listener(request_listener(self._journal, upstream_of=upstream_of, by_socket=by_socket))
        events.user_error.add_listener(self._on_user_error)
        events.init.add_listener(self._on_init)
        events.test_stop.add_listener(self._on_test_stop)

    def refuse(self, error: LoadError) -> NoReturn:
        """End this process; the lab raises ``error`` on its side."""
        refusal = {"message": str(error), "hint": error.hint}
        write_status(self._plan.status_file(self._process), Status(refusal=refusal))
        os._exit(EXIT_REFUSED)

    def _contents(self) -> Contents:
        try:
            return read_locustfile(self._plan)
        except LoadError as error:
            self.refuse(error)

    def _on_init(self, environment: Any, **_: Any) -> None:
        """Locust is complete and nothing runs yet."""
        try:
            self._set_up(environment)
        except LoadError as error:
            self.refuse(error)

    def _on_user_error(self, exception: BaseException, **_: Any) -> None:
        self._journal.tally.user_errors += 1
        self._last_error = describe(exception)

    def _on_test_stop(self, **_: Any) -> None:
        if not self._journal.ended:
            hint = "the locustfile stopped the run, or its LoadTestShape is shorter than warmup + measure"
            self.refuse(LoadError("Locust stopped before the measure phase had ended", hint))

    def _set_up(self, environment: Any) -> None:
        """Share out the lanes, gate the tasks, and let the phases begin."""
        plan = self._plan
        filter_tasks(plan, environment)
        shaped = environment.shape_class is not None
        classes = () if shaped else classes_of_lanes(plan, environment)
        lanes = Lanes(self._journal, classes, self._process, plan.load_processes, plan.seed)
        if shaped:
            environment.stop_timeout = RAMP_DOWN_S
        else:
            spawn_exactly(lanes, environment)
        feed = self._open(lanes, classes) if plan.open_model else self._closed(environment)
        conductor = Conductor(plan, self._process, self._journal, self._recorder, lanes.live, feed)
        self._follow_users(environment, lanes, conductor)
        gevent.spawn(self._conduct, conductor, environment).link_exception(die)

    def _conduct(self, conductor: Conductor, environment: Any) -> None:
        try:
            conductor.run()
        except LoadError as error:
            self.refuse(error)
        environment.stop_timeout = 0
        environment.runner.quit()

    def _open(self, lanes: Lanes, classes: tuple[str, ...]) -> Feed:
        timetable, limit = self._plan.timetable(len(classes)), self._plan.queue_share(self._process)
        dispatcher = Dispatcher(self._journal, timetable, classes, lanes.slots, limit)
        gate_tasks(dispatcher, self._journal)
        return dispatcher

    def _closed(self, environment: Any) -> Feed:
        feed = ClosedFeed()
        environment.events.spawning_complete.add_listener(feed.on_spawned)
        watch_tasks(feed, self._journal)
        return feed

    def _follow_users(self, environment: Any, lanes: Lanes, conductor: Conductor) -> None:
        """Know every user from its spawn to its end. One that stops is replaced, so that lanes stay constant."""
        start, spawn = User.start, LocalRunner.spawn_users

        def started(user: Any, group: Any) -> Any:
            greenlet = start(user, group)
            lane = lanes.enter(user, greenlet)
            greenlet.link(lambda _: ended(lane))
            return greenlet

        def ended(lane: Lane) -> None:
            lanes.leave(lane)
            if conductor.over or environment.shape_class:
                return
            tally = self._journal.tally
            tally.replaced += 1
            if not conductor.status.ready and tally.replaced > HOPELESS * len(lanes.slots):
                self.refuse(LoadError(f"users stop in their on_start: {self._last_error}", "see locust.log"))
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

        User.start, LocalRunner.spawn_users = started, spawned


def spawn_exactly(lanes: Lanes, environment: Any) -> None:
    """Let Locust spawn this process's lanes, all at once."""
    for name, size in lanes.sizes().items():
        environment.user_classes_by_name[name].fixed_count = size
    options = environment.parsed_options
    options.num_users = options.spawn_rate = len(lanes.slots)


def ignore_configuration_files() -> None:
    """~/.locust.conf, locust.conf and pyproject.toml shall not change a measurement."""
    parser = locust.argument_parser.get_empty_argument_parser
    locust.argument_parser.get_empty_argument_parser = lambda add_help=True, **_: parser(add_help, ())


def bound_statistics() -> None:
    """Locust's own tables stay, because locustfiles and shapes read them, but they may not grow without end."""
    new_entry, log_error = locust.stats.EntriesDict.__missing__, locust.stats.RequestStats.log_error
    overflow = ("other names", "")

    def bounded_entry(entries: Any, key: tuple[str, str]) -> Any:
        return entries[overflow] if len(entries) >= MAX_STRINGS and key != overflow else new_entry(entries, key)

    def bounded_error(stats: Any, method: str, name: str, error: Any) -> None:
        log_error(stats, method, name, error if len(stats.errors) < MAX_STRINGS else "other errors")

    locust.stats.EntriesDict.__missing__ = bounded_entry
    locust.stats.RequestStats.log_error = bounded_error
    locust.stats.bucket_response_time = fine_bucket


def die_with_parent() -> Any:
    """The lab holds the other end of our standard input: when it is gone, so is this process group.

    The watcher must be kept alive by the caller.
    """
    watcher = gevent.get_hub().loop.io(sys.stdin.fileno(), 1)
    watcher.start(lambda: os.killpg(os.getpgrp(), signal.SIGKILL))
    return watcher


def die(greenlet: Any) -> None:
    """Our own greenlet failed: better no measurement than half of one. gevent has printed the traceback."""
    error = greenlet.exception
    os._exit(EXIT_DISK if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT) else EXIT_BUG)


def main(plan_file: str, process: str) -> None:
    """Become the Locust of one load process."""
    plan = LoadPlan.read(Path(plan_file))
    watcher = die_with_parent()
    set_up_logging()
    lane_random.install(f"{plan.seed}/shared/{process}", by_lane=plan.open_model)
    ignore_configuration_files()
    bound_statistics()
    Plugin(plan, int(process)).install()
    sys.argv = ["locust", "--headless", "--only-summary", "--skip-log-setup", "--host", plan.base_url]
    try:
        locust.main.main()
    finally:
        watcher.stop()


if __name__ == "__main__":
    main(*sys.argv[1:])
