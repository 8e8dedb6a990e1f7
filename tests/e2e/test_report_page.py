"""The report as a browser sees it: no network, no console error, figures drawn, readable without scripts."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from lab.report.renderers.html_page import render_html
from lab.run.conclude import conclude
from tests.before_after import RECORDED
from tests.builders import make_trials
from tests.e2e.conftest import IN_A_BROWSER, REPOSITORY, Outcome
from tests.snapshots import RUNS
from tests.unit.test_report_bad_input import long_names
from tests.unit.test_report_caveats import content_of, judging, lag
from tests.waiting import until

pytestmark = IN_A_BROWSER

ARTEFACTS = REPOSITORY / "artifacts"
FIGURES = 12
OPENS_IN_MS = 1000
TRIES = 10
A_THIRD_OF_A_PAGE_PX = 341  # 90 mm
DARK = "rgb(20, 23, 27)"
LIGHT = "rgb(255, 255, 255)"


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A smoke run of an earlier time, with its report: for all that does not depend on how a run went here."""
    folder = shutil.copytree(RECORDED, tmp_path_factory.mktemp("recorded") / RECORDED.name)
    conclude(folder)
    return folder


@contextmanager
def opened(browser: Browser, folder: Path, **options: object) -> Iterator[Page]:
    """The page of a run; in the end the console was silent and nothing but the file itself was asked for."""
    context = browser.new_context(**{"viewport": {"width": 1400, "height": 900}, **options})  # type: ignore[arg-type]
    page = context.new_page()
    heard: list[str] = []
    requested: list[str] = []
    page.on("console", lambda message: heard.append(f"{message.type}: {message.text}"))
    page.on("pageerror", lambda error: heard.append(f"error: {error}"))
    page.on("request", lambda request: requested.append(request.url))
    file = (folder / "report.html").as_uri()
    page.goto(file)
    yield page
    context.close()
    assert heard == []
    assert requested == [file]


def background(page: Page) -> str:
    """The colour of the page as it is drawn."""
    return str(page.evaluate("getComputedStyle(document.body).backgroundColor"))


def test_the_page_of_a_run_draws_its_figures(browser: Browser, smoke: tuple[Outcome, Path]) -> None:
    """That of this machine, in light colours."""
    check_figures(browser, smoke[1], "light", LIGHT)


def test_it_is_dark_where_the_system_is(browser: Browser, recorded: Path) -> None:
    """With all of it."""
    check_figures(browser, recorded, "dark", DARK)


def check_figures(browser: Browser, folder: Path, scheme: str, colour: str) -> None:
    """Every figure has a size and marks in it; screenshots are kept."""
    with opened(browser, folder, color_scheme=scheme) as page:
        drawn = page.locator("figure svg.figure")
        boxes = [figure.bounding_box() for figure in drawn.all()]

        assert len(boxes) >= FIGURES
        assert all(box and box["width"] > 300 and box["height"] > 40 for box in boxes)
        assert page.locator("path.line").count() > 10
        assert "Does everything work end to end" in page.inner_text("h1")
        assert background(page) == colour
        ARTEFACTS.mkdir(exist_ok=True)
        page.screenshot(path=ARTEFACTS / f"report-{scheme}-first-screen.png")
        page.screenshot(path=ARTEFACTS / f"report-{scheme}.png", full_page=True)


def test_it_opens_in_under_a_second(browser: Browser, smoke: tuple[Outcome, Path]) -> None:
    """Parsed, laid out and its script run; the best of several, for others may use the machine."""
    took_ms: list[float] = []
    while len(took_ms) < TRIES and not (took_ms and min(took_ms) < OPENS_IN_MS):
        with opened(browser, smoke[1]) as page:
            timing = "performance.getEntriesByType('navigation')[0].loadEventStart"
            until(partial(page.evaluate, f"{timing} > 0"), "the page is loaded", pause_s=0.01)
            took_ms.append(float(page.evaluate(timing)))

    assert min(took_ms) < OPENS_IN_MS


def test_an_arm_can_be_switched_off_and_on(browser: Browser, recorded: Path) -> None:
    """Everywhere at once; the other arm stays."""
    with opened(browser, recorded) as page:
        first, second = (page.locator(f'.arm[data-arm="{place}"] path:visible') for place in (0, 1))
        before = first.count(), second.count()
        page.locator("#tools input").nth(1).uncheck()
        assert (first.count(), second.count()) == (before[0], 0)
        page.locator("#tools input").nth(1).check()
        assert (first.count(), second.count()) == before
        assert min(before) > 5


def test_the_dark_switch_works_both_ways(browser: Browser, recorded: Path) -> None:
    """Beside the system's setting, and it says which way it stands."""
    with opened(browser, recorded, color_scheme="light") as page:
        switch = page.locator("#dark")
        seen = []
        for _ in range(2):
            switch.click()
            seen.append((background(page), switch.get_attribute("aria-pressed")))

        assert seen == [(DARK, "true"), (LIGHT, "false")]


def test_values_appear_under_the_pointer_and_by_key(browser: Browser, recorded: Path) -> None:
    """A bar, a cell of the heat map, a point of a line, the border of an area; the arrow keys walk through the same."""
    with opened(browser, recorded) as page:
        tip = page.locator("#tip")
        page.locator("#memory rect.mark").first.hover()
        expect(tip).to_contain_text("MiB")
        _point_at(page, "#shares-time .edge", 0.9, 0.3)
        expect(tip).to_contain_text("of the requests")
        expect(tip).to_contain_text("(measure)")
        before = tip.inner_text()
        _point_at(page, "#shares-time .edge", 0.01, 0.05)
        expect(tip).not_to_have_text(before, use_inner_text=True)
        first_cell = tip.inner_text()
        page.locator("#shares-time svg.figure").focus()
        page.keyboard.press("ArrowRight")
        assert tip.inner_text() == first_cell
        page.keyboard.press("ArrowDown")
        assert tip.inner_text().splitlines()[0] != first_cell.splitlines()[0]
        page.locator("#memory-time svg.figure").focus()
        page.keyboard.press("ArrowRight")
        assert "PSS (MiB):" in tip.inner_text()
        assert "up to worker" in tip.inner_text()
        page.locator("#throughput svg.figure").focus()
        page.keyboard.press("ArrowRight")
        assert "requests a second:" in tip.inner_text()
        page.keyboard.press("Escape")
        assert not tip.is_visible()


def _point_at(page: Page, selector: str, x: float, y: float) -> tuple[float, float]:
    target = page.locator(selector).first
    target.scroll_into_view_if_needed()
    box = target.bounding_box()
    assert box
    place = box["x"] + x * box["width"], box["y"] + y * box["height"]
    page.mouse.move(*place)
    return place


def test_a_stretch_of_time_can_be_enlarged_and_left_again(browser: Browser, recorded: Path) -> None:
    """Drag across it: half of the range fills the plot, its axis has new labels; the button goes back."""
    with opened(browser, recorded) as page:
        plot = page.locator("#throughput .plot")
        labels = page.locator("#throughput .tick:not(.off) text")
        whole, first = plot.get_attribute("viewBox"), labels.all_text_contents()
        _point_at(page, "#throughput .edge", 0.25, 0.5)
        page.mouse.down()
        _point_at(page, "#throughput .edge", 0.75, 0.5)
        page.mouse.up()
        left, _, width, _ = map(float, str(plot.get_attribute("viewBox")).split())
        full = float(str(whole).split()[2])

        assert (left / full, width / full) == pytest.approx((0.25, 0.5), abs=0.02)
        assert labels.all_text_contents() != first
        page.locator("#throughput .reset").click()
        assert plot.get_attribute("viewBox") == whole
        assert labels.all_text_contents() == first


def test_a_link_opens_what_it_leads_to(browser: Browser, tmp_path: Path) -> None:
    """From the contents, from a box, and by the address; also once more, where somebody has closed it since."""
    (tmp_path / "report.html").write_text(render_html(RUNS["eight good blocks"]()), encoding="utf-8")
    with opened(browser, tmp_path) as page:
        words, details = page.locator("#section-words"), page.locator("#section-details")
        assert [each.get_attribute("open") for each in (words, details)] == [None, None]
        for _ in range(2):
            page.locator('nav a[href="#section-words"]').click()
            expect(words.locator("table")).to_be_in_viewport()
            words.locator("summary").first.click()
            expect(words.locator("table")).to_be_hidden()
        page.locator('nav a[href="#box-validity"]').click()
        expect(page.get_by_role("heading", name="Can you trust this run?")).to_be_in_viewport()
        page.locator('.box a[href="#section-details"]').click()
        expect(details.locator("table").first).to_be_visible()
        page.evaluate("location.hash = '#section-words'")
        page.evaluate("location.hash = '#gates-passed'")
        expect(page.locator("#gates-passed table")).to_be_visible()
        page.go_back()
        expect(words.locator("table")).to_be_visible()


@pytest.mark.parametrize("scripts", [True, False])
def test_a_word_leads_to_its_entry_in_the_folded_glossary(browser: Browser, tmp_path: Path, *, scripts: bool) -> None:
    """Also without scripts: browsers open what is around a target."""
    (tmp_path / "report.html").write_text(render_html(RUNS["eight good blocks"]()), encoding="utf-8")
    with opened(browser, tmp_path, java_script_enabled=scripts) as page:
        expect(page.locator("#word-block")).to_be_hidden()
        page.locator('a.word[href="#word-block"]').first.click()
        expect(page.locator("#word-block")).to_be_in_viewport()


def test_one_click_leads_from_the_trust_line_to_the_caveats(browser: Browser, tmp_path: Path) -> None:
    """Also to those that touch nothing that was judged, which are folded."""
    memory = judging("memory.pss.total")
    late = [lag(trial, number) for number, trial in enumerate(make_trials(memory))]
    (tmp_path / "report.html").write_text(render_html(content_of(memory, late)), encoding="utf-8")
    with opened(browser, tmp_path) as page:
        caveat = page.locator("#belief-asides li").first
        expect(caveat).to_be_hidden()
        page.locator(".status a:not(.word)").click()
        expect(caveat).to_be_in_viewport()


def test_it_is_readable_on_a_telephone(browser: Browser, recorded: Path) -> None:
    """One column, nothing sticks out; wide figures and tables scroll in their own frames."""
    with opened(browser, recorded, viewport={"width": 390, "height": 800}) as page:
        assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_names_of_500_characters_do_not_widen_the_page(browser: Browser, tmp_path: Path) -> None:
    """Neither on a desk nor on a telephone, folded tables opened."""
    (tmp_path / "report.html").write_text(render_html(long_names()), encoding="utf-8")
    with opened(browser, tmp_path) as page:
        page.evaluate("document.querySelectorAll('details').forEach((part) => { part.open = true; })")
        for width in (1400, 390):
            page.set_viewport_size({"width": width, "height": 900})
            assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), width


def test_what_is_told_of_an_arm_has_more_room_than_its_name(browser: Browser, tmp_path: Path) -> None:
    """Also where it is told of two arms, whose names are long."""
    content = RUNS["eight good blocks, containers share no file pages"]()
    (tmp_path / "report.html").write_text(render_html(content), encoding="utf-8")
    with opened(browser, tmp_path) as page:
        widths = page.locator(".seen dd").evaluate_all(
            "all => all.map((one) => one.offsetWidth / one.parentNode.offsetWidth)"
        )

    assert len(widths) == 3
    assert min(widths) > 0.6


def test_everything_is_there_without_scripts(browser: Browser, recorded: Path) -> None:
    """Figures and tables; only the tools, which need scripts, stay away."""
    with opened(browser, recorded, java_script_enabled=False) as page:
        assert page.locator("figure svg.figure:visible").count() >= FIGURES
        assert page.locator("table").count() >= 10
        assert "memory (PSS), steady" in page.inner_text("body")
        assert not page.locator("#tools").is_visible()
        folded = page.locator("details.part:not([open]):has(table)").first
        assert not folded.locator("table").is_visible()
        folded.locator("summary").click()
        assert page.locator("details.part[open] table").first.is_visible()


def test_it_prints_every_table(browser: Browser, recorded: Path) -> None:
    """What is folded on the screen is open on paper, the tools are not there."""
    with opened(browser, recorded) as page:
        page.emulate_media(media="print")
        page.evaluate("dispatchEvent(new Event('beforeprint'))")

        assert page.locator("details:not([open])").count() == 0
        assert not page.locator("#tools").is_visible()
        heights = page.locator("figure svg.figure").evaluate_all("all => all.map((one) => one.clientHeight)")
        assert max(heights) <= A_THIRD_OF_A_PAGE_PX, "a figure that does not fit moves on and leaves that much white"
        page.evaluate("dispatchEvent(new Event('afterprint'))")
        assert page.locator("details:not([open])").count() > 0
