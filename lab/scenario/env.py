"""Tables of names and values, ``env`` and headers: plain ones, secrets by name or by word, and how both are stored."""

import re
from collections.abc import Callable, Mapping
from typing import Annotated, Any

from pydantic import ConfigDict, Field, PlainSerializer, PlainValidator
from pydantic.dataclasses import dataclass

from lab.scenario.secret import EnvValue, Public, Secret, is_secret, plain

MAX_VALUE = 100_000
NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,255}", re.ASCII)
HEADER = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,256}", re.ASCII)  # RFC 9110, 5.6.2
HEADER_VALUE = re.compile(r"[\x20-\x7e]*", re.ASCII)
FRAMING = {"connection", "content-length", "transfer-encoding", "upgrade"}  # of the connection, not of the question
CREDENTIALS = {"authorization", "proxy-authorization", "cookie"}
KEYS = {"value": str, "secret": bool, "from": str, "mark": str}
EXPECTED = (
    'expected a text, { value = "...", secret = true } or { from = "NAME_OF_A_LOCAL_VARIABLE" }; "secret = false" '
    "says that a value is none, whatever its name"
)


@dataclass(config=ConfigDict(extra="forbid"), kw_only=True)
class EnvTable:
    """A value of ``env`` that says whether it is secret, for the JSON Schema only."""

    value: str = ""
    secret: bool = True
    from_: Annotated[str, Field(alias="from")] = ""


def parse_env(table: object) -> dict[str, EnvValue]:
    """The variables of one ``env`` table. Raises ValueError, whose message holds no value."""
    return _parse(table, _name, '{ NAME = "value" }', is_secret)


def parse_headers(table: object) -> dict[str, EnvValue]:
    """The headers of one table, as ``parse_env``. Credentials are secrets whatever they look like."""
    headers = _parse(table, _header, '{ Host = "api.example.org" }', header_is_secret)
    for name, value in headers.items():
        check_header(name, value)
    return headers


def header_is_secret(name: str, value: str) -> bool:
    """Tell whether a plain value of a header is taken for a secret."""
    return name.lower() in CREDENTIALS or is_secret(name, value)


def check_header(name: str, value: EnvValue) -> None:
    """Raise ValueError, whose message holds no value, when it cannot be the value of a header."""
    if HEADER_VALUE.fullmatch(plain(value)) is None:
        raise ValueError(f"{name}: expected printable ASCII characters on one line, got another value")


def _parse(
    table: object, name_of: Callable[[object], str], example: str, secret: Callable[[str, str], bool]
) -> dict[str, EnvValue]:
    if not isinstance(table, Mapping):
        raise ValueError(f"expected a table such as {example}, got something else")
    return {name_of(name): _value(name, value, secret) for name, value in table.items()}


def _header(name: object) -> str:
    if not isinstance(name, str) or HEADER.fullmatch(name) is None:
        raise ValueError(f"{str(name)[:80]!r} is no name of a header, got a character that names do not have")
    if name.lower() in FRAMING:
        raise ValueError(f"{name} says how a connection is used, which is the lab's own to say, got it as a header")
    return name


def _name(name: object) -> str:
    if not isinstance(name, str) or NAME.fullmatch(name) is None:
        raise ValueError(f"{str(name)[:80]!r} is no name of a variable, got other characters than letters, digits, _")
    return name


def _value(name: str, value: object, secret: Callable[[str, str], bool]) -> EnvValue:
    if isinstance(value, Secret | Public):
        return value
    if isinstance(value, str):
        text = _text(name, value)
        return Secret(value=text) if secret(name, text) else text
    if not isinstance(value, Mapping) or any(not isinstance(value.get(k, kind()), kind) for k, kind in KEYS.items()):
        raise ValueError(f"{name}: {EXPECTED}, got something else")
    if foreign := [str(key)[:80] for key in value if key not in KEYS]:
        raise ValueError(f"{name}: unknown key {foreign[0]!r}: {EXPECTED}, got this key")
    if value.get("secret", True):
        return _secret(name, value)
    if "value" not in value or len(value) != 2:
        raise ValueError(f'{name}: with "secret = false" give its "value" and nothing else, got other keys')
    return Public(_text(name, value["value"]))


def _secret(name: str, table: Mapping[Any, Any]) -> Secret:
    source = table.get("from", "")
    if "mark" not in table and ("value" in table) == bool(source):
        raise ValueError(f'{name}: give exactly one of "value" and "from", got both or none')
    if source:
        _name(source)
    value = _text(name, table["value"]) if "value" in table else None
    return Secret(value=value, source=source, mark=table.get("mark", ""))


def _text(name: str, text: str) -> str:
    if "\0" in text or len(text) > MAX_VALUE:
        raise ValueError(f"{name}: expected at most {MAX_VALUE} characters, none of them NUL, got another value")
    return text


def store_env(env: Mapping[str, EnvValue]) -> dict[str, Any]:
    """Plain values: what ``parse_env`` reads back, but for the values of secrets."""
    return {name: _stored(value) for name, value in env.items()}


def _stored(value: EnvValue) -> Any:
    if isinstance(value, Secret):
        return value.stored()
    return {"value": str(value), "secret": False} if isinstance(value, Public) else value


Env = Annotated[
    Mapping[str, EnvValue],
    PlainValidator(parse_env, json_schema_input_type=dict[str, str | EnvTable]),
    PlainSerializer(store_env, return_type=dict[str, Any]),
]
Headers = Annotated[
    Mapping[str, EnvValue],
    PlainValidator(parse_headers, json_schema_input_type=dict[str, str | EnvTable]),
    PlainSerializer(store_env, return_type=dict[str, Any]),
]
