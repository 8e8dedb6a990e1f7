"""A run judged: which blocks, which bound, which level; and what a verdict must refuse."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from lab.analysis.comparison import Comparison, compare_run, exit_code, floors_of
from lab.analysis.expectations import Ground, Outcome
from lab.analysis.judge.floor import noise_floors, to_json
from lab.analysis.judge.verdict import Reason, Verdict
from lab.analysis.series import Unanswered
from lab.analysis.trial.ladder import Climb, Edge, Held, RungResult
from lab.errors import RunFolderError, ScenarioError
from lab.plan.blocks import build_plan
from lab.record.types import Finding, GateResult
from lab.report.sections.answer_sentences import verdict_answers
from lab.report.sections.expectation_sentences import condition_answer
from lab.scenario.file import read_scenario
from lab.scenario.trials import Trials
from tests.builders import REPLICAS, WORKERS, make_gate, make_run, make_scenario
from tests.judged_runs import PLENTY, Values, scenario, series, summary

MEMORY, P99 = "memory.pss.total", "p99"
ERRORS: Values = {("errors", arm): [0.0] * 6 for arm in ("workers", "replicas")}
LESS: Values = {(MEMORY, "workers"): series(1e8), (MEMORY, "replicas"): series(1e8, 0.9)}


FILE = """
question = "Which?"
app.image = "shop:1"
budget.processes = 2
load.locustfile = "locustfile.py"
arms = [{ name = "workers", model = "workers", front = "direct" }]
"""

LADDER_LOAD = {"locustfile": "f.py", "rate": 100, "measure": "30s"}


def judged(values: Values = LESS, floors: Mapping[str, float] | None = None, **compare: Any) -> Comparison:
    primaries = {"baseline": "workers", "primary": [MEMORY], **compare}
    return compare_run(summary(scenario(compare=primaries), values), floors)


def test_a_primary_gets_its_word_and_everything_else_only_numbers() -> None:
    """10% less memory in 8 quiet blocks is better; no exploratory metric carries a verdict."""
    found = judged()

    (contest,) = found.primaries
    assert (contest.metric, contest.arm) == (MEMORY, "replicas")
    assert contest.judgement.verdict is Verdict.BETTER
    assert contest.judgement.estimate == pytest.approx(0.9, rel=0.01)
    assert {contest.judgement.verdict for contest in found.exploratory} == {None}
    assert MEMORY not in {contest.metric for contest in found.exploratory}


def test_the_scenario_may_set_another_bound() -> None:
    """The same blocks inside ±20% are equivalent."""
    (contest,) = judged(bounds={MEMORY: 0.2}).primaries

    assert contest.judgement.verdict is Verdict.EQUIVALENT
    assert contest.judgement.bound == 0.2


def test_the_level_is_shared_among_the_declared_primaries() -> None:
    """Four primaries make every interval wider, whether or not the others have values (METHOD 7)."""
    alone = judged().primaries[0].judgement
    shared = judged(primary=[MEMORY, "p50", "boot", "throughput"]).primaries[0].judgement

    assert (alone.level, shared.level) == (0.95, 0.9875)
    assert (alone.blocks_needed, shared.blocks_needed) == (6, 8)


def test_an_invalid_block_counts_for_no_arm() -> None:
    """A failed gate in one arm takes its whole block out; the sensitivity shows the run without gates."""
    broken = {"b03-replicas": (make_gate("invalid"),)}
    (contest,) = compare_run(summary(scenario(), LESS, gates=broken)).primaries

    assert contest.judgement.n == 7
    assert contest.originals is not None
    assert contest.originals.n == 7
    assert contest.ungated is not None
    assert contest.ungated.n == 8
    assert not contest.depends_on_blocks


def test_a_verdict_that_hangs_on_one_invalid_block_says_so() -> None:
    """With the wild block the interval reaches across the bound, without it the arm is better."""
    wild: Values = {**LESS, (MEMORY, "replicas"): [*series(1e8, 0.9)[:7], 3e8]}
    run = summary(scenario(), wild, gates={"b08-workers": (make_gate("invalid"),)})
    (contest,) = compare_run(run).primaries

    assert contest.judgement.verdict is Verdict.BETTER
    assert contest.ungated is not None
    assert contest.ungated.verdict is Verdict.INCONCLUSIVE
    assert contest.depends_on_blocks


def test_replacements_count_but_not_as_originals() -> None:
    """Block 11 replaces an invalid one of ten: ten are used, nine of them were planned."""
    values: Values = {(MEMORY, "workers"): [*series(1e8, blocks=10), 1e8], (MEMORY, "replicas"): [*[9e7] * 10, 9e7]}
    run = summary(scenario(10), values, gates={"b02-workers": (make_gate("invalid"),)}, blocks=11)
    (contest,) = compare_run(run).primaries

    assert contest.judgement.n == 10
    assert contest.originals is not None
    assert contest.originals.n == 9


def test_missing_values_are_named_by_their_block() -> None:
    """Block numbers are those of the run, not places among the valid blocks."""
    values: Values = {**LESS, (MEMORY, "replicas"): [*series(1e8, 0.9)[:4], None, *series(1e8, 0.9)[5:]]}
    run = summary(scenario(), values, gates={"b01-workers": (make_gate("invalid"),)})
    (contest,) = compare_run(run).primaries

    assert contest.judgement.verdict is Verdict.INCONCLUSIVE
    assert contest.judgement.reason is Reason.MISSING
    assert contest.judgement.blocks == (5,)


def test_a_percentile_with_few_requests_behind_it_is_not_judged() -> None:
    """p99 of 2,999 requests has fewer than 30 beyond it: numbers, and no better or worse (METHOD 6.5)."""
    values: Values = {(P99, "workers"): series(0.01), (P99, "replicas"): series(0.01, 2.0)}
    compare = {"baseline": "workers", "primary": [P99]}
    few, enough = (
        compare_run(summary(scenario(compare=compare), values, requests=count)).primaries[0].judgement
        for count in (2_999, 3_000)
    )

    assert enough.verdict is Verdict.WORSE
    assert few.verdict is Verdict.INCONCLUSIVE
    assert few.reason is Reason.TOO_FEW_REQUESTS
    assert few.blocks == tuple(range(1, 9))
    assert few.interval == enough.interval


@pytest.mark.parametrize("arm", ["workers", "replicas"])
def test_an_arm_that_answers_nothing_is_not_compared(arm: str) -> None:
    """Not even its memory, whichever of the two it is; the exit code says that a condition of everybody failed."""
    values: Values = {**LESS, **{("boot", name): series(2.0) for name in ("workers", "replicas")}}
    compare = {"baseline": "workers", "primary": [MEMORY, "p50", "errors"]}
    found = compare_run(summary(scenario(compare=compare), values, failed={arm: PLENTY}))

    memory, p50, errors = (contest.judgement for contest in found.primaries)
    boot = next(contest.judgement for contest in found.exploratory if contest.metric == "boot")
    for judgement in (memory, p50, boot):
        assert (judgement.verdict, judgement.reason, judgement.estimate) == (None, Reason.NO_SUCCESS, None)
        assert judgement.blocks == tuple(range(1, 9))
    assert errors.verdict is (Verdict.WORSE if arm == "replicas" else Verdict.BETTER)
    assert found.unanswered == {arm: Unanswered(blocks=tuple(range(1, 9)))}
    assert exit_code(found) == 1
    said = verdict_answers(found)[0].sentence
    assert said.startswith(f"No request of “{arm}” succeeded in blocks 1, 2")
    assert said.endswith("nothing else of it is compared.")


def test_where_nothing_was_asked_the_run_is_invalid() -> None:
    """That is no arm's doing: its blocks do not count, and exit code 3 goes before 1."""
    nothing = GateResult(key="load.requests", outcome="invalid", value=0.0, limit=1.0)
    gates = {trial.id: (nothing,) for trial in build_plan(scenario()).trials}
    failed = {"workers": PLENTY, "replicas": PLENTY}
    found = compare_run(summary(scenario(), LESS, gates=gates, failed=failed))

    assert found.unanswered == {}
    assert exit_code(found) == 3


def test_a_quantile_among_failures_is_worse_than_any_number() -> None:
    """An arm whose slowest 30% fail has no p95: it ranks last, where the p95 of the others was 37% lower."""
    values: Values = {("p95", "workers"): series(0.010), ("p95", "replicas"): [math.inf] * 8}
    compare = {"baseline": "workers", "primary": ["p95"]}
    found = compare_run(summary(scenario(compare=compare), values, failed={"replicas": 30_000}))

    assert found.primaries[0].judgement.verdict is Verdict.WORSE


@pytest.mark.parametrize(
    ("that", "failed"),
    [
        ("p95(replicas) <= 1.1 * p95(workers)", {}),
        ("p95(workers) <= p95(replicas)", {}),
        ("throughput(replicas) >= 1/s", {"replicas": PLENTY}),
        ("memory.pss.total(replicas) < memory.pss.total(workers)", {"replicas": PLENTY}),
    ],
)
def test_an_expectation_on_what_failed_is_violated(that: str, failed: Mapping[str, int]) -> None:
    """A service that is dead, or whose quantile lies among failures, passes no check, however that is put."""
    values: Values = {**LESS, ("p95", "workers"): series(0.01), ("p95", "replicas"): [*series(0.01)[:7], math.inf]}
    plan_of = scenario(expect=[{"that": that}])
    found = compare_run(summary(plan_of, values, failed=failed))

    (condition,) = found.conditions
    assert (condition.result.outcome, condition.result.ground) == (Outcome.VIOLATED, Ground.FAILED)
    assert condition.result.blocks == (tuple(range(1, 9)) if failed else (8,))
    assert exit_code(found) == 1


def test_few_blocks_give_numbers_only() -> None:
    """Two blocks are a smoke test."""
    values: Values = {key: column[:2] for key, column in LESS.items()}
    (contest,) = compare_run(summary(scenario(2), values)).primaries

    assert contest.judgement.verdict is None
    assert contest.judgement.reason is Reason.SMOKE
    assert contest.judgement.estimate is not None


def test_a_run_without_valid_blocks_claims_nothing() -> None:
    """No estimate, no verdict, and the exit code of an invalid run."""
    broken = {f"b{block:02d}-workers": (make_gate("invalid"),) for block in range(1, 9)}
    found = compare_run(summary(scenario(expect=[{"that": "errors(workers) == 0"}]), LESS, gates=broken))

    assert found.primaries[0].judgement.n == 0
    assert found.primaries[0].judgement.estimate is None
    assert exit_code(found) == 3


def test_the_floor_of_the_machine_vetoes_nothing() -> None:
    """It is of other trials; the run's own blocks are the evidence (METHOD 7)."""
    (contest,) = judged(floors={MEMORY: 0.15}).primaries

    assert contest.judgement.verdict is Verdict.BETTER
    assert contest.judgement.floor == 0.15


@pytest.mark.parametrize("blocks", [6, 8, 19])
def test_a_cut_run_prints_numbers_only(blocks: int) -> None:
    """6 of 20 planned blocks, then Ctrl-C: whoever stops at the first good word is wrong too often (METHOD 6.2)."""
    values: Values = {
        (MEMORY, "workers"): [1e8] * blocks,
        (MEMORY, "replicas"): [9e7 + 1e4 * block for block in range(blocks)],
    }
    expect = [{"that": f"{MEMORY}(replicas) < {MEMORY}(workers)"}]
    found = compare_run(summary(scenario(20, expect=expect), values, blocks=blocks))
    judgement = found.primaries[0].judgement

    assert (judgement.verdict, judgement.reason) == (None, Reason.CUT)
    assert judgement.interval is not None
    assert (found.conditions[0].result.outcome, found.conditions[0].result.ground) == (Outcome.UNDECIDED, Ground.CUT)


@pytest.mark.parametrize(("blocks", "verdict"), [(8, Verdict.BETTER), (9, None), (12, Verdict.BETTER)])
def test_at_a_declared_look_there_is_a_word(blocks: int, verdict: Verdict | None) -> None:
    """Nowhere else before the end, and each at the level that all looks share."""
    values: Values = {
        (MEMORY, "workers"): [1e8] * blocks,
        (MEMORY, "replicas"): [9e7 + 1e4 * block for block in range(blocks)],
    }
    looking = replace(scenario(), trials=Trials(seed=7, looks=(8, 12, 16, 20)))
    judgement = compare_run(summary(looking, values, blocks=blocks)).primaries[0].judgement

    assert judgement.verdict is verdict
    assert judgement.level == pytest.approx(0.9818, abs=5e-5)
    assert judgement.interval is not None
    assert judgement.equivalence is not None
    assert judgement.equivalence.level == pytest.approx(2 * judgement.level - 1)


CONTROLLED = (WORKERS, {**REPLICAS, "name": "middle", "control": True}, REPLICAS)


@pytest.mark.parametrize(
    ("arms", "compare", "judged_arms", "needed"),
    [
        (CONTROLLED, {}, ["replicas"], 6),
        ((WORKERS, {**REPLICAS, "name": "middle"}, REPLICAS), {}, ["middle", "replicas"], 7),
        ((WORKERS, {**REPLICAS, "name": "middle"}, REPLICAS), {"judged": ["middle"]}, ["middle"], 6),
    ],
)
def test_the_level_is_shared_among_the_judged_arms(
    arms: Any, compare: dict[str, Any], judged_arms: list[str], needed: int
) -> None:
    """A control arm, or one that is not named, costs nothing: its numbers are exploratory (METHOD 7)."""
    compare = {"baseline": "workers", "primary": [MEMORY], **compare}
    plan_of = make_scenario(arms, trials={"blocks": 8, "seed": 7}, compare=compare)
    found = compare_run(summary(plan_of, {(MEMORY, arm.name): [1e8] * 8 for arm in plan_of.arms}))

    assert [contest.arm for contest in found.primaries] == judged_arms
    assert {contest.judgement.blocks_needed for contest in found.primaries} == {needed}
    others = [contest for contest in found.exploratory if contest.metric == MEMORY]
    assert [contest.judgement.reason for contest in others] == [Reason.EXPLORATORY] * (2 - len(judged_arms))


@pytest.mark.parametrize("failed", [{"replicas": 500}, {"replicas": 5_000, "workers": 4_000}])
@pytest.mark.parametrize("metric", ["p95", "throughput", "cpu.per_1k"])
def test_no_arm_wins_by_failing(metric: str, failed: dict[str, int]) -> None:
    """The guard overrules latency, throughput and CPU of an arm that fails more by over 0.1 points (METHOD 7)."""
    compare = {"baseline": "workers", "primary": [metric, MEMORY]}
    values: Values = {(metric, "workers"): series(1.0), (metric, "replicas"): series(1.0, 0.5)}
    run = summary(scenario(compare=compare), {**values, **LESS}, requests=10_000, failed=failed)
    guarded, memory = compare_run(run).primaries

    assert (guarded.judgement.verdict, guarded.judgement.reason) == (Verdict.WORSE, Reason.FAILS_MORE)
    assert guarded.judgement.estimate == pytest.approx(0.5, rel=0.01)
    assert memory.judgement.verdict is Verdict.BETTER


@pytest.mark.parametrize(("share", "word"), [(0.04, Verdict.WORSE), (0.0, Verdict.BETTER)])
def test_no_arm_carries_more_by_failing_at_what_both_hold(share: float, word: Verdict) -> None:
    """On a ladder the guard compares the rungs that both arms held; what an arm fails beyond is in its capacity."""
    climbs = {"slo": "p99 <= 50ms and errors <= 5%", "rates": [100, 150, 200]}
    asked = scenario(compare={"baseline": "workers", "primary": ["capacity.rate"]}, capacity=climbs, load=LADDER_LOAD)
    values: Values = {("capacity.rate", "workers"): series(100.0), ("capacity.rate", "replicas"): series(100.0, 2.0)}
    run = summary(asked, values, requests=10_000, failed={"replicas": 5_000})
    shares = {"workers": 0.0, "replicas": share}
    trials = tuple(replace(each, climb=_ladder(shares[each.record.arm])) for each in run.trials)
    (found,) = compare_run(replace(run, trials=trials)).primaries

    assert found.judgement.verdict is word


def _ladder(share: float) -> Climb:
    """Two rungs that are held with this share of bad requests, and one that is not."""
    rungs = tuple(RungResult(rate=rate, held=Held.GOOD, bad_share=share, margin=-1.0) for rate in (100.0, 150.0))
    last = RungResult(rate=200.0, held=Held.BAD, bad_share=0.5)
    return Climb(slo="p99 <= 50ms and errors <= 5%", rungs=(*rungs, last), capacity=170.0, edge=Edge.NONE)


@pytest.mark.parametrize("failed", [{"replicas": 5, "workers": 0}, {"workers": 5_000}])
def test_the_guard_speaks_only_against_an_arm_that_fails_clearly_more(failed: dict[str, int]) -> None:
    """0.05 points are within its margin; that the baseline fails does not make the other one better."""
    compare = {"baseline": "workers", "primary": ["p95"]}
    values: Values = {("p95", "workers"): series(1.0), ("p95", "replicas"): series(1.0, 1.5)}
    run = summary(scenario(compare=compare), values, requests=10_000, failed=failed)

    assert compare_run(run).primaries[0].judgement.reason is Reason.BEYOND


@pytest.mark.parametrize(
    ("failed", "verdict"),
    [
        ({"replicas": 500}, Verdict.WORSE),
        ({"workers": 500}, Verdict.BETTER),
        ({}, Verdict.EQUIVALENT),
        ({"replicas": 500, "workers": 500}, Verdict.EQUIVALENT),
    ],
)
def test_failed_requests_are_judged_as_differences_of_shares(failed: dict[str, int], verdict: Verdict) -> None:
    """500 against 0 has no ratio, and is worse all the same; none in either arm is equivalent."""
    compare = {"baseline": "workers", "primary": ["errors"]}
    judgement = (
        compare_run(summary(scenario(compare=compare), {}, requests=10_000, failed=failed)).primaries[0].judgement
    )

    assert judgement.verdict is verdict
    assert (judgement.estimate, judgement.interval) == (None, None)
    assert judgement.difference is not None


def test_other_programs_spoil_latency_and_leave_memory_standing() -> None:
    """Known answer: foreign CPU in five of seven blocks. Memory is judged on all seven, latency on two: no word."""
    foreign = make_gate("invalid", key="machine.foreign", value=0.48, limit=0.2)
    spoiled = {f"b{block:02d}-workers": (foreign,) for block in (1, 2, 4, 5, 7)}
    compare = {"baseline": "workers", "primary": [MEMORY, "p50"]}
    values: Values = {
        (MEMORY, "workers"): series(1e8, blocks=7),
        (MEMORY, "replicas"): series(1e8, 1.232, blocks=7, spread=0.3),
        ("p50", "workers"): series(0.01, blocks=7),
        ("p50", "replicas"): series(0.01, 0.5, blocks=7),
    }
    plan = scenario(7, compare=compare)
    memory, latency = (contest.judgement for contest in compare_run(summary(plan, values, gates=spoiled)).primaries)

    assert (memory.verdict, memory.n) == (Verdict.WORSE, 7)
    assert memory.estimate == pytest.approx(1.232, abs=0.005)
    assert (latency.verdict, latency.reason, latency.n) == (None, Reason.SMOKE, 2)


def test_a_drift_stands_beside_the_metrics_that_it_may_have_moved() -> None:
    """An unsteady latency is a caveat about latencies, not about memory; a drift that was not checked is none."""
    drifted, unchecked = (Finding(key="steady.p50", value=value, limit=0.05) for value in (0.09, None))
    drift = {"b02-replicas": (drifted,), "b03-replicas": (unchecked,)}
    compare = {"baseline": "workers", "primary": ["p50", MEMORY]}
    values: Values = {**LESS, ("p50", "workers"): series(0.01), ("p50", "replicas"): series(0.01, 0.5)}
    latency, memory = compare_run(summary(scenario(compare=compare), values, findings=drift)).primaries

    assert latency.unsteady == ("b02-replicas",)
    assert memory.unsteady == ()


def test_an_open_question_says_how_many_blocks_would_settle_it() -> None:
    """A noisy difference beyond the bound settles in more blocks than there are."""
    values: Values = {(MEMORY, "workers"): series(1e8), (MEMORY, "replicas"): series(1e8, 1.12, spread=12)}
    (contest,) = judged(values).primaries

    assert contest.judgement.verdict is Verdict.INCONCLUSIVE
    assert contest.outlook is not None
    assert contest.outlook.low is not None
    assert contest.outlook.low > 8


@pytest.mark.parametrize(
    ("that", "outcome", "codes"),
    [
        (f"{MEMORY}(replicas) < {MEMORY}(workers)", Outcome.HOLDS, (0, 0)),
        (f"{MEMORY}(replicas) > {MEMORY}(workers)", Outcome.VIOLATED, (1, 1)),
        (f"{MEMORY}(replicas) < 90MB", Outcome.UNDECIDED, (0, 1)),
    ],
)
def test_expectations_decide_the_exit_code(that: str, outcome: Outcome, codes: tuple[int, int]) -> None:
    """1 only when the data violate it; ``strict`` fails what they cannot settle as well."""
    found = compare_run(summary(scenario(expect=[{"that": that, "name": "mine"}]), LESS))

    assert [(c.name, c.result.outcome) for c in found.conditions] == [("mine", outcome)]
    assert (exit_code(found), exit_code(found, strict=True)) == codes


@pytest.mark.parametrize(
    ("that", "outcome"),
    [
        ("errors(replicas) <= 1%", Outcome.HOLDS),  # 300 of 30,000 are just that
        ("errors(replicas) < 0.9%", Outcome.VIOLATED),
        ("errors(replicas) - errors(workers) <= 0.5%", Outcome.VIOLATED),
        ("errors(replicas) <= 10 * errors(workers) + 1%", Outcome.HOLDS),
        ("errors(replicas) <= 299", Outcome.VIOLATED),
    ],
)
def test_a_share_of_requests_may_fail(that: str, outcome: Outcome) -> None:
    """A percentage is of all requests of a block; a number counts them."""
    failed = {"replicas": PLENTY // 100}
    values: Values = {**LESS, ("errors", "replicas"): [PLENTY / 100] * 8, ("errors", "workers"): [0.0] * 8}
    found = compare_run(summary(scenario(expect=[{"that": that}]), values, failed=failed))

    assert found.conditions[0].result.outcome is outcome


SPOILED = f"{P99}(replicas) < 1s"
SLOW = f"{MEMORY}(workers) < 50MB"
NEAR = f"{MEMORY}(replicas) < 90MB"


@pytest.mark.parametrize(
    ("blocks", "spoiled", "requests", "asked", "codes"),
    [
        (8, 0, 5_000, [SPOILED], (0, 0)),
        (8, 8, 5_000, [SPOILED], (0, 3)),  # no block is left
        (8, 3, 5_000, [SPOILED], (0, 3)),  # too few are
        (10, 4, 5_000, [SPOILED], (0, 3)),  # enough are, of too many
        (5, 5, 5_000, [SPOILED], (0, 1)),  # all would be too few as well
        (8, 1, 450, [SPOILED], (0, 1)),  # too few requests in those that are valid
        (8, 8, 5_000, [SPOILED, NEAR], (0, 3)),
        (8, 8, 5_000, [SPOILED, SLOW], (1, 1)),  # a quieter machine will not mend what is violated
    ],
)
def test_what_the_machine_left_undecided_is_no_regression(
    blocks: int, spoiled: int, requests: int, asked: list[str], codes: tuple[int, int]
) -> None:
    """With ``strict`` 3 and not 1, where the planned blocks would have been enough and nothing is violated."""
    busy = (make_gate("invalid", key="machine.foreign", value=0.48, limit=0.2),)
    gates = {f"b{block:02d}-workers": busy for block in range(1, spoiled + 1)}
    values: Values = {
        (MEMORY, "workers"): series(1e8, blocks=blocks),
        (MEMORY, "replicas"): series(1e8, 0.9, blocks=blocks),
        (P99, "workers"): series(0.01, blocks=blocks),
        (P99, "replicas"): series(0.01, blocks=blocks),
    }
    plan = scenario(blocks, compare={"primary": [MEMORY]}, expect=[{"that": that} for that in asked])
    found = compare_run(summary(plan, values, gates=gates, requests=requests))

    assert (exit_code(found), exit_code(found, strict=True)) == codes
    badge = condition_answer(found.conditions[0]).badge
    assert (badge == "undecided: invalid blocks") == (found.conditions[0].spoiled) == (codes[1] == 3 or SLOW in asked)


FEW, BEYOND = "for it, it takes 6", "more blocks are invalid for it than may be replaced"


@pytest.mark.parametrize(
    ("blocks", "spoiled", "requests", "value", "causes"),
    [
        (8, 8, 5_000, "median of 8 invalid blocks", f"no block is valid {FEW}; 8 blocks are invalid for it"),
        (8, 3, 5_000, "median of 5 blocks", "5 blocks cannot settle it, it takes 6; 3 blocks are invalid for it"),
        (
            1,
            1,
            5_000,
            "of 1 invalid block",
            f"no block is valid {FEW}; 1 was planned; 1 block is invalid for it",
        ),
        (8, 0, 450, "median of 8 blocks", "some trials have too few requests to settle p99(replicas)"),
        (10, 4, 5_000, "median of 6 blocks", f"{BEYOND}, and the 6 other blocks cannot settle it"),
    ],
)
def test_what_is_undecided_has_its_value_and_every_cause(
    blocks: int, spoiled: int, requests: int, value: str, causes: str
) -> None:
    """Of a machine that was busy and of a run that was too short a reader hears of both, and may judge for himself."""
    busy = (make_gate("invalid", key="machine.foreign", value=0.48, limit=0.2),)
    gates = {f"b{block:02d}-workers": busy for block in range(1, spoiled + 1)}
    values: Values = {(P99, arm): [0.01] * blocks for arm in ("workers", "replicas")}
    plan = scenario(blocks, compare={"primary": [MEMORY]}, expect=[{"that": SPOILED}])
    (found,) = compare_run(summary(plan, values, gates=gates, requests=requests)).conditions

    told = f"expected {SPOILED} – p99(replicas) is 10.0 ms ({value}); {causes}"
    assert condition_answer(found).sentence == told


@pytest.mark.parametrize(("spoiled", "outcome"), [(5, Outcome.UNDECIDED), (1, Outcome.HOLDS)])
def test_an_expectation_does_not_hold_by_what_invalid_blocks_have_left(spoiled: int, outcome: Outcome) -> None:
    """More than may be replaced are invalid for it: the others show nothing, also where any block is enough."""
    busy = (make_gate("invalid", key="machine.foreign", value=0.48, limit=0.2),)
    gates = {f"b{block:02d}-workers": busy for block in range(1, spoiled + 1)}
    run = summary(scenario(6, expect=[{"that": "errors(workers) == 0"}]), ERRORS, gates=gates)
    (found,) = compare_run(run).conditions
    told = condition_answer(found).sentence

    assert found.result.outcome is outcome
    assert ("more blocks are invalid for it than may be replaced, and the 1 other block" in told) == (spoiled == 5)


def test_a_violation_stands_whatever_other_blocks_are_invalid() -> None:
    """Nothing could mend it: a gate must hide no failed request of a valid block."""
    busy = (make_gate("invalid", key="machine.foreign", value=0.48, limit=0.2),)
    gates = {f"b{block:02d}-workers": busy for block in range(1, 6)}
    values: Values = {("errors", arm): [3.0] * 6 for arm in ("workers", "replicas")}
    asked = scenario(6, expect=[{"that": "errors(workers) == 0"}])
    (found,) = compare_run(summary(asked, values, gates=gates)).conditions

    assert (found.result.outcome, found.result.ground) == (Outcome.VIOLATED, Ground.SOME_BLOCKS)


def test_an_expectation_on_a_thin_percentile_is_undecided() -> None:
    """450 requests settle nothing about p99, however far its values lie apart."""
    values: Values = {(P99, "workers"): series(0.01), (P99, "replicas"): series(0.01, 3.0)}
    run = summary(scenario(expect=[{"that": "p99(workers) < p99(replicas)"}]), values, requests=450)
    (condition,) = compare_run(run).conditions

    assert condition.result.outcome is Outcome.UNDECIDED
    assert condition.result.ground is Ground.MISSING
    assert [reading.arm for reading in condition.too_few_requests] == ["workers", "replicas"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            '[[expect]]\nthat = "p9(workers) < 1s"',
            "expect[0].that: expectation 'p9(workers) < 1s': unknown metric 'p9'",
        ),
        ('[[expect]]\nthat = "p99(worker) < 1s"', "unknown arm 'worker' (column 1); did you mean 'workers'?"),
        ('[[expect]]\nthat = "p99(workers) < 3"', "give the number its unit"),
        ('[[expect]]\nthat = ""', "expect[0].that: expected a text that is not empty"),
        ('[[expect]]\nthta = "errors(workers) == 0"', "expect[0].thta: unknown key; did you mean 'that'?"),
        (
            '[compare]\nprimary = ["memory.uss.total"]',
            "'memory.uss.total' has no bound of practical equivalence of its own",
        ),
        ('[compare]\njudged = ["replica"]', "compare.judged: unknown arm 'replica'"),
        ('[compare]\njudged = ["workers"]', "compare.judged: 'workers' is the baseline, and not judged"),
        ("[trials]\nlooks = [8, 8]", "trials: looks: numbers of blocks that grow, from 7 on, got [8, 8]"),
        ("[trials]\nlooks = [4, 8]", "from 7 on, got [4, 8]"),
        ("[trials]\nlooks = [8, 12]\nblocks = 10", "the last one is the end of the run, but blocks = 10"),
        ('[compare]\nprimary = ["p50", "p50"]', "each metric once"),
        ('[compare]\nprimary = ["p50"]\nbounds = { p99 = 0.1 }', "'p99' is not judged"),
        ('[compare]\nprimary = ["p50"]\nbounds = { p50 = 0 }', "compare.bounds.p50: expected more than 0"),
        ('[compare]\nprimary = ["p50"]\nbounds = { p5 = 0.1 }', "unknown metric 'p5': did you mean 'p95'?"),
    ],
)
def test_what_cannot_be_judged_is_refused_before_anything_starts(tmp_path: Path, text: str, said: str) -> None:
    """Metric, arm, unit and bound are checked while the scenario is read; the sentence names file and key."""
    path = tmp_path / "scenario.toml"
    (tmp_path / "locustfile.py").write_text("")
    path.write_text(FILE + text)
    with pytest.raises(ScenarioError) as caught:
        read_scenario(path)

    assert said in str(caught.value)
    assert str(caught.value).startswith(str(path))
    assert caught.value.exit_code == 2


def test_the_floor_that_a_run_began_with_is_the_one_that_counts() -> None:
    """It is kept in run.json, so that a later selfcheck does not change an old report."""
    floor = noise_floors({MEMORY: [0.1, -0.1] * 4}, machine_id="m", versions={})
    run = make_run(scenario())

    assert floors_of(run) == {}
    assert floors_of(replace(run, noise_floor={"floor": to_json(floor)})) == {MEMORY: floor.of(MEMORY)}
    with pytest.raises(RunFolderError, match="noise_floor"):
        floors_of(replace(run, noise_floor={"floor": {"schema_version": 99}}))
