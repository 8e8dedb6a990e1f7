"""A locustfile's own arguments: from ``load.args`` and its environment variables. Locust's own are the scenario's."""

import os
from collections.abc import Callable, Mapping
from typing import Any, NoReturn

import locust.argument_parser
import locust.main
from locust.argument_parser import LocustArgumentParser

from lab.errors import LoadError
from lab.load.load_plan import LoadPlan

Refuse = Callable[[LoadError], NoReturn]

UNDECLARED = ("LOCUST_USER_CLASSES",)  # Locust reads it without declaring it
KEYS: Mapping[str, str] = {
    "--users": "load.lanes",
    "-u": "load.lanes",
    "--spawn-rate": "all connections come at once",
    "-r": "all connections come at once",
    "--run-time": "load.warmup and load.measure",
    "-t": "load.warmup and load.measure",
    "--tags": "load.tags",
    "-T": "load.tags",
    "--exclude-tags": "load.exclude_tags",
    "-E": "load.exclude_tags",
    "--processes": "load.processes",
    **dict.fromkeys(("--master", "--worker", "--master-host", "--expect-workers"), "load.nodes"),
    "-f": "load.locustfile",
    "--locustfile": "load.locustfile",
    "--host": "the arm's address",
    "-H": "the arm's address",
}
"""What decides in the place of an option of Locust."""


def locust_options() -> LocustArgumentParser:
    """A parser with the options of Locust itself, and none of a locustfile."""
    parser = locust.argument_parser.get_empty_argument_parser(add_help=False)
    locust.argument_parser.setup_parser_arguments(parser)
    return parser


def forget_environment() -> list[str]:
    """Take the settings of Locust itself out of the environment, where the scenario decides; their names."""
    declared = {action.env_var for action in locust_options()._actions if getattr(action, "env_var", None)}
    dropped = sorted(name for name in (*declared, *UNDECLARED) if name in os.environ)
    for name in dropped:
        del os.environ[name]
    return dropped


def take_arguments(plan: LoadPlan, refuse: Refuse, remark: Callable[[str], None]) -> None:
    """Have Locust parse the locustfile's own arguments strictly; what is missing or wrong is refused in a sentence."""
    make = locust.main.get_parser
    name = plan.locustfile.name

    def get_parser() -> LocustArgumentParser:
        known = {option for action in locust_options()._actions for option in action.option_strings}
        if taken := [word for word in plan.args if _option(word) in known]:
            decides = KEYS.get(_option(taken[0]), "the lab")
            hint = f"load.args is for the locustfile's own arguments; here the scenario decides: {decides}"
            refuse(LoadError(f"load.args: {taken[0]} is an option of Locust itself", hint))
        parser = make()
        parser.allow_abbrev = False
        own = [action for action in parser._actions if action.option_strings and not known & set(action.option_strings)]
        parser.error = lambda message: refuse(_complaint(name, message, own))
        parse = parser.parse_args
        parser.parse_args = lambda *args, **kwargs: _checked(parse(*args, **kwargs), own, refuse, remark)
        return parser

    locust.main.get_parser = get_parser


def _option(word: str) -> str:
    """The option that a word of a command line is; short ones may have their value behind them."""
    return word.partition("=")[0] if word.startswith("--") or not word.startswith("-") else word[:2]


def _complaint(locustfile: str, message: str, own: list[Any]) -> LoadError:
    """Locust's message, and how the argument that it names is given."""
    named = next((action for action in own if any(option in message for option in action.option_strings)), None)
    hint = "load.args of the scenario holds the locustfile's own arguments"
    if named:
        hint = f'give it in the scenario, as in load.args = ["{named.option_strings[-1]}", "VALUE"]'
        if named.env_var:
            hint += f", or in the environment variable {named.env_var}"
    return LoadError(f"{locustfile}: {message.splitlines()[0]}", hint)


def _checked(options: Any, own: list[Any], refuse: Refuse, remark: Callable[[str], None]) -> Any:
    """The parsed options. Bare words would choose user classes, and an environment variable may be there unnoticed."""
    if options.user_classes:
        hint = "load.users chooses user classes; an argument of the locustfile begins with --"
        refuse(LoadError(f"load.args: {options.user_classes[0]!r} belongs to no argument of the locustfile", hint))
    for action in own:
        variable = action.env_var
        if variable and variable in os.environ:
            remark(f"{action.option_strings[-1]} of the locustfile is taken from {variable} in the environment")
    return options
