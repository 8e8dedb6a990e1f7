"""Which process answers on which port, by its own name: attestation asks once, so that the live view need not."""

from __future__ import annotations

from dataclasses import replace
from typing import cast

from lab.agent.calls import There
from lab.attest.claims import homes_of
from lab.attest.evidence import collect, homes
from lab.engines import Deployment
from lab.plan.arm_topology import build_topology, ports_needed
from lab.plan.blocks import build_plan
from lab.plan.topology import Endpoint, Topology
from lab.record.types import Evidence, ServiceRecord
from tests.builders import REPLICAS, WORKERS, make_scenario
from tests.fake_server import fake_server


def topology(arm: str, *ports: int) -> Topology:
    scenario = make_scenario((WORKERS, REPLICAS), budget={"processes": 2})
    trial = next(trial for trial in build_plan(scenario).trials if trial.arm.name == arm)
    made = build_topology(scenario, trial, range(20000, 20000 + ports_needed(scenario, trial.arm)))
    return replace(made, app=tuple(Endpoint(port=port) for port in ports), ready_path="/ready")


def test_every_replica_is_asked_for_its_name() -> None:
    """One request on each port."""
    with fake_server("1-aa") as one, fake_server("1-bb") as other:
        found = homes(topology("replicas", one.port, other.port))
        assert found == {"1-aa": f"127.0.0.1:{one.port}", "1-bb": f"127.0.0.1:{other.port}"}
        assert (one.paths, other.paths) == (["/ready"], ["/ready"])


def test_an_app_without_a_header_has_no_names() -> None:
    """Its address tells who served."""
    with fake_server("1-aa") as one, fake_server("1-bb") as other:
        nameless = replace(topology("replicas", one.port, other.port), ready_path="/ready?nobody=1")
        assert homes(nameless) == {}


def test_workers_share_a_port_and_are_not_asked() -> None:
    """The port would name one of them at random."""
    with fake_server() as server:
        assert homes(topology("workers", server.port)) == {}
        assert server.paths == []


def test_a_front_that_names_a_process_as_it_was_told_is_understood() -> None:
    """Caddy says "app-1:8000", where nginx says the address: the live view knows both, as attestation does."""
    at = {"app-1": "172.20.0.2", "app-2": "172.20.0.3"}
    services = tuple(
        ServiceRecord(
            name=name,
            kind="app",
            container_id="",
            image="",
            image_digest="",
            argv=(),
            ports=(8000,),
            host=name,
            address=address,
        )
        for name, address in at.items()
    )
    seen = Evidence(
        upstreams=("app-1:8000", "172.20.0.3:8000"), listeners={f"{each}:8000": name for name, each in at.items()}
    )
    found = collect(
        Deployment(
            topology=topology("replicas", 1, 2),
            services=services,
            targets=(),
            boot_s=1.0,
            servers={},
            strangers=(),
            neighbours=(),
            check=lambda: None,
            logs=dict,
            there=cast(There, lambda *_: seen),
        )
    )

    assert found.homes == {"app-1:8000": "172.20.0.2:8000"}
    assert homes_of(found, found.listeners) == {"app-1:8000": "app-1", **found.listeners}
