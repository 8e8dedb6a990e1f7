"""``python -m lab.agent``: the agent. Orders on standard input, answers on standard output, one JSON object a line.

It calls functions of the lab, and runs the lab's other programs, load processes and sampler, as its children. The end
of its orders is its end, and with it that of its container and of everything in it: a lab that dies leaves nothing.
"""

import os
import sys
from base64 import b64decode
from pathlib import Path

from lab.agent.calls import carry_out
from lab.agent.children import AgentChild, start_child
from lab.agent.mirror import Mirror
from lab.errors import LabError
from lab.host.jsonlines import Lines, Message

TICK_S = 0.05  # between two looks at children and files
SEND_S = 120.0  # between it and the lab is an engine, for which the lab waits as long: API_TIMEOUT_S


class Agent:
    """Obeys one lab."""

    def __init__(self, lab: Lines) -> None:
        self._lab = lab
        self._mirror = Mirror(lab.send)
        self._children: dict[str, AgentChild] = {}

    def serve(self) -> None:
        """Obey until the orders end."""
        self._lab.send(pid=os.getpid())
        while (order := self._lab.receive(TICK_S if self._children else None)) or not self._lab.ended:
            if order:
                self._obey(order)
            self._look()

    def _obey(self, order: Message) -> None:
        match order["do"]:
            case "call":
                self._call(order)
            case "put":
                path = Path(order["file"])
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(b64decode(order["data"]))
            case "watch":
                folder = Path(order["folder"])
                folder.mkdir(parents=True, exist_ok=True)
                self._mirror.watch(folder)
            case "forget":
                self._mirror.forget(Path(order["folder"]))
            case "start":
                child = self._children[order["child"]] = start_child(order)
                self._lab.send(child=order["child"], pid=child.pid)
            case _:
                if order["child"] in self._children:  # else it has ended, and the lab will hear of it
                    self._children[order["child"]].obey(order)

    def _call(self, order: Message) -> None:
        try:
            value = carry_out(order)
        except LabError as error:  # an expected failure is told to the lab, which shows it
            told = {"error": type(error).__name__, "message": str(error), "hint": error.hint}
        else:
            told = {"value": value}
        self._lab.send(call=order["call"], **told)

    def _look(self) -> None:
        self._mirror.look()
        for name, child in list(self._children.items()):
            ended = child.ended()  # before its last answers are heard and its last rows are read
            for said in child.answers():
                self._lab.send(child=name, said=said)
            if ended is not None:
                self._mirror.look()
                self._lab.send(child=name, ended=list(ended))
                child.forget()
                del self._children[name]


if __name__ == "__main__":
    Agent(Lines(sys.stdin, sys.stdout, SEND_S)).serve()
