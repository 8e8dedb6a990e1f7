"""The commands that deploy a Kubernetes export, in the order of the run's stages; every one can be given again."""

from collections.abc import Iterator

from lab.export.before import Before, numbered, stages_before
from lab.export.deployment import CERTIFICATE_VALUE, KEY_VALUE, Deployment
from lab.export.kubernetes_pods import SECRETS, TLS

STAGE, NAMESPACE, ARM = "process-model-lab/stage", "namespace", "arm"
START_S = 600  # beyond a job's own time: its image comes, and what it needs gets ready
OF_TLS = (CERTIFICATE_VALUE, KEY_VALUE)
AGAIN = "--dry-run=client --output yaml | kubectl apply -f -"  # what is there already is changed


def deadline_s(timeout_s: float) -> int:
    """After how long a job that may take ``timeout_s`` is given up."""
    return round(timeout_s) + START_S


def steps(deployment: Deployment) -> Iterator[str]:
    """One command each."""
    kubectl = f"kubectl --namespace {deployment.name}"
    yield "fill in kustomization.yaml"
    yield f"kubectl apply -k . -l {STAGE}={NAMESPACE}"
    if any(value.secret and value.name not in OF_TLS for value in deployment.values):
        yield "fill in secrets.env"
        yield f"{kubectl} create secret generic {SECRETS} --from-env-file secrets.env {AGAIN}"
    if deployment.arm.tls:
        yield f"{kubectl} create secret tls {TLS} --cert {CERTIFICATE_VALUE} --key {KEY_VALUE} {AGAIN}"
    before = stages_before(deployment)
    for label, stage in zip(numbered(len(before)), before, strict=True):
        yield from _stage(kubectl, stage, label)
    yield f"kubectl apply -k . -l {STAGE}={ARM}" if before else "kubectl apply -k ."


def _stage(kubectl: str, stage: Before, label: str) -> Iterator[str]:
    """A job cannot be changed, so that of an earlier version goes first."""
    jobs = " ".join(f"job/{job.name}" for job in stage.jobs)
    if jobs:
        yield f"{kubectl} delete --ignore-not-found {jobs}"
    yield f"kubectl apply -k . -l {STAGE}={label}"
    if stage.services:
        up = " ".join(f"deployment/{service.name}" for service in stage.services)
        yield f"{kubectl} wait --for=condition=available --timeout={START_S}s {up}"
    if jobs:
        longest = max(deadline_s(job.timeout_s) for job in stage.jobs)
        waits = f"{kubectl} wait --for=condition=complete --timeout={longest}s {jobs}"
        yield f"{waits}  # one that has failed is waited for as well: kubectl get jobs tells"
