"""Can you believe it? Blocks, gates, what the load generator counted, and every doubt as a sentence."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from lab.analysis.arms import arm_load
from lab.analysis.comparable import shares_file_pages
from lab.analysis.findings import FINDINGS
from lab.analysis.gates import CAVEAT, GATES, INVALID
from lab.analysis.headroom import Headroom, headroom
from lab.analysis.summary import GateSummary, RunSummary
from lab.metrics import Unit
from lab.plan.blocks import LEAST_WARMUP_S
from lab.record.types import RunInfo, TrialState
from lab.report.content import Cell, Reader, Section, Table, section
from lab.report.parts.cells import cell, columns, only, quantity, words
from lab.report.parts.gate_words import fault_sentence, finding_sentence, gate_sentence
from lab.report.parts.images import image_doubts
from lab.report.parts.outcomes import family_table, finding_table
from lab.report.parts.unusual import CPU_DOUBT, is_plain, left_out_doubts, rights_doubts
from lab.report.parts.values import told_by_arm, warmups_s
from lab.units import format_seconds

OUTCOMES = {"requests.failed", "requests.hung", "requests.dropped"}  # part of the answer, with a table of their own
DOUBTFUL = FINDINGS.keys() - OUTCOMES
MAX_DOUBTS = 12
MAX_ERRORS = 10


def belief(run: RunInfo, summary: RunSummary) -> Section:
    """The section on validity; it is as long when everything holds as when it does not."""
    found = doubts(run, summary)
    hidden = len(found) - MAX_DOUBTS
    more = (f"… and {hidden} further doubts, see the tables.",) if hidden > 0 else ()
    tables = (family_table(summary), gate_table(summary), finding_table(summary))
    return section(
        "belief",
        "Can you believe it?",
        *(*tables, load_table(summary), error_table(summary)),
        sentences=(_blocks(summary), _generator(headroom(run, summary))),
        doubts=(*found[:MAX_DOUBTS], *more),
    )


def _generator(room: Headroom | None) -> str:
    return room.sentence if room else "How far the load generator was from its own limit is not known."


def _blocks(summary: RunSummary) -> str:
    decision = summary.decision
    finished = (
        f"{len(summary.trials)} trials in {len(summary.blocks)} of {decision.planned} planned blocks are finished"
    )
    passed = sum(gate.passed == gate.trials for gate in summary.gates)
    gates = (
        f"{passed} of {len(summary.gates)} gates passed in every trial" if summary.gates else "no gate was evaluated"
    )
    return f"{finished}; blocks that are valid: {len(decision.used)}; {gates}."


def doubts(run: RunInfo, summary: RunSummary) -> tuple[str, ...]:
    """Everything that stands against the run, in full sentences, each once."""
    return tuple(dict.fromkeys(_doubts(run, summary)))


def _doubts(run: RunInfo, summary: RunSummary) -> Iterator[str]:
    yield from _unfinished(run, summary)
    yield from rights_doubts(run)
    for gate in summary.gates:
        if gate.worst.outcome == CAVEAT:
            others = f" ({gate.trials - gate.passed} of {gate.trials} {gate.over})"
            yield f"{gate.worst_trial}: {_words(summary, gate)}{others if gate.trials > 1 else ''}"
    for found in summary.findings:
        if found.worst.key in DOUBTFUL:
            others = f" ({found.trials} of {found.checked} trials of {found.arm})" if found.checked > 1 else ""
            yield f"{found.worst_trial}: {finding_sentence(found.worst)}{others}"
    if shares_file_pages(run.environment) is False and len({arm.model.kind for arm in summary.scenario.arms}) > 1:
        yield _unshared(run, summary)
    yield from image_doubts(run, summary)
    if is_plain(run):
        yield CPU_DOUBT
    if not run.exploratory and (length_s := min(warmups_s(summary), default=LEAST_WARMUP_S)) < LEAST_WARMUP_S:
        yield (
            f"A trial warmed up for {format_seconds(length_s)} only: caches, heaps and connections may have gone on "
            f"filling while it was measured. Ask for {LEAST_WARMUP_S:g} s or more (load.warmup)."
        )
    if (room := headroom(run, summary)) is not None and room.near:
        yield room.doubt
    unattributed = sorted({t.record.arm for t in summary.trials if not t.shares and t.counts.requests})
    if unattributed:
        yield f"Too few requests of {', '.join(unattributed)} could be attributed to a process: shares are not known."


def _unfinished(run: RunInfo, summary: RunSummary) -> Iterator[str]:
    """Trials and blocks that do not count."""
    if run.cut:
        yield f"The run ended early: {run.cut}."
    yield from left_out_doubts(run)
    lost = [t for t, state in run.states.items() if state is not TrialState.DONE and t not in run.left_out]
    if lost:
        yield f"{len(lost)} of {len(run.states)} planned trials were not finished, the first is {lost[0]}."
    for fault in summary.decision.faults:
        yield f"Block {fault.block} is invalid. {fault.trial_id}: {fault_sentence(fault)}"
    for block, arms in summary.decision.missing.items():
        if block in summary.blocks:
            yield f"Block {block} is incomplete, {', '.join(arms)} missing: it does not count."


def _unshared(run: RunInfo, summary: RunSummary) -> str:
    """Memory of several containers is dearer here than where their file pages are shared: say so, with what is not."""
    anonymous = told_by_arm(summary, "memory.cgroup.anon")
    return (
        f"Under the storage driver {run.environment.facts['storage_driver']} every container has its own copy of the "
        "image's file pages; under overlay2 they would share one. So memory (PSS) of arms with several containers is "
        f"higher here than there. Anonymous memory does not depend on the driver: {anonymous or 'unknown'}."
    )


def gate_table(summary: RunSummary) -> Table:
    """Every gate with its worst trial, what was measured there and the limit that it was held against; failed ones
    first.
    """
    rows = tuple(
        (
            *words(_title(gate), gate.worst.outcome),
            *_held(gate),
            *words(
                f"{gate.passed} of {gate.trials}" + ("" if gate.over == "trials" else f" {gate.over}"),
                gate.worst_trial,
                _words(summary, gate),
            ),
        )
        for gate in sorted(
            summary.gates, key=lambda gate: (gate.worst.outcome != INVALID, gate.worst.outcome != CAVEAT)
        )
    )
    return Table(
        key="gates",
        title="Gates",
        columns=(
            *columns("gate", "worst", numeric=("worst value", "limit")),
            *only(Reader.PROGRAMS, columns("unit")),
            *columns("passed", "trial", "what was found there"),
        ),
        rows=rows,
        note="A gate is a check of the instrument and of the machine; one that fails makes its whole block invalid for "
        "the metrics that it spoils.",
    )


def _words(summary: RunSummary, gate: GateSummary) -> str:
    record = next((trial.record for trial in summary.trials if trial.record.trial_id == gate.worst_trial), None)
    return gate_sentence(gate.worst, record)


def _held(gate: GateSummary) -> tuple[Cell, ...]:
    """The worst value, the limit with the side on which a pass lies, and their unit."""
    declared, limit = GATES.get(gate.key), gate.worst.limit
    unit = declared.unit if declared else Unit.RATIO
    side = "" if declared is None or limit is None else "≥ " if declared.floor else "≤ "
    return (cell(unit, gate.worst.value), Cell(side + quantity(unit, limit), limit), *words(unit))


def _title(gate: GateSummary) -> str:
    return GATES[gate.key].title if gate.key in GATES else gate.key


def load_table(summary: RunSummary) -> Table:
    """List what the load generator counted over whole trials, and the requests of the measure phases."""
    rows = []
    for arm in summary.arms:
        if load := arm_load(summary.of_arm(arm.name)):
            counts = (load.scheduled, load.started, load.dropped, load.unfinished, load.requests, load.failures)
            cells = (cell(Unit.COUNT, float(count)) for count in counts)
            rows.append((*words(arm.name), *cells, cell(Unit.SECONDS, load.worst_lag_s)))
    numbers = ("scheduled", "started", "dropped", "unfinished", "measured requests", "failed", "worst lag p99")
    return Table(
        key="load",
        title="Arrivals and requests",
        columns=columns("arm", numeric=numbers),
        rows=tuple(rows),
        note="Sums over all blocks. Arrivals: whole trials, warm-up included; requests: measure phases only.",
    )


def error_table(summary: RunSummary) -> Table:
    """The most frequent failures."""
    counts = Counter[tuple[str, str]]()
    for trial in summary.trials:
        for text, count in trial.counts.errors:
            counts[trial.record.arm, text] += count
    rows = tuple(
        (*words(arm, text), cell(Unit.COUNT, float(count))) for (arm, text), count in counts.most_common(MAX_ERRORS)
    )
    rest = len(counts) - MAX_ERRORS
    return Table(
        key="errors",
        title="Failures",
        columns=columns("arm", "what happened", numeric=("requests",)),
        rows=rows,
        note=f"The {MAX_ERRORS} most frequent kinds; {quantity(Unit.COUNT, float(rest))} further ones."
        if rest > 0
        else "",
    )
