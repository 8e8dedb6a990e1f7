"""A network of its own: who gets one and why, what is told to its containers, and how a process is named in it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import docker
import pytest
from pydantic import ValidationError

from lab.attest.claims import homes_of
from lab.engines.docker import opening
from lab.engines.docker.elsewhere import _is_here, find_elsewhere
from lab.engines.docker.refusals import choose_networks
from lab.engines.process.refusals import check_plain
from lab.errors import ScenarioError
from lab.plan.arm_topology import build_topology, nominal_ports, ports_needed
from lab.plan.blocks import build_plan
from lab.plan.topology import Topology
from lab.record.schema import SCHEMA_VERSION
from lab.record.types import Evidence, ServiceRecord
from lab.record.upgrade import upgraded_record
from lab.run.by_hand import check_reachable
from lab.scenario.budget import Budget
from lab.scenario.model import App, Arm, Load, Scenario
from lab.scenario.network import Network, choose_network
from tests.fake_images import FakeDocker

WORKERS = Arm(name="workers", model="workers", front="direct")
REPLICAS = Arm(name="replicas", model="replicas", front="nginx")


def scenario(app: App | None = None, network: str = "auto", *arms: Arm) -> Scenario:
    return Scenario(
        question="Which?",
        app=app or App(image="shop:1"),
        arms=arms or (WORKERS, REPLICAS),
        budget=Budget(processes=2),
        load=Load(locustfile=Path("locustfile.py")),
        network=network,  # type: ignore[arg-type]  # one that is none of them is refused
    )


def topology(given: Scenario, arm: Arm, elsewhere: str = "") -> Topology:
    trial = next(trial for trial in build_plan(given).trials if trial.arm == arm)
    return build_topology(given, trial, nominal_ports(given, arm), elsewhere)


@pytest.mark.parametrize(
    ("arm", "named", "port", "elsewhere", "expected", "why"),
    [
        ("", "auto", None, "", Network.HOST, "listens where it is told"),
        ("", "auto", 80, "", Network.OWN, "on its own port, 80"),
        ("", "auto", None, "the engine is elsewhere", Network.OWN, "the engine is elsewhere"),
        ("", "host", 80, "the engine is elsewhere", Network.HOST, "asked for by the scenario"),
        ("own", "host", None, "", Network.OWN, "asked for by its arm"),
        ("host", "own", None, "", Network.HOST, "asked for by its arm"),
    ],
)
def test_auto_takes_a_network_of_its_own_where_it_must(
    arm: str, named: str, port: int | None, elsewhere: str, expected: Network, why: str
) -> None:
    """Who asks gets what was asked for, the arm first; the reason is told."""
    choice = choose_network(arm, named, port, elsewhere)

    assert choice.network is expected
    assert why in choice.why


def test_every_container_keeps_its_port_and_is_found_by_name() -> None:
    """The image's own command, equal ports, nothing on the machine; nginx listens everywhere, upstreams have names."""
    found = topology(scenario(App(image="shop:1", command="{image}", port=80, env={"N": "{workers}"})), REPLICAS)

    assert {endpoint.url for endpoint in found.app} == {"http://app-1:80", "http://app-2:80"}
    assert found.entry.url == "http://nginx:8080"
    (nginx,) = [service for service in found.services if service.files]
    assert "listen 0.0.0.0:8080;" in nginx.files[0].text
    assert all(f"server app-{number}:80" in nginx.files[0].text for number in (1, 2))
    assert ports_needed(scenario(network="own"), REPLICAS) == 0


def test_our_own_command_listens_for_the_other_containers() -> None:
    """On 8000 where nobody says otherwise; placeholders are the same ones."""
    (app,) = topology(scenario(network="own"), WORKERS).services
    told = scenario(App(image="shop:1", command="serve {host} {port} {workers}", port=9000))

    assert app.argv[2:6] == ("--host", "0.0.0.0", "--port", "8000")
    assert topology(told, WORKERS).services[0].argv == ("serve", "0.0.0.0", "9000", "2")


def test_an_engine_elsewhere_has_every_arm_in_a_network_of_its_own() -> None:
    """Whatever is reached on loopback would be this machine's."""
    found = topology(scenario(), REPLICAS, elsewhere="its processes are not here")

    assert found.network is Network.OWN
    assert ports_needed(scenario(), REPLICAS, "its processes are not here") == 0


def test_names_become_addresses_once_containers_run() -> None:
    """Everything that names a process afterwards, such as a balancer's upstream, does it by address."""
    named = topology(scenario(network="own"), REPLICAS)
    found = named.located({"app-1": "10.0.0.2", "app-2": "10.0.0.3", "nginx": "10.0.0.4"})

    assert {endpoint.address for endpoint in found.app} == {"10.0.0.2:8000", "10.0.0.3:8000"}
    assert found.entry.address == "10.0.0.4:8080"
    assert found.fronted


def test_a_process_is_known_by_its_name_its_address_and_its_own_word() -> None:
    """All containers have one port: only the address tells them apart."""
    records = [
        ServiceRecord(
            name=f"app-{number}",
            kind="app",
            container_id="",
            image="",
            image_digest="",
            argv=(),
            ports=(80,),
            host=f"app-{number}",
            address=f"10.0.0.{number}",
        )
        for number in (1, 2)
    ]
    services = {address: record.name for record in records for address in record.addresses}

    homes = homes_of(Evidence(homes={"1-aa": "10.0.0.2:80"}), services)
    assert homes["1-aa"] == homes["10.0.0.2:80"] == homes["app-2:80"] == "app-2"
    assert homes["10.0.0.1:80"] == "app-1"


def test_a_command_without_a_port_needs_one_and_a_network() -> None:
    """On the machine's loopback two containers would fight for it."""
    with pytest.raises(ValidationError, match='or give "port", the one on which the app always listens'):
        App(image="shop:1", command="fastapi run --port 80")
    with pytest.raises(ValidationError, match=r"needs the placeholder \{port\}"):
        scenario(App(image="shop:1", command="serve --workers {workers}", port=80), "host")
    fixed = scenario(App(image="shop:1", command="serve --workers {workers}", port=80))
    assert topology(fixed, WORKERS).services[0].argv == ("serve", "--workers", "2")


def test_plain_processes_have_no_network_of_their_own() -> None:
    """A sentence that names the arm and the reason."""
    with pytest.raises(ScenarioError, match='arm "workers": a network of its own takes containers.*own port, 80'):
        check_plain(scenario(App(image="shop:1", port=80)))


def test_a_record_with_ports_reads_as_one_with_addresses() -> None:
    """Runs that were kept before: every port was one of this machine's loopback."""
    kept = {"schema_version": 2, "attestation": {"listeners": {"20000": "app"}, "homes": {"a": 20000}, "unseen": ""}}
    new = {
        "schema_version": SCHEMA_VERSION,
        "attestation": {"listeners": {"10.0.0.2:80": "app"}, "homes": {}, "unseen": ""},
    }

    assert upgraded_record(kept)["attestation"] == {
        "listeners": {"127.0.0.1:20000": "app"},
        "homes": {"a": "127.0.0.1:20000"},
        "unseen": "",
    }
    assert upgraded_record(new) == new


def test_a_page_reaches_arms_that_are_all_in_one_kind_of_network() -> None:
    """`lab ui` says so before anything is built: its users ask all arms from one place, here or with the arms."""
    mixed = scenario(None, "auto", WORKERS, replace(REPLICAS, network="own"))
    with pytest.raises(ScenarioError, match=rf'"{REPLICAS.name}" is in a network of its own'):
        check_reachable(mixed)
    check_reachable(mixed, "the engine's processes are not this machine's")  # where all networks are their own
    check_reachable(scenario())
    check_reachable(scenario(network="own"))


def test_what_an_engine_elsewhere_or_an_agent_cannot_do_is_refused() -> None:
    """With the key that helps; `auto` needs no word."""
    assert choose_networks(scenario(), "it is elsewhere") == {"own": "it is elsewhere"}
    with pytest.raises(ScenarioError, match=r'network = "host" would listen on another machine.s loopback; it is else'):
        choose_networks(scenario(network="host"), "it is elsewhere")
    given = Load(locustfile=Path("l.py"), python=Path("/usr/bin/python3"))
    with pytest.raises(ScenarioError, match=r"load\.python cannot be used"):
        choose_networks(replace(scenario(), load=given), "it is elsewhere")
    with pytest.raises(ValidationError, match=r'load\.python: arm "workers" is in a network of its own'):
        replace(scenario(network="own"), load=given)


def test_a_refusal_comes_before_anything_is_built(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the engine is, any image that it has can tell."""
    monkeypatch.setattr(opening, "images_here", lambda _client: ["sha256:any"])
    monkeypatch.setattr(opening, "prepare_images", lambda *_: pytest.fail("it built"))

    monkeypatch.setattr(opening, "find_elsewhere", lambda _client, image_ids, _run: image_ids and "it is elsewhere")
    with pytest.raises(ScenarioError, match="it is elsewhere"):
        opening.open_docker(scenario(network="host"), "run", print, docker_client=lambda: FakeDocker())


def test_an_image_that_cannot_wait_does_not_tell_where_the_engine_is(tmp_path: Path) -> None:
    """Nor one that somebody removes meanwhile. The next is tried; where none can tell, a local socket tells nothing."""
    removed: list[str] = []

    class Waiting:
        attrs: Mapping[str, Any] = {"State": {"Pid": 7}}

        def __init__(self, image: str, **_: Any) -> None:
            if image == "gone":
                raise docker.errors.ImageNotFound(image)
            self.id = image

        def start(self) -> None:
            if self.id == "scratch":
                raise docker.errors.APIError("no such program")

        def reload(self) -> None:
            """Nothing changes."""

    client: Any = SimpleNamespace(
        containers=SimpleNamespace(create=Waiting),
        info=dict,
        api=SimpleNamespace(
            base_url="http+docker://localhost", remove_container=lambda identity, **_: removed.append(identity)
        ),
    )

    assert find_elsewhere(client, ["scratch"], "run", tmp_path) is None
    assert "runs elsewhere" in str(find_elsewhere(client, ["gone", "scratch", "base", "unneeded"], "run", tmp_path))
    assert removed == ["scratch"] * 4 + ["base"], "what was made is gone"


def test_a_process_is_the_engines_when_its_cgroup_carries_the_container(tmp_path: Path) -> None:
    """A number alone is anybody's: an engine in a PID namespace of its own has small ones."""
    (tmp_path / "7").mkdir()
    (tmp_path / "7" / "cgroup").write_text("0::/docker/abc123\n")

    assert _is_here(tmp_path, 7, "abc123")
    assert not _is_here(tmp_path, 7, "def456")
    assert not _is_here(tmp_path, 8, "abc123")
