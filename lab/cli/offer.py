"""The stronger experiment that `lab compare` offers: a scenario that holds both in one run, or why none can."""

from collections.abc import Sequence
from dataclasses import dataclass

from lab.analysis.across import Difference, of_the_image
from lab.analysis.across_arms import in_one_run
from lab.cli.console import put, say
from lab.record.types import RunInfo
from lab.scenario.model import Scenario
from lab.scenario.toml_text import scenario_text

NOTHING_DIFFERS = "Nothing that is on record differs between these runs: this is an A/A comparison over time."
SAME_FOR_ALL = (
    "One run cannot hold both: {keys} is the same for every arm of a run. Run the two in turn, several times each, "
    "so that slow changes of the machine meet both."
)
STILL_HERE = (
    "It names the images that the two runs used: both must still be on this machine, or in their registry. `docker "
    "image inspect` tells."
)
NOT_TOLD = "These runs do not say which images they used, so no scenario with both is offered."


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


def put_offer(offered: Offer, arms: Sequence[str], found: Sequence[Difference]) -> None:
    """Print it; the images that differ must still be there when it is run."""
    if offered.scenario is None:
        say(offered.why_not or "")
        return
    more = f" (--arm {arms[1]} prints that of another arm)" if len(arms) > 1 else ""
    say(f"This scenario would compare {arms[0]} of both in one run{more}:")
    put(offered.scenario)
    if any(map(of_the_image, found)):
        say(STILL_HERE)


def _of_an_arm(difference: Difference, runs: tuple[RunInfo, RunInfo]) -> bool:
    """Tell whether arms of one run can differ in it. Plain processes have no image: one environment serves all arms."""
    in_containers = not any(run.environment.known.plain for run in runs)
    return difference.key.startswith("arm.") or (in_containers and of_the_image(difference))
