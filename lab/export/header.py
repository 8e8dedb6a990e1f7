"""The words at the head of every exported file: the run, what was measured, what never was, what to fill in."""

from collections.abc import Iterable, Iterator
from textwrap import wrap

from lab import __version__
from lab.export.deployment import Deployment, Value
from lab.export.fronts import setting_of, threads_told
from lab.export.target import ExportedFile, Target
from lab.plan.models.model import GRACEFUL_SHUTDOWN_S, arm_title
from lab.plan.topology import SCRATCH, Service
from lab.report.renderers.text import one_line
from lab.scenario.choices import AUTO
from lab.scenario.kinds import ENGINES
from lab.scenario.network import Network
from lab.units import count_of, format_bytes, format_count, format_ratio, format_seconds

WIDTH = 110
VALUES = "values.env"
QUOTED = (
    "Between '…' a value stands as it is. One with a ' in it cannot stand there: delete its line, and export it as a "
    "variable of the shell"
)
NEVER = (
    "restarts, probes and updates as they are written here",
    "any rate, payload or hour but those of the run; for how long memory grows beyond it",
)


def header(deployment: Deployment, target: Target, *notes: str, by_hand: Iterable[str] = ()) -> str:
    """The head of a file as comments.

    ``notes``: what this target adds to what was never measured; ``by_hand``: what else a person must see to.
    """
    lines = []
    for paragraph, indent in _paragraphs(deployment, target, notes, by_hand):
        lines += wrap(
            one_line(paragraph) if not paragraph.startswith(" ") else f"  {one_line(paragraph)}",
            WIDTH,
            subsequent_indent=indent,
            break_long_words=False,
            break_on_hyphens=False,
        )
    return "".join(f"# {line}\n" for line in lines)


def origin(deployment: Deployment, name: str, whole: str, comment: str = "#") -> str:
    """The head of a file that lies beside ``whole``, which has all the rest: from which run it is."""
    lines = (
        f"{name} of {_of_arm(deployment)}",
        _written(deployment),
        f"What was measured, and what never was: the head of {whole}.",
    )
    return "".join(f"{comment} {one_line(line)}\n" for line in lines)


def values_file(deployment: Deployment, whole: str, *more: Value, besides: str = "") -> ExportedFile:
    """The list of values as a file that Compose and shells read alike, for its owner alone: secrets come into it.

    ``whole``: the file beside it with the whole head; ``besides``: what else a target asks of a value.
    """
    lines = [origin(deployment, VALUES, whole), *(f"# {line}\n" for line in wrap(f"{QUOTED}{besides}.", WIDTH))]
    for value in (*deployment.values, *more):
        given = "''" if value.secret else value.default
        lines.append(f"# {_told(value)}\n{value.name}={given}\n")
    return ExportedFile(name=VALUES, text="".join(lines), mode=0o600)


def _paragraphs(
    deployment: Deployment, target: Target, notes: tuple[str, ...], by_hand: Iterable[str]
) -> Iterator[tuple[str, str]]:
    needs = deployment.needs
    yield f"{target.title} of {_of_arm(deployment)}", "  "
    yield _written(deployment), "  "
    yield "Deploy, in the folder of this file:", "  "
    for step in target.start(deployment).split("; "):
        yield f"  {step}", "      "
    untried = ", ".join(target.untried(deployment))
    yield f"Tried: {target.run_by_us}" + (f"; never with {untried}" if untried else ""), "       "
    yield f"Measured ({count_of(needs.memory_trials, 'trial')} with valid memory):", "  "
    for line in _measured(deployment):
        yield f"  - {line}", "    "
    yield "Never measured:", "  "
    for line in (*_unmeasured(deployment), *notes, _other_machines(deployment), *NEVER):
        yield f"  - {line}", "    "
    yield "To be filled in:", "  "
    for value in target.values(deployment):
        usual = f" (by default {value.default})" if value.default else ""
        yield f"  - {value.name}: {_told(value)}{usual}", "    "
    for line in (*_by_hand(deployment), *by_hand):
        yield f"  - {line}", "    "


def _of_arm(deployment: Deployment) -> str:
    place = f" at {deployment.point.title}" if deployment.point.title else ""
    return f'arm "{deployment.arm.name}"{place} ({arm_title(deployment.arm)}).'


def _written(deployment: Deployment) -> str:
    run = deployment.run
    return f"Written by process-model-lab {__version__} from run {run.run_id} of {run.started_at}."


def _told(value: Value) -> str:
    return one_line(value.what)


def _measured(deployment: Deployment) -> Iterator[str]:
    needs, scenario = deployment.needs, deployment.scenario
    load = f"{scenario.load.rate:g} arrivals a second" if scenario.load.rate else "the closed model"
    load = "a ladder of rates" if scenario.capacity else load
    machine = deployment.run.environment.known
    where = f"{machine.cpu_count or 'an unknown number of'} cores ({machine.cpu_model or 'unknown'})"
    nodes = len(deployment.point.scenario.arm_nodes)
    where = f"{nodes} nodes, of which the first has {where}" if nodes > 1 else where
    yield f"{deployment.topology.processes} serving processes, {load}, on {where}"
    failed = f"{format_count(needs.failures)} of {format_count(needs.requests)} requests failed"
    yield failed + (f", p99 {format_seconds(needs.p99_s)} (median of trials)" if needs.p99_s is not None else "")
    for service in (*deployment.topology.sidecars, deployment.app[0], *deployment.front):
        need, limit = deployment.need(service), deployment.memory_limit(service)
        who = service.name if service is not deployment.app[0] else "each container of the app"
        peak = need.memory_bytes
        memory = "memory was not read" if peak is None else f"memory {format_bytes(peak)} at its peak"
        cores = "CPU was not read" if need.cores is None else f"{need.cores:.2f} cores on average"
        room = "the limit that it was measured under" if service.limits.memory_bytes else _room(deployment, service)
        end = f"; limit {format_bytes(limit)}: {room}" if limit else "; no limit"
        yield f"{who}: {memory}, {cores}{end}"


def _room(deployment: Deployment, service: Service) -> str:
    folders = service.in_memory_bytes
    beside = f", and {format_bytes(folders)} of folders in memory" if folders else ""
    return f"that peak and {format_ratio(deployment.head_room)} head-room{beside}"


def _unmeasured(deployment: Deployment) -> Iterator[str]:
    budget = deployment.scenario.budget
    yield (
        f"files in {SCRATCH} and other folders in memory: they count against a container's memory limit, and are in no "
        f"peak; limits have room for the folders of the scenario where the run had no limit, none for {SCRATCH}"
    )
    if _on_loopback(deployment):
        yield "this network: in the run all containers shared the machine's loopback"
    for name, quota in (("CPU", budget.cpus), ("memory", budget.memory)):
        if quota.mode == "pooled":
            yield f"one limit of {name} over all containers together, as the run had it: here each has its own, or none"
    if deployment.front and deployment.scenario.swarm.everywhere:
        yield "the way to a front: in the run each node had one, and load processes were dealt out to them in turn"
    if deployment.front:
        setting = setting_of(deployment.run, len(deployment.app))
        told = threads_told(deployment.arm, deployment.front, setting)
        yield f"more workers or threads of a front than in the run, for which its memory limit has no room: {told}"
        yield "answers without X-Lab-Upstream, in which the run's front named the container that gave them"
        if len(deployment.app) == 1:
            yield "the front's checks without those that count failed requests, as there is one address to ask only"
    if budget.cpuset:
        yield f"other cores: in the run all containers were pinned to {budget.cpuset}, here they are not"
    if deployment.topology.watchdog:
        yield "the watchdog of the run, which started containers again that did not answer, is no part of this"
    if deployment.topology.sidecars:
        yield "sidecars with data: in every trial they were fresh"


def over_nodes(deployment: Deployment) -> bool:
    """Whether the run had its arms in the network of a Swarm."""
    engine = deployment.point.scenario.engine
    return engine != AUTO and ENGINES[engine].machines == "all"


def published(deployment: Deployment) -> bool:
    """Whether clients of the run came through a port that Docker publishes: for load from another machine only."""
    return bool(deployment.point.scenario.load_nodes) and not over_nodes(deployment)


def _other_machines(deployment: Deployment) -> str:
    if over_nodes(deployment):
        return "other nodes than those on which the run had its arms"
    if deployment.point.scenario.load_nodes:
        return "the arm on more than one machine, and on any other than that of the run; its load came from elsewhere"
    return "more than one machine, and any other machine than that of the run"


def _by_hand(deployment: Deployment) -> Iterator[str]:
    told = any("grace" in word for word in deployment.app[0].argv)
    if deployment.scenario.command_of(deployment.arm) or not told:
        yield (
            "how long the app may take to end: its command is not known to say, and what is written here is for one "
            f"that takes {GRACEFUL_SHUTDOWN_S} s"
        )
    for sidecar in deployment.topology.sidecars:
        yield f"storage of {sidecar.name}: what it writes is lost with its container; give it a volume"


def _on_loopback(deployment: Deployment) -> bool:
    """Whether the run had all containers of the arm on the loopback of its machine."""
    scenario = deployment.point.scenario
    measured = next(arm for arm in scenario.arms if arm.name == deployment.arm.name)
    elsewhere = deployment.run.environment.known.engine_at or ""
    return scenario.network_of(measured, elsewhere).network is Network.HOST
