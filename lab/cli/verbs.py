"""The verbs and where each of them is. A verb's module is imported when somebody asks for this verb.

All of them together take a second of CPU, which neither `lab --version` nor the completion of a shell should wait for.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperGroup

BARE_WAIT = "--wait-for-quiet"
USUAL_WAIT = f"{BARE_WAIT}=5"


@dataclass(frozen=True)
class Verb:
    """A module of ``lab.cli``, its function, and the command class that it gives it, if any."""

    module: str
    function: str
    command_class: str = ""


VERBS: Mapping[str, Verb] = {
    "demo": Verb("demo", "demo"),
    "quick": Verb("quick", "quick"),
    "init": Verb("init", "init"),
    "run": Verb("run", "run"),
    "capacity": Verb("capacity", "capacity"),
    "limits": Verb("limits", "limits"),
    "plan": Verb("plan", "plan"),
    "report": Verb("report", "report"),
    "compare": Verb("compare", "compare", "ManyAgainst"),
    "decide": Verb("decide", "decide"),
    "study": Verb("study", "study"),
    "bundle": Verb("bundle", "bundle"),
    "export": Verb("export", "export"),
    "ui": Verb("ui", "ui"),
    "selfcheck": Verb("selfcheck", "selfcheck"),
    "list": Verb("listing", "list_runs"),
    "open": Verb("open", "open_run"),
    "serve": Verb("serve", "serve"),
    "doctor": Verb("doctor", "doctor"),
    "images": Verb("images", "images"),
    "clean": Verb("clean", "clean"),
    "schema": Verb("schema", "schema"),
    "metrics": Verb("metrics", "metrics"),
}


@cache
def command_of(name: str) -> Any:
    """The command of a verb, as Typer makes it of one function."""
    verb = VERBS[name]
    module = import_module(f"lab.cli.{verb.module}")
    alone = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    command_class = getattr(module, verb.command_class) if verb.command_class else None
    alone.command(name, cls=command_class)(getattr(module, verb.function))
    return typer.main.get_command(alone)


class Commands(Mapping[str, Any]):
    """The commands by their verbs, in the order of the help."""

    def __getitem__(self, name: str) -> Any:
        return command_of(name)

    def __iter__(self) -> Iterator[str]:
        return iter(VERBS)

    def __len__(self) -> int:
        return len(VERBS)


class Verbs(TyperGroup):
    """The verbs; of their options ``--wait-for-quiet`` may come without its value, which Typer cannot express."""

    def __init__(self, **given: Any) -> None:
        super().__init__(**given | {"commands": given.get("commands") or Commands()})

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002  # as Click calls it
        """Name the verbs without importing any."""
        return list(self.commands)

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Give the bare option its usual value."""
        return super().parse_args(ctx, [USUAL_WAIT if word == BARE_WAIT else word for word in args])
