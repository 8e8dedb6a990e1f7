"""Reach a Docker engine, and ask it what it is."""

import errno
import os
import ssl
from contextlib import closing
from typing import Any, TypeAlias

import docker
import docker.errors
from requests.exceptions import RequestException

from lab.engines.docker.removal import PARALLEL, engine_errors, one_line, system_error
from lab.engines.docker.tunnel import SCHEME, Tunnelled, tunnel
from lab.engines.docker.watched import BY_TCP, watch
from lab.errors import MissingError, ScenarioError
from lab.record.run_types import EngineFacts
from lab.scenario.nodes import Node

Identity: TypeAlias = tuple[str, str, str]
API_TIMEOUT_S = 120
AGENT_API = (1, 41)  # cgroup namespaces, Docker 20.10
DEFAULT_HOST = "unix:///var/run/docker.sock"


def connect(node: Node | None = None) -> docker.DockerClient:
    """A client of a node's engine, or of the one that the environment names. Raises MissingError when none answers."""
    host = node.engine if node else ""
    environment = {**os.environ, "DOCKER_HOST": host} if host else dict(os.environ)
    if node and node.tls:
        environment |= {"DOCKER_TLS_VERIFY": "1", "DOCKER_CERT_PATH": str(node.tls)}
    where, from_env = environment.get("DOCKER_HOST") or DEFAULT_HOST, docker.from_env
    if where.startswith(SCHEME):
        environment, from_env = {"DOCKER_HOST": _tunnel(where, node)}, Tunnelled.from_env
    elif where.startswith(BY_TCP) and (environment.get("DOCKER_TLS_VERIFY") or environment.get("DOCKER_CERT_PATH")):
        from_env = _secured
    try:
        client = from_env(environment=environment, timeout=API_TIMEOUT_S, max_pool_size=PARALLEL)
        if where.startswith(BY_TCP):
            watch(client, PARALLEL)
        client.ping()
    except (docker.errors.DockerException, RequestException, OSError) as error:
        told = f"no Docker engine answers at {where}{_of(node)}: {one_line(error)}"
        raise MissingError(told, _way_to(error, node)) from None
    return client


def _secured(**asked: Any) -> docker.DockerClient:
    """As docker.from_env, but believing the engine's own authority: REQUESTS_CA_BUNDLE would take its place."""
    with closing(docker.from_env(version=".".join(map(str, AGENT_API)), **asked)) as probe:
        probe.api.trust_env = False
        version = probe.version(api_version=False)["ApiVersion"]
    client = docker.from_env(version=version, **asked)
    client.api.trust_env = False
    return client


def _tunnel(address: str, node: Node | None) -> str:
    try:
        return tunnel(address)
    except MissingError as error:
        raise MissingError(f"no Docker engine answers at {address}{_of(node)}: {error}", error.hint) from None


def connect_node(node: Node) -> docker.DockerClient:
    """A client of a node whose engine is new enough for agents. Raises MissingError."""
    client = connect(node)
    version = client.version()
    if tuple(map(int, version["ApiVersion"].split("."))) < AGENT_API:
        client.close()
        raise MissingError(
            f"the engine of node {node.name} is too old: Docker {version.get('Version')}, API {version['ApiVersion']}",
            f"update it or leave the node out: agents need API {'.'.join(map(str, AGENT_API))} (Docker 20.10) or later",
        )
    return client


def check_another(node: Node, client: docker.DockerClient, seen: dict[Identity, Node]) -> None:
    """Refuse a node whose engine is that of another node: an address has many spellings. Raises ScenarioError.

    ``seen``: gains the node, by what its engine says of itself. The id alone does not do: before version 24 all engines
    that share /etc/docker have one.
    """
    with engine_errors(node.name):
        info = client.info()
    identity = (str(info.get("ID") or ""), str(info.get("Name") or ""), str(info.get("DockerRootDir") or ""))
    other = seen.setdefault(identity, node)
    if other is node or not identity[0]:
        return
    ways = " and ".join(dict.fromkeys(each.engine or "that of DOCKER_HOST" for each in (other, node)))
    raise ScenarioError(
        f"nodes: {other.name} and {node.name} have one engine ({ways}): it calls itself {identity[0]} on {identity[1]} "
        f"with its data in {identity[2]}",
        "leave one of them out (load.processes is for more load from one machine); if they are two machines made from "
        "one image, give each a host name of its own",
    )


def _of(node: Node | None) -> str:
    return f" (node {node.name})" if node else ""


def _way_to(error: Exception, node: Node | None = None) -> str:
    """Tell how to reach an engine that this error kept away."""
    system = system_error(error)
    if isinstance(system, ssl.SSLError):
        where = f"tls of node {node.name} in [[nodes]]" if node and node.tls else "DOCKER_CERT_PATH"
        return f"ca.pem in {where} must have signed for the host by which it is reached, and the engine know cert.pem"
    if system is not None and system.errno in (errno.EACCES, errno.EPERM):
        return "this user may not use it: add it to the group docker, or run the lab as root"
    if node:
        return f"start it, or fix engine of node {node.name} in [[nodes]]; `docker -H …` reaches it the same way"
    return "start it (for example: systemctl start docker), or set DOCKER_HOST; `lab doctor` shows what is there"


def describe(client: docker.DockerClient) -> EngineFacts:
    """What a Docker engine says of itself."""
    info, version = client.info(), client.version()
    return EngineFacts(
        engine="docker",
        docker=version.get("Version", ""),
        docker_api=version.get("ApiVersion", ""),
        storage_driver=info.get("Driver", ""),
        cgroup_driver=info.get("CgroupDriver", ""),
        cgroup_version=str(info.get("CgroupVersion", "1")),
        runtime=info.get("DefaultRuntime", ""),
        docker_root=info.get("DockerRootDir", ""),
    )
