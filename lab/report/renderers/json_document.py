"""comparison.json: everything that is claimed of a run, for programs. Versioned, with a published JSON Schema."""

import math
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from lab.analysis.across import Across, Difference
from lab.analysis.blocks import BlockDecision
from lab.analysis.comparison import Comparison
from lab.analysis.conclusion import Conclusion, conclude_arms
from lab.analysis.contests import Contest
from lab.analysis.gate_summary import FindingSummary, GateSummary
from lab.analysis.gates import CAVEAT
from lab.analysis.judge.verdict import Judgement
from lab.analysis.platform import with_platform
from lab.analysis.summary import ArmMetric, RunSummary
from lab.metric_types import Family
from lab.metrics import METRICS
from lab.record.types import RunInfo, TrialRecord
from lab.report.parts.gate_sentences import fault_sentence, finding_sentence, gate_sentence
from lab.report.parts.judged import second_word
from lab.report.parts.storage import holds_where
from lab.report.renderers.json_judgement import JudgementEntry
from lab.report.renderers.json_types import COMPARISON_SCHEMA_VERSION, ComparisonDocument
from lab.report.sections.lead import answer_expected, side_sentence
from lab.units import finite

OF_THE_RUN = ("run_id", "started_at", "lab_version", "scenario_name", "cut", "left_out", "images")


def comparison_document(run: RunInfo, summary: RunSummary, comparison: Comparison) -> dict[str, Any]:
    """comparison.json as plain JSON values; it satisfies ``comparison_schema()``."""
    known, found = {name: getattr(run, name) for name in OF_THE_RUN}, conclude_arms(summary, comparison)
    records = {trial.record.trial_id: trial.record for trial in summary.trials}
    document = ComparisonDocument.model_validate(
        {
            **known,
            "schema_version": COMPARISON_SCHEMA_VERSION,
            "fallen": {arm: why for arms in run.fallen.values() for arm, why in arms.items()},
            "question": summary.scenario.question,
            "baseline": comparison.baseline,
            "arms": [arm.name for arm in summary.scenario.arms],
            "judged": summary.scenario.judged,
            "looks": summary.scenario.trials.looks,
            "blocks": _blocks(comparison.decision),
            "answer": _answer(run, summary, comparison, found),
            "expected": _expected(run, summary, comparison),
            "verdicts": [_verdict(contest, summary, comparison) for contest in comparison.primaries],
            "expectations": comparison.conditions,
            "caveats": [_caveat(gate, records) for gate in summary.gates if gate.worst.outcome == CAVEAT],
            "findings": [_finding(each) for each in summary.findings],
            "exploratory": [_numbers(contest, comparison.baseline) for contest in comparison.exploratory],
            "same_front": [_numbers(one.contest, alike.control) for alike in found.alike for one in alike.observed],
            "metrics": [_metric(each) for each in summary.metrics.values()],
            "environment": run.environment.facts,
        }
    )
    return document.model_dump(mode="json")


def comparison_schema() -> dict[str, Any]:
    """The JSON Schema of comparison.json, as `lab schema --comparison` prints it; its title has its version."""
    schema = ComparisonDocument.model_json_schema(mode="serialization")
    title = f"process-model-lab comparison, version {COMPARISON_SCHEMA_VERSION}"
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema, "title": title}


def across_document(
    first: Sequence[RunInfo],
    second: Sequence[RunInfo],
    differences: Sequence[Difference],
    found: Sequence[Across],
    scenario: str | None,
    why_not: str | None,
) -> dict[str, Any]:
    """Tell what `lab compare --json` prints: the second runs judged against the first ones, arm by arm.

    ``scenario`` is the TOML text of a scenario that compares both in one run; None where ``why_not`` says why not.
    """
    return {
        "schema_version": COMPARISON_SCHEMA_VERSION,
        "evidence": "weak: runs at different times, and the run is the unit",
        "first": [run.run_id for run in first],
        "second": [run.run_id for run in second],
        "studied": {difference.key: [difference.first, difference.second] for difference in differences},
        "arms": {
            across.arm: {
                "blocks": [list(side) for side in across.blocks],
                "verdicts": _by_metric(across.primaries),
                "exploratory": _by_metric(across.exploratory),
            }
            for across in found
        },
        "scenario": scenario,
        "why_not": why_not,
    }


def _by_metric(judgements: Sequence[Judgement]) -> Mapping[str, Any]:
    return {found.metric: JudgementEntry.model_validate(found).model_dump(mode="json") for found in judgements}


def _blocks(decision: BlockDecision) -> Mapping[str, Any]:
    return {
        "planned": decision.planned,
        "valid": decision.used,
        "valid_for": {family.value: decision.valid_for(family) for family in Family},
        "invalid": decision.invalid,
        "replacements": decision.replacements,
        "faults": [
            {
                "block": fault.block,
                "arm": fault.arm,
                "trial": fault.trial_id,
                "gate": fault.gate.key if fault.gate else "",
                "spoils": sorted(fault.spoils),
                "sentence": fault_sentence(fault),
            }
            for fault in decision.faults
        ],
        "incomplete": decision.missing,
    }


def _numbers(contest: Contest, baseline: str) -> Mapping[str, Any]:
    return {
        "metric": contest.metric,
        "arm": contest.arm,
        "baseline": baseline,
        "valid_blocks": contest.judgement,
    }


def _answer(
    run: RunInfo, summary: RunSummary, comparison: Comparison, found: Conclusion
) -> Sequence[Mapping[str, Any]]:
    place = partial(holds_where, run, summary)
    return [
        {
            "arm": side.arm,
            "asked": side.asked,
            "outcome": side.outcome.value,
            "sentence": side_sentence(side, comparison.baseline, place),
        }
        for side in found.sides
        if side.contests
    ]


def _expected(run: RunInfo, summary: RunSummary, comparison: Comparison) -> Mapping[str, Any] | None:
    found = answer_expected(run, summary, comparison)
    return {"outcome": found.word, "sentence": found.sentence} if found else None


def _verdict(contest: Contest, summary: RunSummary, comparison: Comparison) -> Mapping[str, Any]:
    return {
        **_numbers(contest, comparison.baseline),
        "without_replacements": contest.originals or contest.judgement,
        "without_gates": contest.ungated or contest.judgement,
        "with_platform": with_platform(summary, contest),
        "unsteady_trials": contest.unsteady,
        "settles_at_blocks": contest.outlook,
        "block_s": comparison.block_s,
        "why": second_word(contest.judgement, METRICS[contest.metric]) if contest.judgement.verdict else "",
        "failures": contest.failures if contest.failures and contest.failures.n else None,
    }


def _caveat(gate: GateSummary, records: Mapping[str, TrialRecord]) -> Mapping[str, Any]:
    return {
        "gate": gate.key,
        "over": gate.over,
        "doubtful": gate.trials - gate.passed,
        "checked": gate.trials,
        "worst": gate.worst_trial,
        "sentence": gate_sentence(gate.worst, records.get(gate.worst_trial)),
    }


def _finding(found: FindingSummary) -> Mapping[str, Any]:
    return {
        "finding": found.worst.key,
        "arm": found.arm,
        "found": found.trials,
        "checked": found.checked,
        "worst": found.worst_trial,
        "value": found.worst.value,
        "limit": found.worst.limit,
        "sentence": finding_sentence(found.worst),
    }


def _metric(found: ArmMetric) -> Mapping[str, Any]:
    metric = METRICS[found.key]
    return {
        "metric": found.key,
        "arm": found.arm,
        "unit": metric.unit,
        "better": metric.better,
        "median": finite(found.median),
        "blocks": {block: finite(value) for block, value in found.values.items()},
        "failed": [block for block, value in found.values.items() if value == math.inf],
        "least": {block: low for block, (low, _) in found.beyond.items() if math.isfinite(low)},
        "most": {block: high for block, (_, high) in found.beyond.items() if math.isfinite(high)},
    }
