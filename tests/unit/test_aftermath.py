"""What a drill cost, on made-up requests whose harm, recovery and shares are known."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

import polars as pl
import pytest

from lab.analysis.decision import card_of
from lab.analysis.findings import run_findings
from lab.analysis.gates import run_gates
from lab.analysis.moves import moves
from lab.analysis.points import PointResult, judge_points
from lab.analysis.trial.drill import Aftermath, aftermath
from lab.analysis.trial.trial import summarise_trial
from lab.metrics import METRICS
from lab.plan.blocks import build_plan
from lab.record.types import REQUESTS, DrillRecord, Event, TrialResult
from lab.report.build import build_content
from lab.report.content import Figure, Table
from lab.report.parts.cells import metric_quantity
from lab.report.parts.gate_sentences import finding_sentence
from lab.report.renderers.terminal import render_terminal
from lab.report.sections.decision import decision_content
from lab.report.sections.drill import drill_section
from tests.builders import (
    REPLICAS,
    WORKERS,
    WORKERS_NGINX,
    make_run,
    make_scenario,
    make_summaries,
    make_trial,
    table_of,
    with_record,
    with_tables,
)

RATE, SLO_S = 100.0, 0.25
ACT_S = 6.5  # after the start of the measure phase
ARMS = (WORKERS, REPLICAS)


def drilled(arms: Sequence[Mapping[str, Any]] = ARMS, **changes: Any) -> Any:
    load = {"locustfile": "f.py", "rate": RATE, "lanes": 32, "warmup": "5s", "measure": "20s"}
    compare = {"baseline": arms[0]["name"], "primary": ["drill.harm", "drill.recovery"]}
    given = {"drills": [{"verb": "kill"}], "load": load, "compare": compare, **changes}
    return make_scenario(arms, **given)


def trial(row: Callable[[float, int], dict[str, Any]] = lambda _after_s, _place: {}) -> TrialResult:
    """A trial at RATE with an action at ACT_S; ``row`` changes a request by when it is due after it, and its place.

    Four servers take turns, each answer takes 10 ms.
    """
    given = drilled()
    base = make_trial(given, build_plan(given).trials[0])
    start_s = base.record.measure.start_s
    rows = []
    for place in range(int(RATE * base.record.measure.length_s)):
        due_s = start_s + place / RATE
        plain = {
            "t_scheduled_s": due_s,
            "t_sent_s": due_s,
            "t_done_s": due_s + 0.01,
            "served_by": f"s{place % 4}",
            "lane": 0,
        }
        changed = row(due_s - start_s - ACT_S, place)
        if "took_s" in changed:
            changed["t_done_s"] = due_s + changed.pop("took_s")
        rows.append(plain | changed)
    table = table_of(REQUESTS, rows, status=200, bytes=10, name="/", phase="measure", kind="arrival")
    act = Event(t_s=start_s + ACT_S, until_s=start_s + ACT_S + 0.001, kind="action.SIGKILL", service="app", pid=7)
    drill = DrillRecord(verb="kill", slo_s=SLO_S, hold_s=5.0)
    over = replace(act, kind="action.over", t_s=act.t_s + 0.002, until_s=act.t_s + 0.002, service="", pid=0)
    return with_record(with_tables(base, requests=table), events=(act, over), drill=drill)


def found(row: Callable[[float, int], dict[str, Any]], verb: str = "kill") -> Aftermath:
    result = trial(row)
    drill = DrillRecord(verb=verb, slo_s=SLO_S, hold_s=5.0)
    after = aftermath(replace(result.record, drill=drill), result.tables.requests)
    assert after is not None
    return after


def test_a_second_of_failures_is_a_second_of_harm() -> None:
    """Every request that is due in it fails; the arm has recovered where they end."""
    after = found(lambda s, _: {"error": "reset"} if 0 <= s < 1 else {})

    assert after.harm_s == pytest.approx(1.0, abs=0.02)
    assert (after.failed, after.late, after.unsent) == (after.bad, 0, 0)
    assert after.recovery_s == pytest.approx(1.0, abs=0.11)


def test_a_quarter_that_fails_for_two_seconds_is_half_a_second() -> None:
    """One of four processes."""
    after = found(lambda s, place: {"error": "502"} if 0 <= s < 2 and place % 4 == 0 else {})

    assert after.harm_s == pytest.approx(0.5, abs=0.02)
    assert after.recovery_s == pytest.approx(2.0, abs=0.15)


def test_an_arm_has_not_recovered_before_anything_was_bad() -> None:
    """An action may take its time: here all is well for 5 s, then a second is lost."""
    after = found(lambda s, _: {"error": "reset"} if 5 <= s < 6 else {}, "oom")

    assert after.recovery_s == pytest.approx(6.0, abs=0.11)


@pytest.mark.parametrize(
    ("lost", "verb", "recovered_s"), [(True, "oom", 6.0), (False, "oom", 1.0), (True, "kill", 1.0)]
)
def test_who_fills_memory_has_not_recovered_before_the_kernel_has_killed(
    verb: str, recovered_s: float, *, lost: bool
) -> None:
    """Some answers are late while memory is filled, the kill is seen after 7 s; what it cost came at 5 s."""
    result = trial(lambda s, _: {"took_s": 0.3} if 0.5 <= s < 1 else {"error": "reset"} if lost and 5 <= s < 6 else {})
    act, over = result.record.events
    events = (act, replace(over, t_s=act.t_s + 7))
    drill = DrillRecord(verb=verb, slo_s=SLO_S, hold_s=5.0)
    after = aftermath(replace(result.record, events=events, drill=drill), result.tables.requests)

    assert after is not None
    assert after.recovery_s == pytest.approx(recovered_s, abs=0.11)


def test_late_and_unsent_requests_are_bad_at_their_scheduled_instant() -> None:
    """A request that waited for a lane was due when it was due."""
    after = found(
        lambda s, place: (
            {"kind": "drop", "t_sent_s": None, "t_done_s": None, "error": "dropped", "served_by": None}
            if 0 <= s < 1 and place % 2
            else {"took_s": 0.3}
            if 0 <= s < 1
            else {}
        )
    )

    assert (after.late, after.unsent) == (50, 50)
    assert after.harm_s == pytest.approx(1.0, abs=0.02)


def test_what_never_comes_back_is_infinite() -> None:
    """Censored, not zero and not the length of the trial."""
    after = found(lambda s, place: {"error": "502"} if s >= 0 and place % 4 == 0 else {})

    assert after.recovery_s == math.inf
    assert after.process_s == math.inf
    assert after.share_s == math.inf


def test_nothing_bad_is_a_recovery_of_zero() -> None:
    """The arm never stopped."""
    after = found(lambda _s, _: {})

    assert (after.harm_s, after.recovery_s, after.share_s, after.lost) == (0.0, 0.0, 0.0, 0)


def test_slow_answers_within_the_slo_are_not_recovered_where_they_were_faster_before() -> None:
    """The limit is the greater of the SLO and 1.25 × the p95 before."""
    slow = found(lambda s, _: {"error": "x"} if 0 <= s < 0.5 else {"took_s": 0.24} if 0.5 <= s < 3 else {})

    assert slow.recovery_s == pytest.approx(0.5, abs=0.11)  # 240 ms are within the SLO of 250 ms


def test_a_new_process_that_takes_over_the_share() -> None:
    """Killed, silent for 2 s, then a process with another name answers its quarter."""
    after = found(
        lambda s, place: (
            {} if s < 0 or place % 4 else {"error": "502", "served_by": None} if s < 2 else {"served_by": "new"}
        )
    )

    assert after.process_s == pytest.approx(2.0, abs=0.06)
    assert after.share_s == pytest.approx(2.0, abs=0.06)  # not before it answers at all


def test_a_hung_process_that_goes_on_has_its_share_again() -> None:
    """No new name: the slot is the one that fell silent."""
    after = found(lambda s, place: {"error": "timeout"} if 0 <= s < 4 and place % 4 == 1 else {}, "hang")

    assert after.process_s == math.inf
    assert after.share_s == pytest.approx(4.0, abs=0.06)


def test_one_that_had_nothing_to_do_for_a_while_is_not_the_slot_that_was_hit() -> None:
    """Killed and replaced by nobody: another one that was silent for 2 s, without connections, is not its return."""
    after = found(
        lambda s, place: (
            {"error": "502", "served_by": None}
            if s >= 0 and place % 4 == 0
            else {"served_by": "s2"}
            if 0 <= s < 2 and place % 4 == 1
            else {}
        )
    )

    assert after.share_s == math.inf


def test_answers_that_come_late_all_at_once_are_no_share_of_the_work() -> None:
    """A process that was stopped for 4 s answers what had waited when it goes on."""
    after = found(lambda s, place: {"took_s": 4.0 - s + 0.01} if 0 <= s < 4 and place % 4 == 1 else {}, "hang")

    assert after.share_s == pytest.approx(4.0, abs=0.06)
    assert after.late > 80


def test_requests_on_their_way_at_the_action_count_as_hit() -> None:
    """They were due before it."""
    after = found(lambda s, _: {"took_s": 1.0, "error": "reset"} if -0.05 <= s < 0 else {})

    assert after.in_flight == after.lost == after.failed
    assert after.lost in (4, 5)
    assert after.bad_before == 0


def test_what_is_never_answered_is_lost() -> None:
    """A process that hangs for good."""
    after = found(lambda s, _: {"t_done_s": None, "error": None} if -0.05 <= s < 0 else {})

    assert after.in_flight == after.lost == after.failed
    assert after.lost in (4, 5)


def test_arrivals_that_were_never_sent_before_the_action_are_none_of_its_harm() -> None:
    """They were bad before: the trial was not steady."""
    row = {"kind": "drop", "t_sent_s": None, "t_done_s": None, "error": "dropped", "served_by": None}
    result = trial(lambda s, _: dict(row) if -3.05 <= s < -2.05 else {})
    after = aftermath(result.record, result.tables.requests)
    gates = {gate.key: gate.outcome for gate in run_gates(result, 2)}

    assert after is not None
    assert (after.harm_s, after.bad_before) == (0.0, 100)
    assert gates["drill.steady"] == "invalid"


def test_a_slow_act_makes_no_process_silent_that_answers() -> None:
    """The silence that tells who was hit begins when the act is over."""
    result = trial(lambda s, place: {"error": "502"} if s >= 0 and place % 4 == 0 else {})
    (act, over) = result.record.events
    slow = replace(act, until_s=act.t_s + 3.0)
    after = aftermath(replace(result.record, events=(slow, over)), result.tables.requests)

    assert after is not None
    assert after.share_s == math.inf


def test_shares_are_told_of_verbs_that_hit_one_process_only() -> None:
    """Where all are replaced there is no slot."""
    result = trial()
    rolled = replace(result.record, drill=DrillRecord(verb="roll", slo_s=SLO_S, hold_s=5.0))
    after = aftermath(rolled, result.tables.requests)

    assert after is not None
    assert after.share_s is None


@pytest.mark.parametrize("verb", ["kill-front", "rotate-cert", "stop"])
def test_where_no_process_has_to_come_none_is_missed(verb: str) -> None:
    """Missing, not infinite: nobody's workers were replaced."""
    assert found(lambda s, _: {"error": "502"} if 0 <= s < 1 else {}, verb).process_s is None
    assert found(lambda s, _: {"served_by": "new"} if s > 1 else {}, verb).process_s == pytest.approx(1.0, abs=0.05)


def test_the_tables_have_no_column_of_which_nothing_is_known() -> None:
    """Of a verb that hits no single process: neither slot nor who noticed, and no shutdown that nobody told of."""
    given = drilled(drills=[{"verb": "kill-front"}], arms=(WORKERS_NGINX, REPLICAS), trials={"blocks": 1, "seed": 7})
    drill = DrillRecord(verb="kill-front", slo_s=SLO_S, hold_s=5.0)
    made = (_as(with_record(trial(), drill=drill), each) for each in build_plan(given).trials)
    (one,) = judge_points(make_run(given), map(summarise_trial, made))
    tables = {part.key: part for part in drill_section(one.summary).parts if isinstance(part, Table)}
    told = {key: [column.title for column in table.columns] for key, table in tables.items()}

    assert told["drill"] == ["arm", "harm", "recovery", "requests lost on their way", "not recovered in"]
    assert not {"detected", "duplicates", "by whom", "lifespan's shutdown"} & set(told["drill-notice"])
    assert "restarts" in told["drill-notice"]


def test_without_names_nothing_is_said_of_shares() -> None:
    """None, which is not zero."""
    after = found(lambda _s, _: {"served_by": None})

    assert (after.share_s, after.process_s) == (None, None)


def test_a_trial_without_an_act_has_no_aftermath_and_is_invalid() -> None:
    """There is nothing that it could have cost."""
    result = with_record(trial(), events=())

    assert aftermath(result.record, result.tables.requests) is None
    assert {gate.key: gate.outcome for gate in run_gates(result, 2)}["drill.done"] == "invalid"


def not_over() -> tuple[TrialResult, TrialResult]:
    """Trials whose measure phase ended before the drill: cut by that, and over only then."""
    half = with_record(trial(), events=trial().record.events[:1])
    late_s = half.record.measure.end_s + 0.1
    return half, with_record(trial(), events=(*half.record.events, late_over(late_s)))


def late_over(t_s: float) -> Event:
    return Event(t_s=t_s, until_s=t_s, kind="action.over")


def test_a_drill_that_is_not_over_in_time_removes_no_block() -> None:
    """METHOD 2: that may be the arm's doing, so it is a finding; what the rest of it cost, no request has seen."""
    for result in not_over():
        after = aftermath(result.record, result.tables.requests)
        gates = {gate.key: gate.outcome for gate in run_gates(result, 2)}
        (finding,) = [found for found in run_findings(result, 2) if found.key == "drill.unfinished"]

        assert gates["drill.done"] == "pass"
        assert after is not None
        assert (after.harm_s, after.recovery_s) == (math.inf, math.inf)
        assert "not over when the measure phase ended" in finding_sentence(finding)
    assert [found.key for found in run_findings(trial(), 2) if found.key == "drill.unfinished"] == []


def test_an_update_that_did_not_come_about_is_told() -> None:
    """Else what it cost would pass for the price of a deployment."""
    (begun, *rest), told = trial().record.events, {}
    for what in ("updated", "not updated"):
        act = replace(begun, kind=f"action.{what}", detail="app-2: rollback completed (start-first)")
        result = with_record(trial(), events=(begun, act, *rest))
        told[what] = [each for each in run_findings(result, 2) if each.key == "drill.update"]
    assert told["updated"] == []
    (finding,) = told["not updated"]
    assert finding_sentence(finding).startswith("Updates that the Swarm stopped or took back: 1")


def test_whatever_the_rest_of_a_drill_adds_to_is_not_known_of_one_that_is_not_over() -> None:
    """A slow arm would else have the least CPU, the fewest restarts and the smallest radius; it ranks last."""
    costs = ("drill.cpu", "drill.radius", "drill.slots", "drill.restarts")
    bad = trial(lambda s, _: {"error": "reset"} if 0 <= s < 1 else {})
    late = late_over(bad.record.measure.end_s + 0.1)
    done, cut = (
        summarise_trial(each).values for each in (bad, with_record(bad, events=(*bad.record.events[:1], late)))
    )

    assert done["drill.radius"] is not None
    assert {key: value is not None and math.isfinite(value) for key, value in done.items() if key in costs} == {
        key: done[key] is not None for key in costs
    }
    assert {cut[key] for key in costs if done[key] is not None} == {math.inf}
    assert cut["drill.lost"] == done["drill.lost"]
    assert metric_quantity(METRICS["drill.radius"], math.inf) == "drill not over"


def test_an_arm_whose_drill_is_not_over_in_time_ranks_last() -> None:
    """Replicas take longer than the measure phase in some blocks: all blocks stay, and those count against them."""
    given = drilled(trials={"blocks": 8, "seed": 7}, expect=[{"that": "drill.harm(replicas) <= 1s"}])
    slow, quick = not_over()[1], trial(lambda s, _: {"error": "reset"} if 0 <= s < 1 else {})
    trials = [
        _as(slow if each.arm.name == "replicas" and each.block > 1 else quick, each)
        for each in build_plan(given).trials
    ]
    (one,) = judge_points(make_run(given), map(summarise_trial, trials))
    words = {contest.metric: contest.judgement for contest in one.comparison.primaries}
    told = " ".join(render_terminal(build_content(one.run, one.summary, one.comparison), 200).split())

    assert {(key, found.verdict, found.n) for key, found in words.items()} == {
        ("drill.harm", "worse", 8),
        ("drill.recovery", "worse", 8),
    }
    cost = "the drill was not over when the measure phase ended, so harm and recovery are not known"
    assert [f"replicas: {cost}" in line for line in drill_section(one.summary).sentences].count(True) == 1
    assert "drill.harm(replicas) <= 1s – a value was not reached within the trial in blocks 2" in told
    assert not any("inf%" in line for line in drill_section(one.summary).sentences)


def test_two_arms_whose_drills_are_not_over_are_tied_and_not_alike() -> None:
    """Of neither is it known what it cost."""
    given = drilled(trials={"blocks": 8, "seed": 7})
    trials = [_as(not_over()[0], each) for each in build_plan(given).trials]
    (one,) = judge_points(make_run(given), map(summarise_trial, trials))
    judged = [contest.judgement for contest in one.comparison.primaries]
    told = render_terminal(build_content(one.run, one.summary, one.comparison), 200)

    assert [found.shift for found in judged] == [0.0, 0.0]
    assert {(found.verdict, found.reason) for found in judged} == {("inconclusive", "no end in either arm")}
    assert "it came to no end in either arm, which does not make them alike" in " ".join(told.split())
    assert "drill not over" in told
    assert "about the same" not in told


def test_bad_requests_before_the_action_make_the_trial_invalid_for_times() -> None:
    """METHOD 9.3: steady before."""
    result = trial(lambda s, place: {"error": "503"} if -3.05 < s < -2.05 and place % 10 == 0 else {})
    gates = {gate.key: gate for gate in run_gates(result, 2)}

    assert (gates["drill.steady"].outcome, gates["drill.steady"].value) == ("invalid", 10.0)
    assert gates["drill.done"].outcome == "pass"


def test_what_an_arm_loses_in_a_drill_is_its_result() -> None:
    """Neither a gate on arrivals nor a finding."""
    row = {"kind": "drop", "t_sent_s": None, "t_done_s": None, "error": "dropped", "served_by": None}
    result = trial(lambda s, _: dict(row) if 0 <= s < 5 else {})
    gates = {gate.key: gate for gate in run_gates(result, 2)}

    assert (gates["load.arrivals"].outcome, gates["load.arrivals"].why) == ("pass", "drill")
    assert {finding.key for finding in run_findings(result, 2)} <= {"warmup.starved"}


def test_a_load_that_was_given_up_is_a_drill_that_was_carried_out() -> None:
    """What was due from then on was never sent: a minute at 100/s is a minute of harm, and the arm never recovers."""
    plain = trial(lambda s, _: {"error": "502"} if s >= 0 else {})
    window = plain.record.measure
    given_up = Event(t_s=window.end_s, until_s=window.end_s + 60, kind="aborted")
    cut = with_record(plain, events=(plain.record.events[0], given_up))  # the act had not come to its end
    before, after = (aftermath(each.record, each.tables.requests) for each in (plain, cut))

    assert before is not None
    assert after is not None
    assert after.harm_s == pytest.approx(before.harm_s + 60, abs=0.01)
    assert after.unsent == 6000
    assert after.recovery_s == math.inf
    assert after.aborted_s == pytest.approx(window.length_s - ACT_S)
    (done,) = [gate for gate in run_gates(cut, 2) if gate.key == "drill.done"]
    assert (done.outcome, done.why) == ("pass", "aborted")


def test_a_load_that_was_given_up_before_the_action_was_never_steady() -> None:
    """Nothing was done to the arm: nothing is told of a drill, and the reason is."""
    plain = trial(lambda _s, place: {"error": "502"} if place % 10 < 6 else {})
    window = plain.record.measure
    given_up = Event(t_s=window.end_s, until_s=window.end_s + 60, kind="aborted")
    hopeless = with_record(plain, events=(given_up,))
    gates = {gate.key: gate for gate in run_gates(hopeless, 2)}

    assert aftermath(hopeless.record, hopeless.tables.requests) is None
    assert (gates["drill.done"].outcome, gates["drill.done"].value, gates["drill.done"].why) == ("invalid", 0.0, "")
    assert (gates["drill.steady"].outcome, gates["drill.steady"].value) == ("invalid", 0.6 * RATE * window.length_s)


def test_two_arms_are_judged_on_differences_of_seconds(tmp_path: object) -> None:
    """Replicas lose a second in every block, workers nothing: worse, by a second; of ratios there is none."""
    given = drilled(trials={"blocks": 8, "seed": 7})
    plan = build_plan(given)
    fails = trial(lambda s, _: {"error": "reset"} if 0 <= s < 1 else {})
    trials = [_as(fails if each.arm.name == "replicas" else trial(), each) for each in plan.trials]
    (one,) = judge_points(make_run(given), map(summarise_trial, trials))
    words = {contest.metric: contest.judgement for contest in one.comparison.primaries}
    told = render_terminal(build_content(one.run, one.summary, one.comparison), 160)

    assert words["drill.harm"].verdict == "worse"
    assert words["drill.harm"].difference is not None
    assert words["drill.harm"].difference.estimate == pytest.approx(1.0, abs=0.02)
    assert "The harm of “replicas” is +1.00 s against that of “workers”" in told


def test_an_arm_that_never_recovers_ranks_last() -> None:
    """Infinite in every block: worse, and the report says so without a number."""
    given = drilled(trials={"blocks": 8, "seed": 7})
    never = trial(lambda s, place: {"error": "502"} if s >= 0 and place % 4 == 0 else {})
    some = trial(lambda s, _: {"error": "reset"} if 0 <= s < 1 else {})
    trials = [_as(never if each.arm.name == "replicas" else some, each) for each in build_plan(given).trials]
    (one,) = judge_points(make_run(given), map(summarise_trial, trials))
    words = {contest.metric: contest.judgement for contest in one.comparison.primaries}
    told = render_terminal(build_content(one.run, one.summary, one.comparison), 200)

    assert words["drill.recovery"].verdict == "worse"
    assert "not in the trial" in told
    assert "+∞" in told


def test_a_drill_of_which_there_are_numbers_only_is_measured() -> None:
    """Too few blocks for a verdict send nobody to measure it again; what is said of one arm has one row of the card."""
    given = drilled(trials={"blocks": 1, "seed": 7})
    some = trial(lambda s, _: {"error": "reset"} if 0 <= s < 1 else {})
    found = judge_points(make_run(given), (summarise_trial(_as(some, each)) for each in build_plan(given).trials))
    card = card_of(found)
    (row,) = (row for row in decision_content(card, found).headline.rows if row[0].text == "drill kill")
    texts = [cell.text for cell in row]

    assert "drill kill" not in card.missing
    assert "no verdict" in texts
    assert any("harm" in text and "; " in text for text in texts)


def test_the_report_shows_what_broke_and_what_it_cost() -> None:
    """A table of figures, the courses of both arms, and every act with its instant."""
    given = drilled(trials={"blocks": 2, "seed": 7})
    made = trial(
        lambda s, place: {"error": "reset"} if 0 <= s < 1 else {"served_by": "new"} if s > 0 and not place % 4 else {}
    )
    trials = [_as(made, each) for each in build_plan(given).trials]
    (one,) = judge_points(make_run(given), map(summarise_trial, trials))
    section = drill_section(one.summary)
    tables = {part.key: part for part in section.parts if isinstance(part, Table)}
    figure = next(part for part in section.parts if isinstance(part, Figure))

    numbers = re.findall(r"\d\S* (?:s|ms)\b|[\d.]+%", section.sentences[1])
    assert numbers == ["1.00 s", "0.039%", "99.9%", "3 s", "1.00 s", "1.03 s", "1.03 s"]  # the words are a snapshot
    assert [row[1].text for row in tables["drill"].rows] == ["1.00 s", "1.00 s"]
    assert [row[1].text for row in tables["acts"].rows] == ["killed (SIGKILL)", "over"] * 4
    assert [row[3].text for row in tables["acts"].rows][::2] == ["6.50 s"] * 4
    assert figure.svg.count('class="heading"') == 2
    assert all(f">{word}</text>" in figure.svg for word in ("steady", "killed", "recovered"))
    assert figure.svg.count('class="phase"') == 2  # from the action until no request is bad any more, in both arms
    assert "failed or never sent" in figure.svg
    assert "workers 100 bad (100 failed, 0 late, 0 never sent)" in figure.sentence


def test_the_table_has_an_interval_beside_each_figure() -> None:
    """Of the arm's own blocks: with eight the exact one, and nothing where they are all alike."""
    given = drilled(trials={"blocks": 8, "seed": 7})

    def lasting(block: int) -> TrialResult:
        return trial(lambda s, _: {"error": "reset"} if 0 <= s < block / 4 else {})

    made = {block: lasting(block) for block in range(1, 9)}
    trials = [_as(made[4 if each.arm.name == "workers" else each.block], each) for each in build_plan(given).trials]
    (one,) = judge_points(make_run(given), map(summarise_trial, trials))
    (table,) = (part for part in drill_section(one.summary).parts if isinstance(part, Table) and part.key == "drill")

    assert [row[1].text for row in table.rows] == ["1.00 s", "1.12 s (500 ms to 1.75 s)"]


def test_a_run_that_breaks_nothing_has_no_such_section() -> None:
    """Nor do its tables have rows for it."""
    given = make_scenario(ARMS)
    (one,) = judge_points(make_run(given), make_summaries(given))

    assert drill_section(one.summary).parts == ()


def _as(result: TrialResult, planned: Any) -> TrialResult:
    """The same trial as another one of the plan."""
    arm = planned.arm
    place = {"trial_id": planned.id, "block": planned.block, "position": planned.position, "arm": arm.name}
    kinds = {"model": arm.model.kind, "front": arm.front.kind}
    return replace(result, record=replace(result.record, **place, **kinds))


@pytest.mark.parametrize("front", [{"balance": "least_conn"}, {"timeout": "1s"}])
def test_a_profile_moves_nothing_that_another_option_of_the_front_may_move(front: dict[str, Any]) -> None:
    """Behind least_conn, or an nginx that waits for 1 s, the stock profile is not the only difference."""
    chosen = REPLICAS | {"front": {"kind": "nginx", **front}}
    given = drilled((chosen, STOCK))
    made = [_as(trial(), each) for each in build_plan(given).trials]
    (one,) = judge_points(make_run(given), map(summarise_trial, made))

    assert moves(one.summary, "drill.harm") == ()


def test_the_table_has_only_columns_of_the_schema() -> None:
    """The made-up rows are such as a load process writes."""
    assert dict(trial().tables.requests.schema) == dict(pl.Schema(dict(REQUESTS)))


STOCK = REPLICAS | {"name": "stock", "front": {"kind": "nginx", "profile": "stock"}, "control": True}


LASTS_S = {"workers": 0.0, "workers-nginx": 0.0, "replicas": 1.0, "stock": 1.5}
MODEL, PROFILE = ("model", "replicas", "workers-nginx"), ("profile", "stock", "replicas")


def out_for_a_while(
    arms: Sequence[dict[str, Any]], blocks: int, failed: Collection[tuple[int, str]] = ()
) -> PointResult:
    """A run in which each arm fails for its LASTS_S; trials of ``failed`` blocks and arms came to nothing."""
    given = drilled(arms, trials={"blocks": blocks, "seed": 7})

    def lasting(lasts_s: float) -> TrialResult:
        return trial(lambda s, _: {"error": "502"} if 0 <= s < lasts_s else {})

    made = {arm["name"]: lasting(LASTS_S[arm["name"]]) for arm in arms}
    done = [each for each in build_plan(given).trials if (each.block, each.arm.name) not in failed]
    (one,) = judge_points(make_run(given), (summarise_trial(_as(made[each.arm.name], each)) for each in done))
    return one


def shifts(found: PointResult) -> dict[tuple[str, str, str], float | None]:
    """By what the harm is moved."""
    told = moves(found.summary, "drill.harm")
    return {(move.part.value, move.arm, move.other): move.judgement.shift for move in told}


@pytest.mark.parametrize(("arms", "told"), [((WORKERS_NGINX, REPLICAS, STOCK), True), ((WORKERS, REPLICAS), False)])
def test_the_report_tells_what_the_profile_moves_and_what_the_process_model(
    arms: tuple[dict[str, Any], ...], *, told: bool
) -> None:
    """Of arms that differ in one of them alone: half a second here, a second there; where both profiles were run."""
    one = out_for_a_while(arms, 8)
    sentences = [each for each in drill_section(one.summary).sentences if each.startswith("What moves the harm")]

    known = {MODEL: pytest.approx(1.0, abs=0.02), PROFILE: pytest.approx(0.5, abs=0.02)}
    assert shifts(one) == (known if told else {})
    assert {move.judgement.bound for move in moves(one.summary, "drill.harm")} == ({0.5} if told else set())
    assert len(sentences) == told
    assert (
        not told or "the front's profile by +500 ms (95% CI +500 ms to +500 ms), stock against replicas" in sentences[0]
    )


@pytest.mark.parametrize(
    ("failed", "told"),
    [
        ([(1, "stock"), (2, "replicas"), (3, "workers-nginx")], {MODEL: 1.0, PROFILE: 0.5}),
        ([(1, "stock"), (2, "replicas"), (3, "replicas")], {MODEL: 1.0}),
    ],
    ids=["each once", "no pair of profiles"],
)
def test_what_moves_the_harm_is_told_of_whole_pairs(
    failed: list[tuple[int, str]], told: dict[tuple[str, str, str], float]
) -> None:
    """A trial failed in every block, and no block has all arms: two that are there say all the same what they say."""
    one = out_for_a_while((WORKERS_NGINX, REPLICAS, STOCK), 3, failed)

    assert shifts(one) == {key: pytest.approx(shift, abs=0.02) for key, shift in told.items()}
    assert "What moves the harm" in " ".join(drill_section(one.summary).sentences)
    build_content(one.run, one.summary, one.comparison)  # the whole page can be made
