"""What `lab init` and `lab quick` need to know of an app: from flags, from a look at it, or from a person."""

import os
import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import urlsplit

from lab.cli.console import say
from lab.errors import UsageError
from lab.report.renderers.text import one_line
from lab.scenario.images import check_reference
from lab.starter.compose.reading import check_file, read_compose
from lab.starter.compose.scenario import Taken, take_over
from lab.starter.folder import check_folder, check_target
from lab.starter.guesses import Guesses, Wanted, look_at, look_at_image
from lab.starter.image import PATH, look_at_finished
from lab.starter.own_locustfile import check_locustfile
from lab.starter.packages import NAMES, check_start
from lab.starter.servers import TARGET, command_text, template
from lab.starter.start import IMAGE_COMMAND, Start, beside_own
from lab.starter.write import MEASURE, WARMUP, Answers
from lab.units import count_of

KEYS = (
    "--target names the FastAPI app for uvicorn; --command is whatever else starts it, with {host}, {port} and "
    "{workers} where it takes them (app.port instead, where its port is fixed); --ready-path answers 200 when it "
    "serves: "
)

Ask = Callable[[str, str], str]  # (question, default) -> answer

EXAMPLES = {
    "--image or --folder": "--folder .",
    "--target or --command": "--target main:app",
    "--ready-path": "--ready-path /",
    "--path": "--path /items/7",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What was given on the command line; "", None and () for nothing. ``wanted`` holds port, target and Dockerfile."""

    image: str = ""
    folder: Path | None = None
    compose: Path | None = None
    service: str = ""
    profiles: Sequence[str] = ()
    wanted: Wanted
    command: str = ""
    ready_path: str = ""
    paths: Sequence[str] = ()
    locustfile: Path | None = None
    processes: int
    warmup: str = WARMUP
    measure: str = MEASURE


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Who types the command. ``ask`` None: nobody can be asked; ``advice``: what to do where something is missing."""

    ask: Ask | None
    advice: str


def answers_of(asked: Asked, person: Person) -> tuple[Answers, Guesses]:
    """The answers, and the look that they come from where nothing was given.

    Raises UsageError that names the flag for what is missing.
    """
    check_asked(asked, person.advice)
    beside = _beside(asked, person)
    asks_paths = not asked.paths and asked.locustfile is None
    told = bool((asked.wanted.target or asked.command) and asked.ready_path and not asks_paths)
    look = _look(beside, told=told, paths=asks_paths)
    if person.ask is None:
        _check_complete(asked, look, person.advice)
    elif look.foreign:
        say(f"note: {one_line(look.foreign)}")
    start = _start(asked.wanted.target, asked.command, look, beside.wanted.port, person)
    if beside.folder is not None and start.target:
        check_target(beside.folder, start.target)
    if look.packages is not None:
        check_start(look.packages, start)
    ready = asked.ready_path or _answer("--ready-path", "path that answers 200 when ready", look.ready_path, person)
    answers = Answers(
        beside=beside,
        compose=asked.compose.name if asked.compose else "",
        requirements=look.requirements,
        start=_with_workers(start, asked.processes),
        ready_path=_path(ready),
        paths=_paths(asked.paths, look, person) if asked.locustfile is None else (),
        many=look.many,
        left=look.left if asks_paths else {},
        packages=look.packages,
        locustfile=asked.locustfile,
        processes=asked.processes,
        warmup=asked.warmup,
        measure=asked.measure,
        taken=_taken(look, start=start is look.start, ready=not asked.ready_path, paths=asks_paths),
    )
    return answers, look


def check_asked(asked: Asked, advice: str) -> None:
    """Raise UsageError for what excludes something else, or is not there; nothing is looked at for it."""
    if sum(map(bool, (asked.image, asked.folder, asked.compose))) > 1 or (asked.wanted.target and asked.command):
        raise UsageError("give one of --image, --folder and --compose, and of --target and --command", advice)
    if asked.image:
        _check_image(asked.image)
    if asked.folder is not None:
        check_folder(asked.folder)
    if asked.compose is not None:
        check_file(asked.compose)
    if asked.locustfile is not None:
        check_locustfile(asked.locustfile, list(asked.paths))


def _check_image(name: str) -> None:
    try:
        check_reference("--image", name)
    except ValueError as error:
        raise UsageError(str(error), "`docker images` lists those that are here") from None


def _check_complete(asked: Asked, look: Guesses, advice: str) -> None:
    """Name all flags at once that nobody can be asked for, and what was found instead. Raises UsageError."""
    start = asked.wanted.target or asked.command or look.start.target or look.start.command
    known = {
        "--target or --command": start,
        "--ready-path": asked.ready_path or look.ready_path,
        "--path": asked.paths or asked.locustfile or look.paths,
    }
    missing = [flag for flag, value in known.items() if not value]
    if not missing:
        return
    found, keys = (look.foreign, KEYS) if look.foreign and not start else ("nothing says what it could be", "")
    told = f"{', '.join(missing)} {'are' if len(missing) > 1 else 'is'} missing"
    examples = " ".join(EXAMPLES[flag] for flag in missing)
    raise UsageError(f"{told}, and {one_line(found)}", f"{keys}add for example `{examples}`; {advice}")


def _beside(asked: Asked, person: Person) -> Taken:
    """The folder or image, and what a compose file starts beside the app."""
    if asked.compose is not None:
        project = read_compose(asked.compose, os.environ)
        if project.by_compose:
            say(f"note: {project.by_compose}")
        return take_over(project, asked.service, list(asked.profiles), asked.wanted)
    given = asked.image or asked.folder
    image, folder = (asked.image, asked.folder) if given else _image_or_folder(person)
    return Taken(name="", image=image, folder=folder, wanted=asked.wanted)


def _look(beside: Taken, *, told: bool, paths: bool) -> Guesses:
    """Guesses from the folder or the image; none from an image when everything was told."""
    if beside.folder:
        return look_at(beside.folder, beside.wanted)
    return Guesses() if told else _look_at_image(beside.image, beside.wanted, paths=paths)


def _taken(look: Guesses, **guessed: bool) -> dict[str, str]:
    """Where the guesses come from that were used."""
    return {key: look.taken.get(key, "") for key, used in guessed.items() if used}


def _answer(flag: str, question: str, guess: str, person: Person) -> str:
    """The guess if nobody can be asked. Raises UsageError that names the flag when there is no guess either."""
    if person.ask is not None:
        return person.ask(question, guess)
    if not guess:
        example = f"add for example `{EXAMPLES[flag]}`; {person.advice}"
        raise UsageError(f"{flag} is missing, and nothing says what it could be", example)
    return guess


def _look_at_image(image: str, wanted: Wanted, *, paths: bool) -> Guesses:
    look = look_at_finished(image, wanted, lambda text: say(one_line(text)), paths=paths)
    if look is None:
        say(f"note: no engine here has the image {one_line(image)}, so its own command is unknown")
    return look or look_at_image({}, wanted)


def _image_or_folder(person: Person) -> tuple[str, Path | None]:
    here = "." if any(Path(name).is_file() for name in ("Dockerfile", *NAMES)) else ""
    given = _answer("--image or --folder", "image name:tag, or the folder of your app", here, person)
    return ("", Path(given)) if Path(given).is_dir() else (given, None)


def _start(target: str, command: str, look: Guesses, port: int | None, person: Person) -> Start:
    """The keys that start the app. A word with a colon and nothing around it is a target."""
    guess = look.start.target or look.start.command
    if not target and not command:
        given = _answer("--target or --command", "app module:name for uvicorn, or a start command", guess, person)
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


def _with_workers(start: Start, processes: int) -> Start:
    """With a note where the app's own command has another number of workers than the scenario will have."""
    if start.workers in (0, processes):
        return start
    note = f"the command has {count_of(start.workers, 'worker')}; the scenario has {processes}"
    return replace(start, notes=(*start.notes, f"{note}, --processes {start.workers} for yours"))


def _paths(given: Sequence[str], look: Guesses, person: Person) -> tuple[str, ...]:
    words = given or _answer("--path", "paths to load, separated by spaces", " ".join(look.paths), person).split()
    return tuple(dict.fromkeys(map(_path, words)))


def _path(text: str) -> str:
    """The path of a URL or a path. Raises UsageError."""
    parts = urlsplit(text)
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "") if parts.netloc else text
    if not PATH.fullmatch(path):
        raise UsageError(
            f"{one_line(text)!r} is not a path: it must begin with / and have no spaces", 'for example "/items/7"'
        )
    return path
