"""A page full of hostile texts in a real browser: nothing but the page's own script runs, and nobody is asked."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import Browser

from lab.analysis.comparison import compare_run
from lab.analysis.summary import summarise
from lab.report.build import build_content
from lab.report.renderers.html_page import render_html
from tests.e2e.conftest import IN_A_BROWSER
from tests.hostile.reports import run_full_of
from tests.hostile.texts import NASTY

pytestmark = IN_A_BROWSER


def test_nothing_of_a_hostile_run_is_executed(browser: Browser, tmp_path: Path) -> None:
    """Every text of the run tries to be a script, a handler or markup."""
    info, trials = run_full_of("".join(NASTY))
    summary = summarise(info, trials)
    file = tmp_path / "report.html"
    file.write_bytes(render_html(build_content(info, summary, compare_run(summary))).encode(errors="replace"))
    heard: list[str] = []
    page = browser.new_page()
    page.on("dialog", lambda dialog: heard.append(f"dialog: {dialog.message}"))
    page.on("console", lambda message: heard.append(f"console: {message.text}"))
    page.on("pageerror", lambda error: heard.append(f"error: {error}"))
    page.on("request", lambda request: heard.append(f"request: {request.url}"))
    page.goto(file.as_uri())
    page.wait_for_load_state("networkidle")
    headline, images = page.inner_text("h1"), page.locator("img").count()
    page.close()

    assert heard == [f"request: {file.as_uri()}"]
    assert "<script>alert(1)</script>" in headline
    assert images == 0
