"""The figures that the documentation shows of `quickstart` are those of the recorded run, which anybody can read."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from lab.analysis.points import PointResult
from lab.metric_types import Reading
from lab.metrics import METRICS
from lab.report.parts.cells import metric_quantity
from lab.report.sections.lead import lead_of
from lab.run.conclude import conclude

ROOT = Path(__file__).parents[2]
RECORDED = ROOT / "docs" / "recorded" / "quickstart.zip"
ROWS = {
    "memory (PSS)": "memory.pss.total",
    "anonymous memory": "memory.cgroup.anon",
    "p50": "p50",
    "p99": "p99",
    "CPU for 1,000 requests": "cpu.per_1k",
    "largest share of one process": "share.max",
    "time until ready": "boot",
}
HOP = ("## What does the proxy hop cost?", "The cost of the hop")
ARMS = ("workers", "workers-nginx", "replicas")


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> PointResult:
    return conclude(RECORDED, into=tmp_path_factory.mktemp("recorded")).points[0]


@pytest.mark.parametrize("title", ROWS)
def test_the_table_of_the_faq_is_that_of_the_run(recorded: PointResult, title: str) -> None:
    metric = METRICS[ROWS[title]]
    medians = (recorded.summary.metrics[Reading(metric.key, arm)].median for arm in ARMS)
    row = f"| {title} | {' | '.join(metric_quantity(metric, value) for value in medians)} |"
    assert row in (ROOT / "docs" / "faq.md").read_text(encoding="utf-8")


def test_the_answer_of_the_tutorial_is_that_of_the_run(recorded: PointResult) -> None:
    (judged,) = recorded.comparison.primaries
    (answer,) = lead_of(recorded.run, recorded.summary, recorded.comparison).sentences
    assert judged.judgement.verdict is not None
    tutorial = " ".join((ROOT / "docs" / "tutorial.md").read_text(encoding="utf-8").split())
    assert f"*{answer.sentence}*" in tutorial
    assert f"hence *{judged.judgement.verdict.value}*" in tutorial


@pytest.mark.parametrize("page", ["tutorial.md", "faq.md"])
def test_every_change_that_pages_tell_of_the_run_is_in_its_report(recorded: PointResult, page: str) -> None:
    """On its first screen, with the same interval: of the tutorial, and of the FAQ's section on the proxy hop."""
    text = " ".join((ROOT / "docs" / page).read_text(encoding="utf-8").split())
    begin, end = {"tutorial.md": ("Read it from the top:", "That figure is of"), "faq.md": HOP}[page]
    shown = re.findall(r"[+−][\d.]+% \([^()]*…[^()]*%\)", text.partition(begin)[2].partition(end)[0])
    lead = lead_of(recorded.run, recorded.summary, recorded.comparison)
    seen = (told for group in (*lead.observed, *lead.controls) for told in group.sentences)
    told = " ".join((*(each.sentence for each in lead.sentences), *seen))

    assert len(shown) >= 3
    assert [size for size in shown if size not in told] == []


def test_it_was_measured_where_file_pages_are_shared(recorded: PointResult) -> None:
    assert recorded.run.environment.facts["storage_driver"] == "overlay2"
    assert len(recorded.summary.decision.used) == len(recorded.summary.blocks)
