"""What `lab init` writes starts: images as people have them, from their Dockerfile to a report."""

import shutil
from pathlib import Path

import pytest

from tests.e2e.conftest import ON_THE_ENGINE, REPOSITORY, edit, lab, run_valid

pytestmark = [*ON_THE_ENGINE, pytest.mark.alone]

HEAD = """# syntax=docker/dockerfile:1
ARG PYTHON_IMAGE=python:3.14
FROM ${PYTHON_IMAGE} AS base
ARG PIP_NO_INDEX PIP_FIND_LINKS
WORKDIR /code
COPY requirements.txt .wheelhouse* /wheels/
RUN --mount=type=cache,target=/root/.cache/pip python3 -m venv --without-pip /opt/venv \\
    && pip --python /opt/venv/bin/python install --require-hashes --requirement /wheels/requirements.txt
ENV PATH=/opt/venv/bin:$PATH
COPY --chmod=755 init.py start.sh /code/
COPY ./app /code/app
"""
# The first three are FastAPI's page on containers, word for word; the others are what images of today begin with.
STARTS = {
    "page": 'CMD ["fastapi", "run", "app/main.py", "--proxy-headers", "--port", "80"]',
    "page-workers": 'CMD ["fastapi", "run", "app/main.py", "--port", "80", "--workers", "4"]',
    "page-shell": "CMD fastapi run app/main.py --port 80",
    "init": 'ENTRYPOINT ["python3", "/code/init.py"]\nCMD ["uvicorn", "app.main:app", "--port", "80"]',
    "entrypoint": 'ENTRYPOINT ["uvicorn"]\nFROM base AS last\nCMD ["app.main:app", "--port", "80"]',
    "shell": 'CMD ["sh", "-c", "echo migrated && exec /opt/venv/bin/uvicorn app.main:app --port ${PORT:-80}"]',
    "script": 'CMD ["./start.sh"]',
    "python": 'CMD ["python", "app/main.py"]',
}
APP = """
from fastapi import FastAPI

app = FastAPI()


@app.get("/")
def read_root():
    return {"Hello": "World"}


if __name__ == "__main__":
    import uvicorn

    uvicorn.run(app, host="0.0.0.0", port=80)
"""
INIT = """import os
import signal
import sys

child = os.fork()
if child == 0:
    os.execvp(sys.argv[1], sys.argv[1:])
signal.signal(signal.SIGTERM, lambda number, _frame: os.kill(child, number))
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) & 0xFF)
"""


def project(folder: Path, start: str) -> Path:
    """A project that starts like this."""
    folder.mkdir()
    (folder / "app").mkdir()
    (folder / "app" / "main.py").write_text(APP)
    (folder / "init.py").write_text(INIT)
    (folder / "start.sh").write_text("#!/bin/sh\nset -e\nexec uvicorn app.main:app --host 0.0.0.0 --port 80\n")
    shutil.copy(REPOSITORY / "requirements" / "app.txt", folder / "requirements.txt")
    (folder / "Dockerfile").write_text(HEAD + start + "\n")
    return folder


def quick(scenario: Path) -> Path:
    """The scenario with one short trial of each arm."""
    for old, new in (
        ('warmup = "5s"', 'warmup = "1s"'),
        ('measure = "10s"', 'measure = "2s"'),
        ("rate = 100", "rate = 200"),
    ):
        edit(scenario, old, new)
    return scenario


@pytest.mark.parametrize("start", STARTS)
def test_an_image_runs_as_lab_init_writes_it(tmp_path: Path, start: str) -> None:
    """No flag but the folder, and no edit: three arms answer, one of them behind an init, a shell or a script."""
    made = lab(
        "init", "--folder", project(tmp_path / "shop", STARTS[start]), "--processes", 2, "--out", tmp_path / "mine"
    )
    assert made.code == 0, made.err
    done = run_valid(quick(tmp_path / "mine" / "scenario.toml"), "--blocks", "1", "--out", tmp_path / "runs")

    assert done.code == 0, done.err
    assert Path(done.out.splitlines()[-1].removeprefix("report: ")).is_file()


def test_the_example_with_a_database_runs_from_its_compose_file(tmp_path: Path) -> None:
    """PostgreSQL, Redis and the migrations, as its compose file has them."""
    compose = REPOSITORY / "examples" / "notes" / "compose.yaml"
    made = lab("init", "--compose", compose, "--processes", 2, "--out", tmp_path / "mine")
    assert made.code == 0, made.err
    done = run_valid(quick(tmp_path / "mine" / "scenario.toml"), "--blocks", "1", "--out", tmp_path / "runs")

    assert done.code == 0, done.err
