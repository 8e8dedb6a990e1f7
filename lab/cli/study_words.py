"""What `lab study` says beforehand: its parts, how long they take, and what a run that is given has and lacks."""

from collections.abc import Mapping
from pathlib import Path

from lab.cli.beforehand import words_of
from lab.cli.console import say
from lab.run.estimate import carried_by
from lab.run.studied import is_lost, is_valid, is_whole, lacks, left_s, not_valid
from lab.run.study import Part, Study
from lab.units import count_of, format_duration

BY_PILOT = "; longer if an arm carries less than {carried:g} requests a second, which its pilot tells"


def say_plan(planned: Study, begun: Mapping[str, Path], planned_s: float, time_s: float | None) -> None:
    """Each part with its trials, its time and what it may say. ``time_s``: what there is of it, where that counts."""
    say(planned.parts[0].scenario.question)
    for part in planned.parts:
        if (run := begun.get(part.key)) is not None:
            say(f"part     {part.title}: {kept_words(part, run)}")
            continue
        blocks = part.nominal.blocks
        longer = BY_PILOT.format(carried=carried_by(part.scenario)) if part.climbs else ""
        say(
            f"part     {part.title}: {count_of(len(part.nominal.trials), 'trial')}, {count_of(blocks, 'block')}, about "
            f"{rounded(part.estimated_s)}; says {words_of(part.scenario, blocks)}{longer}"
        )
    for sentence in planned.left_out:
        say(f"without  {sentence}")
    of_which = " for what is missing" if begun else f" of {format_duration(time_s)}" if time_s is not None else ""
    say(f"takes    about {rounded(planned_s)}{of_which}, images apart")


def kept_words(part: Part, run: Path) -> str:
    """What a run that is given has and lacks, and whether it is worth keeping."""
    if is_whole(run):
        if again := not_valid(run):
            anew = "is measured anew, as it is" if len(again) == 1 else "are measured anew, as they are"
            return f"it is there, {run}; {', '.join(drill.key for drill in again)} {anew} not valid"
        said, spoiled = f"it is there, {run}", "" if is_valid(run) else "is not valid"
    else:
        said = f"{run} lacks {count_of(lacks(run), 'trial')}, about {rounded(left_s(part, run))}"
        spoiled = "cannot become valid any more" if is_lost(run) else ""
    return f"{said}; it {spoiled}: without its --resume it is measured anew" if spoiled else said


def rounded(duration_s: float) -> str:
    """A time in whole seconds."""
    return format_duration(round(duration_s))
