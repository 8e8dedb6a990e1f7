"""A Docker engine beside the machine's, with network and mounts of its own: nothing of the machine's is touched.

``scripts/engine`` is this module's command line. A second dockerd in the machine's own network namespace would remove
the machine's docker0 or fight over firewall rules; in one of its own it has neither. PIDs are the machine's on purpose:
the engine tells such as hold outside too, so that a lab that has only entered the network reads processes and cgroups
as ever, and its signals and exit codes are its own. With ``own_pids`` it numbers its processes as it likes: an engine
elsewhere, which a lab reaches by DOCKER_HOST alone. With ``firewall`` it publishes ports as an ordinary engine does,
by rules of its own network. With ``tcp`` it answers at that port too, to its own network and what is connected with it,
over TLS where ``tls`` is a folder with certificates.
Needs root.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import socket
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, suppress
from functools import partial
from pathlib import Path

import docker
import psutil

from lab.engines.docker.agent.image import prepare_agent
from lab.engines.docker.carry import Cargo, carry_all, of_agent
from lab.engines.docker.engine import API_TIMEOUT_S, connect
from lab.engines.docker.removal import remove_container
from lab.engines.images.images import ImageRecord
from lab.engines.images.prepare import prepare_images
from lab.errors import LabError, MissingError
from lab.scenario.file import read_scenario
from lab.scenario.nodes import TLS_FILES

HOME = Path("/var/lib/lab-engines")  # on a disk, where overlay2 works; sockets have short paths
MEMORY = Path("/dev/shm/lab-engines")  # there images come in half the time, with a third of the CPU, and go at once
PLENTY_BYTES = 8 * 1024**3  # some tests beside each other have engines of a GB each
DRIVER = "overlay2"
NAME = re.compile(r"[\w-]+", re.ASCII)  # of a folder that is removed in the end
DOCKERD, CONTAINERD = "dockerd", "containerd"
SOCKETS = {DOCKERD: "docker.sock", CONTAINERD: "containerd.sock"}
DEADLINE_S = 120.0  # several may start at once
KILLED_S = 60.0  # in which the kernel ends what was killed, on a busy machine
CONTAINERD_CONFIG = """
version = 2
root = "{root}/containerd"
state = "{root}/exec/containerd"
disabled_plugins = ["io.containerd.grpc.v1.cri"]
[grpc]
address = "{root}/containerd.sock"
[ttrpc]
address = "{root}/containerd.sock.ttrpc"
"""
IN_NAMESPACES = 'ip link set lo up && echo $$ >"$0" && exec "$@"'  # $0 is the pid file
_say = partial(print, file=sys.stderr)
VERBS = {
    "start": "start it, or what of it does not run; prints what a shell needs to use it",
    "prepare": "bring a scenario's images to it, made on the machine's engine if need be: it has no network itself",
    "run": "run a command in its network: scripts/engine run NAME .venv/bin/lab run SCENARIO",
    "env": "print what a shell needs: eval $(scripts/engine env NAME); $ENTER .venv/bin/lab run SCENARIO",
    "stop": "end it with its containers, and remove all its data",
}


class SecondEngine:
    """Own data, sockets and containerd, which holds the namespaces and survives the daemon; no bridge, no firewall."""

    def __init__(
        self,
        name: str,
        driver: str = DRIVER,
        home: Path = HOME,
        *,
        own_pids: bool = False,
        firewall: bool = False,
        clock_ahead_s: int = 0,
        tcp: int = 0,
        tls: Path | None = None,
    ) -> None:
        self._own_pids = own_pids
        self._firewall = firewall
        self._clock_ahead_s = clock_ahead_s
        self._tcp = tcp
        self._tls = tls
        if not NAME.fullmatch(name):
            raise MissingError(f"{name!r} is no name for an engine", "use letters, digits and dashes")
        self.root = home / name
        self.host = f"unix://{self.root}/docker.sock"
        self._driver = driver

    @property
    def proc(self) -> Path:
        """The folder in /proc of a process in its namespaces. Raises MissingError when it does not run."""
        return Path(f"/proc/{self._process(CONTAINERD).pid}")

    @property
    def prefix(self) -> list[str]:
        """The words before a command that is to reach what its containers offer on 127.0.0.1."""
        return ["nsenter", f"--net={self.proc}/ns/net"]

    @property
    def inside(self) -> list[str]:
        """The words before a command that is to be a process of its machine, and has its folder in ``PWD``."""
        return [*self.prefix, f"--mount={self.proc}/ns/mnt", f"--pid={self.proc}/ns/pid", "--wd=."]

    def start(self, between: Callable[[], None] = lambda: None) -> None:
        """Start what does not run, also after ``kill``; returns once it answers. Raises MissingError.

        ``between``: what must be there before the daemon is, and takes the namespaces: an interface of its network.
        """
        _check_prerequisites()
        self.root.mkdir(parents=True, exist_ok=True)
        if self._find(CONTAINERD) is None:
            (self.root / "containerd.toml").write_text(CONTAINERD_CONFIG.format(root=self.root))
            command = ["containerd", "--config", f"{self.root}/containerd.toml"]
            script = ["sh", "-c", IN_NAMESPACES, f"{self.root}/{CONTAINERD}.pid", *command]
            pids = ["--pid", "--fork", "--mount-proc"] if self._own_pids else []
            clock = ["--time", "--fork", "--monotonic", str(self._clock_ahead_s)] if self._clock_ahead_s else []
            self._begin(CONTAINERD, ["unshare", "--net", "--mount", *pids, *clock, *script])
            between()
        if self._find(DOCKERD) is None:
            # After a loss of power another process may have its number, which a /run that is empty at boot forgets.
            (self.root / f"{DOCKERD}.pid").unlink(missing_ok=True)
            settings = self.root / "daemon.json"
            if not settings.exists():  # its driver stays, however it is started again
                settings.write_text(json.dumps({"storage-driver": self._driver}))
            pids = [f"--pid={self.proc}/ns/pid"] if self._own_pids else []
            self._begin(DOCKERD, [*self.prefix, f"--mount={self.proc}/ns/mnt", *pids, *self._dockerd()])

    def kill(self) -> None:
        """SIGKILL of the daemon alone: its containers run on, as they would when it crashes."""
        daemon = self._process(DOCKERD)
        daemon.kill()
        daemon.wait(DEADLINE_S)

    def stop(self) -> None:
        """End it with its containers, in order where that is possible, and remove everything below its folder."""
        if not self.root.exists():
            return
        try:
            self.start()  # a killed daemon too: only a running one removes the cgroups of its containers
            with closing(self.client()) as client:
                for container in client.containers.list(all=True, ignore_removed=True):
                    remove_container(client, container.id)
        except (MissingError, docker.errors.DockerException) as error:
            _say(f"not stopped in order: {error}")
        for daemon in filter(None, map(self._find, (DOCKERD, CONTAINERD))):
            daemon.terminate()
            daemon.wait(DEADLINE_S)
        remains = list(self._remains())
        for process in remains:
            with suppress(psutil.NoSuchProcess):  # it has ended by itself in the meantime
                process.kill()
        psutil.wait_procs(remains, KILLED_S)  # they write below the folder until then
        shutil.rmtree(self.root)
        with suppress(OSError):  # another engine is there
            self.root.parent.rmdir()

    def prepare(self, scenario: Path) -> Mapping[str, ImageRecord]:
        """Make a scenario's images where there is a network, on the machine's engine, and bring them here."""
        with closing(connect()) as machine:
            images = prepare_images(machine, read_scenario(scenario), _say)
            self._bring(machine, {image.id: image.name for image in images.values()})
        return images

    def prepare_agent(self) -> None:
        """Bring the image of the agents, whose base a scenario has brought."""
        with closing(connect()) as machine:
            self._bring(machine, of_agent(machine, prepare_agent(machine, _say)))

    def _bring(self, machine: docker.DockerClient, images: Mapping[str, str]) -> None:
        with closing(self.client()) as own:
            carry_all(machine, [Cargo(node=self.root.name, target=own, images=images)], _say)

    def client(self) -> docker.DockerClient:
        """A client of it, which the caller closes."""
        return docker.DockerClient(base_url=self.host, timeout=API_TIMEOUT_S)

    def _begin(self, daemon: str, command: list[str]) -> None:
        """Start a daemon that stays when this process ends. Raises MissingError with its last words."""
        log, answering = self.root / "log", self.root / SOCKETS[daemon]
        answering.unlink(missing_ok=True)
        pid = os.posix_spawnp(
            command[0],
            command,
            os.environ,
            file_actions=[
                (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
                (os.POSIX_SPAWN_OPEN, 1, str(log), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600),
                (os.POSIX_SPAWN_DUP2, 1, 2),
            ],
            setsid=True,
        )
        give_up_at = time.monotonic() + DEADLINE_S
        while not answers(answering):
            ended = os.waitpid(pid, os.WNOHANG) != (0, 0)
            if ended or time.monotonic() > give_up_at:
                words = f"{daemon} does not answer; its last words:\n{log.read_text()[-2000:]}"
                raise MissingError(words, "before another try: scripts/engine stop")
            time.sleep(0.05)

    def _dockerd(self) -> list[str]:
        root = self.root
        rules = "true" if self._firewall else "false"
        by_tcp = ("--host", f"tcp://0.0.0.0:{self._tcp}", *self._secured()) if self._tcp else ()
        return [
            *("dockerd", "--config-file", f"{root}/daemon.json", "--host", self.host, *by_tcp),
            *("--data-root", f"{root}/data", "--exec-root", f"{root}/exec", "--pidfile", f"{root}/{DOCKERD}.pid"),
            *("--containerd", f"{root}/{SOCKETS[CONTAINERD]}"),
            *(f"--iptables={rules}", "--ip-masq=false", "--bridge=none"),
        ]

    def _secured(self) -> list[str]:
        """Over TLS, for those alone who have a certificate of the same authority; without a folder for everybody."""
        if self._tls is None:
            return ["--tls=false"]
        named = zip(("--tlscacert", "--tlscert", "--tlskey"), TLS_FILES, strict=True)
        return ["--tlsverify", *(f"{option}={self._tls / name}" for option, name in named)]

    def _find(self, daemon: str) -> psutil.Process | None:
        """The daemon's process, if it lives."""
        if self._own_pids:  # its file holds a number of its own
            named = (each for each in psutil.process_iter(["name"]) if each.info["name"] == daemon)
            return next(filter(self._is_ours, named), None)
        try:
            process = psutil.Process(int((self.root / f"{daemon}.pid").read_text()))
            return process if self._is_ours(process) else None
        except (FileNotFoundError, ValueError, psutil.NoSuchProcess):
            return None

    def _process(self, daemon: str) -> psutil.Process:
        process = self._find(daemon)
        if process is None:
            raise MissingError(f"{daemon} of engine {self.root.name} does not run", "start it: scripts/engine start")
        return process

    def _is_ours(self, process: psutil.Process) -> bool:
        """Whether it was told of this folder and has mounts of its own; so not whoever only reads the log, or ends."""
        try:
            if not any(f"{self.root}/" in word for word in process.cmdline()):
                return False
            theirs, own = (Path(f"/proc/{pid}/ns/mnt").readlink() for pid in (process.pid, "self"))
        except (psutil.NoSuchProcess, FileNotFoundError, PermissionError):  # the last is told of one that goes now
            return False
        return theirs != own

    def _remains(self) -> Iterator[psutil.Process]:
        """Shims, and what runs below them, once the daemons have ended."""
        for process in psutil.process_iter():
            try:
                if self._is_ours(process):
                    yield from process.children(recursive=True)
                    yield process
            except (psutil.NoSuchProcess, FileNotFoundError):
                continue


def short_lived() -> Path:
    """The home of engines that are gone after a test: in memory if there is plenty of it."""
    if not MEMORY.parent.is_dir():
        return HOME
    room = min(psutil.virtual_memory().available, shutil.disk_usage(MEMORY.parent).free)
    return MEMORY if room > PLENTY_BYTES else HOME


def answers(path: Path) -> bool:
    """Whether somebody listens on a socket and, when it is Docker's, is ready."""
    with socket.socket(socket.AF_UNIX) as probe:  # the SDK leaves sockets open where nobody answers
        probe.settimeout(DEADLINE_S)
        try:
            probe.connect(str(path))
            if path.name != SOCKETS[DOCKERD]:
                return True
            probe.sendall(b"GET /_ping HTTP/1.0\r\nHost: docker\r\n\r\n")
            return b"200 OK" in probe.recv(64)
        except OSError:
            return False


def _check_prerequisites() -> None:
    if os.geteuid() != 0:
        raise MissingError("a Docker engine of one's own needs root", "run it as root")
    for program in (DOCKERD, CONTAINERD, "unshare", "nsenter", "ip"):
        if shutil.which(program) is None:
            raise MissingError(f"{program} is missing", "install Docker Engine, util-linux and iproute2")


def main() -> None:
    """The command line of ``scripts/engine``."""
    parser = argparse.ArgumentParser(prog="scripts/engine", description=(__doc__ or "").partition("\n")[0])
    verbs = parser.add_subparsers(dest="verb", required=True)
    for verb, told in VERBS.items():
        verbs.add_parser(verb, help=told).add_argument("name", help="any word; several engines may run")
    verbs.choices["start"].add_argument("--storage-driver", default=DRIVER)
    verbs.choices["prepare"].add_argument("scenarios", nargs="+", type=Path)
    verbs.choices["run"].add_argument("command", nargs=argparse.REMAINDER)
    options = parser.parse_args()
    try:
        _obey(SecondEngine(options.name, getattr(options, "storage_driver", DRIVER)), options)
    except LabError as error:
        sys.exit(f"scripts/engine: {error}\n{error.hint}".rstrip())


def _obey(engine: SecondEngine, options: argparse.Namespace) -> None:
    if options.verb == "start":
        engine.start()
    if options.verb in ("start", "env"):
        sys.stdout.write(f"export DOCKER_HOST={engine.host} ENTER='{' '.join(engine.prefix)}'\n")
    for scenario in getattr(options, "scenarios", ()):
        _say(f"{scenario}: {', '.join(image.name for image in engine.prepare(scenario).values())}")
    if options.verb == "run":
        os.execvpe("nsenter", [*engine.prefix, *options.command], {**os.environ, "DOCKER_HOST": engine.host})
    if options.verb == "stop":
        engine.stop()


if __name__ == "__main__":
    main()
