"""`lab export --to kubernetes`: valid for every version that it names, and what refers to something finds it."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import kubernetes_validate  # type: ignore[import-untyped]  # it carries no types
import pytest
import yaml

from lab.export.deployment import Deployment
from lab.export.kubernetes_pods import GRACE_S, PRE_STOP_S
from lab.export.target import TARGETS
from lab.plan.models.model import GRACEFUL_SHUTDOWN_S
from tests.exports import DIRECT, PAIRS, RICH, RICH_ARM, deployment, measured

LEAST = (1, 30)
VERSIONS = [
    version
    for version in dict.fromkeys(kubernetes_validate.utils.all_versions())
    if tuple(map(int, version.split("."))) >= LEAST
]
KUBERNETES = TARGETS["kubernetes"]
Documents = list[dict[str, Any]]


def documents(given: Deployment) -> Documents:
    """The objects of kubernetes.yaml."""
    files = {file.name: file.text for file in KUBERNETES.files(given)}
    return list(yaml.safe_load_all(files["kubernetes.yaml"]))


def of_kind(found: Documents, kind: str) -> Documents:
    return [document for document in found if document["kind"] == kind]


def named(found: Documents, kind: str, name: str) -> dict[str, Any]:
    (one,) = (document for document in of_kind(found, kind) if document["metadata"]["name"] == name)
    return one


def pods(found: Documents) -> Iterator[Mapping[str, Any]]:
    """The template of every pod."""
    yield from (document["spec"]["template"] for document in (*of_kind(found, "Deployment"), *of_kind(found, "Job")))


def check_references(found: Documents) -> None:
    """Selectors find pods, ports and volumes have their names, and an Ingress leads to a Service."""
    labels = [pod["metadata"]["labels"] for pod in pods(found)]
    for document in (*of_kind(found, "Service"), *of_kind(found, "PodDisruptionBudget"), *of_kind(found, "Deployment")):
        selector = document["spec"]["selector"]
        selector = selector.get("matchLabels", selector)
        assert sum(selector.items() <= own.items() for own in labels) == 1, document["metadata"]["name"]
    for document in of_kind(found, "Service"):
        (pod,) = (
            each for each in pods(found) if document["spec"]["selector"].items() <= each["metadata"]["labels"].items()
        )
        ports = {port["name"] for port in pod["spec"]["containers"][0].get("ports", ())}
        assert {port["targetPort"] for port in document["spec"].get("ports", ())} <= ports
    for document in of_kind(found, "Ingress"):
        backend = document["spec"]["rules"][0]["http"]["paths"][0]["backend"]["service"]
        service = named(found, "Service", backend["name"])
        assert backend["port"]["name"] in {port["name"] for port in service["spec"]["ports"]}
    for pod in pods(found):
        spec = pod["spec"]
        volumes = {volume["name"] for volume in spec["volumes"]}
        used = {
            mount["name"]
            for each in (*spec["containers"], *spec.get("initContainers", ()))
            for mount in each["volumeMounts"]
        }
        assert used == volumes
        for config in (volume["configMap"]["name"] for volume in spec["volumes"] if "configMap" in volume):
            data = named(found, "ConfigMap", config)["data"]
            mounts = spec["containers"][0]["volumeMounts"]
            assert {mount["subPath"] for mount in mounts if mount["name"] == "files"} == set(data)


@pytest.mark.parametrize("version", VERSIONS)
def test_every_object_is_valid_and_strictly_so(version: str) -> None:
    """No key that this version does not know; a warning is an error, as everywhere in these tests."""
    for given in (deployment(DIRECT, measured()), deployment(RICH_ARM, measured(), **RICH)):
        for document in documents(given):
            kubernetes_validate.validate(document, version, strict=True)


def test_the_header_names_the_versions_that_are_checked() -> None:
    """A schema of a new version is a reason to look."""
    first, last = (version.removesuffix(".0") for version in (VERSIONS[0], VERSIONS[-1]))

    assert f"Kubernetes {first} to {last}, never run by us" in KUBERNETES.run_by_us


def test_what_no_version_knows_is_found() -> None:
    """The check itself works."""
    document = documents(deployment(DIRECT, measured()))[1]
    document["spec"]["template"]["spec"]["containers"][0]["comand"] = ["x"]
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(document, VERSIONS[-1], strict=True)


@pytest.mark.parametrize(("model", "front"), PAIRS)
def test_every_model_and_front_refers_to_what_is_there(model: str, front: str) -> None:
    """As many pods as the model has containers; the front asks the Service that leads to all of them."""
    given = deployment({"name": "arm", "model": model, "front": front}, measured())
    found = documents(given)
    app = named(found, "Deployment", "app")
    configs = of_kind(found, "ConfigMap")

    check_references(found)
    assert app["spec"]["replicas"] == len(given.app)
    assert app["spec"]["template"]["spec"]["containers"][0]["args"] == list(given.app[0].argv)
    assert bool(of_kind(found, "PodDisruptionBudget")) == (len(given.app) > 1)
    assert len(configs) == len(given.front)
    for config in configs:
        (text,) = config["data"].values()
        assert f"app:{given.app[0].ports[0]}" in text
        assert "app-1:" not in text


def test_an_arm_with_everything_has_all_of_it() -> None:
    """Secrets by reference, jobs before or inside, TLS from a Secret, the budget that was measured."""
    given = deployment(RICH_ARM, **RICH)
    found = documents(given)
    spec = named(found, "Deployment", "app")["spec"]["template"]["spec"]
    app, job = spec["containers"][0], named(found, "Job", "migrate")["spec"]["template"]["spec"]["containers"][0]
    front = named(found, "Deployment", "nginx")["spec"]["template"]["spec"]

    check_references(found)
    assert app["env"][0] == {"name": "API_KEY", "valueFrom": {"secretKeyRef": {"name": "secrets", "key": "API_KEY"}}}
    assert app["env"][1]["value"] == "a$b ${c} {{d}} %{e}"
    assert job["args"] == ["alembic", "upgrade", "head"]
    assert [each["name"] for each in spec["initContainers"]] == ["warm"]
    assert app["resources"]["limits"]["cpu"] == "500m"
    assert app["securityContext"]["runAsUser"] == 10001
    assert app["readinessProbe"]["httpGet"]["httpHeaders"] == [{"name": "Host", "value": "api.example.org"}]
    assert named(found, "Service", "db")["spec"]["clusterIP"] == "None"
    assert front["volumes"][-1]["secret"]["secretName"] == "tls"
    assert not of_kind(found, "Ingress")


def test_a_job_of_a_single_pod_runs_inside_it() -> None:
    """As an init container: nothing else would have to wait for it."""
    given = deployment({"name": "arm", "model": "workers", "front": "nginx"}, measured(), jobs=RICH["jobs"][:1])
    found = documents(given)

    assert not of_kind(found, "Job")
    assert named(found, "Deployment", "app")["spec"]["template"]["spec"]["initContainers"][0]["name"] == "migrate"


def test_a_pod_has_more_time_than_the_app_takes_to_end() -> None:
    """Or its own shutdown would be cut."""
    assert GRACE_S > PRE_STOP_S + GRACEFUL_SHUTDOWN_S
    for pod in pods(documents(deployment(RICH_ARM, **RICH))):
        assert pod["spec"]["terminationGracePeriodSeconds"] == GRACE_S


def test_what_kubernetes_would_replace_stays_as_it_is() -> None:
    """`$(NAME)` in a value, and two signs in a row."""
    env = {"A": "$(B)", "B": "x$$y", "C": "$z"}
    given = deployment({"name": "arm", "model": "workers", "front": "direct", "env": env}, measured())
    app = named(documents(given), "Deployment", "app")["spec"]["template"]["spec"]["containers"][0]

    assert [variable["value"] for variable in app["env"]] == ["$$(B)", "x$$$$y", "$z"]


def test_probes_that_need_a_secret_ask_the_port_only() -> None:
    """A probe cannot be given one, and a file must not have it."""
    headers = {"Authorization": "Bearer hidden-word"}
    given = deployment(DIRECT, measured(), app={"image": "example/app:1", "probe_headers": headers})
    text = KUBERNETES.files(given)[0].text
    app = named(documents(given), "Deployment", "app")["spec"]["template"]["spec"]["containers"][0]

    assert "hidden-word" not in text
    assert app["livenessProbe"]["tcpSocket"] == {"port": "clients"}
    assert "name a path that needs none" in " ".join(text.replace("#", " ").split())


@pytest.mark.parametrize(
    ("name", "sidecar", "said"),
    [("arm-", "db-", "'db-' is no name"), ("arm", "9db", "'9db' is no name"), ("arm", "app", "app's own")],
)
def test_names_that_kubernetes_does_not_take_are_refused(name: str, sidecar: str, said: str) -> None:
    """In a sentence, before anything is written."""
    arm = {"name": name, "model": "replicas", "front": "nginx"}
    given = deployment(arm, measured(), sidecars=[{"name": sidecar, "image": "postgres:17"}])

    assert said in KUBERNETES.refusal(given)


def test_a_hybrid_says_what_a_step_of_an_autoscaler_is() -> None:
    """Its pods have several processes each."""
    given = deployment({"name": "arm", "model": "hybrid", "front": "nginx"}, measured())

    assert "A pod of this arm has 2 serving processes" in KUBERNETES.files(given)[0].text


@pytest.mark.skipif(shutil.which("kubectl") is None, reason="no kubectl is installed: scripts/system kubectl")
@pytest.mark.parametrize(("arm", "more"), [(DIRECT, {}), (RICH_ARM, RICH)])
def test_kubectl_builds_the_kustomization(tmp_path: Path, arm: Mapping[str, Any], more: Mapping[str, Any]) -> None:
    """The same objects, in the namespace, each with the image that was filled in."""
    given = deployment(arm, measured(), **more)
    for file in KUBERNETES.files(given):
        (tmp_path / file.name).write_text(file.text.replace("FILL-IN", "filled-in"))
    built = subprocess.run(["kubectl", "kustomize", tmp_path], check=True, capture_output=True, text=True, timeout=60)
    found = list(yaml.safe_load_all(built.stdout))

    assert {kind_and_name(each) for each in found} == {kind_and_name(each) for each in documents(given)}
    assert {each["metadata"].get("namespace", given.name) for each in found} == {given.name}
    containers = [
        each for pod in pods(found) for each in (*pod["spec"]["containers"], *pod["spec"].get("initContainers", ()))
    ]
    assert all(":" in each["image"] and "FILL-IN" not in each["image"] for each in containers)


def kind_and_name(document: Mapping[str, Any]) -> tuple[str, str]:
    return document["kind"], document["metadata"]["name"]
