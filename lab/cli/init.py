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
from lab.starter.compose.reading import read_compose
from lab.starter.compose.scenario import Taken, take_over
from lab.starter.guesses import DOCKERFILE, Look, Wanted, look_at, look_at_image
from lab.starter.image import PATH, look_at_finished
from lab.starter.own_locustfile import check_locustfile
from lab.starter.servers import TARGET, command_text, template
from lab.starter.start import IMAGE_COMMAND, Start, beside_own
from lab.starter.write import LOCUSTFILE, SCENARIO, Answers, write_files, written

Ask = Callable[[str, str], str]  # (question, default) -> answer

DEFAULT_OUT = Path("lab-scenario")
DEFAULT_PROCESSES = min(4, max(2, os.cpu_count() or 1))
EXAMPLES = {
    "--image or --folder": "--folder .",
    "--target or --command": "--target main:app",
    "--ready-path": "--ready-path /",
    "--path": "--path /items/7",
}
CONSEQUENCE = "`lab init --help` shows every flag; on a terminal it asks for what is missing"
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
    out: OutFolder = DEFAULT_OUT,
    force: Force = False,
    json: Json = False,
) -> None:
    """Write a commented scenario and locustfile that run; what is not given is guessed, asked for, or an error."""
    if sum(map(bool, (image, folder, compose))) > 1 or (target and command):
        raise UsageError("give one of --image, --folder and --compose, and of --target and --command", CONSEQUENCE)
    if locustfile is not None:
        check_locustfile(locustfile, path)
    ask = _prompt if can_ask() and not json else None
    wanted = Wanted(port=port, target=target, dockerfile=dockerfile, stage=stage)
    if compose is not None:
        beside = _beside(compose, service, profile or [], wanted)
    else:
        image, folder = (image, folder) if image or folder else _image_or_folder(ask)
        beside = Taken(name="", image=image, folder=folder, wanted=wanted)
    asks_paths = not path and locustfile is None
    told = bool((target or command) and ready_path and not asks_paths)
    look = _look(beside, told=told, paths=asks_paths)
    start = _start(target, command, look, beside.wanted.port, ask)
    ready = _path(ready_path or _answer("--ready-path", "path that answers 200 when ready", look.ready_path, ask))
    answers = Answers(
        beside=beside,
        compose=compose.name if compose else "",
        requirements=look.requirements,
        start=start,
        ready_path=ready,
        paths=_paths(path, look, ask) if locustfile is None else (),
        many=look.many,
        locustfile=locustfile,
        processes=processes,
        taken=_taken(look, start=start is look.start, ready=not ready_path, paths=asks_paths),
    )
    replaced = write_files(answers, out, force=force)
    _report(answers, out, replaced, needs_registry=beside.folder is not None and look.needs_registry, json=json)


def _look(beside: Taken, *, told: bool, paths: bool) -> Look:
    """Guesses from the folder or the image; none from an image when everything was told."""
    if beside.folder:
        return look_at(beside.folder, beside.wanted)
    return Look() if told else _look_at_image(beside.image, beside.wanted, paths=paths)


def _beside(compose: Path, service: str, profiles: list[str], wanted: Wanted) -> Taken:
    project = read_compose(compose, os.environ)
    if project.by_compose:
        say(f"note: {project.by_compose}")
    return take_over(project, service, profiles, wanted)


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
        example = f"add for example `{EXAMPLES[flag]}`; {CONSEQUENCE}"
        raise UsageError(f"{flag} is missing, and nothing tells what it could be", example)
    return guess


def _look_at_image(image: str, wanted: Wanted, *, paths: bool) -> Look:
    look = look_at_finished(image, wanted, lambda text: say(one_line(text)), paths=paths)
    if look is None:
        say(f"note: no engine here knows the image {one_line(image)}, so its own command is not known")
    return look or look_at_image({}, wanted)


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


def _report_beside(beside: Taken) -> None:
    for what, tables in (("sidecars", beside.sidecars), ("jobs", beside.jobs)):
        if tables:
            say(f"{what:<8} {', '.join(str(table['name']) for table in tables)}")
    for line in beside.left:
        say(f"left     {one_line(line)}")
    for line in beside.needs:
        say(f"set      {one_line(line)}: secret, so a run takes it from its environment")


def _report(answers: Answers, out: Path, replaced: tuple[Path, ...], *, needs_registry: bool, json: bool) -> None:
    scenario = out / SCENARIO
    following = [f"lab plan {shlex.quote(str(scenario))}", f"lab run {shlex.quote(str(scenario))} --blocks 1"]
    if json:
        notes = {"notes": answers.start.notes, "taken": dict(answers.taken)}
        beside = {"left": answers.beside.left, "needs": answers.beside.needs}
        files = {"scenario": str(scenario), "locustfile": str(answers.locustfile or out / LOCUSTFILE)}
        put_json({**files, "next": following, **notes, **beside})
        return
    start, taken = answers.start, answers.taken
    for what, text, key in (
        ("starts", start.command or f"uvicorn {start.target}", "start"),
        ("ready", f"GET {answers.ready_path}", "ready"),
        ("loads", " ".join(answers.paths) or str(answers.locustfile), "paths"),
    ):
        say(f"{what:<8} {one_line(text)}" + (f"  ({one_line(taken[key])})" if taken.get(key) else ""))
    for note in start.notes:
        say(f"note: {one_line(note)}")
    _report_beside(answers.beside)
    if needs_registry:
        say(NEEDS_REGISTRY)
    for path in written(answers, out):
        put(f"{'replaced' if path in replaced else 'written'}  {path}")
    say("next")
    for line in following:
        say(f"  {line}")
