"""The lab's side of the web process: what it hears, in which order, and what it makes of a death."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.errors import LoadError, MissingError
from lab.host.jsonlines import Lines
from lab.load.inside.status import EXIT_DISK, Status
from lab.load.web.process import WebProcess
from tests.load_runs import make_plan

DEADLINE_S = 60.0
WAITING = "import sys; sys.stdin.read()"


class Web:
    """A web process whose Locust is any program, and whose words are the test's."""

    def __init__(self, directory: Path) -> None:
        self.plan = make_plan(directory / "locustfile.py", "http://127.0.0.1:20000", directory, rate=None)
        self.plan.log_file(0).write_text("first words\nlast words\n")
        ours, self.other = socket.socketpair()
        self.lines = Lines(ours, ours)
        self.child: subprocess.Popen[bytes] | None = None

    def start(self, program: str) -> WebProcess:
        self.child = subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE)
        return WebProcess(self.plan, self.child, self.lines)

    def end(self) -> None:
        self.other.close()
        self.lines.close()
        if self.child and self.child.stdin:
            self.child.stdin.close()
            self.child.wait(DEADLINE_S)


@pytest.fixture
def web(tmp_path: Path) -> Iterator[Web]:
    made = Web(tmp_path)
    yield made
    made.end()


def test_a_wish_that_crosses_an_answer_is_not_lost(web: Web) -> None:
    """The button may be pressed while the users are being stopped."""
    process = web.start(WAITING)
    web.other.sendall(b'{"said": "end"}\n{"said": "closed", "status": {"lanes": 3}}\n')

    assert process.close() == Status(lanes=3)
    assert process.wish(0.0) == {"said": "end"}
    assert process.wish(0.0) is None
    assert web.other.recv(100) == b'{"do": "close"}\n'


def test_a_refusal_is_the_error_that_the_locustfile_deserves(web: Web) -> None:
    """Message and hint come from where it was read."""
    process = web.start(WAITING)
    web.other.sendall(b'{"said": "refused", "refusal": {"message": "no User class", "hint": "define one"}}\n')

    with pytest.raises(LoadError, match="no User class") as caught:
        process.wait_until_it_listens()
    assert caught.value.hint == "define one"


@pytest.mark.parametrize(
    ("program", "error", "sentence"),
    [
        ("raise SystemExit(70)", LoadError, "Locust ended early with exit code 70"),
        (f"raise SystemExit({EXIT_DISK})", MissingError, "No space left on device"),
        (f"import os; os.kill(os.getpid(), {int(signal.SIGKILL)})", LoadError, "Locust was killed by SIGKILL"),
    ],
)
def test_a_death_is_told_as_what_it_was(
    web: Web, program: str, error: type[Exception], sentence: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the end of the log; and the page is known to be gone."""
    monkeypatch.setattr("lab.load.web.process.QUIT_S", DEADLINE_S)  # here it has to start first
    process = web.start(program)
    web.other.close()

    with pytest.raises(error, match=sentence) as caught:
        process.wish(1.0)
    assert process.dead
    assert error is MissingError or "last words" in getattr(caught.value, "hint", "")
