"""A tiny HTTP server for the tests of the load stage: keep-alive, slow, failing and hanging answers, nothing else."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import ssl
import threading
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from urllib.parse import parse_qs, urlsplit

PATIENCE_S = 60.0  # with its thread, on a busy machine


@dataclass
class FakeServer:
    """``GET /any?ms=&status=&to=&tail_ms=&hang=&close=&upstream=&nobody=`` answers as told; ``seen`` counts paths."""

    served_by: str = "fake-1"
    port: int = 0
    tls: ssl.SSLContext | None = None
    seen: Counter[str] = field(default_factory=Counter)
    paths: list[str] = field(default_factory=list)
    connections: int = 0
    client_ports: set[int] = field(default_factory=set)

    @property
    def url(self) -> str:
        return f"{'https' if self.tls else 'http'}://127.0.0.1:{self.port}"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.client_ports.add(writer.get_extra_info("peername")[1])
        try:
            with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
                while await self._answer(reader, writer):
                    pass
        finally:
            writer.transport.abort()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        request_line, _, headers = head.partition("\r\n")
        method, target, _ = request_line.split()
        for line in headers.splitlines():
            if line.lower().startswith("content-length:"):
                await reader.readexactly(int(line.partition(":")[2]))
        url = urlsplit(target)
        asked = {key: values[0] for key, values in parse_qs(url.query).items()}
        self.seen[f"{method} {url.path}"] += 1
        self.paths.append(target)
        if "ms" in asked:
            await asyncio.sleep(float(asked["ms"]) / 1000)
        if "hang" in asked:
            await asyncio.sleep(3600)
        if "close" in asked:
            return False
        body = json.dumps({"path": url.path}).encode()
        writer.write(self._head(asked, len(body)) + body[:5])
        if "tail_ms" in asked:
            await writer.drain()
            await asyncio.sleep(float(asked["tail_ms"]) / 1000)
        writer.write(body[5:])
        await writer.drain()
        return True

    def _head(self, asked: dict[str, str], length: int) -> bytes:
        lines = [f"HTTP/1.1 {asked.get('status', '200')} Fake", f"content-length: {length}"]
        if "nobody" not in asked:
            lines.append(f"x-served-by: {self.served_by}")
        if "upstream" in asked:
            lines.append(f"X-Lab-Upstream: 127.0.0.1:1, {asked['upstream']}")
        if "to" in asked:
            lines.append(f"location: {asked['to']}")
        if "count" in asked:
            lines.append(f"x-count: {self.seen.total()}")
        return ("\r\n".join([*lines, "content-type: application/json"]) + "\r\n\r\n").encode()


@contextlib.asynccontextmanager
async def listening(server: FakeServer) -> AsyncIterator[asyncio.Server]:
    listener = await asyncio.start_server(server.serve, "127.0.0.1", server.port, ssl=server.tls)
    server.port = listener.sockets[0].getsockname()[1]
    try:
        yield listener
    finally:
        listener.close()


@contextmanager
def fake_server(served_by: str = "fake-1", tls: ssl.SSLContext | None = None) -> Iterator[FakeServer]:
    """A server in a thread of this process."""
    server = FakeServer(served_by, tls=tls)
    loop = asyncio.new_event_loop()
    started = threading.Event()

    async def run() -> None:
        async with listening(server):
            started.set()
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.Event().wait()

    task = loop.create_task(run())
    thread = threading.Thread(target=loop.run_until_complete, args=(task,), daemon=True)
    thread.start()
    assert started.wait(PATIENCE_S), "the server does not start"
    try:
        yield server
    finally:
        loop.call_soon_threadsafe(task.cancel)
        thread.join(PATIENCE_S)
        loop.run_until_complete(_end_connections())
        loop.close()


async def _end_connections() -> None:
    connections = asyncio.all_tasks() - {asyncio.current_task()}
    for connection in connections:
        connection.cancel()
    await asyncio.gather(*connections, return_exceptions=True)
    await asyncio.sleep(0)  # aborted transports close in the loop's next turn


def main() -> None:
    """Serve until killed: `python -m tests.fake_server --port 18080`."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    port: int = parser.parse_args().port

    async def run() -> None:
        async with listening(FakeServer(port=port)) as listener:
            await listener.serve_forever()

    asyncio.run(run())


if __name__ == "__main__":
    main()
