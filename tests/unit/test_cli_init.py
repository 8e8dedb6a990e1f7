"""`lab init` as a person types it: flags, guesses, questions on a terminal, sentences where something is missing."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from lab.cli import app
from lab.cli.init import INTENT
from lab.engines.images.context import read_context
from lab.engines.images.dockerfile import read_dockerfile
from lab.errors import ScenarioError, UsageError
from lab.scenario.file import read_scenario
from lab.starter.guesses import Guesses, Wanted
from lab.starter.start import Start

FLAGS = ("--target", "a:b", "--ready-path", "/", "--path", "/")
COMMAND = "gunicorn shop:api --bind {host}:{port} --workers {workers}"
NOTES = Path(__file__).parents[2] / "examples" / "notes"
SHOP = Path(__file__).parents[2] / "examples" / "shop"


def init(*arguments: object, answers: str = "") -> str:
    """What was printed. Raises what the command raises."""
    result = CliRunner().invoke(app, ["init", *map(str, arguments)], input=answers, catch_exceptions=False)
    return str(result.output)


@pytest.fixture(autouse=True)
def _no_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever images this machine has."""
    monkeypatch.setattr("lab.cli.answers.look_at_finished", lambda *_, **__: None)


@pytest.fixture
def at_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody can be asked."""
    monkeypatch.setattr("lab.cli.init.can_ask", lambda: True)


def test_a_folder_alone_is_enough_where_it_says_everything(tmp_path: Path) -> None:
    """What was guessed is shown, and what to type next."""
    out = tmp_path / "mine"
    said = init("--folder", SHOP, "--out", out)
    for expected in (
        "starts   uvicorn shop:api",
        "GET /healthz",
        "loads    /products",
        f"written  {out}/scenario.toml",
    ):
        assert expected in said
    assert f"lab plan {out}/scenario.toml" in said
    assert read_scenario(out / "scenario.toml").app.ready_path == "/healthz"


@pytest.mark.parametrize(("number", "told"), [(1, "1 serving process in"), (3, "3 serving processes in")])
def test_how_many_processes_there_will_be_is_told(tmp_path: Path, number: int, told: str) -> None:
    """With the option that changes it: without it the machine decides, and an example of a page may have more."""
    said = init("--folder", SHOP, "--processes", number, "--out", tmp_path)

    assert f"arms     {told} each  (--processes; by default the cores" in said
    assert read_scenario(tmp_path / "scenario.toml").budget.processes == number


def test_both_streams_in_one_file_are_in_the_order_of_the_telling() -> None:
    """A file or a pipe keeps back what is not flushed: the files that were written would stand below what is next."""
    code = "from lab.cli.console import put, say; say('starts'); put('written'); say('next')"
    told = subprocess.run([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=True)

    assert told.stdout.split() == [b"starts", b"written", b"next"]


def test_routes_that_are_not_loaded_are_told(tmp_path: Path) -> None:
    """With the reason; not where a person has chosen what to load."""
    said = init("--folder", SHOP, "--out", tmp_path / "a")
    assert "left     GET /products/{number}: only you know values; the locustfile shows how to add it\n" in said
    assert "left     POST /orders: no GET;" in said
    assert "left " not in init("--folder", SHOP, "--path", "/products", "--out", tmp_path / "b")
    left = json.loads(init("--folder", SHOP, "--out", tmp_path / "c", "--json"))["not_loaded"]
    assert left == {"GET /products/{number}": "only you know values", "POST /orders": "no GET"}


def without_dockerfile(folder: Path, requirements: str, name: str = "requirements.txt") -> Path:
    """A folder with an app, and with what names its packages."""
    folder.mkdir(parents=True)
    (folder / "main.py").write_text("from fastapi import FastAPI\napp = FastAPI()\n@app.get('/')\ndef f(): ...\n")
    (folder / name).write_text(requirements)
    return folder


@pytest.mark.parametrize("out", ["shop/lab-scenario", "mine"])
def test_an_app_without_a_dockerfile_gets_one(tmp_path: Path, out: str) -> None:
    """Beside the scenario, which builds with it; nothing is written among the app's own files."""
    shop = without_dockerfile(tmp_path / "shop", "fastapi\nuvicorn[standard]>=0.30\n-r more/own.txt\n")
    (shop / "more").mkdir()
    (shop / "more" / "own.txt").write_text("httpx\n")
    (shop / "env").mkdir()
    (shop / "env" / "pyvenv.cfg").touch()
    (shop / ".env").write_text("TOKEN=x\n")
    before = sorted(shop.iterdir())
    said = init("--folder", shop, "--out", tmp_path / out)
    assert "note: there is no Dockerfile, so one is written" in said
    assert "note: .env stays out of the image" in said
    assert [path for path in sorted(shop.iterdir()) if path.name != "lab-scenario"] == before

    app = read_scenario(tmp_path / out / "scenario.toml").app
    assert (app.requirements, app.target) == (shop / "requirements.txt", "main:app")
    context = read_context(app)
    assert set(context.paths) == {"main.py", "more/own.txt", "requirements.txt", "more"}
    assert context.takes_base
    stage = read_dockerfile(context.text).stage()
    assert stage.config["Cmd"] == ["uvicorn", "main:app", "--host", "0.0.0.0", "--port", "8000"]
    assert "COPY more/own.txt /wheels/more/own.txt\n" in context.text
    assert f"replaced  {tmp_path / out}/Dockerfile\n" in init("--folder", shop, "--out", tmp_path / out, "--force")


@pytest.mark.parametrize(
    ("ignored", "goes_in"), [("notes\n", True), ("notes\n.env\n", False), ("*\n!main.py\n", False), (".env.*\n", True)]
)
def test_an_ignore_file_of_ones_own_decides_whether_settings_go_in(tmp_path: Path, ignored: str, goes_in: bool) -> None:
    """With `COPY . .` whatever it does not leave out does: that is said loudly, with what to write where."""
    shop = without_dockerfile(tmp_path / "shop", "fastapi[standard]\n")
    (shop / ".env").write_text("TOKEN=x\n")
    (shop / ".dockerignore").write_text(ignored)
    said = init("--folder", shop, "--out", tmp_path / "mine")

    assert (".env" in read_context(read_scenario(tmp_path / "mine" / "scenario.toml").app).paths) is goes_in
    assert ("WARNING: .env goes into the image" in said) is goes_in
    assert (f"write a line `.env` into {shop}/.dockerignore" in said) is goes_in
    assert ("note: .env stays out of the image" in said) is not goes_in


def test_a_dockerfile_that_was_kept_is_understood(tmp_path: Path) -> None:
    """Moved into the app's folder it makes the same scenario, with wheels that are fetched."""
    shop = without_dockerfile(tmp_path / "shop", "fastapi[standard]\n")
    init("--folder", shop, "--out", tmp_path / "a")
    (tmp_path / "a" / "Dockerfile").rename(shop / "Dockerfile")
    assert "no Dockerfile" not in init("--folder", shop, "--out", tmp_path / "b")
    kept = read_scenario(tmp_path / "b" / "scenario.toml").app
    assert (kept.target, kept.dockerfile, kept.requirements) == ("main:app", "Dockerfile", shop / "requirements.txt")
    assert sorted(path.name for path in (tmp_path / "b").iterdir()) == ["locustfile.py", "scenario.toml"]


def test_a_project_is_installed_by_its_dependencies(tmp_path: Path) -> None:
    """Packages below src/ are imported from there; an ignore file of one's own is enough."""
    shop = without_dockerfile(tmp_path / "shop", '[project]\ndependencies = ["fastapi[standard]"]', "pyproject.toml")
    (shop / "src" / "api").mkdir(parents=True)
    (shop / "main.py").rename(shop / "src" / "api" / "main.py")
    (shop / ".dockerignore").write_text("notes\n")
    init("--folder", shop, "--out", tmp_path / "mine")

    app = read_scenario(tmp_path / "mine" / "scenario.toml").app
    assert app.requirements == shop / "pyproject.toml"
    assert app.command.startswith("uvicorn api.main:app --app-dir src ")
    text = (tmp_path / "mine" / "Dockerfile").read_text()
    assert "COPY pyproject.toml .wheelhouse* /wheels/\nRUN python3 -c" in text
    command = read_dockerfile(text).stage().config["Cmd"]
    assert command[:4] == ["uvicorn", "api.main:app", "--app-dir", "src"]
    assert not [word for word in command if "{" in word]
    assert not (tmp_path / "mine" / "Dockerfile.dockerignore").exists()


@pytest.mark.parametrize(
    ("requirements", "flags", "sentence"),
    [
        ("fastapi\n", (), "requirements.txt names no uvicorn, which is to serve main:app"),
        ("", (), "requirements.txt names no uvicorn"),
        ("-e .\nuvicorn\n", (), "'-e .' is more than the name of a package"),
        ("uvicorn\ngit+https://example.org/x\n", (), "is more than the name of a package"),
        ("x @ git+https://example.org/x\n", (), "is more than the name of a package"),
        ("-c constraints.txt\nuvicorn\n", (), "is more than the name of a package"),
        ("uvicorn\n-r ../more.txt\n", (), "leads out of"),
        ("uvicorn\n", ("--command", "{image}"), "there is no Dockerfile yet"),
        ("uvicorn\n", ("--command", "it's {port}"), "cannot be split into words"),
        ("uvicorn\n", ("--dockerfile", "Dockerfile.prod"), "there is no Dockerfile.prod"),
    ],
)
def test_what_no_image_could_be_built_from_is_a_sentence(
    tmp_path: Path, requirements: str, flags: tuple[str, ...], sentence: str
) -> None:
    """Before anything is written."""
    shop = without_dockerfile(tmp_path / "shop", requirements)
    (tmp_path / "more.txt").write_text("httpx\n")
    with pytest.raises(UsageError, match=re.escape(sentence)):
        init("--folder", shop, *flags, "--out", tmp_path / "mine")
    assert not (tmp_path / "mine").exists()


def test_another_server_needs_no_uvicorn(tmp_path: Path) -> None:
    """The command is the person's; the image starts so too."""
    shop = without_dockerfile(tmp_path / "shop", "fastapi\nhypercorn\n")
    init("--folder", shop, "--command", "hypercorn main:app --bind 0.0.0.0:80", "--out", tmp_path / "mine")
    text = (tmp_path / "mine" / "Dockerfile").read_text()
    assert read_dockerfile(text).stage().config["Cmd"] == [
        *("hypercorn", "main:app", "--bind", "0.0.0.0:8000", "--workers", "1")
    ]


@pytest.mark.usefixtures("at_a_terminal")
def test_a_person_is_told_once_what_the_questions_are_for(tmp_path: Path) -> None:
    """Before the first of them, with what Enter does."""
    said = init("--out", tmp_path / "mine", answers=f"{SHOP}\n\n\n\n")

    assert said.index(INTENT) == 0
    assert said.count(INTENT) == 1


def test_flags_replace_every_guess(tmp_path: Path) -> None:
    """URLs become paths, the port in the command a placeholder."""
    out = tmp_path / "mine"
    flags = ["--command", "serve -l :9000 --n {workers}", "--port", 9000, "--ready-path", "/up", "--processes", 3]
    init("--folder", SHOP, "--out", out, *flags, "--url", "http://localhost:9000/a?b=1", "--path", "/c")
    scenario = read_scenario(out / "scenario.toml")
    assert scenario.app.command == "serve -l :{port} --n {workers}"
    assert (scenario.app.ready_path, scenario.budget.processes) == ("/up", 3)
    locustfile = (out / "locustfile.py").read_text()
    assert '"/a?b=1"' in locustfile
    assert '"/c"' in locustfile


@pytest.mark.parametrize(
    ("command", "processes", "noted"),
    [
        ('["uvicorn", "shop:api", "--workers", "4"]', 2, True),
        ('["gunicorn", "shop:api", "-w", "4"]', 2, True),
        ("fastapi run shop.py --workers=4", 2, True),
        ('["uvicorn", "shop:api", "--workers", "4"]', 4, False),
        ('["uvicorn", "shop:api"]', 2, False),
    ],
)
def test_another_number_of_workers_is_told(tmp_path: Path, command: str, processes: int, *, noted: bool) -> None:
    """Than the command of the image has: the scenario does not take it over."""
    (tmp_path / "Dockerfile").write_text(f"FROM python\nCMD {command}\n")
    said = init("--folder", tmp_path, *FLAGS[2:], "--out", tmp_path / "mine", "--processes", processes)

    note = "note: the command has 4 workers; the scenario has 2, --processes 4 for yours\n"
    assert (note in said) == noted
    assert ("workers;" in said) == noted


def test_for_programs(tmp_path: Path) -> None:
    """JSON on stdout."""
    said = json.loads(init("--folder", SHOP, "--out", tmp_path / "mine", "--json"))
    assert said["scenario"] == str(tmp_path / "mine" / "scenario.toml")


@pytest.mark.parametrize(
    ("flags", "missing"),
    [
        ([], "--image or --folder is missing"),
        (["--image", "shop:1"], "--target or --command, --ready-path, --path are missing, and nothing says"),
        (["--image", "shop:1", "--target", "shop:api"], "--ready-path, --path are missing, and nothing says"),
        (["--image", "shop:1", "--target", "shop:api", "--ready-path", "/up"], "--path is missing, and nothing says"),
    ],
)
def test_without_a_terminal_the_missing_flag_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, flags: list[str], missing: str
) -> None:
    """A script must not hang on a question."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match=missing) as caught:
        init(*flags)
    assert caught.value.exit_code == 2
    assert "add for example `--" in caught.value.hint
    assert list(tmp_path.iterdir()) == []


def test_an_image_that_starts_no_python_is_told_with_what_to_fill_in(tmp_path: Path) -> None:
    """What was found stands in the sentence, and the flags that only a person knows stand together."""
    (tmp_path / "Dockerfile").write_text('FROM scratch\nENTRYPOINT ["/bin/server"]\nCMD ["serve", "--port", "80"]\n')

    with pytest.raises(UsageError, match="--target or --command, --ready-path, --path are missing") as caught:
        init("--folder", tmp_path)
    assert "it starts `/bin/server serve --port 80` (ENTRYPOINT and CMD)" in str(caught.value)
    assert "app.port instead, where its port is fixed" in caught.value.hint


def test_on_a_terminal_everything_is_asked_with_its_guess(tmp_path: Path, at_a_terminal: None) -> None:
    """Return takes the guess, anything else replaces it."""
    out = tmp_path / "mine"
    said = init("--out", out, answers=f"{SHOP}\n\n\n/products /products/7\n")
    assert "[uvicorn shop:api --host {host}" in said
    assert "[/healthz]" in said
    assert "[/products]" in said
    assert '"/products/7"' in (out / "locustfile.py").read_text()


def test_an_image_that_is_here_is_looked_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its own command, health check and paths are the guesses; a person's word for the app is passed on."""
    asked = []

    def look(name: str, wanted: Wanted, say: object, *, paths: bool) -> Guesses:
        asked.append((name, wanted.port, wanted.target, paths))
        return Guesses(start=Start(command=COMMAND), ready_path="/up", paths=("/a",))

    monkeypatch.setattr("lab.cli.answers.look_at_finished", look)
    init("--image", "shop:1.4", "--port", 80, "--out", tmp_path / "mine")
    scenario = read_scenario(tmp_path / "mine" / "scenario.toml")
    init("--image", "shop:1.4", "--target", "shop:api", "--path", "/", "--out", tmp_path / "other")

    assert (scenario.app.image, scenario.app.ready_path) == ("shop:1.4", "/up")
    assert scenario.app.command == COMMAND
    assert '"/a"' in (tmp_path / "mine" / "locustfile.py").read_text()
    assert asked == [("shop:1.4", 80, "", True), ("shop:1.4", None, "shop:api", False)]


def test_no_engine_is_asked_when_everything_was_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A guess that nobody needs may not fail or wait."""
    monkeypatch.setattr("lab.cli.answers.look_at_finished", lambda name, *_, **__: pytest.fail(f"asked for {name}"))
    init("--image", "b:1", *FLAGS, "--out", tmp_path / "b")

    assert read_scenario(tmp_path / "b" / "scenario.toml").app.target == "a:b"


def test_an_image_is_asked_for_what_nobody_can_guess(tmp_path: Path, at_a_terminal: None) -> None:
    """An answer with a colon and nothing around it is a target, any other one a command."""
    out = tmp_path / "mine"
    init("--out", out, answers="shop:1.4\nshop.api:app\n/up\n/\n")
    scenario = read_scenario(out / "scenario.toml")
    assert (scenario.app.image, scenario.app.target, scenario.app.ready_path) == ("shop:1.4", "shop.api:app", "/up")


@pytest.mark.parametrize(
    ("flags", "sentence"),
    [
        (["--image", "a", "--folder", "b"], "give one of"),
        (["--folder", str(SHOP), "--target", "a:b", "--command", "c"], "give one of"),
        (["--folder", str(SHOP), "--path", "no slash"], "is not a path"),
        (["--folder", str(SHOP), "--ready-path", "\x1b[2J"], "is not a path"),
        (["--folder", str(SHOP), "--command", "it's"], "cannot be split"),
        (["--folder", str(SHOP), "--command", "serve"], r"the placeholder \{port\}"),
        (["--folder", str(SHOP), "--target", "shop"], "^--target: expected a text"),
    ],
)
def test_wrong_answers_are_sentences(tmp_path: Path, flags: list[str], sentence: str) -> None:
    """And nothing is written."""
    with pytest.raises(UsageError, match=sentence):
        init(*flags, "--out", tmp_path / "mine")
    assert not (tmp_path / "mine").exists()


@pytest.mark.parametrize(
    ("text", "target", "refused"),
    [
        ("", "shop:app", True),
        ("", "shop:api", False),
        ("", "shop:api.mounted", False),
        ("", "elsewhere:app", False),
        ("from elsewhere import *\n", "shop:app", False),
        ("def __getattr__(name): return make(name)\n", "shop:app", False),
    ],
)
def test_a_target_that_its_module_cannot_have_is_told_before_a_build(
    tmp_path: Path, text: str, target: str, refused: bool
) -> None:
    """With the app that is there; where a name may come from elsewhere nobody can tell."""
    app = shutil.copytree(SHOP, tmp_path / "shop")
    with (app / "shop.py").open("a") as file:
        file.write(text)
    flags = ("--folder", app, "--target", target, "--out", tmp_path / "out")
    if not refused:
        assert f"starts   uvicorn {target}  (--target)\n" in init(*flags)
        return
    with pytest.raises(UsageError, match=r"--target: 'app' stands nowhere in shop$") as caught:
        init(*flags)
    assert caught.value.hint == "did you mean 'shop:api'?"


def test_a_slip_in_the_module_of_a_target_is_told_before_a_build(tmp_path: Path) -> None:
    """With the app that is meant; a module that is like none of the folder may be a package's."""
    app = shutil.copytree(SHOP, tmp_path / "shop")

    with pytest.raises(UsageError, match=r"--target: there is no module 'shpo' in ") as caught:
        init("--folder", app, "--target", "shpo:api", "--out", tmp_path / "out")
    assert caught.value.hint == "did you mean 'shop:api'?"


def test_a_base_image_that_a_registry_must_have_is_told(tmp_path: Path) -> None:
    """Before somebody waits for a build that cannot work."""
    (tmp_path / "Dockerfile").write_text('FROM python:3.12\nCMD ["uvicorn", "main:app"]\n')
    said = init("--folder", tmp_path, "--ready-path", "/", "--path", "/", "--out", tmp_path / "mine")
    assert "`lab doctor --scenario FILE` says whether it is available, and if not, what to do" in said


def test_a_compose_file_is_enough(tmp_path: Path) -> None:
    """The example with a database: sidecars and a job beside the app, valid as it is written, paths relative."""
    out = tmp_path / "mine"
    said = init("--compose", NOTES / "compose.yaml", "--processes", 2, "--out", out)
    for expected in ("uvicorn notes.main:app", "GET /ready", "/notes", "jobs     migrate", "left     services.db.vol"):
        assert expected in said
    scenario = read_scenario(out / "scenario.toml")
    assert (scenario.app.build, scenario.app.port) == (NOTES, 8000)
    assert {each.name: each.ready for each in scenario.sidecars} == {
        "db": "exec:sh -c 'pg_isready --host 127.0.0.1 --username notes'",
        "cache": "exec:redis-cli ping",
    }
    assert [(each.name, each.command, each.times) for each in scenario.jobs] == [
        ("migrate", "alembic upgrade head", "once")
    ]
    assert str(tmp_path) not in (out / "scenario.toml").read_text()
    assert "# Not taken over from compose.yaml, each with its reason:" in (out / "scenario.toml").read_text()


@pytest.mark.parametrize("source", [("--folder", SHOP), ("--compose", NOTES / "compose.yaml")])
def test_a_locustfile_of_ones_own_is_named_and_none_is_written(tmp_path: Path, source: tuple[str, Path]) -> None:
    """Relative to the scenario, with the folder from which it imports; what it loads is its own matter."""
    own = tmp_path / "tests" / "load" / "locustfile.py"
    own.parent.mkdir(parents=True)
    own.write_text("import shared\nfrom locust import HttpUser\n")
    (tmp_path / "shared.py").touch()
    out = tmp_path / "mine"
    said = init(*source, "--locustfile", own, "--out", out)
    load = read_scenario(out / "scenario.toml").load
    assert (load.locustfile.resolve(), load.root and load.root.resolve()) == (own, tmp_path)
    assert 'locustfile = "../tests/load/locustfile.py"' in (out / "scenario.toml").read_text()
    assert [path.name for path in out.iterdir()] == ["scenario.toml"]
    assert f"loads    {own}" in said
    assert "written  " + str(out / "locustfile.py") not in said


def test_a_locustfile_that_needs_no_other_folder_has_no_root(tmp_path: Path) -> None:
    """Its own folder goes before those above."""
    own = tmp_path / "load" / "mine.py"
    own.parent.mkdir()
    own.write_text("import shared\n")
    for folder in (tmp_path, own.parent):
        (folder / "shared.py").touch()
    init("--folder", SHOP, "--locustfile", own, "--out", tmp_path / "mine")
    assert read_scenario(tmp_path / "mine" / "scenario.toml").load.root is None


@pytest.mark.parametrize(
    ("text", "more", "sentence"),
    [
        (None, (), "No such file"),
        ("class:", (), "is no Python"),
        ("", ("--path", "/"), "one of --locustfile and --path"),
    ],
)
def test_a_locustfile_that_cannot_be_used_is_a_sentence(
    tmp_path: Path, text: str | None, more: tuple[str, ...], sentence: str
) -> None:
    """Before anything is written."""
    own = tmp_path / "own.py"
    if text is not None:
        own.write_text(text)
    with pytest.raises(UsageError, match=sentence):
        init("--folder", SHOP, "--locustfile", own, "--out", tmp_path / "mine", *more)
    assert not (tmp_path / "mine").exists()


def test_what_a_run_needs_from_its_environment_is_said(tmp_path: Path) -> None:
    """And the value is neither on the terminal nor in the file."""
    (tmp_path / ".env").write_text("KEY=do-not-show\n")
    (tmp_path / "compose.yaml").write_text(
        "services: {app: {image: 'shop:1', command: 'uvicorn a:b', environment: {API_KEY: '${KEY}'}}}\n"
    )
    flags = ("--compose", tmp_path / "compose.yaml", "--service", "app", "--ready-path", "/", "--path", "/")
    said = init(*flags, "--out", tmp_path / "mine")
    written = (tmp_path / "mine" / "scenario.toml").read_text()
    assert "set      KEY, in the environment or in .env: secret" in said
    assert 'env = { API_KEY = { from = "KEY" } }' in written
    assert "do-not-show" not in said + written


def test_force_says_what_it_replaced(tmp_path: Path) -> None:
    """Never silently."""
    init("--folder", SHOP, "--out", tmp_path)
    with pytest.raises(UsageError, match="exists already"):
        init("--folder", SHOP, "--out", tmp_path)
    assert f"replaced  {tmp_path}/scenario.toml" in init("--folder", SHOP, "--out", tmp_path, "--force")


@pytest.mark.parametrize(("option", "value"), [("--warmup", "abc"), ("--measure", "5"), ("--target", "1")])
def test_a_value_that_no_scenario_takes_is_named_by_its_option(tmp_path: Path, option: str, value: str) -> None:
    """The file that would hold it was never there."""
    with pytest.raises(UsageError, match=f"^{option}: expected ") as refused:
        init("--folder", SHOP, "--out", tmp_path, option, value)

    assert "scenario" not in f"{refused.value}{refused.value.hint}"
    assert list(tmp_path.iterdir()) == []


def test_quick_names_its_own_help(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It asks nobody, and says nothing of asking."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match="--image or --folder is missing") as caught:
        CliRunner().invoke(app, ["quick"], catch_exceptions=False)

    assert caught.value.hint == "add for example `--folder .`; `lab quick --help` shows every flag"


def test_a_document_names_every_file_and_what_to_know_of_the_image(tmp_path: Path) -> None:
    """As the telling for people does."""
    app = without_dockerfile(tmp_path / "shop", "fastapi\nuvicorn\n")
    (app / ".env").write_text("KEY=1\n")
    found = json.loads(init("--folder", app, "--out", tmp_path / "mine", "--json"))

    assert sorted(found["written"]) == sorted(str(path) for path in (tmp_path / "mine").iterdir())
    assert len(found["written"]) == 4
    assert any("there is no Dockerfile, so one is written" in note for note in found["notes"])
    assert any(".env stays out of the image" in note for note in found["notes"])


def test_a_name_that_is_none_of_an_image_is_refused_before_an_engine_is_asked(tmp_path: Path) -> None:
    """In words of the option, not of a scenario that there is not yet."""
    with pytest.raises(UsageError, match="--image: expected the name of an image such as"):
        init("--image", "BAD IMAGE:::", "--out", tmp_path)


def test_what_an_engine_cannot_do_is_refused_before_quick_writes(tmp_path: Path) -> None:
    """What was written would refuse the same command once its option is mended."""
    asked = ["quick", "--image", "shop:1", *FLAGS, "--engine", "process", "--out", str(tmp_path / "mine")]
    with pytest.raises(ScenarioError, match="app.image: shop:1 is an image"):
        CliRunner().invoke(app, asked, catch_exceptions=False)

    assert not (tmp_path / "mine").exists()


def test_another_app_of_the_same_folder_is_named(tmp_path: Path) -> None:
    """The first one is taken, which may be the wrong one."""
    app = without_dockerfile(tmp_path / "shop", "fastapi\nuvicorn\n")
    (app / "other.py").write_text((app / "main.py").read_text())
    said = init("--folder", app, "--out", tmp_path / "mine")

    assert "starts   uvicorn main:app" in said
    assert "note: --target takes another app of the source: other:app" in said
