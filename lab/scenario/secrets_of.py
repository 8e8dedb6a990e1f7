"""The secrets of a whole scenario: their values and marks, what else must be hidden with them, what may not hold one.

Pure: the environment is handed in.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields, replace
from typing import Any

from lab.errors import ScenarioError
from lab.scenario.kinds import Options
from lab.scenario.model import Scenario
from lab.scenario.refusals import dotted, refusing
from lab.scenario.secret import (
    IN_PAIRS,
    IN_URL,
    MARK,
    Env,
    EnvValue,
    Redactor,
    Secret,
    is_secret,
    marked,
    plain,
    redactor,
    secret_option,
)

HAND_OVER = 'hand it over in "env": values that are secret are masked there, everything else is shown in reports'

IN_LOCUSTFILE = (
    'set it in the environment of the lab, and let the locustfile read it there: os.environ["API_KEY"], or '
    "add_argument(…, env_var=…)"
)


def secrets_in(scenario: Scenario) -> Iterator[tuple[str, Secret]]:
    """Give (variable or header, secret) of every secret of the app, of the arms and of what is beside them."""
    tables = (*(arm.env for arm in scenario.arms), *(each.env for each in scenario.beside))
    for env in (scenario.app.env, scenario.app.probe_headers, *tables):
        yield from ((name, value) for name, value in env.items() if isinstance(value, Secret))


def redactor_of(scenario: Scenario) -> Redactor:
    """Give what keeps this scenario's secrets, as far as they are known, out of texts."""
    return redactor((plain(secret) for _, secret in secrets_in(scenario)), _public(scenario))


def redactors_of_environment(scenario: Scenario, environ: Mapping[str, str]) -> Mapping[str, Redactor]:
    """Give for each variable that holds a secret, of the scenario or by its own name, what finds its value."""
    own = {secret.source or name for name, secret in secrets_in(scenario)}
    public = tuple(_public(scenario))
    held = ((name, value) for name, value in environ.items() if name in own or is_secret(name, value))
    return {name: redactor((value,), public) for name, value in held}


def _public(scenario: Scenario) -> Iterator[str]:
    """Texts that every output shows, and that other parts of the lab look up again."""
    app, load = scenario.app, scenario.load
    yield from (app.image, str(app.build), app.dockerfile, str(app.requirements), app.target, app.ready_path)
    yield from (*scenario.images.values(), str(load.locustfile))
    yield from (*load.users, *load.tags, *load.exclude_tags, *scenario.compare.primary)
    yield from (f"{arm.name} {_chosen(arm.model)} {_chosen(arm.front)} {arm.image}" for arm in scenario.arms)
    yield from (condition.that for condition in scenario.expect)
    yield from (f"{each.name} {each.image}" for each in scenario.beside)


def _chosen(options: Options) -> str:
    return " ".join(str(getattr(options, field.name)) for field in fields(options))


def hide_copies(scenario: Scenario) -> Scenario:
    """Make plain values that hold a secret's value secret too: a masked one could not be run again.

    Raises ScenarioError when a command, or an argument of the locustfile, holds one, for these are shown.
    """
    redact = redactor_of(scenario)
    for where, words, hint in _shown(scenario):
        text = " ".join(words)
        if redact(text) != text or IN_URL.search(text) or IN_PAIRS.search(text):
            raise ScenarioError(f"{where}: holds a password, or the value of a secret variable", hint)
        if option := secret_option(words):
            raise ScenarioError(f"{where}: {option} is followed by what seems to be a secret, and it is shown", hint)
    if not redact.words:
        return scenario

    def hidden(_where: str, value: EnvValue) -> EnvValue:
        return Secret(value=value) if isinstance(value, str) and redact(value) != value else value

    return mapped(scenario, hidden)


def _shown(scenario: Scenario) -> Iterator[tuple[str, tuple[str, ...], str]]:
    """Give (key, words, where a secret of it belongs) of everything that starts something."""
    yield from ((where, tuple(command.split()), HAND_OVER) for where, command in _commands(scenario))
    yield "load.args", scenario.load.args, IN_LOCUSTFILE


def _commands(scenario: Scenario) -> Iterator[tuple[str, str]]:
    """Give (key, text) of everything that is run, and shown."""
    yield from (("app.command", scenario.app.command), ("app.entrypoint", scenario.app.entrypoint))
    for table in ("arms", "sidecars", "jobs"):
        yield from ((f"{table}[{place}].command", each.command) for place, each in enumerate(getattr(scenario, table)))
    yield from ((f"sidecars[{place}].ready", sidecar.ready) for place, sidecar in enumerate(scenario.sidecars))


def with_values(scenario: Scenario, environ: Mapping[str, str]) -> Scenario:
    """The scenario with the value and the mark of every secret.

    A value comes from the scenario, or from the variable that ``from`` names. In a scenario that a run folder gave back
    values are missing: they come from that variable or, without ``from``, from the one of the secret's own name, and
    must have the mark that was stored. Raises ScenarioError (exit 2) that names the variable to set.
    """

    def filled(where: str, value: EnvValue) -> EnvValue:
        if not isinstance(value, Secret):
            return value
        name = where.rpartition(".")[2]
        variable = value.source or name
        text = environ.get(variable) if value.value is None else value.value
        if text is None:
            raise ScenarioError(f"{where}: its value is not known", f"set {variable} in the lab's environment")
        if value.mark and not value.mark.startswith(MARK):
            raise ScenarioError(
                f"{where}: an earlier version began this run and marked its secrets under a key of the machine; "
                f"whether {variable} still holds the same value cannot be told",
                "run the scenario again",
            )
        found = marked(name, replace(value, value=text))
        if value.mark and value.mark != found.mark:
            raise ScenarioError(
                f"{where}: the value of {variable} in the environment is not the one that the run began with",
                f"set {variable} to that value, or run the scenario again",
            )
        return found

    return hide_copies(mapped(scenario, filled))


def mapped(scenario: Scenario, change: Callable[[str, EnvValue], EnvValue]) -> Scenario:
    """Put ``change(where, value)`` in place of every value of the scenario's environments.

    Raises ScenarioError that names the table whose values cannot be what they are for.
    """

    def changed(where: str, env: Env) -> dict[str, EnvValue]:
        return {name: change(f"{where}.{name}", value) for name, value in env.items()}

    def all_changed(table: str) -> Any:
        return tuple(put(each, (table, place), "env") for place, each in enumerate(getattr(scenario, table)))

    def put(held: Any, table: tuple[int | str, ...], *names: str) -> Any:
        with refusing("", "change the variable in the lab's environment", *table):
            return replace(held, **{name: changed(dotted((*table, name)), getattr(held, name)) for name in names})

    app = put(scenario.app, ("app",), "env", "probe_headers")
    return replace(scenario, app=app, **{table: all_changed(table) for table in ("arms", "sidecars", "jobs")})
