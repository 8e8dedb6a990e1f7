"""The containers of an arm that stands, and what a drill may do with them: start again, stop, put others in place."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeAlias

import docker
import docker.errors
from docker.models.containers import Container

from lab.agent.calls import There
from lab.engines.docker.container import archive
from lab.engines.docker.fate import log_of, logs_of, start, timed_log_of
from lab.engines.docker.removal import engine_errors, remove_container
from lab.engines.docker.restart import GRACE_S, restart, stop
from lab.engines.running import LOG_LIMIT_LINES
from lab.plan.topology import ConfigFile, Service

Pairs: TypeAlias = Sequence[tuple[Service, Container]]
HUNG_S = 1  # a process that hangs obeys no SIGTERM: it is not waited for
BEFORE = ".before"  # added to the name of a service: the log of what gave way


@dataclass(kw_only=True, slots=True)
class Stood:
    """The containers of an arm as they are now, and what those had printed that gave way.

    ``gone``: the whole log, with instants, of each that gave way, for its requests and steps count as those of others.
    """

    pairs: list[tuple[Service, Container]]
    gone: list[tuple[Service, str]] = field(default_factory=list)
    _ended: dict[str, str] = field(default_factory=dict)

    def logs(self) -> Mapping[str, str]:
        """What the containers have printed, those that gave way included."""
        return {**self._ended, **logs_of(container for _, container in self.pairs)}

    def alive(self) -> Pairs:
        """Those that run at this moment: one that was started again has another first process.

        Asked while a drill puts others in place: one that gave way may have been removed since the list was made.
        """
        with engine_errors():
            return [(service, container) for service, container in [*self.pairs] if _runs(container)]

    def stop(self, name: str) -> str:
        """Stop a container, and tell how it ended."""
        return stop({service.name: container for service, container in self.pairs}, name)

    def write(self, name: str, files: Sequence[ConfigFile]) -> None:
        """Put files in the place of those that a container was created with; its process has to be told of it."""
        service = next(service for service, _ in self.pairs if service.name == name)
        with engine_errors():
            for directory, data in archive(files, service.user):
                self.container(name).put_archive(directory, data)

    def keep(self, service: Service, old: Container) -> None:
        """Keep the log of a container that gives way."""
        self._ended[f"{service.name}{BEFORE}"] = log_of(old, LOG_LIMIT_LINES)
        self.gone.append((service, timed_log_of(old)))

    def container(self, name: str) -> Container:
        """That of a service."""
        return next(container for service, container in self.pairs if service.name == name)

    def reload(self) -> None:
        """Ask the engine how they are."""
        with engine_errors():
            for _, container in self.pairs:
                container.reload()


def _runs(container: Container) -> bool:
    try:
        container.reload()
    except docker.errors.NotFound:
        return False
    return bool(container.attrs["State"]["Pid"])


@dataclass(kw_only=True, slots=True)
class Changes(Stood):
    """What becomes of the containers of one engine; each change goes straight to the app, past the front.

    ``create``: a container as those of the arm were created. ``answered``: waits until all of the app answers, for a
    front may go on passing requests to where a container was before; ``came``: waits until those that are new do.
    """

    client: docker.DockerClient
    there: There
    create: Callable[[Service], Container]
    answered: Callable[[Pairs], None]
    came: Callable[[Pairs], None]

    def restart(self, name: str, pid: int) -> None:
        """End one process, or start the container again (0); returns when all answer."""
        with engine_errors():
            restart(self.container(name), pid, self.there)
        self._wait()

    def end(self, name: str) -> None:
        """Start the container of what hangs again, if it has not been taken away; returns when it runs."""
        with engine_errors():
            for container in (container for service, container in self.pairs if service.name == name):
                container.restart(timeout=HUNG_S)

    def exchange(self, name: str, image: str) -> None:
        """Put a container of another image in the place of one, as `docker compose up` does; returns when all answer.

        The new one is created before the old one is asked to end, and started when that has ended: both listen alike.
        """
        place = next(index for index, (service, _) in enumerate(self.pairs) if service.name == name)
        service, old = self.pairs[place]
        service = replace(service, image=image or service.image)
        with engine_errors():
            old.rename(f"{old.name}{BEFORE}")
            new = self.create(service)
            old.stop(timeout=GRACE_S)
            self.keep(service, old)
            self.pairs[place] = (service, new)
            start(new)
            remove_container(self.client, str(old.id))
        self._wait()

    def add(self, services: Sequence[Service]) -> None:
        """Start further containers beside those that run; returns when they answer."""
        with engine_errors():
            further = [(service, self.create(service)) for service in services]
            self.pairs = [*self.pairs, *further]
            for _, container in further:
                start(container)
            self.reload()
        self.came(further)

    def remove(self, name: str) -> str:
        """Stop a container, take it away, and tell how it ended."""
        how = self.stop(name)
        service, old = next(pair for pair in self.pairs if pair[0].name == name)
        with engine_errors():
            self.keep(service, old)
            self.pairs = [pair for pair in self.pairs if pair[1] is not old]
            remove_container(self.client, str(old.id))
        return how

    def _wait(self) -> None:
        self.reload()
        self.answered(self.pairs)
