"""Engine ``docker``: containers through the Docker SDK, host networking on loopback, everything labelled."""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import replace
from functools import partial
from types import MappingProxyType
from typing import Any

import docker
import docker.errors
from docker.models.containers import Container
from requests.exceptions import RequestException

from lab.engines import Deployment
from lab.engines.docker.container import archive, creation, volume_name
from lab.engines.docker.fate import first_end, log_of, logs_of, start
from lab.engines.docker.happened import happened
from lab.engines.docker.helper.rights import find_rights
from lab.engines.docker.network import address_in, trial_network
from lab.engines.docker.pool import pooled_parent
from lab.engines.docker.removal import PARALLEL, each, engine_errors, one_line, remove_labelled, system_error
from lab.engines.docker.restart import restart
from lab.engines.docker.rights import OwnRights, Rights
from lab.engines.docker.stages import run_stages, with_volumes
from lab.engines.docker.step_lines import marks_of
from lab.engines.endings import Sign, explain
from lab.engines.images.asking import image_versions
from lab.engines.images.images import ImageRecord
from lab.engines.images.prepare import prepare_images
from lab.engines.kinds import OnStep, Opened
from lab.engines.running import Others, Running, answered, deployed, others, with_logs
from lab.errors import DeploymentError, MissingError
from lab.host.interrupts import INTERRUPTS
from lab.host.labels import OWNER, RUN, TRIAL, labels, owner, owner_lives
from lab.host.ports import free_ports
from lab.plan.kinds import ServiceKind
from lab.plan.topology import Service, Topology
from lab.sampling.process_view import Look
from lab.scenario.model import APP_IMAGE, Scenario
from lab.scenario.network import ASKED, LOOPBACK, Network

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


class DockerEngine:
    """Realises topologies as containers of one Docker engine."""

    name = "docker"
    elsewhere = ""

    def __init__(
        self,
        client: docker.DockerClient,
        images: Mapping[str, ImageRecord],
        run_id: str,
        port_range: tuple[int, int],
        restart: str = "no",
        rights: Rights | None = None,
        networks: Mapping[str, str] = MappingProxyType({Network.HOST: ASKED}),
    ) -> None:
        self._client = client
        self._images = images
        self._run_id = run_id
        self._port_range = port_range
        self._restart = restart
        self._rights = rights or OwnRights()
        self._networks = networks
        self._info = client.info()

    def describe(self) -> Mapping[str, Any]:
        """Engine version, API, drivers and network mode, and the versions inside the app's own image."""
        with engine_errors():
            engine = {**describe(self._client), **_networks(self._networks), **self._rights.describe()}
            return {**engine, **self._images[APP_IMAGE].versions}

    def image_id(self, key: str) -> str:
        """The engine's id of a prepared image, ``Arm.image_key`` or that of a front."""
        return self._images[key].id

    def free_ports(self, count: int, seed: int) -> tuple[int, ...]:
        """Ports on 127.0.0.1 on which nobody listens. Raises MissingError when the range is exhausted."""
        return free_ports(count, self._port_range, f"{self._run_id}/{seed}")

    @contextmanager
    def deploy(self, topology: Topology) -> Iterator[Deployment]:
        """Containers up, N processes answering; everything is removed on leaving, also after a failed start."""
        with INTERRUPTS.deferred(), engine_errors(), ExitStack() as stack:
            self._remove_orphans()
            parent = stack.enter_context(
                pooled_parent(f"{self._run_id}-{topology.trial_id}", topology.pool, self._info.get("CgroupDriver", ""))
            )
            marks = labels(self._run_id, "helper", topology.trial_id)
            access = stack.enter_context(self._rights.access(self._client, marks))
            stack.callback(self._remove, topology)  # registered before anything is created
            pool = ThreadPoolExecutor(PARALLEL, thread_name_prefix="docker")
            stack.callback(pool.shutdown, cancel_futures=True)  # or it would create while they are being removed
            with INTERRUPTS.admitted():
                network = stack.enter_context(self._network(topology))
                before = run_stages(
                    topology.before, partial(self._create_beside, topology, pool, network), pool, network
                )
                containers = self._create(topology, topology.services, pool, network, parent, self._restart)
                started = time.monotonic()
            pairs = (*zip(topology.services, containers, strict=True), *before.running)
            with with_logs(lambda: {**before.logs, **logs_of(container for _, container in pairs)}):
                with INTERRUPTS.admitted():
                    for together in _stages(topology, containers):
                        each(pool, start, together)
                    for _, container in pairs:
                        container.reload()
                deployment = deployed(
                    topology,
                    self._all_running(pairs, network),
                    started,
                    dead=lambda: first_end(self._client, self._run_id, topology),
                    beside=lambda: self._others(topology.services, [pair[1] for pair in pairs], access.image_id),
                    look=access.look,
                    launch=access.launch,
                    jobs=before.jobs,
                    ended=before.logs,
                    steps=lambda: marks_of(pairs),
                    restart=lambda *which: self._restart_one(topology, pairs, network, access.look, which),
                    happened=partial(happened, self._client, self._run_id, topology.trial_id),
                )
            yield deployment

    def _network(self, topology: Topology) -> AbstractContextManager[str]:
        if topology.network is Network.HOST:
            return nullcontext("")
        return trial_network(self._client, labels(self._run_id, topology.trial_id, "network"))

    def _create_beside(
        self, topology: Topology, pool: ThreadPoolExecutor, network: str, services: Sequence[Service]
    ) -> list[Container]:
        """Containers of what is no part of the arm: not of its pool, nor of its restarts. Their data is in memory."""
        in_memory = [with_volumes(service, self._volumes(self._images[service.image].id)) for service in services]
        return self._create(topology, in_memory, pool, network)

    def _volumes(self, image_id: str) -> Collection[str]:
        """Where an image declares that data is."""
        return self._client.images.get(image_id).attrs["Config"].get("Volumes") or ()

    def _create(
        self,
        topology: Topology,
        services: Sequence[Service],
        pool: ThreadPoolExecutor,
        network: str,
        parent: str = "",
        restart: str = "no",
    ) -> list[Container]:
        def create(service: Service) -> Container:
            marks = labels(self._run_id, topology.trial_id, service.name)
            if service.files:
                self._client.volumes.create(volume_name(marks), labels=marks)
            arguments = creation(service, self._images[service.image].id, marks, parent, restart, network)
            container = self._client.containers.create(**arguments)
            for directory, data in archive(service.files, service.user):
                container.put_archive(directory, data)
            return container

        try:
            return each(pool, create, services)
        except docker.errors.APIError as error:
            refused = str(error.explanation)
            known = explain({Sign.REFUSED: refused}, "check the keys of [app] and [budget] that it names")
            raise DeploymentError(f"Docker refused a container: {refused}", known.hint) from None

    def _remove(self, topology: Topology) -> None:
        remove_labelled(self._client, {TRIAL: topology.trial_id, RUN: self._run_id, OWNER: owner()})

    def _remove_orphans(self) -> None:
        """Remove what a killed lab left of this very run: a continued one takes the same names again."""
        remove_labelled(self._client, {RUN: self._run_id}, only=lambda marks: not owner_lives(marks))

    def _restart_one(
        self,
        topology: Topology,
        pairs: Sequence[tuple[Service, Container]],
        network: str,
        look: Look,
        which: tuple[str, int],
    ) -> None:
        """Straight to the app: a front may go on passing requests to where a container was before."""
        name, pid = which
        restart(next(container for service, container in pairs if service.name == name), pid)
        for _, container in pairs:
            container.reload()
        running = self._all_running(pairs, network)
        located = topology.located({each.service.host: each.address for each in running})
        dead = partial(first_end, self._client, self._run_id, topology)
        answered(replace(located, entry=located.app[0]), running, dead, look)

    def _others(self, services: Sequence[Service], containers: Sequence[Container], helper_image: str) -> Others:
        """Tell what else runs from the images of this deployment: it would share their file pages (METHOD 4.2).

        The helper too if a layer of its image, "" for no helper, is one of theirs.
        """
        ours = {container.id for container in containers}
        images = {self._images[service.image].id for service in services if service.kind is ServiceKind.APP}
        running = (
            other
            for image in sorted(images)
            for other in self._client.containers.list(filters={"ancestor": image}, ignore_removed=True)
        )
        found = others((other.name, other.labels) for other in running if other.id not in ours)
        if not helper_image:
            return found
        arm = {layer for image in services for layer in self._layers(self._images[image.image].id)}
        common = [layer for layer in self._layers(helper_image) if layer in arm]
        helper = [f"the lab's helper, whose image has the layer {layer} as well" for layer in common[:1]]
        return replace(found, strangers=(*found.strangers, *helper))

    def _layers(self, image_id: str) -> tuple[str, ...]:
        """The digests of an image's layers; equal ones are the same files on disk, and in memory under overlay2."""
        return tuple(self._client.images.get(image_id).attrs["RootFS"].get("Layers") or ())

    def _all_running(self, pairs: Iterable[tuple[Service, Container]], network: str) -> tuple[Running, ...]:
        return tuple(self._running(service, container, network) for service, container in pairs)

    def _running(self, service: Service, container: Container, network: str) -> Running:
        config = container.attrs["Config"]
        return Running(
            service=service,
            image=self._images[service.image],
            pid=int(container.attrs["State"]["Pid"]),
            argv=(*(config["Entrypoint"] or []), *(config["Cmd"] or [])),
            log=lambda lines: log_of(container, lines),
            container_id=container.id,
            address=address_in(container.attrs, network) if network else LOOPBACK,
        )


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


def _stages(topology: Topology, containers: Sequence[Container]) -> Iterator[list[Container]]:
    """Those that start together: a front looks up names when it starts, and only containers that run have one."""
    if topology.network is Network.HOST:
        yield list(containers)
        return
    for kind in (ServiceKind.APP, ServiceKind.PROXY):
        yield [each for each, service in zip(containers, topology.services, strict=True) if service.kind is kind]


def _networks(why: Mapping[str, str]) -> Mapping[str, str]:
    """The networks of a run's arms, and why, as facts."""
    return {"network": " and ".join(why), "network_because": "; ".join(dict.fromkeys(why.values()))}


def open_docker(
    scenario: Scenario, run_id: str, on_step: OnStep, *, docker_client: Callable[[], docker.DockerClient] = connect
) -> Opened:
    """Every image is here, and which versions are inside is known. Raises MissingError."""
    chosen = [scenario.network_of(arm) for arm in scenario.arms]
    if any(choice.network is Network.OWN for choice in chosen):
        raise MissingError("no load can be driven inside a network of an arm's own yet", 'say network = "host"')
    client = docker_client()
    with engine_errors():
        images = dict(prepare_images(client, scenario, on_step))
        keys = sorted({APP_IMAGE, *(arm.image_key for arm in scenario.arms)})
        versions = {identity: image_versions(client, identity, run_id) for identity in {images[key].id for key in keys}}
        images |= {key: replace(images[key], versions=versions[images[key].id]) for key in keys}
    rights = find_rights(client, run_id, on_step)
    networks = {choice.network.value: choice.why for choice in chosen}
    return DockerEngine(client, images, run_id, scenario.port_range, scenario.app.restart, rights, networks), images
