"""Every page of the lab at every width, light, dark and on paper: nothing leaves its figure, nothing is cut."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Browser

from lab.report.renderers.html_page import render_html
from tests.e2e.conftest import IN_A_BROWSER, REPOSITORY
from tests.e2e.layout import every_shape, faults, show_as, worth_a_picture
from tests.pages import PAGES

pytestmark = IN_A_BROWSER

ARTEFACTS = REPOSITORY / "artifacts"
DESK_PX, TELEPHONE_PX = 900, 844  # high: of a laptop's window at 1400, of a telephone at 390
PAPER_PX = (718, 1047)  # A4 without margins of 1 cm
RUN_INTO = """() => {
  const all = (what) => [...document.querySelectorAll(what.split(", ").map((one) => `#ratios svg ${one}`).join(", "))];
  const box = (one) => one.getBoundingClientRect();
  const [texts, marks] = [all("text").filter((one) => one.textContent), all("line, circle, rect.bar")];
  const slack = 3; // letters are lower than the line that they stand on
  const over = (a, b) => box(a).left < box(b).right && box(b).left < box(a).right
    && box(a).top + slack < box(b).bottom && box(b).top + slack < box(a).bottom;
  return texts.flatMap((text) => [...texts, ...marks].filter((other) => other !== text && over(text, other))
    .map((other) => `${text.textContent} / ${other.tagName} ${other.textContent}`));
}"""


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pages of made-up runs; the verdicts of one hold the widest word."""
    folder = tmp_path_factory.mktemp("pages")
    for name, content in PAGES.items():
        (folder / f"{name}.html").write_text(render_html(content()))
    return folder


@pytest.mark.parametrize("name", PAGES)
def test_a_report_fits(browser: Browser, pages: Path, name: str) -> None:
    """With everything that can be opened open; the first screen is kept in some shapes as a picture."""
    page = browser.new_page()
    page.goto((pages / f"{name}.html").as_uri())
    ARTEFACTS.mkdir(exist_ok=True)
    for medium, width in every_shape(page):
        if worth_a_picture(medium, width):
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
    words = page.locator("#ratios svg text.strong[text-anchor=end]")
    words.evaluate_all("all => all.forEach((each) => { each.textContent = 'inconclusive'; })")
    found, count, over = faults(page), words.count(), page.evaluate(RUN_INTO)
    page.close()

    assert found == []
    assert count == 4
    assert over == [], "it does not run into anything"


@pytest.mark.parametrize("name", ["good", "control", "capacity", "names"])
def test_texts_of_the_ratio_figure_run_into_nothing(browser: Browser, pages: Path, name: str) -> None:
    """Neither into each other nor into lines and marks: a number stands beside the marks that it is about."""
    page = browser.new_page()
    page.goto((pages / f"{name}.html").as_uri())
    over = {}
    for width in (390, 1400):
        show_as(page, "light", width)
        over[width] = page.evaluate(RUN_INTO)
    page.close()

    assert over == {390: [], 1400: []}


@pytest.mark.parametrize("name", PAGES)
def test_the_first_screen_has_answer_trust_and_work(browser: Browser, pages: Path, name: str) -> None:
    """At a desk all of it, with the picture of who did the work; on a telephone half a screen further down at most."""
    page = browser.new_page()
    page.goto((pages / f"{name}.html").as_uri())
    tops, ends = {}, {}
    for width, height in ((1400, DESK_PX), (390, TELEPHONE_PX)):
        show_as(page, "light", width)
        places = {what: page.locator(what).first for what in (".lead", ".status", "#shares svg.figure")}
        boxes = {what: box for what, each in places.items() if each.count() and (box := each.bounding_box())}
        tops[width] = {what: box["y"] for what, box in boxes.items() if box["y"] > height}
        ends[width] = {what: box["y"] + box["height"] for what, box in boxes.items()}
    page.close()

    assert max(ends[1400].values(), default=0) <= DESK_PX
    assert max(ends[390].values(), default=0) <= 1.5 * TELEPHONE_PX
    assert not {".lead", ".status"} & {*tops[390]}, "what to say in a meeting, and whether to trust it, begin there"


@pytest.mark.parametrize("name", PAGES)
def test_the_summary_fits_one_sheet_of_paper(browser: Browser, pages: Path, name: str) -> None:
    """A4 with margins of 1 cm: what comes before the page break, with everything that is folded open."""
    page = browser.new_page()
    page.goto((pages / f"{name}.html").as_uri())
    show_as(page, "print", PAPER_PX[0])
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    breaks = page.locator(".boxes").evaluate("one => one.getBoundingClientRect().top + scrollY")
    page.close()

    assert breaks <= PAPER_PX[1]


def test_remarks_on_verdicts_open_without_scripts(browser: Browser, pages: Path) -> None:
    """They are folded where they would push the rest off the first screen, and on paper they are open."""
    page = browser.new_context(java_script_enabled=False).new_page()
    page.goto((pages / "good.html").as_uri())
    remark = page.locator(".remark").first
    hidden = remark.locator("p").is_hidden()
    remark.locator("summary").click()
    shown = remark.locator("p").is_visible()
    remark.locator("summary").click()
    show_as(page, "print", PAPER_PX[0])
    printed = page.locator(".remark p").first.bounding_box()
    page.close()

    assert (hidden, shown) == (True, True)
    assert printed
    assert printed["height"] > 10


def test_a_narrow_screen_unfolds_the_contents(browser: Browser, pages: Path) -> None:
    """All of them, none cut, also without scripts; with scripts they fold again once one was chosen."""
    page = browser.new_page()
    show_as(page, "light", 390)
    page.goto((pages / "good.html").as_uri())
    first = page.locator("nav").is_visible()
    page.locator("label[for=menu]").click()
    links = page.locator("nav a").all()
    boxes = [box for each in links if (box := each.bounding_box())]
    found = faults(page)
    links[-1].click()
    left = page.locator("nav").is_visible()
    page.close()

    assert (first, left) == (False, False)
    assert len(boxes) == len(links) > 8
    assert all(box["x"] >= 0 and box["x"] + box["width"] <= 390 for box in boxes)
    assert found == []


def test_what_is_cut_sideways_is_found(browser: Browser, pages: Path) -> None:
    """As by an ellipsis: the names of arms were, beside their check boxes."""
    page = browser.new_page()
    page.goto((pages / "names.html").as_uri())
    show_as(page, "light", 1400)
    before = faults(page)
    for each in page.locator("#tools label").all():
        each.evaluate("one => Object.assign(one.style, {overflow: 'hidden', whiteSpace: 'nowrap', maxWidth: '9rem'})")
    after = faults(page)
    page.close()

    assert before == []
    assert len(after) >= 3
    assert all("sideways" in fault for fault in after)


def test_a_phone_shows_the_verdicts_of_a_decision_card(browser: Browser, pages: Path) -> None:
    """Nobody scrolls to the side for them."""
    page = browser.new_page()
    show_as(page, "light", 390)
    page.goto((pages / "card.html").as_uri())
    told = page.locator("#decision td").all_inner_texts()
    hidden = page.locator("#decision .scroll").evaluate("one => one.scrollWidth - one.clientWidth")
    page.close()

    assert any("replicas better" in text for text in told)
    assert hidden == 0
