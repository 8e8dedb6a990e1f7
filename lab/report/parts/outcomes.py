"""Validity in two tables and in a few words: which blocks are valid for what, and what the arms did."""

from collections import defaultdict

from lab.analysis.blocks import BlockDecision
from lab.analysis.conditions import judged_families
from lab.analysis.findings import FINDINGS
from lab.analysis.summary import RunSummary
from lab.metric_types import Family
from lab.metrics import Unit
from lab.report.content import Table
from lab.report.parts.cells import cell, columns, words
from lab.report.parts.gate_sentences import family_names, finding_sentence

FAMILIES = {Family.MEMORY: "memory", Family.CPU: "CPU", Family.TIME: "latency, throughput, shares, start-up"}


def family_table(summary: RunSummary) -> Table:
    """Count for each family of metrics the valid blocks, and those that each arm spoiled."""
    decision, arms, judged = summary.decision, [arm.name for arm in summary.arms], judged_families(summary)
    rows = []
    for family in Family:
        spoiled = {(fault.arm, fault.block) for fault in decision.faults if family in fault.spoils}
        valid = cell(Unit.COUNT, float(len(decision.valid_for(family))))
        by_arm = (cell(Unit.COUNT, float(sum(arm == name for arm, _ in spoiled))) for name in arms)
        rows.append((*words(FAMILIES[family], "yes" if family in judged else "no"), valid, *by_arm))
    return Table(
        key="valid-blocks",
        title="Valid blocks",
        columns=columns("for", "judged", numeric=("valid blocks", *(f"invalid by {name}" for name in arms))),
        rows=tuple(rows) if summary.trials else (),
        note="A late generator or a disturbed machine spoils times and leaves memory standing; a block is replaced "
        "when it is invalid for a primary metric.",
    )


def valid_for_what(decision: BlockDecision) -> str:
    """``" for memory; 4 for CPU and latency"``: where what was not judged has fewer valid blocks; else empty."""
    by_count: defaultdict[int, list[Family]] = defaultdict(list)
    for family in Family:
        count = len(decision.valid_for(family))
        if family not in decision.needed and count < len(decision.used):
            by_count[count].append(family)
    others = [f"{count or 'none'} for {family_names(families)}" for count, families in by_count.items()]
    judged = f" for {family_names(decision.needed)}" if decision.needed else ""  # nothing need be judged
    return f"{judged}; {', '.join(others)}" if others else ""


def finding_table(summary: RunSummary) -> Table:
    """List what the arms did, each kind once for each arm with its worst trial."""
    rows = tuple(
        words(
            found.arm,
            FINDINGS[found.worst.key].title if found.worst.key in FINDINGS else found.worst.key,
            f"{found.trials} of {found.checked}",
            found.worst_trial,
            finding_sentence(found.worst),
        )
        for found in summary.findings
    )
    return Table(
        key="findings",
        title="What the arms did",
        columns=columns("arm", "finding", "trials", "worst trial", "what was found there"),
        rows=rows,
        note="Findings are the arms' own doing: they make no block invalid.",
    )
