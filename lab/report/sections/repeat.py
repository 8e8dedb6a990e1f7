"""Do it again: the scenario as a file that a reader can save, the commands, and where the raw data are."""

from __future__ import annotations

import shlex
from collections.abc import Iterator

from lab.analysis.summary import RunSummary
from lab.record.types import RunInfo
from lab.report.content import COMMANDS, Listing, Section
from lab.report.parts.going_on import again_command
from lab.scenario.file import PATH_KEYS
from lab.scenario.model import Scenario
from lab.scenario.secrets_of import secrets_in
from lab.scenario.toml_text import scenario_text


def repeat_of_run(run: RunInfo, summary: RunSummary) -> Section:
    """Say how to repeat the run, and how to make its report again."""
    return repeat_section(
        run,
        summary.scenario,
        run_command(run, summary),
        "The first command runs the scenario of this run again, with the files that it names as they are now; if one "
        f"has changed, it says so. The seed, {summary.scenario.trials.seed}, fixes the order of the trials and every "
        "arrival.",
    )


def run_command(run: RunInfo, summary: RunSummary) -> str:
    """The command that runs the scenario as this run did, from where run folders are kept."""
    blocks = summary.decision.planned
    flags = "" if blocks == summary.scenario.trials.blocks else f" --blocks {blocks}"
    return f"{again_command(summary.scenario, run.run_id)}{flags}"


def repeat_of_session(run: RunInfo, summary: RunSummary) -> Section:
    """Say how to look again, and how to measure."""
    return repeat_section(
        run,
        summary.scenario,
        f"lab ui {shlex.quote(run.run_id)}",
        "The first command opens a session like this one.",
        "The scenario below is that of the session: it has no rate, primary metrics or expectations. To measure, with "
        "a schedule, blocks and verdicts, give `lab run` the scenario that the session was opened with.",
    )


def repeat_section(run: RunInfo, scenario: Scenario, command: str, *sentences: str) -> Section:
    """``command`` and what it does; then, for any run, how to rebuild the report, and what to mind in its scenario."""
    text = f"{command}\nlab report {shlex.quote(run.run_id)}"
    return Section(
        key="again",
        title="Do it again",
        short="Repeat",
        sentences=(
            *sentences,
            "The second command rebuilds this report from the raw files. Type them in the folder that holds the run "
            "folder or runs/.",
            *_to_mind(run, scenario),
        ),
        parts=(
            Listing(key=COMMANDS, title="Commands", text=text, shown=True),
            Listing(key="again-scenario", title="Scenario", text=scenario_text(scenario)),
        ),
    )


def _to_mind(run: RunInfo, scenario: Scenario) -> Iterator[str]:
    """Say how to go on without the run folder: which file, whose paths, and what secrets need."""
    paths = [f"{table}.{key}" for table, key in PATH_KEYS if getattr(getattr(scenario, table), key) is not None]
    paths += [f"sidecars[{place}].build" for place, sidecar in enumerate(scenario.sidecars) if sidecar.build]
    yield (
        f"To change it, or to use another machine, save the scenario below as {run.scenario_name}.toml and run that "
        f"file. Its paths ({', '.join(paths)}) are those of the machine that measured: replace them with yours."
    )
    secrets = dict.fromkeys(secret.source or name for name, secret in secrets_in(scenario))
    if secrets:
        yield f"It does not contain secrets: set {', '.join(secrets)} in the lab's environment."
