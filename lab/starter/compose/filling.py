"""The keys of a service with their variables filled, but for those that would hold a secret from outside the file."""

from collections.abc import Iterator, Mapping
from typing import Any

from lab.scenario.secret import secret_option
from lab.starter.compose.reading import pairs
from lab.starter.compose.variables import fill, names_in, secrets_behind

OWN = ("environment", "env_file")  # read apart, for a secret has a place there
FREE_TEXT = ("command", "entrypoint", "healthcheck", "build")  # keys that end up in a scenario word by word
ARGS = "build.args"


def filled_keys(raw: Mapping[str, Any], variables: Mapping[str, str]) -> tuple[dict[str, Any], list[tuple[str, str]]]:
    """(keys with their values, (key, reason) of those that are not filled because scenarios show them)."""
    known: dict[str, Any] = {}
    left: list[tuple[str, str]] = []
    for key, value in raw.items():
        if key in OWN:
            continue
        if key == "build" and isinstance(value, Mapping):
            value, lost = _without_secret_args(value, variables)
            left += lost
        names = _secrets(value, variables) if key in FREE_TEXT else ()
        if names:
            left.append((key, _reason(names)))
        else:
            known[key] = _filled(value, variables)
    return known, left


def _without_secret_args(
    build: Mapping[str, Any], variables: Mapping[str, str]
) -> tuple[dict[str, Any], list[tuple[str, str]]]:
    args = pairs(build.get("args"))
    secret = {name: names for name, each in args.items() if (names := secrets_behind(str(each), variables, name))}
    why = "stays readable in the image: let the Dockerfile take it with RUN --mount=type=secret, and build it yourself"
    left = [(f"{ARGS}.{name}", f"holds {_named(names)}, which {why}") for name, names in secret.items()]
    return {**build, "args": {name: each for name, each in args.items() if name not in secret}}, left


def _secrets(value: Any, variables: Mapping[str, str]) -> tuple[str, ...]:
    """The variables by which a value would hold a secret, also one that only its option tells."""
    texts = list(_texts(value))
    found = [name for text in texts for name in secrets_behind(text, variables)]
    outside = [name for text in texts for name in names_in(text) if name in variables]
    if not found and outside and secret_option(list(_words(texts, variables))):
        found = outside
    return tuple(dict.fromkeys(found))


def _words(texts: list[str], variables: Mapping[str, str]) -> Iterator[str]:
    for text in texts:
        yield from fill(text, variables).split()


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping | list):
        for each in value.values() if isinstance(value, Mapping) else value:
            yield from _texts(each)


def _filled(value: Any, variables: Mapping[str, str]) -> Any:
    if isinstance(value, str):
        return fill(value, variables)
    if isinstance(value, Mapping):
        return {key: _filled(each, variables) for key, each in value.items()}
    return [_filled(each, variables) for each in value] if isinstance(value, list) else value


def _reason(names: tuple[str, ...]) -> str:
    env = ", ".join(f'{name} = {{ from = "{name}" }}' for name in names)
    return (
        f"holds {_named(names)}, a secret, and scenarios show it: set env = {{ {env} }}, and write one that reads it "
        f"there, such as sh -c '… ${names[0]} …'"
    )


def _named(names: tuple[str, ...]) -> str:
    return ", ".join(f"${{{name}}}" for name in names)
