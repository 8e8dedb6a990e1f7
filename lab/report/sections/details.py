"""Details: every metric, every trial, every command, every version."""

import shlex
from collections.abc import Iterator, Sequence

from lab.analysis.comparison import Comparison
from lab.analysis.judge.verdict import Judgement
from lab.analysis.summary import ArmMetric, RunSummary
from lab.metric_types import Reading
from lab.metrics import CATALOGUE, METRICS, Group, Metric
from lab.plan.models.model import arm_title
from lab.record.types import RunInfo
from lab.report.content import Audience, Cell, Column, Listing, Section, Table, section
from lab.report.parts.cells import (
    UNKNOWN,
    cell,
    columns,
    compared_cells,
    compared_table,
    difference_columns,
    metric_cell,
    only,
    words,
)
from lab.report.parts.effects import signed_size, size_of_difference
from lab.report.parts.fact_words import fact_name, fact_value
from lab.report.parts.facts import flat
from lab.report.parts.values import NO_JUDGEMENTS, THIN_MARK, Judgements, fallback_note, is_thin, ratio_note, thin_note
from lab.report.sections.secured import tls_table
from lab.scenario.images import PYTHON
from lab.scenario.model import APP_IMAGE

MAX_BLOCK_COLUMNS = 20
RUNTIME = {"loop": "event loop", "http": "HTTP"}  # other keys are words
SAME_FOR_ALL, NO_ARM, BESIDE = "all arms", "no arm", "beside all arms"


def details(run: RunInfo, summary: RunSummary, judgements: Judgements, choices: Table | None) -> Section:
    """Everything a careful reader may want to check; ``choices`` is what ``sensitivity`` gave."""
    metrics = (metric_table(summary, group, judgements) for group in Group)
    tables = (
        tls_table(summary),
        trial_table(run, summary),
        runtime_table(summary),
        version_table(run, summary),
        environment_table(run),
    )
    return section(
        "details",
        "Details",
        *(choices, *metrics, *tables, *listings(summary)),
        sentences=(
            "Metrics that were not declared primary are exploratory: they explain, they do not decide. "
            "The command lab metrics lists their definitions.",
            *(() if choices else ("Every block that ran counts, so no choice of blocks can have decided.",)),
        ),
        folded=True,
    )


def sensitivity(comparison: Comparison | None) -> Table | None:
    """The primaries judged over other choices of blocks; None when there was no choice."""
    if comparison is None or not (comparison.decision.invalid or comparison.decision.replacements):
        return None
    rows = tuple(
        words(METRICS[contest.metric].title, contest.arm, *(_word(judged) for judged in judgements))
        for contest in comparison.primaries
        for judgements in [(contest.judgement, contest.originals, contest.ungated)]
    )
    return Table(
        key="sensitivity",
        title="Does the choice of blocks decide?",
        columns=columns("primary", "arm", "valid blocks", "valid without replacements", "as if no gate existed"),
        rows=rows,
        note="The verdict rests on the valid blocks; the other columns only show how much depends on that choice.",
    )


def _word(judged: Judgement | None) -> str:
    if judged is None:
        return "–"
    word = judged.verdict.value if judged.verdict else "numbers only"
    if judged.difference is not None:
        return f"{size_of_difference(METRICS[judged.metric], judged.difference)}, {word}"
    if judged.estimate is None:
        return word if judged.verdict else "–"
    return f"{signed_size(judged.estimate, judged.interval)}, {word}"


def metric_table(summary: RunSummary, group: Group, judgements: Judgements = NO_JUDGEMENTS) -> Table:
    """One row for each metric of the group and arm: median, ratio with its interval, and the value of every block."""
    blocks = summary.blocks[:MAX_BLOCK_COLUMNS]
    primaries = summary.scenario.compare.primary
    rows = tuple(
        _metric_row(
            metric,
            values,
            metric.key in primaries,
            judgements.get(Reading(metric.key, arm.name)),
            blocks,
            THIN_MARK if is_thin(summary, metric.key, arm.name) else "",
        )
        for metric in CATALOGUE
        if metric.group is group
        for arm in summary.arms
        for values in [summary.metrics[Reading(metric.key, arm.name)]]
        if values.median_all is not None
    )
    hidden = len(summary.blocks) - len(blocks)
    keys = {metric.key for metric in CATALOGUE if metric.group is group}
    ratio = (
        ratio_note(judgements) + fallback_note(summary, judgements, keys) + thin_note(summary, keys)
        if judgements
        else "median of the blocks' ratios."
    )
    table = Table(
        key=f"metrics-{group.value.lower()}",
        title=f"Metrics: {group.value}",
        columns=_metric_columns(
            [f"block {block}{'' if block in summary.decision.used else ' (not valid)'}" for block in blocks]
        ),
        rows=rows,
        note=f"Medians over the valid blocks; change against {summary.baseline}: {ratio}"
        + (f" {hidden} further blocks are not shown." if hidden else ""),
    )
    return compared_table(table)


def _metric_columns(blocks: Sequence[str]) -> tuple[Column, ...]:
    """An interval is one text for people, and two numbers for programs, which also need to know the unit."""
    return (
        *columns("metric", "arm", "kind"),
        *only(Audience.PROGRAMS, columns("unit")),
        *columns(numeric=["median"]),
        *only(Audience.PEOPLE, columns(numeric=["against the baseline"])),
        *only(Audience.PROGRAMS, columns(numeric=("ratio", "interval low", "interval high"))),
        *difference_columns(),
        *columns(numeric=blocks),
    )


def _metric_row(
    metric: Metric, values: ArmMetric, primary: bool, judged: Judgement | None, blocks: Sequence[int], mark: str
) -> tuple[Cell, ...]:
    return (
        *words(metric.title, values.arm, "primary" if primary else "exploratory", metric.unit),
        metric_cell(metric, values.median),
        *compared_cells(metric, judged, values.ratio, mark),
        *(metric_cell(metric, values.values.get(block)) for block in blocks),
    )


def trial_table(run: RunInfo, summary: RunSummary) -> Table:
    """The trials in the order in which they were to run."""
    done = {trial.record.trial_id: trial for trial in summary.trials}
    rows = []
    for place, trial_id in enumerate(run.order, 1):
        trial = done.get(trial_id)
        state = run.states[trial_id].value if trial_id in run.states else "?"
        numbers = (
            (trial.values["boot"], float(trial.counts.requests), float(trial.counts.failures)) if trial else (None,) * 3
        )
        rows.append((*words(place, trial_id, state), *_trial_cells(numbers)))
    return Table(
        key="trials",
        title="Trials in the order of the run",
        columns=columns("place", "trial", "state", numeric=("time until ready", "requests", "failed")),
        rows=tuple(rows),
    )


def _trial_cells(numbers: tuple[float | None, ...]) -> Iterator[Cell]:
    units = {metric.key: metric.unit for metric in CATALOGUE}
    for key, value in zip(("boot", "errors", "errors"), numbers, strict=True):
        yield cell(units[key], value)


def version_table(run: RunInfo, summary: RunSummary) -> Table:
    """The lab's version, and images with their digests and origins."""
    images = [
        words(
            f"image {key}",
            f"{image.get('name', '')} ({image.get('origin', '')}) {image.get('digest', '')}",
            _users(key, summary),
        )
        for key, image in run.images.items()
    ]
    return Table(
        key="versions",
        title="Images and versions",
        columns=columns("what", "version", "arms"),
        rows=(words("lab", run.lab_version, SAME_FOR_ALL), *images),
    )


def runtime_table(summary: RunSummary) -> Table | None:
    """What serves each arm, as attestation saw it; None where nobody could look."""
    found = {arm.name: [trial.record.attestation.runtime for trial in summary.of_arm(arm.name)] for arm in summary.arms}
    keys = dict.fromkeys(key for runtimes in found.values() for runtime in runtimes for key in runtime)
    rows = tuple(
        words(arm, *(", ".join(sorted({runtime.get(key, UNKNOWN) for runtime in runtimes})) for key in keys))
        for arm, runtimes in found.items()
    )
    if not keys:
        return None
    return Table(
        key="runtime",
        title="What serves, by the files that its processes have mapped",
        columns=columns("arm", *(RUNTIME.get(key, key) for key in keys)),
        rows=rows,
    )


def _users(key: str, summary: RunSummary) -> str:
    """Tell which arms an image is for: a base for those of the app built on it, a front's for those behind it."""
    arms = summary.scenario.arms
    if key in {each.image_key for each in summary.scenario.beside}:
        return BESIDE
    app = APP_IMAGE if key == PYTHON.key else key
    users = [arm.name for arm in arms if arm.image_key == app or (arm.front_image and arm.front_image.key == key)]
    return SAME_FOR_ALL if len(users) == len(arms) else ", ".join(users) or NO_ARM


def environment_table(run: RunInfo) -> Table:
    """Every fact of the environment."""
    rows = tuple(
        words(fact_name(key), fact_value(key, value), key, value or UNKNOWN)
        for key, value in flat(run.environment.facts)
    )
    told = only(Audience.PEOPLE, columns("what", "found"))
    return Table(
        key="environment",
        title="Environment",
        columns=(*told, *only(Audience.PROGRAMS, columns("fact", "value"))),
        rows=rows,
        folded=True,
    )


def listings(summary: RunSummary) -> Iterator[Listing]:
    """The full commands and configuration files of one trial of each arm."""
    for arm in summary.scenario.arms:
        for trial in summary.of_arm(arm.name)[:1]:
            services = sorted(trial.record.services, key=lambda service: (service.kind, service.name))
            commands = "\n".join(f"{service.name}: {shlex.join(service.argv)}" for service in services)
            yield Listing(key=f"commands-{arm.name}", title=f"Commands of {arm.name}: {arm_title(arm)}", text=commands)
            for service in services:
                for path, text in service.files.items():
                    yield Listing(key=f"file-{arm.name}-{service.name}", title=f"{path} of {arm.name}", text=text)
