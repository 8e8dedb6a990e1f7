"""The metrics of a drill, from what was found of it. Pure."""

import math
from collections.abc import Mapping

from lab.analysis.trial.drill import Aftermath
from lab.analysis.trial.fallout import Fallout
from lab.analysis.trial.radius import Radius
from lab.record.schema import ACTION, CERTIFICATE_SEEN

AFTERMATH: Mapping[str, str] = {
    "drill.harm": "harm_s",
    "drill.recovery": "recovery_s",
    "drill.share": "share_s",
    "drill.process": "process_s",
    "drill.lost": "lost",
    "drill.before": "bad_before",
}
FALLOUT: Mapping[str, str] = {
    "drill.detected": "first_s",
    "drill.slots": "slots",
    "drill.restarts": "restarts",
    "drill.cpu": "cpu_s",
    "drill.duplicates": "duplicates",
}
RADIUS: Mapping[str, str] = {"drill.radius": "requests", "drill.connections": "connections"}


COSTS = ("drill.cpu", "drill.radius", "drill.slots", "drill.restarts")  # which the rest of a drill only adds to


def drill_values(
    after: Aftermath | None, traces: Fallout | None, reached: Radius | None, *, over: bool = True
) -> dict[str, float | None]:
    """All of them; None in a trial without a drill, and where nobody can tell.

    ``over``: False for a drill that was not over when the measure phase ended. Then nobody has seen the rest of what it
    cost, so that this is infinite, as are harm and recovery.
    """
    found = _values(after, traces, reached)
    return found if over else {key: _censored(key, value) for key, value in found.items()}


def _censored(key: str, value: float | None) -> float | None:
    return math.inf if key in COSTS and value is not None else value


def _values(after: Aftermath | None, traces: Fallout | None, reached: Radius | None) -> dict[str, float | None]:
    return {
        **_told(after, AFTERMATH),
        **_told(traces, FALLOUT),
        **_told(reached, RADIUS),
        "drill.certificate": _certificate_s(after),
    }


def _told(found: object, fields: Mapping[str, str]) -> dict[str, float | None]:
    told = {name: getattr(found, field) if found else None for name, field in fields.items()}
    return {name: None if value is None else float(value) for name, value in told.items()}


def _certificate_s(after: Aftermath | None) -> float | None:
    """When every new connection was shown a new certificate; None where none was changed."""
    acts = after.acts if after else ()
    seen = next((act for act in acts if act.kind == f"{ACTION}{CERTIFICATE_SEEN}"), None)
    return seen.t_s - after.action_s if after and seen else None
