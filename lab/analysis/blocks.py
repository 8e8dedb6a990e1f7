"""The choice of the blocks that count: from the gates alone, so that no outcome can influence it (METHOD 2)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from lab.analysis.gates import INVALID, spoiled
from lab.analysis.gates.gate import EVERYTHING
from lab.metric_types import Family
from lab.metrics import METRICS
from lab.record.types import GateResult, RunInfo

REPLACED_TENTHS = 2  # at most 2 of 10 blocks are replaced (METHOD 2)


@dataclass(frozen=True, slots=True, kw_only=True)
class GatedTrial:
    """All that the choice of blocks may know of a trial: where it belongs, and its gates. No metric.

    ``lost``: why it was lost with a machine, so that there is no record of it; "" where there is.
    """

    trial_id: str
    block: int
    arm: str
    gates: tuple[GateResult, ...]
    lost: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """A reason why a block is invalid for some families of metrics: the gate that failed, in which trial.

    ``gate`` is None for a trial that was never checked: nothing shows that it is valid. ``lost`` is that of the trial.
    """

    block: int
    arm: str
    trial_id: str
    gate: GateResult | None
    spoils: frozenset[Family]
    lost: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockDecision:
    """The fate of every block. Numbers count from 1, and those above ``planned`` are replacements.

    ``complete`` have every arm; ``missing`` names the arms that the others lack. ``needed`` are the families of the
    declared primaries: a block that is invalid for one of them is replaced.
    """

    planned: int
    complete: tuple[int, ...]
    faults: tuple[Fault, ...]
    missing: Mapping[int, tuple[str, ...]]
    replacements: int
    needed: frozenset[Family] = EVERYTHING

    def valid_for(self, *families: Family) -> tuple[int, ...]:
        """Complete blocks in which no gate failed that spoils one of these families."""
        spoiled = self._spoiled(frozenset(families))
        return tuple(block for block in self.complete if block not in spoiled)

    def originals_for(self, *families: Family) -> tuple[int, ...]:
        """Those of ``valid_for`` that were planned, so without replacements."""
        return tuple(block for block in self.valid_for(*families) if block <= self.planned)

    @property
    def used(self) -> tuple[int, ...]:
        """Blocks that are valid for all that is needed."""
        return self.valid_for(*self.needed)

    @property
    def ungated(self) -> tuple[int, ...]:
        """Planned blocks that are complete, as if no gate existed."""
        return tuple(block for block in self.complete if block <= self.planned)

    @property
    def invalid(self) -> tuple[int, ...]:
        """Blocks that are invalid for a family that is needed, in order."""
        return self.invalid_for(*self.needed)

    def invalid_for(self, *families: Family) -> tuple[int, ...]:
        """Blocks that are invalid for one of these families, in order."""
        return tuple(sorted(self._spoiled(frozenset(families))))

    @property
    def wanted(self) -> int:
        """Tell how many replacement blocks are still to run: one for each invalid block, as far as METHOD 2 allows."""
        still_invalid = len(self.invalid) - self.replacements
        return max(0, min(still_invalid, replacements_allowed(self.planned) - self.replacements))

    @property
    def exhausted(self) -> bool:
        """True when invalid blocks remain that may not be replaced: the run cannot reach its blocks (exit 3)."""
        return len(self.invalid) > replacements_allowed(self.planned)

    @property
    def beyond(self) -> frozenset[Family]:
        """Needed families of which no further block makes a verdict: too many blocks are invalid for each alone."""
        return frozenset(family for family in self.needed if self.is_beyond(family))

    def is_beyond(self, *families: Family) -> bool:
        """True when more blocks are invalid for one of these families, needed or not, than may be replaced."""
        return any(len(self.invalid_for(family)) > replacements_allowed(self.planned) for family in families)

    @property
    def hopeless(self) -> bool:
        """True when that are all which are needed: it is no help to measure more."""
        return bool(self.needed) and self.beyond >= self.needed

    @property
    def lost(self) -> frozenset[Family]:
        """What a run that is not valid says nothing of: families of which all blocks, or too many, are invalid."""
        if not self.exhausted and (self.used or not self.faults):
            return frozenset()
        none = {family for family in self.needed if not self.valid_for(family)}
        return self.beyond | none or self.needed

    def _spoiled(self, families: frozenset[Family]) -> set[int]:
        return {fault.block for fault in self.faults if fault.spoils & families}


def replacements_allowed(blocks: int) -> int:
    """Tell how many of ``blocks`` planned blocks may be replaced: 2 of 10, 1 of 5 to 9, none below."""
    return blocks * REPLACED_TENTHS // 10


def usable_blocks(
    trials: Sequence[GatedTrial],
    *,
    arms: Sequence[str] = (),
    planned: int = 0,
    needed: frozenset[Family] = EVERYTHING,
) -> BlockDecision:
    """Sort blocks into valid, invalid and incomplete ones, for each family of metrics.

    One failed gate in one arm invalidates the block for all arms. ``arms`` are the arms of the scenario (default:
    those seen in any trial), ``planned`` the number of blocks without replacements (default: all that were seen),
    ``needed`` see ``BlockDecision``. A trial without gates was never checked, and is a fault.
    """
    blocks = sorted({trial.block for trial in trials})
    planned = planned or max(blocks, default=0)
    wanted = tuple(arms) or tuple(sorted({trial.arm for trial in trials}))
    present = {block: {trial.arm for trial in trials if trial.block == block and not trial.lost} for block in blocks}
    absent = {
        block: tuple(arm for arm in wanted if arm not in present.get(block, ()))
        for block in sorted({*blocks, *range(1, planned + 1)})
    }
    return BlockDecision(
        planned=planned,
        complete=tuple(block for block in blocks if not absent[block]),
        faults=tuple(fault for trial in sorted(trials, key=_place) for fault in _faults(trial)),
        missing={block: lacking for block, lacking in absent.items() if lacking},
        replacements=sum(block > planned for block in blocks),
        needed=needed,
    )


def lost_trials(run: RunInfo) -> list[GatedTrial]:
    """Those that were lost with a machine that drove load: as trials that no gate has passed."""
    return [
        GatedTrial(trial_id=name, block=lost.block, arm=lost.arm, gates=(), lost=lost.why)
        for name, lost in run.lost.items()
    ]


def families_of(metrics: Iterable[str]) -> frozenset[Family]:
    """The families of these metrics of the catalogue, by key."""
    return frozenset(METRICS[key].group.family for key in metrics)


def _place(trial: GatedTrial) -> tuple[int, str]:
    return trial.block, trial.trial_id


def _faults(trial: GatedTrial) -> list[Fault]:
    failed: list[GateResult | None] = [gate for gate in trial.gates if gate.outcome == INVALID]
    return [
        Fault(
            block=trial.block,
            arm=trial.arm,
            trial_id=trial.trial_id,
            gate=gate,
            spoils=spoiled([gate]) if gate else EVERYTHING,
            lost=trial.lost,
        )
        for gate in (failed if trial.gates else [None])
    ]
