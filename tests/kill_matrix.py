"""Do one thing to a running lab at one of its steps, and look what is left. Shared by the tests and the benchmark."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from tempfile import TemporaryDirectory

import docker
import psutil

from lab.engines.leftovers import ANONYMOUS
from lab.errors import MissingError
from lab.host.labels import OWNER, RUN, SERVICE
from lab.record.folder import read_info
from lab.record.types import TrialState
from lab.run.steps import STEPS_FILE, Step
from tests.launched import ending
from tests.second_engine import DRIVER, SecondEngine, short_lived

REPOSITORY = Path(__file__).parent.parent
LAB = [sys.executable, "-m", "lab"]
DEADLINE_S = 240.0
LISTENS = "0A"  # a state in /proc/net/tcp
LOOK_S = 0.002
SETTLE_S = 60.0  # Locust and sampler see the lab's death, and end
PORTS = (31000, 31999)
DRIVERS = (DRIVER, "fuse-overlayfs", "vfs")


class Event(StrEnum):
    """What happens."""

    SIGINT = "SIGINT to the lab"
    SIGTERM = "SIGTERM to the lab"
    SIGKILL = "SIGKILL of the lab"
    LOCUST = "SIGKILL of Locust"
    SAMPLER = "SIGKILL of the sampler"
    NGINX = "SIGKILL of nginx"
    WORKER = "SIGKILL of a worker of `workers`"
    REPLICA = "SIGKILL of a replica"
    SUPERVISOR = "SIGKILL of the supervisor"
    DOCKER = "SIGKILL of the Docker daemon"
    DISK = "disk full"


LOADED = (Step.WARM_UP, Step.MEASURE, Step.COOL_DOWN, Step.COLLECT)
DEPLOYED = (Step.DEPLOY, Step.ATTEST, *LOADED)
ALWAYS = tuple(step for step in Step if step is not Step.RESTART)  # which only trials.restart_one has
APPLIES: Mapping[Event, Sequence[Step]] = {
    Event.SIGINT: ALWAYS,
    Event.SIGTERM: ALWAYS,
    Event.SIGKILL: ALWAYS,
    Event.LOCUST: LOADED,
    Event.SAMPLER: LOADED,
    Event.NGINX: DEPLOYED,
    Event.WORKER: DEPLOYED,
    Event.REPLICA: DEPLOYED,
    Event.SUPERVISOR: DEPLOYED,
    Event.DOCKER: ALWAYS,
    Event.DISK: ALWAYS[1:],  # before it there is no folder that could be full
}
LEAVES_THINGS = (Event.SIGKILL, Event.DOCKER)


class Setting(StrEnum):
    """What a trial has: nothing but its arm, all that may be beside it, or an action that holds a process up."""

    PLAIN = ""
    BESIDE = "network of its own, sidecar, job"
    DRILLED = "during an action of a drill"


BESIDE_EVENTS = (Event.SIGINT, Event.SIGTERM, Event.SIGKILL, Event.DOCKER)  # what they add is the lab's to remove
BESIDE_STEPS = (Step.PREPARE, Step.DEPLOY, Step.MEASURE, Step.TEAR_DOWN)

DRILLED_EVENTS = (Event.SIGINT, Event.SIGTERM, Event.SIGKILL, Event.LOCUST, Event.DOCKER)
DRILLED_STEPS = (Step.MEASURE,)
BEFORE_ACTION_S = 5.0  # of the measure phase: the action begins 6 to 8 s into it, and holds a process up for 5 s
ACTING_S = 8.3  # of the measure phase: the action has begun, and what takes its time is not over

SCENARIO = """
question = "What is left when something is killed?"
engine = "docker"
ports = "{ports[0]}-{ports[1]}"
[app]
build = "{repository}"
requirements = "{repository}/requirements/app.txt"
ready_path = "/io?ms=40"
{app}[budget]
processes = 2
{budget}{arms}[load]
locustfile = "slow.py"
rate = 250
lanes = 64
warmup = "1s"
measure = "{measure}"
[trials]
blocks = 1
seed = {seed}
{more}"""
BESIDE = """
[[sidecars]]
name = "cache"
image = "redis:8"
ready = "tcp:6379"
[[jobs]]
name = "migrate"
command = "sleep 0.5"
"""
ARM = """[[arms]]
name = "{model}"
model = "{model}"
front = {{ kind = "nginx", tls = {tls} }}
"""
BOTH = ("workers", "replicas")
DRILLED = """
[[drills]]
verb = "{verb}"
slo = "5s"
{more}
"""


@dataclass(frozen=True, kw_only=True)
class Act:
    """What a verb takes beside its name, so that it lasts: keys of the drill, of [app] and [budget], and its arms."""

    drill: str = ""
    app: str = ""
    budget: str = ""
    models: Sequence[str] = BOTH
    tls: bool = False


HANG = "hang"
SLOW = 'env = { STARTUP_MS = "6000" }'
ACTS: Mapping[str, Act] = {
    HANG: Act(drill='hold = "5s"'),
    "deploy": Act(drill='drain = "3s"'),
    "oom": Act(budget='memory = "split:2GiB"'),
    "slow-start": Act(drill='hold = "8s"', app=SLOW),
    "kill-supervisor": Act(models=("workers",), app=SLOW),
    "kill-front": Act(),
    "crash-loop": Act(drill='hold = "5s"'),
    "recycle": Act(drill='hold = "5s"'),
    "rotate-cert": Act(drill='hold = "5s"', tls=True),
    "scale": Act(app=SLOW),
}
WORKERS_FIRST, REPLICAS_FIRST = 4, 1  # seeds

# Some answers take so long that the cool-down is long enough to be met.
LOCUSTFILE = """
from locust import FastHttpUser, constant, task


class Slow(FastHttpUser):
    wait_time = constant(0)

    @task(9)
    def quick(self):
        self.client.get("/")

    @task
    def slow(self):
        self.client.get("/io?ms=800")
"""


@dataclass
class Place:
    """Where one run lives: run folders, temporary files, ports and an engine that nobody else uses."""

    root: Path
    daemon: SecondEngine
    seed: int = WORKERS_FIRST
    setting: Setting = Setting.PLAIN
    verb: str = HANG
    out: Path = field(init=False)
    temporary: Path = field(init=False)

    def __post_init__(self) -> None:
        self.out, self.temporary = self.root / "out", self.root / "tmp"
        self.out.mkdir()
        self.temporary.mkdir()
        (self.temporary / "lab-notes").mkdir()  # looks like the lab's, and is not
        (self.root / "slow.py").write_text(LOCUSTFILE)
        (self.root / "kill.toml").write_text(self._scenario())

    def _scenario(self) -> str:
        drilled = self.setting is Setting.DRILLED
        act = ACTS[self.verb] if drilled else Act()
        drill = DRILLED.format(verb=self.verb, more=act.drill)
        more = {Setting.PLAIN: "", Setting.BESIDE: BESIDE, Setting.DRILLED: drill}[self.setting]
        return SCENARIO.format(
            repository=REPOSITORY,
            ports=PORTS,
            seed=self.seed,
            measure="24s" if drilled else "2s",
            app="\n".join([*(['restart = "always"'] if drilled else []), act.app, ""]),
            budget=f"{act.budget}\n",
            arms="".join(ARM.format(model=model, tls=str(act.tls).lower()) for model in act.models),
            more=more,
        )

    @property
    def environment(self) -> dict[str, str]:
        return {**os.environ, "TMPDIR": str(self.temporary), "DOCKER_HOST": self.daemon.host}

    def client(self) -> docker.DockerClient:
        return self.daemon.client()

    def lab(self, *arguments: object) -> subprocess.CompletedProcess[str]:
        """Run a command of the lab to its end."""
        command = [*self.daemon.prefix, *LAB, *map(str, arguments)]
        return subprocess.run(
            command, env=self.environment, cwd=REPOSITORY, text=True, capture_output=True, timeout=DEADLINE_S
        )

    def unfinished(self) -> Path | None:
        """The run folder that `--resume` would continue."""
        for info in sorted(self.out.glob("*/run.json"), reverse=True):
            if set(read_info(info.parent).states.values()) != {TrialState.DONE}:
                return info.parent
        return None


@dataclass
class RunningLab:
    """A `lab run` that begins, or continues what was cut."""

    place: Place

    def __post_init__(self) -> None:
        self.started = time.monotonic()
        folder = self.place.unfinished()
        what = ["--resume", str(folder)] if folder else [str(self.place.root / "kill.toml")]
        self.log = self.place.root / f"lab-{time.monotonic_ns()}.log"
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                [*self.place.daemon.prefix, *LAB, "run", *what, "--out", str(self.place.out)],
                env=self.place.environment,
                cwd=REPOSITORY,
                stdout=log,
                stderr=log,
            )

    @property
    def last_error(self) -> str:
        """The sentence that it ended with, "" for none."""
        errors = [line for line in self.said.splitlines() if line.startswith("lab: ")]
        return errors[-1] if errors else ""

    def cell(self, event: StrEnum, step: Step, left: int, wrong: Sequence[str]) -> Cell:
        """What came of an event at a step, now that it has ended; ``left``: how many things there were to clean."""
        return Cell(
            event=event,
            step=step,
            code=self.process.returncode,
            sentence=self.last_error,
            removed_by_clean=left,
            seconds=time.monotonic() - self.started,
            wrong=tuple(wrong),
        )

    @property
    def said(self) -> str:
        return self.log.read_text(encoding="utf-8", errors="replace")

    def wait_for(self, step: Step) -> None:
        """Return as soon as the lab says that it is in this step."""
        announced = self._prepares if step is Step.PREPARE else lambda: self._step() == step
        wait_until(str(step), announced, self)

    def _prepares(self) -> bool:
        return "preparing:" in self.said

    def _step(self) -> str:
        for path in self.place.out.glob(f"*/trials/.*.part/{STEPS_FILE}"):
            try:
                lines = path.read_text().splitlines()
            except FileNotFoundError:
                continue  # the trial has ended
            return str(json.loads(lines[-1])["step"]) if lines else ""
        return ""

    def child(self, word: str) -> psutil.Process | None:
        """Its child process with this word in the command line."""
        for child in psutil.Process(self.process.pid).children():
            try:
                if word in child.cmdline():
                    return child
            except psutil.NoSuchProcess:
                continue
        return None

    def first_process(self, service: str) -> psutil.Process | None:
        """The first process in the container of a service."""
        return next(iter(self._first_processes(f"{SERVICE}={service}")), None)

    def holds_up(self) -> bool:
        """Whether an action holds a process of its containers up (SIGSTOP)."""
        with suppress(psutil.NoSuchProcess):
            everybody = [one for first in self._first_processes() for one in (first, *first.children(recursive=True))]
            return any(one.status() == psutil.STATUS_STOPPED for one in everybody)
        return False

    def _first_processes(self, *labels: str) -> list[psutil.Process]:
        """Of its own containers that run."""
        client = self.place.client()
        try:
            ours = [
                each["Id"]
                for each in client.api.containers(filters={"label": [RUN, *labels]})
                if each["Labels"].get(OWNER, "").startswith(f"{self.process.pid}-")
            ]
            pids = [client.api.inspect_container(each)["State"]["Pid"] for each in ours]
            return [psutil.Process(pid) for pid in pids if pid]
        except (docker.errors.NotFound, psutil.NoSuchProcess):
            return []  # on their way, or going
        finally:
            client.close()

    def worker(self) -> psutil.Process | None:
        """A serving process below uvicorn's supervisor."""
        with suppress(psutil.NoSuchProcess):  # one that has just ended, or its supervisor
            supervisor = self.first_process("app")
            children = supervisor.children() if supervisor else []
            return next((child for child in children if "spawn_main" in " ".join(child.cmdline())), None)
        return None


BYSTANDERS = ("lab-notes-b01-workers-app", "lab-b01-replicas-nginx-files", "process-model-lab")


@contextmanager
def engine_of_our_own(setting: Setting = Setting.PLAIN) -> Iterator[SecondEngine]:
    """A second engine with the images of the matrix, and containers and a volume that look like the lab's.

    They must be there at the end as they were at the beginning.
    """
    with TemporaryDirectory() as folder, ExitStack() as stack:
        daemon = _start(stack)
        images = daemon.prepare(Place(Path(folder), daemon, setting=setting).root / "kill.toml")
        if setting is Setting.BESIDE:
            daemon.prepare_agent()
        _declare_volume(daemon, images["app"].name)
        before = _put_bystanders(daemon, images["nginx"].name)
        yield daemon
        assert _bystanders(daemon) == before, "somebody else's containers were touched"


def _start(stack: ExitStack) -> SecondEngine:
    """Start an engine with the first storage driver that the file system allows."""
    refusal = MissingError("")
    for driver in DRIVERS:
        daemon = SecondEngine(f"kill-{os.getpid()}", driver, short_lived())
        stack.callback(daemon.stop)
        try:
            daemon.start()
            return daemon
        except MissingError as error:
            refusal = error
            daemon.stop()
    raise refusal


def _declare_volume(daemon: SecondEngine, image: str) -> None:
    """Let each container of the app have an anonymous volume, by an image of the same name in this engine."""
    client = daemon.client()
    client.images.build(fileobj=io.BytesIO(f"FROM {image}\nVOLUME /data\n".encode()), tag=image, rm=True)
    client.close()


def _put_bystanders(daemon: SecondEngine, image: str) -> Mapping[str, str]:
    client = daemon.client()
    marks = {"lab": "run", "lab.run.blocks": "somebody", "com.example.lab.run": "1"}
    for name in BYSTANDERS:
        client.containers.run(
            image, ["600"], entrypoint=["sleep"], name=name, labels=marks, detach=True, network="host"
        )
    client.volumes.create("lab-notes-files", labels=marks)
    client.close()
    return _bystanders(daemon)


def _bystanders(daemon: SecondEngine) -> Mapping[str, str]:
    """What is there that is not ours, by name."""
    client = daemon.client()
    try:
        containers = client.containers.list(all=True, ignore_removed=True)
        found = {each.name: each.id for each in containers if RUN not in each.labels}
        return found | {each.name: each.id for each in client.volumes.list() if RUN not in (each.attrs["Labels"] or {})}
    finally:
        client.close()


def wait_until(what: str, holds: Callable[[], bool], lab: RunningLab) -> None:
    """Look often; fail when it takes too long, or when the lab ends before it."""
    give_up_at = time.monotonic() + DEADLINE_S
    while not holds():
        ended = lab.process.poll()
        assert ended is None, f"the lab ended with {ended} before {what}; it said:\n{lab.said}"
        assert time.monotonic() < give_up_at, f"waited in vain for {what}; the lab said:\n{lab.said}"
        time.sleep(LOOK_S)


def do(event: Event, lab: RunningLab) -> None:
    """Let it happen now. A process that is still starting is waited for."""
    signals = {Event.SIGINT: signal.SIGINT, Event.SIGTERM: signal.SIGTERM, Event.SIGKILL: signal.SIGKILL}
    if event in signals:
        lab.process.send_signal(signals[event])
    elif event is Event.DOCKER:
        lab.place.daemon.kill()
    elif event is Event.DISK:
        fill(lab.place.out)
    else:
        kill_target(event, lab)


def kill_target(event: Event, lab: RunningLab) -> None:
    """Kill the process that is to die, once it is there; one that ended by itself meanwhile has a successor."""
    look: Mapping[Event, Callable[[], psutil.Process | None]] = {
        Event.LOCUST: lambda: lab.child("lab.load.inside.plugin"),
        Event.SAMPLER: lambda: lab.child("lab.sampling"),
        Event.NGINX: lambda: lab.first_process("nginx"),
        Event.WORKER: lab.worker,
        Event.REPLICA: lambda: lab.first_process("app-1"),
        Event.SUPERVISOR: lambda: lab.first_process("app"),
    }

    def killed() -> bool:
        with suppress(psutil.NoSuchProcess):
            if (found := look[event]()) is not None:
                found.kill()
                return True
        return False

    wait_until(f"the process of {event}", killed, lab)


BALLAST = "ballast"


def fill(folder: Path) -> None:
    """Leave no byte free in the file system of this folder, which must be a small one."""
    assert folder.is_mount(), "never the machine's disk"
    with (folder / BALLAST).open("ab", buffering=0) as file:
        for size in (1 << 20, 1 << 12, 1):
            try:
                while file.write(b"\0" * size) == size:
                    pass
            except OSError:
                continue  # no room for so much: try less


def left_behind(lab: RunningLab) -> list[str]:
    """Everything of one lab that is still there: kind and name, as `lab clean` lists them."""
    place, owner = lab.place, f"{lab.process.pid}-"
    found = [f"process {each}" for each in processes_of(place)]
    client = place.client()
    try:
        for container in client.containers.list(all=True, filters={"label": RUN}, ignore_removed=True):
            if container.labels[OWNER].startswith(owner):
                found.append(f"container {container.name}")
        for volume in client.volumes.list():
            marks = volume.attrs["Labels"] or {}
            if ANONYMOUS.fullmatch(volume.name) or marks.get(OWNER, "").startswith(owner):
                found.append(f"volume {volume.name}")
        found += [f"network {network.name}" for network in client.networks.list(filters={"label": RUN})]
    finally:
        client.close()
    return sorted([*found, *files_left(place)])


def files_left(place: Place) -> list[str]:
    """Half trials, and temporary files and folders."""
    found = [f"folder {path}" for path in place.out.glob("*/trials/.*.part")]
    found += [f"file {path}" for path in place.out.glob("*/.*.part")]
    found += [f"folder {path}" for path in place.temporary.glob("*") if path.is_dir() and path.name != "lab-notes"]
    return found


def listeners(daemon: SecondEngine) -> list[int]:
    """Ports of the matrix on which somebody listens in the engine's network."""
    rows = [line.split() for line in (daemon.proc / "net" / "tcp").read_text().splitlines()[1:]]
    ports = [int(row[1].rpartition(":")[2], 16) for row in rows if row[3] == LISTENS]
    return sorted(port for port in ports if PORTS[0] <= port <= PORTS[1])


def processes_of(place: Place) -> Iterator[str]:
    """Commands of processes with the place's temporary folder in their environment: whatever the lab started here."""
    for process in psutil.process_iter():
        try:
            if process.environ().get("TMPDIR") == str(place.temporary):
                yield " ".join(process.cmdline())
        except (psutil.NoSuchProcess, psutil.AccessDenied, psutil.ZombieProcess):
            continue


@dataclass(frozen=True, kw_only=True)
class Cell:
    """What came of one event at one step. ``wrong`` is empty when all that must hold holds."""

    event: StrEnum
    step: Step
    code: int
    sentence: str
    removed_by_clean: int
    seconds: float
    wrong: tuple[str, ...]


def wait_until_acting(lab: RunningLab) -> None:
    """From the begin of the measure phase on: a hung process is seen, of other verbs nothing is that all would show."""
    if lab.place.verb == HANG:
        time.sleep(BEFORE_ACTION_S)
        wait_until("a process was held up", lab.holds_up, lab)
    else:
        time.sleep(ACTING_S)


def play(event: Event, step: Step, place: Place) -> Cell:
    """Begin or continue the place's run, let the event happen at the step, look, clean."""
    lab = RunningLab(place)
    with ending(lab.process):  # else the next event would find this lab at work
        lab.wait_for(step)
        if place.setting is Setting.DRILLED:
            wait_until_acting(lab)
        do(event, lab)
        code = lab.process.wait(DEADLINE_S)
    _mend(event, place)
    wrong = list(_wrong_ending(event, code, lab.said))
    left = _settled(lab)
    if left and event not in LEAVES_THINGS:
        wrong.append(f"left behind: {', '.join(left)}")
    wrong += _wrong_cleaning(lab, left)
    wrong += _wrong_folders(place)
    return lab.cell(event, step, len(left), wrong)


def _mend(event: Event, place: Place) -> None:
    if event is Event.DOCKER:
        place.daemon.start()
    if event is Event.DISK:
        (place.out / BALLAST).unlink()


def _wrong_ending(event: Event, code: int, said: str) -> Iterator[str]:
    expected = {Event.SIGINT: {130}, Event.SIGTERM: {130}, Event.SIGKILL: {-9}, Event.DOCKER: {4}, Event.DISK: {4}}
    if code not in expected.get(event, {0, 3}):
        yield f"exit code {code}"
    if "Traceback" in said:
        yield f"a traceback:\n{said[said.index('Traceback') :]}"


def _settled(lab: RunningLab) -> list[str]:
    """What is left once the lab's children have seen its death."""
    give_up_at = time.monotonic() + SETTLE_S
    while any(line.startswith("process") for line in left_behind(lab)) and time.monotonic() < give_up_at:
        time.sleep(0.1)
    return left_behind(lab)


def _wrong_cleaning(lab: RunningLab, left: Sequence[str]) -> Iterator[str]:
    """`lab clean --dry-run` lists exactly what is left, `lab clean` removes it, and nothing listens any more."""
    if left:
        dry = lab.place.lab("clean", "--dry-run", "--json", "--out", lab.place.out)
        assert dry.returncode == 0, dry.stderr
        listed = json.loads(dry.stdout)
        ours = [f"{item['kind']} {item['name']}" for item in listed if _is_ours(item["name"], lab)]
        if sorted(ours) != list(left):
            yield f"--dry-run lists {sorted(ours)}, left are {list(left)}"
        if left_behind(lab) != list(left):
            yield "a dry run changed something"
        cleaned = lab.place.lab("clean", "--out", lab.place.out)
        if cleaned.returncode:
            yield f"lab clean failed: {cleaned.stderr}"
    if still := left_behind(lab):
        yield f"still there after lab clean: {', '.join(still)}"
    if ports := listeners(lab.place.daemon):
        yield f"somebody listens on {ports}"


def _is_ours(name: str, lab: RunningLab) -> bool:
    """Other labs on this machine may have left something as well."""
    runs = [path.parent.name for path in lab.place.out.glob("*/run.json")]
    ours = str(lab.place.root) in name or any(run in name for run in runs) or "-kill-" in name
    return ours or ANONYMOUS.fullmatch(name) is not None


def _wrong_folders(place: Place) -> Iterator[str]:
    """Every run folder is readable."""
    for info in place.out.glob("*/run.json"):
        read_info(info.parent)  # raises
    if any(not (folder / "run.json").exists() for folder in place.out.iterdir()):
        yield "a run folder without run.json"


def finish(place: Place) -> str:
    """`--resume` until nothing is left to do: what it said. A busy machine makes blocks invalid, not trials undone."""
    folder = place.unfinished()
    if folder is None:
        return ""
    done = place.lab("run", "--resume", folder, "--out", place.out)
    assert done.returncode in (0, 3), done.stderr
    assert place.unfinished() is None, done.stderr
    assert (folder / "report.html").is_file()
    assert read_info(folder).cut == ""
    return done.stderr
