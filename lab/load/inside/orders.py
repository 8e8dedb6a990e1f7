"""The lab's orders to a load process, which come on its standard input, a JSON object a line."""

import json
import os
import signal
import sys
from collections.abc import Iterator, Mapping
from typing import Any

import gevent.socket


def orders() -> Iterator[Mapping[str, Any]]:
    """Give each as it comes, while all else runs. Their end means that the lab is gone: so is this group then."""
    unread = b""
    while True:
        gevent.socket.wait_read(sys.stdin.fileno())
        said = os.read(sys.stdin.fileno(), 65536)
        if not said:
            os.killpg(os.getpgrp(), signal.SIGKILL)
        *lines, unread = (unread + said).split(b"\n")
        yield from map(json.loads, lines)
