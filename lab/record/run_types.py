"""HUB: run.json: what was planned, where, and what became of each trial."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Annotated, Any

from pydantic import Field, TypeAdapter

from lab.record.columns import MAX_COUNT
from lab.record.evidence import Count, Finite
from lab.record.machine import SeenFacts
from lab.record.schema import SCHEMA_VERSION, TrialState
from lab.scenario.file import scenario_from_json
from lab.scenario.model import Scenario


@dataclass(frozen=True, slots=True, kw_only=True)
class MachineFacts(SeenFacts):
    """Facts of one machine and its engine; None: not told, or not asked for in that version."""

    kernel: str | None = None
    architecture: str | None = None
    cpu_count: Count | None = None  # those that may be used
    cpu_online: Count | None = None
    memory_bytes: Count | None = None
    docker: str | None = None
    docker_api: str | None = None
    storage_driver: str | None = None
    cgroup_driver: str | None = None
    runtime: str | None = None
    docker_root: str | None = None
    engine_at: str | None = None  # the machine of the engine, where it is another one
    engine_marked: bool | None = None  # ``machine`` is the mark of that one; not told: that of the lab's own
    clock_offset_s: Finite | None = None
    clock_bound_s: Finite | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class GeneratorFacts(MachineFacts):
    """Facts of the node that drives load."""

    name: str = ""
    load_cores: Count | None = None  # None: all of cpu_count
    bundle_sha256: str | None = None  # of the locustfile and what it needs, as they are there


@dataclass(frozen=True, slots=True, kw_only=True)
class SwarmFacts:
    """How a run uses a Swarm: names of its nodes."""

    nodes: tuple[str, ...] = ()  # that run arms
    load: str = ""
    endpoint_mode: str = ""
    front: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineFacts(MachineFacts):
    """What an engine says of itself, and of the machines that it uses."""

    engine: str | None = None
    engine_because: str | None = None
    contained: bool | None = None  # whether arms run in containers; not told in older runs
    network: str | None = None
    network_because: str | None = None
    sampled_by: str | None = None
    memory_obstacle: str | None = None
    swarm: SwarmFacts | None = None
    generator: GeneratorFacts | None = None
    generators: Mapping[str, GeneratorFacts] = field(default_factory=dict)  # by name, where they are several

    @property
    def driving(self) -> tuple[GeneratorFacts, ...]:
        """Every node that drives load, where no arm runs."""
        return tuple(self.generators.values()) or ((self.generator,) if self.generator else ())

    @property
    def load_at(self) -> str | None:
        """The machines of these engines; None where load is driven on that of the arms."""
        return ", ".join(str(each.engine_at) for each in self.driving) or None


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts(EngineFacts):
    """The facts of a place that the lab itself states or reads."""

    lab: str | None = None
    python: str | None = None
    locust: str | None = None
    psutil: str | None = None
    docker_sdk: str | None = None
    polars: str | None = None
    app_python: str | None = None
    fastapi: str | None = None
    uvicorn: str | None = None
    image_digest: str | None = None

    @property
    def plain(self) -> bool:
        """Whether the arms were plain processes of the machine: older runs told the name of the engine alone."""
        return self.engine == "process" if self.contained is None else not self.contained


FACTS: TypeAdapter[Facts] = TypeAdapter(Facts)
ALWAYS_TOLD = "load_cores"  # also that there are no cores of its own


def told(facts: MachineFacts) -> dict[str, Any]:
    """The facts as plain values, for run.json, without those that are not told."""
    return _told(asdict(facts))


def _told(facts: Mapping[str, Any]) -> dict[str, Any]:
    known = {key: value for key, value in facts.items() if value not in (None, {}) or key == ALWAYS_TOLD}
    return {key: _plain(value) for key, value in known.items()}


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return _told(value)
    return list(value) if isinstance(value, tuple) else value


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    """The place of a run; unlike environments do not mix.

    ``facts`` are as they were told, in that order: an engine and an image may state what the lab only lists.
    """

    facts: Mapping[str, Any]

    def __getitem__(self, key: str) -> Any:
        return self.facts[key]

    @property
    def known(self) -> Facts:
        """Those that the lab knows. Raises pydantic.ValidationError, which reading a folder turns into a sentence."""
        return FACTS.validate_python(self.facts)


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """The ceiling of the load generator on this machine, in requests a second: see lab/run/calibration.py."""

    ceiling_per_s: Annotated[float, Field(gt=0, lt=MAX_COUNT)]
    load_processes: Count
    lanes: Count
    measured_at: str  # ISO 8601, UTC
    tls: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class LostTrial:
    """A trial that is invalid as a whole, for a machine that drove its load was lost: there is no record of it."""

    block: Count
    arm: str
    point: str  # its key
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RunInfo:
    """run.json: what was planned, where, and what became of each trial."""

    run_id: str
    started_at: str
    lab_version: str
    scenario: Mapping[str, Any]
    scenario_name: str
    environment: Environment
    images: Mapping[str, Mapping[str, str]]  # key -> ImageRecord.describe(): name, digest, id, origin, versions, …
    order: tuple[str, ...]
    states: Mapping[str, TrialState]
    cut: str = ""  # why the run ended early; empty when it did not
    cut_by_arm: bool = False  # because an arm did not come up, was not what it should be, or died
    cut_by_end: bool = False  # of those: because it ended, or was killed for memory; else the machine may be at fault
    inputs: Mapping[str, str] = field(default_factory=dict)  # "locustfile" -> sha256: what the scenario only names
    noise_floor: Mapping[str, Any] = field(default_factory=dict)  # of the machine, as known then: lab/run/floors.py
    left_out: Mapping[str, str] = field(default_factory=dict)  # trial -> why it could not be read; empty on disk
    calibration: Calibration | None = None  # None: the generator's ceiling on this machine is not known
    fronts: Mapping[str, Mapping[str, str]] = field(default_factory=dict)  # title -> what does not pass -> the proof
    exploratory: bool = False  # a session of `lab ui`: closed model by hand, one trial a visit, no verdict
    fallen: Mapping[str, Mapping[str, str]] = field(default_factory=dict)  # point -> arm -> why it could not run there
    lost: Mapping[str, LostTrial] = field(default_factory=dict)  # by the name of the trial
    schema_version: int = SCHEMA_VERSION

    @property
    def parsed_scenario(self) -> Scenario:
        """The stored scenario, which may be of an older version, as this one understands it. Raises ScenarioError."""
        return scenario_from_json(self.scenario)

    @property
    def question(self) -> str:
        """Tell what the run was to answer."""
        return str(self.scenario.get("question", ""))

    @property
    def arms(self) -> Mapping[str, Mapping[str, Any]]:
        """The options of each arm of the stored scenario, by its name; without what is no arm."""
        arms = self.scenario.get("arms", ())
        listed = [arm for arm in arms if isinstance(arm, Mapping)] if isinstance(arms, list | tuple) else []
        return {str(arm.get("name", "")): arm for arm in listed}

    def image_digest(self, key: str) -> str:
        """The digest of an image by its key, which is Arm.image_key or "nginx"; "" when it is not known."""
        return self.images.get(key, {}).get("digest", "")
