"""HUB: run.json: what was planned, where, and what became of each trial."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any

from pydantic import Field

from lab.record.columns import MAX_COUNT
from lab.record.evidence import Count
from lab.record.schema import SCHEMA_VERSION, TrialState


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    """The place of a run; unlike environments do not mix. Values are plain JSON."""

    facts: Mapping[str, Any]

    def __getitem__(self, key: str) -> Any:
        return self.facts[key]


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """The ceiling of the load generator on this machine, in requests a second: see lab/run/calibration.py."""

    ceiling_per_s: Annotated[float, Field(gt=0, lt=MAX_COUNT)]
    load_processes: Count
    lanes: Count
    measured_at: str  # ISO 8601, UTC
    tls: bool = False


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
    schema_version: int = SCHEMA_VERSION

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
