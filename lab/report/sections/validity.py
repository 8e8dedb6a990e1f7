"""Can you trust this run? Blocks, gates, what the load generator counted, and every caveat as a sentence."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from lab.analysis.arms import arm_load
from lab.analysis.gate_summary import GateSummary
from lab.analysis.gates import CAVEAT, GATES, INVALID
from lab.analysis.headroom import Headroom, headroom
from lab.analysis.sent import sent_by_node
from lab.analysis.summary import RunSummary
from lab.metrics import Unit
from lab.record.types import RunInfo
from lab.report.content import Audience, Cell, Section, Table, section
from lab.report.first_screen import Group
from lab.report.parts.caveats import caveats, caveats_counted
from lab.report.parts.cells import cell, columns, only, quantity, words
from lab.report.parts.gate_sentences import gate_sentence
from lab.report.parts.late_answers import KEEPALIVE
from lab.report.parts.outcomes import family_table, finding_table, valid_for_what
from lab.report.sections.names import exception_table
from lab.units import count_of

MAX_CAVEATS = 12
MAX_ERRORS = 10
UNITS = {KEEPALIVE: Unit.SECONDS}  # of what is no gate, and leaves a caveat


def validity_section(run: RunInfo, summary: RunSummary) -> Section:
    """The section on validity; it is as long when everything holds as when it does not."""
    found = caveats(run, summary)
    tables = (*gate_tables(summary), family_table(summary), finding_table(summary))
    return section(
        "belief",
        "Gates and caveats",
        *(*tables, load_table(summary), sent_table(summary), error_table(summary), exception_table(summary)),
        sentences=(_blocks(summary), *caveats_counted(found), _generator(headroom(run, summary))),
        caveats=tuple(map(few, found.judged)),
        asides=tuple(map(few, found.others)),
        short="Caveats",
    )


def few(found: Group, where: str = "see the tables") -> Group:
    """The first caveats of a group, how many more there are, and where these are told."""
    hidden = len(found.sentences) - MAX_CAVEATS
    if hidden <= 0:
        return found
    more = f"… and {count_of(hidden, 'further caveat')}, {where}."
    return Group(about=found.about, sentences=(*found.sentences[:MAX_CAVEATS], more), hidden=hidden)


def _generator(room: Headroom | None) -> str:
    return room.sentence if room else "How far the load generator was from its own limit is not known."


def _blocks(summary: RunSummary) -> str:
    decision = summary.decision
    trials, blocks = count_of(len(summary.trials), "trial"), count_of(decision.planned, "planned block")
    used = len(decision.used)
    passed = sum(gate.passed == gate.trials for gate in summary.gates)
    gates = (
        f"{passed} of {len(summary.gates)} gates passed in every trial" if summary.gates else "no gate was evaluated"
    )
    valid = f"{count_of(used, 'block')} {'is' if used == 1 else 'are'} valid{valid_for_what(decision) if used else ''}"
    return f"{trials} in {len(summary.blocks)} of {blocks} finished; {valid}; {gates}."


def gate_tables(summary: RunSummary) -> tuple[Table, Table, Table]:
    """Gates that failed or have a caveat, failed ones first; folded, those that passed everywhere; all for programs."""
    ranked = sorted(summary.gates, key=lambda gate: (gate.worst.outcome != INVALID, gate.worst.outcome != CAVEAT))
    held = [gate for gate in ranked if gate.passed == gate.trials]
    others = gate_table(summary, "gates-failed", "Gates that did not pass", [g for g in ranked if g not in held])
    passed = gate_table(summary, "gates-passed", f"{count_of(len(held), 'gate')} passed", held)
    return (
        replace(others, reader=Audience.PEOPLE),
        replace(passed, reader=Audience.PEOPLE, folded=True),
        replace(gate_table(summary, "gates", "Gates", ranked), reader=Audience.PROGRAMS),
    )


def gate_table(summary: RunSummary, key: str, title: str, gates: Sequence[GateSummary]) -> Table:
    """Gates with their worst trial, what was measured there and the limit that it was held against."""
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
        for gate in gates
    )
    return Table(
        key=key,
        title=title,
        columns=(
            *columns("gate", "worst", numeric=("worst value", "limit")),
            *only(Audience.PROGRAMS, columns("unit")),
            *columns("passed", "trial", "what was found there"),
        ),
        rows=rows,
        note="A gate is a check of the instrument and of the machine; one that fails makes its whole block invalid for "
        "the metrics that it affects.",
    )


def _words(summary: RunSummary, gate: GateSummary) -> str:
    record = next((trial.record for trial in summary.trials if trial.record.trial_id == gate.worst_trial), None)
    return gate_sentence(gate.worst, record)


def _held(gate: GateSummary) -> tuple[Cell, ...]:
    """The worst value, the limit with the side on which a pass lies, and their unit."""
    declared, limit = GATES.get(gate.key), gate.worst.limit
    unit = declared.unit if declared else UNITS.get(gate.key, Unit.RATIO)
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


def sent_table(summary: RunSummary) -> Table:
    """What each machine sent, where several drove the load; else no row."""
    rows = []
    for sent in sent_by_node(trial.record for trial in summary.trials):
        counts = (sent.processes, sent.scheduled, sent.started, sent.dropped, sent.unfinished, sent.requests)
        cells = (cell(Unit.COUNT, float(count)) for count in counts)
        worst = (cell(Unit.SECONDS, value) for value in (sent.worst_lag_s, sent.worst_bound_s))
        rows.append((*words(sent.node), *cells, *worst))
    counted = ("load processes", "scheduled", "started", "dropped", "unfinished", "requests")
    return Table(
        key="load-by-node",
        title="What each machine sent",
        columns=columns("node", numeric=(*counted, "worst lag p99", "clock known within")),
        rows=tuple(rows),
        note=f"Sums over all trials, warm-up included. {_together(summary)} Gates hold each machine against its own "
        "limits, and the worst decides.",
    )


def _together(summary: RunSummary) -> str:
    if any(trial.record.load.workers for trial in summary.trials):
        return "Locust's own master said how many users each had, and when; what they asked is counted here by the lab."
    return "Together they are the schedule of one machine: each drives its share of the connections."


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
