"""The app of FastAPI's first tutorial page, and a route that says which process answers."""

from __future__ import annotations

import os

from fastapi import FastAPI

app = FastAPI()


@app.get("/")
def read_root() -> dict[str, str]:
    """Hello."""
    return {"Hello": "World"}


@app.get("/pid")
def read_pid() -> int:
    """The process, as it knows itself."""
    return os.getpid()
