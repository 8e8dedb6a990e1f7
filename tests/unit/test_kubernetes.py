"""`lab export --to kubernetes`: valid for every version that it names, and what refers to something finds it."""

from __future__ import annotations

import base64
import json
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
from tests.exports import DIRECT, PAIRS, RICH, RICH_ARM, SEVERAL, deployment, measured

LEAST = (1, 30)
VERSIONS = [
    version
    for version in dict.fromkeys(kubernetes_validate.utils.all_versions())
    if tuple(map(int, version.split("."))) >= LEAST
]
KUBERNETES = TARGETS["kubernetes"]
Documents = list[dict[str, Any]]
FAILED = "  # one that has failed is waited for as well: kubectl get jobs tells"


def documents(given: Deployment) -> Documents:
    """The objects of kubernetes.yaml."""
    files = {file.name: file.text for file in KUBERNETES.files(given)}
    return list(yaml.safe_load_all(files["kubernetes.yaml"]))


def head(given: Deployment) -> str:
    """The comments of kubernetes.yaml as one line."""
    return " ".join(KUBERNETES.files(given)[0].text.replace("#", " ").split())


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

    assert f"Kubernetes {first} to {last};" in KUBERNETES.run_by_us
    assert "never run by us on Kubernetes" in KUBERNETES.run_by_us


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


@pytest.mark.parametrize(
    ("front", "checks"),
    [
        ({"kind": "nginx"}, ("max_fails=1",)),
        ({"kind": "haproxy", "check": "1s"}, ("httpchk", "observe layer4")),
        ({"kind": "traefik", "check": "1s"}, ("passiveHealthCheck", "healthCheck:")),
        ({"kind": "caddy", "check": "1s"}, ("fail_duration", "health_uri")),
    ],
    ids=lambda given: str(given[0]) if isinstance(given, tuple) else str(given["kind"]),
)
def test_no_check_of_a_front_takes_the_only_address_away(front: dict[str, str], checks: tuple[str, ...]) -> None:
    """All pods have one address. Where the app has one container, checks that ask stay: they refuse what works not."""
    several = deployment({"name": "arm", "model": "replicas", "front": front}, measured())
    (config,) = of_kind(documents(several), "ConfigMap")
    (written,) = config["data"].values()
    known = several.front[0].files[0].text
    single = deployment({"name": "arm", "model": "workers", "front": front}, measured()).front[0].files[0].text
    active = [check for check in checks if check in ("httpchk", "healthCheck:", "health_uri")]

    assert [check for check in checks if check in written] == []
    assert [check for check in checks if check in known] == list(checks)
    assert [check for check in checks if check in single] == active


@pytest.mark.parametrize("front", ["nginx", "haproxy", "traefik", "caddy"])
def test_a_front_behind_an_ingress_does_not_say_that_nobody_is_before_it(front: str) -> None:
    """Over TLS there is no Ingress; nowhere else is there one. What a front then does, tests/integration ask."""
    behind = deployment({"name": "arm", "model": "replicas", "front": front}, measured())
    first = deployment({"name": "arm", "model": "replicas", "front": {"kind": front, "tls": True}}, measured())
    texts = [next(iter(of_kind(documents(given), "ConfigMap")[0]["data"].values())) for given in (behind, first)]

    assert "obody stands before this front" not in texts[0]
    assert "obody stands before this front" in texts[1]
    assert "obody stands before this front" in behind.front[0].files[0].text
    assert "its controller has to replace what clients say" in head(behind)
    assert "its controller has to replace what clients say" not in head(first)


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


def test_a_pod_may_listen_on_a_low_port_as_a_container_of_docker_may() -> None:
    """Without capabilities only this sysctl lets it; of sidecars nobody knows the ports, of the front the lab does."""
    sysctl = [{"name": "net.ipv4.ip_unprivileged_port_start", "value": "0"}]
    low = {"image": "example/app:1", "port": 80}
    arm = {"name": "arm", "model": "workers", "front": "nginx"}
    given = deployment(arm, measured(), app=low, sidecars=RICH["sidecars"])
    asked = {
        each["metadata"]["name"]: each["spec"]["template"]["spec"]["securityContext"].get("sysctls")
        for each in of_kind(documents(given), "Deployment")
    }

    assert asked == {"db": sysctl, "cache": sysctl, "app": sysctl, "nginx": None}
    for document in documents(given):
        kubernetes_validate.validate(document, VERSIONS[0], strict=True)


@pytest.mark.parametrize(("user", "mode"), [("", 0o444), ("app", 0o444), ("10001", 0o440), ("10001:10002", 0o440)])
def test_the_key_can_be_read_by_whoever_serves(user: str, mode: int) -> None:
    """A file of a Secret is root's, and of the pod's group only where that is known."""
    arm = {"name": "arm", "model": "workers", "front": {"kind": "direct", "tls": True}}
    given = deployment(arm, measured(), app={"image": "example/app:1", "user": user})
    spec = named(documents(given), "Deployment", "app")["spec"]["template"]["spec"]
    (tls,) = (volume["secret"] for volume in spec["volumes"] if volume["name"] == "tls")

    assert tls["defaultMode"] == mode
    assert ("fsGroup" in spec.get("securityContext", {})) == (mode == 0o440)


def test_what_runs_before_the_arm_keeps_its_order_and_can_run_again() -> None:
    """Each stage is awaited; a Job cannot be changed, so the last version's goes first."""
    given = deployment({"name": "arm", "model": "replicas", "front": "nginx"}, measured(), **SEVERAL)
    found = documents(given)
    stages = {
        (each["kind"], each["metadata"]["name"]): each["metadata"]["labels"]["process-model-lab/stage"]
        for each in found
    }
    told = [step.removeprefix(f"kubectl --namespace {given.name} ") for step in KUBERNETES.start(given).split("; ")]

    assert stages["Deployment", "db"] == stages["Service", "db"] == "before-1"
    assert [stages["Job", name] for name in ("seed", "migrate", "fill")] == ["before-2", "before-3", "before-4"]
    assert ("Deployment", "seed") not in stages
    assert [step for step in told if "wait" in step or "delete" in step or "before" in step] == [
        "kubectl apply -k . -l process-model-lab/stage=before-1",
        "wait --for=condition=available --timeout=600s deployment/db",
        "delete --ignore-not-found job/seed",
        "kubectl apply -k . -l process-model-lab/stage=before-2",
        f"wait --for=condition=complete --timeout=660s job/seed{FAILED}",
        "delete --ignore-not-found job/migrate",
        "kubectl apply -k . -l process-model-lab/stage=before-3",
        f"wait --for=condition=complete --timeout=630s job/migrate{FAILED}",
        "delete --ignore-not-found job/fill",
        "kubectl apply -k . -l process-model-lab/stage=before-4",
        f"wait --for=condition=complete --timeout=720s job/fill{FAILED}",
    ]
    assert told[-1] == "kubectl apply -k . -l process-model-lab/stage=arm"
    assert named(found, "Job", "migrate")["spec"]["activeDeadlineSeconds"] == 630
    assert "order of jobs: warm runs with each container of the app, so here after migrate, fill" in head(given)
    check_references(found)


def test_another_configuration_of_a_front_is_another_pod() -> None:
    """A ConfigMap that is mounted file by file is never made anew in a pod that runs."""
    arms = [{"name": "arm", "model": "replicas", "front": {"kind": "nginx", "retries": number}} for number in (1, 1, 2)]
    found = [documents(deployment(arm, measured())) for arm in arms]
    first, same, other = (named(each, "Deployment", "nginx")["spec"]["template"] for each in found)

    assert first == same
    assert first["metadata"]["annotations"].keys() == {"process-model-lab/files"}
    assert {**first, "metadata": None} == {**other, "metadata": None}
    assert first["metadata"]["annotations"] != other["metadata"]["annotations"]
    assert "annotations" not in named(found[0], "Deployment", "app")["spec"]["template"]["metadata"]


def test_commands_can_be_given_again() -> None:
    """What is there already is changed: `create` alone would refuse."""
    told = KUBERNETES.start(deployment(RICH_ARM, **RICH)).split("; ")

    assert "kubectl apply -k . -l process-model-lab/stage=namespace" in told
    assert all(step.endswith("| kubectl apply -f -") for step in told if " create " in step)
    assert KUBERNETES.start(deployment(DIRECT, measured())).endswith("kubectl apply -k .")


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


@pytest.mark.skipif(shutil.which("kubectl") is None, reason="no kubectl is installed: scripts/system kubectl")
def test_kubectl_reads_secrets_as_they_are_filled_in(tmp_path: Path) -> None:
    """The head of the file is no value, and a value stands as it is."""
    given, odd = deployment(RICH_ARM, measured(), **RICH), "a=b # 'c' \"$d\""
    text = next(file.text for file in KUBERNETES.files(given) if file.name == "secrets.env")
    lines = [line if line.startswith("#") else f"{line}{odd}" for line in text.splitlines()]
    (tmp_path / "secrets.env").write_text("".join(f"{line}\n" for line in lines))
    made = ["kubectl", "create", "secret", "generic", "secrets", "--from-env-file", "secrets.env"]
    told = [*made, "--dry-run=client", "--output", "json"]
    done = subprocess.run(told, cwd=tmp_path, check=True, capture_output=True, text=True, timeout=60)
    data = {name: base64.b64decode(value).decode() for name, value in json.loads(done.stdout)["data"].items()}

    assert data == dict.fromkeys(("API_KEY", "DB_POSTGRES_PASSWORD"), odd)


def kind_and_name(document: Mapping[str, Any]) -> tuple[str, str]:
    return document["kind"], document["metadata"]["name"]
