"""``lab selfcheck [SCENARIO]``: an arm against itself; how small a difference can this machine show?"""

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from lab.analysis.judge.floor import MetricFloor, NoiseFloor
from lab.analysis.selfcheck import against_itself
from lab.cli.asked import Running, running_of
from lab.cli.console import put, put_json
from lab.cli.names import complete_scenario, scenario_file
from lab.cli.options import takes_options
from lab.metrics import METRICS
from lab.plan.blocks import build_plan
from lab.report.parts.effects import either_way
from lab.report.sections.answer_sentences import answer_line, verdict_answers
from lab.run.conclude import Conclusion
from lab.run.floors import KeptFloor, write_floor
from lab.run.selfcheck import MIN_BLOCKS, measure_floor

DEFAULT_SCENARIO = Path("smoke")
DEFAULT_BLOCKS = 8
MANY_BLOCKS = 20  # shown beside the run's own number: what patience would buy

ScenarioOption = Annotated[
    Path,
    typer.Argument(
        help="The scenario whose baseline arm is run against itself.",
        callback=scenario_file,
        autocompletion=complete_scenario,
    ),
]
Blocks = Annotated[int, typer.Option("--blocks", min=MIN_BLOCKS, max=1000, help="Number of blocks.")]


@takes_options(running_of)
def selfcheck(running: Running, scenario: ScenarioOption = DEFAULT_SCENARIO, blocks: Blocks = DEFAULT_BLOCKS) -> None:
    """Run an arm against itself, and print and keep this machine's noise floors, which later reports show."""
    asked = against_itself(running.scenario(scenario), blocks)
    found, kept = measure_floor(asked, running.out, running.view_of(build_plan(asked)), around=running.around)
    path = write_floor(kept)
    if running.json:
        put_json(document(found, kept) | {"kept": str(path)})
        return
    show(found, kept, path, quiet=running.quiet)


def show(found: Conclusion, kept: KeptFloor, path: Path, *, quiet: bool) -> None:
    """Print the floors as a table, what it cannot say, and where they are kept; ``quiet``: without the table."""
    if not quiet:
        Console().print(_table(kept.floor, len(found.summary.decision.used)))
    for sentence in sentences(found, kept):
        put(sentence)
    put(f"kept in {path}; report: {found.written.html}")


def _table(floor: NoiseFloor, blocks: int) -> Table:
    table = Table(box=None, pad_edge=False)
    table.add_column("metric")
    for title in ("ratio", "noise floor", f"seen in {blocks} blocks", f"in {MANY_BLOCKS}", "bound"):
        table.add_column(title, justify="right")
    table.add_column("")
    for metric in floor.metrics:
        table.add_row(*_row(metric, blocks))
    return table


def _row(metric: MetricFloor, blocks: int) -> tuple[str, ...]:
    bound = METRICS[metric.metric].bound
    return (
        metric.metric,
        f"{metric.ratio:.3f}",
        either_way(metric.floor),
        _difference(metric.detectable(blocks)),
        _difference(metric.detectable(MANY_BLOCKS)),
        either_way(bound) if bound else "",
        "different" if metric.different else "",
    )


def sentences(found: Conclusion, kept: KeptFloor) -> list[str]:
    """Tell what the table cannot say: conditions, what was skipped, how much came out different, the verdicts."""
    floor = kept.floor
    said = [f"noise of {kept.conditions}; ratio: one half to the other, which are equal"]
    reasons = dict.fromkeys(floor.skipped.values())
    said += [
        f"no floor for {', '.join(metric for metric, own in floor.skipped.items() if own == why)}: {why}"
        for why in reasons
    ]
    said.append(
        f"{len(floor.different)} of {len(floor.metrics)} metrics came out different (expected by chance: about "
        f"{floor.expected_different:.1f}; as many or more in {(floor.chance or 0) * 100:.0f}% of runs without any "
        "difference)"
    )
    if floor.suspicious:
        said.append("more than chance explains: something changes between trials of this machine, see the report")
    return said + [answer_line(answer) for answer in verdict_answers(found.comparison)]


def document(found: Conclusion, kept: KeptFloor) -> dict[str, Any]:
    """Everything for programs; fractions, as in comparison.json."""
    blocks = found.summary.decision.used
    return {
        "run": found.run.run_id,
        "report": str(found.written.html),
        "blocks": list(blocks),
        "different": list(kept.floor.different),
        "expected_different": kept.floor.expected_different,
        "suspicious": kept.floor.suspicious,
        "detectable": {metric.metric: metric.detectable(len(blocks)) for metric in kept.floor.metrics},
        "verdicts": {
            contest.metric: contest.judgement.verdict and contest.judgement.verdict.value
            for contest in found.comparison.primaries
        },
        **kept.to_json(),
    }


def _difference(fraction: float | None) -> str:
    return "–" if fraction is None else either_way(fraction)
