"""The end of a service in words: what its signs mean, and what to do."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from lab.engines.known_endings import ENDINGS, Ending, Fault, Sign
from lab.engines.tracebacks import without_inner_calls
from lab.errors import DeploymentError, EndedError, OutsideError
from lab.units import format_bytes

# What servers say that goes on all the same: gunicorn's, of a socket for its control that it cannot make.
HARMLESS = re.compile(r"(?m)^.*\bControl server error: .*$\n?")

# A line for a request: those of our probes would hide the rest.
ACCESS = re.compile(r'"[A-Z]+ [^"]* HTTP/[\d.]+" [1-5]\d\d\b')
TAIL_LINES = 20  # of a service, in a sentence


@dataclass(frozen=True, slots=True)
class End:
    """An ending in words: ``told`` is a sentence or the part of one, "" when it is none of those known."""

    told: str
    hint: str
    fault: Fault = Fault.UNTOLD


def explain(signs: Mapping[Sign, str], otherwise: str, endings: Sequence[Ending] = ENDINGS) -> End:
    """The first row of the table that these signs show; ``otherwise``: the hint where none does."""
    telling = {**signs, Sign.LOG: HARMLESS.sub("", signs.get(Sign.LOG, ""))}
    for ending in endings:
        if (found := re.search(ending.pattern, telling.get(ending.sign, ""))) is not None:
            named = ":".join(filter(None, found.groups())) or "something"
            return End(ending.means.replace("{}", named), ending.hint.replace("{}", named), ending.fault)
    return End("", otherwise)


def lasts(answer: str) -> bool:
    """Tell whether the ``answer``, the text of Sign.ANSWER, is one of how an app is set up, if it stays the same."""
    rows = (ending for ending in ENDINGS if ending.sign is Sign.ANSWER)
    return next((ending.lasts for ending in rows if re.search(ending.pattern, answer)), False)


def last_lines(log: str, most: int = TAIL_LINES) -> str:
    """The last lines of a log that are no access log, if there are such; of tracebacks, those that tell of the app."""
    lines = without_inner_calls(log).splitlines()
    telling = [line for line in lines if not ACCESS.search(line)]
    return "\n".join((telling or lines)[-most:])


def end_of(who: str, how: str, signs: Mapping[Sign, str]) -> End:
    """A service that has ended: the sentence with its last lines, and what to do."""
    known = explain(signs, "fix the image or the command; `lab plan SCENARIO --all` shows what was started")
    means = f": {known.told}" if known.told else ""
    told = f"{who} {how}{means}; its last lines:\n{signs.get(Sign.LOG, '').strip() or '(it logged nothing)'}"
    return End(told, known.hint, known.fault)


def ended_error(trial_id: str, end: End) -> DeploymentError:
    """The error of a service that has ended: the arm's, unless something else is known to be at fault."""
    kind = OutsideError if end.fault is Fault.OUTSIDE else EndedError
    return kind(f"{trial_id}: {end.told}", end.hint)


def exit_sign(code: int, *, killed: bool, limit: float | None) -> str:
    """The text of Sign.EXIT. ``killed``: the kernel did, for want of memory; ``limit``: of memory, in bytes."""
    if killed:
        return f"{code} {out_of_memory(limit)}"
    return f"{code} limit {format_bytes(limit)}" if limit else f"{code}"


def out_of_memory(limit: float | None) -> str:
    """The text of Sign.EXIT where nothing has ended, but the kernel has killed a process for want of memory."""
    return f"out of memory at {format_bytes(limit)}" if limit else "out of memory"
