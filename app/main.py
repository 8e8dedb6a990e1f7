"""FastAPI's own first steps, and end points that cost what they are asked to cost."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Any

from fastapi import Body, FastAPI, Query, Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.prestart import prestart
from app.process import burn_cpu, describe, hold_gil, make_ballast, server_name, tell_request
from app.settings import MAX_MS, settings_or_exit

SETTINGS = settings_or_exit()
BALLAST = make_ballast(SETTINGS.ballast_mb) if SETTINGS.ballast_at == "import" else []
prestart("import", SETTINGS)

Milliseconds = Annotated[float, Query(ge=0, le=MAX_MS, allow_inf_nan=False)]


class Served:
    """Say on every response which process made it, and burn EXTRA_CPU_MS on every request."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The ASGI interface; anything but HTTP passes unchanged."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        header = (b"x-served-by", server_name().encode())

        async def send_named(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), header]
            await send(message)

        if SETTINGS.log_requests:
            tell_request(dict(scope["headers"]).get(b"x-request-id", b""))
        if SETTINGS.extra_cpu_ms:
            burn_cpu(SETTINGS.extra_cpu_ms)
        await self.app(scope, receive, send_named)


class App(FastAPI):
    """FastAPI with ``Served`` outermost: ``add_middleware`` would leave it out of the answers to unhandled errors."""

    def build_middleware_stack(self) -> ASGIApp:
        """FastAPI's own stack, inside ``Served``."""
        return Served(super().build_middleware_stack())


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """The start-up step: wait, then hold the ballast for as long as the process serves."""
    prestart("lifespan", SETTINGS)
    await asyncio.sleep(SETTINGS.startup_ms / 1000)
    app.state.ballast = BALLAST or make_ballast(SETTINGS.ballast_mb)
    yield
    del app.state.ballast
    prestart("shutdown", SETTINGS)


app = App(title="App under test", lifespan=lifespan)


@app.get("/")
def read_root() -> dict[str, str]:
    """The first example of FastAPI's documentation."""
    return {"Hello": "World"}


@app.get("/items/{item_id}")
def read_item(item_id: int, q: str | None = None) -> dict[str, Any]:
    """The second example of FastAPI's documentation."""
    return {"item_id": item_id, "q": q}


@app.get("/cpu")
def use_cpu(ms: Milliseconds = 1.0) -> dict[str, float]:
    """Burn ``ms`` of CPU time in a thread of the pool, as plain ``def`` end points do."""
    burn_cpu(ms)
    return {"cpu_ms": ms}


@app.get("/io")
async def wait(ms: Milliseconds = 10.0) -> dict[str, float]:
    """Wait ``ms`` the asynchronous way: the process serves others meanwhile."""
    await asyncio.sleep(ms / 1000)
    return {"waited_ms": ms}


@app.get("/block")
async def block(ms: Milliseconds = 10.0, gil: bool = False) -> dict[str, float]:
    """Block the event loop for ``ms`` on purpose: the process serves nobody meanwhile.

    Its other threads go on, such as the one that answers a supervisor; with ``gil`` none of them does.
    """
    if gil:
        hold_gil(ms)
    else:
        time.sleep(ms / 1000)
    return {"blocked_ms": ms}


@app.get("/hold")
def hold(mb: Annotated[int, Query(ge=0, le=1_000_000)] = 1) -> dict[str, int]:
    """Hold ``mb`` × 10**6 bytes on purpose until this is answered, or until the kernel kills the process for it."""
    return {"held_mb": len(make_ballast(mb))}


@app.post("/echo")
def echo(document: Annotated[Any, Body()]) -> Any:
    """Return the JSON that was sent."""
    return document


@app.get("/ready")
async def ready() -> dict[str, bool]:
    """Answers once the start-up step is over."""
    return {"ready": True}


@app.get("/whoami")
async def whoami(request: Request) -> dict[str, Any]:
    """Which process this is and what serves it, and whom it takes the client for."""
    client = request.client.host if request.client else ""
    return {**describe(request.receive), "client": client, "scheme": request.url.scheme}
