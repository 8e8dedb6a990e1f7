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
from pathlib import Path
from time import monotonic
from typing import Any, NoReturn

import gevent
import locust.log
import locust.main
from locust.runners import STATE_CLEANUP, STATE_RUNNING, STATE_SPAWNING, STATE_STOPPING

from lab.errors import LoadError
from lab.host.jsonlines import Lines, Message
from lab.load.inside.hooks import die, die_with_parent, prepare_locust
from lab.load.inside.log_limit import keep_logs_for_the_page
from lab.load.inside.mail import Mail
from lab.load.inside.status import EXIT_REFUSED, Status, refusal_of
from lab.load.load_plan import LoadPlan
from lab.load.web.routes import extend
from lab.load.web.visiting import Visiting
from lab.load.web.visits import History

STOP_TIMEOUT_S = "5"  # a user may finish its task: a request that is cut would look like a failure
LISTEN_S = 0.02
DEPLOYING, READY, FAILED, ENDING = "deploying", "ready", "failed", "ending"


class WebPlugin(Visiting):
    """Locust with the lab's tab. It answers the page and does what the lab says.

    Its users run here, or on the workers whose master it is: then these record what is asked.
    """

    def __init__(self, plan: LoadPlan, lines: Lines) -> None:
        super().__init__(plan)
        self._lines = lines
        self._mail = Mail(plan.mail_file(0)) if plan.by_hand else None
        self._environment: Any = None
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
        if self._mail:
            self._mail.take_the_place()

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
            "workers": self._workers(),
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
        if self._state != READY:
            waits = f"The arm {self._arm} is not up yet: start when the line below the form says that it is."
            return self._message or waits
        if (counted := self._workers()) and counted["ready"] < counted["of"]:
            return f"{counted['ready']} of {counted['of']} workers are ready: start when all are, in a few seconds."
        return ""

    def _workers(self) -> Mapping[str, int] | None:
        """How many workers of Locust are ready, and of how many; None where users run here."""
        if not self._mail or not self._environment:
            return None
        return {"ready": self._environment.runner.worker_count, "of": self._plan.load_processes}

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
            return f"{self._arm} does not allow {verb!r} now."
        if self._busy:
            return "The arm is being disturbed already: wait until that is over."
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

    def set_up(self, environment: Any, web_ui: Any) -> None:
        """Add the tab, and listen to the lab."""
        self._environment = environment
        self._watch(environment)
        with self._own_modules.shown():  # Flask looks where the module of a blueprint lies
            extend(web_ui.app, web_ui.template_args, self)
        for work in (self._listen, self._announce, self._publish):
            gevent.spawn(work).link_exception(die)

    def _announce(self) -> None:
        """Tell the lab the port, once somebody listens there."""
        ui = self._environment.web_ui
        while ui.server is None or not ui.server.started:
            gevent.sleep(LISTEN_S)
        self._lines.send(said="listening", port=ui.server.server_port)

    def _listen(self) -> None:
        """Do what the lab says, until it is gone."""
        orders = {"deploying": self._deploying, "open": self._open, "figures": self._note, "fail": self._fail}
        if self._mail:
            orders["mail"] = self._mail.hear
        while (order := self._lines.receive()) is not None:
            if order["do"] == "close":  # beside what follows: its workers have to be heard until they have stopped
                gevent.spawn(self._close, self._environment).link_exception(die)
            else:
                orders[order["do"]](order)

    def _deploying(self, order: Message) -> None:
        self._arms = tuple(order["arms"])
        self._arm, self._state, self._message = order["arm"], DEPLOYING, ""

    def _open(self, order: Message) -> None:
        """An arm is up."""
        self._directory = Path(order["directory"])
        if not self._mail:
            plan = replace(self._plan, directory=self._directory, upstream_of=order["upstream_of"])
            self._record(plan, "upstream", order["header"])
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

    def _close(self, environment: Any) -> None:
        """The arm is about to be taken down: no user may ask it for anything any more."""
        runner = environment.runner
        if self._state == READY:
            self._state = ENDING
        for spawning in (runner.spawning_greenlet, environment.web_ui._swarm_greenlet):  # a master has the latter only
            if spawning:
                spawning.kill(block=True)
        if runner.state in (STATE_SPAWNING, STATE_RUNNING) or self._visits.testing:
            runner.stop()
        # stopped from the page at the same moment
        while runner.state == STATE_CLEANUP or (runner.state == STATE_STOPPING and runner.user_count):
            gevent.sleep(LISTEN_S)
        self._directory = None
        status = Status() if self._mail else self._visits.close(self._lanes.live)
        self._lines.send(said="closed", status=asdict(status))


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
    sys.argv += ["--master"] if plan.by_hand else []
    try:
        locust.main.main()
    finally:
        watcher.stop()


if __name__ == "__main__":
    main(*sys.argv[1:])
