"""`--summary-file`: the result behind what the file held, also of a run that failed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from lab.cli.junit import results_in
from lab.cli.report import report
from lab.cli.summary_file import summary_in
from lab.errors import InvalidRunError, UsageError
from lab.report.first_screen import Answer, Group
from lab.report.renderers.markdown import CUT, ELSEWHERE, MOST, UNPACKED, render_summary
from lab.scenario.secret import redactor
from tests.builders import make_scenario
from tests.run_folders import write_run
from tests.snapshots import LOAD, RUNS, content_of


def test_it_appends(tmp_path: Path) -> None:
    """A job's earlier steps have written to the file."""
    path = tmp_path / "summary.md"
    path.write_text("before\n")
    with summary_in(path) as summarise:
        summarise("## after\n")

    assert path.read_text() == "before\n## after\n"


def test_without_a_file_it_does_nothing() -> None:
    """The option was not given."""
    with summary_in(None) as summarise:
        summarise("nobody reads this")


@pytest.mark.parametrize("name", ["nowhere/summary.md", "."])
def test_a_file_that_cannot_be_written_is_said_before_the_run(tmp_path: Path, name: str) -> None:
    """Exit 2 at once, and nothing inside ran."""
    ran = False
    with pytest.raises(UsageError, match="--summary-file") as caught, summary_in(tmp_path / name):
        ran = True

    assert not ran
    assert caught.value.exit_code == 2


def test_a_failed_run_is_in_the_summary_with_its_reason(tmp_path: Path) -> None:
    """A red job says why; the error goes on its way."""
    path = tmp_path / "summary.md"
    with pytest.raises(InvalidRunError), summary_in(path):
        raise InvalidRunError("the machine was <busy>", "try again")

    assert "exit code 3" in path.read_text()
    assert r"the machine was \<busy\>" in path.read_text()
    assert "try again" in path.read_text()


def test_a_secret_is_in_no_file_for_a_build(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An error may quote what the app said: in summary and JUnit file it is masked as on the terminal."""
    monkeypatch.setattr("lab.cli.console.KEPT", [redactor(["hunter2hunter2"])])
    summary, junit = tmp_path / "summary.md", tmp_path / "lab.xml"
    with pytest.raises(InvalidRunError), summary_in(summary), results_in(junit, None):
        raise InvalidRunError("it said hunter2hunter2", "look for hunter2hunter2")

    for file in (summary, junit):
        assert "it said" in file.read_text()
        assert "hunter2hunter2" not in file.read_text()


def test_the_summary_has_question_verdicts_table_and_caveats_and_no_files() -> None:
    """What fits into a job summary; nothing in it points to a file that is not there."""
    content = RUNS["three blocks, cut short, with caveats"]()
    text = render_summary(content)

    assert text.startswith(f"## {content.question}")
    assert all(f"- {answer.sentence.split(':')[0][:10]}" in text for answer in content.answers)
    assert "| memory (PSS), steady |" in text
    assert "> **!** " in text
    assert "![" not in text


def test_the_summary_says_how_to_repeat_it_once() -> None:
    """The commands stand at its end; where the run is not valid, in the band on top."""
    good, bad = (render_summary(RUNS[name]()) for name in ("eight good blocks", "no valid block"))

    commands = f"```\nlab run {content_of(1).run_id}\nlab report {content_of(1).run_id}\n```"
    assert good.endswith(f"To repeat it, {UNPACKED}:\n\n{commands}\n\n{ELSEWHERE}\n\n")
    assert bad.count(f"lab run {content_of(1).run_id}") == 1


@pytest.mark.parametrize("name", ["eight good blocks", "no valid block", "three blocks, cut short, with caveats"])
def test_the_summary_says_where_its_commands_are_typed(name: str) -> None:
    """It is read in a comment, far from the run: where to stand comes before them, what another machine takes behind.

    A run can only be continued on its own machine.
    """
    text = render_summary(RUNS[name]())
    before, command = text[: text.index("\n```\nlab run")], text[text.index("```\nlab run") :]

    assert before.endswith(f", {UNPACKED}:\n")
    assert ("--resume" in command.splitlines()[1]) is (ELSEWHERE not in command)


def test_what_is_violated_comes_first() -> None:
    """Before the verdicts, which fail no build."""
    content = RUNS["eight good blocks"]()
    violated = Answer(sentence="p99 is too long", word="violated")
    text = render_summary(replace(content, answers=(*content.answers, violated)))

    assert text.index("- p99 is too long → **violated**") < text.index("- “workers-nginx” uses")


def test_the_summary_fits_into_a_comment() -> None:
    """Parts that are too long are left out whole, and it says so; what is short and comes later stays."""
    content = RUNS["eight good blocks"]()
    endless = Group(about="memory", sentences=("x" * 1_000,) * 80)
    section = replace(content.sections[0], caveats=(endless,))
    text = render_summary(replace(content, sections=(section, *content.sections[1:])))

    assert len(text) <= MOST
    assert "xxx" not in text
    assert f"lab run {content.run_id}" in text
    assert CUT in text
    assert CUT not in render_summary(content)


def test_lab_report_appends_to_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The verb with the option: the file ends with the summary of this run, the terminal says what it always says."""
    path = tmp_path / "summary.md"
    path.write_text("before\n")
    scenario = make_scenario(load=LOAD, trials={"blocks": 1, "seed": 3})
    report(write_run(scenario, tmp_path / "runs"), quiet=True, summary_file=path)

    assert path.read_text().startswith(f"before\n## {scenario.question}")
    assert path.read_text().endswith("\n\n")
    printed = capsys.readouterr()
    assert "report: " in printed.err
    assert "numbers only" in printed.out, "the answer, which quiet leaves"
    assert "memory (PSS), steady" not in printed.out, "the table, which it does not"
