"""Is an arm what it says it is? Pure: evidence in, failures out (METHOD 3). Collecting evidence is not done here."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from lab.attest.runtime import ALLOCATOR, FREE_THREADED, INTERPRETER, PRELOAD
from lab.attest.transparency import FORGED
from lab.plan.topology import Endpoint
from lab.record.evidence import NAGLE_MAX_S, NAGLE_MIN_S
from lab.record.types import Evidence as Evidence
from lab.record.types import GateResult

NAGLE_FIRST = 0.5  # on a fresh connection TCP acknowledges quickly, so the first request is fast


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """The shape that an arm claims.

    ``serving``: how many processes serve, of which ``processes`` answers come. ``supervisors``: how many it needs; a
    replica of gunicorn may have one all the same. ``upstreams``: what its front's
    answers name, () for a front that tells nothing. ``client_path``: where the app tells whom it takes a client for;
    ``scheme``: the one that it must tell, "" where it cannot know. ``allocator``: that of LD_PRELOAD,
    "" where it names none.
    """

    model: str
    front: str
    processes: int
    serving: int
    containers: int
    supervisors: int
    app: tuple[Endpoint, ...]
    entries: tuple[Endpoint, ...]
    upstreams: tuple[str, ...] = ()
    client_path: str = ""
    scheme: str = ""
    allocator: str = ""


def homes_of(evidence: Evidence, services: Mapping[str, str]) -> Mapping[str, str]:
    """Map a server's name, and its address behind a balancer, to its service; ``services``: those by address."""
    return {**services, **{name: services[at] for name, at in evidence.homes.items() if at in services}}


def failures(claim: Claim, evidence: Evidence) -> Iterator[str]:
    """A sentence with its proof for everything that is not as claimed."""
    if claim.serving < claim.processes:
        yield from _threads(claim, evidence)
    elif len(evidence.servers) < claim.processes:
        yield f"{claim.processes} serving processes were asked for, {len(evidence.servers)} answered"
    elif len(evidence.servers) > claim.processes:
        yield f"{claim.processes} serving processes were asked for, {len(evidence.servers)} different ones answered"
    yield from _shape(claim, evidence)
    for endpoint in (*claim.app, *claim.entries):
        if not evidence.unseen and not evidence.listeners.get(endpoint.address):
            yield f"the listener at {endpoint.address} belongs to no process of this arm"
    if claim.upstreams:
        yield from _front(claim, evidence)
    if claim.client_path:
        yield from _client(claim, evidence)
    served = evidence.runtime.get(ALLOCATOR)
    if claim.allocator and served and served != claim.allocator:
        yield f"{PRELOAD} names {claim.allocator}, but its processes allocate by {served}: the image lacks that library"


def beside(evidence: Evidence) -> str:
    """A sentence about what else runs from the arm's image and is no living lab's; or ""."""
    if not evidence.strangers:
        return ""
    named = ", ".join(evidence.strangers)
    return f"something else runs from the same image ({named}): shared pages would lower every PSS"


def _shape(claim: Claim, evidence: Evidence) -> Iterator[str]:
    if len(evidence.roles) != claim.containers:
        yield f"model {claim.model} has {claim.containers} containers, found {len(evidence.roles)}"
    if claim.supervisors and not any(roles.get("supervisor") for roles in evidence.roles.values()):
        yield f"model {claim.model} has a supervisor, none was found in {', '.join(evidence.roles)}"
    workers = {name: roles.get("worker", 0) for name, roles in evidence.roles.items()}
    share = claim.serving // claim.containers
    if sum(workers.values()) != claim.serving:
        yield (
            f"{claim.serving} serving processes were asked for, {sum(workers.values())} worker processes are running"
            f" ({_told(evidence.roles)})"
        )
    elif any(count != share for count in workers.values()):
        yield f"each container of model {claim.model} has {share} serving, found {_told(evidence.roles)}"


def _threads(claim: Claim, evidence: Evidence) -> Iterator[str]:
    """Each answers by a name of its own, or, where the app gives threads no names, all by that of their process."""
    if len(evidence.servers) not in (claim.serving, claim.processes):
        yield f"{claim.processes} serving threads were asked for, {len(evidence.servers)} answered"
    if evidence.runtime and evidence.runtime.get(INTERPRETER) != FREE_THREADED:
        yield f"model {claim.model} needs a Python that is built for it, and the image's is not"


def _told(roles: Mapping[str, Mapping[str, int]]) -> str:
    """``"app: 1 supervisor, 2 worker"``, a service after the other."""
    return "; ".join(
        f"{name}: {', '.join(f'{count} {role}' for role, count in sorted(found.items())) or 'no process'}"
        for name, found in roles.items()
    )


def _front(claim: Claim, evidence: Evidence) -> Iterator[str]:
    seen = set(evidence.upstreams)
    if not seen or "" in seen:
        yield f"requests do not pass {claim.front}: an answer carried no upstream address"
    if strangers := seen - set(claim.upstreams) - {""}:
        yield f"{claim.front} proxies to {', '.join(sorted(strangers))}, which is not this arm"


def _client(claim: Claim, evidence: Evidence) -> Iterator[str]:
    if not evidence.client:
        yield f'{claim.client_path} (app.client_path) does not answer with JSON that tells "client" and "scheme"'
    elif evidence.client["client"] == FORGED:
        yield f"the app believes a client that says in X-Forwarded-For that it is {FORGED}"
    elif claim.scheme and (seen := evidence.client["scheme"]) != claim.scheme:
        yield f"the app sees scheme {seen}, clients use {claim.scheme}"


def nagle_defect(evidence: Evidence) -> bool:
    """Tell whether kept-alive requests show the 44 ms of uvicorn's ``--workers`` on the asyncio loop (FIELD 2)."""
    slow = NAGLE_MIN_S <= evidence.keepalive_s <= NAGLE_MAX_S
    return slow and evidence.keepalive_first_s < NAGLE_FIRST * evidence.keepalive_s


def caveats(evidence: Evidence) -> list[GateResult]:
    """What does not make the arm another one: what explains its numbers, what is not attested, who shares pages."""
    found = []
    if nagle_defect(evidence):
        found.append(_caveat("keepalive", evidence.keepalive_s, NAGLE_MIN_S))
    if evidence.unseen:
        found.append(_caveat("attestation.rights"))
    if evidence.ignored_header:
        found.append(_caveat("attestation.header"))
    if evidence.exposed:
        found.append(_caveat("attestation.exposed"))
    if evidence.neighbours:
        sharing = float(len(evidence.neighbours))
        found.append(GateResult(key="memory.neighbours", outcome="invalid", value=sharing, limit=0.0))
    return found


def _caveat(key: str, value: float | None = None, limit: float | None = None) -> GateResult:
    return GateResult(key=key, outcome="caveat", value=value, limit=limit)


def runtime_differences(first: Mapping[str, str], other: Mapping[str, str]) -> list[str]:
    """Keys of the runtime (event loop, HTTP implementation, versions) in which two arms differ, but the allocator.

    Empty also where one of them could not be looked at.
    """
    if not first or not other:
        return []
    keys = (first.keys() | other.keys()) - {ALLOCATOR}
    return sorted(key for key in keys if first.get(key) != other.get(key))
