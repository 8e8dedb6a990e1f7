"""Patches of Locust's TaskSet, by which its tasks meet the schedule. There are no others.

In the open model a lane is gated where Locust would let a user wait: each execution of a task function uses up one
arrival, entering a nested TaskSet uses none. Gating the task and not ``wait_time`` means that the first task waits too,
and that the task is chosen when its arrival is known, with the arrival's random numbers.
"""

from typing import Any

from gevent import GreenletExit
from locust.exception import InterruptTaskSet, RescheduleTask, RescheduleTaskImmediately, StopTest, StopUser
from locust.user.task import LOCUST_STATE_RUNNING, LOCUST_STATE_STOPPING, LOCUST_STATE_WAITING, DefaultTaskSet, TaskSet

from lab.load.inside.clients import describe
from lab.load.inside.conductor import ClosedFeed
from lab.load.inside.dispatcher import Dispatcher
from lab.load.inside.journal import Journal, Lane

CONTROL = (RescheduleTask, RescheduleTaskImmediately, InterruptTaskSet, StopUser, StopTest)
"""Exceptions with which a locustfile steers; they are not failures."""


def gate_tasks(dispatcher: Dispatcher, journal: Journal) -> None:
    """Open model: one arrival for each execution of a task function."""
    wait, execute = TaskSet.wait, TaskSet.execute_next_task

    def gate(task_set: Any) -> None:
        user = task_set.user
        if user._state == LOCUST_STATE_STOPPING:
            raise StopUser
        user._state = LOCUST_STATE_WAITING  # so that Locust may stop the user here
        dispatcher.take(user.lab_lane)
        user._state = LOCUST_STATE_RUNNING

    def wait_or_gate(task_set: Any) -> None:
        if task_set.user.lab_lane.in_task:
            wait(task_set)  # called by a task itself: a pause that belongs to its work
        else:
            gate(task_set)

    def execute_next_task(task_set: Any) -> None:
        lane = task_set.user.lab_lane
        lane.in_task = not _is_task_set(task_set._task_queue[0])
        try:
            execute(task_set)
        except RescheduleTaskImmediately:
            lane.in_task = False
            gate(task_set)  # Locust goes on without calling wait()
            raise
        except BaseException as error:
            note(error, lane, journal)
            raise
        finally:
            lane.in_task = False

    DefaultTaskSet.on_start = gate  # after the user's on_start, before its first task is chosen
    TaskSet.wait, TaskSet.execute_next_task = wait_or_gate, execute_next_task


def watch_tasks(feed: ClosedFeed, journal: Journal) -> None:
    """Closed model: users choose and wait as the locustfile says; know when a task begins and ends."""
    execute = TaskSet.execute_next_task

    def execute_next_task(task_set: Any) -> None:
        task = task_set._task_queue[0]
        if isinstance(task, type) and _is_task_set(task):  # a function, which most tasks are, costs no call
            execute(task_set)
            return
        if feed.stopped:
            raise StopUser
        lane = task_set.user.lab_lane
        journal.begin(lane)
        try:
            execute(task_set)
        except BaseException as error:
            note(error, lane, journal)
            raise
        finally:
            journal.close(lane)

    TaskSet.execute_next_task = execute_next_task


def note(error: BaseException, lane: Lane, journal: Journal) -> None:
    """Take note of a task that ended by an exception: killed with what it has open, failed, or just steering."""
    if isinstance(error, GreenletExit):
        journal.close(lane, cut=True)
    elif lane.busy and not isinstance(error, CONTROL):
        lane.error = describe(error)


def _is_task_set(task: Any) -> bool:
    return isinstance(task, type) and issubclass(task, TaskSet)
