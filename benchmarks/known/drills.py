"""Drills of which the cost is known: made-up blocks through the real analysis, and real apps and fronts (METHOD 9)."""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

from benchmarks.known.check import Check, exactly
from benchmarks.known.verdicts import words_of
from lab.analysis.comparison import Comparison
from lab.analysis.points import judge_points
from lab.analysis.trial.trial import TrialSummary, summarise_trial
from lab.plan.blocks import build_plan
from lab.plan.trial import Trial
from lab.record.reading import read_trial
from lab.record.schema import STEP_BEGIN
from lab.record.types import REQUESTS, DrillRecord, Event, TrialResult
from lab.scenario.drills import STEADY_S
from lab.scenario.model import Scenario
from tests.builders import REPLICAS, WORKERS, make_run, make_scenario, make_trial, table_of, with_record, with_tables

REPOSITORY = Path(__file__).parents[2]
BLOCKS = 8
RATE, MEASURE_S, SLO_S, ACT_S = 100.0, 20.0, 0.25, 6.5
SERVERS, SERVICE_S = 4, 0.005
TICK_S = 0.5  # a supervisor looks so often: a death is noticed at any time within it
STARTUP_S, ALLOWED_S = 3.0, 0.3
MORE_S = 4.0  # so much longer the slower arm takes to start: a second of harm, where one of four is away
AGAIN = WORKERS | {"name": "again"}
JUDGED = ("drill.harm", "drill.recovery", "drill.radius")
BACK = ("drill.recovery", "drill.process")  # when the only process is there again, in two ways


@dataclass(frozen=True, slots=True, kw_only=True)
class Death:
    """How a made-up arm takes the death of one of its ``servers``, which starts again in ``startup_s``.

    ``status``: what requests for it get meanwhile: that of a front, or 0 for no response.
    """

    servers: int = SERVERS
    startup_s: float = 1.0
    status: int = 502


def died(scenario: Scenario, planned: Trial, death: Death) -> TrialResult:
    """A trial in which one of the servers, which take turns, is killed; instants and service times by chance."""
    base, chance = make_trial(scenario, planned), _chance(planned, death)
    start_s, away_s = base.record.measure.start_s, _away_s(chance, death)
    rows: list[dict[str, Any]] = []
    due_s = 0.0
    while (due_s := due_s + chance.expovariate(RATE)) < MEASURE_S:
        place, after_s = len(rows) % death.servers, due_s - ACT_S
        lost = place == 0 and 0 <= after_s < away_s
        done_s = start_s + due_s + (0.001 if lost else SERVICE_S * chance.lognormvariate(0, 0.3))
        rows.append(
            {
                "t_scheduled_s": start_s + due_s,
                "t_sent_s": start_s + due_s,
                "t_done_s": done_s,
                "status": death.status if lost else 200,
                "error": f"status {death.status}" if lost else None,
                "served_by": None if lost else "new" if place == 0 and after_s >= 0 else f"s{place}",
                "lane": len(rows) % 32,
            }
        )
    table = table_of(REQUESTS, rows, bytes=10, name="/", phase="measure", kind="arrival")
    act = Event(t_s=start_s + ACT_S, until_s=start_s + ACT_S + 0.001, kind="action.SIGKILL", service="app", pid=7)
    over = replace(act, kind="action.over", t_s=act.t_s + 0.002, until_s=act.t_s + 0.002, pid=0)
    made = with_record(base, events=(act, over), drill=DrillRecord(verb="kill", slo_s=SLO_S, hold_s=5.0))
    return with_tables(made, requests=table)


def _chance(planned: Trial, death: Death) -> Random:
    return Random(f"{planned.id}/{death.servers}")


def _away_s(chance: Random, death: Death) -> float:
    """How long nobody serves: until it is noticed, which is the first thing that is drawn, and until another is up."""
    return TICK_S * chance.random() + death.startup_s


def check_deaths() -> Iterator[Check]:
    """A time to start that is recovered, with and without a front; an arm against itself, and against a slower one."""
    scenario = _scenario(())
    planned = build_plan(scenario).trials[0]
    for where, status in (("direct", 0), ("behind a front", 502)):
        death = Death(servers=1, startup_s=STARTUP_S, status=status)
        found = summarise_trial(died(scenario, planned, death)).values
        away_s = _away_s(_chance(planned, death), death)
        for key in BACK:
            yield _near(f"made-up death of the only process, {where}: {key}", found[key] or 0.0, away_s)
    same = _compared(Death(), Death())
    for metric, word in words_of(same).items():
        yield Check(
            case=f"A/A, one of {SERVERS} processes is killed, {BLOCKS} blocks: {metric}",
            planted="no difference",
            printed=word,
            allowed="neither better nor worse",
            holds=word not in ("better", "worse"),
        )
    slower = words_of(_compared(Death(), Death(startup_s=1.0 + MORE_S)))
    for metric in ("drill.harm", "drill.recovery"):
        yield exactly(f"{MORE_S:g} s more until it is back, {BLOCKS} blocks: {metric}", slower[metric], "worse")


def check_startup() -> Iterator[Check]:
    """A real app that takes STARTUP_S to start, killed: direct, and as the only one behind nginx."""
    app = f'env = {{ STARTUP_MS = "{STARTUP_S * 1000:g}", PRESTART = "lifespan" }}'
    front = '[[arms]]\nname = "fronted"\nmodel = "replicas"\nfront = "nginx"\n\n'
    arms = '[[arms]]\nname = "direct"\nmodel = "workers"\nfront = "direct"\n\n' + front
    with tempfile.TemporaryDirectory() as folder:
        for name, found in killed_once(Path(folder), app=app, arms=arms).items():
            for key, took_s in startup_of(found).items():
                yield _near(f"killed app, {name}: {key} from its successor's begin on", took_s, STARTUP_S)


def startup_of(found: TrialSummary) -> Mapping[str, float]:
    """How long after its successor says that its lifespan begins, which takes STARTUP_S, the arm is back.

    A front changes nothing of it: one upstream is asked each time, for nginx never takes a single one for down.
    """
    assert found.aftermath is not None
    begun_s = max(event.t_s - found.aftermath.action_s for event in found.record.events if event.kind == STEP_BEGIN)
    assert begun_s > 0, "no successor said that it begins"
    return {key: (found.values[key] or 0.0) - begun_s for key in BACK}


def check_repeats() -> Iterator[Check]:
    """A front that asks again shows its duplicates, one that does not has none."""
    with tempfile.TemporaryDirectory() as folder:
        found = repeats(Path(folder))
        known = asked_again(Path(folder))
    again, never = (found[name].values["drill.duplicates"] or 0.0 for name in ("retries", "patient"))
    yield Check(
        case="a process hangs for 2 s behind a front that asks another after 1 s: duplicates",
        planted=f"{known} by nginx's log",
        printed=f"{again:g}",
        allowed="the same, ≥ 1",
        holds=again == known >= 1,
    )
    yield exactly("the same behind a front that asks once: duplicates", never, 0.0)


HEAD = """
question = "Is the answer known?"

[app]
build = "{repository}"
requirements = "{repository}/requirements/app.txt"
restart = "always"
{app}

[budget]
processes = {processes}

{arms}
[load]
locustfile = "{repository}/locustfiles/identified.py"
rate = 40
lanes = 256
warmup = "1s"
measure = "{measure}"

[[drills]]
{drill}

[trials]
blocks = 1

[compare]
primary = ["drill.harm"]
"""
ARM = '[[arms]]\nname = "{name}"\nmodel = "replicas"\nfront = {front}\nenv = {env}\n\n'


def drilled(folder: Path, **parts: str) -> dict[str, TrialSummary]:
    """The trials of a real run of one block, by arm."""
    scenario = folder / "known.toml"
    scenario.write_text(HEAD.format(repository=REPOSITORY, **parts))
    command = [sys.executable, "-m", "lab", "run", str(scenario), "--out", str(folder / "runs"), "--allow-concurrent"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode in (0, 3), done.stderr
    found = [summarise_trial(read_trial(path)) for path in sorted((folder / "runs").glob("*/trials/b*"))]
    return {trial.record.arm: trial for trial in found}


LATE = "upstream timed out"
GIVEN_UP = re.compile(rf'(\d+#\d+: \*\d+) ({LATE}|no live upstreams).*request: "(GET /items/[^"]*)"')
HANG = f'verb = "hang"\nafter = "{STEADY_S:g}s"\nhold = "2s"'
killed_once = partial(drilled, drill='verb = "kill"', measure="22s", processes="1")


def repeats(folder: Path, app: str = "") -> dict[str, TrialSummary]:
    """Two fronts before a process that hangs: one asks another one after a second, the other waits.

    ``app``: more of the table [app].
    """
    env = '{ LOG_REQUESTS = "true" }'
    arms = ARM.format(name="retries", front='{ kind = "nginx", timeout = "1s" }', env=env)
    arms += ARM.format(name="patient", front='{ kind = "nginx", retries = 0 }', env=env)
    return drilled(folder, app=app, arms=arms, drill=HANG, measure="15s", processes="2")


def asked_again(folder: Path) -> int:
    """How many requests of ``repeats`` nginx gave up at one process, and passed to the other one.

    On a busy machine the lab's own, which ask whether all is ready, may be given up too, or both processes are taken
    for down, so that there is no other one: neither counts.
    """
    (log,), again, late = folder.glob("runs/*/trials/*-retries/nginx.log"), 0, dict[str, str]()
    for connection, what, request in GIVEN_UP.findall(log.read_text()):
        first = late.get(connection) != request
        again += (what == LATE and first) - (what != LATE and not first)
        late[connection] = request if what == LATE else ""
    return again


def _near(case: str, printed_s: float, planted_s: float) -> Check:
    return Check(
        case=case,
        planted=f"{planted_s:.2f} s",
        printed=f"{printed_s:.2f} s",
        allowed=f"±{ALLOWED_S:g} s",
        holds=abs(printed_s - planted_s) <= ALLOWED_S,
    )


def _scenario(primary: tuple[str, ...], arms: tuple[dict[str, str], ...] = (WORKERS, REPLICAS)) -> Scenario:
    load = {"locustfile": "f.py", "rate": RATE, "lanes": 32, "warmup": "5s", "measure": f"{MEASURE_S:g}s"}
    compare = {"baseline": "workers", "primary": list(primary)}
    trials = {"blocks": BLOCKS, "seed": 7}
    return make_scenario(arms, drills=[{"verb": "kill"}], load=load, compare=compare, trials=trials)


def _compared(first: Death, other: Death) -> Comparison:
    """Workers against a second arm of the same kind."""
    scenario = _scenario(JUDGED, (WORKERS, AGAIN))
    deaths = {"workers": first, "again": other}
    made = (died(scenario, planned, deaths[planned.arm.name]) for planned in build_plan(scenario).trials)
    (one,) = judge_points(make_run(scenario), map(summarise_trial, made))
    return one.comparison
