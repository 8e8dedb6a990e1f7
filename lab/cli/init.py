"""``lab init``: a first scenario and locustfile for your own app, from flags, or by asking on a terminal."""

import os
import shlex
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

import typer

from lab.cli.console import put, put_json, say
from lab.cli.options import Json
from lab.errors import UsageError
from lab.report.renderers.text import one_line
from lab.starter.guesses import DOCKERFILE, Look, Wanted, look_at
from lab.starter.image import PATH, look_at_finished
from lab.starter.servers import TARGET, command_text, template
from lab.starter.start import IMAGE_COMMAND, Start, beside_own
from lab.starter.write import LOCUSTFILE, SCENARIO, Answers, write_files

Ask = Callable[[str, str], str]  # (question, default) -> answer

DEFAULT_OUT = Path("lab-scenario")
DEFAULT_PROCESSES = min(4, max(2, os.cpu_count() or 1))
CONSEQUENCE = "`lab init --help` shows every flag; on a terminal it asks for what is missing"
NEEDS_REGISTRY = (
    "note: the Dockerfile names its base image itself, so building it needs that image here or a registry; "
    "docs/your_own_app.md shows the lines that do without"
)

Image = Annotated[str, typer.Option("--image", help="A finished image, name:tag.")]
Folder = Annotated[Path | None, typer.Option("--folder", help="Instead: the folder that holds your Dockerfile.")]
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
Processes = Annotated[int, typer.Option("--processes", min=1, max=512, help="Serving processes in every arm.")]
OutFolder = Annotated[Path, typer.Option("--out", help="Where the two files go.")]
Force = Annotated[bool, typer.Option("--force", help="Replace these two files if they are there; it says so.")]


def init(
    image: Image = "",
    folder: Folder = None,
    dockerfile: DockerfileName = DOCKERFILE,
    stage: StageName = "",
    target: Target = "",
    command: Command = "",
    port: Port = None,
    ready_path: ReadyPath = "",
    path: Paths = None,
    processes: Processes = DEFAULT_PROCESSES,
    out: OutFolder = DEFAULT_OUT,
    force: Force = False,
    json: Json = False,
) -> None:
    """Write a commented scenario and locustfile that run; what is not given is guessed, asked for, or an error."""
    if (image and folder) or (target and command):
        raise UsageError("give --image or --folder, and --target or --command, not both", CONSEQUENCE)
    ask = _prompt if can_ask() and not json else None
    if not image and folder is None:
        image, folder = _image_or_folder(ask)
    wanted = Wanted(port=port, target=target, dockerfile=dockerfile, stage=stage)
    told = bool((target or command) and ready_path and path)
    look = look_at(folder, wanted) if folder else Look() if told else _look_at_image(image, wanted, paths=not path)
    start = _start(target, command, look, port, ask)
    answers = Answers(
        name=folder.resolve().name if folder else image.rpartition("/")[2].partition(":")[0],
        build=folder,
        image=image,
        dockerfile=dockerfile,
        stage=stage,
        requirements=look.requirements,
        start=start,
        ready_path=_path(
            ready_path or _answer("--ready-path", "path that answers 200 when ready", look.ready_path, ask)
        ),
        paths=_paths(path, look, ask),
        many=look.many,
        processes=processes,
        taken=_taken(look, start=start is look.start, ready=not ready_path, paths=not path),
    )
    replaced = write_files(answers, out, force=force)
    _report(answers, out, replaced, needs_registry=folder is not None and look.needs_registry, json=json)


def _taken(look: Look, **guessed: bool) -> dict[str, str]:
    """Where the guesses come from that were used."""
    return {key: look.taken.get(key, "") for key, used in guessed.items() if used}


def can_ask() -> bool:
    """Tell whether somebody sits at a terminal."""
    return sys.stdin.isatty() and sys.stderr.isatty()


def _prompt(question: str, default: str) -> str:
    return str(typer.prompt(question, default=default or None, err=True)).strip()


def _answer(flag: str, question: str, guess: str, ask: Ask | None) -> str:
    """The guess if nobody can be asked. Raises UsageError that names the flag when there is no guess either."""
    if ask is not None:
        return ask(question, guess)
    if not guess:
        raise UsageError(f"{flag} is missing, and nothing tells what it could be", CONSEQUENCE)
    return guess


def _look_at_image(image: str, wanted: Wanted, *, paths: bool) -> Look:
    look = look_at_finished(image, wanted, lambda text: say(one_line(text)), paths=paths)
    if look is None:
        say(f"note: no engine here knows the image {one_line(image)}, so its own command is not known")
    return look or Look()


def _image_or_folder(ask: Ask | None) -> tuple[str, Path | None]:
    here = "." if Path("Dockerfile").is_file() else ""
    given = _answer("--image or --folder", "image name:tag, or the folder with your Dockerfile", here, ask)
    return ("", Path(given)) if Path(given).is_dir() else (given, None)


def _start(target: str, command: str, look: Look, port: int | None, ask: Ask | None) -> Start:
    """The keys that start the app. A word with a colon and nothing around it is a target."""
    guess = look.start.target or look.start.command
    if not target and not command:
        given = _answer("--target or --command", "app module:name for uvicorn, or a start command", guess, ask)
        if given == guess:
            return look.start
        target, command = (given, "") if TARGET.fullmatch(given) else ("", given)
    if target:
        return look.start if look.start.target == target else beside_own(look.entrypoint, target)
    if "{port}" in command or command == IMAGE_COMMAND:
        return Start(command=command)
    try:
        return Start(command=command_text(template(shlex.split(command), port)))
    except ValueError as error:
        raise UsageError(f"--command: cannot be split into words: {error}") from None


def _paths(given: list[str] | None, look: Look, ask: Ask | None) -> tuple[str, ...]:
    words = given or _answer("--path", "paths to load, separated by spaces", " ".join(look.paths), ask).split()
    return tuple(dict.fromkeys(map(_path, words)))


def _path(text: str) -> str:
    """The path of a URL or a path. Raises UsageError."""
    parts = urlsplit(text)
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "") if parts.netloc else text
    if not PATH.fullmatch(path):
        raise UsageError(
            f"{one_line(text)!r} is no path: it must begin with / and have no spaces", 'for example "/items/7"'
        )
    return path


def _report(answers: Answers, out: Path, replaced: tuple[Path, ...], *, needs_registry: bool, json: bool) -> None:
    scenario = out / SCENARIO
    following = [f"lab plan {shlex.quote(str(scenario))}", f"lab run {shlex.quote(str(scenario))} --blocks 1"]
    if json:
        put_json({"scenario": str(scenario), "locustfile": str(out / LOCUSTFILE), "next": following})
        return
    start, taken = answers.start, answers.taken
    for what, text, key in (
        ("starts", start.command or f"uvicorn {start.target}", "start"),
        ("ready", f"GET {answers.ready_path}", "ready"),
        ("loads", " ".join(answers.paths), "paths"),
    ):
        say(f"{what:<8} {one_line(text)}" + (f"  ({one_line(taken[key])})" if taken.get(key) else ""))
    for note in start.notes:
        say(f"note: {one_line(note)}")
    if needs_registry:
        say(NEEDS_REGISTRY)
    for path in (scenario, out / LOCUSTFILE):
        put(f"{'replaced' if path in replaced else 'written'}  {path}")
    say("next")
    for line in following:
        say(f"  {line}")
