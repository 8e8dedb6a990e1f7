"""Sidecars and jobs as a scenario writes them: what is refused, in which order they start, and what a plan says."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from lab.engines.process.refusals import check_plain
from lab.errors import ScenarioError
from lab.plan.arm_topology import build_topology, nominal_ports
from lab.plan.blocks import build_plan
from lab.plan.kinds import Role, ServiceKind
from lab.plan.topology import Topology
from lab.sampling.roles import ProcessInfo, assign_roles
from lab.scenario.beside import Ready, parse_ready
from lab.scenario.databases import source_of
from lab.scenario.file import read_scenario, scenario_from_json, scenario_to_json
from lab.scenario.model import Scenario
from lab.scenario.network import Network
from lab.scenario.secret import Secret
from lab.scenario.secrets_of import redactor_of
from lab.scenario.toml_text import scenario_text
from tests.builders import make_scenario

DATABASE = {"name": "db", "image": "postgres:17", "ready": "tcp:5432", "env": {"POSTGRES_PASSWORD": "s3cret-word"}}
CACHE = {"name": "cache", "image": "redis:8", "depends": ["db"]}
MIGRATE = {"name": "migrate", "command": "alembic upgrade head"}
NOTES = Path(__file__).parents[2] / "examples" / "notes" / "scenario.toml"


def with_beside(**tables: list[Mapping[str, Any]]) -> Scenario:
    return make_scenario(app={"image": "example/app:1", "env": {"LEVEL": "app", "ONLY": "app"}}, **tables)


def topology(scenario: Scenario, arm: str = "workers") -> Topology:
    trial = next(trial for trial in build_plan(scenario).trials if trial.arm.name == arm)
    return build_topology(scenario, trial, nominal_ports(scenario, trial.arm))


@pytest.mark.parametrize(
    ("text", "condition"),
    [
        ("", Ready()),
        ("tcp:5432", Ready(kind="tcp", port=5432)),
        ("http:8080/health?full=1", Ready(kind="http", port=8080, path="/health?full=1")),
        ("exec:pg_isready --host 'a b'", Ready(kind="exec", command=("pg_isready", "--host", "a b"))),
        ("exit", Ready(kind="exit")),
    ],
)
def test_a_condition_is_read(text: str, condition: Ready) -> None:
    """Every form of the documentation."""
    assert parse_ready(text) == condition


@pytest.mark.parametrize("text", ["tcp", "tcp:0", "tcp:70000", "http:80", "udp:53", "exec:", "exec:'open", "exits"])
def test_a_condition_that_is_none_is_refused(text: str) -> None:
    """Whatever is not one of the forms."""
    with pytest.raises(ValueError, match="got"):
        parse_ready(text)


@pytest.mark.parametrize(
    ("tables", "said"),
    [
        ({"sidecars": [{**DATABASE, "ready": "listens"}]}, "expected tcp:PORT, http:PORT/PATH, exec:COMMAND or exit"),
        ({"sidecars": [{"name": "db"}]}, 'exactly one of "image"'),
        ({"sidecars": [DATABASE, DATABASE]}, "'db' twice"),
        ({"sidecars": [DATABASE], "jobs": [{**MIGRATE, "name": "db"}]}, "'db' twice"),
        ({"sidecars": [CACHE]}, "unknown sidecar 'db'"),
        ({"sidecars": [CACHE, {**DATABASE, "depends": ["cache"]}]}, "is a circle"),
        ({"sidecars": [DATABASE], "network": "host"}, 'write network = "own"'),
        ({"jobs": [{**MIGRATE, "command": ""}]}, "jobs"),
        ({"jobs": [{**MIGRATE, "times": "twice"}]}, "times"),
    ],
)
def test_bad_tables_are_refused_with_a_sentence(tables: dict[str, Any], said: str) -> None:
    """Before anything is planned."""
    with pytest.raises(ScenarioError, match=said):
        with_beside(**tables)


@pytest.mark.parametrize("name", ["app", "nginx", "app-2"])
def test_nothing_is_called_like_a_service_of_an_arm(name: str) -> None:
    """The plan knows how services are called, so planning refuses it."""
    with pytest.raises(ScenarioError, match=f'sidecar "{name}": a service of the arms is called so'):
        build_plan(with_beside(sidecars=[{**DATABASE, "name": name}]))


def test_stages_run_in_order_and_end_with_the_arm() -> None:
    """Those that others depend on first, then each job, then the arm."""
    found = topology(with_beside(sidecars=[CACHE, DATABASE], jobs=[MIGRATE, {**MIGRATE, "name": "seed"}]))

    assert [[service.name for service in stage.containers] for stage in found.stages] == [
        ["db"],
        ["cache"],
        ["migrate"],
        ["seed"],
        ["app"],
    ]
    assert [service.name for service in found.sidecars] == ["db", "cache"]
    assert [service.name for service in found.services] == ["app"]


def test_sidecars_take_a_network_of_their_own_and_are_found_by_name() -> None:
    """Nobody must ask for it; the reason is told."""
    scenario = with_beside(sidecars=[DATABASE])

    choice = scenario.network_of(scenario.arms[0])

    assert choice.network is Network.OWN
    assert "db" in choice.why
    assert topology(scenario).sidecars[0].host == "db"


def test_a_job_runs_as_the_app_would() -> None:
    """In its image, with its environment, which the job's own overrides; not within the arm's limits."""
    job = topology(with_beside(jobs=[{**MIGRATE, "env": {"LEVEL": "job"}}])).stages[0].jobs[0]

    assert job.service.kind is ServiceKind.JOB
    assert job.service.image == "app"
    assert job.service.argv == ("alembic", "upgrade", "head")
    assert dict(job.service.env) == {"LEVEL": "job", "ONLY": "app"}
    assert job.service.limits.unlimited


def test_a_job_of_an_image_of_its_own_has_nothing_of_the_app() -> None:
    """Neither its image nor its environment."""
    job = topology(with_beside(jobs=[{**MIGRATE, "image": "flyway:10", "env": {"A": "b"}}])).stages[0].jobs[0]

    assert (job.service.image, dict(job.service.env)) == ("job.migrate", {"A": "b"})


def test_a_job_for_each_container_runs_once_for_each_of_them() -> None:
    """Once under workers, four times at once under four replicas."""
    scenario = with_beside(jobs=[{**MIGRATE, "times": "each"}])

    runs = {
        arm: [job.service.name for job in topology(scenario, arm).before[0].jobs] for arm in ("workers", "replicas")
    }

    assert runs == {"workers": ["migrate-1"], "replicas": [f"migrate-{number}" for number in range(1, 5)]}


def test_every_process_of_a_sidecar_is_one() -> None:
    """A database has a first process and children: none of them is a supervisor or a worker."""
    processes = [ProcessInfo(1, 0.0, 0, "postgres"), ProcessInfo(7, 0.1, 1, "postgres: checkpointer")]

    assert set(assign_roles(ServiceKind.SIDECAR, processes).values()) == {Role.SIDECAR}


def test_secrets_of_sidecars_and_jobs_are_masked() -> None:
    """As those of the app: by the name of the variable, and in every text."""
    scenario = with_beside(sidecars=[DATABASE], jobs=[{**MIGRATE, "env": {"API_TOKEN": "other-word"}}])

    assert isinstance(scenario.sidecars[0].env["POSTGRES_PASSWORD"], Secret)
    assert redactor_of(scenario)("s3cret-word other-word") == "*** ***"
    assert "s3cret-word" not in scenario_text(scenario)
    assert scenario_from_json(scenario_to_json(scenario)).sidecars[0].name == "db"


def test_secrets_stay_out_of_refusals(tmp_path: Path) -> None:
    """A file that is not valid is quoted without the values of its sidecars."""
    text = NOTES.read_text(encoding="utf-8").replace("only-for-trials", "s3cret-word")
    path = tmp_path / "scenario.toml"
    path.write_text(text.replace('ready = "tcp:5432"', 'ready = "s3cret-word"'), encoding="utf-8")

    with pytest.raises(ScenarioError) as raised:
        read_scenario(path)

    assert "sidecars[0].ready" in str(raised.value)
    assert "s3cret-word" not in str(raised.value)


def test_a_secret_in_a_command_is_refused() -> None:
    """Commands are shown, those of sidecars too."""
    text = {**CACHE, "depends": [], "command": "redis-server --requirepass s3cret-word"}
    scenario = scenario_to_json(with_beside(sidecars=[DATABASE, text]))

    with pytest.raises(ScenarioError, match=r"sidecars\[1\].command: holds a password"):
        hidden(scenario_from_json(scenario | {"sidecars": [DATABASE, text]}))


def hidden(scenario: Scenario) -> Scenario:
    from lab.scenario.secrets_of import hide_copies

    return hide_copies(scenario)


def test_plain_processes_refuse_both() -> None:
    """The engine without containers says what to do."""
    with pytest.raises(ScenarioError, match=r'(?s)sidecar "db".*job "migrate"'):
        check_plain(with_beside(sidecars=[DATABASE], jobs=[MIGRATE]))


@pytest.mark.parametrize(
    ("reference", "key"),
    [
        ("postgres:17", "postgres"),
        ("postgres", "postgres"),
        ("docker.io/library/postgres:17.4-alpine", "postgres"),
        ("redis:alpine", "redis"),
        ("redis:latest", "redis"),
        ("redis:8.0", "redis"),
        ("postgres:16-alpine", ""),
        ("postgres:18beta1", ""),
        ("redis:80", ""),
        ("redis:7", ""),
        ("redis:8@sha256:00", ""),
        ("example.org/postgres:17", ""),
        ("mysql:8", ""),
    ],
)
def test_debian_stands_in_for_databases_that_it_has(reference: str, key: str) -> None:
    """For the official images only, and in the version that is asked for: another one may be anything."""
    source = source_of(reference)

    assert (source.key, source.reference) == (key, reference)
    assert bool(source.packages) is bool(key)


def test_the_example_is_planned() -> None:
    """Its file is valid, and says what it needs."""
    found = topology(read_scenario(NOTES), "replicas")

    assert [service.name for stage in found.before for service in stage.containers] == ["db", "cache", "migrate"]


@pytest.mark.parametrize("name", ["locust", "agent"])
def test_the_labs_own_names_are_refused(name: str) -> None:
    """Its log, or its container, has that name in every trial."""
    with pytest.raises(ScenarioError, match=f"'{name}' is the"):
        with_beside(sidecars=[{**DATABASE, "name": name}])
