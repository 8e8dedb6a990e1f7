"""Pytest-style locustfiles: test functions with a fixture instead of user classes. Each call of one is a task."""

import logging
import traceback
from collections.abc import Callable, Iterable
from typing import Any

from gevent import GreenletExit
from locust.user.users import PytestUser

from lab.load.inside.conductor import ClosedFeed
from lab.load.inside.gating import CONTROL, note
from lab.load.inside.journal import Journal, Lane
from lab.load.inside.lanes import current_lane

Begin = Callable[[Lane], None]  # returns when the lane has a task


def is_pytest_style(user_class: Any) -> bool:
    """Tell whether Locust made the class from a test function."""
    return bool(getattr(user_class, "functions", ()))


def begin_unasked(feed: ClosedFeed, journal: Journal, lane: Lane) -> None:
    """Closed model: a lane begins its next task by itself, until the load ends."""
    if feed.stopped:
        raise GreenletExit
    journal.begin(lane)


def meter_functions(user_classes: Iterable[Any], journal: Journal, begin: Begin) -> None:
    """Have every call of a test function begin with ``begin``, and end a task; and know what ends a user."""
    PytestUser.run = _told(PytestUser.run)
    for user_class in filter(is_pytest_style, user_classes):
        for function in user_class.functions:
            function.obj = _metered(function.obj, journal, begin)


def _told(run: Callable[[Any], None]) -> Callable[[Any], None]:
    """Report what a test function raises, an assertion say, as Locust does it for tasks; it ends the user."""

    def run_and_tell(user: Any) -> None:
        try:
            run(user)
        except CONTROL:
            raise
        except Exception as error:  # noqa: BLE001 - it is the user's code and may raise anything
            logging.getLogger(__name__).error("%s\n%s", error, traceback.format_exc())
            user.environment.events.user_error.fire(user_instance=user, exception=error, tb=error.__traceback__)

    return run_and_tell


def _metered(call: Callable[[Any], Any], journal: Journal, begin: Begin) -> Callable[[Any], Any]:
    def task(fixture: Any) -> Any:
        lane = current_lane()
        if lane is None:
            raise RuntimeError("a test function was called by nobody's user")
        begin(lane)
        try:
            return call(fixture)
        except BaseException as error:
            note(error, lane, journal)
            raise
        finally:
            journal.close(lane)

    return task
