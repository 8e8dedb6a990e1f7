"""``lab clean``: remove what a killed run left behind, by label; never by prune, never anybody else's."""

from collections.abc import Sequence
from contextlib import closing
from typing import Annotated

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
from lab.scenario.file import read_scenario
from lab.scenario.nodes import Node
from lab.units import count_of


def clean(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="List what would be removed, and remove nothing.")] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Also what a lab owns that still runs, or that runs on another machine.")
    ] = False,
    images: Annotated[
        bool, typer.Option("--images", help="Also the images that the lab built; the next run builds them again.")
    ] = False,
    scenario: OnNodes = None,
    out: Out = DEFAULT_OUT,
    json: Json = False,
) -> None:
    """Remove what labs that no longer run left behind: containers, volumes, cgroups and processes with the lab's label.

    Also half trials in the run folders below --out, and temporary files. Finished trials are never touched.
    """
    client, unreachable = reach_docker()
    if client and not force:
        _say_foreign(client, "this machine")
    if unreachable:
        say(f"{unreachable}: containers are not looked for, only plain processes")
    found = find_leftovers(include_owned=force, client=client)
    files = find_leftover_files(out)
    built = _built_images(client) if images and client else []
    if json:
        put_json([item.describe() for item in (*found, *files, *built)])
    else:
        for item in (*found, *files, *built):
            put(f"{'would remove' if dry_run else 'removing'} {item.kind} {item.name}")
        if not (found or files or built):
            say("nothing of the lab is left on this machine")
    if not dry_run:
        remove_leftovers(found, client)
        remove_leftover_files(files)
        if client:
            _remove_images(built, client)
    for node in read_scenario(scenario).nodes if scenario else ():
        _clean_node(node, dry_run=dry_run, force=force)


def _clean_node(node: Node, *, dry_run: bool, force: bool) -> None:
    """Remove what is left on another machine. Raises MissingError when its engine does not answer."""
    with closing(connect(node)) as client, engine_errors(node.name):
        found = find_leftovers_of(client, include_owned=force)
        if not force:
            _say_foreign(client, f"node {node.name}")
        for item in found:
            say(f"{'would remove' if dry_run else 'removing'} {item.kind} {item.name} on node {node.name}")
        if not dry_run:
            remove_leftovers_of(found, client)


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
