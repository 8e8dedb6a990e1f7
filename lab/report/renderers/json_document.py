"""comparison.json: everything that is claimed of a run, for programs. Versioned, with a published JSON Schema."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pydantic import TypeAdapter

from lab.analysis.across import Across, Difference
from lab.analysis.comparison import Comparison, Condition, Contest
from lab.analysis.gates import CAVEAT
from lab.analysis.judge.intervals import Interval
from lab.analysis.judge.verdict import Judgement
from lab.analysis.summary import RunSummary
from lab.metrics import METRICS
from lab.record.types import RunInfo
from lab.report.renderers.json_types import (
    COMPARISON_SCHEMA_VERSION,
    BlocksEntry,
    CaveatEntry,
    ComparisonDocument,
    ExpectationEntry,
    FaultEntry,
    IntervalEntry,
    JudgementEntry,
    MetricEntry,
    NumbersEntry,
    VerdictEntry,
)

_DOCUMENT: TypeAdapter[ComparisonDocument] = TypeAdapter(ComparisonDocument)
_JUDGEMENT: TypeAdapter[JudgementEntry] = TypeAdapter(JudgementEntry)


def comparison_document(run: RunInfo, summary: RunSummary, comparison: Comparison) -> dict[str, Any]:
    """comparison.json as plain JSON values; it satisfies ``comparison_schema()``."""
    document = ComparisonDocument(
        schema_version=COMPARISON_SCHEMA_VERSION,
        run_id=run.run_id,
        started_at=run.started_at,
        lab_version=run.lab_version,
        scenario_name=run.scenario_name,
        question=summary.scenario.question,
        cut=run.cut,
        left_out=dict(run.left_out),
        baseline=comparison.baseline,
        arms=tuple(arm.name for arm in summary.scenario.arms),
        blocks=_blocks(comparison),
        verdicts=tuple(_verdict(contest, comparison.baseline) for contest in comparison.primaries),
        expectations=tuple(map(_expectation, comparison.conditions)),
        caveats=tuple(_caveats(summary)),
        exploratory=tuple(_numbers(contest, comparison.baseline) for contest in comparison.exploratory),
        metrics=_metrics(summary),
        images={key: dict(image) for key, image in run.images.items()},
        environment=dict(run.environment.facts),
    )
    plain: dict[str, Any] = _DOCUMENT.dump_python(document, mode="json")
    return plain


def comparison_schema() -> dict[str, Any]:
    """The JSON Schema of comparison.json, as `lab schema --comparison` prints it; its title has its version."""
    schema = _DOCUMENT.json_schema(mode="serialization")
    title = f"process-model-lab comparison, version {COMPARISON_SCHEMA_VERSION}"
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema, "title": title}


def across_document(
    first: RunInfo,
    second: RunInfo,
    differences: Sequence[Difference],
    found: Sequence[Across],
    scenario: str | None,
    why_not: str | None,
) -> dict[str, Any]:
    """What `lab compare --json` prints: the second run judged against the first, arm by arm.

    ``scenario`` is the TOML text of a scenario that compares both in one run; None where ``why_not`` says why not.
    """
    return {
        "schema_version": COMPARISON_SCHEMA_VERSION,
        "evidence": "weak: two runs at different times, no blocks pair up",
        "first": first.run_id,
        "second": second.run_id,
        "studied": {difference.key: [difference.first, difference.second] for difference in differences},
        "arms": {
            across.arm: {
                "blocks": list(across.blocks),
                "verdicts": _by_metric(across.primaries),
                "exploratory": _by_metric(across.exploratory),
            }
            for across in found
        },
        "scenario": scenario,
        "why_not": why_not,
    }


def _by_metric(judgements: Sequence[Judgement]) -> Mapping[str, Any]:
    return {found.metric: _JUDGEMENT.dump_python(_judgement(found), mode="json") for found in judgements}


def _blocks(comparison: Comparison) -> BlocksEntry:
    decision = comparison.decision
    return BlocksEntry(
        planned=decision.planned,
        valid=decision.used,
        invalid=decision.invalid,
        replacements=decision.replacements,
        faults=tuple(
            FaultEntry(block=f.block, arm=f.arm, trial=f.trial_id, gate=f.gate, sentence=f.sentence)
            for f in decision.faults
        ),
        incomplete=dict(decision.missing),
    )


def _verdict(contest: Contest, baseline: str) -> VerdictEntry:
    return VerdictEntry(
        metric=contest.metric,
        arm=contest.arm,
        baseline=baseline,
        valid_blocks=_judgement(contest.judgement),
        without_replacements=_judgement(contest.originals or contest.judgement),
        without_gates=_judgement(contest.ungated or contest.judgement),
        unsteady_trials=contest.unsteady,
        settles_at_blocks=contest.settles_at,
    )


def _numbers(contest: Contest, baseline: str) -> NumbersEntry:
    return NumbersEntry(
        metric=contest.metric, arm=contest.arm, baseline=baseline, valid_blocks=_judgement(contest.judgement)
    )


def _judgement(found: Judgement) -> JudgementEntry:
    return JudgementEntry(
        verdict=found.verdict.value if found.verdict else None,
        reason=found.reason.value,
        n=found.n,
        blocks_needed=found.blocks_needed,
        estimate=found.estimate,
        interval=_interval(found.interval),
        cross_check=_interval(found.cross_check),
        bound=found.bound,
        noise_floor=found.floor,
        difference_detected=found.difference_detected,
        blocks=found.blocks,
    )


def _interval(interval: Interval | None) -> IntervalEntry | None:
    if interval is None:
        return None
    return IntervalEntry(low=interval.low, high=interval.high, level=interval.level)


def _expectation(condition: Condition) -> ExpectationEntry:
    result = condition.result
    return ExpectationEntry(
        name=condition.name,
        that=result.expectation.text,
        outcome=result.outcome.value,
        ground=result.ground.value,
        n=result.n,
        blocks_needed=result.blocks_needed,
        unit=result.expectation.kind.value,
        difference=result.difference.estimate if result.difference else None,
        interval=_interval(result.difference),
        blocks=result.blocks,
        too_few_requests=tuple(f"{metric}({arm})" for metric, arm in condition.too_few_requests),
    )


def _caveats(summary: RunSummary) -> Iterator[CaveatEntry]:
    for gate in summary.gates:
        if gate.worst.outcome == CAVEAT:
            yield CaveatEntry(
                gate=gate.key,
                over=gate.over,
                doubtful=gate.trials - gate.passed,
                checked=gate.trials,
                worst=gate.worst_trial,
                sentence=gate.worst.sentence,
            )


def _metrics(summary: RunSummary) -> tuple[MetricEntry, ...]:
    return tuple(
        MetricEntry(
            metric=key,
            arm=arm,
            unit=METRICS[key].unit.value,
            better=METRICS[key].better.value,
            median=found.median,
            blocks=dict(found.values),
        )
        for (arm, key), found in summary.metrics.items()
    )
