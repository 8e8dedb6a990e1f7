"""``lab doctor``: is everything here that a run needs?"""

import dataclasses

import typer

from lab.cli.console import put, put_json, say
from lab.cli.options import Engine, Json, OfScenario
from lab.engines.kinds import ENGINE_KINDS, surely_plain
from lab.errors import MissingError
from lab.run.doctor import examine, examine_images
from lab.run.node_checks import examine_nodes
from lab.scenario.choices import AUTO
from lab.scenario.file import read_scenario

SIGNS = {"ok": "ok  ", "note": "note", "missing": "MISS"}


def doctor(engine: Engine = None, scenario: OfScenario = None, json: Json = False) -> None:
    """Check this machine: Docker or what works without it, where images come from, rights, disk space, leftovers."""
    findings = examine(engine or AUTO)
    if scenario is not None:
        given = read_scenario(scenario)
        if not any(map(surely_plain, (engine or AUTO, given.engine))):
            findings += examine_images(given)
        # nodes over which one engine spreads the arms have to know each other
        spread = given.engine != AUTO and ENGINE_KINDS[given.engine].machines == "all"
        findings += examine_nodes(given.nodes, say, swarm=spread)
    if json:
        put_json([dataclasses.asdict(finding) for finding in findings])
    else:
        for finding in findings:
            put(f"{SIGNS[finding.state]} {finding.subject:<18} {finding.sentence}")
    if any(finding.state == "missing" for finding in findings):
        raise typer.Exit(MissingError.exit_code)
