"""An engine whose agents are heard late, as over a long cable: what it is asked otherwise, it answers as ever."""

from __future__ import annotations

import queue
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

SIZE = 65536
ATTACH = b"/attach?"  # how an agent's channel is asked for
Pieces = queue.SimpleQueue[tuple[float, bytes]]


@contextmanager
def late_channel(engine: Path, late_s: float) -> Iterator[str]:
    """Where an engine that has this socket answers by TCP, on this machine alone; channels are late, either way."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=_serve, args=(server, engine, late_s), daemon=True).start()
        try:
            yield f"tcp://127.0.0.1:{server.getsockname()[1]}"
        finally:
            with suppress(OSError):
                server.shutdown(socket.SHUT_RDWR)


def _serve(server: socket.socket, engine: Path, late_s: float) -> None:
    while True:
        try:
            asking, _ = server.accept()
        except OSError:  # over
            return
        threading.Thread(target=_carry, args=(asking, engine, late_s), daemon=True).start()


def _carry(asking: socket.socket, path: Path, late_s: float) -> None:
    """Carry what is said to the engine and back, until both are silent."""
    channel = threading.Event()  # a connection becomes one, also after other questions
    with asking, socket.socket(socket.AF_UNIX) as engine:
        engine.connect(str(path))
        both = ((asking, engine), (engine, asking))
        ways = [threading.Thread(target=_pump, args=(*way, channel, late_s), daemon=True) for way in both]
        for way in ways:
            way.start()
        for way in ways:
            way.join()


def _pump(here: socket.socket, there: socket.socket, channel: threading.Event, late_s: float) -> None:
    """Each piece so much later than it came; the end of a side is its other one's, too."""
    pieces = Pieces()
    threading.Thread(target=_listen, args=(here, pieces), daemon=True).start()
    while True:
        came_s, piece = pieces.get()
        if channel.is_set():
            time.sleep(max(0.0, came_s + late_s - time.monotonic()))
        elif ATTACH in piece.partition(b"\r\n")[0]:
            channel.set()
        try:
            if not piece:
                there.shutdown(socket.SHUT_WR)
                return
            there.sendall(piece)
        except OSError:  # who should hear it has gone
            return


def _listen(here: socket.socket, pieces: Pieces) -> None:
    piece = b"first"
    while piece:
        piece = _heard(here)
        pieces.put((time.monotonic(), piece))


def _heard(here: socket.socket) -> bytes:
    """What comes next; empty when nothing will."""
    try:
        return here.recv(SIZE)
    except OSError:
        return b""
