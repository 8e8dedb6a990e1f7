"""The scenario as a file: TOML in, JSON Schema out, errors that name file, key and the nearest valid name."""

import dataclasses
import json
import tomllib
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from lab.errors import ScenarioError
from lab.scenario.beside import Job, Sidecar
from lab.scenario.compare import Expect
from lab.scenario.drills import Drill
from lab.scenario.env import header_is_secret
from lab.scenario.expectation import nearest
from lab.scenario.kinds import FRONTS
from lab.scenario.model import SCENARIO, Arm, Scenario
from lab.scenario.nodes import TLS_FILES, Node
from lab.scenario.refusals import MISSING, dotted, expectation
from lab.scenario.runnable import check_runnable
from lab.scenario.secret import is_secret, redactor
from lab.scenario.secrets_of import hide_copies

MAX_FILE_BYTES = 1_000_000
LISTED_TABLES = {"arms": Arm, "expect": Expect, "sidecars": Sidecar, "jobs": Job, "drills": Drill, "nodes": Node}
LOAD_PATHS = ("locustfile", "root", "python", "requirements")
PATH_KEYS = (("app", "build"), ("app", "requirements"), *(("load", key) for key in LOAD_PATHS))
LISTED_PATH_KEYS = (("sidecars", "build"), ("nodes", "tls"))
WITH_ENV = ("app", "arms", "sidecars", "jobs")
MAX_SENTENCES = 50
SLIP = 0.8  # of a key its letters that are right, at least: below it is another key
ARM: TypeAdapter[Arm] = TypeAdapter(Arm)
STORED_ADVICE = "restore run.json from a copy, or run the scenario again"
ADVICE = "run `lab schema` for every key"


def read_scenario(path: Path) -> Scenario:
    """The scenario in ``path``, with paths resolved against its folder. Raises ScenarioError (exit 2)."""
    document = _parse(path)
    for table, key in _path_keys(document):
        if isinstance(table.get(key), str):
            placed = path.parent / table[key]
            table[key] = str(placed.absolute() if key == "python" else placed.resolve())  # a venv's is a link
    try:
        scenario = SCENARIO.validate_python(document)
    except ValidationError as error:
        redact = redactor(_raw_secrets(document))
        misspelt_first = sorted(error.errors(), key=lambda detail: detail["type"] in MISSING)
        sentences = [redact(_sentence(path, detail)) for detail in misspelt_first[:MAX_SENTENCES]]
        raise ScenarioError("\n".join(sentences), ADVICE) from None
    check_asked(path, scenario)
    check_files(path, scenario)
    try:
        return hide_copies(scenario)
    except ScenarioError as error:
        raise ScenarioError(f"{path}: {error}", error.hint) from None


def scenario_from_json(document: Any) -> Scenario:
    """A resolved scenario as ``scenario_to_json`` wrote it. Raises ScenarioError."""
    try:
        return SCENARIO.validate_json(json.dumps(document))
    except ValidationError as error:
        first = error.errors(include_input=False)[0]
        where = dotted(first["loc"])
        said = f"{where}: {expectation(where, first)}" if where else expectation(where, first)
        raise ScenarioError(f"the stored scenario cannot be read: {said}", STORED_ADVICE) from None
    except (TypeError, ValueError, RecursionError) as error:
        raise ScenarioError(f"the stored scenario cannot be read: {error}", STORED_ADVICE) from None


def stored_in_new_spelling(document: Mapping[str, Any]) -> dict[str, Any]:
    """A stored scenario with every arm as this version writes it; an arm that cannot be read stays as it is."""
    arms = document.get("arms")
    return {**document, "arms": [_respelled(arm) for arm in arms]} if isinstance(arms, list) else dict(document)


def _respelled(arm: Any) -> Any:
    try:
        return ARM.dump_python(ARM.validate_python(arm), mode="json")
    except ValidationError:
        return arm


def scenario_to_json(scenario: Scenario) -> dict[str, Any]:
    """The resolved scenario as plain JSON values, every key present."""
    document: dict[str, Any] = SCENARIO.dump_python(scenario, mode="json")
    return document


def json_schema() -> dict[str, Any]:
    """The JSON Schema of the scenario file, for editors."""
    schema = SCENARIO.json_schema()
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "process-model-lab scenario"} | schema


def _parse(path: Path) -> dict[str, Any]:
    try:
        str(path.resolve()).encode()  # it is stored in the run folder, as text
        if not path.is_file():
            raise ScenarioError(f"{path}: no such scenario file", "see scenarios/ for examples, or run `lab init`")
        if path.stat().st_size > MAX_FILE_BYTES:
            raise ScenarioError(f"{path}: larger than {MAX_FILE_BYTES} bytes, which no scenario is")
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise ScenarioError(f"{path}: not valid TOML: {error}", ADVICE) from None
    except RecursionError:
        raise ScenarioError(f"{path}: not valid TOML: nested too deeply", ADVICE) from None
    except UnicodeDecodeError:
        raise ScenarioError(
            f"{path}: cannot be read: it is not text in UTF-8, as TOML is", "name a TOML file; `lab init` writes one"
        ) from None
    except (OSError, ValueError) as error:
        raise ScenarioError(f"{path}: cannot be read: {error}") from None


def _tables(document: dict[str, Any], section: str) -> list[dict[str, Any]]:
    """The table, or the tables, of this name in a file that may not be valid."""
    found = document.get(section)
    return [table for table in (found if isinstance(found, list) else [found]) if isinstance(table, dict)]


def _path_keys(document: dict[str, Any]) -> Iterator[tuple[dict[str, Any], str]]:
    """Every table of a file, valid or not, with the name of a key of it that is a path."""
    for section, key in (*PATH_KEYS, *LISTED_PATH_KEYS):
        yield from ((table, key) for table in _tables(document, section))
    for front in (front for arm in _tables(document, "arms") for front in _tables(arm, "front")):
        kind = front.get("kind")
        for key in FRONTS.path_names(kind) if isinstance(kind, str) and kind in FRONTS else ():
            yield front, key


def _raw_secrets(document: dict[str, Any]) -> Iterator[str]:
    """Values of ``env`` in a file that is not valid, which is all that is known of it: none of them may be shown."""
    for table in (table for section in WITH_ENV for table in _tables(document, section)):
        for key, sounds_secret in (("env", is_secret), ("probe_headers", header_is_secret)):
            values = table.get(key)
            for name, value in values.items() if isinstance(values, dict) else ():
                text = value.get("value") if isinstance(value, dict) else value
                if isinstance(text, str) and (isinstance(value, dict) or sounds_secret(name, text)):
                    yield text


def check_asked(path: Path, scenario: Scenario) -> None:
    """Check what is asked of a scenario that is to be run. Raises ScenarioError, which says that ``path`` has it."""
    try:
        check_runnable(scenario)
    except ValueError as error:
        raise ScenarioError(f"{path}: {error}", ADVICE) from None


def check_files(path: Path, scenario: Scenario) -> None:
    """Look for every file and folder that a scenario names. Raises ScenarioError, which says that ``path`` names it."""
    locustfile = scenario.load.locustfile
    if locustfile.is_dir() or ("," in str(locustfile) and not locustfile.exists()):
        raise ScenarioError(
            f"{path}: load.locustfile: {locustfile} is no single file",
            "write one that imports the user classes of the others, and name it",
        )
    if not locustfile.is_file():
        raise ScenarioError(
            f"{path}: load.locustfile: no such file: {locustfile}", "paths are relative to the scenario file"
        )
    if scenario.load.root is not None and not scenario.load.root.is_dir():
        raise ScenarioError(f"{path}: load.root: no such folder: {scenario.load.root}")
    build = scenario.app.build
    if build is not None and not (build / scenario.app.dockerfile).is_file():
        raise ScenarioError(
            f"{path}: app.build: no {scenario.app.dockerfile} in {build}",
            'or use image = "name:tag" for an existing image; where there is no Dockerfile, `lab init` writes one',
        )
    named = {
        "app.requirements": scenario.app.requirements,
        "load.requirements": scenario.load.requirements,
        "load.python": scenario.load.python,
    }
    for key, file in named.items():
        if file is not None and not file.is_file():
            said = f"is a folder: {file}" if file.is_dir() else f"no such file: {file}"
            raise ScenarioError(f"{path}: {key}: {said}", "name a file; paths are relative to the scenario file")
    _check_certificates(path, scenario)
    for number, arm in enumerate(scenario.arms):
        try:
            FRONTS[arm.front.kind].check(arm.front)
        except ScenarioError as error:
            raise ScenarioError(f"{path}: arms[{number}].{error}", error.hint) from None


def _check_certificates(path: Path, scenario: Scenario) -> None:
    for number, node in enumerate(scenario.nodes):
        if missing := [name for name in TLS_FILES if node.tls and not (node.tls / name).is_file()]:
            raise ScenarioError(
                f"{path}: nodes[{number}].tls: no {missing[0]} in {node.tls}",
                f"name the folder that has {', '.join(TLS_FILES)}, as DOCKER_CERT_PATH does",
            )


def _sentence(path: Path, detail: ErrorDetails) -> str:
    location = [part for part in detail["loc"] if not str(part).startswith(("function-", "constrained-", "[key]"))]
    where = dotted(location)
    if detail["type"] == "unexpected_keyword_argument":
        return f"{path}: {where}: unknown key{_instead(str(location[-1]), _keys_at(location[:-1]))}"
    message = expectation(where, detail)
    said = "got" in message or message.startswith("unknown")
    shown = isinstance(detail["input"], str | int | float) and not said  # a table may hold a secret
    got = f", got {repr(detail['input'])[:80]}" if shown else ""
    return f"{path}: {where + ': ' if where else ''}{message}{got}"


def _instead(key: str, known: list[str]) -> str:
    """What to do about a key that is none of those ``known`` there: a slip of one, one of another table, or neither."""
    tables = [
        (f"in [[{name}]]" if name in LISTED_TABLES else f"in [{name}]", _keys_at([name])) for name in _keys_at([])
    ]
    homes = [place for place, keys in (("at the top level", _keys_at([])), *tables) if key in keys]
    if homes and not get_close_matches(key, known, n=1, cutoff=SLIP):
        return f"; {key!r} belongs {' or '.join(homes)}"
    return f"; {nearest(key, known)}" if known else ""


def _keys_at(location: list[int | str]) -> list[str]:
    """Names of the keys that are valid in the table at ``location``."""
    table: Any = Scenario
    for part in location:
        if isinstance(part, int):
            continue
        if part in LISTED_TABLES:
            table = LISTED_TABLES[str(part)]
        else:
            table = next((f.type for f in dataclasses.fields(table) if f.name == part), table)
            table = _resolve(table)
    return [f.name for f in dataclasses.fields(table)] if dataclasses.is_dataclass(table) else []


def _resolve(name: Any) -> Any:
    from lab.scenario import model as module

    return getattr(module, name.removesuffix(" | None"), name) if isinstance(name, str) else name
