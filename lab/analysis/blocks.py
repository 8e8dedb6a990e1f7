"""Which blocks count: decided from the gates alone, so that no outcome can influence it (METHOD 2)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from lab.analysis.gates import INVALID
from lab.record.types import GateResult

REPLACED_TENTHS = 2  # at most 2 of 10 blocks are replaced (METHOD 2)


@dataclass(frozen=True, slots=True, kw_only=True)
class GatedTrial:
    """All that the choice of blocks may know of a trial: where it belongs, and its gates. No metric."""

    trial_id: str
    block: int
    arm: str
    gates: tuple[GateResult, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """Why a block is invalid: the gate that failed, in which trial."""

    block: int
    arm: str
    trial_id: str
    gate: str
    sentence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockDecision:
    """What becomes of every block; numbers count from 1, and those above ``planned`` are replacements.

    ``used`` are complete and free of faults; ``originals`` are those of them that were planned, so without
    replacements; ``ungated`` are the planned blocks that are complete, as if no gate existed. The three lists are the
    sensitivity section. ``missing`` names the arms that an incomplete block lacks; such a block is in none of them.
    """

    planned: int
    used: tuple[int, ...]
    originals: tuple[int, ...]
    ungated: tuple[int, ...]
    faults: tuple[Fault, ...]
    missing: Mapping[int, tuple[str, ...]]
    replacements: int

    @property
    def invalid(self) -> tuple[int, ...]:
        """Blocks with a failed gate in any arm, in order."""
        return tuple(sorted({fault.block for fault in self.faults}))

    @property
    def wanted(self) -> int:
        """How many replacement blocks are still to run: one for each invalid block, as far as METHOD 2 allows."""
        still_invalid = len(self.invalid) - self.replacements
        return max(0, min(still_invalid, replacements_allowed(self.planned) - self.replacements))

    @property
    def exhausted(self) -> bool:
        """True when invalid blocks remain that may not be replaced: the run cannot reach its blocks (exit 3)."""
        return len(self.invalid) > replacements_allowed(self.planned)


def replacements_allowed(blocks: int) -> int:
    """How many of ``blocks`` planned blocks may be replaced: 2 of 10, 1 of 5 to 9, none below."""
    return blocks * REPLACED_TENTHS // 10


def usable_blocks(trials: Sequence[GatedTrial], *, arms: Sequence[str] = (), planned: int = 0) -> BlockDecision:
    """Sort blocks into usable, invalid and incomplete ones.

    One failed gate in one arm invalidates the block for all arms. ``arms`` are the arms of the scenario (default:
    those seen in any trial), ``planned`` the number of blocks without replacements (default: all that were seen).
    A trial without gates was never checked, and is a fault.
    """
    blocks = sorted({trial.block for trial in trials})
    planned = planned or max(blocks, default=0)
    wanted = tuple(arms) or tuple(sorted({trial.arm for trial in trials}))
    present = {block: {trial.arm for trial in trials if trial.block == block} for block in blocks}
    absent = {
        block: tuple(arm for arm in wanted if arm not in present.get(block, ()))
        for block in sorted({*blocks, *range(1, planned + 1)})
    }
    faults = tuple(fault for trial in sorted(trials, key=_place) for fault in _faults(trial))
    faulty = {fault.block for fault in faults}
    complete = tuple(block for block in blocks if not absent[block])
    used = tuple(block for block in complete if block not in faulty)
    return BlockDecision(
        planned=planned,
        used=used,
        originals=tuple(block for block in used if block <= planned),
        ungated=tuple(block for block in complete if block <= planned),
        faults=faults,
        missing={block: lacking for block, lacking in absent.items() if lacking},
        replacements=sum(block > planned for block in blocks),
    )


def _place(trial: GatedTrial) -> tuple[int, str]:
    return trial.block, trial.trial_id


def _faults(trial: GatedTrial) -> list[Fault]:
    failed = [(gate.key, gate.sentence) for gate in trial.gates if gate.outcome == INVALID]
    if not trial.gates:
        failed = [("", "No gate was evaluated for this trial, so that nothing shows that it is valid.")]
    return [
        Fault(block=trial.block, arm=trial.arm, trial_id=trial.trial_id, gate=key, sentence=sentence)
        for key, sentence in failed
    ]
