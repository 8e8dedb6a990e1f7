"""What an image starts, read from its ENTRYPOINT and CMD, and the keys of a scenario that start the same."""

import shlex
from pathlib import Path

import pytest

from lab.engines.images.dockerfile import read_dockerfile
from lab.starter.folder import find_apps, reader
from lab.starter.guesses import Wanted, look_at
from lab.starter.servers import command_text, plain_target, template
from lab.starter.shell import commands, shell_at
from lab.starter.start import Start, beside_own, instead, understand

ADDED = "--port {port} --host {host} --workers {workers}"
BOUND = "--bind {host}:{port} --workers {workers}"
UVICORN = "--host {host} --port {port} --workers {workers}"
TARGET = "uvicorn main:app --host 0.0.0.0 --port 80"
MAIN = """
import uvicorn
from fastapi import FastAPI
app = FastAPI()
if __name__ == "__main__":
    uvicorn.run("main:app", host="0.0.0.0", port=8000)
"""
# From FastAPI's page on containers, word for word in their commands; its base image is left to the lab.
PAGE = """ARG PYTHON_IMAGE=python:3.14
FROM ${PYTHON_IMAGE}
WORKDIR /code
COPY ./requirements.txt /code/requirements.txt
RUN pip install --no-cache-dir --upgrade -r /code/requirements.txt
COPY ./app /code/app
"""
PAGE_APP = """
from fastapi import FastAPI
app = FastAPI()
@app.get("/")
def read_root(): ...
@app.get("/items/{item_id}")
def read_item(item_id: int, q: str | None = None): ...
"""


def started(cmd: list[str], entrypoint: list[str] | None = None, files: dict[str, str] | None = None) -> Start:
    """The start of an image whose files are these."""
    return understand(entrypoint or [], cmd, None, (files or {}).get)


@pytest.mark.parametrize(
    ("line", "command"),
    [
        ('CMD ["fastapi", "run", "app/main.py", "--port", "80"]', f"fastapi run app/main.py {ADDED}"),
        (
            'CMD ["fastapi", "run", "app/main.py", "--proxy-headers", "--port", "80"]',
            "fastapi run app/main.py --proxy-headers --port {port} --host {host} --workers {workers}",
        ),
        (
            'CMD ["fastapi", "run", "main.py", "--port", "80"]',
            f"fastapi run main.py {ADDED}",
        ),
        (
            'CMD ["fastapi", "run", "app/main.py", "--port", "80", "--workers", "4"]',
            "fastapi run app/main.py --port {port} --workers {workers} --host {host}",
        ),
        (
            "CMD fastapi run app/main.py --port 80",
            f"fastapi run app/main.py {ADDED}",
        ),
    ],
)
def test_every_dockerfile_of_fastapis_page_is_understood(tmp_path: Path, line: str, command: str) -> None:
    """Start, ready path and what is loaded, without a question; / says ready where nothing else does."""
    (tmp_path / "Dockerfile").write_text(PAGE + line + "\n")
    (tmp_path / "app").mkdir()
    (tmp_path / "app" / "main.py").write_text(PAGE_APP)
    look = look_at(tmp_path)
    assert (look.start.command, look.start.entrypoint) == (command, None)
    assert (look.ready_path, look.paths, look.many) == ("/", ("/",), ("/items/{item_id}",))
    assert look.taken["start"] == "CMD of Dockerfile"
    assert look.taken["ready"] == "the first GET without parameters"


@pytest.mark.parametrize(
    ("entrypoint", "cmd", "expected"),
    [
        ("tini --", TARGET, f"uvicorn main:app {UVICORN}"),
        ("/usr/bin/dumb-init --", "gunicorn -c conf.py main:app", f"gunicorn -c conf.py main:app {BOUND}"),
        ("poetry run", TARGET, f"uvicorn main:app {UVICORN}"),
        ("docker-entrypoint.sh", "/app/.venv/bin/uvicorn main:app", f"/app/.venv/bin/uvicorn main:app {ADDED}"),
        ("", "uv run --frozen --no-dev uvicorn main:app", f"uv run --frozen --no-dev uvicorn main:app {ADDED}"),
        ("", "python -m hypercorn a:b -b [::]:80 -w 3", "python -m hypercorn a:b -b {host}:{port} -w {workers}"),
        ("", "uvicorn main:app --reload", f"uvicorn main:app {ADDED}"),
        ("", "uvicorn main:app --uds /tmp/app.sock --fd=3", f"uvicorn main:app {ADDED}"),
        ("", "fastapi dev main.py", f"fastapi run main.py {ADDED}"),
        ("", "granian --interface asgi main:app", f"granian --interface asgi main:app {ADDED}"),
    ],
)
def test_what_only_stands_in_front_of_the_server_stays(entrypoint: str, cmd: str, expected: str) -> None:
    """An init, a tool that makes the environment, a script: the ENTRYPOINT is kept, the command is a template."""
    start = started(shlex.split(cmd), shlex.split(entrypoint))
    assert (start.command, start.entrypoint) == (expected, None)


@pytest.mark.parametrize(
    ("cmd", "expected"),
    [
        (
            "uvicorn a:b --ssl-keyfile k.pem --ssl-certfile=c.pem --proxy-headers",
            f"uvicorn a:b --proxy-headers {ADDED}",
        ),
        ("sh -c 'A=1 gunicorn --keyfile k --certfile c a:b'", f"sh -c 'A=1 gunicorn a:b {BOUND}'"),
    ],
)
def test_an_app_that_ends_tls_itself_is_asked_without(cmd: str, expected: str) -> None:
    """The lab speaks plain HTTP to it, and a note says so."""
    start = started(shlex.split(cmd))
    assert start.command == expected
    assert "TLS are left out" in start.notes[-1]


@pytest.mark.parametrize(
    ("entrypoint", "cmd", "expected"),
    [
        (shlex.split(TARGET), [], f"uvicorn main:app {UVICORN}"),
        (["uvicorn"], ["main:app", "--port", "80"], f"uvicorn main:app {ADDED}"),
        (["/bin/sh", "-c", TARGET], [], f"uvicorn main:app {UVICORN}"),
        (["/bin/bash", "-c"], [TARGET], f"uvicorn main:app {UVICORN}"),
        (["tini", "--", "gunicorn", "-b", ":80"], ["a:b"], "tini -- gunicorn -b {host}:{port} a:b --workers {workers}"),
    ],
)
def test_an_entrypoint_that_starts_the_server_is_replaced(entrypoint: list[str], cmd: list[str], expected: str) -> None:
    """By the whole command: what stands in an ENTRYPOINT cannot be a template."""
    start = started(cmd, entrypoint)
    assert (start.command, start.entrypoint) == (expected, "")


def test_an_app_that_a_person_names_needs_an_entrypoint_that_hands_on() -> None:
    """`uvicorn main:app` behind ENTRYPOINT uvicorn would be two servers in one line."""
    assert beside_own(("uvicorn", "main:app"), "shop:api").entrypoint == ""
    assert beside_own(("/bin/sh", "-c", "serve"), "shop:api").entrypoint == ""
    assert beside_own(("tini", "--"), "shop:api") == Start(target="shop:api", app="shop:api")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"alembic upgrade head && exec {TARGET}", f"alembic upgrade head && exec uvicorn main:app {UVICORN}"),
        ("uvicorn a:b --port ${PORT:-80} -w $N", "uvicorn a:b --port {port} -w {workers} --host {host}"),
        (
            "pip install uvicorn; cd /app; python -m gunicorn -b 0.0.0.0:$PORT 'main:create()' 2>&1 | tee log",
            "pip install uvicorn; cd /app; python -m gunicorn -b {host}:{port} 'main:create()' --workers {workers} "
            "2>&1 | tee log",
        ),
        (
            'if [ -n "$DEV" ]; then uvicorn a:b --reload; else exec uvicorn a:b; fi',
            f'if [ -n "$DEV" ]; then uvicorn a:b {ADDED}; else exec uvicorn a:b {ADDED}; fi',
        ),
        ('case "$1" in start) exec uvicorn a:b;; esac', f'case "$1" in start) exec uvicorn a:b {ADDED};; esac'),
        ('exec uvicorn a:b --port $PORT "$@"', 'exec uvicorn a:b --port {port} "$@" --host {host} --workers {workers}'),
        (
            "exec gosu app uvicorn \\\n  a:b \\\n  --port=80",
            "exec gosu app uvicorn a:b --port={port} --host {host} --workers {workers}",
        ),
    ],
)
def test_a_line_of_a_shell_is_changed_in_its_place(text: str, expected: str) -> None:
    """Only the commands that start a server; what stands around them stays."""
    start = started(["sh", "-c", text])
    assert shlex.split(start.command) == ["sh", "-c", expected]
    assert started([], ["tini", "--", "bash", "-lc", text]).entrypoint == ""


def test_a_start_script_is_told_by_its_environment() -> None:
    """Where it listens to variables it runs unchanged."""
    files = {"/start.sh": '#!/bin/bash\nset -e\n./prestart.sh\nexec gunicorn -b "0.0.0.0:${PORT:-80}" main:app\n'}
    start = started(["/start.sh"], files=files)
    assert (start.command, dict(start.env)) == ("{image}", {"PORT": "{port}", "WEB_CONCURRENCY": "{workers}"})
    assert (start.app, start.entrypoint) == ("main:app", None)


def test_a_start_script_that_fixes_its_port_is_taken_over() -> None:
    """With placeholders, by the shell that it names, and its own name as $0."""
    script = "#!/usr/bin/env bash\nPORT=80\nalembic upgrade head\nexec uvicorn main:app --host 0.0.0.0 --port $PORT\n"
    start = started(["./start.sh"], files={"./start.sh": script})
    body = f"PORT=80\nalembic upgrade head\nexec uvicorn main:app {UVICORN}"
    assert shlex.split(start.command) == ["bash", "-c", body, "./start.sh"]
    assert "its text is taken over" in start.notes[0]
    behind = started([], ["sh", "start.sh"], files={"start.sh": script})
    assert (shlex.split(behind.command)[:2], behind.entrypoint) == (["sh", "-c"], "")


@pytest.mark.parametrize(
    ("cmd", "name", "called", "expected"),
    [
        ("python main.py", "main.py", '"main:app"', "python -m uvicorn main:app"),
        ("pdm run python -u a/m.py", "a/m.py", '"m:app"', "pdm run python -m uvicorn m:app --app-dir a"),
        ("python -m shop", "shop/__main__.py", '"shop.api:app"', "python -m uvicorn shop.api:app"),
        ("python -m shop.api", "shop/api.py", "app", "python -m uvicorn shop.api:app"),
        ("python app/main.py", "app/main.py", '"app.main:app"', "python -m uvicorn app.main:app"),
    ],
)
def test_a_program_that_calls_uvicorn_itself_is_served_by_its_command_line(
    cmd: str, name: str, called: str, expected: str
) -> None:
    """For what is written in uvicorn.run nobody can tell from outside; a note says so."""
    start = started(shlex.split(cmd), files={name: MAIN.replace('"main:app"', called)})
    assert start.command == f"{expected} {ADDED}"
    assert "fixes its address in uvicorn.run" in start.notes[0]


@pytest.mark.parametrize(
    ("arguments", "options", "left"),
    [
        ("factory=True, port=80, reload=True", "--factory ", ""),
        (
            'proxy_headers=True, forwarded_allow_ips="*", root_path="/api"',
            "--proxy-headers --forwarded-allow-ips '*' --root-path /api ",
            "",
        ),
        (
            'access_log=False, log_level="warning", timeout_keep_alive=75',
            "--no-access-log --log-level warning --timeout-keep-alive 75 ",
            "",
        ),
        ('log_config=None, headers=[("a", "b")], uds="/x", workers=4', "", "without log_config, headers"),
        ('port=int(os.environ["PORT"]), workers=4', "", ""),
        ('port=int(os.environ["PORT"])', "", ""),
        ('host="0.0.0.0", port=int(os.environ["PORT"]), reload=DEBUG', "", ""),
    ],
)
def test_what_uvicorn_run_is_told_its_command_line_is_told(arguments: str, options: str, left: str) -> None:
    """An app made by a factory would not start without, and one of another prefix would not be the same."""
    text = f"import uvicorn\nuvicorn.run('main:app', {arguments})"
    start = started(["python", "serve.py"], files={"serve.py": text})
    assert start.command == f"python -m uvicorn main:app {options}{ADDED}"
    assert start.notes[0].endswith(left)


@pytest.mark.parametrize(
    ("arguments", "env"),
    [
        (
            'host=os.getenv("HOST", "0.0.0.0"), port=int(os.getenv("PORT", "8000")), workers=int(os.environ["N"])',
            {"HOST": "{host}", "PORT": "{port}", "N": "{workers}"},
        ),
        ('host="0.0.0.0", port=int(os.environ.get("PORT", 80))', {"PORT": "{port}", "WEB_CONCURRENCY": "{workers}"}),
    ],
)
def test_a_program_that_takes_its_address_from_its_environment_stays(arguments: str, env: dict[str, str]) -> None:
    """What it does beside calling uvicorn is part of the app: it is told, and not replaced."""
    text = f"import os, uvicorn\nuvicorn.run('main:app', {arguments})"
    start = started(["python", "-m", "shop"], ["tini", "--"], files={"shop/__main__.py": text})
    assert (start.command, start.env, start.app, start.entrypoint) == ("{image}", env, "main:app", None)
    assert "from its environment: unchanged" in start.notes[0]
    alone = started(["python", "-m", "shop"], files={"shop/__main__.py": text.replace("'main:app'", "app")})
    assert alone.command == f"python -m uvicorn shop.__main__:app {ADDED}"  # with an object it is one process always


@pytest.mark.parametrize(
    ("cmd", "told"),
    [
        ("fastapi dev main.py", True),
        ("uvicorn main:app --reload --root-path /a", True),
        ("sh -c 'fastapi dev main.py'", True),
        ("fastapi run main.py", False),
        ("uvicorn main:app --reload-dir x", False),
    ],
)
def test_what_is_left_out_of_a_development_server_is_told(cmd: str, told: bool) -> None:
    """It is one process whatever it is told, so that no model could be compared."""
    assert any("--reload, dev" in note for note in started(shlex.split(cmd)).notes) == told


@pytest.mark.parametrize("cmd", ["myapp serve", "sh -c 'myapp $PORT'", "python manage.py", "./run.sh", ""])
def test_what_is_not_understood_is_no_guess(cmd: str) -> None:
    """A wrong command is worse than a question."""
    start = started(shlex.split(cmd), files={"manage.py": "print()", "./run.sh": "#!/bin/sh\nmyapp\n"})
    assert (start.target, start.command, start.entrypoint) == ("", "", None)


def test_an_app_instead_is_served_by_what_the_image_has() -> None:
    """The tool or the Python that its command names: uvicorn may be in its environment only."""
    tool = instead((), ("poetry", "run", "start"), "main:app")
    assert (tool.command, tool.writes) == (f"poetry run uvicorn main:app {ADDED}", True)
    python = instead(("tini", "--"), ("/app/.venv/bin/python", "-m", "shop"), "main:app")
    assert (python.command, python.entrypoint) == (f"/app/.venv/bin/python -m uvicorn main:app {ADDED}", "")
    assert instead(("tini", "--"), ("make", "run"), "main:app") == Start(target="main:app", app="main:app")


def test_tools_that_write_need_a_root_that_can_be_written_to() -> None:
    """uv and poetry keep caches and locks beside the app."""
    assert started(["uv", "run", "uvicorn", "main:app"]).writes
    assert not started(["tini", "--", "uvicorn", "main:app"]).writes


def test_an_entrypoint_that_drops_root_is_known() -> None:
    """By what it calls, in the words or in the script that they name."""
    files = {"/entry.sh": '#!/bin/sh\nchown app /data\nexec gosu app "$@"\n', "/other.sh": '#!/bin/sh\nexec "$@"\n'}
    assert started(["uvicorn", "a:b"], ["/entry.sh"], files).drops_root
    assert started(["setpriv", "--reuid=1", "uvicorn", "a:b"]).drops_root
    assert not started(["uvicorn", "a:gosu"], ["/other.sh"], files).drops_root


def test_uvicorn_and_nothing_else_is_a_target_where_it_is_on_path() -> None:
    """One that is named by its path is not found by its name alone."""
    assert started(shlex.split(TARGET)) == Start(target="main:app", app="main:app")
    assert started(["/bin/sh", "-c", f"exec {TARGET}"]).target == "main:app"
    assert plain_target(["/app/.venv/bin/uvicorn", "main:app"]) == ""


def test_the_stage_that_is_built_is_the_one_that_is_read(tmp_path: Path) -> None:
    """With the ENTRYPOINT of the stage that it builds on."""
    (tmp_path / "Dockerfile").write_text(
        'FROM x AS base\nENTRYPOINT ["uvicorn"]\nFROM base AS dev\nCMD ["main:app", "--reload"]\n'
        'FROM base AS production\nCMD ["main:app", "--port", "80"]\n'
    )
    look = look_at(tmp_path)
    assert look.start.command == "uvicorn main:app --port {port} --host {host} --workers {workers}"
    assert look.taken["start"] == "ENTRYPOINT and CMD of Dockerfile, stages base and production"
    assert look_at(tmp_path, Wanted(stage="dev")).taken["start"].endswith("stages base and dev")
    assert look_at(tmp_path, Wanted(command=("gunicorn", "a:b"))).start.app == "a:b"


def test_a_base_with_a_start_script_is_told_by_its_environment(tmp_path: Path) -> None:
    """The well-known one, whose script no folder holds."""
    (tmp_path / "Dockerfile").write_text("FROM tiangolo/uvicorn-gunicorn-fastapi:python3.11\nCOPY ./app /app\n")
    start = look_at(tmp_path).start
    assert (start.command, dict(start.env)) == ("{image}", {"PORT": "{port}", "WEB_CONCURRENCY": "{workers}"})


def test_files_are_found_where_they_were_copied_from(tmp_path: Path) -> None:
    """By the end of their path; nothing outside the folder is read."""
    (tmp_path / "scripts").mkdir()
    (tmp_path / "scripts" / "start.sh").write_text("here")
    (tmp_path / "out.sh").symlink_to("/etc/hostname")
    read = reader(tmp_path)
    assert (read("/code/scripts/start.sh"), read("./scripts/start.sh"), read("../start.sh")) == ("here", "here", None)
    assert read("/out.sh") is None


def test_the_words_of_a_shell_keep_their_places() -> None:
    """Quotes, variables, redirections, comments."""
    text = 'A=1 run "a b" ${X:-y z} >out 2>&1 # no\nexit 1'
    found = list(commands(text))
    assert [each.words for each in found] == [("A=1", "run", '"a b"', "${X:-y z}"), ("exit", "1")]
    assert [text[start:end] for start, end in found[0].spans] == list(found[0].words)
    assert (shell_at(["sh", "-c", "x"]), shell_at(["sh", "x"]), shell_at(["tini", "--", "bash", "-lc", "x"])) == (
        2,
        -1,
        4,
    )


def test_a_path_of_a_health_check_is_the_ready_path(tmp_path: Path) -> None:
    """In whatever program it is written, as far as no shell is needed to tell."""
    for check, expected in (
        ("CMD python -c \"import urllib.request as r; r.urlopen('http://127.0.0.1:80/up?deep=1')\"", "/up?deep=1"),
        ('CMD ["curl", "-f", "http://localhost:8000/health"]', "/health"),
        ("CMD wget -q http://localhost/up>/dev/null", "/up"),
        ("CMD curl http://localhost/${UP}", ""),
        ("NONE", ""),
    ):
        (tmp_path / "Dockerfile").write_text(f"FROM x\nHEALTHCHECK --interval=5s {check}\n")
        assert look_at(tmp_path).ready_path == expected


def test_a_command_and_its_text_are_the_same_words() -> None:
    """Whatever is quoted in them."""
    words = template(shlex.split("uvicorn 'my app:x' --root-path \"/it's\""))
    assert shlex.split(command_text(words)) == words


def test_apps_that_the_source_names_serve_where_the_start_is_not_understood(tmp_path: Path) -> None:
    """And a note says that it was replaced."""
    (tmp_path / "Dockerfile").write_text('FROM x\nENTRYPOINT ["myapp"]\nCMD ["serve"]\n')
    (tmp_path / "main.py").write_text(MAIN)
    look = look_at(tmp_path)
    assert list(find_apps(tmp_path)) == ["main:app"]
    assert (look.start.target, look.ready_path, look.paths) == ("main:app", "/openapi.json", ("/openapi.json",))
    assert "ENTRYPOINT and CMD of the image is not understood" in look.start.notes[0]
    assert read_dockerfile((tmp_path / "Dockerfile").read_text()).stage().config["Cmd"] == ["serve"]
