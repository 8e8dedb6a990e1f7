"""How much a front's profile moves what a drill cost, and how much the process model does (METHOD 9.5). Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from enum import StrEnum
from itertools import combinations

from lab.analysis.contests import unjudged
from lab.analysis.judge.failures import explore_shares
from lab.analysis.judge.verdict import Judgement
from lab.analysis.series import ranked_of
from lab.analysis.summary import RunSummary
from lab.metric_types import Reading
from lab.metrics import METRICS
from lab.scenario.arm import Arm
from lab.scenario.kinds import Options

NAMED = ("name", "control")  # what differs between any two arms, and changes nothing of them


class Part(StrEnum):
    """What two arms differ in, alike in everything else."""

    PROFILE = "profile"
    MODEL = "model"


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """``arm`` against ``other``, which differ in ``part`` alone: the paired difference, without a verdict."""

    part: Part
    arm: str
    other: str
    judgement: Judgement


def moves(summary: RunSummary, key: str) -> tuple[Move, ...]:
    """What a metric that is judged as a difference is moved by; empty where no arm is there in both profiles."""
    found = [(part, one, other) for one, other in combinations(summary.scenario.arms, 2) for part in _parts(one, other)]
    if not any(part is Part.PROFILE for part, *_ in found):
        return ()
    return tuple(move for one in found if (move := _move(summary, key, *one)))


def _parts(one: Arm, other: Arm) -> Iterator[Part]:
    profiles = [getattr(arm.front, "profile", None) for arm in (one, other)]
    if None in profiles:
        return
    alike = one.front.kind == other.front.kind and _differ_in("profile", one.front, other.front)
    if alike and _differ_in("front", one, other):
        yield Part.PROFILE
    if _differ_in("model", one, other):
        yield Part.MODEL


def _differ_in(part: str, one: Arm | Options, other: Arm | Options) -> bool:
    """Whether two arms, or two fronts of a kind, differ in this and in nothing else."""
    names = [each.name for each in fields(one) if each.name not in NAMED]
    return [name for name in names if getattr(one, name) != getattr(other, name)] == [part]


def _move(summary: RunSummary, key: str, part: Part, one: Arm, other: Arm) -> Move | None:
    """The later one of the scenario against the earlier one, over the blocks that have both; None without any."""
    before, after = (summary.metrics[Reading(key, arm.name)].values for arm in (one, other))
    blocks = [
        block
        for block in summary.valid_for(key) or summary.blocks
        if before.get(block) is not None and after.get(block) is not None
    ]
    if not blocks:
        return None
    sides = (ranked_of(summary, Reading(key, arm.name), blocks) for arm in (one, other))
    less, more = ([value for value in side if value is not None] for side in sides)
    found = unjudged(summary, METRICS[key], explore_shares(less, more, METRICS[key]))
    return Move(part=part, arm=other.name, other=one.name, judgement=found)
