"""`lab export`: what was measured becomes files that deploy it, for every model and front, and no secret is in them."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from lab.analysis.needs import needs_of
from lab.cli import app
from lab.errors import RunFolderError, UsageError
from lab.export.deployment import Deployment
from lab.export.fronts import setting_of
from lab.export.naming import app_name, deployed_name
from lab.export.target import TARGETS
from lab.plan.fronts.front import FrontPlace, Setting, front_of
from lab.record.bundle import write_bundle
from lab.record.types import Environment
from lab.scenario.budget import Limits
from lab.scenario.kinds import FRONTS
from lab.units import MIB
from tests.builders import MEMORY_MIB, REPLICAS, WORKERS, make_gate, make_run, make_scenario, make_trials, with_record
from tests.exports import DIRECT, FOLDER, PAIRS, RICH, RICH_ARM, deployment, measured, needs, rich, texts
from tests.run_folders import store, write_run
from tests.unit.test_swarm import EVERYWHERE

TWO = {
    "nodes": [{"name": "one", "address": "192.0.2.1"}, {"name": "two", "address": "192.0.2.2"}],
    "load": {"locustfile": "locustfiles/json_api.py", "rate": 300, "measure": "10s", "nodes": ["two"]},
}
COMPOSE = Path(sys.executable).with_name("docker-compose")
BOTH = (WORKERS, REPLICAS)


def exported(run: Path, *options: object) -> Any:
    """The outcome of the command."""
    return CliRunner().invoke(app, ["export", *map(str, (run, *options))])


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run folder that was finished."""
    return write_run(make_scenario(BOTH, trials={"blocks": 1, "seed": 7}), tmp_path_factory.mktemp("runs"))


def test_the_files_are_those_that_a_person_has_read() -> None:
    """`python -m tests.exports` writes them again; no file is left of a target that is gone."""
    found = dict(texts())

    assert sorted(file.name for file in FOLDER.iterdir()) == sorted(found)
    for name, text in found.items():
        assert text == (FOLDER / name).read_text(), name


def test_no_secret_is_in_any_file_and_each_is_in_the_list() -> None:
    """Neither its value nor what stands for it inside; it has a name under which it is given."""
    for target in TARGETS:
        given = rich(target)
        names = [value.name for value in given.values if value.secret]
        written = "".join(file.text for file in TARGETS[target].files(given))

        assert names[-3:] == ["API_KEY", "TLS_CERTIFICATE", "TLS_KEY"]
        assert ("DB_POSTGRES_PASSWORD" in names) == bool(given.topology.sidecars)
        assert "hidden-word" not in written
        assert "__secret" not in written
        assert all(name in written for name in names)


LISTED = re.compile(r"(?m)^#   - ([A-Z][A-Z0-9_]+): ")
ASKED_FOR = {  # by a file of a target: the name of each value that stands, or is to stand, in it
    "compose": r"(?<!\$)\$\{([A-Z][A-Z0-9_]*):[-?]",
    "swarm": r"(?<!\$)\$\{([A-Z][A-Z0-9_]*):[-?]",
    "kubernetes": r"secretKeyRef:\s+name: secrets\s+key: (\w+)",
    "nomad": r"\bvar\.(\w+)|\{\{ \.([A-Z][A-Z0-9_]*)",
}


def asked_for(target: str, given: Deployment) -> set[str]:
    """What the files themselves, without their comments, take from a person or a default."""
    files = {file.name: re.sub(r"(?m)^#.*$", "", file.text) for file in TARGETS[target].files(given)}
    deployed = "".join(text for name, text in files.items() if name.endswith((".yaml", ".hcl")))
    found = {"".join(groups).upper() for groups in re.findall(f"{ASKED_FOR[target]}|(?!)()", deployed)}
    if target == "kubernetes":
        images = yaml.safe_load(files["kustomization.yaml"])["images"]
        found |= {f"{image['name'].upper().replace('-', '_')}_IMAGE" for image in images}
        found |= {"TLS_CERTIFICATE", "TLS_KEY"} if "secretName: tls\n" in deployed else set()
        found |= {"HOST_NAME"} if "kind: Ingress\n" in deployed else set()
    return found


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("arm", ["plain", "rich", "inside"])
def test_every_value_that_a_file_asks_for_is_in_one_list_and_no_other(target: str, arm: str) -> None:
    """In the head of each file that has one, in what is to be filled in, and in what the command says."""
    direct = {"kind": "direct", "tls": True}
    inside = {"name": "inside", "model": "workers", "front": direct}
    made = {"plain": lambda: deployment(DIRECT), "rich": lambda: rich(target), "inside": lambda: deployment(inside)}
    given = made[arm]()
    files = {file.name: file.text for file in TARGETS[target].files(given)}
    named = [value.name for value in TARGETS[target].values(given)]
    lists = [LISTED.findall(text) for text in files.values() if "# To be filled in:" in text]
    to_fill = [line.partition("=")[0] for line in files.get("values.env", "").splitlines() if line[:1] != "#"]

    assert sorted(named) == sorted(asked_for(target, given))
    assert lists
    assert all(each == named for each in lists)
    assert to_fill in ([], named)


@pytest.mark.parametrize("front", ["nginx", "haproxy", "traefik", "caddy"])
@pytest.mark.parametrize("target", TARGETS)
def test_every_file_says_from_which_run_it_is(target: str, front: str) -> None:
    """Also what lies beside the deployment itself, and where to read the rest; in no comment is a secret's value."""
    arm = {"name": "arm", "model": "replicas", "front": {"kind": front, "tls": True}}
    given = deployment(arm, measured(), app=RICH["app"], jobs=RICH["jobs"])
    files = [] if TARGETS[target].refusal(given) else TARGETS[target].files(given)
    whole = [file.name for file in files if "# Never measured:" in file.text]
    for file in files:
        head = [line for line in file.text.splitlines() if line.startswith("#")]
        assert f"from run {given.run.run_id} of {given.run.started_at}." in head[1], file.name
        assert file.name in whole or f"head of {whole[0]}." in head[2], file.name
        assert "hidden-word" not in "".join(head)
    assert [given.arm.front.kind in file.name.lower() for file in files].count(True) == (target in ("compose", "swarm"))


def test_a_configuration_that_has_no_comments_stays_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """A front of somebody else's may be told by anything; one that says what begins a comment gets the head."""
    given = deployment({"name": "arm", "model": "replicas", "front": "nginx"}, measured())
    plain = replace(front_of(given.arm), comment="")
    headed = {file.name: file.text for file in TARGETS["compose"].files(given)}["nginx.conf"]
    monkeypatch.setitem(FRONTS._declared, "nginx", plain)
    bare = {file.name: file.text for file in TARGETS["compose"].files(given)}["nginx.conf"]

    assert bare == given.front[0].files[0].text
    assert headed.endswith(bare)
    assert headed.startswith('# nginx.conf of arm "arm"')


def test_a_need_is_the_largest_of_the_valid_trials() -> None:
    """Of the whole trial, by container; a trial that is not valid, or was not checked, does not count."""
    scenario = make_scenario((REPLICAS,), trials={"blocks": 3, "seed": 7})
    first, second, third = make_trials(scenario)
    spoiled = with_record(second, gates=(make_gate("invalid"),))
    found = needs_of([first, spoiled, with_record(third, gates=())])

    assert found.memory_trials == 1
    assert found == needs_of([first])
    assert 30 * MIB < (found.services["app-1"].memory_bytes or 0) < 60 * MIB
    assert (found.services["nginx"].memory_bytes or 0) > MEMORY_MIB[next(iter(MEMORY_MIB))] * MIB
    assert (found.services["app-1"].cores or 0) == pytest.approx(0.08, rel=0.3)


def test_limits_are_those_of_the_run_or_the_peak_with_head_room() -> None:
    """A limit that was measured is kept; a sidecar, whose data grows, gets none."""
    free, split = deployment(REPLICAS), deployment(REPLICAS, budget={"processes": 4, "memory": "split:1GiB"})
    service, limited = free.app[0], split.app[0]
    rich = deployment(RICH_ARM, **RICH)
    written = rich.app[0]  # it has a folder of 64 MiB, and a pooled limit, which is none of its own

    assert free.memory_limit(service) == round((free.need(service).memory_bytes or 0) * 1.5)
    assert rich.memory_limit(written) == round((rich.need(written).memory_bytes or 0) * 1.5) + 64 * MIB
    assert split.memory_limit(limited) == 1024 * MIB // 5
    assert rich.memory_limit(rich.topology.sidecars[0]) is None


def test_the_file_says_what_of_memory_was_never_measured() -> None:
    """Files in /tmp count against a limit, and no peak has them."""
    for name, target in TARGETS.items():
        text = " ".join(target.files(deployment(DIRECT))[0].text.replace("#", "").split())

        assert "files in /tmp and other folders in memory: they count against a container's memory limit" in text, name


@pytest.mark.parametrize(
    ("scenario", "arm", "name"),
    [
        ("quickstart", "workers", "shop-quickstart-workers"),
        ("How many_workers?", "w", "shop-how-many-workers-w"),
        ("日本", "workers", "shop-workers"),
        ("shop", "workers", "shop-workers"),
        ("s" * 60, "a", f"shop-{'s' * 28}-3248f3"),
    ],
)
def test_what_is_deployed_is_called_by_app_scenario_and_arm(scenario: str, arm: str, name: str) -> None:
    """In the letters that every target takes, and short enough for the names of services behind it."""
    assert deployed_name("shop", scenario, arm) == name


@pytest.mark.parametrize(
    ("app", "name"),
    [
        ({"image": "registry.example:5000/team/shop:1.4"}, "shop"),
        ({"image": "shop@sha256:" + "ab" * 32}, "shop"),
        ({"image": "shop"}, "shop"),
        ({"build": "/home/me/shop"}, "shop"),
    ],
)
def test_another_version_of_an_app_is_called_the_same(app: dict[str, str], name: str) -> None:
    """It is to take the place of the first; another app with a scenario and an arm of the same names is not."""
    assert app_name(make_scenario((WORKERS,), app=app).app) == name


def test_arms_of_one_name_are_deployed_beside_each_other() -> None:
    """Two apps, each with an arm `plain`: no name of the one takes the place of one of the other."""
    given = deployment(DIRECT)
    other = replace(given, run=replace(given.run, scenario_name="shop"))
    names = {name: set[str]() for name in TARGETS}
    for each in (given, other):
        for name, target in TARGETS.items():
            names[name].add(target.start(each))
            text = target.files(each)[0].text
            assert "plain" not in text.replace('arm "plain"', "").replace(each.name, ""), name
    assert (given.name, other.name) == ("app-quickstart-plain", "app-shop-plain")
    assert {name: len(starts) for name, starts in names.items()} == {
        "compose": 1,  # the file itself has the name
        "swarm": 2,
        "kubernetes": 1,
        "nomad": 1,
    }
    assert deployed_name("app", "s" * 60, "a") != deployed_name("app", "s" * 61, "a")


def test_a_name_that_was_given_is_the_whole_name() -> None:
    """Of every target, where folders and scenario files of two apps have the same names."""
    given = replace(deployment(DIRECT), called="shop-eu")

    assert (given.name, given.short_name(6)) == ("shop-eu", deployed_name("", "", "shop-eu", 6))
    assert all("app-quickstart-plain" not in target.files(given)[0].text for target in TARGETS.values())


@pytest.mark.parametrize(("model", "front"), PAIRS)
def test_compose_has_the_containers_of_the_arm(model: str, front: str) -> None:
    """Each with its command, and one that publishes a port; what the front is told are names of services."""
    given = deployment({"name": "arm", "model": model, "front": front}, measured())
    files = {file.name: file.text for file in TARGETS["compose"].files(given)}
    document = yaml.safe_load(files["compose.yaml"])
    services = document["services"]

    assert set(services) == {service.name for service in given.topology.services}
    assert [name for name, service in services.items() if "ports" in service] == [given.entry.name]
    assert [services[each.name]["command"] for each in given.app] == [list(each.argv) for each in given.app]
    for config in document.get("configs", {}).values():
        text = files[Path(config["file"]).name]
        assert all(f"{each.name}:{each.ports[0]}" in text for each in given.app)
    assert services[given.entry.name].get("depends_on", {}).keys() == (
        {each.name for each in given.app} if given.front else set()
    )


def said(target: str, given: Deployment) -> str:
    """The head of the first file as one line."""
    return " ".join(TARGETS[target].files(given)[0].text.replace("#", " ").split())


def test_a_file_says_what_of_it_was_never_tried() -> None:
    """Compose files with every front and with none, over TLS, jobs and sidecars too, are started; stacks with nginx."""
    nginx = {"name": "arm", "model": "replicas", "front": {"kind": "nginx", "tls": True}}
    caddy = {"name": "arm", "model": "replicas", "front": {"kind": "caddy", "tls": True}}
    direct = {"name": "arm", "model": "workers", "front": {"kind": "direct", "tls": True}}
    beside = {key: RICH[key] for key in ("sidecars", "jobs")}
    given = [deployment(nginx, measured(), **beside), deployment(caddy, measured()), deployment(direct, measured())]
    compose, swarm = ([", ".join(TARGETS[name].untried(each)) for each in given] for name in ("compose", "swarm"))

    assert compose == ["", "", ""]
    assert swarm == ["", "front caddy, TLS there", "front direct, TLS in the app"]
    assert "and answer; never with front caddy, TLS there Measured" in said("swarm", given[1])
    assert "and answer Measured" in said("swarm", given[0])


@pytest.mark.parametrize(
    ("changes", "never"),
    [
        ({}, "more than one machine, and any other machine than that of the run"),
        (EVERYWHERE, "other nodes than those on which the run had its arms"),
        (TWO, "the arm on more than one machine, and on any other than that of the run; its load came from elsewhere"),
    ],
)
def test_what_a_run_over_several_machines_measured_is_not_called_unmeasured(
    changes: dict[str, Any], never: str
) -> None:
    """Neither several machines, nor the network over them."""
    given = deployment({"name": "arm", "model": "replicas", "front": "nginx"}, measured(), **changes)

    assert never in said("compose", given)
    assert ("overlay network" in said("swarm", given)) == (changes is not EVERYWHERE)
    assert ("nodes, of which the first has" in said("compose", given)) == (changes is EVERYWHERE), "cores of one only"


VIP = {"front": "*", "endpoint_mode": "vip"}


@pytest.mark.parametrize(
    ("changes", "compose", "stack"),
    [
        ({}, "which this run avoided", "on the node of nginx (mode: host): the run published nothing"),
        (EVERYWHERE, "which this run avoided", "on the node of nginx (mode: host): the run published nothing"),
        (
            TWO,
            "every address of the machine: the run published it on 192.0.2.1 only, for load from another machine",
            "every address of the node of nginx (mode: host): the run published it on 192.0.2.1 only, without a Swarm",
        ),
    ],
)
def test_a_published_port_is_told_as_the_run_had_it(changes: dict[str, Any], compose: str, stack: str) -> None:
    """Only one whose load came from another machine published any, and that on one address."""
    given = deployment({"name": "arm", "model": "replicas", "front": "nginx"}, measured(), **changes)

    assert compose in said("compose", given)
    assert ("avoided" in said("compose", given)) == (changes is not TWO)
    assert stack in said("swarm", given)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({}, "IPVS (ENDPOINT_MODE=vip, the default here) - how tasks lie"),
        (EVERYWHERE, "(ENDPOINT_MODE=vip, the default here): in the run they led straight to tasks, as with dnsrr -"),
        ({**EVERYWHERE, "swarm": VIP}, "straight to tasks (ENDPOINT_MODE=dnsrr): in the run they led to virtual"),
    ],
)
def test_a_stack_says_which_way_names_led_in_the_run(changes: dict[str, Any], told: str) -> None:
    """By default they lead another way here; where nothing is asked for by name, neither is told nor asked for."""
    given = deployment({"name": "arm", "model": "replicas", "front": "nginx"}, measured(), **changes)
    alone = deployment(DIRECT, measured())

    assert told in said("swarm", given)
    assert "ENDPOINT_MODE" not in "".join(file.text for file in TARGETS["swarm"].files(alone))


@pytest.mark.parametrize("front", ["nginx", "haproxy", "traefik", "caddy"])
def test_no_client_is_told_an_address_of_the_app(front: str) -> None:
    """In a run the front names it in each answer, for the lab to count."""
    given = deployment({"name": "arm", "model": "workers", "front": front}, measured())
    for target in TARGETS.values():
        lines = [line for file in target.files(given) for line in file.text.splitlines()]
        assert [line for line in lines if "X-Lab-Upstream" in line and not line.startswith("#")] == []


def test_what_a_person_must_see_to_is_in_the_list() -> None:
    """For each target: what a registry, a cluster or an app needs of which the run knows nothing."""
    arm = {"name": "arm", "model": "replicas", "front": "nginx"}
    own = {"image": "example/app:1", "command": "serve --graceful 90 {port}"}
    usual, unknown = deployment(arm, measured()), deployment(arm, measured(), app=own)
    fastapi = deployment({"name": "arm", "model": "fastapi-run", "front": "direct"}, measured())
    grace = "how long the app may take to end: its command is not known to say"
    for target in TARGETS:
        assert "a login to the registry, if it asks for one" in said(target, usual)
        assert [grace in said(target, given) for given in (usual, unknown, fastapi)] == [False, True, True]
    assert "docker stack deploy --with-registry-auth -c stack.yaml" in TARGETS["swarm"].start(usual)
    assert "ingressClassName of the Ingress, unless" in said("kubernetes", usual)
    assert "one pod has the front: a drain of its node ends the service" in said("kubernetes", usual)


def test_no_entrypoint_is_not_that_of_the_image() -> None:
    """Only Compose has a word for it; the others keep the image's own unless the command takes its place."""
    arm = {"name": "arm", "model": "replicas", "front": "nginx"}
    bare = {"image": "example/app:1", "entrypoint": ""}
    given = deployment(arm, measured(), app=bare, jobs=[{"name": "migrate", "command": "alembic upgrade head"}])
    texts = {name: [file.text for file in target.files(given)] for name, target in TARGETS.items()}
    compose, stack = (yaml.safe_load(texts[name][0])["services"]["app-1"] for name in ("compose", "swarm"))
    pods = [each["spec"]["template"] for each in yaml.safe_load_all(texts["kubernetes"][0]) if each["kind"] == "Job"]
    argv = list(given.app[0].argv)

    assert (compose["entrypoint"], compose["command"]) == ([], argv)
    assert (stack["entrypoint"], "command" in stack) == (argv, False)
    assert [each["spec"]["containers"][0]["command"] for each in pods] == [["alembic", "upgrade", "head"]]
    assert "args" not in pods[0]["spec"]["containers"][0]
    assert 'entrypoint = ["alembic", "upgrade", "head"]' in texts["nomad"][1]
    assert f"entrypoint = {json.dumps(argv)}" in texts["nomad"][0]


def test_a_command_that_only_the_image_knows_is_refused_without_its_entrypoint() -> None:
    """There is nothing that could take the entrypoint's place; with it, and for Compose, nothing is lost."""
    image = {"image": "example/app:1", "command": "{image}", "port": 8000, "env": {"WEB_CONCURRENCY": "{workers}"}}
    bare = deployment(DIRECT, measured(), app={**image, "entrypoint": ""})
    whole = deployment(DIRECT, measured(), app=image)

    assert [name for name, target in TARGETS.items() if target.refusal(bare)] == ["swarm", "kubernetes", "nomad"]
    assert [name for name, target in TARGETS.items() if target.refusal(whole)] == []


@pytest.mark.parametrize(
    ("front", "told"),
    [
        ("nginx", "worker_processes 2;"),
        ("haproxy", "    nbthread 2\n"),
        ("traefik", "GOMAXPROCS: '2'"),
        ("caddy", "GOMAXPROCS: '2'"),
    ],
)
def test_a_front_has_workers_for_the_cores_of_the_run(front: str, told: str) -> None:
    """Its limit is of there, wherever it goes; that of a run goes by its machine."""
    given = deployment({"name": "arm", "model": "replicas", "front": front}, measured())
    written = "".join(file.text for file in TARGETS["compose"].files(given))
    unknown = replace(given.run, environment=Environment(facts={}))
    place = FrontPlace(app=given.topology.app, ports=(8080,), limits=Limits())
    (of_a_run,) = front_of(given.arm).services(given.arm.front, place)

    assert told in written
    assert "has no room: it is told to have 2" in as_a_line(written)
    assert setting_of(unknown, 2).cores is None
    assert told.strip() not in f"{of_a_run.files[0].text} {dict(of_a_run.env)}"


@pytest.mark.parametrize(
    ("front", "budget", "written", "told"),
    [
        ("nginx", {"cpuset": "0-1"}, "worker_processes 72;", "it is told to have 72"),
        ("haproxy", {"cpuset": "0-1"}, "nbthread 2\n", "it is told to have 2"),
        ("haproxy", {}, "nbthread 64\n", "it is told to have 64"),
        ("haproxy", {"cpus": "split:4"}, "nbthread 64\n", "it is told to have 64"),
        ("traefik", {"cpuset": "0-1"}, "GOMAXPROCS: '2'", "it is told to have 2"),
        ("caddy", {"cpus": "split:4"}, "", "it goes by its CPU limit"),
    ],
)
def test_the_head_says_what_the_front_was_told(front: str, budget: dict[str, str], written: str, told: str) -> None:
    """Not what the machine had: on 72 cores, some fronts go by those that they are pinned to, or by their limit."""
    arm = {"name": "arm", "model": "replicas", "front": front}
    given = deployment(arm, measured(), {"cpu_count": 72}, budget={"processes": 2, **budget})
    text = "".join(file.text for file in TARGETS["compose"].files(given))

    assert written in text
    assert ("GOMAXPROCS" in text) == ("GOMAXPROCS" in written)
    assert f"has no room: {told} - " in as_a_line(text)


def as_a_line(text: str) -> str:
    """The comments of a file, however they are wrapped."""
    return " ".join(text.replace("#", "").split())


def test_threads_are_those_for_which_a_front_has_cores() -> None:
    """HAProxy and Go count the cores that they may use, and Go goes by a limit of its CPU; nginx counts all."""
    place = FrontPlace(app=(), ports=(1,), limits=Limits(cpuset="0,2-3"), setting=Setting(cores=8))

    assert (place.threads, place.go_threads) == (3, (("GOMAXPROCS", "3"),))
    assert replace(place, limits=Limits(cpus=1.0)).go_threads == ()
    assert replace(place, setting=Setting()).threads is None


def test_the_command_writes_a_folder_and_says_what_to_do(run: Path, tmp_path: Path) -> None:
    """The folder on stdout, the rest beside it; files of these names are replaced only when that is said."""
    place = tmp_path / "there"
    done = exported(run, "--arm", "replicas", "--to", "compose", "--out", place)
    again = exported(run, "--arm", "replicas", "--to", "compose", "--out", place)
    forced = exported(run, "--arm", "workers", "--to", "compose", "--out", place, "--force")

    assert done.exit_code == 0
    assert done.stdout.strip() == str(place)
    assert "to be filled in: APP_IMAGE, NGINX_IMAGE, PUBLISHED_PORT" in done.stderr
    assert "has compose.yaml already" in str(again.exception)
    assert forced.exit_code == 0
    assert 'of arm "workers"' in (place / "compose.yaml").read_text()


def test_a_front_can_read_its_configuration_whatever_the_umask_is(run: Path, tmp_path: Path) -> None:
    """Compose mounts a file as it is, and the front is nobody."""
    place, usual = tmp_path / "there", os.umask(0o077)
    try:
        exported(run, "--arm", "replicas", "--to", "compose", "--out", place)
    finally:
        os.umask(usual)

    assert (place / "nginx.conf").stat().st_mode & 0o777 == 0o644


@pytest.mark.parametrize("target", ["compose", "swarm"])
def test_a_secret_is_read_as_it_was_written(target: str, tmp_path: Path) -> None:
    """By Compose, which would fill in `$`, and by a shell, which would run what it reads."""
    odd = 'p$1x a b;c "q" # `id` \\n %'
    given = deployment(RICH_ARM, measured(), **RICH)
    for file in TARGETS[target].files(given):
        (tmp_path / file.name).write_text(file.text)
    text = (tmp_path / "values.env").read_text()
    (tmp_path / "values.env").write_text(text.replace("=''", f"='{odd}'").replace("APP_IMAGE=", "APP_IMAGE=a"))
    shell = ["sh", "-c", 'set -a; . ./values.env; set +a; printf %s "$API_KEY"']
    words = [str(COMPOSE), "--env-file", "values.env", "config", "--format", "json"]
    done = subprocess.run(
        shell if target == "swarm" else words, cwd=tmp_path, check=True, capture_output=True, text=True
    )

    read = done.stdout if target == "swarm" else json.loads(done.stdout)["services"]["app-1"]["environment"]["API_KEY"]
    assert read == (odd if target == "swarm" else odd.replace("$", "$$"))  # as it writes what would be filled in


def test_files_for_secrets_are_their_owners_alone(run: Path, tmp_path: Path) -> None:
    """They are empty, but values come into them."""
    secret = {name: {file.name: file.mode for file in target.files(rich(name))} for name, target in TARGETS.items()}
    exported(run, "--arm", "replicas", "--to", "compose", "--out", tmp_path / "there")

    assert {name for found in secret.values() for name, mode in found.items() if mode == 0o600} == {
        "values.env",
        "secrets.env",
    }
    assert (tmp_path / "there" / "values.env").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("arm", "who"),
    [
        ({"name": "arm", "model": "workers", "front": {"kind": "caddy", "tls": True}}, "user 65534:65534 in caddy"),
        ({"name": "arm", "model": "workers", "front": {"kind": "direct", "tls": True}}, "whoever app runs as"),
    ],
)
def test_compose_says_who_has_to_read_the_key(arm: dict[str, Any], who: str) -> None:
    """It mounts the file with the owner that it has on the machine."""
    text = " ".join(TARGETS["compose"].files(deployment(arm, measured()))[0].text.replace("#", "").split())

    assert f"owner and mode of the file TLS_KEY: Compose mounts it as it is, and {who} has to read it" in text
    assert "TLS_KEY: Compose" not in TARGETS["compose"].files(deployment(DIRECT))[0].text


def test_a_bundle_is_exported_as_its_run_is(run: Path, tmp_path: Path) -> None:
    """The same bytes; a damaged one is told as such."""
    bundle, damaged = tmp_path / "run.zip", tmp_path / "damaged.zip"
    write_bundle(run, bundle, {})
    damaged.write_bytes(bundle.read_bytes()[:2000])
    for source, name in ((run, "a"), (bundle, "b")):
        assert exported(source, "--arm", "workers", "--to", "compose", "--out", tmp_path / name).exit_code == 0
    refused = exported(damaged, "--arm", "workers", "--to", "compose", "--out", tmp_path / "c")

    for file in (tmp_path / "a").iterdir():
        assert file.read_bytes() == (tmp_path / "b" / file.name).read_bytes()
    assert isinstance(refused.exception, RunFolderError)
    assert not (tmp_path / "c").exists()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--arm", "replica", "--to", "compose"), "unknown arm 'replica': did you mean 'replicas'?"),
        (("--arm", "replicas", "--to", "compos"), "unknown target 'compos': did you mean 'compose'?"),
        (("--arm", "replicas", "--to", "compose", "--point", "n4"), "has one point only"),
        (("--arm", "replicas", "--to", "compose", "--out", "no/where"), "no place for a folder"),
    ],
)
def test_what_is_not_there_is_told_in_a_sentence(run: Path, options: tuple[str, ...], said: str) -> None:
    """With the exit code of wrong usage, before anything is written."""
    refused = exported(run, *options)

    assert isinstance(refused.exception, UsageError)
    assert refused.exception.exit_code == 2
    assert said in str(refused.exception)


def test_an_exploratory_session_is_refused(tmp_path: Path) -> None:
    """Nothing in it was measured under a plan."""
    scenario = make_scenario(BOTH, trials={"blocks": 1, "seed": 7})
    session = store(make_run(scenario, exploratory=True), make_trials(scenario), tmp_path)

    assert "exploratory session" in str(exported(session, "--arm", "workers", "--to", "compose").exception)


def test_an_arm_without_a_valid_trial_is_refused(tmp_path: Path) -> None:
    """No limit can be told of it; the other arm of the run can be exported."""
    scenario = make_scenario(BOTH, trials={"blocks": 1, "seed": 7})
    trials = (
        with_record(trial, gates=(make_gate("invalid"),)) if trial.record.arm == "workers" else trial
        for trial in make_trials(scenario)
    )
    bad = store(make_run(scenario), trials, tmp_path)

    assert "no trial with valid memory" in str(exported(bad, "--arm", "workers", "--to", "compose").exception)
    assert exported(bad, "--arm", "replicas", "--to", "compose", "--out", tmp_path / "good").exit_code == 0


def test_of_several_points_one_must_be_named(tmp_path: Path) -> None:
    """Each has its own number of processes."""
    scenario = make_scenario((REPLICAS,), sweep={"processes": [2, 3]}, trials={"blocks": 1, "seed": 7})
    swept = write_run(scenario, tmp_path)
    unsaid = exported(swept, "--arm", "replicas", "--to", "compose")
    exported(swept, "--arm", "replicas", "--to", "compose", "--point", "n3", "--out", tmp_path / "out")

    assert "has 2 points: n2, n3" in str(unsaid.exception)
    assert "app-3:" in (tmp_path / "out" / "compose.yaml").read_text()
    assert "app-4:" not in (tmp_path / "out" / "compose.yaml").read_text()


@pytest.mark.parametrize("target", TARGETS)
def test_a_front_with_a_configuration_of_the_users_is_refused(target: str, tmp_path: Path) -> None:
    """It names what only a run has."""
    own = tmp_path / "nginx.conf"
    own.write_text("http { upstream app { {upstreams} } server { listen {listen}; } }")
    given = deployment({"name": "arm", "model": "workers", "front": {"kind": "nginx", "config": str(own)}}, measured())

    assert "file of yours" in TARGETS[target].refusal(given)


def test_what_comes_from_outside_ends_no_comment() -> None:
    """The name of an image may hold anything."""
    evil = {"app": {"name": "x\nservices: {}\u2028evil: 1\x85worse: 1", "digest": ""}}
    given = replace(deployment(DIRECT), run=make_run(make_scenario((DIRECT,)), images=evil))
    for target in TARGETS.values():
        for file in target.files(given):
            assert not any(line.startswith(("evil", "worse", "services: {}")) for line in file.text.splitlines())


def test_a_run_folder_is_only_read(run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing in it is another one afterwards; by default files go into a folder named for the run, here."""
    monkeypatch.chdir(tmp_path)
    before = {path: path.stat().st_mtime_ns for path in run.rglob("*")}
    info = json.loads((run / "run.json").read_text())

    assert exported(run, "--arm", "workers", "--to", "compose").exit_code == 0
    assert [path.name for path in tmp_path.iterdir()] == [f"{info['run_id']}-workers-compose"]
    assert {path: path.stat().st_mtime_ns for path in run.rglob("*")} == before


def test_each_container_of_the_app_has_the_limit_of_the_neediest() -> None:
    """They are alike, and a balancer may choose another one tomorrow."""
    known = needs(make_scenario((REPLICAS,)), "replicas")
    given = deployment(REPLICAS, known)
    most = max(known.services[service.name].memory_bytes or 0 for service in given.app)

    assert {given.need(service).memory_bytes for service in given.app} == {most}


def test_docker_compose_reads_the_file_as_it_is_meant(tmp_path: Path) -> None:
    """The real one: what it understands has the words and values of the arm, and it asks for what is missing."""
    given = deployment(RICH_ARM, **RICH)
    for file in TARGETS["compose"].files(given):
        (tmp_path / file.name).write_text(file.text)
    command = [str(COMPOSE), "--env-file", "values.env", "config", "--format", "json"]
    unfilled = subprocess.run(command, cwd=tmp_path, check=False, capture_output=True, text=True)
    filled = "".join(f"{value.name}={value.default or 'given'}\n" for value in given.values)
    (tmp_path / "values.env").write_text(filled)
    understood = json.loads(subprocess.run(command, cwd=tmp_path, check=True, capture_output=True, text=True).stdout)
    service = understood["services"]["app-1"]

    assert unfilled.returncode != 0
    assert "see values.env" in unfilled.stderr
    assert set(understood["services"]) == {each.name for stage in given.stages for each in stage.containers}
    assert service["environment"] == {"API_KEY": "given", "GREETING": "a$$b $${c} {{d}} %{e}"}
    assert service["command"] == list(given.app[0].argv)
    assert service["depends_on"]["migrate"]["condition"] == "service_completed_successfully"
    assert service["depends_on"]["db"]["condition"] == "service_healthy"
    followed = {name for name, need in understood["services"]["nginx"]["depends_on"].items() if need.get("restart")}
    assert followed == {"app-1", "app-2"}
    assert understood["services"]["nginx"]["ports"][0]["published"] == "8080"
    assert int(service["deploy"]["resources"]["limits"]["memory"]) % MIB == 0
