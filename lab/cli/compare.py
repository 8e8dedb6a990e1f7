"""``lab compare RUN RUN``: the same arm in two runs; weaker evidence than one run with both, and it says so."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from lab.analysis.across import IMAGE_DIGEST, Across, Difference, compare_across, of_the_image, studied, unlike
from lab.analysis.across_arms import in_one_run
from lab.analysis.comparison import Contest, floors_of
from lab.analysis.summary import RunSummary, summarise
from lab.cli.console import put, put_json, say
from lab.cli.options import Json
from lab.errors import UsageError
from lab.record.folder import read_info, read_trials
from lab.record.types import RunInfo
from lab.report.renderers.json_document import across_document
from lab.report.sections.answer_sentences import answer_line, contest_answer
from lab.scenario.compare import unknown
from lab.scenario.model import Scenario
from lab.scenario.text import scenario_text

WEAKER = (
    "Two runs at different times are weaker evidence than one run with both arms: whatever changed between them, and "
    "is in no file, counts as a difference. Blocks do not pair up, so the intervals are wider as well."
)
NOTHING_DIFFERS = "Nothing that is on record differs between these runs: this is an A/A comparison over time."
SAME_FOR_ALL = (
    "One run cannot hold both: {keys} is the same for every arm of a run. Run the two in turn, several times each, "
    "so that slow changes of the machine meet both."
)
STILL_HERE = (
    "It names the images that the two runs used: both must still be on this machine, or in their registry. `docker "
    "image inspect` tells."
)
NOT_TOLD = "Which images they used these runs do not tell, so no scenario with both is offered."

Run = Annotated[Path, typer.Argument(help="A run folder, as `lab list` shows it.", show_default=False)]
Arm = Annotated[str, typer.Option("--arm", help="The arm to compare; by default every arm that both runs have.")]
Studied = Annotated[
    list[str] | None,
    typer.Option("--studied", help=f"A field that may differ because it is under study, such as {IMAGE_DIGEST}."),
]


def compare(first: Run, second: Run, arm: Arm = "", studied: Studied = None, json: Json = False) -> None:
    """Judge an arm of the second run against the same arm of the first; refuse what differs but is not under study."""
    runs = read_info(first), read_info(second)
    if runs[0].run_id == runs[1].run_id:
        raise UsageError(f"{first} and {second} are the same run", "give two different run folders")
    for path, run in zip((first, second), runs, strict=True):
        if run.exploratory:
            raise UsageError(
                f"{path} is an exploratory session of `lab ui`: closed model by hand, nothing of it can be compared",
                "compare runs of `lab run`",
            )
    arms = _arms(*runs, arm)
    found = _allowed(runs, arms, studied or [])
    summaries = _summary(first, runs[0]), _summary(second, runs[1])
    across = [compare_across(*summaries, name, _floors(*runs)) for name in arms]
    changed = [name for name in arms if unlike(*runs, name)] or arms
    offered = offer(found, changed, runs, (summaries[0].scenario, summaries[1].scenario))
    if json:
        put_json(across_document(*runs, found, across, offered.scenario, offered.why_not))
        return
    for name in across:
        _put(name, *runs)
    say()
    say(WEAKER)
    _put_offer(offered, changed)
    if offered.scenario and any(map(of_the_image, found)):
        say(STILL_HERE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """The stronger experiment: ``scenario`` is TOML that compares both in one run; else ``why_not`` is a sentence."""

    scenario: str | None = None
    why_not: str | None = None


def offer(
    found: Sequence[Difference],
    arms: Sequence[str],
    runs: tuple[RunInfo, RunInfo],
    scenarios: tuple[Scenario, Scenario],
) -> Offer:
    """A scenario with the first of ``arms`` when what is studied belongs to an arm, so that one run can hold both."""
    if not found:
        return Offer(why_not=NOTHING_DIFFERS)
    if fixed := [difference.key for difference in found if not _of_an_arm(difference, runs)]:
        return Offer(why_not=SAME_FOR_ALL.format(keys=", ".join(fixed)))
    both = in_one_run(arms[0], runs, scenarios)
    return Offer(why_not=NOT_TOLD) if both is None else Offer(scenario=scenario_text(both))


def _arms(first: RunInfo, second: RunInfo, wanted: str) -> list[str]:
    names = [list(run.arms) for run in (first, second)]
    common = [name for name in names[0] if name in names[1]]
    if wanted and wanted not in common:
        raise UsageError(f"--arm: {unknown('arm', wanted, common)}", "both runs need an arm of this name")
    if not common:
        raise UsageError(f"no arm has the same name in both runs: {', '.join(names[0])} / {', '.join(names[1])}")
    return [wanted] if wanted else common


def _allowed(runs: tuple[RunInfo, RunInfo], arms: Sequence[str], keys: Sequence[str]) -> list[Difference]:
    """The differences under study. Raises UsageError that names every other one."""
    found = list(dict.fromkeys(difference for arm in arms for difference in unlike(*runs, arm)))
    if foreign := [difference for difference in found if not studied(difference, keys)]:
        raise UsageError(
            "the runs are not comparable, they differ in\n" + "\n".join(f"  {difference}" for difference in foreign),
            "name what is under study with --studied KEY; anything else must be equal",
        )
    return found


def _summary(path: Path, run: RunInfo) -> RunSummary:
    return summarise(run, read_trials(path, run))


def _floors(first: RunInfo, second: RunInfo) -> Mapping[str, float]:
    """The larger floor of each metric: neither run can show less than that."""
    one, two = floors_of(first), floors_of(second)
    return {key: max(one.get(key, 0.0), two.get(key, 0.0)) for key in {**one, **two}}


def _put(across: Across, first: RunInfo, second: RunInfo) -> None:
    before, after = (f"{across.arm} of {run.run_id}" for run in (first, second))
    put(f"{after} ({across.blocks[1]} valid blocks) against {before} ({across.blocks[0]})")
    for judgement in across.primaries:
        answer = contest_answer(Contest(metric=judgement.metric, arm=after, judgement=judgement), before)
        put(answer_line(answer))


def _put_offer(offered: Offer, arms: Sequence[str]) -> None:
    if offered.scenario is None:
        say(offered.why_not or "")
        return
    more = f" (--arm {arms[1]} prints that of another arm)" if len(arms) > 1 else ""
    say(f"This scenario would compare {arms[0]} of both in one run{more}:")
    put(offered.scenario)


def _of_an_arm(difference: Difference, runs: tuple[RunInfo, RunInfo]) -> bool:
    """Whether arms of one run can differ in it. Plain processes have no image: one environment serves all arms."""
    in_containers = all(run.environment.facts.get("engine") != "process" for run in runs)
    return difference.key.startswith("arm.") or (in_containers and of_the_image(difference))
