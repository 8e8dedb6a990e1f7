"""The program of the model: python launcher.py TARGET HOST PORT PROCESSES PRELOAD."""

from __future__ import annotations

import importlib
import os
import signal
import socket
import sys
from pathlib import Path

import uvicorn


def main(target: str, host: str, port: str, processes: str, preload: str) -> None:
    """Fork N servers on one socket, and wait for them."""
    sys.path.insert(0, str(Path.cwd()))
    shared = socket.create_server((host, int(port)), backlog=2048)
    if preload == "True":
        importlib.import_module(target.partition(":")[0])
    children = [pid for _ in range(int(processes)) if (pid := fork(target, shared))]
    signal.signal(signal.SIGTERM, lambda *_: os.killpg(0, signal.SIGKILL))
    for child in children:
        os.waitpid(child, 0)


def fork(target: str, shared: socket.socket) -> int:
    """The child's pid; the child itself serves until it is told to end."""
    if pid := os.fork():
        return pid
    uvicorn.Server(uvicorn.Config(target, log_level="warning", access_log=False)).run(sockets=[shared])
    os._exit(0)


if __name__ == "__main__":
    main(*sys.argv[1:])
