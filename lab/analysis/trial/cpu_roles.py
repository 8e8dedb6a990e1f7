"""CPU of the app's containers by role: the cgroups give the total, the processes inside say how it is divided. Pure."""

from collections import defaultdict
from collections.abc import Mapping, Sequence

from lab.analysis.trial.counters import complete_sum
from lab.analysis.trial.ledger import ARM_ROLES
from lab.analysis.trial.trial import TrialSummary
from lab.plan.kinds import Role

OTHER = "other"  # what containers used and no process that was read: it ended between two readings, or was never read
PARTS = (Role.WORKER.value, Role.SUPERVISOR.value, Role.INIT.value, Role.HELPER.value, OTHER)
NOTHING = 1e-9  # a remainder below it is the noise of adding up


def role_fractions(trial: TrialSummary) -> Mapping[str, float]:
    """The part of the app's CPU over the measure phase that each role used; together 1, empty when it is not known.

    Processes are read at other instants than their container. Where they add up to more than it, they share its total.
    """
    app = {service.service for service in trial.cpu if not service.proxy}
    total_s = complete_sum(service.cpu_s for service in trial.cpu if not service.proxy)
    if not total_s:
        return {}
    used: defaultdict[str, float] = defaultdict(float)
    for line in trial.ledger:
        if line.service in app and line.role in ARM_ROLES and line.cpu_s is not None:
            used[line.role.value] += line.cpu_s
    explained_s = max(total_s, sum(used.values()))
    rest = 1 - sum(used.values()) / explained_s
    return {role: cpu_s / explained_s for role, cpu_s in used.items()} | ({OTHER: rest} if rest > NOTHING else {})


def divided(total: float | None, trials: Sequence[Mapping[str, float]]) -> Mapping[str, float]:
    """``total`` divided as the trials' ``role_fractions`` are on average, in the order of PARTS; they add up to it.

    Means, because they add up to 1 like the fractions of every trial, which medians do not.
    """
    known = [fractions for fractions in trials if fractions]
    if total is None or not known:
        return {}
    seen = [part for part in PARTS if any(part in fractions for fractions in known)]
    return {part: total * sum(fractions.get(part, 0.0) for fractions in known) / len(known) for part in seen}
