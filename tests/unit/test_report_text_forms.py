"""The Markdown, CSV and terminal forms, and the file writer: complete, aligned, harmless."""

from __future__ import annotations

import csv
import io
import re
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest

from lab.analysis.summary import summarise
from lab.errors import RunFolderError
from lab.report.build import build_content
from lab.report.content import Content, Table
from lab.report.first_screen import Answer
from lab.report.renderers.csv_tables import all_tables, render_csv
from lab.report.renderers.html_page import render_html
from lab.report.renderers.markdown import all_figures, render_figures, render_markdown
from lab.report.renderers.terminal import render_terminal
from lab.report.renderers.text import markdown, markdown_code, one_line, printable
from lab.report.sections.answer_sentences import answer_line
from lab.run.conclude import conclude
from tests.builders import make_scenario
from tests.hostile.reports import run_full_of
from tests.run_folders import write_run
from tests.unit.test_report_html import without_words

HOSTILE = "a|b `c` <b>d</b>\n# e\n\x1b[31m\x07 [f](javascript:g) \u202e https://h.example www.i.example @j"
LOAD = {"locustfile": "x.py", "rate": 100, "warmup": "2s", "measure": "4s"}


@pytest.fixture(scope="module")
def content() -> Content:
    """A run whose texts are hostile."""
    info, trials = run_full_of(HOSTILE)
    return build_content(info, summarise(info, trials))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A run folder of one block."""
    return write_run(make_scenario(load=LOAD, trials={"blocks": 1, "seed": 3}), tmp_path)


def test_printable_keeps_letters_and_lines_and_nothing_that_controls() -> None:
    """Escape sequences, direction overrides and lone surrogates become visible marks."""
    assert printable("é日\n\t") == "é日\n\t"
    assert printable("\x1b[2J\x00\u202e\ud800") == "\ufffd[2J\ufffd\ufffd\ufffd"
    assert one_line(" a\n\n b ") == "a b"


def test_markdown_makes_markup_literal() -> None:
    """Table borders, code, HTML, links, mentions and list marks are text."""
    assert markdown("a|b") == r"a\|b"
    assert markdown("`x` <i>") == r"\`x\` \<i\>"
    assert "://" not in markdown("https://a.example")
    assert markdown("@all") == "&#64;all"
    assert markdown("- x") == r"\- x"
    assert markdown("1. x") == r"1\. x"


def test_a_listing_cannot_close_its_fence() -> None:
    """The fence is longer than any run of backticks inside."""
    assert markdown_code("````\nx").splitlines()[0] == "`````"


def test_every_markdown_table_row_has_as_many_cells_as_its_head(content: Content) -> None:
    """Whatever the cells hold."""
    tables = re.findall(r"(?:^\|.*\n)+", render_markdown(content), re.MULTILINE)

    shown = [part for section in content.sections for part in section.shown if isinstance(part, Table)]
    assert len(tables) == 1 + len(shown), "the first one, and those of the sections"
    for text in tables:
        assert len({len(re.findall(r"(?<!\\)\|", line)) for line in text.splitlines()}) == 1


def test_markdown_has_no_html_but_its_own(content: Content) -> None:
    """Nothing from outside becomes a tag or a control character."""
    text = render_markdown(content)
    outside_code = re.sub(r"(?ms)^(`{3,}).*?^\1$", "", text)
    tags = set(re.findall(r"(?<!\\)<(/?\w+)", outside_code))

    assert tags <= {"sub", "/sub", "details", "/details", "summary", "/summary"}
    assert printable(text) == text


def test_every_figure_of_the_markdown_exists_as_svg(content: Content) -> None:
    """Black on white, so that a dark page can show it, and well-formed."""
    figures = render_figures(content)
    referred = re.findall(r"!\[[^\]]*\]\(([^)]+)\)", render_markdown(content))

    assert referred == list(figures)
    assert len(referred) == len(list(all_figures(content))) >= 9
    for svg in figures.values():
        root = ElementTree.fromstring(svg)
        assert root.get("color") == "#1b1f24"
        assert root.find("{*}rect[@fill='white']") is not None


def test_csv_holds_stored_values(content: Content) -> None:
    """Bytes and seconds, not words; text that a spreadsheet would run is defused."""
    tables = {name: list(csv.DictReader(io.StringIO(text))) for name, text in render_csv(content).items()}
    workers = {row["metric"]: float(row["workers"]) for row in tables["headline.csv"] if row["workers"]}

    assert workers["memory (PSS), steady"] > 100_000_000
    assert workers["p50 response time"] < 0.01
    assert set(tables) == {f"{table.key}.csv" for table in all_tables(content)}


@pytest.mark.parametrize("width", [80, 200])
def test_terminal_text_fits_and_controls_nothing(content: Content, width: int) -> None:
    """No line is wider than asked for; no escape sequence comes through."""
    text = render_terminal(content, width)

    assert max(map(len, text.splitlines())) <= width
    assert printable(text) == text
    assert "memory (PSS), steady" in text
    assert "smoke test" in " ".join(text.split())  # wherever a line ends


@pytest.mark.parametrize("width", range(40, 110, 7))
def test_the_verdict_stands_apart_from_its_sentence(content: Content, width: int) -> None:
    """However the line breaks, an arrow has a space on both sides."""
    answer = Answer(sentence="costly use 22.2% more CPU than workers (95% CI 13.8–43.4%)", word="worse")
    text = " ".join(render_terminal(replace(content, answers=(answer,)), width).split())

    assert "43.4%) → worse" in text


@pytest.mark.parametrize("word", ["worse", ""])
def test_the_verdict_comes_before_what_stands_besides(content: Content, word: str) -> None:
    """In every form: who reads until the verdict has read enough."""
    answer = Answer(sentence="“costly” uses 22.2% more (6 blocks).", word=word, besides="It drifted.")
    answer = replace(answer, sentence=answer.sentence.removesuffix(".")) if word else answer
    shown = replace(content, answers=(answer,))
    told = f"6 blocks) → {word}. It drifted." if word else "6 blocks). It drifted."

    assert told in " ".join(render_terminal(shown).split())
    assert told in render_markdown(shown).replace("**", "")
    assert answer_line(answer).endswith(told)
    assert "(6 blocks). It drifted.</li>" in without_words(render_html(shown))


def test_terminal_colours_only_when_asked(content: Content) -> None:
    """Escape sequences are ours or not there."""
    assert "\x1b[1m" in render_terminal(content, colour=True)


def test_a_report_is_rebuilt_bit_for_bit(path: Path) -> None:
    """`lab report` on the same folder gives the same files."""
    written = conclude(path).written
    first = {file: file.read_bytes() for file in path.rglob("*") if file.is_file()}
    conclude(path)

    assert written.html in first
    assert written.markdown in first
    assert (path / "tables" / "headline.csv") in first
    assert {file: file.read_bytes() for file in path.rglob("*") if file.is_file()} == first


def test_a_report_that_cannot_be_written_is_a_sentence(path: Path) -> None:
    """A file in the way of the figures' folder: an error with the path, no traceback."""
    (path / "figures").write_text("in the way")

    with pytest.raises(RunFolderError, match="figures"):
        conclude(path)
