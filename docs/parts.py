"""Parts of the reference: the scenarios that are shipped, the numbers of the method, the columns of the tables."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from lab.analysis.blocks import replacements_allowed
from lab.analysis.findings.kinds import STEADY_P_VALUE
from lab.analysis.judge.eligibility import STEADY_DRIFT
from lab.analysis.judge.failures import FAILURE_MARGIN
from lab.analysis.judge.floor import LEVEL
from lab.analysis.judge.levels import FAMILY_ERROR, nominal_error, verdict_blocks
from lab.analysis.judge.power import MIN_BLOCKS_TO_ESTIMATE, SETTLE_CHANCE
from lab.analysis.judge.unpaired import MIN_RUNS
from lab.analysis.trial.shares import MIN_ATTRIBUTED
from lab.metric_types import JUDGE_BEYOND, PRINT_BEYOND
from lab.metrics import METRICS
from lab.plan.blocks import build_plan
from lab.plan.loading import MAX_WARMUP_S, MIN_WARMUP_REQUESTS, queue_limit
from lab.plan.models.model import GRACEFUL_SHUTDOWN_S, KEEP_ALIVE_S
from lab.record import schema
from lab.sampling.grid import FASTEST_S, LEAST_BUDGET, LOOKS_ENOUGH, LOOKS_FLOOR, MOST_BUDGET, SLOWEST_S, TICK_S
from lab.scenario.file import read_scenario
from lab.scenario.trials import Trials
from lab.units import format_count

DOCS = Path(__file__).parent
SCENARIOS = DOCS.parent / "scenarios"
ROW_MEANS = {table: str(schema.ROWS[table].__doc__) for table in schema.KEPT}
LOOKS = (8, 12, 16, 20)
PERCENTILES = ("p95", "p99", "p99.9")
CITED = {"METHOD": "method.md", "FIELD": "traps.md"}

Rows = list[tuple[str, ...]]


def scenarios() -> Rows:
    """Every shipped scenario: its question, its shape, what it judges, how long it takes."""
    rows: Rows = []
    for path in sorted(SCENARIOS.glob("*.toml")):
        scenario = read_scenario(path)
        plan = build_plan(scenario)
        load = f"{scenario.load.rate:g}/s" if scenario.load.rate else "closed"
        rows.append(
            (
                f"`scenarios/{path.name}`",
                scenario.question,
                ", ".join(arm.name for arm in scenario.arms),
                str(scenario.budget.processes),
                load,
                ", ".join(f"`{key}`" for key in scenario.compare.primary),
                str(plan.blocks),
                f"{max(1, round(plan.estimated_s / 60))} min",
            )
        )
    return rows


def numbers() -> Rows:
    """The constants that a reader of the method meets."""
    return [
        ("blocks by default", str(Trials().blocks)),
        *((f"least blocks for a verdict, {_judged(m)}", str(verdict_blocks(m))) for m in (1, 2, 4, 7)),
        ("two-sided error of one look at 8, 12, 16 and 20 blocks", f"{nominal_error(FAMILY_ERROR, LOOKS):.4f}"),
        ("runs a side for a verdict of `lab compare`", str(MIN_RUNS)),
        ("points by which an arm may fail more before it is worse", f"{FAILURE_MARGIN * 100:g}"),
        ("blocks that may be replaced", ", ".join(f"{replacements_allowed(n)} of {n}" for n in (5, 6, 10, 20))),
        ("chance of a wrong better or worse, over all judged intervals and looks", f"{FAMILY_ERROR * 100:g}%"),
        ("level of exploratory intervals and of noise floors", f"{LEVEL * 100:g}%"),
        ("chance of a verdict that a forecast of blocks aims at", f"{SETTLE_CHANCE * 100:g}%"),
        ("least blocks for such a forecast", str(MIN_BLOCKS_TO_ESTIMATE)),
        ("requests in the warm-up, for each serving process", f"{MIN_WARMUP_REQUESTS}, within {MAX_WARMUP_S:g} s"),
        ("observations beyond a percentile, to show it", f"{PRINT_BEYOND}: {_requests('least_to_show')}"),
        ("observations beyond a percentile, to judge it", f"{JUDGE_BEYOND}: {_requests('least_to_judge')}"),
        ("arrivals that may wait or be in flight", f"{queue_limit(1)} at 1/s, {queue_limit(300)} at 300/s"),
        ("drift of a measure phase", f"{STEADY_DRIFT * 100:g}%, when its p-value is below {STEADY_P_VALUE}"),
        ("attributed requests, to show shares", f"{MIN_ATTRIBUTED * 100:g}%"),
        ("readings of CPU, RSS, threads, cgroups, host", f"{1 / TICK_S:g} Hz"),
        ("looks at the PSS of a process in a measure phase", f"{LOOKS_ENOUGH}, at least {LOOKS_FLOOR}"),
        ("time between two of them", f"{FASTEST_S:g} to {SLOWEST_S:g} s, as the budget allows"),
        (
            "the sampler's budget, of a core",
            f"{LEAST_BUDGET * 100:g}% for 8 processes, {MOST_BUDGET * 100:g}% from 16",
        ),
        ("uvicorn's keep-alive", f"{KEEP_ALIVE_S} s"),
        ("uvicorn's graceful shutdown", f"{GRACEFUL_SHUTDOWN_S} s"),
    ]


def columns(table: str) -> Rows:
    """Column, type, unit and meaning of one Parquet table."""
    return [(f"`{column.name}`", column.type, column.unit, column.note) for column in schema.TABLES[table]]


def linked(text: str) -> str:
    """The text with each "METHOD 6.3" and "FIELD 2" made a link to its heading."""
    return re.sub(r"\b(METHOD|FIELD) (\d+(?:\.\d+)?)", lambda found: _link(found[0], found[1], found[2]), text)


def _link(text: str, document: str, number: str) -> str:
    return f"[{text}]({CITED[document]}#{dict(_headings(CITED[document]))[number]})"


def _headings(document: str) -> Iterator[tuple[str, str]]:
    """Number and anchor of each numbered heading; anchors as Markdown renderers make them."""
    text = (DOCS / document).read_text(encoding="utf-8")
    for number, title in re.findall(r"^##+ (\d+(?:\.\d+)?)\.? (.*)$", text, re.MULTILINE):
        yield number, re.sub(r"[^\w\s-]", "", f"{number} {title}".lower()).replace(" ", "-")


def _judged(count: int) -> str:
    return f"{count} judged interval" if count == 1 else f"{count} judged intervals"


def _requests(least: str) -> str:
    counts = {key: format_count(getattr(METRICS[key], least)) for key in PERCENTILES}
    return ", ".join(f"{key} from {count} requests" for key, count in counts.items())
