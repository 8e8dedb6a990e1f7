"""What an app tells of its requests and of its end, and what is made of it."""

from __future__ import annotations

from dataclasses import replace

from lab.analysis.trial.fallout import Shutdowns
from lab.analysis.trial.prestart import step_counts
from lab.engines.docker.request_lines import counted
from lab.record.told import Executions
from lab.record.types import Event
from tests.builders import with_record
from tests.unit.test_aftermath import ACT_S, trial
from tests.unit.test_fallout import traces


def test_requests_that_two_processes_executed_are_counted_over_all_logs() -> None:
    """A front sent one of them to a second container."""
    logs = ["lab-request aa\nlab-request bb\nGET / 200\n", "x lab-request bb\nlab-request cc\n"]

    assert counted(logs) == Executions(executions=4, distinct=3)
    assert counted(["nothing\n", ""]) is None


def test_duplicates_are_executions_without_distinct_ones() -> None:
    """None where the app does not tell: that is not zero."""
    told = Executions(executions=104, distinct=100)

    assert traces(with_record(trial(), executions=told)).duplicates == 4
    assert traces(trial()).duplicates is None


def test_a_shutdown_that_did_not_run_is_known_of_an_app_that_tells_of_its_lifespan() -> None:
    """It ran in two processes, and in one of them to its end; the step counts as none of the start."""
    result = trial()
    action_s = result.record.measure.start_s + ACT_S
    start = Event(t_s=1.0, kind="step.begin", service="app", detail="lifespan")
    begin = Event(t_s=action_s + 0.1, kind="step.begin", service="app", detail="shutdown")
    end = replace(begin, kind="step.end", t_s=action_s + 0.2)
    events = result.record.events
    whole = with_record(result, events=(*events, start, begin, begin, end))

    assert traces(result).shutdowns is None
    assert traces(with_record(result, events=(*events, start))).shutdowns == Shutdowns(began=0, ended=0)
    assert traces(whole).shutdowns == Shutdowns(began=2, ended=1)
    assert [count.name for count in step_counts(whole.record)] == ["lifespan"]


def test_steps_of_what_a_drill_starts_are_none_of_the_start() -> None:
    """As those after a restart: a deploy starts the whole app again."""
    result = trial()
    late_s = result.record.measure.start_s + ACT_S + 1.0
    start = Event(t_s=1.0, kind="step.begin", service="app", detail="migrate")
    events = (*result.record.events, start, replace(start, t_s=late_s))

    assert [count.executions for count in step_counts(with_record(result, events=events).record)] == [1]
