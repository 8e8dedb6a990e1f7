"""The program of the front: python3 turnstile.py KEY BACKLOG LISTEN UPSTREAM..."""

from __future__ import annotations

import asyncio
import itertools
import re
import sys
from pathlib import Path

LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)


async def upwards(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Requests pass as they are."""
    while data := await reader.read(65536):
        writer.write(data)
    writer.close()


async def downwards(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, address: str) -> None:
    """Answers get a header that says who gave them."""
    while True:
        head = await reader.readuntil(b"\r\n\r\n")
        length = LENGTH.search(head)
        body = await reader.readexactly(int(length[1]) if length else 0)
        writer.write(head[:-2] + f"X-Turnstile: {address}\r\n\r\n".encode() + body)
        await writer.drain()


async def serve(backlog: int, listen: str, upstreams: list[str]) -> None:
    """Every connection gets one of its own to the next upstream."""
    turn = itertools.cycle(upstreams)

    async def pair(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        address = next(turn)
        host, port = address.split(":")
        try:
            back, forth = await asyncio.open_connection(host, int(port))
            await asyncio.gather(upwards(reader, forth), downwards(back, writer, address))
        except (OSError, asyncio.IncompleteReadError):
            pass  # one side has closed
        finally:
            writer.close()

    host, port = listen.split(":")
    async with await asyncio.start_server(pair, host, int(port), backlog=backlog) as server:
        await server.serve_forever()


if __name__ == "__main__":
    key, backlog, listen, *upstreams = sys.argv[1:]
    if not Path(key).read_bytes():
        raise SystemExit("no key")
    asyncio.run(serve(int(backlog), listen, upstreams))
