"""The words by which an app tells of each request that it executes: a front that retries has some executed twice."""

import re
from collections.abc import Iterable

from docker.models.containers import Container

from lab.plan.kinds import ServiceKind
from lab.plan.topology import Service
from lab.record.told import Executions

LINE = re.compile(r"\blab-request ([\w-]{1,80})\b", re.ASCII)


def executions_of(
    pairs: Iterable[tuple[Service, Container]], gone: Iterable[tuple[Service, str]] = ()
) -> Executions | None:
    """How many requests the containers of the app told of, and of how many identities; None where they told of none.

    ``gone``: the logs of those that are not there any more.
    """
    apps = [container for service, container in pairs if service.kind is ServiceKind.APP]
    before = [log for service, log in gone if service.kind is ServiceKind.APP]
    return counted([*before, *(container.logs().decode(errors="replace") for container in apps)])


def counted(logs: Iterable[str]) -> Executions | None:
    """As above, from the texts of logs."""
    told = [identity for log in logs for identity in LINE.findall(log)]
    return Executions(executions=len(told), distinct=len(set(told))) if told else None
