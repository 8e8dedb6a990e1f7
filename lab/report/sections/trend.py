"""A metric over the runs of one scenario, in words and as a figure; changed conditions are named."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite

from lab.analysis.across import Difference
from lab.analysis.comparable import MUST_MATCH
from lab.analysis.history import changes
from lab.analysis.judge.intervals import blocks_needed
from lab.analysis.medians import LEVEL
from lab.metric_types import Group, Metric, Reading
from lab.metrics import CATALOGUE
from lab.record.types import RunInfo
from lab.report.charts.trend import Trend, TrendChange, TrendPoint
from lab.report.content import Figure
from lab.report.parts.cells import FAILED, axis, metric_quantity, quantity, span_words
from lab.report.parts.images import short_digests
from lab.report.sections.overview import Entry, Row, Validity, row_of
from lab.report.told import Told, ToldValue
from lab.units import count_of

NAMES: Mapping[str, str] = {
    "lab_version": "version of the lab",
    **{f"environment.{key}": name for key, name in MUST_MATCH.items()},
}
MAX_TEXT = 80  # characters of a value
NO_END = "not reached"  # of a drill whose figure was not reached in the trial
LOST = (
    "A bar at the upper edge means that some blocks failed (of a drill: it had no end in the trial); the upright line "
    "then begins at the least value. A cross means that half of the blocks or more failed; no line is drawn to it or "
    "across it."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """A finished run of the scenario."""

    row: Row
    info: RunInfo
    told: Told


@dataclass(frozen=True, slots=True, kw_only=True)
class TrendRow:
    """One run below the figure: the values of the arms in words, and what changed before it, numbered ``mark``.

    ``spans``: from where to where the value of each arm lies, as drawn.
    """

    row: Row
    values: tuple[str, ...]
    spans: tuple[str, ...]
    mark: str
    changed: tuple[str, ...]
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TrendContent:
    """What the page of a trend says; ``rows`` begin with the newest run. Without ``figure`` no run has the metric."""

    scenario: str
    metric: Metric
    metrics: tuple[Metric, ...]
    arms: tuple[str, ...]
    figure: Figure | None
    rows: tuple[TrendRow, ...]


def trend_of(entries: Sequence[Entry], scenario: str, key: str) -> TrendContent | None:
    """The trend of a metric, by default the first that the newest run judged; None where no run of it has a report."""
    runs = _known(entries, scenario)
    told = {reading.metric for run in runs for reading in run.told.values}
    offered = tuple(metric for metric in CATALOGUE if metric.key in told)
    if not offered:
        return None
    wanted = [key, *(judged for run in reversed(runs) for judged in run.told.judged)]
    metric = next((each for name in wanted for each in offered if each.key == name), offered[0])
    arms = tuple(dict.fromkeys(arm for run in runs for arm in run.told.arms))
    found = changes([run.info for run in runs])
    marks = _marks(found)
    rows = [
        TrendRow(
            row=run.row,
            values=tuple(_median(run.told, metric, arm) for arm in arms),
            spans=tuple(_span(run.told, metric, arm) for arm in arms),
            mark=mark,
            changed=tuple(map(changed_words, changed)),
            names=tuple(name_of(difference.key) for difference in changed),
        )
        for run, changed, mark in zip(runs, found, marks, strict=True)
    ]
    return TrendContent(
        scenario=scenario,
        metric=metric,
        metrics=offered,
        arms=arms,
        figure=_figure(runs, rows, metric, arms),
        rows=tuple(reversed(rows)),
    )


def changed_words(difference: Difference) -> str:
    """``"storage driver: overlay2 → fuse-overlayfs"``."""
    first, second = (_short(text) for text in (difference.first, difference.second))
    return f"{name_of(difference.key)}: {first} → {second}"


def name_of(key: str) -> str:
    """What a person calls a field in which runs differ: ``images.app.digest`` is ``"image app"``."""
    if key.startswith("images."):
        return f"image {key.removeprefix('images.').removesuffix('.digest')}"
    if key.startswith("inputs."):
        return f"content of {key.removeprefix('inputs.')}"
    return NAMES.get(key, key.removeprefix("scenario."))


def _short(text: str) -> str:
    short = short_digests(text)
    return short if len(short) <= MAX_TEXT else f"{short[: MAX_TEXT - 1]}…"


def _known(entries: Sequence[Entry], scenario: str) -> list[Known]:
    """The finished runs of a scenario that have a report, the oldest first; one that is there as a bundle too once."""
    found = [
        Known(row=row_of(entry), info=entry.info, told=entry.told)
        for entry in entries
        if entry.info and entry.told and entry.info.scenario_name == scenario
    ]
    counted = {run.info.run_id: run for run in found if run.row.validity in (Validity.VALID, Validity.NOT_VALID)}
    return sorted(counted.values(), key=lambda run: (run.info.started_at, run.row.name))


def _marks(found: Sequence[Sequence[Difference]]) -> list[str]:
    """A number for each place where something changed, empty elsewhere."""
    marks, count = [], 0
    for changed in found:
        count += bool(changed)
        marks.append(str(count) if changed else "")
    return marks


def _median(told: Told, metric: Metric, arm: str) -> str:
    found = told.values.get(Reading(metric.key, arm))
    return metric_quantity(metric, found.median if found else None)


def _span(told: Told, metric: Metric, arm: str) -> str:
    found = told.values.get(Reading(metric.key, arm))
    return _ends(metric, found) if found else ""


def _ends(metric: Metric, found: ToldValue) -> str:
    """``"10.0 ms to 12.0 ms"``; where blocks failed, ``"10.0 ms or more; failed in 3 of 8 blocks"``."""
    if not found.failed:
        return span_words(metric.unit, found.low, found.high)
    without = NO_END if metric.group is Group.DRILL else FAILED
    least = [f"{quantity(metric.unit, found.low)} or more"] if isfinite(found.low) else []
    return "; ".join([*least, f"{without} in {found.failed} of {count_of(found.blocks, 'block')}"])


def _figure(runs: Sequence[Known], rows: Sequence[TrendRow], metric: Metric, arms: Sequence[str]) -> Figure | None:
    medians = [
        found.median for run in runs for reading, found in run.told.values.items() if reading.metric == metric.key
    ]
    divisor, unit = axis(metric.unit, medians)
    points = [
        point
        for place, run in enumerate(runs, 1)
        for arm, name in enumerate(arms)
        if (point := _point(run, metric, arm, name, place, divisor))
    ]
    if not points:
        return None
    marked = [(place, row) for place, row in enumerate(rows, 1) if row.mark]
    chart = Trend(
        title=f"{metric.title} over {count_of(len(runs), 'run')}",
        arms=tuple(arms),
        dates=tuple(run.row.when[:10] for run in runs),
        points=tuple(points),
        changes=tuple(
            TrendChange(place=place, name=row.mark, text=f"{row.mark}: {'; '.join(row.changed)}")
            for place, row in marked
        ),
        y_title=unit,
    )
    failed = any(point.lost for point in points)
    return Figure(key="trend", title=metric.title, sentence=_sentence(runs, len(marked), failed=failed), chart=chart)


def _point(run: Known, metric: Metric, arm: int, name: str, place: int, divisor: float) -> TrendPoint | None:
    found = run.told.values.get(Reading(metric.key, name))
    if found is None:
        return None
    over = "" if found.failed else f" over {count_of(found.blocks, 'block')}"
    return TrendPoint(
        arm=arm,
        place=place,
        value=found.median / divisor,
        low=found.low / divisor,
        high=found.high / divisor,
        text=f"{run.row.when}, {name}: {_median(run.told, metric, name)} ({_ends(metric, found)}{over}), "
        f"{run.row.validity}",
        hollow=run.row.validity is not Validity.VALID,
        lost=found.failed > 0,
    )


def _sentence(runs: Sequence[Known], changed: int, *, failed: bool) -> str:
    parts = [
        f"{count_of(len(runs), 'run')}: each dot is the median of an arm over the valid blocks of a run, the upright "
        f"line through it is the 95% interval of that median, with fewer than {blocks_needed(LEVEL)} blocks their "
        "range."
    ]
    if failed:
        parts.append(LOST)
    if any(run.row.validity is not Validity.VALID for run in runs):
        parts.append("Hollow dots are runs that are not valid.")
    if changed:
        parts.append(
            f"Conditions changed {count_of(changed, 'time')}, at the numbered lines, as named on this page. "
            "Dots on different sides of a line are not comparable."
        )
    parts.append("Runs at different times are weaker evidence than one run with both arms.")
    return " ".join(parts)
