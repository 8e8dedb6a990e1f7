"""An engine behind SSH: one ssh carries its socket, from the first request to the end of the lab."""

from __future__ import annotations

import http.server
import socketserver
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest

from lab.engines.docker import tunnel as tunnels
from lab.engines.docker.connection import connect
from lab.engines.docker.tunnel import Tunnelled, tunnel
from lab.errors import MissingError
from lab.scenario.nodes import Node

SSH = """#!{python}
import os, socket, sys, threading
arguments = sys.argv[1:]
open({told!r}, "a").write(" ".join(arguments) + "\\n")
if "slow@far" in arguments:
    sys.stdin.read()
    sys.exit()
if "mute@far" in arguments:
    sys.exit(7)
if "talks@far" in arguments:
    sys.stderr.write("channel 3: open failed\\n" * 10_000)
    sys.stderr.flush()
if "nobody@far" in arguments:
    sys.exit("nobody@far: Permission denied (publickey).")
here, _, there = arguments[arguments.index("-L") + 1].partition(":")
gate = socket.socket(socket.AF_UNIX)
gate.bind(here)
gate.listen()

def carry(source, target):
    while data := source.recv(65536):
        target.sendall(data)
    target.shutdown(socket.SHUT_WR)

def serve():
    while True:
        client, _ = gate.accept()
        engine = socket.socket(socket.AF_UNIX)
        engine.connect(there)
        for pair in ((client, engine), (engine, client)):
            threading.Thread(target=carry, args=pair, daemon=True).start()

threading.Thread(target=serve, daemon=True).start()
sys.stdin.read()
"""
DEADLINE_S = 60.0


class Pings(http.server.BaseHTTPRequestHandler):
    """An engine that is there and says nothing else."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b'{"ApiVersion": "1.41"}')

    def address_string(self) -> str:
        return ""

    def log_message(self, *_: object) -> None:
        """Silence."""


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Path]:
    """A socket at which an engine answers."""
    path = tmp_path / "engine.sock"
    with socketserver.ThreadingUnixStreamServer(str(path), Pings) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield path
        server.shutdown()


@pytest.fixture
def told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """What a program called ``ssh`` was told; it carries a socket of this machine."""
    told = tmp_path / "told"
    (tmp_path / "bin").mkdir()
    program = tmp_path / "bin" / "ssh"
    program.write_text(SSH.format(python=sys.executable, told=str(told)))
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(program.parent), prepend=":")
    tunnels._held.cache_clear()
    yield told
    tunnels._held.cache_clear()


def ours(path: Path) -> list[psutil.Process]:
    """The ssh processes that carry that socket."""
    return [child for child in psutil.Process().children() if any(str(path) in word for word in words(child))]


def words(process: psutil.Process) -> list[str]:
    """Its command line; none of one that ends while it is looked at."""
    try:
        return list(process.cmdline())
    except psutil.NoSuchProcess:
        return []


def test_one_ssh_carries_all_requests_and_comes_again(engine: Path, told: Path) -> None:
    """Whatever asks for that engine shares it; one that was lost is started again; it ends with its input."""
    node = Node(name="gen", engine=f"ssh://me@far:2200{engine}")
    for _ in range(2):
        with closing(connect(node)) as client:
            assert isinstance(client, Tunnelled)
            assert client.version()["ApiVersion"] == "1.41"
    assert len(told.read_text().splitlines()) == 1
    words = told.read_text().split()
    assert words[words.index("-p") + 1] == "2200"
    assert words[-2:] == ["me@far", "cat"]
    assert "BatchMode=yes" in words

    (first,) = ours(engine)
    first.kill()
    first.wait(DEADLINE_S)
    with closing(connect(node)) as client:
        assert client.version()["ApiVersion"] == "1.41"
    assert len(told.read_text().splitlines()) == 2

    held = tunnels._held(node.engine)
    folder = held._socket.parent
    held._stack.close()
    give_up_at = time.monotonic() + DEADLINE_S
    while ours(engine) and time.monotonic() < give_up_at:
        time.sleep(0.01)
    assert not ours(engine)
    assert not folder.exists()


def test_where_ssh_does_not_get_is_a_sentence_that_names_the_node(told: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With what ssh said, and what has to work; without the program too."""
    with pytest.raises(MissingError, match=r"at ssh://nobody@far \(node gen\): .*Permission denied") as refused:
        connect(Node(name="gen", engine="ssh://nobody@far"))
    assert "`ssh nobody@far`" in refused.value.hint
    with pytest.raises(MissingError, match="ssh does not reach mute@far: exit code 7"):
        tunnel("ssh://mute@far")
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(MissingError, match="the program ssh, which is not here"):
        tunnel("ssh://me@other")


def test_an_ssh_that_says_much_goes_on(engine: Path, told: Path) -> None:
    """More than a pipe holds: of an engine that is gone it says a line for every request."""
    with closing(connect(Node(name="gen", engine=f"ssh://talks@far{engine}"))) as client:
        assert client.version()["ApiVersion"] == "1.41"
    assert len(told.read_text().splitlines()) == 1


def test_an_ssh_that_gets_nowhere_is_ended_and_tried_again(told: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else the next one who asks would be given a socket that never comes."""

    def begun() -> int:
        return len(told.read_text().splitlines()) if told.exists() else 0

    # The deadline has passed as soon as another ssh has begun, however long that takes.
    monkeypatch.setattr(tunnels, "time", SimpleNamespace(monotonic=lambda: 1000.0 * begun(), sleep=time.sleep))
    for tries in (1, 2):
        with pytest.raises(MissingError, match="ssh does not reach slow@far: no answer in 20 s"):
            tunnel("ssh://slow@far/none.sock")
        assert not ours(Path("none.sock"))
        assert begun() == tries


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("ssh://Gen1", ["Gen1"]),
        ("ssh://me@Gen1:2200/", ["-p", "2200", "me@Gen1"]),
        ("ssh://me@[fd00::2]:22/run/own.sock", ["-p", "22", "me@fd00::2"]),
    ],
)
def test_an_address_is_told_to_ssh_as_it_is_written(address: str, words: list[str]) -> None:
    """With its capitals, and the engine's socket there."""
    held = tunnels._Tunnel(address)
    assert held._way.split() == words
    assert held._command[-3:] == ["--", words[-1], "cat"]
    carried = held._command[held._command.index("-L") + 1]
    assert carried.partition(":")[2] == ("/run/own.sock" if "own.sock" in address else tunnels.ENGINE)
    held._stack.close()


@pytest.mark.parametrize("address", ["ssh://-oProxyCommand=id", "ssh://-x@far", "ssh://far:ssh", "ssh://a@b@c"])
def test_what_is_no_address_is_not_told_to_ssh(told: Path, address: str) -> None:
    """Least of all what it would take for an option."""
    with pytest.raises(MissingError, match=r"\(node gen\): that is no address of an engine"):
        connect(Node(name="gen", engine=address))
    assert not told.exists()
