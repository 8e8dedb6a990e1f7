"""Target ``kubernetes``: Deployments, Services and what belongs to them, with a kustomization that names the images."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from lab.export.compose_parts import configs, name_of
from lab.export.deployment import (
    CERTIFICATE_VALUE,
    HOST_VALUE,
    KEY_VALUE,
    PORT_VALUE,
    Deployment,
    Value,
    front_before,
    processes_of,
    refused_front,
)
from lab.export.header import header
from lab.export.kubernetes_pods import PRE_STOP_S, SECRETS, TLS, image_of, pod, secret_headers
from lab.export.target import ExportedFile, Target
from lab.export.yaml_text import yaml_text
from lab.plan.kinds import ServiceKind
from lab.plan.topology import Endpoint, Job, Service

APP = "app"  # the name of the app's Service, which leads to all its pods
HOST = "app.example.org"
NAME = re.compile(r"[a-z]([a-z0-9-]*[a-z0-9])?", re.ASCII)
LABEL, PART_OF, STAGE = "app.kubernetes.io/name", "app.kubernetes.io/part-of", "process-model-lab/stage"
BEFORE, ARM = "before", "arm"
HTTP, HTTPS = 80, 443
NOTES = (
    "the cluster's own balancing: a front knows one address for all pods of the app, and the cluster chooses one of "
    "them for each connection, where the run's front chose for each request",
    f"probes, the pause of {PRE_STOP_S} s before a pod ends, and disruption budgets",
)
INGRESS_NOTE = "the Ingress: its controller is one more proxy before what was measured"
SCALING = """
# No HorizontalPodAutoscaler is written. A pod of this arm has {processes} serving processes: each step of one adds or
# takes as many, and its target is a part of the CPU request of a whole pod, which all of them share: a pod whose
# processes are not equally busy looks idle on average. What more pods bring was not measured; `[sweep]` can.
"""


def _files(deployment: Deployment) -> tuple[ExportedFile, ...]:
    notes = (*NOTES, *(() if deployment.arm.tls else (INGRESS_NOTE,)))
    head = header(deployment, KUBERNETES, *notes, by_hand=_by_hand(deployment))
    documents = "---\n".join(yaml_text(document) for document in _documents(deployment))
    several = len(deployment.app) > 1 and processes_of(deployment) > 1
    scaling = SCALING.format(processes=processes_of(deployment)) if several else ""
    secrets = [value.name for value in deployment.values if value.secret and value.name not in _OF_TLS]
    return (
        ExportedFile(name="kubernetes.yaml", text=head + documents + scaling),
        ExportedFile(name="kustomization.yaml", text=head + yaml_text(_kustomization(deployment))),
        *((ExportedFile(name="secrets.env", text="".join(f"{name}=\n" for name in secrets)),) if secrets else ()),
    )


def _kustomization(deployment: Deployment) -> dict[str, Any]:
    named = {value.name: value.default for value in deployment.values}
    images = []
    for service in (service for stage in deployment.stages for service in stage.containers):
        name, _, tag = (named[deployment.image_value(service)] or "FILL-IN:FILL-IN").rpartition(":")
        image = {"name": image_of(deployment, service), "newName": name or tag, "newTag": tag if name else "latest"}
        images += [] if image in images else [image]
    return {
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "namespace": deployment.name,
        "resources": ["kubernetes.yaml"],
        "images": images,
    }


def _documents(deployment: Deployment) -> Iterator[dict[str, Any]]:
    app, fronts = deployment.app[0], front_before(deployment, _endpoint(deployment))
    once = [job for job in deployment.named_jobs if not deployment.inside(job)]
    initial = [job.service for job in deployment.named_jobs if deployment.inside(job)]
    yield _object(deployment, "v1", "Namespace", deployment.name, BEFORE)
    for sidecar in deployment.topology.sidecars:
        yield _deployed(deployment, sidecar, sidecar.name, BEFORE)
        yield _service(deployment, sidecar.name, BEFORE, {"clusterIP": "None"})  # all ports, whichever it listens on
    for job in once:
        yield _job(deployment, job)
    yield _deployed(deployment, app, APP, ARM, pods=len(deployment.app), initial=initial)
    port = HTTPS if deployment.arm.tls_in_app else app.ports[0]
    yield _service(deployment, APP, ARM, _ports(port), public=deployment.arm.tls_in_app)
    if len(deployment.app) > 1:
        yield _disruption(deployment)
    for hop in fronts:
        for file in configs(hop):
            made = _object(deployment, "v1", "ConfigMap", f"{hop.name}-files", ARM)
            yield {**made, "data": {name_of(file): file.text}}
        yield _deployed(deployment, hop, hop.name, ARM)
        ends_tls = deployment.arm.tls and hop is fronts[0]
        yield _service(deployment, hop.name, ARM, _ports(HTTPS if ends_tls else hop.ports[0]), public=ends_tls)
    if not deployment.arm.tls:
        yield _ingress(deployment, fronts[0].name if fronts else APP)


def _endpoint(deployment: Deployment) -> Endpoint:
    return Endpoint(host=APP, port=deployment.app[0].ports[0])


def _object(deployment: Deployment, version: str, kind: str, name: str, stage: str) -> dict[str, Any]:
    labels = {LABEL: name, PART_OF: deployment.name, STAGE: stage}
    marks = {"process-model-lab/run": deployment.run.run_id}
    return {"apiVersion": version, "kind": kind, "metadata": {"name": name, "labels": labels, "annotations": marks}}


def _selector(deployment: Deployment, name: str) -> dict[str, str]:
    return {LABEL: name, PART_OF: deployment.name}


def _deployed(
    deployment: Deployment, service: Service, name: str, stage: str, pods: int = 1, initial: list[Service] | None = None
) -> dict[str, Any]:
    alone = service.kind is ServiceKind.SIDECAR  # two of a database on one folder would be none
    strategy = {"type": "Recreate"} if alone else {"rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}}
    spec = {
        "replicas": pods,
        "strategy": strategy,
        "selector": {"matchLabels": _selector(deployment, name)},
        "template": {
            "metadata": {"labels": _selector(deployment, name)},
            "spec": pod(deployment, service, name, initial or ()),
        },
    }
    return {**_object(deployment, "apps/v1", "Deployment", name, stage), "spec": spec}


def _job(deployment: Deployment, job: Job) -> dict[str, Any]:
    """A job that runs once, whatever the number of pods; it is tried again until what it needs is up."""
    template = {
        "metadata": {"labels": _selector(deployment, job.name)},
        "spec": {"restartPolicy": "Never", **pod(deployment, job.service, job.name)},
    }
    spec = {"backoffLimit": 6, "activeDeadlineSeconds": round(job.timeout_s), "template": template}
    return {**_object(deployment, "batch/v1", "Job", job.name, BEFORE), "spec": spec}


def _ports(port: int) -> dict[str, Any]:
    return {"ports": [{"name": "clients", "port": port, "targetPort": "clients"}]}


def _service(
    deployment: Deployment, name: str, stage: str, spec: Mapping[str, Any], *, public: bool = False
) -> dict[str, Any]:
    """``public``: TLS ends behind it, so no Ingress can stand before it that reads requests."""
    kind = {"type": "LoadBalancer"} if public else {}
    made = {**kind, "selector": _selector(deployment, name), **spec}
    return {**_object(deployment, "v1", "Service", name, stage), "spec": made}


def _disruption(deployment: Deployment) -> dict[str, Any]:
    spec = {"maxUnavailable": 1, "selector": {"matchLabels": _selector(deployment, APP)}}
    return {**_object(deployment, "policy/v1", "PodDisruptionBudget", APP, ARM), "spec": spec}


def _ingress(deployment: Deployment, entry: str) -> dict[str, Any]:
    backend = {"service": {"name": entry, "port": {"name": "clients"}}}
    path = {"path": "/", "pathType": "Prefix", "backend": backend}
    spec = {"rules": [{"host": HOST, "http": {"paths": [path]}}]}
    return {**_object(deployment, "networking.k8s.io/v1", "Ingress", entry, ARM), "spec": spec}


_OF_TLS = (CERTIFICATE_VALUE, KEY_VALUE)


def _values(deployment: Deployment) -> tuple[Value, ...]:
    """Images in kustomization.yaml, secrets in a Secret, and the name of the host where there is an Ingress."""
    own = tuple(value for value in deployment.values if value.name != PORT_VALUE)
    host = Value(name=HOST_VALUE, what="host of the Ingress in kubernetes.yaml", default=HOST)
    return own if deployment.arm.tls else (*own, host)


def _by_hand(deployment: Deployment) -> Iterator[str]:
    services = [service for stage in deployment.stages for service in stage.containers]
    if len(deployment.app) == 1:
        yield "one pod has all processes: it has no disruption budget, and a drain of its node ends the service"
    if secret_headers(deployment):
        yield "probes: a header of the run's is a secret, so only the port is asked; name a path that needs none"
    for service in services:
        if any(part and not part.isdecimal() for part in service.user.split(":")):
            yield f"the user of {service.name}: Kubernetes takes numbers, and the run had {service.user}"
        own = service.image != deployment.arm.image_key or service.name == deployment.app[0].name
        if own and any((volume.uid, volume.gid, volume.mode) != (0, 0, "1777") for volume in service.volumes):
            yield f"owner and mode of folders in memory of {service.name}: here they belong to the pod's group"


def _start(deployment: Deployment) -> str:
    name = deployment.name
    steps = [f"fill in kustomization.yaml; kubectl create namespace {name}"]
    if any(value.secret and value.name not in _OF_TLS for value in deployment.values):
        made = f"kubectl --namespace {name} create secret generic {SECRETS} --from-env-file secrets.env"
        steps.append(f"fill in secrets.env; {made}")
    if deployment.arm.tls:
        steps.append(f"kubectl --namespace {name} create secret tls {TLS} --cert {CERTIFICATE_VALUE} --key {KEY_VALUE}")
    if any(not deployment.inside(job) for job in deployment.named_jobs):
        steps.append(f"kubectl apply -k . -l {STAGE}={BEFORE}")
        steps.append(f"kubectl --namespace {name} wait --for=condition=complete --timeout=10m job --all")
    return "; ".join((*steps, "kubectl apply -k ."))


def _refusal(deployment: Deployment) -> str:
    if refused := refused_front(deployment):
        return refused
    beside = [*(each.name for each in deployment.topology.sidecars), *(job.name for job in deployment.jobs)]
    for name in beside:
        if NAME.fullmatch(name) is None:
            return f"{name!r} is no name in Kubernetes: let it begin with a letter and end in no hyphen"
    if APP in beside:
        return f"{APP!r} is the name of the app's own Service: give the sidecar or job another one"
    return ""


KUBERNETES = Target(
    name="kubernetes",
    title="Kubernetes manifests",
    files=_files,
    start=_start,
    run_by_us="validated against the schemas of Kubernetes 1.30 to 1.37, never run by us; needs 1.30 or later",
    refusal=_refusal,
    values=_values,
)
