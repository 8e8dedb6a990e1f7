"""Process models with a server or a number of containers of their own: what they start, and what they refuse."""

from typing import Any, cast

import pytest

from lab.errors import ScenarioError
from lab.plan.arm_topology import build_topology, ports_needed
from lab.plan.blocks import build_plan
from lab.plan.models.model import ProcessModel, model_of
from lab.plan.topology import Topology
from lab.scenario.kinds import MODELS
from lab.scenario.model import Arm
from tests.builders import make_scenario


def planned(model: dict[str, Any], processes: int = 4, **app: Any) -> tuple[Arm, Topology]:
    """The arm and the topology of its first trial."""
    front = "direct" if MODELS[model["kind"]].one_address else "nginx"
    arm = {"name": "arm", "model": model, "front": front}
    scenario = make_scenario(
        (arm,), budget={"processes": processes}, app={"image": "example/app:1", "target": "shop.api:app", **app}
    )
    (trial, *_) = build_plan(scenario).trials
    return trial.arm, build_topology(scenario, trial, range(20000, 20000 + ports_needed(scenario, trial.arm)))


@pytest.mark.parametrize(
    ("model", "words"),
    [
        (
            {"kind": "gunicorn"},
            ["uvicorn_worker.UvicornWorker --workers 4", "--bind 127.0.0.1:20000", "--forwarded-allow-ips "],
        ),
        ({"kind": "gunicorn", "worker": "asgi"}, ["--worker-class asgi"]),
        ({"kind": "gunicorn", "preload": True}, ["--preload"]),
        ({"kind": "granian"}, ["--loop auto", "--workers 4", "--host 127.0.0.1 --port 20000", "--interface asgi"]),
        (
            {"kind": "fastapi-run"},
            ["fastapi run shop/api.py --app app", "--host 127.0.0.1 --port 20000 --workers 4", "--no-proxy-headers"],
        ),
        ({"kind": "fastapi-run", "target": "module"}, ["fastapi run --entrypoint shop.api:app --host"]),
        ({"kind": "threads"}, ["granian --interface asgi", "--workers 4"]),
        ({"kind": "hypercorn"}, ["--worker-class uvloop", "--workers 4", "--bind 127.0.0.1:20000"]),
    ],
)
def test_a_server_is_one_container_that_is_told_everything(model: dict[str, Any], words: list[str]) -> None:
    """Of the app, its workers and its address; its master is a supervisor."""
    arm, topology = planned(model)
    (service,) = topology.services
    command = " ".join(service.argv)

    assert service.argv[0] == {"fastapi-run": "fastapi", "threads": "granian"}.get(model["kind"], model["kind"])
    assert "shop.api:app" in service.argv or model == {"kind": "fastapi-run"}, "which is told the file"
    assert [word for word in words if word not in command] == []
    assert ("--preload" in command) == bool(model.get("preload"))
    assert (topology.fronted, topology.processes) == (False, 4)
    assert model_of(arm).supervisors(arm.model, 4) == (model["kind"] != "threads")
    assert topology.serving == (1 if model["kind"] == "threads" else 4)


def test_only_arms_with_the_same_server_must_be_served_alike() -> None:
    """gunicorn's own worker reads HTTP otherwise than uvicorn's; what it preloads does not matter."""
    models: list[dict[str, Any]] = [
        *(
            {"kind": kind}
            for kind in ("workers", "replicas", "hybrid", "fastapi-run", "threads", "granian", "hypercorn", "gunicorn")
        ),
        {"kind": "gunicorn", "preload": True},
        {"kind": "gunicorn", "worker": "asgi"},
    ]
    servers = [model_of(arm).server(arm.model) for arm, _ in map(planned, models)]

    assert servers[:4] == ["uvicorn"] * 4
    assert servers[7] == servers[8]
    assert len(set(servers[3:])) == 6


@pytest.mark.parametrize("kind", MODELS)
def test_every_model_says_who_looks_after_its_processes(kind: str) -> None:
    """In words for the reference; and after how long a silent one is killed, which the words repeat."""
    supervision = cast(ProcessModel[Any], MODELS[kind]).supervision

    assert supervision.dies
    assert (supervision.hung_after_s is None) == supervision.hangs.startswith("nobody")
    if supervision.hung_after_s:
        assert f"{supervision.hung_after_s:g} s" in supervision.hangs


def test_a_hybrid_shares_its_processes_between_containers() -> None:
    """Six processes in three containers are two workers each, with a supervisor each."""
    arm, topology = planned({"kind": "hybrid", "containers": 3}, 6)
    apps = [service for service in topology.services if service.name.startswith("app-")]

    assert [service.argv[service.argv.index("--workers") + 1] for service in apps] == ["2"] * 3
    assert len(topology.app) == 3
    assert model_of(arm).supervisors(arm.model, 6) == 3
    assert model_of(arm).supervisors(arm.model, 3) == 0, "uvicorn serves a single worker without one"
    assert model_of(arm).title(arm.model) == "hybrid (3 containers)"


@pytest.mark.parametrize(
    ("model", "processes", "app", "expected"),
    [
        ({"kind": "hybrid", "containers": 3}, 4, {}, "4 processes cannot be shared equally by 3 containers: take"),
        ({"kind": "hybrid", "containers": 3}, 4, {}, "containers = 2 or 4"),
        ({"kind": "hybrid", "containers": 2}, 1, {}, 'take model = "workers" or "replicas"'),
        ({"kind": "hybrid", "containers": 1}, 4, {}, "containers: expected 2 or more"),
        ({"kind": "gunicorn", "worker": "sync"}, 4, {}, 'worker: expected "uvicorn" or "asgi"'),
        (
            {"kind": "workers", "preload": True},
            4,
            {},
            "'preload' is an option of model 'gunicorn', got",
        ),
        ({"kind": "granian"}, 4, {"command": "x {port} {workers}"}, "leave out command"),
        ({"kind": "gunicorn"}, 4, {"loop": "uvloop"}, "app.loop = 'uvloop' cannot be asked of gunicorn: take 'auto'"),
        ({"kind": "granian"}, 4, {"loop": "zuvloop"}, "app.loop = 'zuvloop' cannot be asked of granian"),
        ({"kind": "threads"}, 4, {"http": "h11"}, "app.http = 'h11' is uvicorn's"),
        ({"kind": "fastapi-run"}, 4, {"command": "x {port}"}, "the lab starts fastapi run itself: leave out command"),
        ({"kind": "fastapi-run"}, 4, {"loop": "uvloop"}, "cannot be asked of fastapi run: take 'auto'"),
        (
            {"kind": "fastapi-run"},
            4,
            {"target": "shop:made.app"},
            "made.app is no name in a file: take target",
        ),
        ({"kind": "fastapi-run", "target": "file"}, 4, {}, 'target: expected "path" or "module"'),
        ({"kind": "hypercorn"}, 4, {"http": "h11"}, "app.http = 'h11' is uvicorn's, hypercorn has its own"),
    ],
)
def test_what_does_not_go_together_is_a_sentence(
    model: dict[str, Any], processes: int, app: dict[str, Any], expected: str
) -> None:
    """With the nearest choice that does."""
    with pytest.raises(ScenarioError) as refused:
        planned(model, processes, **app)

    assert expected in str(refused.value)
