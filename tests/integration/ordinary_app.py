"""An app as people write it: a router whose path is "/", an upload, a live feed, a stream of events."""

import asyncio
from collections.abc import AsyncIterator
from threading import Semaphore

from fastapi import APIRouter, FastAPI, HTTPException, Request, WebSocket
from fastapi.responses import StreamingResponse

EVENTS, LOOK_S = 10, 0.01
ARRIVED = Semaphore(0)  # released by the client of this process for each event that it has got
app = FastAPI()
orders = APIRouter(prefix="/orders")


@app.get("/")
async def ready() -> dict[str, bool]:
    return {"ready": True}


@orders.get("/")
async def listing() -> list[int]:
    return [1, 2, 3]


@orders.post("/", status_code=201)
async def place(request: Request) -> dict[str, str]:
    return {"self": str(request.url_for("listing"))}


@app.post("/upload")
async def upload(request: Request) -> dict[str, int]:
    return {"bytes": len(await request.body())}


@app.get("/passed-on")
async def passed_on() -> None:
    raise HTTPException(502, "the model server is not there")


@app.websocket("/feed")
async def feed(socket: WebSocket) -> None:
    await socket.accept()
    await socket.send_text("news")
    await socket.send_text(f"answer to {await socket.receive_text()}")


async def events() -> AsyncIterator[str]:
    """Each is sent when the one before has arrived: whoever holds one back gets no other."""
    for number in range(EVENTS):
        yield f"data: {number}\n\n"
        while not ARRIVED.acquire(blocking=False):
            await asyncio.sleep(LOOK_S)


@app.get("/events")
async def stream() -> StreamingResponse:
    return StreamingResponse(events(), media_type="text/event-stream")


app.include_router(orders)
