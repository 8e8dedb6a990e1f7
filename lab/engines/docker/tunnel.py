"""Reach an engine by SSH: one connection of the system's ssh, which carries the engine's socket to a socket here.

The SDK's own way takes another library, knows little of ~/.ssh/config, and with the system's ssh makes a connection for
every request, of which a server refuses the eleventh (sshd_config, MaxStartups). Here whatever lets `ssh user@host` in
lets the lab in: keys, agents, jump hosts, aliases.
"""

import atexit
import re
import socket
import subprocess
import time
from contextlib import ExitStack
from functools import cache

import docker

from lab.errors import MissingError
from lab.host.places import scratch

SCHEME = "ssh://"
# Neither user nor host begins with a dash: ssh would take it for an option, of which some run commands here.
ADDRESS = re.compile(
    r"ssh://(?:(?P<user>[^\s@/:-][^\s@/:]*)@)?(?:\[(?P<numbers>[0-9a-fA-F:.]+)\]|(?P<host>[^\s@/:\[-][^\s@/:]*))"
    r"(?::(?P<port>\d{1,5}))?(?P<socket>/\S+)?/?"
)
ENGINE = "/var/run/docker.sock"  # there, unless the address has a path
DEADLINE_S = 20.0
LOOK_S = 0.02
END_S = 5.0
OPTIONS = (
    *("-o", "BatchMode=yes"),  # nobody is asked for a password: it would be asked in the middle of a screen
    *("-o", "ExitOnForwardFailure=yes", "-o", f"ConnectTimeout={DEADLINE_S:.0f}"),
    *("-o", "ServerAliveInterval=5", "-o", "ServerAliveCountMax=3"),  # a node that is gone is noticed
    *("-o", "ControlMaster=no", "-o", "ControlPath=none"),  # a shared connection would not end with the lab
)
SAY_HINT = "`ssh {}` has to let this user in without a question, and the user there has to be allowed to use Docker"


class Tunnelled(docker.DockerClient):
    """A client of an engine that is reached through a socket of this machine, and is another machine's."""


def tunnel(address: str) -> str:
    """Where an engine "ssh://[user@]host[:port][/socket]" answers here: "unix://…", the same each time.

    Raises MissingError where ssh does not get there.
    """
    held = _held(address)
    if held.poll() is not None:
        held.start()
    return held.host


class _Tunnel:
    """An ssh that carries the socket; its command there ends with its input, and so it ends with the lab."""

    def __init__(self, address: str) -> None:
        at = ADDRESS.fullmatch(address)
        if at is None:
            raise MissingError("that is no address of an engine", "write ssh://[user@]host[:port][/socket]")
        host = at["host"] or at["numbers"]  # as it is written: names in ~/.ssh/config have capitals
        self._target = f"{at['user']}@{host}" if at["user"] else host
        self._stack = ExitStack()
        atexit.register(self._stack.close)
        folder = self._stack.enter_context(scratch("ssh"))
        self._socket, self._said = folder / "docker.sock", folder / "ssh.log"
        self.host = f"unix://{self._socket}"
        port = ["-p", at["port"]] if at["port"] else []
        self._way = " ".join([*port, self._target])
        carried = f"{self._socket}:{at['socket'] or ENGINE}"
        self._command = ["ssh", "-T", *OPTIONS, *port, "-L", carried, "--", self._target, "cat"]
        self._process: subprocess.Popen[bytes] | None = None

    def poll(self) -> int | None:
        """Its exit code; None while it lives, -1 before it was started."""
        return self._process.poll() if self._process else -1

    def start(self) -> None:
        """Start it, and return once the socket is there. Raises MissingError."""
        self._socket.unlink(missing_ok=True)
        process = self._process = self._begun()
        self._stack.callback(_end, process)
        give_up_at = time.monotonic() + DEADLINE_S
        while not self._listens():
            if process.poll() is not None or time.monotonic() > give_up_at:
                told = f"ssh does not reach {self._target}: {self._last_words(process.poll())}"
                _end(process)  # or the next one who asks would take it for a way
                raise MissingError(told, SAY_HINT.format(self._way))
            time.sleep(LOOK_S)

    def _begun(self) -> "subprocess.Popen[bytes]":
        """What it says goes to a file: a pipe that nobody reads holds only so much, and then ssh would stand still."""
        try:
            with self._said.open("wb") as said:
                return subprocess.Popen(
                    self._command,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.DEVNULL,
                    stderr=said,
                    start_new_session=True,  # Ctrl-C is for the lab, which still has to remove what it made there
                )
        except FileNotFoundError:
            raise MissingError("an engine behind ssh:// takes the program ssh, which is not here") from None

    def _listens(self) -> bool:
        with socket.socket(socket.AF_UNIX) as probe:
            return probe.connect_ex(str(self._socket)) == 0

    def _last_words(self, exit_code: int | None) -> str:
        if exit_code is None:
            return f"no answer in {DEADLINE_S:.0f} s"
        lines = self._said.read_text(encoding="utf-8", errors="replace").splitlines()
        return next((line.strip() for line in reversed(lines) if line.strip()), f"exit code {exit_code}")


@cache
def _held(address: str) -> _Tunnel:
    return _Tunnel(address)


def _end(process: "subprocess.Popen[bytes]") -> None:
    """Close its input, and be sure that it ends."""
    with process:  # which closes its pipes and waits
        process.terminate()
        try:
            process.wait(END_S)
        except subprocess.TimeoutExpired:
            process.kill()
