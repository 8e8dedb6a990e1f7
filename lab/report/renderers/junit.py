"""What a build server reads: validity and expectations as JUnit XML, and as annotations of a GitHub workflow."""

from collections.abc import Iterator
from xml.sax.saxutils import escape, quoteattr

from lab.report.content import Content
from lab.report.first_screen import Answer, Band, Check
from lab.report.parts.answers import capital
from lab.report.renderers.text import one_line

VALIDITY = "the run is valid"
NAMELESS = "process-model-lab"  # of what failed before anything said which scenario it was
VIOLATED, UNDECIDED, HOLDS = "violated", "undecided", "holds"  # the words of an expectation


def render_junit(content: Content) -> str:
    """One test case for validity, each check and each expectation: violated ones fail, undecided ones are skipped.

    Suite and classes have the name of the scenario, by which build servers know a case in the next run again.
    """
    name = content.scenario
    expected = [answer for answer in content.answers if answer.word in (VIOLATED, UNDECIDED, HOLDS)]
    cases = [_case(name, VALIDITY, _invalid(content.band))]
    cases += [_case(name, check.name, _checked(check)) for check in content.checks]
    cases += [_case(name, answer.case or answer.sentence, _outcome(answer)) for answer in expected]
    failures = sum("<failure" in case for case in cases)
    skipped = sum("<skipped" in case for case in cases)
    run = f'<properties><property name="run" value={_quoted(content.run_id)}/></properties>'
    return _suite(name, [run], cases, failures=failures, skipped=skipped, told=_told(content))


def junit_of_failure(message: str, scenario: str = "") -> str:
    """The same of a run of ``scenario`` that came to no result; "" where nobody knows its name."""
    name, failed = scenario or NAMELESS, f"<error message={_quoted(message)}/>"
    return _suite(name, [], [_case(name, VALIDITY, failed)], errors=1)


def _told(content: Content) -> str:
    """The answer, and whether to trust it: what a build server shows beside the cases."""
    lines = (*(answer.sentence for answer in content.lead.sentences), f"Trust: {content.status}")
    return "\n".join(map(one_line, lines))


def _suite(
    name: str,
    before: list[str],
    cases: list[str],
    *,
    failures: int = 0,
    skipped: int = 0,
    errors: int = 0,
    told: str = "",
) -> str:
    counts = f'tests="{len(cases)}" failures="{failures}" skipped="{skipped}" errors="{errors}"'
    parts = [*before, *cases, *([f"<system-out>{escape(told)}</system-out>"] if told else [])]
    inside = "\n".join(f"  {part}" for part in parts)
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<testsuites>\n<testsuite name={_quoted(name)} {counts}>\n{inside}\n'
        "</testsuite>\n</testsuites>\n"
    )


def _case(suite: str, name: str, inside: str) -> str:
    return f"<testcase classname={_quoted(suite)} name={_quoted(name)}>{inside}</testcase>"


def _invalid(band: Band | None) -> str:
    return f"<failure message={_quoted(' '.join((band.title + '.', *band.sentences)))}/>" if band else ""


def _checked(check: Check) -> str:
    if not check.sentences:
        return ""
    return f"<{'failure' if check.fails else 'skipped'} message={_quoted(' '.join(check.sentences))}/>"


def _outcome(answer: Answer) -> str:
    if answer.word == HOLDS:
        return ""
    return f"<{'failure' if answer.word == VIOLATED else 'skipped'} message={_quoted(answer.sentence)}/>"


def _quoted(text: str) -> str:
    return quoteattr(one_line(text))


def workflow_commands(content: Content) -> Iterator[str]:
    """Workflow commands: an error for whatever fails a build, a warning for what may, and for each caveat."""
    if content.band:
        yield _command("error", content.band.title, " ".join(content.band.sentences))
    for check in content.checks:
        if check.sentences:
            yield _command("error" if check.fails else "warning", capital(check.broken), " ".join(check.sentences))
    if content.failing:
        yield _command("warning", "Requests failed", content.failing)
    for answer in content.answers:
        if answer.word in (VIOLATED, UNDECIDED):
            level = "error" if answer.word == VIOLATED else "warning"
            yield _command(level, f"Expectation {answer.word}", answer.sentence)
    for section in content.sections:
        for group in section.caveats:
            yield from (_command("warning", f"Caveat: {group.about}", sentence) for sentence in group.sentences)


def command_of_failure(message: str) -> str:
    """The same of a run that came to no result."""
    return _command("error", "No result", message)


def _command(level: str, title: str, text: str) -> str:
    """Nothing from outside can end the command or begin another one."""
    return f"::{level} title={_escaped(title).replace(':', '%3A').replace(',', '%2C')}::{_escaped(text)}"


def _escaped(text: str) -> str:
    return one_line(text).replace("%", "%25")
