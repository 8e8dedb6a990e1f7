"""Copies of a report's tables and figures for elsewhere, as a browser makes them: Markdown and PNG."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from lab.report.content import Content
from lab.report.renderers.html_page import render_html
from lab.report.renderers.markdown import render_markdown
from tests.e2e.conftest import IN_A_BROWSER
from tests.e2e.layout import WIDTHS, faults, show_as
from tests.snapshots import RUNS
from tests.waiting import until

pytestmark = IN_A_BROWSER

CONTENT = RUNS["eight good blocks"]()
FIGURE, TABLE = CONTENT.figures[0], CONTENT.headline
MARGIN = 8
INK = "27 31 36 255"
FAINT = 12  # between channels: the edges of letters in this ink
HEARD = """button => {
  window.said = [];
  new MutationObserver(() => window.said.push(button.textContent)).observe(button, { childList: true });
}"""
PIXELS = """async ([kind, data]) => {
  const image = new Image();
  image.src = `data:image/png;base64,${data}`;
  await image.decode();
  const { width, height } = image, canvas = Object.assign(document.createElement("canvas"), { width, height });
  const pen = canvas.getContext("2d");
  pen.drawImage(image, 0, 0);
  const { data: bytes } = pen.getImageData(0, 0, width, height), colours = {};
  for (let at = 0; at < bytes.length; at += 4) {
    const colour = `${bytes[at]} ${bytes[at + 1]} ${bytes[at + 2]} ${bytes[at + 3]}`;
    colours[colour] = (colours[colour] ?? 0) + 1;
  }
  return [width, height, colours];
}"""


@contextmanager
def opened(browser: Browser, file: Path, content: Content) -> Iterator[Page]:
    """A page in a dark browser that lets it use the clipboard; in the end the console was silent."""
    file.write_text(render_html(content))
    context = browser.new_context(
        viewport={"width": 1400, "height": 900},
        color_scheme="dark",
        permissions=["clipboard-read", "clipboard-write"],
        accept_downloads=True,
    )
    page = context.new_page()
    heard: list[str] = []
    page.on("console", lambda message: heard.append(message.text))
    page.on("pageerror", lambda error: heard.append(str(error)))
    page.goto(file.as_uri())
    yield page
    context.close()
    assert heard == []


@pytest.fixture
def page(browser: Browser, tmp_path: Path) -> Iterator[Page]:
    """The page of a good run."""
    with opened(browser, tmp_path / "report.html", CONTENT) as page:
        yield page


def copy_by(button: Locator) -> None:
    """Click, and wait until it has said that it is done: it says so for two seconds, which may go by unseen.

    Asked from here: the page's own policy forbids what playwright would have it ask itself again.
    """
    button.evaluate(HEARD)
    button.click()
    until(lambda: button.page.evaluate("window.said.includes('Copied')"), "it says that it is done")


def clipboard(page: Page) -> str:
    return str(page.evaluate("navigator.clipboard.readText()"))


def test_every_table_and_figure_can_be_copied(page: Page) -> None:
    """Each has its buttons, named for a screen reader; on paper, and without scripts, there are none."""
    tables, figures = page.locator(".part > .scroll > table"), page.locator("figure.part")
    markdown = page.get_by_role("button", name="Copy as Markdown", include_hidden=True)
    assert markdown.count() == tables.count() + figures.count()
    assert page.get_by_role("button", name="Save as PNG", include_hidden=True).count() == figures.count()
    assert page.get_by_role("button", name=f"Copy as Markdown: {TABLE.title}", exact=True).count() == 1

    page.emulate_media(media="print")
    assert page.locator(".copies:visible").count() == 0
    assert "copies" not in render_html(CONTENT).partition("<script>")[0].partition("</style>")[2]


def test_a_table_is_copied_as_the_markdown_report_has_it(page: Page) -> None:
    """The same rows, signs and alignment, with title and note; the button says that it is done."""
    copy_by(page.locator(f"#{TABLE.key} .copies button"))
    copied = clipboard(page).splitlines()
    report = render_markdown(CONTENT).splitlines()
    start = report.index(f"### {TABLE.title}") + 2

    assert copied[0] == f"**{TABLE.title}**"
    rows = [line for line in copied if line.startswith("|")]
    assert rows == report[start : start + len(rows)]
    assert len(rows) == len(TABLE.rows) + 2
    assert copied[-1] == report[start + len(rows) + 1]


def test_without_a_clipboard_the_text_stands_there_selected(page: Page) -> None:
    """As where a browser gives none to a file: it can be copied by the keys, and goes when one goes on."""
    page.evaluate("() => { navigator.clipboard.writeText = () => Promise.reject(new Error('no')); }")
    page.evaluate("() => { document.execCommand = () => false; }")
    page.locator(f"#{TABLE.key} .copies button").click()
    field = page.get_by_role("textbox", name="Markdown to copy")
    field.wait_for()

    selected = field.evaluate("field => field.value.slice(field.selectionStart, field.selectionEnd)")
    assert selected.startswith(f"**{TABLE.title}**")
    for width in WIDTHS:
        show_as(page, "light", width)
        assert faults(page) == []
    page.locator("h1").click()
    expect(field).to_have_count(0)


def test_a_figure_is_saved_as_it_is_shown_on_white(page: Page) -> None:
    """Twice its size with a margin, opaque, with dark text, also from a dark page; an arm that is off is not in it."""
    whole = saved(page)
    page.locator("#tools input").nth(2).uncheck()
    less = saved(page)

    width, height, colours = whole
    _, _, *sides = re.findall(r"\d+", FIGURE.svg.partition('viewBox="')[2].partition('"')[0])
    assert [width, height] == [2 * (int(side) + 2 * MARGIN) for side in sides]
    assert max(colours, key=lambda colour: colours[colour]) == "255 255 255 255"
    assert all(colour.endswith(" 255") for colour in colours)
    assert colours[INK] > 100, "its text"
    assert sum(less[2].values()) == sum(colours.values())
    assert less[2]["255 255 255 255"] > colours["255 255 255 255"]


def saved(page: Page) -> tuple[int, int, dict[str, int]]:
    """Width, height and how many pixels have which colour."""
    with page.expect_download() as caught:
        page.locator(f"#{FIGURE.key} .copies button").first.click()
    assert caught.value.suggested_filename == f"{FIGURE.key}.png"
    data = base64.b64encode(Path(caught.value.path()).read_bytes()).decode()
    width, height, colours = page.evaluate(PIXELS, ["", data])
    return width, height, colours


@pytest.mark.parametrize("whole", [True, False])
def test_what_is_copied_of_an_invalid_run_says_so(browser: Browser, tmp_path: Path, whole: bool) -> None:
    """Elsewhere no band stands above it: the texts have it, and the picture has a line more, below.

    Also of a run that is not valid for latency alone, whose numbers are not grey.
    """
    content = RUNS["three blocks, cut short, with caveats"]()
    band = content.band
    assert band
    content = replace(content, band=replace(band, whole=whole))
    with opened(browser, tmp_path / "bad.html", content) as page:
        copy_by(page.locator(f"#{content.headline.key} .copies button"))
        assert clipboard(page).startswith(f"**{band.title}: {content.headline.title}**")
        copy_by(page.locator(f"#{FIGURE.key} .copies button").nth(1))
        assert clipboard(page).startswith(f"![{band.title}: ")
        _, height, colours = saved(page)
        box = page.locator(f"#{FIGURE.key} svg.figure").get_attribute("viewBox")
        assert height > 2 * (int(str(box).split()[-1]) + 2 * MARGIN)
        assert is_grey(colours) is whole


def is_grey(colours: dict[str, int]) -> bool:
    """Tell whether no pixel but those of the dark ink of the line below has a hue."""
    channels = (colour.split()[:3] for colour in colours if colour != INK)
    return all(max(map(int, each)) - min(map(int, each)) <= FAINT for each in channels)


def test_a_figure_as_markdown_says_in_words_what_it_shows(page: Page) -> None:
    """Its sentence is the text in place of the picture that was saved."""
    copy_by(page.locator(f"#{FIGURE.key} .copies button").nth(1))

    assert clipboard(page).startswith("![")
    assert clipboard(page).endswith(f"]({FIGURE.key}.png)\n")
    assert FIGURE.sentence.split()[0] in clipboard(page)
