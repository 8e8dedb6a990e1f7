"""``lab init``: a first scenario and locustfile for your own app, from flags, or by asking on a terminal."""

import shlex
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated

import typer

from lab.cli.answers import Ask, Asked, Person, answers_of
from lab.cli.app_options import LEAST_PROCESSES, MOST_PROCESSES, asked_of
from lab.cli.console import put, put_json, say
from lab.cli.options import Json, takes_options
from lab.engines.images.context import read_context
from lab.report.renderers.text import one_line
from lab.scenario.file import read_scenario
from lab.scenario.images import PYTHON
from lab.starter.compose.scenario import Taken
from lab.starter.guesses import Guesses
from lab.starter.write import LOCUSTFILE, SCENARIO, Answers, write_files, written
from lab.units import count_of

DEFAULT_OUT = Path("lab-scenario")
ADVICE = "`lab init --help` shows every flag; on a terminal it asks for what is missing"
INTENT = "The lab needs to know how to start and load your app; press Enter to accept what is in brackets."
NEEDS_REGISTRY = (
    "note: the Dockerfile names its base image itself, so building it needs that image on this machine or a registry; "
    "`lab doctor --scenario FILE` says whether it is available, and if not, what to do"
)
PROCESSES = f"--processes; by default the cores of this machine, {LEAST_PROCESSES} to {MOST_PROCESSES}"
SHOWN = 6  # routes in a line
SETTINGS = "what the app needs of it belongs into env of the scenario"
NO_SETTINGS = f"note: .env stays out of the image: {SETTINGS}"
WITH_SETTINGS = (
    f"WARNING: .env goes into the image, with every secret in it: write a line `.env` into {{ignore}}; {SETTINGS}"
)
BUILDS = (
    "note: there is no Dockerfile, so one is written beside the scenario: {base}, the packages of {name}, your files. "
    "It is yours to change or keep, and builds with or without a registry"
)

OutFolder = Annotated[Path, typer.Option("--out", help="The folder for the scenario and the locustfile.")]
Force = Annotated[bool, typer.Option("--force", help="Replace these files if they exist, and say so.")]


@takes_options(asked_of)
def init(
    asked: Asked,
    out: OutFolder = DEFAULT_OUT,
    force: Force = False,
    json: Json = False,
) -> None:
    """Write a commented scenario and locustfile for your app; guess what you do not say, or ask for it."""
    answers, look = answers_of(asked, Person(ask=_asking() if can_ask() and not json else None, advice=ADVICE))
    replaced = write_files(answers, out, force=force)
    scenario = shlex.quote(str(out / SCENARIO))
    following = [f"lab plan {scenario}", f"lab run {scenario} --blocks 1"]
    if json:
        put_json(_document(answers, look, out, following))
        return
    tell_found(answers, look, out)
    tell_written(answers, out, replaced)
    say("next")
    for line in following:
        say(f"  {line}")


def can_ask() -> bool:
    """Tell whether somebody sits at a terminal."""
    return sys.stdin.isatty() and sys.stderr.isatty()


def _asking() -> Ask:
    """Ask a person; before the first question say what for, and what Enter does."""
    told: list[str] = []

    def ask(question: str, default: str) -> str:
        if not told:
            told.append(INTENT)
            say(INTENT)
        return str(typer.prompt(question, default=default or None, err=True)).strip()

    return ask


def _document(answers: Answers, look: Guesses, out: Path, following: list[str]) -> dict[str, object]:
    notes = {"notes": [*answers.start.notes, *_build_lines(answers, look, out)], "taken": dict(answers.taken)}
    beside = {"left": answers.beside.left, "needs": answers.beside.needs, "not_loaded": dict(answers.left)}
    files = {"scenario": str(out / SCENARIO), "locustfile": str(answers.locustfile or out / LOCUSTFILE)}
    return {**files, "written": list(map(str, written(answers, out))), "next": following, **notes, **beside}


def tell_found(answers: Answers, look: Guesses, out: Path) -> None:
    """Say how the app starts, is ready and is loaded, where each was taken from, and what to know of it.

    The files are in ``out`` already: they decide what goes into the image.
    """
    start, taken = answers.start, answers.taken
    for what, text, key in (
        ("starts", start.command or f"uvicorn {start.target}", "start"),
        ("ready", f"GET {answers.ready_path}", "ready"),
        ("loads", " ".join(answers.paths) or str(answers.locustfile), "paths"),
    ):
        say(f"{what:<8} {one_line(text)}" + (f"  ({one_line(taken[key])})" if taken.get(key) else ""))
    say(f"arms     {count_of(answers.processes, 'serving process')} in each  ({PROCESSES})")
    notes = (f"note: {one_line(note)}" for note in start.notes)
    for line in (*_route_lines(answers.left), *notes, *_beside_lines(answers.beside)):
        say(line)
    for line in _build_lines(answers, look, out):
        say(line)


def _build_lines(answers: Answers, look: Guesses, out: Path) -> Iterator[str]:
    """What to know of the image that is built; nothing of one that is there."""
    folder = answers.beside.folder
    if answers.packages is not None:
        yield BUILDS.format(name=answers.packages.name, base=PYTHON.reference)
        if folder is not None and (folder / ".env").is_file():
            goes_in = ".env" in read_context(read_scenario(out / SCENARIO).app).paths
            yield WITH_SETTINGS.format(ignore=one_line(str(folder / ".dockerignore"))) if goes_in else NO_SETTINGS
    if folder is not None and look.needs_registry:
        yield NEEDS_REGISTRY


def _route_lines(left: Mapping[str, str]) -> Iterator[str]:
    """The routes that are not loaded, by the reason."""
    for why in dict.fromkeys(left.values()):
        routes = [route for route, each in left.items() if each == why]
        more = f" and {len(routes) - SHOWN} more" if len(routes) > SHOWN else ""
        yield f"left     {one_line(', '.join(routes[:SHOWN]))}{more}: {why}; the locustfile shows how to add it"


def _beside_lines(beside: Taken) -> Iterator[str]:
    for what, tables in (("sidecars", beside.sidecars), ("jobs", beside.jobs)):
        if tables:
            yield f"{what:<8} {', '.join(str(table['name']) for table in tables)}"
    yield from (f"left     {one_line(line)}" for line in beside.left)
    yield from (f"set      {one_line(line)}: secret, so a run takes it from its environment" for line in beside.needs)


def tell_written(answers: Answers, out: Path, replaced: tuple[Path, ...]) -> None:
    """Print the files that were made."""
    for path in written(answers, out):
        put(f"{'replaced' if path in replaced else 'written'}  {path}")
