"""Reach a Docker engine, and ask it what it is."""

import errno
import os
from collections.abc import Mapping
from typing import Any

import docker
import docker.errors
from requests.exceptions import RequestException

from lab.engines.docker.removal import PARALLEL, one_line, system_error
from lab.errors import MissingError
from lab.scenario.nodes import Node

API_TIMEOUT_S = 120
AGENT_API = (1, 41)  # cgroup namespaces, Docker 20.10
DEFAULT_HOST = "unix:///var/run/docker.sock"


def connect(node: Node | None = None) -> docker.DockerClient:
    """A client of a node's engine, or of the one that the environment names. Raises MissingError when none answers."""
    host = node.engine if node else ""
    environment = {**os.environ, "DOCKER_HOST": host} if host else dict(os.environ)
    try:
        client = docker.from_env(environment=environment, timeout=API_TIMEOUT_S, max_pool_size=PARALLEL)
        client.ping()
    except (docker.errors.DockerException, RequestException, OSError) as error:
        where = environment.get("DOCKER_HOST") or DEFAULT_HOST
        told = f"no Docker engine answers at {where}{_of(node)}: {one_line(error)}"
        raise MissingError(told, _way_to(error, node)) from None
    return client


def connect_node(node: Node) -> docker.DockerClient:
    """A client of a node whose engine is new enough for agents. Raises MissingError."""
    client = connect(node)
    version = client.version()
    if tuple(map(int, version["ApiVersion"].split("."))) < AGENT_API:
        client.close()
        raise MissingError(
            f"the engine of node {node.name} is too old: Docker {version.get('Version')}, API {version['ApiVersion']}",
            f"agents need API {'.'.join(map(str, AGENT_API))} (Docker 20.10) or later",
        )
    return client


def _of(node: Node | None) -> str:
    return f" (node {node.name})" if node else ""


def _way_to(error: Exception, node: Node | None = None) -> str:
    """Tell how to reach an engine that this error kept away."""
    system = system_error(error)
    if system is not None and system.errno in (errno.EACCES, errno.EPERM):
        return "this user may not use it: add it to the group docker, or run the lab as root"
    if node:
        return f"start it, or fix engine of node {node.name} in [[nodes]]; `docker -H …` reaches it the same way"
    return "start it (for example: systemctl start docker), or set DOCKER_HOST; `lab doctor` shows what is there"


def describe(client: docker.DockerClient) -> Mapping[str, Any]:
    """Engine facts for the environment."""
    info, version = client.info(), client.version()
    return {
        "engine": "docker",
        "docker": version.get("Version", ""),
        "docker_api": version.get("ApiVersion", ""),
        "storage_driver": info.get("Driver", ""),
        "cgroup_driver": info.get("CgroupDriver", ""),
        "cgroup_version": str(info.get("CgroupVersion", "1")),
        "runtime": info.get("DefaultRuntime", ""),
        "docker_root": info.get("DockerRootDir", ""),
    }
