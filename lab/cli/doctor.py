"""``lab doctor``: is everything here that a run needs?"""

import dataclasses

import typer

from lab.cli.console import put, put_json, say
from lab.cli.options import Engine, Json, OnNodes
from lab.errors import MissingError
from lab.run.doctor import examine
from lab.run.node_checks import examine_nodes
from lab.scenario.file import read_scenario

SWARM = "swarm"  # the engine whose nodes have to know each other
SIGNS = {"ok": "ok  ", "note": "note", "missing": "MISS"}


def doctor(engine: Engine = None, scenario: OnNodes = None, json: Json = False) -> None:
    """Check the machine: Docker or what runs without it, images and how they are had, rights, room, leftovers."""
    findings = examine(engine or "auto")
    if scenario is not None:
        given = read_scenario(scenario)
        findings += examine_nodes(given.nodes, say, swarm=given.engine == SWARM)
    if json:
        put_json([dataclasses.asdict(finding) for finding in findings])
    else:
        for finding in findings:
            put(f"{SIGNS[finding.state]} {finding.subject:<18} {finding.sentence}")
    if any(finding.state == "missing" for finding in findings):
        raise typer.Exit(MissingError.exit_code)
