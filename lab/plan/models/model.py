"""The declaration of a process model, and the command that serves the app. Everybody goes by it and knows no name."""

import shlex
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar, cast

from lab.errors import ScenarioError
from lab.plan.certificate import CERTIFICATE, FOR_ALL, KEY, Certificate
from lab.plan.fronts.front import front_title
from lab.plan.kinds import ServiceKind
from lab.plan.topology import Service
from lab.scenario.app import IMAGE_COMMAND, IMAGE_ENTRYPOINT, App
from lab.scenario.budget import Limits
from lab.scenario.commands import CERTIFICATE_FILE, KEY_FILE
from lab.scenario.kinds import AUTOMATIC, MODELS, Asked, ModelKind, kind_of
from lab.scenario.model import Arm
from lab.scenario.network import LOOPBACK, Network
from lab.scenario.secret import plain

KEEP_ALIVE_S = 75  # above the 60 s of a usual proxy: uvicorn's default of 5 s races a proxy's pool into 502s (FIELD 7)
GRACEFUL_SHUTDOWN_S = 8  # below the 10 s after which Docker kills
Refusal = Callable[[Any, Asked], str]
O = TypeVar("O")  # noqa: E741  the type of the model's options


def serve(app: App, arm: Arm, port: int, workers: int, bind: str = LOOPBACK) -> tuple[str, ...]:
    """Argv that serves the app on one port of ``bind`` with ``workers`` serving processes; () is the image's own.

    ``--workers 1`` is spelled out: without it uvicorn would obey a WEB_CONCURRENCY of the image, and a replica would
    grow a supervisor. Access log and proxy-headers middleware cost up to half the throughput (FIELD 9): off, unless an
    arm asks for the latter, to see what it costs.
    """
    if (command := arm.command or app.command) == IMAGE_COMMAND:
        return ()
    if command:
        return tuple(_fill(word, port, workers, bind) for word in _words(command))
    return (
        "uvicorn",
        app.target,
        *("--host", bind, "--port", str(port), "--workers", str(workers)),
        *("--loop", app.loop, "--http", app.http, "--log-level", "warning"),
        "--no-access-log",
        *(proxy_headers(bind) if arm.proxy_headers else ("--no-proxy-headers",)),
        *(("--ssl-certfile", CERTIFICATE, "--ssl-keyfile", KEY) if arm.tls_in_app else ()),
        *("--timeout-keep-alive", str(KEEP_ALIVE_S), "--timeout-graceful-shutdown", str(GRACEFUL_SHUTDOWN_S)),
    )


def proxy_headers(bind: str) -> tuple[str, ...]:
    """Believe the front, and nobody else: on loopback by its address; in a network of its own nobody else gets there.

    Only when it has started a front has an address there, and then the app has begun to serve.
    """
    return ("--proxy-headers", "--forwarded-allow-ips", LOOPBACK if bind == LOOPBACK else "*")


def entrypoint(app: App, port: int, workers: int, bind: str = LOOPBACK) -> tuple[str, ...] | None:
    """The words before the command, () for none; None keeps those of the image."""
    if app.entrypoint == IMAGE_ENTRYPOINT:
        return None
    return tuple(_fill(word, port, workers, bind) for word in _words(app.entrypoint))


def environment(app: App, arm: Arm, port: int, workers: int, bind: str = LOOPBACK) -> tuple[tuple[str, str], ...]:
    """The app's environment, overridden by the arm's, with placeholders filled as in the command."""
    return tuple((name, _fill(plain(value), port, workers, bind)) for name, value in {**app.env, **arm.env}.items())


def _words(template: str) -> list[str]:
    """Split first, fill afterwards: a value can never become two arguments."""
    try:
        return shlex.split(template)
    except ValueError as error:
        raise ScenarioError(f"command: cannot be split into words: {error}") from None


def _fill(text: str, port: int, workers: int, bind: str) -> str:
    told = {"{host}": bind, "{port}": str(port), "{workers}": str(workers)}
    for placeholder, value in {**told, CERTIFICATE_FILE: CERTIFICATE, KEY_FILE: KEY}.items():
        text = text.replace(placeholder, value)
    return text


@dataclass(frozen=True, slots=True, kw_only=True)
class AppPlace:
    """The place of an arm's app: ``processes`` serving processes, a free port for each container, limits of one.

    ``certificate``: what its server shows where the app itself speaks TLS.
    """

    app: App
    arm: Arm
    processes: int
    ports: tuple[int, ...]
    limits: Limits
    network: Network = Network.HOST
    certificate: Certificate = field(default_factory=Certificate)

    def tls(self, certificate: str, key: str) -> tuple[str, ...]:
        """The options of a server, by their names, where the app itself speaks TLS."""
        return (certificate, CERTIFICATE, key, KEY) if self.arm.tls_in_app else ()

    @property
    def bind(self) -> str:
        """Where the app listens, with its port, for a server that takes both in one word."""
        return f"{self.network.bind}:{self.ports[0]}"

    def container(self, name: str, port: int, workers: int, argv: tuple[str, ...] | None = None) -> Service:
        """A container of the arm's image that serves on ``port`` with ``workers`` processes; ``argv`` or as usual."""
        return Service(
            name=name,
            kind=ServiceKind.APP,
            image=self.arm.image_key,
            argv=serve(self.app, self.arm, port, workers, self.network.bind) if argv is None else argv,
            ports=(port,),
            host=self.network.host_of(name),
            env=environment(self.app, self.arm, port, workers, self.network.bind),
            entrypoint=entrypoint(self.app, port, workers, self.network.bind),
            limits=self.limits,
            read_only=self.app.read_only,
            user=self.app.user,
            capabilities=self.app.capabilities,
            volumes=self.app.volumes,
            healthcheck=self.app.healthcheck,
            files=self.certificate.files(FOR_ALL) if self.arm.tls_in_app else (),  # as whom it runs its image knows
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Supervision:
    """What becomes of a serving process that ``dies`` or ``hangs``, by the defaults of what looks after it; "": unsaid.

    ``hung_after_s``: how long it may be silent before it is killed; None: nobody looks. ``hangup``: supervisors replace
    their workers one by one when they get SIGHUP. ``grows``: they start one worker more when they get SIGTTIN.
    """

    dies: str = ""
    hangs: str = ""
    hung_after_s: float | None = None
    hangup: bool = False
    grows: bool = False


OF_UVICORN = Supervision(
    dies="uvicorn's supervisor, which looks every 0.5 s, starts another",
    hangs="the supervisor pings the workers in turn, kills one that has not answered for 5 s, and starts another",
    hung_after_s=5.0,
    hangup=True,
    grows=True,  # since 0.30; before, SIGTTIN would stop it
)
OF_DOCKER = Supervision(
    dies="its container ends; Docker restarts it if `restart` says so",
    hangs="nobody notices: for Docker's restart policy it is alive; `watch` adds a watchdog, or lets the front check",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessModel(ModelKind, Generic[O]):
    """A process model: how N serving processes come about; ``options`` is a class made by lab.scenario.kinds.options.

    ``containers`` and ``supervisors``: how many of each N processes need. ``serving``: how many processes serve, fewer
    than N where one does with several threads. ``services``: one for each container.
    ``server``: what serves; event loop and HTTP implementation are compared among arms with the same one.
    ``supervision``: who looks after a serving process.
    """

    options: type[O]
    containers: Callable[[O, int], int]
    supervisors: Callable[[O, int], int]
    services: Callable[[O, AppPlace], tuple[Service, ...]]
    serving: Callable[[O, int], int] = lambda _options, processes: processes
    server: Callable[[O], str] = lambda _options: "uvicorn"
    title: Callable[[O], str] = kind_of
    supervision: Supervision = Supervision()


def of_a_server(argv: Callable[[O, AppPlace], tuple[str, ...]]) -> Callable[[O, AppPlace], tuple[Service, ...]]:
    """The one container of a server that has workers of its own, started by this command."""
    return lambda chosen, place: (place.container("app", place.ports[0], place.processes, argv(chosen, place)),)


def own_command(server: str, loops: Collection[str]) -> Refusal:
    """The refusal of a model with a command of its own: the scenario has one, or asks for a loop or http."""

    def refusal(_chosen: Any, asked: Asked) -> str:
        if asked.command:
            return f'the lab starts {server} itself: leave out command, or take model = "workers" with it'
        if asked.loop not in loops:
            return f"app.loop = {asked.loop!r} cannot be asked of {server}: take {' or '.join(map(repr, loops))}"
        if asked.http != AUTOMATIC:
            return f"app.http = {asked.http!r} is uvicorn's, {server} has its own: take {AUTOMATIC!r}"
        if asked.proxy_headers:
            return f'proxy_headers is uvicorn\'s, {server} has its own: leave it out, or take model = "workers"'
        return ""

    return refusal


def model_of(arm: Arm) -> ProcessModel[Any]:
    """The declaration of an arm's process model."""
    return cast(ProcessModel[Any], MODELS[arm.model.kind])


def model_title(arm: Arm) -> str:
    """An arm's process model with its options, for people."""
    return model_of(arm).title(arm.model)


def arm_title(arm: Arm) -> str:
    """``"replicas, front nginx (tuned)"``: what an arm is."""
    watched = "" if arm.watch == "none" else f", watched by the {arm.watch}"
    restart = f", restart {arm.restart}" if arm.restart else ""
    return f"{model_title(arm)}, front {front_title(arm)}{watched}{restart}"
