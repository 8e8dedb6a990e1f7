"""Blocks: a failed gate takes its block from every arm, replacements are few, and outcomes are never looked at."""

from __future__ import annotations

from dataclasses import fields, replace

import pytest

from lab.analysis.blocks import GatedTrial, families_of, replacements_allowed, usable_blocks
from lab.metric_types import Family
from lab.record.types import GateResult
from tests.builders import make_gate

ARMS = ("workers", "replicas")


def gate(outcome: str, key: str = "load.cpu") -> GateResult:
    return make_gate(outcome, key=key)


def run(blocks: int, invalid: tuple[int, ...] = ()) -> list[GatedTrial]:
    """Complete blocks; in the invalid ones the gate of the second arm failed."""
    return [
        GatedTrial(
            trial_id=f"b{block:02d}-{arm}",
            block=block,
            arm=arm,
            gates=(gate("pass"), gate("invalid" if block in invalid and arm == "replicas" else "caveat")),
        )
        for block in range(1, blocks + 1)
        for arm in ARMS
    ]


def test_blocks_without_a_failed_gate_are_used() -> None:
    """A caveat takes no block away."""
    decision = usable_blocks(run(6), arms=ARMS, planned=6)

    assert decision.used == decision.originals_for(*Family) == decision.ungated == (1, 2, 3, 4, 5, 6)
    assert (decision.invalid, decision.missing, decision.wanted, decision.exhausted) == ((), {}, 0, False)


def test_a_failed_gate_in_one_arm_takes_the_block_from_all() -> None:
    """And the reason says which gate in which trial."""
    decision = usable_blocks(run(10, invalid=(3,)), arms=ARMS, planned=10)

    assert decision.used == (1, 2, 4, 5, 6, 7, 8, 9, 10)
    assert decision.invalid == (3,)
    (fault,) = decision.faults
    assert (fault.trial_id, fault.arm, fault.gate) == ("b03-replicas", "replicas", gate("invalid"))
    assert decision.wanted == 1


def test_replacements_come_after_the_planned_blocks() -> None:
    """With and without them, and as if no gate existed: the three lists of the sensitivity section."""
    decision = usable_blocks(run(11, invalid=(3,)), arms=ARMS, planned=10)

    assert decision.used == (1, 2, 4, 5, 6, 7, 8, 9, 10, 11)
    assert decision.originals_for(*Family) == (1, 2, 4, 5, 6, 7, 8, 9, 10)
    assert decision.ungated == (1, 2, 3, 4, 5, 6, 7, 8, 9, 10)
    assert (decision.replacements, decision.wanted, decision.exhausted) == (1, 0, False)


def test_an_invalid_replacement_is_replaced_while_allowed() -> None:
    """Two of ten: the second invalid block may be the first replacement."""
    decision = usable_blocks(run(11, invalid=(3, 11)), arms=ARMS, planned=10)

    assert (decision.wanted, decision.exhausted) == (1, False)


def test_more_invalid_blocks_than_may_be_replaced_end_the_run() -> None:
    """The third invalid block of ten."""
    decision = usable_blocks(run(10, invalid=(1, 2, 3)), arms=ARMS, planned=10)

    assert (decision.wanted, decision.exhausted) == (2, True)


@pytest.mark.parametrize(("blocks", "allowed"), [(1, 0), (4, 0), (5, 1), (6, 1), (9, 1), (10, 2), (14, 2), (30, 6)])
def test_a_fifth_of_the_blocks_may_be_replaced(blocks: int, allowed: int) -> None:
    """Rounded down: never more than 20%."""
    assert replacements_allowed(blocks) == allowed


def test_an_incomplete_block_is_unusable_but_not_invalid() -> None:
    """An interrupted run: block 3 has one arm, block 4 none; neither is replaced."""
    trials = [one for one in run(3) if one.trial_id != "b03-replicas"]

    decision = usable_blocks(trials, arms=ARMS, planned=4)

    assert decision.used == decision.ungated == (1, 2)
    assert decision.missing == {3: ("replicas",), 4: ("workers", "replicas")}
    assert (decision.invalid, decision.wanted) == ((), 0)


def test_arms_default_to_those_that_were_seen() -> None:
    """A run that is read back without its scenario."""
    decision = usable_blocks([one for one in run(2) if one.trial_id != "b02-workers"])

    assert (decision.used, decision.planned, decision.missing) == ((1,), 2, {2: ("workers",)})


def test_a_trial_that_was_never_checked_is_not_valid() -> None:
    """No gates at all: nothing shows that the numbers mean what they say."""
    unchecked = GatedTrial(trial_id="b01-workers", block=1, arm="workers", gates=())

    decision = usable_blocks([unchecked], planned=1)

    assert decision.used == ()
    assert (decision.faults[0].gate, decision.faults[0].spoils) == (None, frozenset(Family))


FOREIGN, READINGS, LAG = "machine.foreign", "sampler.readings", "load.lag"


@pytest.mark.parametrize(
    ("key", "memory", "cpu", "time"),
    [
        (LAG, 1, 1, 0),
        ("load.cpu", 1, 1, 0),
        (FOREIGN, 1, 0, 0),
        ("machine.steal", 1, 0, 0),
        ("load.rows", 1, 0, 0),
        (READINGS, 0, 0, 0),
        ("load.arrivals", 0, 0, 0),
        ("trial.complete", 0, 0, 0),
        ("of.a.newer.lab", 0, 0, 0),
    ],
)
def test_a_failed_gate_spoils_the_families_that_rest_on_it(key: str, memory: int, cpu: int, time: int) -> None:
    """A late generator moves instants only; other programs move CPU as well; without readings nothing is left."""
    trial = GatedTrial(trial_id="b01-workers", block=1, arm="workers", gates=(gate("invalid", key),))

    decision = usable_blocks([trial], planned=1)

    assert [len(decision.valid_for(family)) for family in (Family.MEMORY, Family.CPU, Family.TIME)] == [
        memory,
        cpu,
        time,
    ]


def test_a_block_is_replaced_for_what_is_judged() -> None:
    """Three of ten blocks with foreign CPU: all well for memory, too many for latency."""
    trials = [
        replace(one, gates=(gate("invalid", FOREIGN),)) if one.block in (2, 5, 7) and one.arm == "workers" else one
        for one in run(10)
    ]

    memory = usable_blocks(trials, arms=ARMS, planned=10, needed=families_of(["memory.pss.total"]))
    latency = usable_blocks(trials, arms=ARMS, planned=10, needed=families_of(["memory.pss.total", "p50"]))

    assert (memory.invalid, memory.wanted, memory.exhausted, len(memory.used)) == ((), 0, False, 10)
    assert (latency.invalid, latency.wanted, latency.exhausted, len(latency.used)) == ((2, 5, 7), 2, True, 7)
    assert latency.valid_for(Family.MEMORY) == tuple(range(1, 11))


@pytest.mark.parametrize(
    ("faults", "beyond", "hopeless"),
    [
        ({1: FOREIGN, 2: FOREIGN}, {Family.TIME}, False),
        ({1: READINGS, 2: READINGS}, {Family.TIME, Family.MEMORY}, True),
        ({1: FOREIGN, 2: "memory.neighbours"}, set(), False),
        ({1: FOREIGN, 2: READINGS}, {Family.TIME}, False),
    ],
)
def test_each_family_is_lost_by_its_own_blocks(faults: dict[int, str], beyond: set[Family], hopeless: bool) -> None:
    """One of six may be replaced; what is spoiled for latency does not keep memory from its verdict."""
    trials = [
        replace(one, gates=(gate("invalid", faults[one.block]),)) if one.block in faults else one for one in run(6)
    ]
    decision = usable_blocks(trials, arms=ARMS, planned=6, needed=families_of(["memory.pss.total", "p50"]))

    assert decision.exhausted
    assert decision.beyond == frozenset(beyond)
    assert decision.hopeless is hopeless


def test_no_trial_at_all() -> None:
    """An empty run has no blocks."""
    assert usable_blocks([]).used == ()


def test_the_decision_cannot_see_an_outcome() -> None:
    """What is handed over has a place, gates, and why it was lost if it was, and no room for a metric."""
    assert {field.name for field in fields(GatedTrial)} == {"trial_id", "block", "arm", "gates", "lost"}
