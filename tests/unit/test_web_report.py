"""The report of a session by hand: marked on the first screen, numbers without a word of judgement, however many."""

from __future__ import annotations

import re

from lab.analysis.comparison import compare_run
from lab.analysis.summary import summarise_done
from lab.report.build import build_content
from lab.report.content import Content
from lab.report.renderers.markdown import render_markdown
from lab.run.by_hand import by_hand
from lab.scenario.model import Scenario
from tests.builders import make_run, make_scenario, make_summaries

WORDS = re.compile(r"^\| verdict \| .*$", re.MULTILINE)  # what the glossary says of the word
JUDGED = re.compile(r"\b(better|worse|equivalent|inconclusive|smoke)\b")


def a_session(blocks: int) -> Content:
    """As often visited as a run has blocks, with arms that differ: a run would be judged."""
    scenario: Scenario = by_hand(make_scenario(trials={"blocks": blocks, "seed": 7}))
    run = make_run(scenario, exploratory=True)
    summary = summarise_done(run, make_summaries(scenario))
    return build_content(run, summary, compare_run(summary))


def test_no_number_of_visits_makes_a_verdict() -> None:
    """With ten visits of every arm neither."""
    text = render_markdown(a_session(blocks=10))

    assert JUDGED.findall(WORDS.sub("", text)) == []
    assert "lab ui 2" in text
