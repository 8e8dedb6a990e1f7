"""``lab export RUN --arm NAME --to TARGET``: what was measured as files that deploy it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from lab.analysis.needs import ArmNeeds, needs_of
from lab.analysis.points import parts_of
from lab.cli.console import put, say
from lab.cli.options import RunPath
from lab.errors import UsageError
from lab.export import TARGETS
from lab.export.deployment import deployment_of
from lab.export.naming import MAX_NAME
from lab.export.target import ExportedFile
from lab.plan.points import Point, trial_id
from lab.record.disk import disk_errors, write_atomically
from lab.record.folder import read_info, read_trials
from lab.record.types import RunInfo, TrialResult
from lab.run.opened import opened_run
from lab.scenario.compare import unknown

HEAD_ROOM = 0.5
NAMED = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*", re.ASCII)
ArmName = Annotated[str, typer.Option("--arm", help="The arm to deploy.", show_default=False)]
To = Annotated[str, typer.Option("--to", help="Where: compose, swarm, kubernetes or nomad.", show_default=False)]
Out = Annotated[
    Path | None,
    typer.Option("--out", help="The folder to write; by default RUN-ARM-TARGET.", show_default=False),
]
PointKey = Annotated[
    str, typer.Option("--point", help="Which point of a run that has several, such as n4.", show_default=False)
]
HeadRoom = Annotated[
    float, typer.Option("--head-room", min=0.0, max=10.0, help="Memory above the measured peak, as a fraction of it.")
]
Name = Annotated[
    str,
    typer.Option(
        "--name",
        help="The name under which it is deployed, instead of one from app, scenario and arm; deployments of the same "
        "name replace each other.",
        show_default=False,
    ),
]
Force = Annotated[bool, typer.Option("--force", help="Replace existing files of these names.")]


def export(
    run: RunPath,
    arm: ArmName,
    to: To,
    out: Out = None,
    point: PointKey = "",
    head_room: HeadRoom = HEAD_ROOM,
    name: Name = "",
    force: Force = False,
) -> None:
    """Write files that deploy an arm of a run: the same containers, with limits from what was measured."""
    _check_name(name)
    if to not in TARGETS:
        raise UsageError(f"--to: {unknown('target', to, TARGETS)}")
    target = TARGETS[to]
    with opened_run(run) as folder:
        info = read_info(folder)
        chosen, part = _chosen(info, point, run)
        if arm not in info.arms:
            raise UsageError(f"--arm: {unknown('arm', arm, info.arms)}")
        needs = needs_of(_trials(folder, part, chosen.key, arm))
    _refuse_unmeasured(needs, arm, run)
    deployment = replace(deployment_of(info, chosen, arm, needs, head_room), called=name)
    if refusal := target.refusal(deployment):
        raise UsageError(f"arm {arm!r} cannot be exported to {to}: {refusal}")
    place = out or Path("-".join(filter(None, (info.run_id, point, arm, to))))
    _write(place, target.files(deployment), force=force)
    say(f"deploy: {target.start(deployment)}")
    say(f"to be filled in: {', '.join(value.name for value in target.values(deployment))}")
    put(str(place))


def _check_name(name: str) -> None:
    """Every target takes such a name as it is. Raises UsageError."""
    if name and (NAMED.fullmatch(name) is None or len(name) > MAX_NAME):
        raise UsageError(
            f"--name: {name[:60]!r}: expected at most {MAX_NAME} lower-case letters, digits and single hyphens between",
            "write it as in --name shop-eu",
        )


def _chosen(info: RunInfo, key: str, given: Path) -> tuple[Point, RunInfo]:
    """The point of this key with its part of the run."""
    if info.exploratory:
        raise UsageError(
            f"{given} is an exploratory session of `lab ui`: nothing in it was measured under a plan",
            "use a run of `lab run`",
        )
    points = {point.key: (point, part) for point, part in parts_of(info)}
    if not key and len(points) > 1:
        raise UsageError(f"{given} has {len(points)} points: {', '.join(points)}", "say which with --point")
    if key not in points:
        named = [name for name in points if name]
        raise UsageError(
            f"--point: {unknown('point', key, named)}" if named else f"--point: {given} has one point only"
        )
    return points[key]


def _trials(folder: Path, part: RunInfo, key: str, arm: str) -> Iterator[TrialResult]:
    """The finished trials of an arm, one at a time."""
    own = {trial_id(block, key, arm) for block in range(1, len(part.order) + 1)}
    return read_trials(folder, replace(part, order=tuple(each for each in part.order if each in own)))


def _refuse_unmeasured(needs: ArmNeeds, arm: str, given: Path) -> None:
    if not needs.memory_trials:
        raise UsageError(
            f"{given}: arm {arm!r} has no trial with valid memory, so no limit can be derived",
            "`lab report` says why; run the scenario again",
        )


def _write(place: Path, files: Sequence[ExportedFile], *, force: bool) -> None:
    if place.exists() and not place.is_dir():
        raise UsageError(f"--out: {place}: a file, not a folder", "name a new folder")
    if not place.absolute().parent.is_dir():
        raise UsageError(f"--out: {place}: no place for a folder", "name one in a folder that exists")
    there = [file.name for file in files if (place / file.name).exists() or (place / file.name).is_symlink()]
    if there and not force:
        raise UsageError(f"{place} has {there[0]} already", "choose another folder with --out, or say --force")
    with disk_errors(place):
        place.mkdir(exist_ok=True)
        for file in files:
            write_atomically(place / file.name, file.text.encode())
            (place / file.name).chmod(file.mode)
