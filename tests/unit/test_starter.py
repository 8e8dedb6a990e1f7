"""What `lab init` finds in a folder, and the two files that it makes of it."""

from __future__ import annotations

import ast
import json
import shlex
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from lab.errors import MissingError, ScenarioError, UsageError
from lab.plan.blocks import build_plan
from lab.scenario.file import read_scenario
from lab.starter.command import Start, image_start, plain_target, read_start, template
from lab.starter.guesses import Look, command_text, find_apps, look_at, look_at_image, ready_path
from lab.starter.image import QUESTION, look_at_finished
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
    name="shop",
    build=SHOP,
    image="",
    requirements="requirements.txt",
    target="",
    command="uvicorn shop:api --host {host} --port {port} --workers {workers}",
    ready_path="/healthz",
    paths=("/products", "/products/7?currency=eur"),
    processes=2,
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('FROM x\nCMD ["uvicorn", "shop:api"]', Start(command=("uvicorn", "shop:api"))),
        ("FROM x\nCMD exec uvicorn shop:api --port 80", Start(command=("uvicorn", "shop:api", "--port", "80"))),
        ("FROM x\nCMD uvicorn shop:api --port $PORT", Start(command=None)),
        ('FROM a\nCMD ["a"]\nEXPOSE 1\nFROM b\nCMD ["b"]', Start(command=("b",))),
        (
            'FROM x\nENTRYPOINT ["tini", "--"]\nCMD ["a"]\nEXPOSE 8080/tcp',
            Start(entrypoint=("tini", "--"), command=("a",), port=8080),
        ),
        ('FROM x\n# CMD ["no"]\nCMD ["a", \\\n  "b"]', Start(command=("a", "b"))),
        ("ARG PYTHON_IMAGE=p\nFROM $PYTHON_IMAGE\nCOPY r .wheelhouse* /w/", Start(takes_base=True, takes_wheels=True)),
        ("", Start()),
    ],
)
def test_a_dockerfile_says_how_it_starts(text: str, expected: Start) -> None:
    """Exec form, a shell form of plain words, the last stage; what needs a shell to be understood is not guessed."""
    assert read_start(text) == expected


@pytest.mark.parametrize(
    ("command", "port", "expected"),
    [
        (
            "uvicorn shop:api --host 0.0.0.0 --port 8080",
            None,
            "uvicorn shop:api --host {host} --port {port} --workers {workers}",
        ),
        ("uvicorn shop:api", None, "uvicorn shop:api --port {port} --host {host} --workers {workers}"),
        (
            "uvicorn shop:api --port=80 --workers=9",
            None,
            "uvicorn shop:api --port={port} --workers={workers} --host {host}",
        ),
        ("gunicorn a:b -b 0.0.0.0:80 -w 3", None, "gunicorn a:b -b {host}:{port} -w {workers}"),
        ("gunicorn a:b", None, "gunicorn a:b --bind {host}:{port} --workers {workers}"),
        ("python -m uvicorn a:b -p 80", None, "python -m uvicorn a:b -p {port} --host {host} --workers {workers}"),
        ("serve --listen 0.0.0.0:9000 --threads 4", 9000, "serve --listen {host}:{port} --threads 4"),
        ("serve 9000 90001", 9000, "serve {port} 90001"),
        ("serve --port {port} {workers}", None, "serve --port {port} {workers}"),
    ],
)
def test_a_command_becomes_a_template(command: str, port: int | None, expected: str) -> None:
    """Host, port and number of workers give way to placeholders; known servers get the ones that are not there."""
    assert command_text(template(shlex.split(command), port)) == expected


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({"Cmd": ["uvicorn", "shop:api", "--port", "80"]}, Look(target="shop:api")),
        ({"Cmd": ["/bin/sh", "-c", "uvicorn shop:api --port 80"], "Entrypoint": None}, Look(target="shop:api")),
        (
            {"Cmd": ["serve", "-l", ":9000"], "ExposedPorts": {"9000/tcp": {}, "9443/tcp": {}}},
            Look(command="serve -l :{port}"),
        ),
        (
            {
                "Entrypoint": ["gunicorn"],
                "Cmd": ["shop:api", "-k", "uvicorn_worker.UvicornWorker"],
                "Healthcheck": {"Test": ["CMD-SHELL", "curl -fs http://localhost:8000/healthz || exit 1"]},
            },
            Look(
                command="shop:api -k uvicorn_worker.UvicornWorker --bind {host}:{port} --workers {workers}",
                ready_path="/healthz",
            ),
        ),
        ({"Cmd": ["/bin/sh", "-c", "exec serve $PORT"]}, Look()),
        ({"Cmd": None, "Entrypoint": None, "ExposedPorts": None, "Healthcheck": None}, Look()),
    ],
)
def test_a_finished_image_says_how_it_starts(config: dict[str, Any], expected: Look) -> None:
    """As its Dockerfile would; what only a shell could tell is left to the person."""
    assert look_at_image(image_start(config)) == expected


def test_a_health_check_names_the_ready_path() -> None:
    """In whatever program it is written."""
    ask = """HEALTHCHECK CMD python -c "import urllib.request as r; r.urlopen('http://127.0.0.1:80/up?deep=1')" """
    assert read_start(f"FROM x\n{ask}\n").ready_path == "/up?deep=1"
    listed = json.dumps(["python", "-c", 'import urllib.request as r; r.urlopen("http://localhost:8000/health")'])
    assert read_start(f"FROM x\nHEALTHCHECK --interval=5s CMD {listed}\n").ready_path == "/health"
    assert read_start("FROM x\nHEALTHCHECK CMD wget -q http://localhost/up>/dev/null\n").ready_path == "/up"
    assert read_start("FROM x\nHEALTHCHECK CMD curl http://localhost/${UP}\n").ready_path == ""
    assert read_start(f"FROM x\n{ask}\nFROM y\n").ready_path == ""
    assert read_start("FROM x\nHEALTHCHECK NONE\n").ready_path == ""


def test_the_engine_is_asked_for_what_is_here_and_nothing_is_pulled() -> None:
    """No engine and no image are no error: then there is no guess."""
    here = FakeDocker(present={"shop:1"}, registry={"shop:2"}, config={"Cmd": ["serve", "80"]})

    def nobody() -> Any:
        raise MissingError("no Docker engine answers", "start it")

    assert look_at_finished("shop:1", 80, print, docker_client=lambda: here) == Look(command="serve {port}")
    assert look_at_finished("shop:2", None, print, docker_client=lambda: here) is None
    assert "shop:2" not in here.present
    assert look_at_finished("shop:1", None, print, docker_client=nobody) is None


def test_an_app_is_not_imported_for_what_is_known_already() -> None:
    """The health check says when it is ready, a person what is loaded."""
    config = {"Cmd": ["uvicorn", "shop:api"], "Healthcheck": {"Test": ["CMD", "curl", "http://localhost/up"]}}
    here = FakeDocker(present={"shop:1"}, config=config)  # no container can be made in it
    look = look_at_finished("shop:1", None, pytest.fail, paths=False, docker_client=lambda: here)

    assert look == Look(target="shop:api", ready_path="/up")


def test_an_app_is_asked_for_its_paths() -> None:
    """Of a router too; what needs a parameter is no guess, and what the app prints meanwhile is no answer."""
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

    assert json.loads(told.stdout.splitlines()[-1]) == ["/v1/items"]


def test_an_image_is_asked_for_the_app_that_it_starts_or_that_a_person_names() -> None:
    """The path that says ready is not loaded."""
    asked = []

    def paths_of(app: str) -> tuple[str, ...]:
        asked.append(app)
        return ("/items", "/healthz")

    start = Start(command=("gunicorn", "shop:api"))
    look = look_at_image(start, paths_of=paths_of)
    look_at_image(start, app="shop.api:app", paths_of=paths_of)
    look_at_image(Start(command=("fastapi", "run", "shop/main.py")), paths_of=paths_of)
    look_at_image(Start(command=("serve",)), paths_of=paths_of)

    assert (look.ready_path, look.paths) == ("/healthz", ("/items",))
    assert asked == ["shop:api", "shop.api:app", "shop.main:app"]


def test_arguments_of_an_entrypoint_are_known_by_it() -> None:
    """The words alone do not say that it is uvicorn."""
    assert template(["shop:api"], None, "uvicorn") == [
        "shop:api",
        "--port",
        "{port}",
        "--host",
        "{host}",
        "--workers",
        "{workers}",
    ]


@pytest.mark.parametrize(
    ("command", "target"),
    [
        ("uvicorn shop:api --host 0.0.0.0 --port 80 --workers 4", "shop:api"),
        ("/venv/bin/uvicorn shop.api:app --port=80", "shop.api:app"),
        ("uvicorn shop:api --reload", ""),
        ("gunicorn shop:api", ""),
        ("", ""),
    ],
)
def test_no_more_than_uvicorn_is_a_target(command: str, target: str) -> None:
    """Options of one's own make it a command of one's own."""
    assert plain_target(shlex.split(command)) == target


def test_a_text_of_words_is_split_into_the_same_words() -> None:
    """As the lab will split it; placeholders can be read."""
    words = ["serve", "it's", "a b", "--port={port}", ""]
    assert shlex.split(command_text(words)) == words


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
    assert list(find_apps(tmp_path).items()) == [
        ("shop:api", ("/a",)),
        ("deep.api:app", ("/ping",)),
    ]


def test_the_path_that_says_ready() -> None:
    """By its last word; readiness goes before liveness."""
    assert ready_path(("/items", "/v1/Health", "/internal/ready")) == "/internal/ready"
    assert ready_path(("/already",)) == ""


def test_the_example_is_understood_whole() -> None:
    """Own start command, pinned wheels, the path that says ready, one path to load."""
    look = look_at(SHOP)
    assert look.command.startswith("uvicorn shop:api --host {host} --port {port} --no-access-log")
    assert look.command.endswith(" --workers {workers}")
    assert (look.ready_path, look.paths, look.requirements) == ("/healthz", ("/products",), "requirements.txt")
    assert not look.needs_registry


def test_an_unknown_dockerfile_leaves_what_it_does_not_say(tmp_path: Path) -> None:
    """The source names the app; requirements without hashes, or for another base, are the build's own business."""
    (tmp_path / "Dockerfile").write_text("FROM python:3.12\nCMD run.sh $PORT\n")
    (tmp_path / "requirements.txt").write_text("fastapi\n")
    (tmp_path / "main.py").write_text("app = FastAPI()\n")
    look = look_at(tmp_path)
    assert (look.target, look.command, look.requirements, look.needs_registry) == ("main:app", "", "", True)


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
    assert scenario.app.command == ANSWERS.command
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
    answers = replace(ANSWERS, build=None, image="shop:1.4", requirements="", target="shop.api:app", command="")
    write_files(answers, tmp_path / "mine", force=False)
    app = read_scenario(tmp_path / "mine" / SCENARIO).app
    assert (app.image, app.build, app.requirements, app.target, app.command) == (
        "shop:1.4",
        None,
        None,
        "shop.api:app",
        "",
    )


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
        write_files(replace(ANSWERS, command="serve"), tmp_path / "mine", force=False)
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
