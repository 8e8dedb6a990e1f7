"""From answers to a scenario and a locustfile, both commented; validated before anything is written."""

import json
import os
import re
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from importlib.resources import files
from pathlib import Path

from jinja2 import Environment, StrictUndefined

from lab.errors import UsageError
from lab.scenario.file import read_scenario
from lab.scenario.model import Scenario

SCENARIO, LOCUSTFILE = "scenario.toml", "locustfile.py"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """Everything that the two files are made of. Either ``build`` or ``image``, either ``target`` or ``command``."""

    name: str
    build: Path | None
    image: str
    requirements: str
    target: str
    command: str
    ready_path: str
    paths: tuple[str, ...]
    processes: int


def write_files(answers: Answers, folder: Path, *, force: bool) -> tuple[Path, ...]:
    """Write both files into ``folder``; returns those that replaced an older one, which only ``force`` allows.

    Raises UsageError when a file is there already, ScenarioError when the answers give no valid scenario.
    """
    targets = (folder / SCENARIO, folder / LOCUSTFILE)
    there = tuple(path for path in targets if path.exists())
    if there and not force:
        raise UsageError(
            f"{', '.join(map(str, there))}: exists already, and nothing is overwritten",
            "choose another folder with --out, or replace with --force",
        )
    check(answers)
    folder.mkdir(parents=True, exist_ok=True)
    for path, text in zip(targets, (scenario_toml(answers, folder), locustfile_py(answers)), strict=True):
        path.write_text(text, encoding="utf-8")
    return there


def check(answers: Answers) -> Scenario:
    """The scenario that the answers give. Raises ScenarioError (exit 2), without the name of a temporary folder."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        absolute = replace(answers, build=answers.build and answers.build.resolve())
        locustfile = locustfile_py(answers)
        compile(locustfile, LOCUSTFILE, "exec")
        (folder / LOCUSTFILE).write_text(locustfile, encoding="utf-8")
        (folder / SCENARIO).write_text(scenario_toml(absolute, None), encoding="utf-8")
        try:
            return read_scenario(folder / SCENARIO)
        except UsageError as error:
            raise type(error)(str(error).replace(f"{folder}{os.sep}", ""), error.hint) from None


def scenario_toml(answers: Answers, folder: Path | None) -> str:
    """The scenario file; paths are relative to ``folder``, where it will be, or absolute."""
    build = answers.build and (
        Path(os.path.relpath(answers.build.resolve(), folder.resolve())) if folder else answers.build
    )
    return _render("scenario.toml.jinja", answers, build=None if build is None else build.as_posix())


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
