"""The noise floors of this machine on disk: written by `lab selfcheck`, read when a run begins (METHOD 7, A/A)."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lab.analysis.judge.floor import NoiseFloor, floor_key, from_json, to_json
from lab.analysis.judge.intervals import AnalysisError
from lab.errors import UsageError
from lab.host.places import state_folder
from lab.record.disk import disk_errors, write_atomically
from lab.record.types import Environment
from lab.scenario.model import Scenario

VERSIONS = ("lab", "locust", "psutil", "kernel", "cpu_count", "engine", "network", "docker", "storage_driver")


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptFloor:
    """A noise floor with the conditions of its trials, as text, and when it was measured (ISO 8601)."""

    floor: NoiseFloor
    conditions: str
    measured_at: str

    def to_json(self) -> dict[str, Any]:
        """Plain values, for the floor's own file and for run.json."""
        return {"floor": to_json(self.floor), "conditions": self.conditions, "measured_at": self.measured_at}


def conditions_of(scenario: Scenario) -> str:
    """Tell what the noise of a trial depends on, in words: ``"150 arrivals/s, 2 processes, 3 s measured"``."""
    load = scenario.load
    asked = "closed model" if load.rate is None else f"{load.rate:g} arrivals/s"
    quota = scenario.budget.cpus
    limited = f", {quota.amount:g} CPUs {quota.mode}" if quota.amount else ""
    return (
        f"{load.locustfile.name}, {asked}, {load.lanes} connections, {scenario.budget.processes} processes{limited}, "
        f"{load.measure:g} s measured"
    )


def machine_of(environment: Environment) -> tuple[str, Mapping[str, str]]:
    """The machine's mark, and the versions of everything that measures: what changes either needs a new selfcheck.

    So does another machine for the arms, or for the load, than this one.
    """
    known = environment.known
    versions = {key: getattr(known, key) for key in VERSIONS}
    versions["engine_at"] = known.engine_at
    versions["load_at"] = known.load_at
    return str(known.machine), {key: str(told) for key, told in versions.items() if told is not None}


def read_floors(environment: Environment, scenario: Scenario, root: Path | None = None) -> KeptFloor | None:
    """The floor of this machine with these versions: that of the scenario's conditions, or else the newest.

    None before the first selfcheck. Raises UsageError for a file that is damaged.
    """
    folder = (root or state_folder("floors")) / floor_key(*machine_of(environment))
    kept = [_read(path) for path in sorted(folder.glob("*.json"))]
    alike = [found for found in kept if found.conditions == conditions_of(scenario)]
    return max(alike or kept, key=lambda found: found.measured_at, default=None)


def write_floor(kept: KeptFloor, root: Path | None = None) -> Path:
    """Keep a floor; one of the same machine, versions and conditions is replaced. Raises MissingError (disk)."""
    folder = (root or state_folder("floors")) / kept.floor.key
    path = folder / f"{hashlib.sha256(kept.conditions.encode()).hexdigest()[:16]}.json"
    with disk_errors(path):
        folder.mkdir(parents=True, exist_ok=True)
        write_atomically(path, json.dumps(kept.to_json(), indent=1).encode())
    return path


def _read(path: Path) -> KeptFloor:
    try:
        document = json.loads(path.read_bytes())
        return KeptFloor(
            floor=from_json(document["floor"]), conditions=document["conditions"], measured_at=document["measured_at"]
        )
    except (OSError, ValueError, KeyError, TypeError, AnalysisError) as error:
        raise UsageError(
            f"{path}: the noise floor kept there cannot be read: {error}", "remove it, or run `lab selfcheck` again"
        ) from None
