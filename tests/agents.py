"""The agent as a child of the test: what it does in a container, without one."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, cast

from lab.agent.conversation import Conversation
from tests.launched import ending

ROOT = Path(__file__).parents[1]
DEADLINE_S = 60.0
OWN_FOLDER = 'mount -t tmpfs tmpfs "$0" && exec "$@"'


class Pipes:
    """The standard streams of a child, in place of those of a container."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._in, self._out = cast(IO[bytes], process.stdin), cast(IO[bytes], process.stdout)

    def read(self) -> bytes:
        return os.read(self._out.fileno(), 65536)

    def write(self, data: bytes) -> None:
        if self._in.closed:
            raise BrokenPipeError
        self._in.write(data)

    def close(self) -> None:
        self._in.close()


@contextmanager
def agent(*changed: str, apart: Path | None = None) -> Iterator[tuple[Conversation, subprocess.Popen[bytes]]]:
    """The program in a process of its own, and the lab's side of the conversation.

    ``apart``: a folder of which it has one of its own, empty, as on another machine. Needs root.
    """
    command = [*(["unshare", "--mount", "sh", "-c", OWN_FOLDER, str(apart)] if apart else ())]
    command += [sys.executable, "-m", "lab.agent", *changed]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0) as process:
        talk = Conversation(Pipes(process), lambda: "some last words")
        with ending(process):
            try:
                yield talk, process
            finally:
                talk.close()
                process.wait(DEADLINE_S)
