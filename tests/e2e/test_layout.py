"""Every report at every width, light, dark and on paper: nothing leaves its figure, nothing is cut, rows are low."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from lab.analysis.comparison import compare_run
from lab.analysis.gates import GATES
from lab.analysis.summary import summarise
from lab.record.types import Environment, TrialResult
from lab.report.build import build_content
from lab.report.renderers.html_page import render_html
from tests.builders import make_gate, make_run, make_scenario, make_trials, with_record
from tests.e2e.conftest import IN_A_BROWSER, REPOSITORY
from tests.e2e.layout import every_shape, faults, show_as

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


PAGES = {"good": lambda: make_trials(SCENARIO), "doubtful": doubtful, "spoiled": spoiled}


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Reports of made-up runs; the verdicts of one hold the widest word, and its driver shares nothing."""
    folder = tmp_path_factory.mktemp("pages")
    run = make_run(SCENARIO)
    run = replace(run, environment=Environment(facts={**run.environment.facts, "storage_driver": "fuse-overlayfs"}))
    for name, trials in PAGES.items():
        summary = summarise(run, trials())
        (folder / f"{name}.html").write_text(render_html(build_content(run, summary, compare_run(summary))))
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
