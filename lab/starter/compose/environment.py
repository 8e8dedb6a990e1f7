"""The environment of a service: what env_file and environment say, secrets by name instead of by value."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from lab.scenario.secret import is_secret
from lab.starter.compose.reading import Project, env_file, pairs
from lab.starter.compose.variables import fill, names_in, secrets_behind

SECRETS = "/run/secrets/"  # where Compose mounts them


def environment(
    raw: Mapping[str, Any], project: Project
) -> tuple[dict[str, Any], list[tuple[str, str]], dict[str, str]]:
    """(variables, those without a value, those that a run needs): of env_file, then of environment, which wins."""
    env: dict[str, Any] = {}
    left: list[tuple[str, str]] = []
    needs: dict[str, str] = {}
    for path in _env_files(raw, project):
        known = dict(project.variables)
        for name, text in env_file(path).items():
            asked = names_in(text)
            secret = secrets_behind(text, known) or any(isinstance(env.get(each), dict) for each in asked)
            known[name] = filled = fill(text, known)
            env[name] = {"from": name} if secret or is_secret(name, filled) else filled
            needs[name] = f"in {path.name}: `set -a; . ./{path.name}; set +a`"
    for name, text in pairs(raw.get("environment")).items():
        if text is None and name not in project.variables:
            left.append((f"environment.{name}", "it has no value here"))
            continue
        value = {"from": name} if text is None else _value(name, plain_text(text), project.variables)
        if (isinstance(value, dict) and value["from"] != name) or text is None:
            needs[value["from"]] = "in the environment or in .env"
        elif isinstance(value, dict):
            needs[name] = f"made of {', '.join(names_in(plain_text(text)))} in the compose file"
        env[name] = value
    if raw.get("secrets"):
        _in_place_of_files(env, left, needs)
    return env, left, {name: why for name, why in needs.items() if {"from": name} in env.values()}


def _in_place_of_files(env: dict[str, Any], left: list[tuple[str, str]], needs: dict[str, str]) -> None:
    """PASSWORD for a PASSWORD_FILE that names a secret, as the images of databases take either; no file is mounted."""
    for key, value in list(env.items()):
        name = key.removesuffix("_FILE")
        if name == key or not str(value).startswith(SECRETS):
            continue
        del env[key]
        if name not in env:
            env[name], needs[name] = {"from": name}, f"what the secret {str(value).removeprefix(SECRETS)} holds"
        left.append((f"environment.{key}", f"it names a file of a secret: {name} has the text itself, if that is read"))


def _env_files(raw: Mapping[str, Any], project: Project) -> Iterator[Path]:
    files = raw.get("env_file") or ()
    for each in [files] if isinstance(files, str | Mapping) else files:
        table = each if isinstance(each, Mapping) else {"path": each}
        path = project.folder / fill(str(table["path"]), project.variables)
        if path.is_file() or table.get("required") is not False:
            yield path


def _value(name: str, text: str, variables: Mapping[str, str]) -> Any:
    """The value of a variable; a secret that does not stand in the file itself is not written down."""
    value = fill(text, variables)
    if not secrets_behind(text, variables, name):
        return value
    outside = [each for each in names_in(text) if each in variables]
    return {"from": outside[0] if fill(text, {outside[0]: "x"}) == "x" else name}


def plain_text(value: Any) -> str:
    """A plain value of YAML as the text that a container gets."""
    return str(value).lower() if isinstance(value, bool) else str(value)
