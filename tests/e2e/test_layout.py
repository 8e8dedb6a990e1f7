"""Every report at every width, light, dark and on paper: nothing leaves its figure, nothing is cut, rows are low."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from lab.analysis.comparison import compare_run
from lab.analysis.decision import card_of
from lab.analysis.gates import GATES
from lab.analysis.points import PointResult, judge_points
from lab.analysis.summary import summarise
from lab.record.types import Environment, TrialResult
from lab.report.build import build_content
from lab.report.content import Content
from lab.report.overview import overview
from lab.report.renderers.html_page import render_html
from lab.report.sections.decision import decision_content
from tests.builders import make_gate, make_run, make_scenario, make_summaries, make_trials, with_record
from tests.e2e.conftest import IN_A_BROWSER, REPOSITORY
from tests.e2e.layout import every_shape, faults, show_as
from tests.unit.test_points import LONG, PAIR, harmed_replicas

pytestmark = IN_A_BROWSER

ARTEFACTS = REPOSITORY / "artifacts"
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
    """The first page of a run with several points."""
    given = make_scenario(PAIR, trials={"blocks": 8, "seed": 7}, sweep={"processes": [1, 4]})
    return overview(make_run(given), judge_points(make_run(given), make_summaries(given)))


def drilled() -> Sequence[PointResult]:
    """Two drills, each with a verdict."""
    compare, eight = {"baseline": "workers", "primary": ["drill.harm"]}, {"blocks": 8, "seed": 7}
    given = make_scenario(PAIR, drills=[{"verb": "kill"}, {"verb": "hang"}], load=LONG, compare=compare, trials=eight)
    return judge_points(make_run(given), harmed_replicas(given))


def drill() -> Content:
    """The whole report of one of them."""
    one = drilled()[0]
    return build_content(one.run, one.summary, one.comparison)


def card() -> Content:
    """What is better in what."""
    found = judge_points(make_run(SCENARIO), make_summaries(SCENARIO))
    return decision_content(card_of(found), found)


PAGES: Mapping[str, Callable[[], Content]] = {
    "good": lambda: report(make_trials(SCENARIO)),
    "doubtful": lambda: report(doubtful()),
    "spoiled": lambda: report(spoiled()),
    "sweep": swept,
    "drills": lambda: overview(drilled()[0].whole, drilled()),
    "drill": drill,
    "card": card,
}


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pages of made-up runs; the verdicts of one hold the widest word."""
    folder = tmp_path_factory.mktemp("pages")
    for name, content in PAGES.items():
        (folder / f"{name}.html").write_text(render_html(content()))
    return folder


@pytest.mark.parametrize("name", PAGES)
def test_a_report_fits(browser: Browser, pages: Path, name: str) -> None:
    """With everything that can be opened open; the first screen of each shape is kept as a picture."""
    page = browser.new_page()
    page.goto((pages / f"{name}.html").as_uri())
    ARTEFACTS.mkdir(exist_ok=True)
    for medium, width in every_shape(page):
        page.screenshot(path=ARTEFACTS / f"layout-{name}-{medium}-{width}.png")
    page.evaluate("document.querySelectorAll('details').forEach((each) => { each.open = true; })")
    found = {shape: faults(page) for shape in every_shape(page)}
    page.close()

    assert len(found) == 9
    assert not any(found.values()), found


def test_the_widest_verdict_is_inside_the_figure(browser: Browser, pages: Path) -> None:
    """Whatever the word of this run: it was the last letter of "inconclusive" that was lost."""
    page = browser.new_page()
    show_as(page, "light", 390)
    page.goto((pages / "good.html").as_uri())
    words = page.locator(".glance svg text.strong[text-anchor=end]")
    words.evaluate_all("all => all.forEach((each) => { each.textContent = 'inconclusive'; })")
    edges = "((left, right) => right.getBoundingClientRect().left - left.getBoundingClientRect().right)"
    clear = words.evaluate_all(f"all => all.map((word) => {edges}(word.previousSibling, word))")
    found = faults(page)
    page.close()

    assert found == []
    assert len(clear) == 4
    assert min(clear) > 2, "it does not run into the number before it"


def test_a_phone_shows_the_verdicts_of_a_decision_card(browser: Browser, pages: Path) -> None:
    """Nobody scrolls to the side for them."""
    page = browser.new_page()
    show_as(page, "light", 390)
    page.goto((pages / "card.html").as_uri())
    told = page.locator("#decision td").all_inner_texts()
    hidden = page.locator("#decision .scroll").evaluate("one => one.scrollWidth - one.clientWidth")
    page.close()

    assert any(text.endswith("better") for text in told)
    assert hidden == 0
