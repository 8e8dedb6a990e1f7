"""``lab plan SCENARIO``: what would run and how long, touching nothing."""

import shlex
from collections.abc import Iterator, Mapping
from contextlib import closing
from typing import Annotated, Any

import typer

from lab.cli.asked import scenario_of, with_blocks, with_engine
from lab.cli.console import put, put_json
from lab.cli.options import Blocks, Engine, Json, ScenarioPath
from lab.cli.plan_warnings import warnings
from lab.cli.plan_words import (
    budget_line,
    drill_lines,
    expectation_lines,
    given_lines,
    ladder_lines,
    limit_lines,
    load_line,
    network_lines,
    node_lines,
    order_lines,
    time_lines,
)
from lab.engines.docker.engine import connect
from lab.engines.images.starts import ImageStart, check_targets, start_of
from lab.engines.kinds import ENGINE_KINDS, ON_NODES, surely_plain
from lab.errors import MissingError
from lab.plan.arm_topology import build_topology, nominal_ports
from lab.plan.axes import swept_axes
from lab.plan.blocks import Plan, build_plan
from lab.plan.models.model import arm_title
from lab.plan.topology import Service, Stage
from lab.report.renderers.text import printable
from lab.scenario.beside import start_order
from lab.scenario.choices import AUTO
from lab.scenario.file import scenario_to_json
from lab.scenario.model import APP_IMAGE, Arm, Scenario
from lab.units import count_of

NOT_HERE = "the image is not here to be asked: if it has an ENTRYPOINT, that stands in front"
AUTOMATIC = "auto: Docker where it answers, else plain processes of this machine"
MORE = "with --all: every command, limit and configuration file as well"
IN_FULL = "in full; ports are examples, for a run takes free ones"

All = Annotated[bool, typer.Option("--all", help="Print every command, limit and configuration file as well.")]


def plan(
    scenario: ScenarioPath, blocks: Blocks = None, engine: Engine = None, everything: All = False, json: Json = False
) -> None:
    """Print what would run, for how long, and what it could say: arms, load, warnings, order. Runs nothing."""
    planned = build_plan(with_engine(with_blocks(scenario_of(scenario), blocks), engine))
    if planned.scenario.engine != AUTO:
        ENGINE_KINDS[planned.scenario.engine].check(planned.scenario)
    if not surely_plain(planned.scenario.engine):
        check_targets(planned.scenario, None)
    if json:
        put_json(_document(planned))
    else:
        put("\n".join(_lines(planned, everything=everything)))


def image_starts(scenario: Scenario) -> dict[str, ImageStart | None]:
    """How images start, by their keys: an ENTRYPOINT stands before the command. None where nobody tells."""
    keys = [APP_IMAGE, *(arm.image_key for arm in scenario.arms), *(each.image_key for each in scenario.sidecars)]
    keys += [job.image_key for job in scenario.jobs if job.image]  # one without runs in the app's
    if surely_plain(scenario.engine):
        return dict.fromkeys(keys, ImageStart())
    starts = {key: start_of(scenario, key, None) for key in keys}
    if all(starts.values()):
        return starts  # the Dockerfile says it: no engine is asked
    try:
        client = connect()
    except MissingError:
        return starts
    with closing(client):
        return {key: start or start_of(scenario, key, client) for key, start in starts.items()}


def _document(planned: Plan) -> dict[str, Any]:
    starts = image_starts(planned.scenario)
    return {
        "scenario": scenario_to_json(planned.scenario),
        "estimated_s": planned.estimated_s,
        "warnings": list(warnings(planned)),
        "trials": [trial.id for trial in planned.trials],
        "beside": [_service(each, starts) for stage in _before(planned) for each in stage.containers],
        "arms": {
            arm.name: [_service(service, starts) for service in _services(planned, arm.name)]
            for arm in planned.scenario.arms
        },
    }


def _service(service: Service, starts: Mapping[str, ImageStart | None]) -> dict[str, Any]:
    return {
        "service": service.name,
        "image": service.image,
        "argv": _argv(service, starts),
        "argv_is_whole": _is_whole(service, starts),
        "host": service.host,
        "ports": service.ports,
        "files": service.recorded_files,
    }


def _before(planned: Plan) -> tuple[Stage, ...]:
    """The stages before the first trial; those of the others differ in how often a job runs."""
    first = planned.trials[0]
    return build_topology(first.scenario, first, nominal_ports(first.scenario, first.arm)).before


def _services(planned: Plan, arm_name: str) -> tuple[Service, ...]:
    first = planned.points[0]
    trial = next(each for each in planned.trials if each.arm.name == arm_name and each.point.key == first.key)
    topology = build_topology(trial.scenario, trial, nominal_ports(trial.scenario, trial.arm))
    return tuple(sorted(topology.services, key=lambda service: service.ports))


def _lines(planned: Plan, *, everything: bool = False) -> Iterator[str]:
    starts = image_starts(planned.scenario)
    yield from _head_lines(planned)
    yield from network_lines(planned)
    yield from node_lines(planned)
    yield from drill_lines(planned)
    yield from ladder_lines(planned)
    yield from limit_lines(planned)
    yield from expectation_lines(planned)
    yield from _beside_lines(planned, starts)
    yield from time_lines(planned)
    yield from (f"  !         {printable(warning)}" for warning in warnings(planned))
    yield from ("", "arms")
    yield from map(_arm_line, planned.scenario.arms)
    yield from order_lines(planned)
    yield from (_whole_lines(planned, starts) if everything else ("", MORE))


def _whole_lines(planned: Plan, starts: Mapping[str, ImageStart | None]) -> Iterator[str]:
    """What every container of every arm runs and gets, and every configuration file."""
    of_several = f", at {planned.points[0].title}" if len(planned.points) > 1 else ""
    yield from ("", f"{IN_FULL}{of_several}")
    for arm in planned.scenario.arms:
        yield from ("", *_arm_lines(planned, arm, starts))
    for path, (arm_name, text) in _files(planned).items():
        yield from ("", f"{path} of arm {arm_name}", *(f"  {printable(line)}" for line in text.splitlines()))


def _head_lines(planned: Plan) -> Iterator[str]:
    scenario = planned.scenario
    load, budget = scenario.load, scenario.budget
    yield printable(scenario.question)
    chosen = ON_NODES if scenario.nodes and scenario.engine == AUTO else scenario.engine
    yield f"  engine    {AUTOMATIC if chosen == AUTO else ENGINE_KINDS[chosen].title}"
    yield f"  image     {printable(scenario.app.image) or f'built from {scenario.app.build}'}"
    yield budget_line(scenario)
    if budget.cpuset or load.cores:
        yield f"  cores     arms {budget.cpuset or 'all'}, load {load.cores or 'all'}"
    yield load_line(scenario)
    yield f"  compare   {_compared(scenario)}"
    if len(planned.points) > 1 or swept_axes(scenario):
        titles, each = "; ".join(point.title for point in planned.points), count_of(planned.blocks, "block")
        yield f"  points    {titles}: compared apart, each with {each}"
    if scenario.sweep.slo:
        yield f"  enough    what holds {scenario.sweep.slo} (sweep.slo)"
    if scenario.trials.looks:
        looks = ", ".join(map(str, scenario.trials.looks))
        yield f"  looks     after {looks} valid blocks: the run ends early when every verdict is reached"


def _compared(scenario: Scenario) -> str:
    if len(scenario.arms) == 1:
        return "nothing is compared: there is one arm"
    metrics, judged = ", ".join(scenario.compare.primary), ", ".join(scenario.judged)
    return f"with {scenario.baseline}; judged: {f'{metrics} of {judged}' if metrics and judged else 'nothing'}"


def _arm_line(arm: Arm) -> str:
    own_image = f", image {printable(arm.image)}" if arm.image else ""
    return f"  {arm.name}: {arm_title(arm)}{own_image}"


def _arm_lines(planned: Plan, arm: Arm, starts: Mapping[str, ImageStart | None]) -> Iterator[str]:
    yield f"arm {arm.name}"
    for service in _services(planned, arm.name):
        yield f"  {service.name:<8} {_command(service, starts)}"
        yield from (f"           {text}" for text in given_lines(service))


def _beside_lines(planned: Plan, starts: Mapping[str, ImageStart | None]) -> Iterator[str]:
    """What starts before every arm, in this order, and is no part of one."""
    scenario = planned.scenario
    services = {service.name: service for stage in _before(planned) for service in stage.containers}
    for sidecar in (sidecar for together in start_order(scenario.sidecars) for sidecar in together):
        ready = f", ready {sidecar.ready}" if sidecar.ready else ""
        head = f"  sidecar   {sidecar.name}: {sidecar.image or sidecar.build}{ready}"
        yield printable(f"{head}: {_command(services[sidecar.name], starts)}")
    for job in scenario.jobs:
        times = "once" if job.times == "once" else "once for each container of the app"
        head = f"  job       {job.name}, {times}, in {job.image or 'the image of the app'}"
        yield printable(f"{head}: {job.command}")


def _command(service: Service, starts: Mapping[str, ImageStart | None]) -> str:
    """The words for people, and what may stand in front of them."""
    command = shlex.join(_argv(service, starts)) or "(the image's own command)"
    return command if _is_whole(service, starts) else f"{command}\n           {NOT_HERE}"


def _files(planned: Plan) -> dict[str, tuple[str, str]]:
    """Path → the first arm that has such a configuration file, and its text."""
    found: dict[str, tuple[str, str]] = {}
    for arm in planned.scenario.arms:
        for service in _services(planned, arm.name):
            for path, text in service.recorded_files.items():
                found.setdefault(path, (arm.name, text))
    return found


def _argv(service: Service, starts: Mapping[str, ImageStart | None]) -> list[str]:
    """Every word that runs, as far as it is known: the image's ENTRYPOINT, and its CMD where the lab has none."""
    if service.entrypoint is not None:
        return [*service.entrypoint, *service.argv]
    start = starts.get(service.image) or ImageStart()
    return [*start.entrypoint, *(service.argv or start.command)]


def _is_whole(service: Service, starts: Mapping[str, ImageStart | None]) -> bool:
    """Tell whether nothing but what is shown will run."""
    return service.entrypoint is not None or service.image not in starts or starts[service.image] is not None
