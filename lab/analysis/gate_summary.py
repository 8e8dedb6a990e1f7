"""Gates and findings over all trials of a run: how many passed, and the worst of each. Pure."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from lab.analysis.gates import CAVEAT, GATES, INVALID, PASS, rates_alike
from lab.analysis.trial.trial import TrialSummary
from lab.record.types import Finding, GateResult

Over = Literal["trials", "blocks"]
SEVERITY = (PASS, CAVEAT, INVALID)


@dataclass(frozen=True, slots=True, kw_only=True)
class GateSummary:
    """One gate over all trials: in how many it passed, and its worst result with the trial it is from.

    ``over`` is what was checked: trials, or whole blocks.
    """

    key: str
    passed: int
    trials: int
    worst: GateResult
    worst_trial: str
    over: Over = "trials"


@dataclass(frozen=True, slots=True, kw_only=True)
class FindingSummary:
    """One kind of finding of one arm: in how many of its trials, and the worst of them."""

    arm: str
    trials: int
    checked: int
    worst: Finding
    worst_trial: str


def gate_summaries(trials: Sequence[TrialSummary], arms: Sequence[str]) -> tuple[GateSummary, ...]:
    """Every gate over the trials, then those over whole blocks of these arms."""
    return (*_gates(_of_trials(trials)), *_gates(_of_blocks(trials, arms), over="blocks"))


def _of_trials(trials: Sequence[TrialSummary]) -> Iterator[tuple[GateResult, str]]:
    for trial in trials:
        for gate in trial.record.gates:
            yield gate, trial.record.trial_id


def _of_blocks(trials: Sequence[TrialSummary], arms: Sequence[str]) -> Iterator[tuple[GateResult, str]]:
    """Whole closed-model blocks: arms that are suspiciously alike (METHOD 2)."""
    blocks: defaultdict[int, dict[str, float]] = defaultdict(dict)
    for trial in trials:
        if not trial.record.load.open_model:
            blocks[trial.record.block][trial.record.arm] = trial.values["throughput"] or 0.0
    for block, rates in blocks.items():
        if len(rates) == len(arms) > 1:
            yield rates_alike(rates), f"block {block}"


def _gates(found: Iterable[tuple[GateResult, str]], over: Over = "trials") -> tuple[GateSummary, ...]:
    results: defaultdict[str, list[tuple[GateResult, str]]] = defaultdict(list)
    for gate, where in found:
        results[gate.key].append((gate, where))
    return tuple(
        GateSummary(
            key=key,
            passed=sum(gate.outcome == PASS for gate, _ in checked),
            trials=len(checked),
            worst=worst,
            worst_trial=trial_id,
            over=over,
        )
        for key, checked in results.items()
        for worst, trial_id in [max(checked, key=lambda result: _badness(result[0]))]
    )


def _badness(gate: GateResult) -> tuple[int, float]:
    """Worse outcomes first; among equals, the value that is farthest beyond the limit, or nearest to it."""
    declared = GATES.get(gate.key)
    if gate.value is None:
        return SEVERITY.index(gate.outcome), float("-inf")
    return SEVERITY.index(gate.outcome), declared.badness(gate.value) if declared else gate.value


def finding_summaries(trials: Sequence[TrialSummary]) -> Iterator[FindingSummary]:
    """Every kind of finding of every arm, in the order of arms and of FINDINGS."""
    checked: defaultdict[str, int] = defaultdict(int)
    found: defaultdict[tuple[str, str], list[tuple[Finding, str]]] = defaultdict(list)
    for trial in trials:
        checked[trial.record.arm] += 1
        for finding in trial.record.findings:
            found[trial.record.arm, finding.key].append((finding, trial.record.trial_id))
    for (arm, _), seen in found.items():
        worst, where = max(seen, key=lambda one: -1.0 if one[0].value is None else abs(one[0].value))
        yield FindingSummary(arm=arm, trials=len(seen), checked=checked[arm], worst=worst, worst_trial=where)
