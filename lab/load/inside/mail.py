"""Locust's own messages between its master and its workers. The lab carries them, see lab.load.relay.

They take the place of Locust's sockets, so that no port is opened, and neither side needs a way to the other's network.
"""

from base64 import b64decode, b64encode
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import gevent
import locust.runners
from gevent.queue import Queue
from locust.rpc import Message

from lab.host.jsonlines import line_of
from lab.load.inside.hooks import die, end_with


class Mail:
    """One end, with the methods of Locust's sockets (locust.rpc.zmqrpc).

    What it sends is a line of the file ``said``. ``host``: what a worker asks, whatever its master tells.
    """

    def __init__(self, said: Path, host: str = "") -> None:
        self._said = said.open("xb", buffering=0)
        self._host = host
        self._heard: Queue[Any] = Queue()
        self.silent = False
        """Nothing is to be said any more."""

    def take_the_place(self) -> None:
        """Let the runner that Locust makes next send and receive here."""
        for end in ("Server", "Client"):
            setattr(locust.runners.rpc, end, lambda *_: self)

    def divert(self, told: Iterator[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
        """Take Locust's messages out of the lab's orders, from now on; the others come as before."""
        others: Queue[Mapping[str, Any] | None] = Queue()

        def sort() -> None:
            for order in told:
                if "mail" in order:
                    self.hear(order)
                else:
                    others.put(order)

        gevent.spawn(sort).link_exception(die)
        return iter(others.get, None)

    def hear(self, order: Mapping[str, Any]) -> None:
        """Take a message that the lab has brought."""
        message = Message.unserialize(b64decode(order["mail"]))
        if self._host and message.type == "spawn":
            message.data["host"] = self._host
        self._heard.put(message)

    def send(self, message: Any) -> None:
        """Send to the master, or to the worker that the message names: either way it names the worker."""
        if self.silent:
            return
        line = {"worker": message.node_id, "mail": b64encode(message.serialize()).decode()}
        try:
            self._said.write(line_of(line))
        except OSError as error:  # Locust would log it and go on
            end_with(error)

    send_to_client = send

    def recv(self) -> Any:
        """The next message of the master, waited for."""
        return self._heard.get()

    def recv_from_client(self) -> tuple[str, Any]:
        """The next message of a worker, waited for, and which one."""
        message = self._heard.get()
        return message.node_id, message

    def close(self, linger: int | None = None) -> None:
        """The file ends with the process."""
