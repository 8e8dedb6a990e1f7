"""What `lab init` finds in a folder, and the two files that it makes of it."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from lab.errors import MissingError, ScenarioError, UsageError
from lab.plan.blocks import build_plan
from lab.scenario.file import read_scenario
from lab.starter.compose.scenario import Taken
from lab.starter.folder import find_apps
from lab.starter.guesses import Wanted, look_at, look_at_image, ready_path
from lab.starter.image import QUESTION, look_at_finished
from lab.starter.start import Start
from lab.starter.write import LOCUSTFILE, SCENARIO, Answers, locustfile_py, write_files
from tests.fake_images import FakeDocker

SHOP = Path(__file__).parents[2] / "examples" / "shop"
DEEP = """
import fastapi
app: fastapi.FastAPI = fastapi.FastAPI()
@app.get("/ping")
def ping(): ...
"""
SHALLOW = """
raise SystemExit
api = FastAPI()
@api.get("/a")
@api.get("/b/{n}")
@api.post("/c")
@other.get("/d")
def many(): ...
"""
ANSWERS = Answers(
    beside=Taken(name="", folder=SHOP, image="", wanted=Wanted()),
    requirements="requirements.txt",
    start=Start(command="uvicorn shop:api --host {host} --port {port} --workers {workers}"),
    ready_path="/healthz",
    paths=("/products", "/products/7?currency=eur"),
    processes=2,
)


@pytest.mark.parametrize(
    ("config", "start", "ready"),
    [
        ({"Cmd": ["uvicorn", "shop:api", "--port", "80"]}, Start(target="shop:api", app="shop:api"), ""),
        (
            {"Cmd": ["/bin/sh", "-c", "uvicorn shop:api --port 80"], "Entrypoint": None},
            Start(target="shop:api", app="shop:api"),
            "",
        ),
        (
            {
                "Entrypoint": ["tini", "--"],
                "Cmd": ["gunicorn", "shop:api", "-b", ":9000"],
                "ExposedPorts": {"9000/tcp": {}, "9443/tcp": {}},
                "Healthcheck": {"Test": ["CMD-SHELL", "curl -fs http://localhost:8000/healthz || exit 1"]},
            },
            Start(command="gunicorn shop:api -b {host}:{port} --workers {workers}", app="shop:api"),
            "/healthz",
        ),
        ({"Cmd": ["/bin/sh", "-c", "exec serve $PORT"]}, Start(), ""),
        ({"Cmd": None, "Entrypoint": None, "ExposedPorts": None, "Healthcheck": None}, Start(), ""),
    ],
)
def test_a_finished_image_says_how_it_starts(config: dict[str, Any], start: Start, ready: str) -> None:
    """As its Dockerfile would; what only a shell could tell is left to the person."""
    look = look_at_image(config)
    assert (look.start, look.ready_path) == (start, ready)


def test_the_engine_is_asked_for_what_is_here_and_nothing_is_pulled() -> None:
    """No engine and no image are no error: then there is no guess."""
    here = FakeDocker(present={"shop:1"}, registry={"shop:2"}, config={"Cmd": ["uvicorn", "serve:"]})

    def nobody() -> Any:
        raise MissingError("no Docker engine answers", "start it")

    look = look_at_finished("shop:1", Wanted(), print, docker_client=lambda: here)
    assert look is not None
    assert look.start.command == "uvicorn serve: --port {port} --host {host} --workers {workers}"
    assert look_at_finished("shop:2", Wanted(), print, docker_client=lambda: here) is None
    assert "shop:2" not in here.present
    assert look_at_finished("shop:1", Wanted(), print, docker_client=nobody) is None


def test_an_app_is_not_imported_for_what_is_known_already() -> None:
    """The health check says when it is ready, a person what is loaded."""
    config = {"Cmd": ["uvicorn", "shop:api"], "Healthcheck": {"Test": ["CMD", "curl", "http://localhost/up"]}}
    here = FakeDocker(present={"shop:1"}, config=config)  # no container can be made in it
    look = look_at_finished("shop:1", Wanted(), pytest.fail, paths=False, docker_client=lambda: here)

    assert look is not None
    assert (look.start.target, look.ready_path) == ("shop:api", "/up")


def test_an_app_is_asked_for_its_paths() -> None:
    """Of a router too; what needs a query is no guess, and what the app prints meanwhile is no answer."""
    code = (
        "from fastapi import APIRouter, FastAPI\nprint('hello')\nrouter = APIRouter(prefix='/v1')\n"
        "@router.get('/items')\ndef items(limit: int = 3): ...\n@router.get('/search')\ndef search(q: str): ...\n"
        "@router.get('/items/{n}')\ndef item(n: int): ...\n@router.post('/orders')\ndef order(): ...\n"
        "class inner:\n    app = FastAPI()\ninner.app.include_router(router)\n"
    )
    probe = (
        f"import sys, types\nm = sys.modules['shop'] = types.ModuleType('shop')\nexec({code!r}, m.__dict__)\n{QUESTION}"
    )
    told = subprocess.run([sys.executable, "-c", probe, "shop:inner.app"], capture_output=True, text=True, check=True)

    assert json.loads(told.stdout.splitlines()[-1]) == ["/v1/items", "/v1/items/{n}"]


def test_an_image_is_asked_for_the_app_that_it_starts_or_that_a_person_names() -> None:
    """The path that says ready is not loaded."""
    asked, looks = [], []

    def paths_of(app: str) -> tuple[str, ...]:
        asked.append(app)
        return ("/items", "/healthz")

    for cmd, target in (
        (["gunicorn", "shop:api"], ""),
        (["gunicorn", "shop:api"], "shop.api:app"),
        (["fastapi", "run", "shop/main.py"], ""),
        (["serve"], ""),
    ):
        looks.append(look_at_image({"Cmd": cmd}, Wanted(target=target), paths_of))
    look = looks[0]

    assert (look.ready_path, look.paths) == ("/healthz", ("/items",))
    assert asked == ["shop:api", "shop.api:app", "shop.main:app"]


def test_apps_are_found_without_running_anything(tmp_path: Path) -> None:
    """Annotated or not, in packages; not in virtual environments, tests, nor in what does not parse."""
    for name, text in {
        "deep/api/__init__.py": DEEP,
        "shop.py": SHALLOW,
        "env/lib/x.py": "app = FastAPI()",
        "env/pyvenv.cfg": "",
        "tests/x.py": "app = FastAPI()",
        ".hidden/x.py": "app = FastAPI()",
        "broken.py": "def (:",
    }.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    assert [(name, routes.paths) for name, routes in find_apps(tmp_path).items()] == [
        ("shop:api", ("/a", "/b/{n}")),
        ("deep.api:app", ("/ping",)),
    ]


def test_the_path_that_says_ready() -> None:
    """By its last word; readiness goes before liveness."""
    assert ready_path(("/items", "/v1/Health", "/internal/ready")) == "/internal/ready"
    assert ready_path(("/already",)) == ""


def test_the_example_is_understood_whole() -> None:
    """Own start command, pinned wheels, the path that says ready, one path to load."""
    look = look_at(SHOP)
    assert look.start.command.startswith("uvicorn shop:api --host {host} --port {port} --no-access-log")
    assert look.start.command.endswith(" --workers {workers}")
    assert (look.ready_path, look.paths, look.requirements) == ("/healthz", ("/products",), "requirements.txt")
    assert not look.needs_registry


@pytest.mark.parametrize("folder", ["absent", "."])
def test_a_folder_that_is_none_is_a_sentence(tmp_path: Path, folder: str) -> None:
    """It is not there, or there is nothing to build in it."""
    with pytest.raises(UsageError, match="there is no"):
        look_at(tmp_path / folder)


def test_both_files_are_valid_and_read_back(tmp_path: Path) -> None:
    """The scenario has what was answered, three arms and a path relative to itself; the locustfile compiles."""
    folder = tmp_path / "mine"
    assert write_files(ANSWERS, folder, force=False) == ()
    scenario = read_scenario(folder / SCENARIO)
    assert scenario.app.build == SHOP
    assert scenario.app.requirements == SHOP / "requirements.txt"
    assert scenario.app.command == ANSWERS.start.command
    assert scenario.app.ready_path == "/healthz"
    assert scenario.budget.processes == 2
    assert [arm.name for arm in scenario.arms] == ["workers", "workers-nginx", "replicas"]
    assert len(build_plan(scenario).trials) == 18
    assert f'build = "{SHOP}"' not in (folder / SCENARIO).read_text()
    tree = ast.parse((folder / LOCUSTFILE).read_text())
    assert [node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)] == [
        "get_products",
        "get_products_7",
    ]
    assert 'self.client.get("/products/7?currency=eur", name="/products/7")' in (folder / LOCUSTFILE).read_text()


def test_an_image_with_a_target(tmp_path: Path) -> None:
    """Nothing to build: no build, no requirements."""
    answers = replace(
        ANSWERS,
        beside=Taken(name="", folder=None, image="shop:1.4", wanted=Wanted()),
        requirements="",
        start=Start(target="shop.api:app"),
    )
    write_files(answers, tmp_path / "mine", force=False)
    app = read_scenario(tmp_path / "mine" / SCENARIO).app
    assert (app.image, app.build, app.requirements, app.target, app.command) == (
        "shop:1.4",
        None,
        None,
        "shop.api:app",
        "",
    )


def test_what_a_start_needs_is_in_the_scenario(tmp_path: Path) -> None:
    """Rights for who drops root, a root to write to, variables, notes; no word on 502 where it is settled."""
    start = Start(command="gosu x uvicorn a:b -p {port} {workers}", writes=True, drops_root=True, notes=("Mind this.",))
    write_files(replace(ANSWERS, start=replace(start, env={"PORT": "{port}"})), tmp_path / "a", force=False)
    app = read_scenario(tmp_path / "a" / SCENARIO).app
    assert (app.capabilities, app.read_only, dict(app.env)) == (
        ("CHOWN", "SETUID", "SETGID"),
        False,
        {"PORT": "{port}"},
    )
    text = (tmp_path / "a" / SCENARIO).read_text()
    assert "# Mind this." in text
    assert "add --timeout-keep-alive 75" in text
    settled = Start(command="uvicorn a:b --port {port} --workers {workers} --timeout-keep-alive 75")
    write_files(replace(ANSWERS, start=settled), tmp_path / "b", force=False)
    assert "keep-alive 75\n" not in (tmp_path / "b" / SCENARIO).read_text()


def test_nothing_is_overwritten_without_force(tmp_path: Path) -> None:
    """One of the two is enough to refuse, and the other is not written; force says what it replaced."""
    (tmp_path / LOCUSTFILE).write_text("mine\n")
    with pytest.raises(UsageError, match="exists already"):
        write_files(ANSWERS, tmp_path, force=False)
    assert (tmp_path / LOCUSTFILE).read_text() == "mine\n"
    assert not (tmp_path / SCENARIO).exists()
    assert write_files(ANSWERS, tmp_path, force=True) == (tmp_path / LOCUSTFILE,)


def test_answers_that_give_no_scenario_write_nothing(tmp_path: Path) -> None:
    """The reason is the scenario's own, with a name that the person knows."""
    with pytest.raises(ScenarioError, match=r"^scenario\.toml: app: with \"command\" the placeholder \{port\}"):
        write_files(replace(ANSWERS, start=Start(command="serve")), tmp_path / "mine", force=False)
    assert not (tmp_path / "mine").exists()


@pytest.mark.parametrize("path", ["/", "/import", "/a/b", "/a-b", "/7", '/x?q="""', "/%7Bname%7D", "/\\"])
def test_any_path_makes_a_locustfile(path: str) -> None:
    """Whatever is in it stays inside its quotes."""
    text = locustfile_py(replace(ANSWERS, paths=(path, path + "?again")))
    calls = [
        node
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "get"
    ]
    assert [ast.literal_eval(call.args[0]) for call in calls] == [path, path + "?again"]
    names = [node.name for node in ast.walk(ast.parse(text)) if isinstance(node, ast.FunctionDef)]
    assert len(set(names)) == 2


def test_a_folder_without_a_dockerfile_says_what_else_is_there(tmp_path: Path) -> None:
    """Projects keep it in a folder of its own, or have several; what a compose file starts is known from there."""
    with pytest.raises(UsageError) as caught:
        look_at(tmp_path)
    assert "name its packages in requirements.txt, and the lab writes one" in caught.value.hint

    (tmp_path / "requirements.txt").write_text("uvicorn\n")
    (tmp_path / "docker").mkdir()
    for name in ("docker/Dockerfile", "Dockerfile.prod", "compose.yaml"):
        (tmp_path / name).touch()
    with pytest.raises(UsageError) as caught:
        look_at(tmp_path)
    assert "--dockerfile Dockerfile.prod, --dockerfile docker/Dockerfile, --compose compose.yaml" in caught.value.hint
