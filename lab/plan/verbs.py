"""Refuse verbs of drills that an arm has nothing for: its process model, its front and who starts it again say so."""

import math

from lab.errors import ScenarioError
from lab.plan.fronts.front import front_of
from lab.plan.further import has_several, supervised
from lab.plan.models.model import model_of
from lab.plan.upstream import UPSTREAM_HEADER
from lab.scenario.choices import AUTO
from lab.scenario.drills import UPDATING, Drill, Update, Verb, nearest_verb
from lab.scenario.kinds import ENGINES
from lab.scenario.model import Arm, Scenario
from lab.units import count_of

REPLACED_S = 3.0  # that a new task takes at least to be where the old one was, beside what it is looked at
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
        Verb.NODE_LOSS: "it takes a Swarm",
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
    if drill.verb is Verb.NODE_LOSS:
        return _has_nothing_there(arm, scenario, drill)
    told = (drill.drain or drill.blue_green) and has_several(scenario, arm)
    return lacks(arm, scenario).get(drill.verb) or (_cannot_be_told(arm, scenario) if told else "")


def _has_nothing_there(arm: Arm, scenario: Scenario, drill: Drill) -> str:
    """Containers of the app are given to the nodes in turn: fewer than there are nodes are on the first ones."""
    nodes = [node.name for node in scenario.arm_nodes]
    lost = drill.node or next((node.name for node in reversed(scenario.expendable)), "")
    containers = model_of(arm).containers(arm.model, scenario.budget.processes)
    if lost in nodes and nodes.index(lost) >= containers:
        return f"it has {count_of(containers, 'container')}, and none on node {lost}, whose loss it would not notice"
    return ""


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
            _check_length(arm, scenario, drill)


def least_measure_s(arm: Arm, scenario: Scenario, drill: Drill) -> float:
    """How long a measure phase holds the drill as a whole, with the time to recover from it: of an update, too."""
    containers, how = _updated(arm, scenario, drill), drill.update or Update()
    return drill.least_measure_s + math.ceil(containers / how.parallelism) * (how.monitor + REPLACED_S)


def _updated(arm: Arm, scenario: Scenario, drill: Drill) -> int:
    """How many containers of the arm an update of the engine replaces for it."""
    by_engine = scenario.engine != AUTO and ENGINES[scenario.engine].updates
    if drill.verb not in UPDATING or drill.blue_green or not by_engine:
        return 0
    if drill.verb is Verb.ROTATE_CERT:  # what clients connect to, all of it side by side
        return 1
    return model_of(arm).containers(arm.model, scenario.budget.processes)


def _check_length(arm: Arm, scenario: Scenario, drill: Drill) -> None:
    """Refuse an update that the measure phase does not hold."""
    containers, least_s = _updated(arm, scenario, drill), least_measure_s(arm, scenario, drill)
    monitor_s = (drill.update or Update()).monitor
    if containers and scenario.load.measure < least_s:
        raise ScenarioError(
            f'drill "{drill.key}": arm "{arm.name}": an update of {count_of(containers, "container")} takes a measure '
            f"phase of {least_s:g} s at least, for each new task is looked at for {monitor_s:g} s",
            "raise load.measure, or drills[].update.parallelism, or lower its monitor",
        )
