"""``lab clean``: remove what a killed run left behind, by label; never by prune, never anybody else's."""

import shlex
from collections.abc import Sequence
from contextlib import ExitStack, closing
from dataclasses import replace
from pathlib import Path
from typing import Annotated, NamedTuple

import docker
import typer

from lab.cli.console import put, put_json, say
from lab.cli.options import DEFAULT_OUT, Json, OnNodes, Out
from lab.engines.docker.connection import connect
from lab.engines.docker.removal import engine_errors
from lab.engines.images.build import built_images, remove_image
from lab.engines.leftovers import (
    Leftover,
    count_foreign,
    find_leftover_files,
    find_leftovers,
    find_leftovers_of,
    reach_docker,
    remove_leftover_files,
    remove_leftovers,
    remove_leftovers_of,
)
from lab.errors import LabError, MissingError
from lab.host.places import cache_folder
from lab.scenario.file import read_scenario
from lab.scenario.nodes import Node
from lab.units import count_of

OF_ALL = "images of all apps that labs built on this engine, and their bases; a run builds those that it needs again"


def clean(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="List what would be removed, and remove nothing.")] = False,
    force: Annotated[
        bool,
        typer.Option(
            "--force", help="Also what belongs to a lab that is still running, or that runs on another machine."
        ),
    ] = False,
    images: Annotated[
        bool, typer.Option("--images", help="Also the images that the lab built; the next run rebuilds them.")
    ] = False,
    scenario: OnNodes = None,
    out: Out = DEFAULT_OUT,
    json: Json = False,
) -> None:
    """Remove what killed labs left behind: containers, volumes, cgroups and processes with the lab's label.

    Also half trials in the run folders below --out, and temporary files.
    Finished trials are never touched. At the end it says what it keeps.
    """
    client, unreachable = reach_docker()
    if client and not force:
        _say_foreign(client, "this machine")
    if unreachable:
        say(f"{unreachable}: containers are not looked for, only plain processes")
    found = find_leftovers(include_owned=force, client=client)
    files = find_leftover_files(out)
    built = _built_images(client) if images and client else []
    with ExitStack() as stack:
        nodes = _Nodes(stack, scenario, force=force, known=_keys(found, client))
        if built:
            say(OF_ALL)
        _tell([*found, *files, *built, *nodes.found], json=json, dry_run=dry_run)
        if not json:
            _tell_kept(client, images=images)
        if not dry_run:
            remove_leftovers(found, client)
            remove_leftover_files(files)
            if client:
                _remove_images(built, client)
            nodes.remove()
        nodes.check()


def _tell(found: Sequence[Leftover], *, json: bool, dry_run: bool) -> None:
    if json:
        put_json([item.describe() for item in found])
        return
    for item in found:
        where = f" on node {item.node}" if item.node else ""
        put(f"{'would remove' if dry_run else 'removing'} {item.kind} {item.name}{where}")
    if not found:
        say("no killed lab has left anything")


def _tell_kept(client: docker.DockerClient | None, *, images: bool) -> None:
    """Say what stays on the machine, and how to remove it."""
    if client and not images and (built := _built_images(client)):
        say(f"kept: {count_of(len(built), 'image')} that the lab built; `lab clean --images` removes them")
    if (cache := cache_folder()).is_dir():
        remove = shlex.join(["rm", "-r", str(cache)])
        say(f"kept: downloads, environments and calibrations, made again when needed; `{remove}` removes them")


class _OnNode(NamedTuple):
    node: Node
    client: docker.DockerClient
    found: Sequence[Leftover]


class _Nodes:
    """What is left on the nodes of a scenario: one that does not answer keeps nobody from cleaning the others.

    ``known``: what was found already: a node's engine may be this machine's, and a Swarm may have several managers.
    """

    def __init__(self, stack: ExitStack, scenario: Path | None, *, force: bool, known: frozenset[str]) -> None:
        self._errors: list[LabError] = []
        self._reached: list[_OnNode] = []
        for node in read_scenario(scenario).nodes if scenario else ():
            if there := self._look(node, stack, force=force, known=known):
                known |= _keys(there.found, there.client)
                self._reached.append(there)

    @property
    def found(self) -> list[Leftover]:
        """All of it, each with the name of its node."""
        return [item for there in self._reached for item in there.found]

    def remove(self) -> None:
        """Remove it, node after node: the first of a Swarm is a manager, whose services would start again."""
        for there in self._reached:
            try:
                with engine_errors(there.node.name):
                    remove_leftovers_of(there.found, there.client)
            except LabError as error:
                self._errors.append(error)

    def check(self) -> None:
        """Raise MissingError (exit 4) where a node could not be looked at, or not be cleaned."""
        if self._errors:
            told = "; ".join(str(error) for error in self._errors)
            raise MissingError(f"not every node is clean: {told}", self._errors[0].hint)

    def _look(self, node: Node, stack: ExitStack, *, force: bool, known: frozenset[str]) -> _OnNode | None:
        try:
            client = stack.enter_context(closing(connect(node)))
            with engine_errors(node.name):
                found = find_leftovers_of(client, include_owned=force)
                new = [replace(item, node=node.name) for item in found if not _keys([item], client) <= known]
                if not force:
                    _say_foreign(client, f"node {node.name}")
        except MissingError as error:
            self._errors.append(error)
            return None
        return _OnNode(node, client, new)


def _keys(found: Sequence[Leftover], client: docker.DockerClient | None) -> frozenset[str]:
    """What tells one thing from another: volumes of two engines may have one name."""
    engine = str(client.info()["ID"]) if client and any(item.kind == "volume" for item in found) else ""
    return frozenset(f"{engine} {item.identity}" if item.kind == "volume" else item.identity for item in found)


def _say_foreign(client: docker.DockerClient, where: str) -> None:
    """Nobody here can ask another machine whether its lab still runs."""
    if count := count_foreign(client):
        say(
            f"{count_of(count, 'thing')} on {where} belong to labs of other machines, which may still run: left alone; "
            "--force removes them too"
        )


def _built_images(client: docker.DockerClient) -> list[Leftover]:
    with engine_errors():
        return [Leftover(kind="image", name=name, identity=name) for name in built_images(client)]


def _remove_images(built: Sequence[Leftover], client: docker.DockerClient) -> None:
    for item in built:
        with engine_errors():
            if not remove_image(client, item.identity):
                say(f"image {item.name} stays: a container uses it")
