"""Results for build servers: test cases and annotations, harmless whatever a scenario says."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import polars as pl
import pytest
from typer.testing import CliRunner

from lab.analysis.points import judge_points
from lab.analysis.trial.trial import TrialSummary, summarise_trial
from lab.cli import app
from lab.cli.run import ENOUGH, missed
from lab.errors import UsageError
from lab.record.folder import read_info
from lab.report.build import write_reports
from lab.report.content import Content
from lab.report.first_screen import Answer, Band, Group, Lead
from lab.report.renderers.junit import render_junit, workflow_commands
from lab.report.sections.together import together
from lab.scenario.model import Scenario
from tests.builders import make_run, make_scenario, make_trials, with_tables
from tests.snapshots import content_of
from tests.unit.test_fallen import judged
from tests.unit.test_fallen import swept as tight
from tests.unit.test_points import LONG, PAIR, swept

RUN = Path(__file__).parent / "data" / "run_v1"
GOOD: dict[str, list[str]] = {"the run is valid": [], "every arm answered": [], "every arm serves": []}
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


def cases_of(junit: str) -> dict[str, list[str]]:
    """What each case has inside, by its name."""
    cases = ElementTree.fromstring(junit).iter("testcase")
    return {str(case.get("name")): [child.tag for child in case] for case in cases}


def with_silence(given: Scenario) -> Iterator[TrialSummary]:
    """The trials of a run in whose second block no request of the replicas succeeded."""
    for trial in make_trials(given):
        if trial.record.arm == "replicas" and trial.record.block == 2:
            columns = trial.tables.requests.schema
            lost = {"status": pl.lit(503, columns["status"]), "error": pl.lit("HTTP 503", columns["error"])}
            yield summarise_trial(with_tables(trial, requests=trial.tables.requests.with_columns(**lost)))
        else:
            yield summarise_trial(trial)


SILENT = {
    "one": make_scenario(PAIR),
    "drill": make_scenario(PAIR, drills=[{"verb": "kill"}], load=LONG),
    "sweep": swept(),
}


@pytest.mark.parametrize("given", SILENT.values(), ids=SILENT)
def test_an_arm_that_answered_nothing_fails_a_case(tmp_path: Path, given: Scenario) -> None:
    """As the exit code has it: of a drill too, which is meant to fail requests; and the last line names it."""
    run = make_run(given)
    points = judge_points(run, with_silence(given))
    written = write_reports(tmp_path, run, points)
    (line,) = missed(points, strict=False)

    assert max(one.exit_code() for one in points) == 1
    assert cases_of(written.junit) == GOOD | {"every arm answered": ["failure"]}
    assert 'failures="1"' in written.junit
    (told,) = (each for each in written.annotations if each.startswith("::error"))
    assert told.startswith("::error title=An arm answered nothing::")
    assert "No request of “replicas” succeeded in block 2" in told
    assert line.startswith("an arm answered nothing: ")
    assert line.endswith("replicas in block 2")


@pytest.mark.parametrize(("expected", "strict"), [(True, False), (False, False), (False, True)])
def test_an_arm_that_cannot_run_fails_a_case_where_it_fails_a_build(
    tmp_path: Path, expected: bool, strict: bool
) -> None:
    """What only --strict fails of is skipped, as an undecided expectation is, and a warning."""
    run, points = judged(tight(expect=[{"that": "errors(workers) <= 10"}] if expected else []), "replicas")
    written = write_reports(tmp_path, run, points)
    (line, *_) = missed(points, strict=strict)

    assert max(one.exit_code(strict=strict) for one in points) == int(expected or strict)
    assert cases_of(written.junit)["every arm serves"] == ["failure" if expected else "skipped"]
    (told,) = (each for each in written.annotations if "An arm cannot run" in each)
    assert told.startswith("::error" if expected else "::warning")
    only_strict = "" if expected or strict else ", which fails only with --strict"
    assert line == f"an arm cannot run{only_strict}: 128.0 MiB split: replicas"


def test_a_good_run_has_the_same_cases(tmp_path: Path) -> None:
    """They pass, so that a build server sees what has changed when one of them fails."""
    given = make_scenario(PAIR)
    run = make_run(given)
    points = judge_points(run, map(summarise_trial, make_trials(given)))

    assert cases_of(write_reports(tmp_path, run, points).junit) == GOOD
    assert list(missed(points, strict=True)) == []


def test_an_expectation_is_a_case_at_each_point() -> None:
    """Also where the same came out at several: next time it may not."""
    given = swept()
    points = judge_points(make_run(given), map(summarise_trial, make_trials(given)))
    lean = Answer(sentence="lean: expected x <= 1", word="holds", case="lean")

    told = list(together([(one, lean) for one in points], len(points)))
    assert [each.case for each in told] == [f"N = {number}: lean" for number in (1, 2, 4)]
    assert [each.sentence for each in told] == [f"N = {number}: lean: expected x <= 1" for number in (1, 2, 4)]


def test_a_case_is_the_same_in_the_next_run(content: Content) -> None:
    """Build servers know it by suite, class and name together: none of them is that of the run, which is told apart."""
    found = [
        ElementTree.fromstring(render_junit(replace(content, run_id=run))).find("testsuite")
        for run in ("20260101T000000Z-x", "20260102T000000Z-x")
    ]
    first, second = (
        [(each.tag, each.get("classname"), each.get("name")) for each in suite.iter() if each.tag.startswith("test")]
        for suite in found
        if suite is not None
    )
    runs = [each.get("value") for suite in found if suite is not None for each in suite.iter("property")]

    assert first == second
    assert first[:2] == [("testsuite", None, "quickstart"), ("testcase", "quickstart", "the run is valid")]
    assert runs == ["20260101T000000Z-x", "20260102T000000Z-x"]


def test_what_a_build_failed_of_is_named_at_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """Undecided ones too, which is never passed over in silence; where they fail nothing, that is said."""
    words = {"a": "violated", "b": "undecided", "c": "holds", "d": "violated"}
    told = [Answer(sentence=f"{case} is {word}", word=word, case=case) for case, word in words.items()]
    monkeypatch.setattr("lab.cli.run.answers_over", lambda _: [*told, Answer(sentence="less", word="better")])

    assert list(missed((), strict=True)) == [
        "2 of 4 expectations violated: a; d",
        f"1 of 4 expectations undecided: b; {ENOUGH}",
    ]
    assert list(missed((), strict=False))[1:] == [
        f"1 of 4 expectations undecided, which fails only with --strict: b; {ENOUGH}"
    ]

    told[1] = replace(told[1], why="invalid blocks")
    (line,) = list(missed((), strict=True))[1:]
    assert line.startswith("1 of 4 expectations undecided (invalid blocks): b; they say nothing of the app: stop other")


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


@pytest.mark.parametrize("resumes", [False, True])
def test_a_run_that_fails_has_the_cases_of_its_scenario(tmp_path: Path, resumes: bool) -> None:
    """In the same suite as the others: of a scenario file by its name, of a run by what it says."""
    file, scenario = tmp_path / "lab.xml", tmp_path / "mine.toml"
    scenario.write_text("question = 1")
    run = shutil.copytree(RUN, tmp_path / "run")
    asked = ["--resume", str(run), "--blocks", "3"] if resumes else [str(scenario)]
    CliRunner().invoke(app, ["run", *asked, "--junit", str(file)])

    (suite,) = ElementTree.parse(file).getroot().iter("testsuite")
    (case,) = suite.iter("testcase")
    assert [child.tag for child in case] == ["error"]
    assert {suite.get("name"), case.get("classname")} == {read_info(run).scenario_name if resumes else "mine"}


def test_a_run_without_a_result_is_an_error(tmp_path: Path) -> None:
    """So that a build server shows why there is none."""
    file = tmp_path / "lab.xml"
    shutil.copytree(RUN, tmp_path / "run")
    (tmp_path / "run" / "run.json").write_text("{}")
    CliRunner().invoke(app, ["report", str(tmp_path / "run"), "--junit", str(file)])

    (error,) = ElementTree.parse(file).getroot().iter("error")
    assert "run.json" in str(error.get("message"))
