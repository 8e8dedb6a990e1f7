"""Every page that the lab writes, from made-up runs: each kind of run, good and bad, and what is written of several."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace

from lab.analysis.comparison import compare_run
from lab.analysis.decision import card_of
from lab.analysis.gates import GATES
from lab.analysis.limit_search import Bracket, Fate, Try
from lab.analysis.points import PointResult, judge_points
from lab.analysis.summary import summarise
from lab.cli.limits import searching
from lab.metrics.capacity import CAPACITY
from lab.record.types import Environment, TrialResult
from lab.report.build import build_content
from lab.report.content import Content
from lab.report.overview import overview
from lab.report.sections.decision import decision_content
from lab.report.sections.history import history_content, trends_of
from lab.serve.runs import read_entry, runs_in
from lab.units import MIB
from tests.builders import ARMS, make_gate, make_run, make_scenario, make_summaries, make_trials, with_record
from tests.run_folders import folder_of_the_session
from tests.served_runs import serve_folder
from tests.snapshots import RUNS
from tests.unit.test_beside import CACHE, DATABASE
from tests.unit.test_capacity_figures import RATES, SLO, climbed
from tests.unit.test_points import LONG, PAIR, harmed_replicas
from tests.unit.test_points import doubtful as doubtful_points

SCENARIO = make_scenario(trials={"blocks": 8, "seed": 7})
VALID = GATES.keys() - {"memory.neighbours"}  # which only attestation finds


def doubtful() -> Iterable[TrialResult]:
    """Every gate left a caveat."""
    gates = tuple(make_gate("caveat", key=key, value=0.07, limit=GATES[key].caveat) for key in sorted(VALID))
    return [with_record(trial, gates=gates) for trial in make_trials(SCENARIO)]


def spoiled() -> Iterable[TrialResult]:
    """Five of eight blocks failed."""
    bad = make_gate("invalid")
    return [
        with_record(trial, gates=(*trial.record.gates, bad)) if trial.record.block < 6 else trial
        for trial in doubtful()
    ]


def report(trials: Iterable[TrialResult]) -> Content:
    """Its driver shares nothing."""
    run = make_run(SCENARIO)
    run = replace(run, environment=Environment(facts={**run.environment.facts, "storage_driver": "fuse-overlayfs"}))
    summary = summarise(run, trials)
    return build_content(run, summary, compare_run(summary))


def swept() -> Content:
    """The first page of a run with several points, at one of which something is to be said against it."""
    given = make_scenario(PAIR, trials={"blocks": 8, "seed": 7}, sweep={"processes": [1, 4]})
    late = {"n4": {"gates": (make_gate("caveat"),)}}
    return overview(make_run(given), judge_points(make_run(given), doubtful_points(given, late)))


def drilled() -> Sequence[PointResult]:
    """Two drills, each with a verdict."""
    compare, eight = {"baseline": "workers", "primary": ["drill.harm"]}, {"blocks": 8, "seed": 7}
    given = make_scenario(PAIR, drills=[{"verb": "kill"}, {"verb": "hang"}], load=LONG, compare=compare, trials=eight)
    return judge_points(make_run(given), harmed_replicas(given))


def whole(one: PointResult) -> Content:
    """The whole report of a point, or of a run that has one."""
    return build_content(one.run, one.summary, one.comparison, one.confirmed, one.searched, one.piloted)


def card() -> Content:
    """What is better in what."""
    found = judge_points(make_run(SCENARIO), make_summaries(SCENARIO))
    return decision_content(card_of(found), found)


def ladder() -> Content:
    """A run of `lab capacity`: one arm carries less in every block, and of its pilot something is known."""
    given = make_scenario(
        PAIR,
        trials={"blocks": 8, "seed": 7},
        compare={"baseline": "workers", "primary": [CAPACITY]},
        capacity={"slo": SLO, "rates": list(RATES)},
    )
    times_s = {"workers": (0.05, 0.12, 0.4), "replicas": (0.1, 0.2, 0.9)}
    trials = []
    for trial in make_summaries(given):
        climb = climbed([time * (1 + trial.record.block / 50) for time in times_s[trial.record.arm]])
        trials.append(replace(trial, climb=climb, values={**trial.values, CAPACITY: climb.capacity}))
    (one,) = judge_points(make_run(given), trials)
    return whole(replace(one, piloted={"workers": [(40.0, 0.03), (80.0, 0.045)]}))


def limits() -> Content:
    """A run of `lab limits`: what holds, what does not, and what became of each try."""
    given = searching(make_scenario(PAIR), "p99 <= 50ms", "")
    found = [tried(arm.name, mode) for arm in given.arms for mode in ("pooled", "split")]
    (one,) = judge_points(make_run(given), make_summaries(given), searched=found)
    return whole(one)


def tried(arm: str, mode: str) -> Bracket:
    """A search that closed."""
    fates = ((256, Fate.HELD, ""), (128, Fate.KILLED, "uvicorn worker, pid 7, of app-1"), (192, Fate.SLOW, "p99 91 ms"))
    tries = (
        Try(arm=arm, mode=mode, limit_bytes=mib * MIB, fate=fate, detail=detail, anon_bytes=0.8 * mib * MIB)
        for mib, fate, detail in fates
    )
    return Bracket(arm=arm, mode=mode, tries=tuple(tries))


def trend() -> Content:
    """`lab compare FOLDER --out trend.html`: conditions change twice."""
    entries = [read_entry(path) for path in runs_in(serve_folder(folder_of_the_session("lab-pages-")))]
    return history_content(entries, trends_of(entries, "quickstart"), ["churn"])


def beside() -> Content:
    """A run with a database and a cache."""
    given = make_scenario(PAIR, sidecars=[DATABASE, CACHE])
    (one,) = judge_points(make_run(given), make_summaries(given))
    return whole(one)


def long() -> Content:
    """The longest names that arms can have."""
    arms = [{**arm, "name": f"{arm['name']}-{'of-many-syllables-' * 2}"[:40].rstrip("-")} for arm in ARMS]
    (one,) = judge_points(make_run(given := make_scenario(arms)), make_summaries(given))
    return whole(one)


PAGES: Mapping[str, Callable[[], Content]] = {
    "good": lambda: report(make_trials(SCENARIO)),
    "doubtful": lambda: report(doubtful()),
    "spoiled": lambda: report(spoiled()),
    "sweep": swept,
    "drills": lambda: overview(drilled()[0].whole, drilled()),
    "drill": lambda: whole(drilled()[0]),
    "card": card,
    "capacity": ladder,
    "limits": limits,
    "by-hand": RUNS["by hand"],
    "control": RUNS["eight good blocks, containers share no file pages"],
    "names": long,
    "beside": beside,
    "trend": trend,
}
