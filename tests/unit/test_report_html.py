"""report.html: self-contained, strict about what may run, harmless whatever the run's texts hold."""

from __future__ import annotations

import base64
import hashlib
import re
from collections import Counter
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from lab.report.first_screen import Answer
from lab.report.renderers.html_page import render_html
from lab.report.renderers.html_words import keep_together
from lab.report.renderers.markdown import all_figures
from lab.report.sections.words import GLOSSARY
from tests.pages import PAGES
from tests.snapshots import RUNS, content_of

MAX_BYTES = 2_500_000


def without_words(html: str) -> str:
    """A page without the links to its glossary, which stand within its sentences."""
    return re.sub(r'<a class="word"[^>]*>(.*?)</a>', r"\1", html)


class Page(HTMLParser):
    """Tags, attributes and text of a page."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags = Counter[str]()
        self.attributes: list[tuple[str, str, str]] = []
        self.texts: list[str] = []
        self.scripts: list[tuple[dict[str, str | None], str]] = []
        self.styles: list[str] = []
        self._open = ""
        self.feed(without_words(html))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags[tag] += 1
        self.attributes += [(tag, name, value or "") for name, value in attrs]
        self._open = tag
        if tag == "script":
            self.scripts.append((dict(attrs), ""))

    def handle_endtag(self, tag: str) -> None:
        self._open = ""

    def handle_data(self, data: str) -> None:
        if self._open == "script":
            attributes, text = self.scripts.pop()
            self.scripts.append((attributes, text + data))
        elif self._open == "style":
            self.styles.append(data)
        else:
            self.texts.append(data)


@pytest.fixture(scope="module")
def html() -> str:
    """The page of a well-meaning run."""
    return render_html(content_of(2))


def test_it_fits_and_is_one_file(html: str) -> None:
    """Below the budget, and no reference leads out of the page."""
    page = Page(html)

    assert len(html.encode()) <= MAX_BYTES
    references = [value for _, name, value in page.attributes if name in ("src", "href", "srcset", "data", "action")]
    (icon,) = (reference for reference in references if not reference.startswith("#"))
    assert icon.startswith("data:image/svg+xml;base64,")
    assert page.tags["link"] == 1
    assert "@import" not in "".join(page.styles)
    assert "url(" not in "".join(page.styles)


def test_the_policy_names_exactly_what_the_page_runs(html: str) -> None:
    """The script and the style are allowed by their hash; nothing else is, not even eval."""
    page = Page(html)
    policy = next(value for tag, name, value in page.attributes if tag == "meta" and "default-src" in value)
    running = [text for _, text in page.scripts]

    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    for text in (*running, *page.styles):
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert f"'sha256-{digest}'" in policy
    assert policy.count("sha256-") == len(running) + len(page.styles) == 2


def test_no_inline_styles_or_handlers(html: str) -> None:
    """The policy would forbid them, so none may be in the page."""
    names = {name for _, name, _ in Page(html).attributes}

    assert not {name for name in names if name == "style" or name.startswith("on")}


def test_figures_are_drawn_into_the_page_and_need_no_script() -> None:
    """Every figure of the content is one SVG element with a name, marks in it, and its sentence below."""
    content = content_of(2)
    page = Page(render_html(content))
    figures = list(all_figures(content))
    names = [value for tag, name, value in page.attributes if tag == "svg" and name == "aria-label"]

    assert len(figures) >= 12
    assert names == [figure.chart.title for figure in figures]
    assert page.tags["path"] > 50
    assert {figure.sentence for figure in figures} <= {text.replace("\u00a0", " ") for text in page.texts}


def test_every_arm_can_be_switched_off_by_a_box_that_scripts_uncover(html: str) -> None:
    """One box for each arm; the tools are hidden until the script finds them."""
    page = Page(html)
    boxes = [value for tag, name, value in page.attributes if (tag, name) == ("input", "value")]
    marked = {value for _, name, value in page.attributes if name == "data-arm"}

    assert boxes == ["0", "1", "2"]
    assert marked == {"0", "1", "2"}
    assert re.search(r'<div id="tools"[^>]* hidden>', html)


def test_the_first_screen_has_answer_picture_validity_and_machine_in_this_order(html: str) -> None:
    """What a reader who stops after one screen must have seen."""
    places = [
        html.index(part)
        for part in (
            "<h1>",
            'class="lead',
            'class="status"',
            'id="shares"',
            'id="ratios"',
            'class="answers"',
            'id="headline"',
            'id="box-validity"',
            'id="box-machine"',
        )
    ]

    assert places == sorted(places)
    assert html.index("<nav") < places[0], "the contents are always at hand"
    assert places[-1] < html.index('class="question"')


@pytest.mark.parametrize("room", [True, False])
def test_long_remarks_are_folded_where_verdicts_leave_no_room(*, room: bool) -> None:
    """What else stands behind a verdict stays in sight, and nothing is lost."""
    remark = "Its driver shares."
    said = Answer(sentence="It uses less", word="better", besides=f"{remark} It drifted.", remark=remark)
    others = () if room else (Answer(sentence="x" * 400),)
    html = render_html(replace(RUNS["by hand"](), answers=(said, *others)))

    assert ('<details class="remark">' in html) is not room
    assert ("It uses less. Its driver shares. It drifted.</li>" in html) is room
    assert ("It uses less. It drifted.<details" in html) is not room
    assert html.count("Its driver shares.") == html.count("It drifted.") == 1


SECTION = '(?=<details class="question" id="section-|<section class="box|<section class="part" id="headline")'
UNLINKED = (  # headings, names, cells of tables, drawings, and what stands above the answer
    r"(?s)<(h1|h2|summary|td|dt|pre|nav|style|script|title|head|strong|button)\b.*?</\1>"
    r'|<div class="chart">.*?</div>|<h3>(?:(?!class="word").)*?</h3>|“[^”]*”'
)
OTHER_TAG = "<(?!a class=.word)[^>]*>"


def test_the_first_use_of_a_word_in_each_section_leads_to_its_entry() -> None:
    """Each of the twelve, once a section; names in quotes, headings, cells of tables and the entries have no links."""
    page = render_html(PAGES["doubtful"]())
    linked: Counter[str] = Counter()
    for part in re.split(SECTION, page):
        text = re.sub(OTHER_TAG, " ", re.sub(UNLINKED, " ", part))
        links = re.findall(r'<a class="word" href="#(word-[a-z-]+)">', text)
        linked.update(links)
        assert len({*links}) == len(links)
        if 'id="section-words"' in part:
            assert links == []
            continue
        for word in GLOSSARY:
            used = re.search(rf"(?i)(?<![\w./#-]){word}s?(?![\w-])", text)
            link = f'href="#word-{word.lower().replace(" ", "-")}">'
            assert used is None or text[: used.start()].endswith(link), (word, text[used.start() - 80 : used.end()])

    expected = ("gate", "caveat", "block", "interval", "pss", "response-time", "bound")
    assert {*linked} >= {f"word-{word}" for word in expected}
    assert all(page.count(f'<tr id="{address}">') == 1 for address in linked)
    assert 'class="word"' not in render_html(PAGES["card"]()), "a page without a glossary has no links"


def test_what_the_proxy_hop_costs_is_in_the_contents_where_there_is_one(html: str) -> None:
    """A page without such arms has no link that leads nowhere."""
    assert '<a href="#hop">Proxy hop</a>' in html
    assert 'id="hop"' in html
    assert 'href="#hop"' not in render_html(RUNS["by hand"]())


def test_tables_hold_the_numbers_without_scripts(html: str) -> None:
    """A reader without scripts finds every arm and metric as text."""
    page = Page(html)
    texts = {text.strip() for text in page.texts}

    assert {"memory (PSS), steady", "workers-nginx", "p50 response time", "replicas"} <= texts
    assert page.tags["table"] > 10


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("5% of 1,000 in 2 ms", "5% of 1,000 in 2\u00a0ms"),
        ("34.1 MiB, 7 s, 8 blocks", "34.1\u00a0MiB, 7\u00a0s, 8 blocks"),
        ("block 3 seconds", "block 3 seconds"),
    ],
)
def test_numbers_stay_with_their_units(text: str, kept: str) -> None:
    """A line never ends between them."""
    assert keep_together(text) == kept
