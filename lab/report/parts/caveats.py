"""Every caveat as one sentence, however often it arose, with the families of metrics that it touches."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from lab.analysis.blocks import Fault
from lab.analysis.conditions import judged_families
from lab.analysis.findings import FINDINGS
from lab.analysis.gate_summary import FindingSummary
from lab.analysis.gates import CAVEAT, GATES
from lab.analysis.headroom import headroom
from lab.analysis.summary import RunSummary
from lab.metric_types import Family
from lab.plan.loading import LEAST_WARMUP_S
from lab.record.types import Finding, RunInfo, TrialRecord, TrialState
from lab.report.first_screen import Group, count_in
from lab.report.parts.answers import quoted
from lab.report.parts.gate_sentences import (
    family_names,
    fault_sentence,
    finding_sentence,
    gate_sentence,
    listed,
    reason_line,
)
from lab.report.parts.going_on import resume_command
from lab.report.parts.images import image_caveats
from lab.report.parts.late_answers import KEEPALIVE, late_beside, late_told
from lab.report.parts.storage import unshared_caveat
from lab.report.parts.unusual import cpu_caveat, is_plain, left_out_caveats, rights_caveats
from lab.report.parts.values import warmups_s
from lab.units import count_of, format_duration

EVERYTHING = frozenset(Family)
WHOLE = "the whole run"
ONE_EACH = "Each is one sentence, in however many trials it arose."
MEMORY, CPU, TIME = (frozenset({family}) for family in (Family.MEMORY, Family.CPU, Family.TIME))
OUTCOMES = {"requests.failed", "requests.hung", "requests.dropped"}  # part of the answer, with a table of their own
NOTABLE = FINDINGS.keys() - OUTCOMES
TOUCHED = {
    "attestation.header": TIME,
    "load.capacity": TIME,
    "warmup.starved": TIME,
    "steady.p50": TIME,
    "steady.throughput": TIME,
    "memory.drift": MEMORY,
    "load.verdict": frozenset(),
    "load.unread": TIME,
    "drill.unfinished": TIME,
    "drill.update": TIME,
    "sidecar.cpu": TIME,
}  # of results that are not declared with what they spoil


class Caveat(NamedTuple):
    """A full sentence that stands against the run, and which families of metrics it touches."""

    sentence: str
    touches: frozenset[Family] = EVERYTHING


class Caveats(NamedTuple):
    """Grouped by what they touch: ``judged`` touch a family that is judged, ``others`` do not."""

    judged: tuple[Group, ...]
    others: tuple[Group, ...]


def caveats(run: RunInfo, summary: RunSummary, slo: str = "") -> Caveats:
    """Everything that stands against the run, each once. Where nothing is judged all of it counts."""
    needed = judged_families(summary, slo) or EVERYTHING
    found = dict.fromkeys(_caveats(run, summary))
    return Caveats(
        judged=_grouped(caveat for caveat in found if caveat.touches & needed),
        others=_grouped(caveat for caveat in found if not caveat.touches & needed),
    )


def _grouped(found: Iterable[Caveat]) -> tuple[Group, ...]:
    groups: defaultdict[frozenset[Family], list[str]] = defaultdict(list)
    for caveat in found:
        groups[caveat.touches].append(caveat.sentence)
    return tuple(
        Group(about=WHOLE if touched == EVERYTHING else family_names(touched), sentences=tuple(told))
        for touched, told in sorted(groups.items(), key=lambda group: -len(group[0]))
    )


def caveats_told(needed: Collection[Family], found: Caveats) -> Iterator[str]:
    """How many there are, about what, and whether they touch what was judged: the ``needed`` families."""
    judged, others = map(count_in, found)
    if not judged and not others:
        yield "No caveats."
        return
    about, names = abouts((*found.judged, *found.others)), family_names(needed)
    begins = f"{count_of(judged + others, 'caveat')}, {about}"
    if not needed:  # nothing is judged, so nothing can be said to touch it
        yield f"{begins}."
    elif not judged:
        yield f"{begins}; {'not' if others == 1 else 'none'} about what was judged ({names})."
    elif about == f"about {names}":
        yield f"{count_of(judged, 'caveat')}, about what was judged ({names})."
    elif not others:
        yield f"{begins}: {'it touches' if judged == 1 else 'they touch'} what was judged ({names})."
    else:
        yield f"{begins}: {judged} of them {'touches' if judged == 1 else 'touch'} what was judged ({names})."


def abouts(groups: Sequence[Group]) -> str:
    """``"about CPU"``, of several groups with their numbers: ``"2 about latency, 1 about CPU"``; empty for none."""
    counts = Counter[str]()
    for group in groups:
        counts[group.about] += group.count
    if len(counts) == 1:
        return f"about {next(iter(counts))}"
    return ", ".join(f"{count} about {about}" for about, count in counts.items())


def caveats_counted(found: Caveats) -> Iterator[str]:
    """The same number as on the first screen, and what is counted in it; nothing where there are none."""
    if several := count_in((*found.judged, *found.others)):
        yield f"{count_of(several, 'caveat')}, {abouts((*found.judged, *found.others))}. {ONE_EACH}"


def _caveats(run: RunInfo, summary: RunSummary) -> Iterator[Caveat]:
    yield from _unfinished(run, summary)
    yield from (Caveat(sentence, MEMORY) for sentence in rights_caveats(run))
    yield from _of_gates(summary)
    yield from _of_findings(summary)
    if told := unshared_caveat(run, summary):
        yield Caveat(told, MEMORY)
    yield from map(Caveat, image_caveats(run, summary))
    if is_plain(run):
        yield Caveat(cpu_caveat(run), CPU)
    if not run.exploratory and (length_s := min(warmups_s(summary), default=LEAST_WARMUP_S)) < LEAST_WARMUP_S:
        yield Caveat(
            f"A trial warmed up for {format_duration(length_s)} only: caches, heaps and connections may have been "
            f"filling while it was measured. Ask for {LEAST_WARMUP_S:g} s or more (load.warmup)."
        )
    if (room := headroom(run, summary)) is not None and room.near:
        yield Caveat(room.caveat, TIME)
    unattributed = sorted({t.record.arm for t in summary.trials if not t.shares and t.counts.requests})
    if unattributed:
        told = f"Too few requests of {', '.join(unattributed)} could be attributed to a process: shares are not known."
        yield Caveat(told, TIME)


def _unfinished(run: RunInfo, summary: RunSummary) -> Iterator[Caveat]:
    """Trials and blocks that do not count."""
    if run.cut:
        yield Caveat(f"The run ended early: {run.cut}. {_way_on(run, summary)}".rstrip())
    yield from map(Caveat, fallen_told(run, summary.scenario.budget.processes))
    yield from map(Caveat, left_out_caveats(run))
    told = {*run.left_out, *run.lost}
    open_ = [t for t, state in run.states.items() if state is not TrialState.DONE and t not in told]
    if open_:
        number = f"{len(open_)} of {len(run.states)}"
        yield Caveat(f"{number} planned trials were not finished, the first of them {open_[0]}.")
    yield from (Caveat(told, families) for told, families in fault_sentences(summary))
    lost = {fault.block for fault in summary.decision.faults if fault.lost}
    for block, arms in summary.decision.missing.items():
        if block in summary.blocks and block not in lost:
            yield Caveat(f"Block {block} is incomplete, {', '.join(arms)} missing: it does not count.")


def _way_on(run: RunInfo, summary: RunSummary) -> str:
    """How a run that was cut is continued; not where that is no help, for then the band says what is."""
    if run.exploratory or summary.decision.hopeless:
        return ""
    return f"`{resume_command(summary.scenario, run.run_id)}` continues it."


def fallen_told(run: RunInfo, processes: int) -> Iterator[str]:
    """A sentence for each arm that cannot run at the point that this is."""
    for arms in run.fallen.values():
        for arm, why in arms.items():
            yield f"{quoted(arm)} could not start with {count_of(processes, 'process')} here: {reason_line(why)}."


def fault_sentences(summary: RunSummary) -> Iterator[tuple[str, frozenset[Family]]]:
    """For each gate that failed: how many blocks are invalid for what, in how many trials, and the worst of them."""
    records = {trial.record.trial_id: trial.record for trial in summary.trials}
    yield from told_faults(summary.decision.faults, records)


def told_faults(
    all_faults: Iterable[Fault], records: Mapping[str, TrialRecord]
) -> Iterator[tuple[str, frozenset[Family]]]:
    """As ``fault_sentences``, of these faults among these trials: one cause is one sentence, however many had it."""
    total = len({record.block for record in records.values()})
    by_gate: defaultdict[str, list[Fault]] = defaultdict(list)
    for fault in all_faults:
        by_gate[fault.gate.key if fault.gate else TrialState.LOST if fault.lost else ""].append(fault)
    for faults in by_gate.values():
        worst = max(faults, key=_badness)
        blocks = sorted({fault.block for fault in faults})
        spoiled = family_names(worst.spoils)
        head = (
            f"{len(blocks)} of {total} blocks {'is' if len(blocks) == 1 else 'are'} invalid"
            if total > 1
            else "The block is invalid"
        )
        count = f" ({len(faults)} trials, this is the worst)" if len(faults) > 1 else ""
        yield f"{head} for {spoiled}. {fault_sentence(worst, records.get(worst.trial_id))}{count}", worst.spoils


def _badness(fault: Fault) -> float:
    gate = fault.gate
    if gate is None or gate.value is None:
        return float("inf")
    declared = GATES.get(gate.key)
    return declared.badness(gate.value) if declared else gate.value


def _of_gates(summary: RunSummary) -> Iterator[Caveat]:
    records = {trial.record.trial_id: trial.record for trial in summary.trials}
    if (told := late_told(summary)) and not late_beside(summary):
        yield Caveat(told, TIME)
    for gate in summary.gates:
        if gate.worst.outcome == CAVEAT and gate.key != KEEPALIVE:
            touches = GATES[gate.key].spoils if gate.key in GATES else TOUCHED.get(gate.key, EVERYTHING)
            told = gate_sentence(gate.worst, records.get(gate.worst_trial))
            yield Caveat(told + _count(gate.trials - gate.passed, gate.trials, gate.over), touches)


def _of_findings(summary: RunSummary) -> Iterator[Caveat]:
    """Each kind once, over all arms."""
    by_kind: defaultdict[str, list[FindingSummary]] = defaultdict(list)
    for found in summary.findings:
        if found.worst.key in NOTABLE:
            by_kind[found.worst.key].append(found)
    for key, those in by_kind.items():
        worst = max((found.worst for found in those), key=_amount)
        checked = sum(len(summary.of_arm(arm)) for arm in {found.arm for found in those})
        arms = " of " + listed([found.arm for found in those])
        told = finding_sentence(worst) + _count(sum(found.trials for found in those), checked, f"trials{arms}")
        yield Caveat(told, TOUCHED.get(key, EVERYTHING))


def _amount(finding: Finding) -> float:
    return -1.0 if finding.value is None else abs(finding.value)


def _count(found: int, checked: int, what: str) -> str:
    if checked < 2:
        return ""
    return f" ({found} of {checked} {what}{', this is the worst' if found > 1 else ''})"
