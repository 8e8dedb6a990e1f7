"""Sentences of gates and findings, made from their numbers: what was found, against which limit, and what to do."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

from lab.analysis.blocks import Fault
from lab.analysis.findings import FINDINGS
from lab.analysis.findings.kinds import CHANGED, MEMORY_DRIFT, OUT_OF_MEMORY, RECYCLED, REFUSED
from lab.analysis.gates import CAVEAT, GATES, INVALID, Gate
from lab.analysis.gates.limits import ANON, SHARED
from lab.metric_types import Family
from lab.metrics import Unit
from lab.record.types import Finding, GateResult, TrialRecord
from lab.report.parts.cells import quantity, round_limit
from lab.report.parts.refusals import refused


class Words(NamedTuple):
    """``said`` is a clause with ``{value}``; ``advice`` are sentences."""

    said: str
    advice: str


FILES_NAMED = 3
MOVING = {CHANGED.key, RECYCLED.key, OUT_OF_MEMORY.key, MEMORY_DRIFT.key}  # findings that part the accounts of memory
MOVED = "Its processes or its memory changed meanwhile (see what the arm did), and the two are read at different times."
FAMILY_WORDS = {Family.MEMORY: "memory", Family.CPU: "CPU", Family.TIME: "latency"}  # TIME, by its best known part
HEADER = "let the app name its process in a header (app.server_header), in every answer"
GATE_WORDS: Mapping[str, Words] = {
    "trial.complete": Words("The trial has no whole measure phase", "See the log of its services."),
    "load.cpu": Words(
        "The busiest load process used {value} of a core in its busiest second",
        "Lower the rate, or give the load more processes (load.processes).",
    ),
    "load.arrivals": Words(
        "Of the arrivals scheduled in the measure window {value} were sent",
        "No process of the arm, no quota and not the machine was at its limit: raise load.lanes. If that changes "
        "nothing, the arm waits for something other than CPU, and the rate must be lowered.",
    ),
    "load.requests": Words(
        "In the measure window {value} requests were on their way, and the locustfile fired no event of its own",
        "No task of the locustfile made a request: see locust.log of the trial.",
    ),
    "load.rows": Words(
        "The request table holds {value} of the arrivals that the load process counted",
        "Requests were lost or counted twice: read locust.log of the trial.",
    ),
    "load.lag": Words(
        "One arrival in a hundred was dispatched {value} late or later",
        "Lower the rate, use more load processes, or keep the machine quieter.",
    ),
    "load.little": Words(
        "Requests in flight and throughput × mean service time are {value} apart",
        "The load was not in a steady state, or instants are wrong: measure longer.",
    ),
    "sampler.readings": Words(
        "The sampler took {value} of its planned readings", "The machine is overloaded: use fewer processes or rate."
    ),
    "sampler.cpu": Words(
        "The sampler used {value} of a core",
        "It took CPU from the arm: compare with fewer processes, or on more cores.",
    ),
    "machine.steal": Words(
        "The hypervisor stole {value} of the CPU time",
        "Use a machine with dedicated cores, or measure at a quieter hour.",
    ),
    "machine.foreign": Words(
        "Other programs used {value} of the machine", "Stop what else runs here, or measure on a machine of its own."
    ),
    "memory.anon": Words(
        "Anonymous memory of the processes and of their cgroups are {value} apart",
        "Memory that grows quickly or processes that restart do this, for the two are read at different instants; else "
        "a process is missing from the ledger, or a foreign one is counted in it.",
    ),
    "memory.shared": Words(
        "Processes of the lab itself have files mapped that the arm has mapped too, which may take up to {value} from "
        "its PSS",
        "Measure memory with engine docker, where the lab shares no file with the arm.",
    ),
    "memory.neighbours": Words(
        "Runs of other labs that used the same image meanwhile: {value}",
        "They share its file pages, so that memory (PSS) cannot be attributed. Wait until they have ended, then run "
        "again.",
    ),
    "attribution.partial": Words(
        "Of {value} of the requests it is known which process served them", "Shares are missing."
    ),
    "block.alike": Words(
        "The arms of the block are {value} apart in throughput",
        "The generator may be the limit, or the waits of the locustfile: use more load processes or lanes.",
    ),
    "keepalive": Words(
        "Requests on a kept-alive connection take {value} although the first was fast",
        "uvicorn with --workers on the asyncio loop does not set TCP_NODELAY (uvicorn issue 3149). Install uvloop in "
        "the image, or expect it of every request.",
    ),
}
WHY: Mapping[str, str] = {
    "readings": "the readings do not span the measure window",
    "no-number": "the measured value is no number",
    "no-arrival": "no arrival was counted in the measure window",
    "no-lag": "the load process reported no dispatcher lag",
    "no-report": "the sampler did not report how many readings it planned and achieved",
    "anon-unread": "anonymous memory was not read of every process and of every cgroup",
    "maps-unread": "not every process could be asked which files it has mapped",
    "no-success": "there is no successful request in a measure window",
    "few-requests": "too few requests ended in the measure window",
    "few-seconds": "too few seconds of the measure window have enough requests",
    "zero-median": "its median over the seconds is zero",
    "instants": "the mean service time is not above zero: the instants are wrong",
    "attribution": "it is not known which process served a request",
    "closed-model": "the closed model has no schedule",
    "plain-processes": "plain processes have no cgroup that keeps a second account",
    "one-process": "one process serves everything",
    "capacity": "the arm was at its capacity, so that what was not sent is its result",
}
MORE: Mapping[str, str] = {  # said behind the advice, by the reason of a result that has a value
    "header": "Some answers of the app lack the header that names its process (app.server_header).",
    "socket": "A connection is seen only when it lives for half a second: keep connections alive.",
    "upstream": "Some answers carry no upstream address.",
    "none-direct": f"No connection lived long enough to see who holds it: keep connections alive, or {HEADER}.",
    "none-behind": "Clients are connected to the front, all processes share one address behind it, and the app does "
    f"not say which of them answered: {HEADER}.",
}
FINDING_WORDS: Mapping[str, Words] = {
    "load.exceptions": Words(
        "The locustfile raised {value} exceptions in its tasks, most often: {subject}",
        "Tasks that ended so did not do their work: see the table of exceptions and locust.log.",
    ),
    "load.ramp": Words(
        "The number of users changed by {value} while the arm was measured, as the LoadTestShape wants it",
        "To measure after its ramp let load.warmup reach to the ramp's end.",
    ),
    "load.unread": Words(
        "{value} streamed answers were reported before they had been read to their end",
        "Their times are those to the headers, or to the last byte that was read: read them inside a with block of "
        "catch_response=True.",
    ),
    "load.verdict": Words(
        "The locustfile ended with exit code {value}: {subject}",
        "That is its own verdict and changes nothing here: write its condition as [[expect]] to have the lab judge it.",
    ),
    "requests.failed": Words("{value} requests of the measure phase failed", "See the table of failures."),
    "front.refused": Words(
        "The front, not the app, answered {value} requests of the measure phase: {subject}",
        "See the options of the front.",
    ),
    "requests.hung": Words(
        "{value} requests of the measure phase were never answered", "Look for requests without end in the app."
    ),
    "requests.dropped": Words("{value} arrivals were dropped because too many waited", "The arm did not keep up."),
    "load.capacity": Words(
        "{value} of the arrivals were not sent in time, while {subject} was at its limit",
        "The arm was at its capacity and its latencies describe a queue: lower the rate to compare latencies.",
    ),
    "ledger.changed": Words(
        "Processes of the arm ended or began {value} times while it was measured",
        "Numbers are those of an arm that lost a process: see the log of its service, and whether memory ran out.",
    ),
    "ledger.recycled": Words(
        "Workers that were recycled while the arm was measured, as its command asks ({subject}): {value}",
        "What that costs is in the numbers: the gap, and requests that failed in it.",
    ),
    "memory.killed": Words(
        "The kernel killed {value} processes of the arm because its memory was full: {subject}",
        "Raise budget.memory, or find what grows. Who starts them again, if anybody, hides it from the clients' view "
        "only in part: numbers are those of an arm that lost processes.",
    ),
    "warmup.starved": Words(
        "Serving processes that got too few requests in the warm-up: {value}",
        "They were measured cold: warm up longer, or use more lanes.",
    ),
    "steady.p50": Words(
        "The median latency changed by {value} over the measure window",
        "The arm was not steady: warm up longer, or lower the rate.",
    ),
    "steady.throughput": Words(
        "The throughput changed by {value} over the measure window",
        "The arm was not steady: warm up longer, or lower the rate.",
    ),
    "memory.drift": Words(
        "The memory (PSS) changed by {value} over the measure window",
        "It was still growing or shrinking: its median depends on how long it was measured.",
    ),
    "sidecar.cpu": Words(
        "The sidecar {subject} used {value} of a core",
        "You are comparing it rather than the arms, which wait for it: lower the rate, or give it less to do.",
    ),
}


def gate_sentence(gate: GateResult, record: TrialRecord | None = None) -> str:
    """Tell what a gate found, in words; ``record`` is the trial's, where there is one trial."""
    if gate.key in ATTESTED and record is not None:
        return ATTESTED[gate.key](record)
    declared = GATES.get(gate.key)
    title = declared.title if declared else gate.key
    if gate.value is None:
        why = f": {WHY[gate.why]}" if gate.why in WHY else ""
        return f"{'Could not be checked' if gate.outcome == CAVEAT else 'Does not apply'} ({title}){why}."
    words = GATE_WORDS.get(gate.key, Words(f"{title}: " + "{value}", ""))
    said = words.said.replace("{value}", quantity(declared.unit if declared else Unit.SECONDS, gate.value))
    if declared is None or gate.limit is None or gate.outcome == "pass":
        return _joined(f"{said}.", words.advice if gate.outcome != "pass" else "")
    advice = MOVED if _moved(gate, record) else words.advice
    return _joined(f"{said}, {_limit(declared, gate)}.", _named(gate, record), advice, MORE.get(gate.why, ""))


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


def fault_sentence(fault: Fault, record: TrialRecord | None = None) -> str:
    """Tell why a trial is invalid, in words; ``record`` is the trial's."""
    if fault.gate is None:
        return "No gate was evaluated for this trial, so that nothing shows that it is valid."
    return gate_sentence(fault.gate, record)


def _limit(declared: Gate, gate: GateResult) -> str:
    beyond = "below" if declared.floor else "above"
    limit = round_limit(declared.unit, gate.limit)
    if gate.outcome != INVALID:
        return f"{beyond} the caveat limit of {limit}"
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
    said = words.said.replace("{value}", signed).replace("{subject}", subject)
    return _joined(f"{said}.", words.advice)


def _unseen(record: TrialRecord) -> str:
    reason = record.attestation.unseen
    return f"Not attested: who listens on the ports, which event loop and HTTP implementation serve ({reason})."


def _exposed(record: TrialRecord) -> str:
    ports = ", ".join(map(str, record.attestation.exposed))
    return f"While this arm ran, the network could reach it on port {ports}: let its command listen on {{host}} only."


def _ignored_header(record: TrialRecord) -> str:
    return (
        f"Answers of the app carry {record.attestation.ignored_header}, which names no process: several say the same, "
        "or one says several things. It was ignored, and who served is told by connections or by the front. "
        'Set app.server_header = "" if that is right, or to the header that names your processes.'
    )


def _neighbours(record: TrialRecord) -> str:
    runs = ", ".join(record.attestation.neighbours)
    return (
        f"Another lab ran the same image meanwhile (run {runs}). They share its file pages, so that memory (PSS) "
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
