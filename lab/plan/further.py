"""Further containers of an app, which a drill starts beside those that an arm begins with."""

from collections.abc import Sequence
from dataclasses import replace

from lab.plan.models.model import AppPlace, model_of
from lab.plan.topology import NEW, Service
from lab.scenario.drills import Drill, Verb
from lab.scenario.model import Arm, Scenario


def has_several(scenario: Scenario, arm: Arm) -> bool:
    """Tell whether several containers of the app stand behind a front."""
    return arm.fronted and model_of(arm).containers(arm.model, scenario.budget.processes) > 1


def supervised(scenario: Scenario, arm: Arm) -> bool:
    """Tell whether its serving processes have supervisors."""
    return bool(model_of(arm).supervisors(arm.model, scenario.budget.processes))


def how_many(scenario: Scenario, arm: Arm) -> int:
    """The most containers that a drill of the scenario adds to the arm."""
    return max((_of(drill, scenario, arm) for drill in scenario.drills), default=0)


def _of(drill: Drill, scenario: Scenario, arm: Arm) -> int:
    if not has_several(scenario, arm):
        return 0
    if drill.blue_green:
        return int(model_of(arm).containers(arm.model, scenario.budget.processes))
    return 1 if drill.verb is Verb.SCALE and not supervised(scenario, arm) else 0


def further_services(scenario: Scenario, arm: Arm, app: AppPlace, ports: Sequence[int]) -> tuple[Service, ...]:
    """So many as there are ``ports``: one more of its kind, or another of each, from the image that is deployed."""
    if not ports:
        return ()
    model, drill = model_of(arm), scenario.drills[0]
    if drill.verb is Verb.SCALE:
        more = replace(app, processes=app.processes + 1, ports=(*app.ports, *ports))
        return (model.services(arm.model, more)[-1],)
    return tuple(
        replace(
            service,
            name=f"{service.name}{NEW}",
            host=app.network.host_of(f"{service.name}{NEW}"),
            image=drill.image_key or service.image,
        )
        for service in model.services(arm.model, replace(app, ports=tuple(ports)))
    )
