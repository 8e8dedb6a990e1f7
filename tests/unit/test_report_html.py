"""report.html: self-contained, strict about what may run, harmless whatever the run's texts hold."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections import Counter
from html.parser import HTMLParser
from typing import Any

import pytest

from lab.analysis.summary import summarise
from lab.records import Environment
from lab.report.build import build_content
from lab.report.html_page import render_html
from tests.builders import make_gate, make_run, make_scenario, make_trials, with_record

HOSTILE = "</script><script>alert(1)</script><img src=x onerror=alert(2)>\"'>&{{7*7}}\u2028\x1b[31m"
MAX_BYTES = 2_500_000


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
        self.feed(html)

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


def html_of(question: str = "Which is better?", **run: Any) -> str:
    """The page of a synthetic run in which every text from outside is ``question``."""
    load = {"locustfile": "x.py", "rate": 100, "warmup": "2s", "measure": "4s"}
    scenario = make_scenario(load=load, question=question)
    gates = (make_gate("caveat", sentence=question),)
    trials = [
        with_record(trial, gates=gates, versions={"uvicorn": question}, attribution=question)
        for trial in make_trials(scenario)
    ]
    info = make_run(scenario, **run)
    return render_html(build_content(info, summarise(info, trials)))


@pytest.fixture(scope="module")
def html() -> str:
    """The page of a well-meaning run."""
    return html_of()


def test_it_fits_and_is_one_file(html: str) -> None:
    """Below the budget, and no reference leads out of the page."""
    page = Page(html)

    assert len(html.encode()) <= MAX_BYTES
    references = [value for _, name, value in page.attributes if name in ("src", "href", "srcset", "data", "action")]
    assert all(reference.startswith("#") for reference in references)
    assert not page.tags["link"]
    assert "@import" not in "".join(page.styles)
    assert "url(" not in "".join(page.styles)


def test_the_policy_names_exactly_what_the_page_runs(html: str) -> None:
    """Every script that runs and the style are allowed by their hash; nothing else is, not even eval."""
    page = Page(html)
    policy = next(value for tag, name, value in page.attributes if tag == "meta" and "default-src" in value)
    running = [text for attributes, text in page.scripts if "type" not in attributes]

    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    for text in (*running, *page.styles):
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert f"'sha256-{digest}'" in policy
    assert policy.count("sha256-") == len(running) + len(page.styles) == 3


def test_no_inline_styles_or_handlers(html: str) -> None:
    """The policy would forbid them, so none may be in the page."""
    names = {name for _, name, _ in Page(html).attributes}

    assert not {name for name in names if name == "style" or name.startswith("on")}


def test_hostile_text_is_text(html: str) -> None:
    """The same tags as in a well-meaning page, and the text as it was written."""
    page = Page(html_of(HOSTILE, environment=Environment(facts={"cpu_model": HOSTILE}), cut=HOSTILE))
    kind = Page(html)

    assert page.tags["script"] == kind.tags["script"] == 3
    assert page.tags["img"] == 0
    assert any(HOSTILE.strip() in text for text in page.texts)
    assert "49" not in page.texts


def test_charts_are_json_that_cannot_end_its_script(html: str) -> None:
    """Data of every figure, by its key, without a character that means something to HTML."""
    page = Page(html)
    text = next(text for attributes, text in page.scripts if attributes.get("id") == "charts")
    charts = json.loads(text)
    places = {value for _, name, value in page.attributes if name == "data-chart"}

    assert set(charts) == places
    assert not re.search("[<>&]", text)
    assert "http" not in text


def test_tables_hold_the_numbers_without_scripts(html: str) -> None:
    """A reader without scripts finds every arm and metric as text."""
    page = Page(html)
    texts = {text.strip() for text in page.texts}

    assert {"memory (PSS), steady", "workers-nginx", "p50 response time", "replicas"} <= texts
    assert page.tags["table"] > 10
    assert page.tags["noscript"] == 1


def test_it_is_the_same_every_time(html: str) -> None:
    """The same run gives the same page, byte for byte."""
    assert html_of() == html
