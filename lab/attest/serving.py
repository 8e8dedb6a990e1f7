"""Who serves at this moment: the processes of an arm that accept connections, by pid and start."""

from collections.abc import Sequence
from dataclasses import dataclass

from lab.attest.evidence import roles_of
from lab.errors import SamplingError
from lab.plan.kinds import Role, ServiceKind
from lab.sampling.plan import SampleTarget
from lab.sampling.process_tree import kinship
from lab.sampling.process_view import PROC


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """A process of an arm; (``pid``, ``started``) names it, in clock ticks since boot: a pid is given out again."""

    service: str
    pid: int
    started: int
    role: str


def members(targets: Sequence[SampleTarget]) -> tuple[Member, ...]:
    """The processes of the app's services with their roles, in order; those that end meanwhile are left out."""
    found = []
    for target in targets:
        if target.kind is not ServiceKind.APP:
            continue
        try:
            roles = roles_of(target)
        except SamplingError:  # its first process has ended since it was asked for: nobody of it is left
            continue
        for pid, role in sorted(roles.items()):
            if kin := kinship(PROC, pid):
                found.append(Member(service=target.service, pid=pid, started=kin.started, role=role.value))
    return tuple(found)


def first_processes(targets: Sequence[SampleTarget]) -> tuple[Member, ...]:
    """The first process of each service, as far as it lives, without a role: nobody has looked what it does."""
    kin = [(target, kinship(PROC, target.init_pid)) for target in targets]
    return tuple(
        Member(service=target.service, pid=target.init_pid, started=found.started, role="")
        for target, found in kin
        if found
    )


def serving(found: Sequence[Member]) -> tuple[Member, ...]:
    """Those that serve."""
    return tuple(member for member in found if member.role == Role.WORKER)
