"""Refuse verbs of drills that an arm has nothing for: its process model, its front and who starts it again say so."""

from lab.errors import ScenarioError
from lab.plan.fronts.front import front_of
from lab.plan.further import has_several, supervised
from lab.plan.models.model import model_of
from lab.plan.upstream import UPSTREAM_HEADER
from lab.scenario.drills import Drill, Verb, nearest_verb
from lab.scenario.model import Arm, Scenario

CONTAINER, NOBODY = "always", "no"  # as restart


def lacks(arm: Arm, scenario: Scenario) -> dict[Verb, str]:
    """The verbs that cannot be done to an arm, each with what is missing."""
    missing, restart = {}, scenario.restart_of(arm)
    has_supervisor = supervised(scenario, arm)
    if not has_supervisor:
        missing[Verb.KILL_SUPERVISOR] = f"{arm.model.kind} with N = {scenario.budget.processes} has no supervisor"
    if not front_of(arm).hops:
        missing[Verb.KILL_FRONT] = "no front stands before the app"
    if not has_supervisor and restart == NOBODY:
        missing[Verb.CRASH_LOOP] = 'nobody starts a process again (restart = "no"), so that it crashes once'
    if not has_supervisor and restart != CONTAINER:
        missing[Verb.RECYCLE] = f'nobody starts a process again that ends well (restart = "{restart}")'
    if why := _cannot_grow(arm, scenario):
        missing[Verb.SCALE] = why
    if why := _keeps_its_certificate(arm, scenario):
        missing[Verb.ROTATE_CERT] = why
    return missing


def unprepared(arm: Arm, scenario: Scenario) -> dict[Verb, str]:
    """The verbs that only a drill of the scenario prepares an arm for, each with what it has not without one."""
    missing = {
        Verb.DEPLOY: "no other image was named",
        Verb.SLOW_START: "it is a roll of an app that is slow on purpose",
    }
    if not supervised(scenario, arm):
        missing[Verb.SCALE] = "no further container was planned"
    if scenario.budget.memory.mode == "none":
        missing[Verb.OOM] = "there is no limit of memory"
    return missing


def _cannot_grow(arm: Arm, scenario: Scenario) -> str:
    if supervised(scenario, arm):
        return "" if model_of(arm).supervision.grows else f"the supervisor of {arm.model.kind} starts no further worker"
    if not has_several(scenario, arm):
        return f"{arm.model.kind} with N = {scenario.budget.processes} has no supervisor, nor a front before several"
    return _cannot_be_told(arm, scenario)


def _keeps_its_certificate(arm: Arm, scenario: Scenario) -> str:
    if not arm.tls:
        return "clients connect without TLS"
    if arm.fronted:
        return _keeps_its_configuration(arm)
    if supervised(scenario, arm) and model_of(arm).supervision.hangup:
        return ""
    return f"the server of {arm.model.kind} with N = {scenario.budget.processes} reads a certificate once, at its start"


def _keeps_its_configuration(arm: Arm) -> str:
    return "" if front_of(arm).reload else f"the front {arm.front.kind} has to be started again for it"


def _cannot_be_told(arm: Arm, scenario: Scenario) -> str:
    """Why a front cannot go over to other containers, or nobody would see whether it does."""
    if why := _keeps_its_configuration(arm):
        return why
    if scenario.app.server_header or front_of(arm).reader(arm.front):
        return ""
    return (
        f"nobody could see whether the front {arm.front.kind} does as it is told: it does not name what it chose "
        f'({UPSTREAM_HEADER}), nor the app its processes (app.server_header = "")'
    )


def _lacks(arm: Arm, scenario: Scenario, drill: Drill) -> str:
    """What the arm has not, and the drill needs; "" for nothing."""
    told = (drill.drain or drill.blue_green) and has_several(scenario, arm)
    return lacks(arm, scenario).get(drill.verb) or (_cannot_be_told(arm, scenario) if told else "")


def check_verbs(scenario: Scenario) -> None:
    """Raise ScenarioError (exit 2) for a drill that cannot be done to every arm."""
    for drill in scenario.drills:
        for arm in scenario.arms:
            if missing := _lacks(arm, scenario, drill):
                near = nearest_verb(drill.verb, set(Verb) - {drill.verb} - set(lacks(arm, scenario)))
                raise ScenarioError(
                    f'drill "{drill.key}": arm "{arm.name}": {missing}',
                    f'leave the arm out, or take verb = "{near}", the nearest that it has',
                )
