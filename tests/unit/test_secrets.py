"""A secret reaches the app and no output: not run.json, not a table, not a log, not a message, not a report."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from lab.analysis.across import unlike
from lab.cli.console import say_error
from lab.cli.plan import plan
from lab.errors import LoadError, ScenarioError
from lab.plan.blocks import build_plan
from lab.plan.models.model import environment
from lab.record.folder import RunFolder, read_info
from lab.record.redact import mask_files, mask_tables
from lab.record.types import RunInfo
from lab.run.conclude import conclude
from lab.run.run import planned, resume_run, run_scenario
from lab.run.surroundings import Surroundings
from lab.run.view import QuietView
from lab.scenario.file import json_schema, read_scenario, scenario_from_json, scenario_to_json
from lab.scenario.model import Scenario
from lab.scenario.secret import MASK, Secret, is_secret, redactor, secret_option
from lab.scenario.secrets_of import redactor_of, with_values
from lab.scenario.toml_text import scenario_text
from tests.builders import make_run, make_scenario
from tests.fake_surroundings import FakeSurroundings, shop
from tests.fakes import World
from tests.unit.test_scenario_file import GOOD, write

VALUE = 'hunter2 "quoted" \\ $(x)'


@pytest.mark.parametrize(
    ("name", "value", "secret"),
    [
        ("DB_PASSWORD", "x", True),
        ("apikey", "x", True),
        ("GITHUB_TOKEN", "x", True),
        ("AWS_SECRET_ACCESS", "x", True),
        ("MY_CREDENTIALS", "x", True),
        ("DATABASE_URL", "postgres://app:pa55word@db:5432/shop", True),
        ("DATABASE_URL", "postgres://app:p@ss@db/shop", True),
        ("CACHE", "redis://:pa55word@cache", True),
        ("CONNECTION", "host=db user=app password=pa55word", True),
        ("DATABASE_URL", "postgres://db:5432/shop", False),
        ("BALLAST_MB", "400", False),
        ("PATH_PREFIX", "/a:b@c", False),
        ("DB_PASSWORD_FILE", "/run/secrets/db", False),
        ("DB_PASSWORD_FILE", "hunter2", True),
        ("DB_PASSWORD", "/hunter2", True),
    ],
)
def test_secrets_are_known_by_their_name_or_by_a_password_in_them(name: str, value: str, secret: bool) -> None:
    """The patterns that people use."""
    assert is_secret(name, value) is secret


@pytest.mark.parametrize(
    ("words", "option"),
    [
        ("--api-key abc123", "--api-key"),
        ("--users 5 --auth-token=abc123", "--auth-token"),
        ("sh -c 'run --token abc'", "--token"),
        ("--token-file /run/token --ssl-keyfile=key.pem", ""),
        ("sh -c 'run --token \"$TOKEN\"'", ""),
        ("--no-token --verbose", ""),
        ("--tenant acme --api-key", ""),
    ],
)
def test_options_tell_that_a_secret_follows(words: str, option: str) -> None:
    """By their names, as variables do; a file that holds one, and a variable, may be shown."""
    assert secret_option(words.split()) == option


@pytest.mark.parametrize(
    ("args", "told"),
    [
        ('["--api-key", "abc123"]', "--api-key is followed by what seems to be a secret"),
        ('["--auth", "hunter22"]', "the value of a secret variable"),
        ('["--db", "postgres://app:pa55word@db"]', "holds a password"),
    ],
)
def test_arguments_of_a_locustfile_hold_no_secret(tmp_path: Path, args: str, told: str) -> None:
    """They stand in run.json; the environment has a place for it."""
    load = GOOD.replace("[load]", f"[load]\nargs = {args}")
    text = load.replace('image = "shop:1"', 'image = "shop:1"\nenv = { TOKEN = "hunter22" }')

    with pytest.raises(ScenarioError, match=f"load.args: .*{told}") as caught:
        read_scenario(write(tmp_path, text))

    assert "os.environ" in caught.value.hint
    assert not any(secret in f"{caught.value}" for secret in ("abc123", "hunter22", "pa55word"))


def scenario_with(folder: Path, env: str, **more: str) -> Scenario:
    text = GOOD.replace('image = "shop:1"', f'image = "shop:1"\nenv = {env}')
    for old, new in more.items():
        text = text.replace(old, new)
    return read_scenario(write(folder, text))


def test_a_secret_shows_itself_as_a_mask_and_the_app_gets_the_value(tmp_path: Path) -> None:
    """Whoever formats a scenario sees the mask; the container's environment has the value."""
    scenario = scenario_with(
        tmp_path, '{ TOKEN = "hunter22", MODE = "fast", B = { value = "s3cret!", secret = true } }'
    )

    assert "hunter22" not in repr(scenario)
    assert "s3cret!" not in str(scenario.app)
    assert dict(environment(scenario.app, scenario.arms[0], 1, 1)) == {
        "TOKEN": "hunter22",
        "MODE": "fast",
        "B": "s3cret!",
    }


def test_a_stored_scenario_has_marks_instead_of_values(tmp_path: Path) -> None:
    """The same value has the same mark, another value or variable another; what is no secret stays."""
    scenario = scenario_with(
        tmp_path, '{ TOKEN = "hunter22", A_KEY = "hunter22", KEYS = { value = "id", secret = false } }'
    )
    stored = scenario_to_json(with_values(scenario, {}))["app"]["env"]
    again = scenario_to_json(with_values(scenario, {}))["app"]["env"]
    other = with_values(scenario_with(tmp_path, '{ TOKEN = "hunter33" }'), {})

    assert "hunter22" not in json.dumps(stored)
    assert stored == again
    marks = {stored["TOKEN"]["mark"], stored["A_KEY"]["mark"], scenario_to_json(other)["app"]["env"]["TOKEN"]["mark"]}
    assert len(marks) == 3
    assert stored["KEYS"] == {"value": "id", "secret": False}


def test_a_value_may_come_from_the_labs_own_environment(tmp_path: Path) -> None:
    """So that the file holds no secret at all; a variable that is not set is named."""
    scenario = scenario_with(tmp_path, '{ TOKEN = { from = "SHOP_TOKEN" } }')

    filled = with_values(scenario, {"SHOP_TOKEN": VALUE})

    assert dict(environment(filled.app, filled.arms[0], 1, 1)) == {"TOKEN": VALUE}
    with pytest.raises(ScenarioError, match=r"app\.env\.TOKEN: its value is not known") as caught:
        with_values(scenario, {})
    assert "SHOP_TOKEN" in caught.value.hint


def test_a_continued_run_needs_the_same_values_again(tmp_path: Path) -> None:
    """Run folders do not hold them: they come from the environment and must have the stored mark."""
    began = with_values(scenario_with(tmp_path, '{ TOKEN = "hunter22" }'), {})
    stored = scenario_from_json(scenario_to_json(began))

    assert with_values(stored, {"TOKEN": "hunter22"}).app.env == began.app.env
    with pytest.raises(ScenarioError, match="not the one"):
        with_values(stored, {"TOKEN": "hunter33"})
    with pytest.raises(ScenarioError, match="not known"):
        with_values(stored, {})


def test_a_run_of_an_earlier_version_is_not_continued_on_trust(tmp_path: Path) -> None:
    """Its marks were made under a key of the machine: nobody can tell any more whether a value is the same."""
    stored = scenario_to_json(with_values(scenario_with(tmp_path, '{ TOKEN = "hunter22" }'), {}))
    stored["app"]["env"]["TOKEN"]["mark"] = "0123456789abcdef0123456789abcdef"

    with pytest.raises(ScenarioError, match="earlier version") as caught:
        with_values(scenario_from_json(stored), {"TOKEN": "hunter22"})
    assert "hunter22" not in f"{caught.value} {caught.value.hint}"


@pytest.mark.parametrize(
    ("env", "told"),
    [
        ('{ TOKEN = { value = "hunter22", from = "X" } }', 'exactly one of "value" and "from"'),
        ("{ TOKEN = { secret = true } }", 'exactly one of "value" and "from"'),
        ('{ TOKEN = { valeu = "hunter22" } }', "unknown key 'valeu'"),
        ("{ TOKEN = 22 }", "TOKEN: expected a text"),
        ('{ TOKEN = ["hunter22"] }', "TOKEN: expected a text"),
        ('{ TOKEN = { from = "a b" } }', "'a b' is no name of a variable"),
        ('{ "A B" = "1" }', "'A B' is no name of a variable"),
        ('{ TOKEN = "hunter22", A = "\\u0000" }', "none of them NUL"),
        ('{ A = { value = "1", from = "B", secret = false } }', 'with "secret = false"'),
        ('"TOKEN=hunter22"', "expected a table"),
    ],
)
def test_a_wrong_env_is_a_sentence_without_the_value(tmp_path: Path, env: str, told: str) -> None:
    """The key and what was expected, never what was given."""
    with pytest.raises(ScenarioError) as caught:
        scenario_with(tmp_path, env)

    assert told in str(caught.value)
    assert "app.env" in str(caught.value)
    assert "hunter22" not in f"{caught.value} {caught.value.hint}"


def test_a_message_about_another_key_shows_no_secret_either(tmp_path: Path) -> None:
    """A file that is wrong elsewhere: neither the value nor a table that holds it is quoted."""
    with pytest.raises(ScenarioError) as caught:
        scenario_with(tmp_path, '{ TOKEN = "hunter22" }', **{"rate = 50": 'rate = "hunter22"', "[[arms]]": "[arms]"})

    assert "hunter22" not in str(caught.value)


def test_a_command_with_a_password_is_refused(tmp_path: Path) -> None:
    """Commands are shown and kept, and a masked one could not be run again."""
    for command in ("serve {port} {workers} --key hunter22", "serve {port} {workers} db://app:pa55word@db"):
        with pytest.raises(ScenarioError, match=r"app\.command: holds a password") as caught:
            scenario_with(tmp_path, f'{{ TOKEN = "hunter22" }}\ncommand = "{command}"')
        assert "hunter22" not in str(caught.value)
        assert "pa55word" not in str(caught.value)


def test_a_plain_value_that_repeats_a_secret_is_hidden_too(tmp_path: Path) -> None:
    """The same password under a name that says nothing."""
    scenario = scenario_with(tmp_path, '{ TOKEN = "hunter22", LOGIN = "app:hunter22" }')

    assert isinstance(scenario.app.env["LOGIN"], Secret)


def test_all_spellings_of_a_value_are_masked() -> None:
    """As JSON, as Python, in a URL, and at the end of a text that was cut."""
    redact = redactor([VALUE, "postgres://app:p%40ss@db/shop"])

    for spelling in (
        VALUE,
        json.dumps(VALUE),
        repr(VALUE),
        "hunter2%20%22quoted%22%20%5C%20%24%28x%29",
        "p%40ss",
        "p@ss",
    ):
        assert "hunter2" not in redact(f"<{spelling}>")
        assert "p@ss" not in redact(f"<{spelling}>")
    assert redact.cut("serve --token hunter2 ") == f"serve --token {MASK}"
    assert redact("see https://user:other@host/") == "see https://user:***@host/"
    assert redact.tree({"a": [VALUE, 1, None, {VALUE: True}]}) == {"a": [MASK, 1, None, {MASK: True}]}


def test_ordinary_words_stay_words(tmp_path: Path) -> None:
    """A password that is the name of an arm, a flag or a single letter does not mask the text of a report."""
    scenario = scenario_with(tmp_path, '{ A_TOKEN = "workers", B_TOKEN = "true", C_TOKEN = "x" }')

    assert redactor_of(scenario)("workers true x") == "workers true x"


def test_tables_and_logs_are_masked(tmp_path: Path) -> None:
    """Every string column that other programs fill, every log, whatever its encoding; nothing else is touched."""
    command = [f"serve {VALUE}", 'serve --token hunter2 "quo', "nginx", None]
    pl.DataFrame({"command": command, "pid": [1, 2, 3, 4]}).write_parquet(tmp_path / "processes.parquet")
    pl.DataFrame({"name": ["/"], "served_by": [VALUE], "error": [None]}).write_parquet(tmp_path / "requests.parquet")
    (tmp_path / "app.log").write_bytes(b"\xff\xfe login " + VALUE.encode() + b"\r\nnext\n")
    (tmp_path / "other.log").write_bytes(b"\xff nothing here")
    redact = redactor([VALUE])

    mask_tables(tmp_path, redact)
    mask_files(tmp_path, redact)

    masked = pl.read_parquet(tmp_path / "processes.parquet")
    assert masked["command"].to_list() == [f"serve {MASK}", f"serve --token {MASK}", "nginx", None]
    assert masked["pid"].to_list() == [1, 2, 3, 4]
    assert pl.read_parquet(tmp_path / "requests.parquet")["served_by"].to_list() == [MASK]
    assert (tmp_path / "app.log").read_bytes() == b"\xff\xfe login ***\r\nnext\n"
    assert (tmp_path / "other.log").read_bytes() == b"\xff nothing here"
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "app.log",
        "other.log",
        "processes.parquet",
        "requests.parquet",
    ]


def secret_shop(folder: Path) -> Scenario:
    """The scenario of the fakes, with a secret in the app and one in an arm."""
    plain = shop(folder)
    arms = (replace(plain.arms[0], env={"ARM_TOKEN": "arm-hunter22"}), plain.arms[1])
    question = "Is hunter22 safe?"
    return replace(plain, question=question, app=replace(plain.app, env={"TOKEN": "hunter22"}), arms=arms)


def everything(folder: Path) -> bytes:
    """Every byte below a folder, tables as text."""
    found = []
    for path in sorted(folder.rglob("*")):
        if path.suffix == ".parquet":
            found.append(pl.read_parquet(path).write_csv().encode())
        elif path.is_file():
            found.append(path.read_bytes())
    return b"\n".join(found)


def secret_world(**changes: Any) -> tuple[World, Surroundings]:
    """A world whose app logs its token."""
    world = World(log="my token is hunter22, or arm-hunter22\n", **changes)
    return world, replace(FakeSurroundings(world=world).make(), environ={})


def test_a_run_folder_holds_no_secret(tmp_path: Path) -> None:
    """A whole run and its reports, with an app that logs its token."""
    _, around = secret_world()
    folder = run_scenario(build_plan(secret_shop(tmp_path)), "shop", tmp_path / "runs", QuietView(), around=around)
    conclude(folder.path)

    found = everything(folder.path)
    assert b"hunter22" not in found
    assert b"Is *** safe?" in (folder.path / "run.json").read_bytes()
    assert b"Is *** safe?" in (folder.path / "report.html").read_bytes()
    assert found.count(b"my token is ***, or ***") == 4


def test_a_run_that_fails_tells_no_secret(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Neither in the folder of the failed trial, nor in run.json, nor in the message that a person sees."""
    failure = LoadError("it said: my token is hunter22", "look for hunter22")
    _, around = secret_world(fail_at={"load result": failure})
    with pytest.raises(LoadError) as caught:
        run_scenario(build_plan(secret_shop(tmp_path)), "shop", tmp_path / "runs", QuietView(), around=around)
    say_error(caught.value)

    assert b"hunter22" not in everything(tmp_path / "runs")
    assert "my token is ***" in everything(tmp_path / "runs").decode()
    said = capsys.readouterr().err
    assert "it said: my token is ***\nhint: look for ***" in said


def test_a_run_with_secrets_is_continued_with_their_values(tmp_path: Path) -> None:
    """From the environment; without them it is not, and the folder stays as it was."""
    world, around = secret_world(fail_at={"load result": LoadError("no")})
    with pytest.raises(LoadError):
        run_scenario(build_plan(secret_shop(tmp_path)), "shop", tmp_path / "runs", QuietView(), around=around)
    (path,) = (tmp_path / "runs").iterdir()
    world.fail_at = {}

    with pytest.raises(ScenarioError, match="not known"):
        resume_run(planned(path), path, QuietView(), around=around)
    values = {"TOKEN": "hunter22", "ARM_TOKEN": "arm-hunter22"}
    resume_run(planned(path), path, QuietView(), around=replace(around, environ=values))

    assert {state.value for state in read_info(path).states.values()} == {"done"}
    assert b"hunter22" not in everything(path)


def test_half_a_trial_is_for_its_owner_only(tmp_path: Path) -> None:
    """Logs are masked when a trial ends; until then nobody else may look at them."""
    folder = RunFolder.create(tmp_path, make_run(make_scenario()))

    assert folder.stage("b01-workers").stat().st_mode & 0o077 == 0


def test_plan_and_compare_print_no_secret(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Not as text, not as JSON, not as the scenario that `lab compare` offers."""
    env = '{ TOKEN = "hunter22", B_KEY = { from = "LOCAL" } }'
    text = GOOD.replace('image = "shop:1"', f'image = "shop:1"\nenv = {env}').replace("Which?", "Is hunter22 safe?")
    path = write(tmp_path, text)

    plan(path, everything=True)
    plan(path, json=True)

    printed = capsys.readouterr()
    assert "hunter22" not in printed.out + printed.err
    assert "Is *** safe?" in printed.out
    assert 'TOKEN = { from = "TOKEN" }, B_KEY = { from = "LOCAL" }' in scenario_text(read_scenario(path))


def test_runs_with_different_secrets_are_not_comparable_and_their_source_does_not_matter(tmp_path: Path) -> None:
    """The mark tells; whether the value stood in the file or came from the environment is no difference."""

    def run_of(env: str, environ: dict[str, str]) -> RunInfo:
        return make_run(with_values(scenario_with(tmp_path, env), environ))

    first = run_of('{ TOKEN = "hunter22" }', {})
    same = run_of('{ TOKEN = { from = "LOCAL" } }', {"LOCAL": "hunter22"})
    other = run_of('{ TOKEN = "hunter33" }', {})

    assert unlike(first, same, "workers") == ()
    assert [difference.key for difference in unlike(first, other, "workers")] == ["scenario.app.env.TOKEN.mark"]


def test_the_schema_knows_secrets() -> None:
    """Editors complete the table."""
    env = json_schema()["$defs"]["App"]["properties"]["env"]

    assert [option.get("type", "table") for option in env["additionalProperties"]["anyOf"]] == ["string", "table"]
