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

API_TIMEOUT_S = 120
DEFAULT_HOST = "unix:///var/run/docker.sock"


def connect() -> docker.DockerClient:
    """A client of the engine that the environment names. Raises MissingError (exit 4) when none answers."""
    try:
        client = docker.from_env(timeout=API_TIMEOUT_S, max_pool_size=PARALLEL)
        client.ping()
    except (docker.errors.DockerException, RequestException, OSError) as error:
        where = os.environ.get("DOCKER_HOST") or DEFAULT_HOST
        raise MissingError(f"no Docker engine answers at {where}: {one_line(error)}", _way_to(error)) from None
    return client


def _way_to(error: Exception) -> str:
    """Tell how to reach an engine that this error kept away."""
    system = system_error(error)
    if system is not None and system.errno in (errno.EACCES, errno.EPERM):
        return "this user may not use it: add it to the group docker, or run the lab as root"
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
