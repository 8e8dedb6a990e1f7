"""From answers to a scenario and a locustfile, both commented; validated before anything is written."""

import json
import os
import re
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from textwrap import wrap

from jinja2 import Environment, StrictUndefined

from lab.errors import UsageError
from lab.record.disk import disk_errors
from lab.scenario.file import read_scenario
from lab.scenario.model import Scenario
from lab.scenario.toml_text import toml_value
from lab.starter.compose.scenario import Taken
from lab.starter.own_locustfile import root_of
from lab.starter.packages import DOCKERFILE, Packages, command_of, ignored
from lab.starter.start import Start

SCENARIO, LOCUSTFILE, IGNORE = "scenario.toml", "locustfile.py", f"{DOCKERFILE}.dockerignore"
WARMUP, MEASURE = "5s", "10s"
OPTIONS = {
    "app.image": "--image",
    "app.target": "--target",
    "app.command": "--command",
    "app.ready_path": "--ready-path",
    "load.warmup": "--warmup",
    "load.measure": "--measure",
}
DROPPING = ("CHOWN", "SETUID", "SETGID")  # what an entrypoint needs that mends owners and goes on as somebody else
KEEP_ALIVE = {"uvicorn": ("--timeout-keep-alive", 5), "gunicorn": ("--keep-alive", 2)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """Everything that the files are made of; ``start`` has a target or a command.

    ``taken``: what each of start, ready and paths was taken from. ``many``: paths whose parameters a person knows.
    ``left``: routes that are not loaded, with why. ``packages``: what a Dockerfile installs that is written; None where
    there is one. ``beside``: the folder or the image, and what was taken over from the file ``compose``, "" without
    one.
    ``locustfile``: one that is there already and is used as it is; None where one is written, with ``paths``.
    """

    beside: Taken
    requirements: str
    start: Start
    ready_path: str
    paths: tuple[str, ...]
    processes: int
    many: tuple[str, ...] = ()
    left: Mapping[str, str] = field(default_factory=dict)
    packages: Packages | None = None
    taken: Mapping[str, str] = field(default_factory=dict)
    compose: str = ""
    locustfile: Path | None = None
    warmup: str = WARMUP
    measure: str = MEASURE

    @property
    def name(self) -> str:
        """The app's, for people: of its folder or image."""
        folder = self.beside.folder
        return folder.resolve().name if folder else self.beside.image.rpartition("/")[2].partition(":")[0]


def write_files(answers: Answers, folder: Path, *, force: bool) -> tuple[Path, ...]:
    """Write the files into ``folder``; returns those that replaced an older one, which only ``force`` allows.

    Raises UsageError when a file is there already, ScenarioError when the answers give no valid scenario.
    """
    there = tuple(path for path in written(answers, folder) if path.exists())
    if there and not force:
        raise UsageError(
            f"{', '.join(map(str, there))}: exists already, and nothing is overwritten",
            "choose another folder with --out, or replace with --force",
        )
    check(answers)
    with disk_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        for path, text in _texts(answers, folder).items():
            path.write_text(text, encoding="utf-8")
    return there


def written(answers: Answers, folder: Path) -> tuple[Path, ...]:
    """The files that are made: the scenario, and what is not there yet of a locustfile and a Dockerfile."""
    return tuple(_texts(answers, folder))


def _texts(answers: Answers, folder: Path) -> dict[Path, str]:
    texts = {SCENARIO: scenario_toml(answers, folder)}
    if answers.locustfile is None:
        texts[LOCUSTFILE] = locustfile_py(answers)
    if answers.packages is not None and (app := answers.beside.folder) is not None:
        texts[DOCKERFILE] = _render("Dockerfile.jinja", answers, command=command_of(answers.start))
        if not (app / ".dockerignore").is_file():
            texts[IGNORE] = "".join(f"{line}\n" for line in ignored(app))
    return {folder / name: text for name, text in texts.items()}


def check(answers: Answers) -> Scenario:
    """The scenario that the answers give. Raises ScenarioError (exit 2), without the name of a temporary folder."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        compile(locustfile_py(answers), LOCUSTFILE, "exec")
        for path, text in _texts(answers, folder).items():
            path.write_text(text, encoding="utf-8")
        try:
            return read_scenario(folder / SCENARIO)
        except UsageError as error:
            raise _of_options(error, folder) from None


def _of_options(error: UsageError, folder: Path) -> UsageError:
    """The error about a file that nobody has seen, with the option that gives what it names."""
    said = str(error)
    for key, option in OPTIONS.items():
        said = said.replace(f"{folder / SCENARIO}: {key}: ", f"{option}: ")
    changed = said != str(error)
    return type(error)(said.replace(f"{folder}{os.sep}", ""), "" if changed else error.hint)


def scenario_toml(answers: Answers, folder: Path) -> str:
    """The scenario file; paths are relative to ``folder``, where it will be."""
    return _render(
        "scenario.toml.jinja",
        answers,
        app=list(_app_lines(answers, folder)),
        tables=list(_tables(answers.beside, folder)),
        load=list(_load_lines(answers.locustfile, folder)),
    )


def _load_lines(own: Path | None, folder: Path) -> Iterator[str]:
    """The keys of [load] that name the locustfile: the one that is written, or one's own."""
    if own is None:
        yield _pair("locustfile", LOCUSTFILE)
        return
    yield _pair("locustfile", _where(own, folder).as_posix(), "used as it is")
    if root := root_of(own):
        yield _pair("root", _where(root, folder).as_posix(), "its working directory: it imports what lies there")


def _tables(beside: Taken, folder: Path) -> Iterator[str]:
    """``[[sidecars]]`` and ``[[jobs]]``, one key a line."""
    for name, tables in (("sidecars", beside.sidecars), ("jobs", beside.jobs)):
        for table in tables:
            yield f"[[{name}]]"
            for key, value in table.items():
                yield _pair(key, _where(value, folder).as_posix() if isinstance(value, Path) else value)
            yield ""


def _where(path: Path, folder: Path) -> Path:
    """The path as a file in ``folder`` writes it."""
    return Path(os.path.relpath(path.resolve(), folder.resolve()))


def _app_lines(answers: Answers, folder: Path) -> Iterator[str]:
    """The keys of [app], each with a word on what it is or where it comes from."""
    start, taken = answers.start, answers.taken
    yield from _source(answers, folder)
    yield from (f"# {line}" for note in start.notes for line in wrap(note, 116))
    if start.entrypoint is not None:
        yield _pair("entrypoint", start.entrypoint, "instead of the image's own, which starts a server itself")
    if start.target:
        yield _pair("target", start.target, "uvicorn serves it, with the same options in every arm")
        yield '# command = "…"  # instead of target: your own start command with {host}, {port} and {workers}'
    else:
        yield "# The same command in every arm; the lab fills in where to listen and with how many processes."
        yield _pair("command", start.command, taken.get("start", ""))
        yield from (f"# {line}" for note in _keep_alive(start.command) for line in wrap(note, 116))
    yield _pair("ready_path", answers.ready_path, f"200 here means ready{_from(taken, 'ready')}")
    more = dict(answers.beside.app)
    env = {**more.pop("env", {}), **start.env}
    yield _pair("env", env) if env else '# env = { LOG_LEVEL = "warning" }  # the placeholders work here as well'
    writes = more.pop("read_only", True) is False or start.writes
    if start.drops_root:
        more["capabilities"] = list(dict.fromkeys([*more.get("capabilities", ()), *DROPPING]))
    yield from (_pair(key, value) for key, value in more.items())
    if writes:
        yield _pair("read_only", False, "it may write elsewhere than to /tmp")
    else:
        yield "# read_only = false              # when the app must write elsewhere than to /tmp"


def _source(answers: Answers, folder: Path) -> Iterator[str]:
    """Where the image comes from."""
    beside = answers.beside
    if beside.folder is None:
        yield _pair("image", beside.image)
        return
    build = _where(beside.folder, folder).as_posix()
    yield _pair("build", build, "the folder of the app" if answers.packages else "the folder with the Dockerfile")
    if answers.packages:
        beside_this = _where(folder / DOCKERFILE, beside.folder).as_posix()
        yield _pair("dockerfile", beside_this, "it lies beside this file; the path begins in the folder of the app")
    elif beside.wanted.dockerfile != DOCKERFILE:
        yield _pair("dockerfile", beside.wanted.dockerfile)
    if beside.wanted.stage:
        yield _pair("target_stage", beside.wanted.stage, "the stage that is built")
    if answers.requirements:
        wheels = "wheels are fetched here: the build needs no network"
        yield _pair("requirements", f"{build}/{answers.requirements}", wheels)


def _pair(key: str, value: object, comment: str = "") -> str:
    return f"{key} = {toml_value(value)}" + (f"  # {comment}" if comment else "")


def _from(taken: Mapping[str, str], key: str) -> str:
    return f" ({taken[key]})" if taken.get(key) else ""


def _keep_alive(command: str) -> Iterator[str]:
    """A server that closes idle connections before its proxy does answers some requests with 502."""
    for server, (option, seconds) in KEEP_ALIVE.items():
        if server in command.split() and option not in command:
            yield f"{server} closes idle connections after {seconds} s, nginx keeps them for 60 s: add {option} 75"


def locustfile_py(answers: Answers) -> str:
    """The locustfile: one task for each path."""
    return _render("locustfile.py.jinja", answers, tasks=list(_tasks(answers.paths)))


def _tasks(paths: tuple[str, ...]) -> Iterator[tuple[str, str, str]]:
    """(function name, path, name under which Locust groups it)."""
    taken: set[str] = set()
    for path in paths:
        plain = path.partition("?")[0]
        words = re.sub(r"\W+", "_", plain, flags=re.ASCII).strip("_").lower() or "root"
        name = f"get_{words}" if f"get_{words}" not in taken else f"get_{words}_{len(taken) + 1}"
        taken.add(name)
        yield name, path, plain


def _render(template: str, answers: Answers, **more: object) -> str:
    environment = Environment(undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, autoescape=False)  # noqa: S701  not HTML
    environment.keep_trailing_newline = True
    # JSON's escapes are TOML's and Python's as well, but for DEL, which JSON leaves as it is.
    environment.filters["quoted"] = lambda text: json.dumps(str(text), ensure_ascii=False).replace("\x7f", "\\u007f")
    text = files("lab.starter").joinpath(template).read_text(encoding="utf-8")
    return environment.from_string(text).render(answers=answers, **more)
