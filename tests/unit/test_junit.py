"""Results for build servers: test cases and annotations, harmless whatever a scenario says."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest
from typer.testing import CliRunner

from lab.cli import app
from lab.cli.run import missed
from lab.errors import UsageError
from lab.report.content import Content
from lab.report.first_screen import Answer, Band, Group, Lead
from lab.report.renderers.junit import render_junit, workflow_commands
from tests.snapshots import content_of

RUN = Path(__file__).parent / "data" / "run_v1"
EVIL = 'a "b" <c> & ]]>\n::error::x\x1b[31m 5%'


@pytest.fixture(scope="module")
def content() -> Content:
    """A report with an expectation of each outcome."""
    told = tuple(Answer(sentence=f"{EVIL} {word}", word=word) for word in ("holds", "violated", "undecided", "better"))
    return replace(content_of(1), answers=told)


def test_expectations_and_validity_are_test_cases(content: Content) -> None:
    """A violated one fails, an undecided one is skipped, and verdicts are none."""
    suite = ElementTree.fromstring(render_junit(content)).find("testsuite")
    assert suite is not None
    cases = suite.findall("testcase")

    assert [suite.get(name) for name in ("tests", "failures", "skipped", "errors")] == ["4", "1", "1", "0"]
    assert [[child.tag for child in case] for case in cases] == [[], [], ["failure"], ["skipped"]]
    assert "\x1b" not in render_junit(content)


def test_a_case_has_the_name_of_its_expectation(content: Content) -> None:
    """A build server follows a case by its name, which no value of a run may change; the value is the message."""
    told = Answer(sentence="lean: expected x <= 1 – x is 6, the limit 1", word="violated", case="lean")
    (_, case) = ElementTree.fromstring(render_junit(replace(content, answers=(told,)))).iter("testcase")

    assert case.get("name") == "lean"
    assert case.find("failure") is not None
    assert "x is 6, the limit 1" in next(iter(case)).get("message", "")


def test_what_a_build_failed_of_is_named_at_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """Undecided ones too, which is never passed over in silence; where they fail nothing, that is said."""
    words = {"a": "violated", "b": "undecided", "c": "holds", "d": "violated"}
    told = [Answer(sentence=f"{case} is {word}", word=word, case=case) for case, word in words.items()]
    monkeypatch.setattr("lab.cli.run.answers_over", lambda _: [*told, Answer(sentence="less", word="better")])

    assert list(missed((), strict=True)) == ["2 of 4 expectations violated: a; d", "1 of 4 expectations undecided: b"]
    assert list(missed((), strict=False))[1:] == ["1 of 4 expectations undecided, which fails only with --strict: b"]


def test_the_answer_and_the_trust_line_stand_beside_the_cases(content: Content) -> None:
    """Harmless, whatever they quote."""
    lead = Lead(sentences=(Answer(sentence=EVIL, word="better"),))
    suite = ElementTree.fromstring(render_junit(replace(content, lead=lead, status="5 of 6 blocks valid")))
    text = suite.findtext("testsuite/system-out") or ""

    assert text.startswith('a "b" <c> & ]]>')
    assert text.endswith("\nTrust: 5 of 6 blocks valid")
    assert "\x1b" not in text


def test_failed_requests_are_an_annotation(content: Content) -> None:
    """A warning that names the arms, before those for what was judged."""
    first = next(workflow_commands(replace(content, failing="Requests failed: 9.0% in workers.")))

    assert first == "::warning title=Requests failed::Requests failed: 9.0%25 in workers."


def test_a_run_that_is_not_valid_fails_its_first_case(content: Content) -> None:
    """With the sentences of the band."""
    band = Band(
        title="This run is not valid",
        sentences=("The machine was busy.",),
        then="Then run it again",
        command="lab run x",
        whole=True,
    )
    suite = ElementTree.fromstring(render_junit(replace(content, band=band)))

    (failure, _) = suite.iter("failure")
    assert failure.get("message") == "This run is not valid. The machine was busy."


def test_an_annotation_is_one_line_and_one_command(content: Content) -> None:
    """Errors for what is violated, warnings for caveats; percent signs are escaped as GitHub wants it."""
    section = replace(content.sections[0], caveats=(Group(about="memory", sentences=(EVIL,)),))
    found = list(workflow_commands(replace(content, sections=(section,))))

    assert [line.partition(" title=")[0] for line in found] == ["::error", "::warning", "::warning"]
    assert all(line.isprintable() and "5%25" in line for line in found)


def test_the_command_line_writes_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Into the file that is named; annotations only in a workflow; a file that cannot be is refused at once."""
    run = shutil.copytree(RUN, tmp_path / "run")
    file = tmp_path / "lab.xml"
    asked = ["report", str(run), "-q", "--junit", str(file)]
    monkeypatch.delenv("GITHUB_ACTIONS", raising=False)
    assert "::" not in CliRunner().invoke(app, asked).output
    monkeypatch.setenv("GITHUB_ACTIONS", "true")

    assert "::warning title=Caveat" in CliRunner().invoke(app, asked).output
    assert ElementTree.parse(file).getroot().tag == "testsuites"
    refused = CliRunner().invoke(app, ["report", str(run), "--junit", str(tmp_path / "none" / "x.xml")])
    assert isinstance(refused.exception, UsageError)


def test_a_run_without_a_result_is_an_error(tmp_path: Path) -> None:
    """So that a build server shows why there is none."""
    file = tmp_path / "lab.xml"
    shutil.copytree(RUN, tmp_path / "run")
    (tmp_path / "run" / "run.json").write_text("{}")
    CliRunner().invoke(app, ["report", str(tmp_path / "run"), "--junit", str(file)])

    (error,) = ElementTree.parse(file).getroot().iter("error")
    assert "run.json" in str(error.get("message"))
