"""``lab clean``: remove what a killed run left behind, by label; never by prune, never anybody else's."""

from __future__ import annotations

from typing import Annotated

import typer

from lab.cli.console import put, put_json, say
from lab.cli.options import Json
from lab.engines.leftovers import find_leftovers, remove_leftovers


def clean(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="List what would be removed, and remove nothing.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Also what a lab that is still running owns.")] = False,
    json: Json = False,
) -> None:
    """Remove containers, volumes and cgroups that carry the lab's label and whose lab is no longer running."""
    found = find_leftovers(include_owned=force)
    if json:
        put_json([item.describe() for item in found])
    else:
        for item in found:
            put(f"{'would remove' if dry_run else 'removing'} {item.kind} {item.name}")
        if not found:
            say("nothing of the lab is left on this machine")
    if not dry_run:
        remove_leftovers(found)
