"""The calibration: measured once, kept per machine and versions, with nothing left behind."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from lab.agent.loading import AgentPlace
from lab.errors import DeploymentError, LoadError
from lab.load.locust_process import LoadOutcome
from lab.load.place import HERE as LOOPBACK_PLACE
from lab.load.place import Place
from lab.record.types import REQUESTS, Calibration, Environment
from lab.run.calibration import answering_nginx, best_rate, calibration_of, load_cores
from lab.scenario.load import Load
from lab.scenario.network import Network
from tests.fakes import FakeLoad, World

FACTS = {"machine": "aa", "lab": "1", "locust": "2", "python": "3", "kernel": "6", "cpu_count": 2}
HERE = Environment(facts=FACTS)


class Answered(FakeLoad):
    """A load of 3 s that got ``rate`` answers a second."""

    rate = 100

    def result(self, target: Path, t0_monotonic_s: float, connections: pl.DataFrame | None = None) -> LoadOutcome:
        outcome = super().result(target, t0_monotonic_s)
        done = np.arange(0, 3, 1 / self.rate)
        columns = {name: [None] * len(done) for name in REQUESTS}
        rows = columns | {"t_done_s": done, "phase": ["measure"] * len(done)}
        pl.DataFrame(rows, schema=pl.Schema(REQUESTS)).write_parquet(target)
        return outcome


def load_of(processes: int, cores: str = "") -> Load:
    return Load(locustfile=Path("f.py"), processes=processes, cores=cores)


class Calibrator:
    """``calibration_of`` in a world of fakes, with a cache directory of its own."""

    def __init__(self, root: Path) -> None:
        self.world = World()
        self.root = root
        self.world.load = Answered
        self.said: list[str] = []

    def __call__(
        self,
        environment: Environment = HERE,
        processes: int = 1,
        *,
        cores: str = "",
        nginx: bool = True,
        place: Place = LOOPBACK_PLACE,
    ) -> Calibration | None:
        engine, tools = self.world.engine if nginx else None, self.world.tools
        return calibration_of(
            engine, environment, load_of(processes, cores), self.said.append, place=place, tools=tools, root=self.root
        )

    @property
    def deployments(self) -> int:
        return self.world.journal.count("deploy")


@pytest.fixture
def calibrate(tmp_path: Path) -> Calibrator:
    return Calibrator(tmp_path / "cache")


def test_the_second_run_on_a_machine_measures_nothing(calibrate: Calibrator) -> None:
    """What was measured is kept, and read back the same."""
    first = calibrate()
    second = calibrate()

    assert first is not None
    assert first == second
    assert first.ceiling_per_s == pytest.approx(100, abs=1)
    assert calibrate.deployments == 1
    assert len(calibrate.said) == 1


@pytest.mark.parametrize("fact", sorted(FACTS))
def test_another_machine_or_version_is_measured_again(calibrate: Calibrator, fact: str) -> None:
    """Each fact that the ceiling depends on."""
    calibrate()
    calibrate(Environment(facts=FACTS | {fact: 3 if fact == "cpu_count" else "other"}))

    assert calibrate.deployments == 2


@pytest.mark.parametrize(
    ("fact", "again"), [("engine_at", True), ("cpu_count", True), ("load_cores", True), ("name", False)]
)
def test_a_ceiling_is_that_of_the_machine_that_drives_load(calibrate: Calibrator, fact: str, again: bool) -> None:
    """Not of whatever a scenario calls a node."""
    generator = {"name": "gen", "engine_at": "b", "kernel": "6", "cpu_count": 8, "load_cores": None}
    for facts in (generator, generator | {fact: "4"}):
        calibrate(Environment(facts=FACTS | {"generator": facts}))

    assert calibrate.deployments == (2 if again else 1)


@pytest.mark.parametrize(
    ("generator", "cores"),
    [
        ({}, 2),
        ({"generator": {"cpu_count": 8, "load_cores": None}}, 8),
        ({"generator": {"cpu_count": 8, "load_cores": 3}}, 3),
        ({"generators": {"gen1": {"cpu_count": 8}, "gen2": {"cpu_count": 4, "load_cores": 2}}}, 2),
    ],
)
def test_load_processes_have_the_cores_of_their_own_machine(generator: dict[str, object], cores: int) -> None:
    """Not those of the arms, where they are elsewhere."""
    assert load_cores(Environment(facts=FACTS | generator), load_of(1)) == cores


def test_cores_of_its_own_are_another_ceiling(calibrate: Calibrator) -> None:
    """The processes keep to them, and are at most as many."""
    calibrate()
    calibrate(cores="1,3-4")

    assert [plan.cores for plan in calibrate.world.plans] == [(), (1, 3, 4)]
    assert load_cores(HERE, load_of(1, "1,3-4")) == 3


def test_each_number_of_load_processes_has_a_ceiling_of_its_own(calibrate: Calibrator) -> None:
    """Two load processes drive twice the lanes."""
    calibrate(processes=1)
    calibrate(processes=2)

    assert [plan.load_processes for plan in calibrate.world.plans] == [1, 2]
    assert calibrate.world.plans[1].lanes == 2 * calibrate.world.plans[0].lanes


def test_a_run_without_nginx_uses_what_is_kept(calibrate: Calibrator) -> None:
    """No nginx, no measurement: not known before the first run that has one, known afterwards."""
    assert calibrate(nginx=False) is None
    measured = calibrate()
    assert calibrate(nginx=False) == measured


@pytest.mark.parametrize("damage", ["", "{", "[]", '{"ceiling_per_s": 5}'])
def test_a_damaged_cache_is_measured_again(calibrate: Calibrator, damage: str) -> None:
    """A cache needs no repair by hand."""
    calibrate()
    (kept,) = calibrate.root.iterdir()
    kept.write_text(damage)
    calibrate()

    assert calibrate.deployments == 2
    assert calibrate() is not None
    assert calibrate.deployments == 2


class Unanswered(FakeLoad):
    """A load that gets no answer."""

    answers = 0


def test_nginx_is_taken_down_when_the_load_fails(calibrate: Calibrator) -> None:
    """A failed calibration keeps nothing and leaves nothing."""
    calibrate.world.load = Unanswered

    with pytest.raises(LoadError, match="no answer"):
        calibrate()

    assert calibrate.world.journal[-2:] == ["undeploy", "load gone"]
    assert not calibrate.root.exists()


def test_a_deployment_that_fails_is_the_runs_error(calibrate: Calibrator) -> None:
    """What is wrong with Docker now would be wrong for the arms too."""
    calibrate.world.fail_at = {"deploy": DeploymentError("port taken")}

    with pytest.raises(DeploymentError, match="port taken"):
        calibrate()


def test_the_best_second_is_the_ceiling() -> None:
    """A disturbance can only slow the generator down; a last second that was cut short does not count."""
    slow, quick, cut = np.linspace(0, 0.99, 10), np.linspace(1, 1.99, 50), np.linspace(2, 2.3, 70)

    assert best_rate(np.concatenate([quick, cut, slow])) == 50


def test_the_load_is_closed_and_needs_no_attribution(calibrate: Calibrator) -> None:
    """nginx names no serving process, so that none can be starved."""
    calibrate()
    (plan,) = calibrate.world.plans

    assert not plan.open_model
    assert plan.min_warmup_requests == 0


def test_in_a_network_of_its_own_nginx_is_found_by_name() -> None:
    """Load comes from another container; that ceiling is another one, and that of each engine elsewhere too."""
    topology = answering_nginx(8080, network=Network.OWN)

    assert topology.entry.url == "http://nginx:8080"
    assert topology.services[0].host == "nginx"
    assert "listen 0.0.0.0:8080;" in topology.services[0].files[0].text


def test_each_place_of_load_has_a_ceiling_of_its_own(calibrate: Calibrator) -> None:
    """On the machine, in networks of their own, on each engine elsewhere."""
    there = AgentPlace(lambda: pytest.fail("no agent"))
    for place, engine_at in ((LOOPBACK_PLACE, None), (there, None), (there, "far"), (there, "farther"), (there, "far")):
        calibrate(Environment(facts={**FACTS, "engine_at": engine_at}), place=place)

    assert calibrate.deployments == 4


def test_nginx_answers_by_itself_on_loopback_only() -> None:
    """No upstream, no log, one listener."""
    (service,) = answering_nginx(20001).services
    text = service.files[0].text

    assert "listen 127.0.0.1:20001;" in text
    assert "return 200" in text
    assert "proxy_pass" not in text
    assert "access_log off" in text
