"""A LoadTestShape, which says how many users there are: to one load process, or to several by Locust's own master."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NoReturn

import locust.main

from lab.errors import LoadError
from lab.load.inside.clients import Asked, describe
from lab.load.inside.hooks import Hooks
from lab.load.inside.mail import Mail
from lab.load.load_plan import LoadPlan
from lab.load.web.visits import Visits

RAMP_DOWN_S = 10.0  # a user that a LoadTestShape stops may finish its task


def follow_shape(environment: Any, refuse: Callable[[LoadError], NoReturn]) -> None:
    """Let users that it stops finish, and say why it ends: Locust would log its exception and stop the run."""
    environment.stop_timeout = RAMP_DOWN_S
    shape = environment.shape_class
    tick = shape.tick

    def watched() -> Any:
        try:
            return tick()
        except Exception as error:  # noqa: BLE001 - it is the user's code and may raise anything
            refuse(LoadError(f"{type(shape).__name__}.tick failed: {describe(error)}", "see the log of Locust"))

    shape.tick = watched


class Master(Hooks):
    """The Locust that asks the shape and deals out its users to the load processes. It asks the arm for nothing."""

    def __init__(self, plan: LoadPlan, told: Iterator[Mapping[str, Any]]) -> None:
        number = plan.load_processes  # the one after those that drive load
        self._mail = Mail(plan.mail_file(number))
        self._told = self._mail.divert(told)
        super().__init__(plan, number, Visits().journal, Asked(by_socket=False))  # in which nothing is written

    def install(self) -> None:
        """Take Locust's hooks, and the place of its sockets."""
        super().install()
        self._mail.take_the_place()

    def set_up(self, environment: Any, web_ui: Any) -> None:  # noqa: ARG002  it has none
        """Wait for the arm; Locust then begins with the shape."""
        follow_shape(environment, self.refuse)
        next(self._told)


def lead_workers(plan: LoadPlan, told: Iterator[Mapping[str, Any]]) -> None:
    """Become the master of the load processes of a plan."""
    Master(plan, told).install()
    sys.argv = ["locust", "--master", "--headless", "--only-summary", "--skip-log-setup", "--exit-code-on-error", "0"]
    sys.argv += ["--expect-workers", str(plan.load_processes), "--host", plan.base_url, *plan.args]
    locust.main.main()
