"""Words of gates and findings: what is said of each with its number, the advice, and reasons in words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple


class Words(NamedTuple):
    """``said``: a clause with ``{value}``, or ``{value request}`` and ``{were}`` of a count; ``advice``: sentences."""

    said: str
    advice: str


HEADER = "let the app name its process in a header (app.server_header), in every answer"
GATE_WORDS: Mapping[str, Words] = {
    "trial.complete": Words("Whole measure phases of the trial: {value}", "See the log of its services."),
    "load.cpu": Words(
        "The busiest load process used {value} of a core in its busiest second",
        "Lower the rate, or give the load more processes (load.processes).",
    ),
    "load.arrivals": Words(
        "The load generator sent {value} of the arrivals scheduled in the measure window",
        "No process, quota or machine was at its limit: use more connections (load.lanes). If that changes nothing, "
        "the arm waits for something other than CPU: lower the rate.",
    ),
    "load.requests": Words(
        "In the measure window {value request} {were} on the way, and the locustfile fired no event of its own",
        "No task of the locustfile made a request: see locust.log of the trial.",
    ),
    "load.rows": Words(
        "The request table holds {value} of the arrivals that the load process counted",
        "Requests were lost or counted twice: read locust.log of the trial.",
    ),
    "load.lag": Words(
        "One arrival in a hundred was dispatched at least {value} late",
        "Lower the rate, use more load processes, or keep the machine quieter.",
    ),
    "load.little": Words(
        "Requests in flight and throughput × mean service time differ by {value}",
        "The load was not in a steady state, or timestamps are wrong: measure longer.",
    ),
    "load.clock": Words(
        "The engine's clock is known within {value} of the lab's",
        "Latencies do not change; what is read from processes is held against requests that far apart. Bring the "
        "engine nearer to the lab.",
    ),
    "sampler.readings": Words(
        "The sampler took {value} of its planned readings",
        "The machine is overloaded: use fewer processes or a lower rate.",
    ),
    "sampler.cpu": Words(
        "The sampler used {value} of a core",
        "It took CPU from the arm: compare with fewer processes, or on more cores.",
    ),
    "machine.steal": Words(
        "The hypervisor stole {value} of the CPU time",
        "Use a machine with dedicated cores, or measure at a quieter time.",
    ),
    "machine.foreign": Words(
        "Other programs used {value} of the machine",
        "Stop the other programs, or use a machine that runs nothing else.",
    ),
    "memory.anon": Words(
        "Anonymous memory differs by {value} between the processes and their cgroups",
        "Memory that grows quickly and processes that restart cause this; else a process is missing from the memory "
        "breakdown, or one too many is in it.",
    ),
    "memory.shared": Words(
        "Processes of the lab itself have files mapped that the arm has mapped too, which may take up to {value} from "
        "its PSS",
        "Measure memory with engine docker, where the lab shares no file with the arm.",
    ),
    "memory.neighbours": Words(
        "Runs of other labs with the same image at the same time: {value}",
        "They share its file pages, so memory (PSS) cannot be attributed. Wait until they have ended, then run again.",
    ),
    "attribution.partial": Words("It is known which process served {value} of the requests", "Shares are missing."),
    "drill.done": Words(
        "Drills whose action was carried out under load: {value}",
        "The trial ended before the action, or its load was given up because requests were bad before it: lower the "
        "rate, or see the logs of the trial.",
    ),
    "drill.steady": Words(
        "Before the drill's action {value request} {were} bad",
        "Lower the rate, so that the arm is steady before it is disturbed, or raise the SLO of the drill.",
    ),
    "drill.unrest": Words(
        "The p95 of the 5 s before the drill's action was {value} × that of its middle second",
        "Lower the rate, or wait longer before the action (drills.after), so that the arm is steady when it comes.",
    ),
    "drill.clock": Words(
        "The clocks of the drill's action and of its requests are known within {value} of each other",
        "Nobody can tell so exactly when an arm recovered. Start the lab nearer to the machines of the run.",
    ),
    "block.alike": Words(
        "The throughputs of the block's arms differ by {value}",
        "The generator may be the limit, or the waits of the locustfile: use more load processes (load.processes) or "
        "connections (load.lanes).",
    ),
    "keepalive": Words(
        "Asked again and again, a kept-alive connection to the app answers after {value}, though at first it was fast",
        "It waits for a TCP acknowledgement: uvicorn with --workers on the asyncio loop does not set TCP_NODELAY "
        "(uvicorn issue 3149). Install uvloop in the image. A connection that rests between requests does not wait.",
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
    "drill": "in a drill what is not served is its result",
    "aborted": "its load was given up, for most requests stayed bad",
    "ladder": "on a ladder of rates what is not served is the arm's result",
    "one-clock": "load and lab have one clock",
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
        "The locustfile raised {value exception} in its tasks, most often: {subject}",
        "Tasks that ended so did not do their work: see the table of exceptions and locust.log.",
    ),
    "load.ramp": Words(
        "The number of users changed by {value} while the arm was measured, as the LoadTestShape wants it",
        "To measure after its ramp let load.warmup reach to the ramp's end.",
    ),
    "load.unread": Words(
        "{value streamed answer} {were} reported before the end had been read",
        "Their times are those to the headers, or to the last byte that was read: read them inside a with block of "
        "catch_response=True.",
    ),
    "load.verdict": Words(
        "The locustfile ended with exit code {value}: {subject}",
        "That is its own verdict and changes nothing here: write its condition as [[expect]] to have the lab judge it.",
    ),
    "requests.failed": Words("{value request} of the measure phase failed", "See the table of failures."),
    "front.refused": Words(
        "The front, not the app, answered {value request} of the measure phase: {subject}",
        "See the options of the front.",
    ),
    "front.unclear": Words(
        "The front or the app answered {value request} of the measure phase with {subject}; no answer names a process",
        f"Look for these statuses in the log of the app; to tell them apart, {HEADER}.",
    ),
    "requests.hung": Words(
        "{value request} of the measure phase {were} never answered", "Look for requests without end in the app."
    ),
    "requests.dropped": Words("{value arrival} {were} dropped because too many waited", "The arm did not keep up."),
    "load.capacity": Words(
        "{value} of the arrivals were not sent in time, while {subject} was at its limit",
        "The arm was at its capacity and its latencies describe a queue: lower the rate to compare latencies.",
    ),
    "ledger.changed": Words(
        "Processes of the arm ended or began {value time} while it was measured",
        "Numbers are those of an arm that lost a process: see the log of its service, and whether memory ran out.",
    ),
    "ledger.recycled": Words(
        "Workers that were recycled while the arm was measured, as its command asks ({subject}): {value}",
        "What that costs is in the numbers: the gap, and requests that failed in it.",
    ),
    "memory.killed": Words(
        "The kernel killed {value process} of the arm because its memory was full: {subject}",
        "Raise budget.memory, or find what grows. The numbers are those of an arm that lost processes, even where new "
        "ones were started in their place.",
    ),
    "warmup.starved": Words(
        "Serving processes that got too few requests in the warm-up: {value}",
        "They were measured cold: warm up longer, or use more connections (load.lanes).",
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
    "drill.unfinished": Words(
        "The drill was not over when the measure phase ended, so its harm and recovery are not known and rank last",
        "Measure longer (load.measure).",
    ),
    "drill.update": Words(
        "Updates that the Swarm stopped or took back: {value}",
        "So the drill shows what a failed update costs: see what was done, and the logs of the containers that ended.",
    ),
    "sidecar.cpu": Words(
        "The sidecar {subject} used {value} of a core",
        "You are comparing it rather than the arms, which wait for it: lower the rate, or give it less to do.",
    ),
}
