"""The declarations of the engines, and the choice of one for a run. Light: a scenario's engine is checked here."""

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal, TypeAlias, cast

from lab.engines import Engine
from lab.engines.process.refusals import VERBS, check_plain, takes_image
from lab.engines.swarm.refusals import VERBS as SWARM_VERBS
from lab.engines.swarm.refusals import check_swarm
from lab.scenario.drills import Verb
from lab.scenario.kinds import ENGINES
from lab.scenario.model import Scenario

if TYPE_CHECKING:  # Docker's SDK comes with it
    from lab.engines.images.images import ImageRecord
    from lab.record.run_types import EngineFacts

from lab.errors import MissingError, ScenarioError
from lab.scenario.choices import AUTO

OnStep = Callable[[str], None]
Opened: TypeAlias = "tuple[Engine, Mapping[str, ImageRecord]]"
ASKED = "asked for"
ON_NODES = "docker"  # the one that is taken for several machines, unless another one is asked for


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineKind:
    """An engine that a scenario can name.

    ``title``: for `lab plan`. ``contained``: whether arms run in containers, from images; else they are plain processes
    of this machine, from app.requirements and its programs. ``check`` raises ScenarioError for a scenario that it
    cannot run. ``reach`` raises MissingError where it is not there at all; ``absent`` says so in a few words. ``open``
    prepares what the arms run from: scenario, run id, who is told of steps, and why this engine was taken; it raises
    MissingError. ``automatic``: whether ``engine = "auto"`` may take it, in the order of declaration. ``elsewhere``
    tells, for a run id, why the engine's processes are not this machine's: "" if they are, or where that is not known
    yet. ``verbs``: what it can do of drills; ``check`` refuses the others. ``updates``: whether it replaces containers
    by updates of its own, for which a drill may say how, and moves them. ``pins``: whether it can keep arms to some
    cores. ``restarts``: whether it obeys Docker's restart policies. ``never``: why no change of a scenario's other keys
    would let it run here; "" where one may. ``machines``: those on which it runs the arms: this one, the first of
    [[nodes]], or all that drive no load.
    """

    title: str
    contained: bool
    check: Callable[[Scenario], None]
    reach: Callable[[], None]
    absent: str = ""
    open: Callable[[Scenario, str, OnStep, str], Opened]
    automatic: bool = False
    elsewhere: Callable[[str], str] = lambda _run_id: ""
    verbs: frozenset[Verb] = frozenset(Verb)
    updates: bool = False
    pins: bool = False
    restarts: bool = False
    never: Callable[[Scenario], str] = lambda _scenario: ""
    machines: Literal["this", "first", "all"] = "this"


ENGINE_KINDS = cast(Mapping[str, EngineKind], ENGINES)  # a scenario knows less of them


def _reach_docker() -> None:
    from lab.engines.docker.engine import connect  # its SDK is not needed to read a scenario

    connect().close()


def _docker_elsewhere(run_id: str) -> str:
    from lab.engines.docker.opening import elsewhere_so_far

    return elsewhere_so_far(run_id)


def _open_docker(scenario: Scenario, run_id: str, on_step: OnStep, _why: str) -> Opened:
    from lab.engines.docker.opening import open_docker

    return open_docker(scenario, run_id, on_step)


def _open_swarm(scenario: Scenario, run_id: str, on_step: OnStep, _why: str) -> Opened:
    from lab.engines.swarm.opening import open_swarm

    return open_swarm(scenario, run_id, on_step)


def _open_processes(scenario: Scenario, run_id: str, on_step: OnStep, why: str) -> Opened:
    from lab.engines.process.engine import open_processes

    return open_processes(scenario, run_id, on_step, why)


ENGINES.declare(
    "docker",
    EngineKind(
        title="docker",
        contained=True,
        check=lambda _scenario: None,  # containers can do everything that a scenario asks for
        reach=_reach_docker,
        absent="no Docker engine answered",
        open=_open_docker,
        automatic=True,
        elsewhere=_docker_elsewhere,
        verbs=frozenset(Verb) - {Verb.NODE_LOSS},
        pins=True,
        restarts=True,
        machines="first",
    ),
)
ENGINES.declare(
    "swarm",
    EngineKind(
        title="swarm: services of a Docker Swarm that exists, over all [[nodes]]",
        contained=True,
        check=check_swarm,
        verbs=SWARM_VERBS,
        updates=True,
        reach=lambda: None,  # by the engines of its nodes, when it is opened
        open=_open_swarm,
        machines="all",
    ),
)
ENGINES.declare(
    "process",
    EngineKind(
        title="process: plain processes of this machine, from app.requirements and without the image",
        contained=False,
        check=check_plain,
        verbs=VERBS,
        never=takes_image,
        reach=lambda: None,  # every machine has processes
        open=_open_processes,
        automatic=True,
    ),
)


def open_engine(
    scenario: Scenario, run_id: str, on_step: OnStep, *, engines: Mapping[str, EngineKind] = ENGINE_KINDS
) -> Opened:
    """An engine with everything that the arms need; ``auto`` takes the first that is there.

    Raises MissingError when the engine, an image, a program or a package cannot be had, ScenarioError when the
    scenario asks for what the engine cannot do.
    """
    if scenario.nodes:  # opening it reaches the engine of each
        name = ON_NODES if scenario.engine == AUTO else scenario.engine
        return _open(engines[name], scenario, run_id, on_step, ASKED)
    if scenario.engine != AUTO:
        chosen = engines[scenario.engine]
        chosen.reach()
        return _open(chosen, scenario, run_id, on_step, ASKED)
    automatic = [engine for engine in engines.values() if engine.automatic]
    missing: list[MissingError] = []
    for engine in automatic:
        try:
            engine.reach()
        except MissingError as error:
            missing.append(error)
            continue
        why = automatic[0].absent if missing else ASKED
        if missing and (never := engine.never(scenario)):
            raise MissingError(f"{missing[0]}; {never}", missing[0].hint)
        if missing:
            on_step(f"{why}: taking engine {engine.title} instead")
        try:
            return _open(engine, scenario, run_id, on_step, why)
        except (MissingError, ScenarioError) as error:
            if not missing:
                raise
            both = f"{missing[0]}; and without it: {error}"
            raise MissingError(both, f"{missing[0].hint}; or {error.hint}") from None
    raise missing[-1]


def facts_of(engine: Engine) -> "EngineFacts":
    """What an engine says of itself, and what its declaration says of it: no engine has to say that twice."""
    declared = ENGINE_KINDS.get(engine.name)
    return replace(engine.describe(), contained=declared.contained if declared else None)


def surely_plain(engine: str) -> bool:
    """Whether a scenario's engine runs no containers; ``auto`` may find one that does."""
    return engine != AUTO and not ENGINE_KINDS[engine].contained


def engine_elsewhere(scenario: Scenario, run_id: str) -> str:
    """Why the processes of the engine that will be taken are not this machine's, as far as is known with nothing built.

    "" if they are, and where no engine is there or one fails, which opening it says.
    """
    with suppress(MissingError):
        return engine.elsewhere(run_id) if (engine := _there(scenario, ENGINE_KINDS)) else ""
    return ""


def engine_pins(scenario: Scenario, run_id: str) -> bool:
    """Whether the engine that will be taken can keep arms to some cores of this machine, as far as is known."""
    with suppress(MissingError):
        engine = _there(scenario, ENGINE_KINDS)
        return not scenario.nodes and engine is not None and engine.pins and not engine.elsewhere(run_id)
    return False


def _there(scenario: Scenario, engines: Mapping[str, EngineKind]) -> EngineKind | None:
    """The engine that will be taken; None where none is there."""
    named = scenario.engine != AUTO
    for engine in [engines[scenario.engine]] if named else [each for each in engines.values() if each.automatic]:
        with suppress(MissingError):
            engine.reach()
            return engine
    return None


def _open(engine: EngineKind, scenario: Scenario, run_id: str, on_step: OnStep, why: str) -> Opened:
    engine.check(scenario)
    return engine.open(scenario, run_id, on_step, why)
