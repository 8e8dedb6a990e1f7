"""A server with a known service time, which logs by its own clock when it received a request and when it answered.

One thread and one ``select``, whose timeout has microseconds: an event loop's timers have whole milliseconds.
"""

from __future__ import annotations

import select
import signal
import socket
import subprocess
import sys
from array import array
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

import numpy as np
import numpy.typing as npt

BODY = b'{"Hello":"World"}'
RESPONSE = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%b" % (len(BODY), BODY)
READ_BYTES = 65536
DEADLINE_S = 10.0

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class KnownServer:
    """A running server: its process, its URL, and where its log will be when it has ended."""

    pid: int
    url: str
    log: Path

    def service_times(self, start_s: float = -np.inf, end_s: float = np.inf) -> Floats:
        """Seconds from receive to send of the requests received in [start_s, end_s); after the server has ended."""
        received, sent = np.fromfile(self.log).reshape(-1, 2).T
        inside = (received >= start_s) & (received < end_s)
        times: Floats = (sent - received)[inside]
        return times


@contextmanager
def known_server(service_s: float, directory: Path) -> Iterator[KnownServer]:
    """The server in a process of its own; its log is complete when this ends."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=512)
    log = directory / "server.log"
    command = [sys.executable, "-m", "benchmarks.known.server", str(listener.fileno()), str(service_s), str(log)]
    process = subprocess.Popen(command, pass_fds=[listener.fileno()])
    try:
        with listener:
            port = listener.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port), DEADLINE_S) as first:  # answered once it serves
            first.sendall(b"GET / HTTP/1.1\r\n\r\n")
            first.recv(READ_BYTES)
        yield KnownServer(process.pid, f"http://127.0.0.1:{port}", log)
    finally:
        process.send_signal(signal.SIGCONT)
        process.terminate()
        process.wait(DEADLINE_S)


def serve(listener: socket.socket, service_s: float, stop: socket.socket) -> array[float]:
    """Answer every request ``service_s`` after its receipt until ``stop`` is readable; (received, sent) of each."""
    log = array("d")
    connections: set[socket.socket] = set()
    waiting: deque[tuple[float, socket.socket]] = deque()  # one service time, so first in is first out
    while True:
        timeout = max(0.0, waiting[0][0] + service_s - perf_counter()) if waiting else None
        ready, _, _ = select.select([stop, listener, *connections], [], [], timeout)
        received_s = perf_counter()
        if stop in ready:
            return log
        for source in ready:
            if source is listener:
                connection, _ = listener.accept()
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                connections.add(connection)
            elif _request_came(source):
                waiting.append((received_s, source))
            else:
                connections.discard(source)
                source.close()
        while waiting and waiting[0][0] + service_s <= perf_counter():
            received_s, connection = waiting.popleft()
            sent_s = perf_counter()
            if connection in connections:
                connection.send(RESPONSE)
            log.extend((received_s, sent_s))


def _request_came(connection: socket.socket) -> bool:
    """Each client here sends a request in one segment and the next one only after the answer."""
    try:
        return bool(connection.recv(READ_BYTES))
    except ConnectionResetError:
        return False


def main(descriptor: str, service_s: str, log: str) -> None:
    """Serve on an inherited listener until SIGTERM, then write the log."""
    stop, awakened = socket.socketpair()
    awakened.setblocking(False)
    signal.signal(signal.SIGTERM, lambda *_: None)
    signal.set_wakeup_fd(awakened.fileno())
    with socket.socket(fileno=int(descriptor)) as listener:
        found = serve(listener, float(service_s), stop)
    with Path(log).open("wb") as file:
        found.tofile(file)


if __name__ == "__main__":
    main(*sys.argv[1:])
