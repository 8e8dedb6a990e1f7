"""``lab init``: a first scenario and locustfile for your own app, from flags, or by asking on a terminal."""

import os
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from lab.cli.answers import Asked, Person, answers_of
from lab.cli.console import put, put_json, say
from lab.cli.options import Json
from lab.report.renderers.text import one_line
from lab.starter.compose.scenario import Taken
from lab.starter.guesses import DOCKERFILE, Look, Wanted
from lab.starter.write import LOCUSTFILE, MEASURE, SCENARIO, WARMUP, Answers, write_files, written

DEFAULT_OUT = Path("lab-scenario")
ADVICE = "`lab init --help` shows every flag; on a terminal it asks for what is missing"
DEFAULT_PROCESSES = min(4, max(2, os.cpu_count() or 1))
NEEDS_REGISTRY = (
    "note: the Dockerfile names its base image itself, so building it needs that image here or a registry; "
    "docs/your_own_app.md shows the lines that do without"
)

Image = Annotated[str, typer.Option("--image", help="A finished image, name:tag.")]
Folder = Annotated[Path | None, typer.Option("--folder", help="Instead: the folder that holds your Dockerfile.")]
ComposeFile = Annotated[Path | None, typer.Option("--compose", help="Instead: the compose.yaml that starts your app.")]
ServiceName = Annotated[str, typer.Option("--service", help="The service in it whose process models are compared.")]
Profiles = Annotated[list[str] | None, typer.Option("--profile", help="A profile of it to switch on; repeatable.")]
DockerfileName = Annotated[str, typer.Option("--dockerfile", help="Its name in that folder.")]
StageName = Annotated[str, typer.Option("--stage", help="The stage of it to build, as docker build --target.")]
Target = Annotated[str, typer.Option("--target", help="The app that uvicorn serves, module:name.")]
Command = Annotated[
    str, typer.Option("--command", help="Instead: your own start command; host, port and workers become placeholders.")
]
Port = Annotated[
    int | None,
    typer.Option("--port", min=1, max=65535, help="Where that command listens today; the lab picks ports itself."),
]
ReadyPath = Annotated[str, typer.Option("--ready-path", help="Path that answers 200 when the app is ready.")]
Paths = Annotated[list[str] | None, typer.Option("--path", "--url", help="What to load, a path or URL; repeatable.")]
OwnLocustfile = Annotated[
    Path | None, typer.Option("--locustfile", help="Instead: a locustfile of yours, used as it is.")
]
Processes = Annotated[int, typer.Option("--processes", min=1, max=512, help="Serving processes in every arm.")]
Warmup = Annotated[str, typer.Option("--warmup", help="How long each trial warms up, at least.")]
Measure = Annotated[str, typer.Option("--measure", help="How long each trial measures.")]
OutFolder = Annotated[Path, typer.Option("--out", help="Where the scenario and the locustfile go.")]
Force = Annotated[bool, typer.Option("--force", help="Replace these files if they are there; it says so.")]


def init(
    image: Image = "",
    folder: Folder = None,
    compose: ComposeFile = None,
    service: ServiceName = "",
    profile: Profiles = None,
    dockerfile: DockerfileName = DOCKERFILE,
    stage: StageName = "",
    target: Target = "",
    command: Command = "",
    port: Port = None,
    ready_path: ReadyPath = "",
    path: Paths = None,
    locustfile: OwnLocustfile = None,
    processes: Processes = DEFAULT_PROCESSES,
    warmup: Warmup = WARMUP,
    measure: Measure = MEASURE,
    out: OutFolder = DEFAULT_OUT,
    force: Force = False,
    json: Json = False,
) -> None:
    """Write a commented scenario and locustfile that run; what is not given is guessed, asked for, or an error."""
    asked = Asked(
        image=image,
        folder=folder,
        compose=compose,
        service=service,
        profiles=profile or (),
        wanted=Wanted(port=port, target=target, dockerfile=dockerfile, stage=stage),
        command=command,
        ready_path=ready_path,
        paths=path or (),
        locustfile=locustfile,
        processes=processes,
        warmup=warmup,
        measure=measure,
    )
    answers, look = answers_of(asked, Person(ask=_prompt if can_ask() and not json else None, advice=ADVICE))
    replaced = write_files(answers, out, force=force)
    scenario = shlex.quote(str(out / SCENARIO))
    following = [f"lab plan {scenario}", f"lab run {scenario} --blocks 1"]
    if json:
        put_json(_document(answers, out, following))
        return
    tell_found(answers, look)
    tell_written(answers, out, replaced)
    say("next")
    for line in following:
        say(f"  {line}")


def can_ask() -> bool:
    """Tell whether somebody sits at a terminal."""
    return sys.stdin.isatty() and sys.stderr.isatty()


def _prompt(question: str, default: str) -> str:
    return str(typer.prompt(question, default=default or None, err=True)).strip()


def _document(answers: Answers, out: Path, following: list[str]) -> dict[str, object]:
    notes = {"notes": answers.start.notes, "taken": dict(answers.taken)}
    beside = {"left": answers.beside.left, "needs": answers.beside.needs}
    files = {"scenario": str(out / SCENARIO), "locustfile": str(answers.locustfile or out / LOCUSTFILE)}
    return {**files, "next": following, **notes, **beside}


def tell_found(answers: Answers, look: Look) -> None:
    """Say how the app starts, is ready and is loaded, where each was taken from, and what to know of it."""
    start, taken = answers.start, answers.taken
    for what, text, key in (
        ("starts", start.command or f"uvicorn {start.target}", "start"),
        ("ready", f"GET {answers.ready_path}", "ready"),
        ("loads", " ".join(answers.paths) or str(answers.locustfile), "paths"),
    ):
        say(f"{what:<8} {one_line(text)}" + (f"  ({one_line(taken[key])})" if taken.get(key) else ""))
    for line in (*(f"note: {one_line(note)}" for note in start.notes), *_beside_lines(answers.beside)):
        say(line)
    if answers.beside.folder is not None and look.needs_registry:
        say(NEEDS_REGISTRY)


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
