"""The process that copies of forked_loads.py are made of: ``python -P locust_original.py FD``, a socket for orders.

It imports what a load process does, as a load process does, and forks at each order. Locust's import patches what
waits, so what is called here is taken before it: nothing of gevent may run in a process that is copied.
"""

from __future__ import annotations

import importlib.util
import json
import os
import socket
import sys
from collections.abc import Mapping
from pathlib import Path
from select import select
from typing import Any

BOOT = Path(__file__).parent.parent / "lab" / "load" / "inside" / "boot.py"
MESSAGE = 2**18
FDS = 2  # that come with an order: a copy's standard input, and its log
fork = os.fork


def serve(orders: socket.socket) -> None:
    """Make copies, and say how they end. Returns in a copy; ends with the other side."""
    living: dict[int, int] = {}  # pidfd → pid
    while True:
        for ready in select([orders.fileno(), *living], [], [])[0]:
            if ready in living:
                ended = os.waitid(os.P_PID, living.pop(ready), os.WEXITED)
                os.close(ready)
                assert ended is not None
                orders.send(json.dumps({"pid": ended.si_pid, "how": [ended.si_code, ended.si_status]}).encode())
                continue
            order, fds, _, _ = socket.recv_fds(orders, MESSAGE, FDS)
            if not order:
                os._exit(0)
            pid = fork()
            if pid == 0:
                for other in (orders.detach(), *living):
                    os.close(other)
                become(json.loads(order), *fds)
                return
            living[os.pidfd_open(pid)] = pid
            for fd in fds:
                os.close(fd)
            orders.send(json.dumps({"forked": pid}).encode())


def become(order: Mapping[str, Any], orders: int, log: int) -> None:
    """A process as the lab starts it: a group of its own, with its environment, folder, standard input and log."""
    os.setsid()
    os.environ.clear()
    os.environ.update(order["environment"])
    os.chdir(order["cwd"])
    for fd, place in ((orders, 0), (log, 1), (log, 2)):
        os.dup2(fd, place)
    os.close(orders)
    os.close(log)


if __name__ == "__main__":
    spec = importlib.util.spec_from_file_location("boot", BOOT)
    assert spec is not None
    assert spec.loader is not None
    boot = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(boot)
    boot.import_package()
    from lab.load.inside import plugin

    serve(socket.socket(fileno=int(sys.argv[1])))
    plugin.main()
