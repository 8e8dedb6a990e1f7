"""What of a deployment no test of the lab has started, which the head of its files says."""

from collections.abc import Iterator

from lab.export.deployment import Deployment
from lab.plan.fronts.front import front_of


def untried(deployment: Deployment, target: str) -> Iterator[str]:
    """What is in this deployment and in no test of the target."""
    if target not in front_of(deployment.arm).started:
        yield f"front {deployment.arm.front.kind}"
        if deployment.arm.tls:
            yield "TLS in the app" if deployment.arm.tls_in_app else "TLS there"
