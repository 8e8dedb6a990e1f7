"""Refuse verbs of drills that an arm has nothing for: its process model, its front and who starts it again say so."""

from lab.errors import ScenarioError
from lab.plan.fronts.front import front_of
from lab.plan.models.model import model_of
from lab.scenario.drills import Verb, nearest_verb
from lab.scenario.model import Arm, Scenario

CONTAINER, NOBODY = "always", "no"  # as restart


def lacks(arm: Arm, scenario: Scenario) -> dict[Verb, str]:
    """The verbs that cannot be done to an arm, each with what is missing."""
    missing, restart = {}, scenario.restart_of(arm)
    supervised = model_of(arm).supervisors(arm.model, scenario.budget.processes) > 0
    if not supervised:
        missing[Verb.KILL_SUPERVISOR] = f"{arm.model.kind} with N = {scenario.budget.processes} has no supervisor"
    if not front_of(arm).hops:
        missing[Verb.KILL_FRONT] = "no front stands before the app"
    if not supervised and restart == NOBODY:
        missing[Verb.CRASH_LOOP] = 'nobody starts a process again (restart = "no"), so that it crashes once'
    if not supervised and restart != CONTAINER:
        missing[Verb.RECYCLE] = f'nobody starts a process again that ends well (restart = "{restart}")'
    return missing


def check_verbs(scenario: Scenario) -> None:
    """Raise ScenarioError (exit 2) for a drill that cannot be done to every arm."""
    for drill in scenario.drills:
        for arm in scenario.arms:
            missing = lacks(arm, scenario)
            if drill.verb in missing:
                near = nearest_verb(drill.verb, set(Verb) - set(missing))
                raise ScenarioError(
                    f'drill "{drill.key}": arm "{arm.name}": {missing[drill.verb]}',
                    f'leave the arm out, or take verb = "{near}", the nearest that it has',
                )
