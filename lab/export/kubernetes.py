"""Target ``kubernetes``: Deployments, Services and what belongs to them, with a kustomization that names the images."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from lab.export.before import numbered, reordered, stages_before
from lab.export.compose_parts import configs, name_of
from lab.export.deployment import (
    HOST_VALUE,
    PORT_VALUE,
    Deployment,
    Value,
    front_before,
    processes_of,
    refused_front,
)
from lab.export.header import header, origin
from lab.export.kubernetes_pods import PRE_STOP_S, image_of, marks, pod, secret_headers
from lab.export.kubernetes_steps import ARM, NAMESPACE, OF_TLS, STAGE, deadline_s, steps
from lab.export.program import refused_program
from lab.export.target import ExportedFile, Target
from lab.export.yaml_text import yaml_text
from lab.plan.kinds import ServiceKind
from lab.plan.topology import Endpoint, Job, Service

MANIFESTS, SECRETS_FILE = "kubernetes.yaml", "secrets.env"
APP = "app"  # the name of the app's Service, which leads to all its pods
HOST = "app.example.org"
NAME = re.compile(r"[a-z]([a-z0-9-]*[a-z0-9])?", re.ASCII)
LABEL, PART_OF = "app.kubernetes.io/name", "app.kubernetes.io/part-of"
HTTP, HTTPS = 80, 443
NOTES = (
    "the cluster's own balancing: a front knows one address for all pods of the app, and the cluster chooses one of "
    "them for each connection, where the run's front chose for each request; probes take the place of its checks",
    f"probes, the pause of {PRE_STOP_S} s before a pod ends, and disruption budgets",
)
INGRESS_NOTE = "the Ingress: its controller is one more proxy before what was measured"
BELIEVED = "what the Ingress says of clients in X-Forwarded-For, X-Forwarded-Proto and X-Real-IP"
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
    secrets = [value.name for value in deployment.values if value.secret and value.name not in OF_TLS]
    return (
        ExportedFile(name=MANIFESTS, text=head + documents + scaling),
        ExportedFile(name="kustomization.yaml", text=head + yaml_text(_kustomization(deployment))),
        *((_secrets(deployment, secrets),) if secrets else ()),
    )


def _secrets(deployment: Deployment, names: Sequence[str]) -> ExportedFile:
    """Only names: what a person writes behind them is in no other file, and in no comment."""
    head = origin(deployment, SECRETS_FILE, MANIFESTS)
    lines = ["# Behind = a value stands as it is, without quotes.", *(f"{name}=" for name in names)]
    return ExportedFile(name=SECRETS_FILE, text=head + "\n".join(lines) + "\n", mode=0o600)


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
        "resources": [MANIFESTS],
        "images": images,
    }


def _documents(deployment: Deployment) -> Iterator[dict[str, Any]]:
    app, fronts = deployment.app[0], _fronts(deployment)
    initial = [job.service for job in deployment.named_jobs if deployment.inside(job)]
    yield _object(deployment, "v1", "Namespace", deployment.name, NAMESPACE)
    before = stages_before(deployment)
    for label, stage in zip(numbered(len(before)), before, strict=True):
        for sidecar in stage.services:
            yield _deployed(deployment, sidecar, sidecar.name, label)
            yield _service(deployment, sidecar.name, label, {"clusterIP": "None"})  # all ports, on whichever it listens
        for job in stage.jobs:
            yield _job(deployment, job, label)
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


def _fronts(deployment: Deployment) -> tuple[Service, ...]:
    """Before the Service that leads to all pods, which probes check, and behind the Ingress where there is one."""
    pods = Endpoint(host=APP, port=deployment.app[0].ports[0])
    return front_before(deployment, pods, checks="none", behind=not deployment.arm.tls)


def _object(deployment: Deployment, version: str, kind: str, name: str, stage: str) -> dict[str, Any]:
    labels = {LABEL: name, PART_OF: deployment.name, STAGE: stage}
    run = {"process-model-lab/run": deployment.run.run_id}
    return {"apiVersion": version, "kind": kind, "metadata": {"name": name, "labels": labels, "annotations": run}}


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
            "metadata": {"labels": _selector(deployment, name), **marks(service)},
            "spec": pod(deployment, service, name, initial or ()),
        },
    }
    return {**_object(deployment, "apps/v1", "Deployment", name, stage), "spec": spec}


def _job(deployment: Deployment, job: Job, stage: str) -> dict[str, Any]:
    """A job that runs once, whatever the number of pods; it is tried again until what it needs is up."""
    template = {
        "metadata": {"labels": _selector(deployment, job.name)},
        "spec": {"restartPolicy": "Never", **pod(deployment, job.service, job.name)},
    }
    spec = {"backoffLimit": 6, "activeDeadlineSeconds": deadline_s(job.timeout_s), "template": template}
    return {**_object(deployment, "batch/v1", "Job", job.name, stage), "spec": spec}


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


def _values(deployment: Deployment) -> tuple[Value, ...]:
    """Images in kustomization.yaml, secrets in a Secret, and the name of the host where there is an Ingress."""
    own = tuple(value for value in deployment.values if value.name != PORT_VALUE)
    host = Value(name=HOST_VALUE, what="host of the Ingress in kubernetes.yaml", default=HOST)
    return own if deployment.arm.tls else (*own, host)


def _by_hand(deployment: Deployment) -> Iterator[str]:
    services = [service for stage in deployment.stages for service in stage.containers]
    yield "a login to the registry, if it asks for one: imagePullSecrets of the pods"
    yield from reordered(deployment)
    if not deployment.arm.tls:
        yield "ingressClassName of the Ingress, unless the cluster has a class that is its default"
        who = f"{deployment.entry.name} and the app" if deployment.front else "the app"
        yield f"{BELIEVED}, as {who} will believe it: its controller has to replace what clients say there"
    if len(deployment.app) == 1:
        yield "one pod has all processes: it has no disruption budget, and a drain of its node ends the service"
    elif deployment.front:
        yield "one pod has the front: a drain of its node ends the service until there is another"
    if secret_headers(deployment):
        yield "probes: a header of the run's is a secret, so only the port is asked; name a path that needs none"
    for service in services:
        if any(part and not part.isdecimal() for part in service.user.split(":")):
            yield f"the user of {service.name}: Kubernetes takes numbers, and the run had {service.user}"
        own = service.image != deployment.arm.image_key or service.name == deployment.app[0].name
        if own and any((volume.uid, volume.gid, volume.mode) != (0, 0, "1777") for volume in service.volumes):
            yield f"owner and mode of folders in memory of {service.name}: here they belong to the pod's group"


def _refusal(deployment: Deployment) -> str:
    if refused := refused_front(deployment) or refused_program(deployment):
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
    start=lambda deployment: "; ".join(steps(deployment)),
    run_by_us="validated against the schemas of Kubernetes 1.30 to 1.37; pods of every model that needs no front were "
    "started as they are written by `podman kube play`, without Services and probes; never run by us on Kubernetes; "
    "needs 1.30 or later",
    refusal=_refusal,
    values=_values,
)
