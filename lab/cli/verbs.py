"""The verbs and where each of them is. A verb's module is imported when somebody asks for this verb.

All of them together take a second of CPU, which neither `lab --version` nor the completion of a shell should wait for.
"""

import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

import typer
from typer.core import TyperGroup
from typer.exceptions import TyperException

from lab.errors import UsageError

BARE_WAIT = "--wait-for-quiet"
USUAL_WAIT = "5"
MINUTES = re.compile(r"\d+(\.\d+)?")
HELP, DRY_RUN = "help", "--dry-run"
HELP_OPTIONS = ("-h", "--help")
PLANNED = "`lab plan SCENARIO` shows what would run and for how long, and touches nothing"
OF_A_SEARCH = "it says how long it takes before anything runs; `lab plan SCENARIO` shows the arms, but not the search"
INSTEAD_OF_DRY_RUN = {
    **dict.fromkeys(("demo", "run"), PLANNED),
    **dict.fromkeys(("capacity", "limits"), OF_A_SEARCH),
    "study": "`lab study SCENARIO --plan` says which parts would run and for how long, and runs nothing",
    "selfcheck": "`lab plan SCENARIO` shows the arms and the load; a selfcheck runs the baseline arm against itself",
    "quick": "`lab init` only writes the scenario, and `lab plan` then shows what would run",
}

TAKES_AN_APP = ("init", "quick")


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
        """Give the bare option its usual value, and answer what other programs have and this one has not."""
        words = list(_with_minutes(args))
        _answer_habits(words, ctx)
        return super().parse_args(ctx, words)

    def invoke(self, ctx: Any) -> Any:
        """Carry a verb out; what is wrong with a value is told in our words. Raises UsageError."""
        try:
            return super().invoke(ctx)
        except typer.BadParameter as error:
            from lab.cli.wrong_words import refusal_of  # here: pydantic takes 0.1 s, which no completion needs

            raise refusal_of(error, ctx.invoked_subcommand or "") or error from None


def _with_minutes(words: Sequence[str]) -> Iterator[str]:
    """The words, with the minutes of the bare option joined to it: a number behind it, else the usual ones."""
    rest = iter(words)
    for word in rest:
        if word != BARE_WAIT:
            yield word
            continue
        behind = next(rest, None)
        given = behind is not None and MINUTES.fullmatch(behind)
        yield f"{BARE_WAIT}={behind if given else USUAL_WAIT}"
        if behind is not None and not given:
            yield behind


def _answer_habits(words: Sequence[str], whole: Any) -> None:
    """Tell who types what other programs know which word it is here. ``whole``: the context. Raises UsageError."""
    verb, *others = words or [""]
    if verb == HELP:
        asked = next((word for word in others if word in VERBS), "VERB")
        raise UsageError("help is no command", f"`lab --help` lists the commands, `lab {asked} --help` explains one")
    if DRY_RUN in others and verb in INSTEAD_OF_DRY_RUN:
        raise UsageError(f"lab {verb} has no {DRY_RUN}", INSTEAD_OF_DRY_RUN[verb])
    if verb in TAKES_AN_APP:
        _answer_bare_app(verb, others, whole)
    elif verb in VERBS and not VERBS[verb].command_class:
        _answer_extra_words(verb, others, whole)


def _answer_extra_words(verb: str, words: Sequence[str], whole: Any) -> None:
    """Tell who gives a command more words than it takes what to do with them. Raises UsageError."""
    given, bare = _parsed(verb, words, whole, up_to_bare=False)
    if HELP not in given and bare:
        from lab.cli.wrong_words import too_many  # here, as above

        raise too_many(verb, bare, [flag for option in command_of(verb).params for flag in option.opts])


def _answer_bare_app(verb: str, words: Sequence[str], whole: Any) -> None:
    """Tell who names an app by itself which option says what it is. Raises UsageError."""
    given, bare = _parsed(verb, words, whole, up_to_bare=False)
    if HELP in given or not bare:
        return
    app, option = bare[0], _option_for(bare[0])
    if others := [f"--{key}" for key in ("image", "folder", "compose") if key in given]:
        hint = f"`{option} {shlex.quote(app)}` in place of {others[0]}, or leave {app!r} out"
    else:
        at = len(words) - len(_parsed(verb, words, whole, up_to_bare=True)[1])
        hint = f"`lab {verb} {shlex.join([*words[:at], option, *words[at:]])}`"
    raise UsageError(f"lab {verb} cannot tell what {app!r} is: an option says it", hint)


def _parsed(
    verb: str, words: Sequence[str], whole: Any, *, up_to_bare: bool
) -> tuple[Mapping[str, Any], Sequence[str]]:
    """The options of a verb by name and the words that belong to none; ``up_to_bare``: from the first of these on.

    Neither where an option is wrong: the verb itself says so. Its command keeps the names of the option for help that
    the first context has which asks for them, so that this one inherits those of the ``whole`` lab.
    """
    command = command_of(verb)
    context = command.context_class(command, parent=whole, allow_interspersed_args=not up_to_bare)
    try:
        given, bare, _ = command.make_parser(context).parse_args(list(words))
    except TyperException:
        return {}, ()
    return given, bare


def named_in(words: Sequence[str]) -> Mapping[str, str]:
    """What a command was given for the words SCENARIO and RUN of hints, where that is one thing."""
    verb, *others = words or [""]
    if verb not in VERBS:
        return {}
    context = command_of(verb).context_class(
        command_of(verb), resilient_parsing=True, help_option_names=[*HELP_OPTIONS]
    )
    known = [word for word in _with_minutes(others) if word != DRY_RUN]
    given, _, _ = command_of(verb).make_parser(context).parse_args(known)
    named = {key.upper(): given.get(key) for key in ("scenario", "run")}
    return {word: shlex.quote(name) for word, name in named.items() if isinstance(name, str)}


def _option_for(app: str) -> str:
    path = Path(app)
    if path.suffix in (".yaml", ".yml"):
        return "--compose"
    return "--folder" if path.is_dir() else "--image"
