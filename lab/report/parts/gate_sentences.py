"""Sentences of gates and findings, made from their numbers: what was found, against which limit, and what to do."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence

from lab.analysis.blocks import Fault
from lab.analysis.findings import FINDINGS
from lab.analysis.findings.kinds import CHANGED, MEMORY_DRIFT, OUT_OF_MEMORY, RECYCLED, REFUSED
from lab.analysis.gates import CAVEAT, GATES, INVALID, Gate
from lab.analysis.gates.limits import ANON, SHARED
from lab.metric_types import Family
from lab.metrics import Unit
from lab.record.types import Finding, GateResult, TrialRecord
from lab.report.parts.cells import quantity, round_limit
from lab.report.parts.gate_words import FINDING_WORDS, GATE_WORDS, MORE, WHY, Words
from lab.units import plural

COUNTED = re.compile(r"\{value ([a-z ]+)\}")
FILES_NAMED = 3
MOVING = {CHANGED.key, RECYCLED.key, OUT_OF_MEMORY.key, MEMORY_DRIFT.key}  # findings that part the accounts of memory
MOVED = "Its processes or its memory changed in between, and the two are read at different times."
FAMILY_WORDS = {Family.MEMORY: "memory", Family.CPU: "CPU", Family.TIME: "latency"}  # TIME, by its best known part


def gate_sentence(gate: GateResult, record: TrialRecord | None = None, *, brief: bool = False) -> str:
    """Tell what a gate found, in words; ``record`` is the trial's, where there is one trial.

    ``brief``: without what to do about it, for a reader who was told before.
    """
    if gate.key in ATTESTED and record is not None:
        return ATTESTED[gate.key](record)
    declared = GATES.get(gate.key)
    title = declared.title if declared else gate.key
    if gate.value is None:
        why = f": {WHY[gate.why]}" if gate.why in WHY else ""
        unknown = "Could not be checked" if gate.outcome == CAVEAT else "Does not apply"
        return f"{unknown}{f' on node {gate.node}' if gate.node else ''} ({title}){why}."
    words = GATE_WORDS.get(gate.key, Words(f"{title}: " + "{value}", ""))
    said = _counted(words.said, quantity(declared.unit if declared else Unit.SECONDS, gate.value), gate.value)
    if gate.node:
        said = f"On node {gate.node}, {said[0].lower()}{said[1:]}"
    if declared is None or gate.limit is None or gate.outcome == "pass":
        return _joined(f"{said}.", words.advice if gate.outcome != "pass" else "")
    found = f"{', '.join(filter(None, (said, _limit(declared, gate))))}."
    if brief:
        return found
    advice = MOVED if _moved(gate, record) else words.advice
    return _joined(found, _named(gate, record), advice, MORE.get(gate.why, ""))


def _counted(said: str, value: str, number: float) -> str:
    """The clause with its value: one of what is counted is told as one."""
    counted = COUNTED.sub(lambda noun: f"{value} {plural(noun[1], number)}", said.replace("{value}", value))
    return counted.replace("{were}", "was" if number == 1 else "were")


def _moved(gate: GateResult, record: TrialRecord | None) -> bool:
    """True where a finding of the same trial explains that the two accounts of its memory are apart."""
    found = record.findings if gate.key == ANON.key and record is not None else ()
    return any(finding.key in MOVING and finding.value is not None for finding in found)


def _named(gate: GateResult, record: TrialRecord | None) -> str:
    """The files that a caveat about shared memory is about, the largest first."""
    if gate.key != SHARED.key or record is None or not record.shared_files:
        return ""
    largest = sorted(record.shared_files.items(), key=lambda entry: (-entry[1], entry[0]))[:FILES_NAMED]
    return f"Most of it: {', '.join(f'{name} {quantity(SHARED.unit, size)}' for name, size in largest)}."


NO_REASON = "no reason was recorded"
UNCHECKED = "No gate was evaluated for this trial, so nothing shows that it is valid."


def reason_line(why: str) -> str:
    """The first line of a reason, ready to end a sentence; of an empty one, that there is none."""
    return next(iter(why.splitlines()), "").rstrip(":;. ") or NO_REASON


def fault_sentence(fault: Fault, record: TrialRecord | None = None) -> str:
    """Tell why a trial is invalid, in words; ``record`` is the trial's."""
    if fault.gate is None:
        return f"{reason_line(fault.lost)}." if fault.lost else UNCHECKED
    return gate_sentence(fault.gate, record)


def _limit(declared: Gate, gate: GateResult) -> str:
    beyond = "below" if declared.floor else "above"
    limit = round_limit(declared.unit, gate.limit)
    if gate.outcome != INVALID:
        return f"{beyond} the caveat limit of {limit}" if gate.limit else ""  # any amount above nothing is told
    return f"{beyond} the limit of {limit}: the trial does not count for {family_names(declared.spoils)}"


def family_names(families: Collection[Family]) -> str:
    """``"memory and latency"``, in the order of their declaration."""
    return listed([FAMILY_WORDS[family] for family in Family if family in families])


def listed(names: Sequence[str]) -> str:
    """``"a, b and c"``."""
    return " and ".join(filter(None, [", ".join(names[:-1]), *names[-1:]]))


def finding_sentence(finding: Finding) -> str:
    """Tell what an arm did, in words."""
    kind = FINDINGS.get(finding.key)
    title = kind.title if kind else finding.key
    if finding.value is None:
        return f"It could not be told ({title}): {WHY.get(finding.subject, finding.subject or 'no reason given')}."
    unit = kind.unit if kind else Unit.COUNT
    value = quantity(unit, finding.value)
    words = FINDING_WORDS.get(finding.key, Words(f"{title}: " + "{value}", ""))
    signed = f"+{value}" if "changed by" in words.said and finding.value > 0 else value
    subject = refused(finding) if finding.key == REFUSED.key else finding.subject or "it"
    said = _counted(words.said, signed, finding.value).replace("{subject}", subject)
    return _joined(f"{said}.", words.advice)


def _unseen(record: TrialRecord) -> str:
    reason = record.attestation.unseen
    return f"Not attested: who listens on the ports, which event loop and HTTP implementation serve ({reason})."


def _exposed(record: TrialRecord) -> str:
    ports = ", ".join(map(str, record.attestation.exposed))
    return f"While this arm ran, the network could reach it on port {ports}: let its command listen on {{host}} only."


def _ignored_header(record: TrialRecord) -> str:
    return (
        f"Answers of the app carry {record.attestation.ignored_header}, which names no process: several processes send "
        "the same value, or one sends several. It was ignored; who served is known from connections or the front. "
        'Set app.server_header = "" if that is right, or to the header that names your processes.'
    )


def _neighbours(record: TrialRecord) -> str:
    runs = ", ".join(record.attestation.neighbours)
    return (
        f"Another lab used the same image at the same time (run {runs}). They share its file pages, so memory (PSS) "
        "cannot be attributed. Wait until it has ended, then run again."
    )


ATTESTED = {
    "attestation.rights": _unseen,
    "attestation.exposed": _exposed,
    "attestation.header": _ignored_header,
    "memory.neighbours": _neighbours,
}


def _joined(*sentences: str) -> str:
    return " ".join(filter(None, sentences))


REFUSALS = {
    "400": "malformed requests, or headers above its limit",
    "413": "bodies above its limit",
    "414": "request lines above its limit",
    "431": "headers above its limit",
    "494": "headers above its limit",
    "502": "no answer of the app, or one with headers above its limit",
    "503": "nobody to ask",
    "504": "an app that was slower than its time limit",
}  # statuses of a front's own answers


def refused(finding: Finding) -> str:
    """``"413 (bodies above its limit)"``: the statuses that the finding is about, most frequent first."""
    return "; ".join(f"{status} ({REFUSALS.get(status, 'unknown')})" for status in finding.subject.split(", "))
