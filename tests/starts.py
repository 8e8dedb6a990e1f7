"""Projects that start as people's images do, for the tests of what `lab init` writes of them."""

from __future__ import annotations

import shutil
from pathlib import Path

REPOSITORY = Path(__file__).parent.parent
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
    """A folder with a Dockerfile that starts like this one of ``STARTS``."""
    folder.mkdir()
    (folder / "app").mkdir()
    (folder / "app" / "main.py").write_text(APP)
    (folder / "init.py").write_text(INIT)
    (folder / "start.sh").write_text("#!/bin/sh\nset -e\nexec uvicorn app.main:app --host 0.0.0.0 --port 80\n")
    shutil.copy(REPOSITORY / "requirements" / "app.txt", folder / "requirements.txt")
    (folder / "Dockerfile").write_text(HEAD + STARTS[start] + "\n")
    return folder
