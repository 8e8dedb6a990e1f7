"""Prove that an arm is what it says before load reaches it, or end the run with the proof (METHOD 3)."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from lab.attest.claims import Claim, Evidence, beside, failures, runtime_differences
from lab.attest.evidence import collect
from lab.attest.runtime import check_gil, preloaded
from lab.engines import Deployment
from lab.engines.readiness import UNNAMED
from lab.errors import DeploymentError, InvalidRunError
from lab.load.load_plan import Fallback
from lab.plan.fronts.front import front_title
from lab.plan.kinds import ServiceKind
from lab.plan.models.model import model_of, model_title
from lab.plan.topology import Topology
from lab.plan.trial import Trial
from lab.scenario.model import Arm

HINT = "fix the image or the command, otherwise other things would be compared than the scenario says"
STRANGERS_HINT = "end it, then run again; `lab clean` removes what a killed run left behind"

Collect = Callable[[Deployment], Evidence]


def attest(
    trial: Trial, deployment: Deployment, earlier: Mapping[str, str] | None, collect_evidence: Collect = collect
) -> Evidence:
    """The evidence of an arm that is what it claims to be.

    ``earlier`` is the runtime (event loop, HTTP implementation) of the run's first trial from the same image; None in
    that trial itself.
    Raises InvalidRunError (exit 3).
    """
    arm, model, topology = trial.arm, model_of(trial.arm), deployment.topology
    apps = [service for service in deployment.services if service.kind == ServiceKind.APP]
    planned = (service for service in topology.services if service.kind == ServiceKind.APP)
    addresses = tuple(address for service in apps for address in service.addresses)
    claim = Claim(
        model=model_title(arm),
        front=front_title(arm),
        processes=topology.processes,
        serving=model.serving(arm.model, topology.processes),
        containers=model.containers(arm.model, topology.processes),
        supervisors=model.supervisors(arm.model, topology.processes),
        app=topology.app,
        entries=topology.entries,
        upstreams=addresses if topology.fronted and topology.upstream_of else (),
        client_path=topology.client_path,
        scheme=_scheme_for_app(arm),
        allocator=next((name for service in planned if (name := preloaded(service.env))), ""),
    )
    check_gil(topology, deployment.logs().values() if topology.threaded else (), "when the app was imported")
    evidence = collect_evidence(deployment)
    if found := list(failures(claim, evidence)):
        raise DeploymentError(f"{trial.id}: the arm is not what it claims to be: {'; '.join(found)}", HINT)
    if told := beside(evidence):
        raise InvalidRunError(f"{trial.id}: {told}", STRANGERS_HINT)
    if earlier is not None and (keys := runtime_differences(earlier, evidence.runtime)):
        told = ", ".join(f"{key} {evidence.runtime.get(key)} instead of {earlier.get(key)}" for key in keys)
        raise InvalidRunError(f"{trial.id}: the arms of this run are served differently: {told}", HINT)
    return evidence


def _scheme_for_app(arm: Arm) -> str:
    """The scheme that the app must see; "" where TLS ends before it and it is not to believe who ended it."""
    if not arm.tls:
        return "http"
    return "https" if arm.tls_in_app or arm.proxy_headers else ""


def fallback_of(evidence: Evidence, topology: Topology) -> Fallback:
    """Tell how to know who served a request whose answer does not carry the app's own header (METHOD 1.7).

    Behind a front the connection's other end is the front, and its upstream address names a process only where each
    process has an address of its own: several on one would look like a single process that does everything. Without
    a front the owner of the socket is asked, unless the app was seen to send the header: looking costs CPU.
    """
    if topology.fronted:
        told = bool(topology.upstream_of) and len(topology.app) == topology.processes
        return "upstream" if told else "none"
    if topology.threaded:
        return "none"  # one process has all connections, and which of its threads has one nobody can see
    return "socket" if all(server.startswith(UNNAMED) for server in evidence.servers) else "none"
