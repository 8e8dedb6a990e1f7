"""``lab compare RUN RUN``: the same arm in several runs; weaker evidence than one run with both, and it says so.

More than two runs on one side, or a folder of them, are no comparison but a trend: see ``lab.cli.trend``.
"""

import shlex
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperCommand

from lab.analysis.across import IMAGE_DIGEST, Across, Difference, compare_across, of_the_image, studied, unlike
from lab.analysis.contests import Contest
from lab.analysis.judge.unpaired import MIN_RUNS
from lab.analysis.summary import RunSummary, summarise
from lab.cli.console import put, put_json, say
from lab.cli.names import complete_run_or_bundle, run_folder
from lab.cli.offer import offer, put_offer
from lab.cli.options import Json
from lab.cli.page_file import Force, PageOut, check_target
from lab.cli.trend import asks_trend, holds_runs, show_trend
from lab.errors import UsageError
from lab.plan.points import points_of
from lab.record.folder import read_info, read_trials
from lab.record.types import RunInfo
from lab.report.parts.images import short_digests
from lab.report.renderers.json_document import across_document
from lab.report.sections.answer_sentences import answer_line, contest_answer
from lab.run.opened import opened_run
from lab.scenario.compare import unknown

WEAKER = (
    "Runs at different times are weaker evidence than one run with both arms: whatever changed between them, and is in "
    "no file, counts as a difference. How much a run differs from the next is part of every interval, so the run is "
    f"the unit here, and a verdict takes {MIN_RUNS} runs a side."
)
AGAINST = "--against"


class ManyAgainst(TyperCommand):
    """A command whose --against takes every word up to the next option, as in ``A1 A2 --against B1 B2``."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parse the arguments with the option in front of each of its words, as click wants it."""
        return super().parse_args(ctx, list(_spread(args)))


def _spread(args: Iterable[str]) -> Iterable[str]:
    inside = False
    for word in args:
        if word == AGAINST:
            inside = True
        elif word.startswith("-"):
            inside = False
            yield word
        else:
            yield from (AGAINST, word) if inside else (word,)


Runs = Annotated[
    list[Path],
    typer.Argument(
        help="Two runs or bundles: the second is judged against the first. With --against: the runs to judge. A "
        "folder of runs, or more than two without --against, are shown over time.",
        metavar="RUN...",
        callback=lambda asked: [run if holds_runs(run) else run_folder(run) for run in asked],
        autocompletion=complete_run_or_bundle,
    ),
]
Against = Annotated[
    list[Path] | None,
    typer.Option(
        AGAINST,
        help="The runs to judge them against: all that follow.",
        metavar="RUN...",
        callback=lambda asked: [run_folder(run) for run in asked or ()],
        autocompletion=complete_run_or_bundle,
    ),
]
Arm = Annotated[str, typer.Option("--arm", help="The arm to compare; by default every arm in the runs.")]
OfScenario = Annotated[
    str, typer.Option("--scenario", help="For a trend: only runs of this scenario; by default that of the newest run.")
]
Studied = Annotated[
    list[str] | None,
    typer.Option("--studied", help=f"A field that may differ because it is under study, such as {IMAGE_DIGEST}."),
]


def compare(
    runs: Runs,
    against: Against = None,
    arm: Arm = "",
    studied: Studied = None,
    scenario: OfScenario = "",
    out: PageOut = None,
    force: Force = False,
    json: Json = False,
) -> None:
    """Compare the same arm in several runs; refuse if anything else than what you study differs.

    A folder of runs, or more than two runs without --against, is shown over
    time: every metric with its intervals, and where conditions changed.
    """
    if out is not None:
        check_target(out, "a trend", force=force)
    if not against and asks_trend(runs):
        if arm or studied:  # every arm is in a trend, and what differs is marked there
            raise UsageError("--arm and --studied are for a comparison, and this is a trend", "leave them out")
        show_trend(runs, scenario, out, json=json)
        return
    if scenario or out:
        raise UsageError("--scenario and --out are for a trend", "give a folder of runs, or more than two runs")
    with ExitStack() as opened:
        first, second = (
            [opened.enter_context(opened_run(path)) for path in side] for side in _sides(runs, against or [])
        )
        asked = _command(runs, against or [], arm, studied or [])
        _compare((first, second), arm, studied or [], asked, json=json)


def _command(runs: Sequence[Path], against: Sequence[Path], arm: str, studied: Sequence[str]) -> str:
    """The command that was given, to which a hint adds what is missing."""
    options = [*(("--arm", arm) if arm else ()), *(word for key in studied for word in ("--studied", key))]
    sides = [*runs, *((AGAINST, *against) if against else ())]
    return shlex.join(["lab", "compare", *map(str, sides), *options])


def _compare(
    folders: tuple[Sequence[Path], Sequence[Path]], arm: str, keys: Sequence[str], asked: str, *, json: bool
) -> None:
    sides = _infos(folders[0]), _infos(folders[1])
    first, second = sides[0][0], sides[1][0]
    arms = _arms([*sides[0], *sides[1]], arm)
    found = _allowed(sides, arms, keys, asked)
    summaries = _summaries(folders[0], sides[0]), _summaries(folders[1], sides[1])
    across = compare_across(*summaries, arms)
    changed = [name for name in arms if unlike(first, second, name)] or arms
    offered = offer(found, changed, (first, second), (summaries[0][0].scenario, summaries[1][0].scenario))
    if json:
        put_json(across_document(*sides, found, across, offered.scenario, offered.why_not))
        return
    for name in across:
        _put(name, *sides)
    say()
    say(WEAKER)
    put_offer(offered, changed, found)


def _sides(runs: Sequence[Path], against: Sequence[Path]) -> tuple[Sequence[Path], Sequence[Path]]:
    """Those that are compared with, and those that are judged."""
    if against:
        return against, runs
    if len(runs) != 2:  # one alone: more are a trend
        one = shlex.quote(str(runs[0]))
        raise UsageError(
            f"{runs[0]} alone: two runs are compared, or several a side",
            f"`lab compare {one} OTHER` judges the other run against it, `lab compare {one} --against OTHER` it "
            "against the other; `lab list` names runs",
        )
    return runs[:1], runs[1:]


def _infos(paths: Sequence[Path]) -> list[RunInfo]:
    runs = [read_info(path) for path in paths]
    for path, run in zip(paths, runs, strict=True):
        if run.exploratory:
            raise UsageError(
                f"{path} is an exploratory session of `lab ui`: closed model by hand, nothing of it can be compared",
                "compare runs of `lab run`",
            )
    return [_one_point(run) for run in runs]


def _arms(runs: Sequence[RunInfo], wanted: str) -> list[str]:
    if twice := [run.run_id for place, run in enumerate(runs) if run.run_id in [r.run_id for r in runs[:place]]]:
        raise UsageError(f"{twice[0]} is given twice: it is the same run", "give different run folders")
    names = [list(run.arms) for run in runs]
    common = [name for name in names[0] if all(name in others for others in names)]
    if wanted and wanted not in common:
        raise UsageError(f"--arm: {unknown('arm', wanted, common)}", "all runs need an arm of this name")
    if not common:
        raise UsageError(f"no arm has the same name in all runs: {' / '.join(map(', '.join, names))}")
    return [wanted] if wanted else common


def _allowed(
    sides: tuple[Sequence[RunInfo], Sequence[RunInfo]], arms: Sequence[str], keys: Sequence[str], asked: str
) -> list[Difference]:
    """The differences under study. Raises UsageError that names every other one, and any between runs of one side."""
    for side in sides:
        if within := [difference for run in side[1:] for arm in arms for difference in unlike(side[0], run, arm)]:
            raise UsageError(
                f"the runs of one side are not alike, {side[0].run_id} and another differ in\n" + _listed(within),
                "a side repeats one thing, and what is under study differs between the sides; runs that all differ are "
                "a trend: give them without --against",
            )
    found = list(dict.fromkeys(difference for arm in arms for difference in unlike(sides[0][0], sides[1][0], arm)))
    if foreign := [difference for difference in found if not studied(difference, keys)]:
        raise UsageError(
            "the runs are not comparable, they differ in\n" + _listed(foreign),
            f"name what is under study, which may be some of this: `{asked} {_naming(foreign)}`; anything else must be "
            "equal",
        )
    return found


def _naming(differences: Sequence[Difference]) -> str:
    """The options that name all of them; what follows from the app's image goes by that."""
    keys = dict.fromkeys(IMAGE_DIGEST if of_the_image(one) else one.key for one in differences)
    return shlex.join(word for key in keys for word in ("--studied", key))


def _listed(differences: Sequence[Difference]) -> str:
    return "\n".join(f"  {short_digests(str(difference))}" for difference in dict.fromkeys(differences))


def _one_point(run: RunInfo) -> RunInfo:
    """The run itself. Raises UsageError where it has several points: what would be compared with what?"""
    points = points_of(run.parsed_scenario)
    if len(points) > 1:
        raise UsageError(
            f"{run.run_id} has {len(points)} points ({', '.join(point.title for point in points)}), which are compared "
            "inside the run only",
            "its report has them side by side; compare runs whose scenario has neither [sweep] nor several drills",
        )
    return run


def _summaries(paths: Sequence[Path], runs: Sequence[RunInfo]) -> list[RunSummary]:
    return [summarise(run, read_trials(path, run)) for path, run in zip(paths, runs, strict=True)]


def _put(across: Across, first: Sequence[RunInfo], second: Sequence[RunInfo]) -> None:
    before, after = (f"{across.arm} of {_called(side)}" for side in (first, second))
    counts = [", ".join(map(str, blocks)) for blocks in across.blocks]
    put(f"{after} ({counts[1]} valid blocks) against {before} ({counts[0]})")
    for judgement in across.primaries:
        contest = Contest(metric=judgement.metric, arm=after, judgement=judgement, failures=across.failures)
        put(answer_line(contest_answer(contest, before)))


def _called(side: Sequence[RunInfo]) -> str:
    return side[0].run_id if len(side) == 1 else f"{len(side)} runs from {side[0].run_id} on"
