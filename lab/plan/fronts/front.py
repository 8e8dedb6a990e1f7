"""The declaration of a front. Attestation, images, plan, load and reports go by this and know no front's name."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from functools import cache
from importlib.resources import files
from signal import Signals
from typing import Annotated, Any, Generic, Literal, TypeVar, cast

from jinja2 import Environment, StrictUndefined, Template
from pydantic import Field

from lab.plan.certificate import CERTIFICATE, KEY, Certificate
from lab.plan.kinds import ServiceKind
from lab.plan.topology import ConfigFile, Endpoint, Service
from lab.plan.upstream import UpstreamOf, named_upstream
from lab.scenario.budget import Limits
from lab.scenario.images import ImageSource
from lab.scenario.kinds import FRONTS, FrontKind, Options, kind_of
from lab.scenario.model import Arm
from lab.scenario.network import Network
from lab.scenario.quantities import Seconds
from lab.units import cores_of

O = TypeVar("O")  # noqa: E741  the type of the front's options

# What several fronts have as an option: how long the app may be silent, how often an idempotent request is given to
# another process, and how many idle connections are kept to each address of the app.
Timeout = Annotated[Seconds, Field(gt=0)]
Retries = Annotated[int, Field(ge=0, le=10, strict=True)]
Pool = Annotated[int, Field(ge=1, le=10_000, strict=True)]
# Whether clients connect over TLS, which ends here: to the app goes plain HTTP.
Tls = Annotated[bool, Field(strict=True)]
# Of active health checks: how often a process is asked, 0 for never, and for what.
CheckEvery = Annotated[Seconds, Field(ge=0)]
CheckPath = Annotated[str, Field(pattern=r"^/[\w./-]*$")]

CHECK_S = 1.0  # how often a front that is to watch asks
NOBODY = "65534:65534"  # a front that binds no low port needs no root


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """In what a front that `lab export` writes differs from that of a run, which has the defaults.

    ``cores``: it has workers or threads for so many, whichever machine it is on; None: for those that it finds.
    ``checks``: which ones are of use. With one address only, to leave that alone after a failed request would refuse
    all others: "active", those that ask; "none", where the address leads to containers that somebody else checks.
    ``behind``: a proxy stands before it, whose word on the client (X-Forwarded-For and its like) is passed on.
    ``tells``: whether answers name the address of the app that gave them, which only the lab has to know.
    """

    cores: int | None = None
    checks: Literal["all", "active", "none"] = "all"
    behind: bool = False
    tells: bool = True

    @property
    def passive(self) -> bool:
        """Whether requests that fail count against an address."""
        return self.checks == "all"

    @property
    def active(self) -> bool:
        """Whether the front may ask an address by itself."""
        return self.checks != "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class FrontPlace:
    """The place of a front: before these endpoints of the app, with a free port and these limits for each service.

    Its services listen on ``listens``. In a network of their own clients find the first of them by its name.
    ``certificate``: what a front shows that ends TLS.
    """

    app: tuple[Endpoint, ...]
    ports: tuple[int, ...]
    limits: Limits
    network: Network = Network.HOST
    certificate: Certificate = field(default_factory=Certificate)
    setting: Setting = field(default_factory=Setting)

    @property
    def threads(self) -> int | None:
        """How many threads a program has that counts the cores it may use; None: as many as it finds."""
        return self.setting.cores and (len(cores_of(self.limits.cpuset)) or self.setting.cores)

    @property
    def threads_of_go(self) -> int | None:
        """The same of a program of Go; None too where its CPU is limited, for it goes by that by itself."""
        return self.threads if self.limits.cpus is None else None

    @property
    def go_threads(self) -> tuple[tuple[str, str], ...]:
        """What Go is told of it in the environment."""
        return (("GOMAXPROCS", str(self.threads_of_go)),) if self.threads_of_go else ()

    @property
    def listens(self) -> tuple[str, ...]:
        """Where each of its services listens, as address and port."""
        return tuple(Endpoint(host=self.network.bind, port=port).address for port in self.ports)


def first_port(_chosen: object, place: FrontPlace) -> Endpoint:
    """Clients connect to the first port of the front."""
    return Endpoint(port=place.ports[0])


@dataclass(frozen=True, slots=True, kw_only=True)
class Front(FrontKind, Generic[O]):
    """A front, to which clients connect; ``options`` is a class made by lab.scenario.kinds.options.

    ``services``: what runs from ``image``, as many as there are ``hops``. ``entry``: where clients connect, over TLS
    where the options have ``tls``, which the front then ends.
    ``upstream_of``: the address of the app's endpoint that an answer's headers name; None for a front that tells
    nothing, which only its listener attests; ``tells``: whether it does with these options. ``transparent``: whether
    it claims that everything which works directly works behind it, which is proved before load, or else only noted.
    ``lacks``: the items of lab.attest.transparency that it is known not to let pass. ``title``: for people.
    ``reload``: the signal at which its first process reads configuration and certificate anew and goes on serving;
    None where it has to be started again. ``threads``: how many workers or threads it is told to have in a place whose
    setting has cores, None where it goes by its CPU limit; None for a front that is never told a number.
    ``refused_export``: a sentence why `lab export` cannot carry it, or ""; ``started``: the targets whose files a test
    starts with it, over TLS. ``comment``: what begins a comment in its configuration, "" where nothing does.
    """

    options: type[O]
    services: Callable[[O, FrontPlace], tuple[Service, ...]]
    entry: Callable[[O, FrontPlace], Endpoint] = first_port
    upstream_of: UpstreamOf | None = named_upstream
    tells: Callable[[O], bool] = lambda _chosen: True
    transparent: Callable[[O], bool] = lambda _chosen: False
    lacks: tuple[str, ...] = ()
    title: Callable[[O], str] = kind_of
    reload: Signals | None = None
    threads: Callable[[FrontPlace], int | None] | None = None
    refused_export: Callable[[O], str] = lambda _chosen: ""
    started: tuple[str, ...] = ()
    comment: str = ""

    def reader(self, chosen: O) -> UpstreamOf | None:
        """``upstream_of``, as far as the options let answers name it."""
        return self.upstream_of if self.tells(chosen) else None


def front_of(arm: Arm) -> Front[Any]:
    """The declaration of an arm's front."""
    return cast(Front[Any], FRONTS[arm.front.kind])


def front_title(arm: Arm) -> str:
    """``"nginx (tuned)"``: an arm's front with its options, for people."""
    return front_of(arm).title(arm.front)


def proxy(
    image: ImageSource, place: FrontPlace, argv: tuple[str, ...], *written: ConfigFile, tls: bool = False
) -> Service:
    """The one service of a front, called as its image: the image's program with these words and files.

    ``tls``: with the files of the certificate, which its configuration then names.
    """
    return Service(
        name=image.key,
        kind=ServiceKind.PROXY,
        image=image.key,
        entrypoint=(image.program,),
        argv=argv,
        ports=place.ports,
        limits=place.limits,
        files=(*written, *(place.certificate.files() if tls else ())),
        user=NOBODY,
    )


def render(template: str, **values: object) -> str:
    """A configuration from a template beside the fronts. Its values are the lab's own, or checked by an option."""
    return _compiled(template).render(values, certificate=CERTIFICATE, key=KEY) + "\n"


@cache
def _compiled(template: str) -> Template:
    """Compiling takes longer than all the rest of a topology, and every trial has one."""
    text = files("lab.plan.fronts").joinpath(template).read_text(encoding="utf-8")
    environment = Environment(undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, autoescape=False)  # noqa: S701  not HTML
    return environment.from_string(text)


def asking(_table: Mapping[str, Any]) -> Mapping[str, Any]:
    """The options by which a front with active checks watches the app's processes: it asks each once a second."""
    return {"check": CHECK_S}


def milliseconds(seconds: float) -> str:
    """``"1500ms"``, as every front understands it."""
    return f"{seconds * 1000:.0f}ms"


def titled(chosen: Options, *words: str) -> str:
    """``"nginx (tuned, least_conn, timeout 5)"``, for people: kind, words, and the options that are not as usual."""
    usual = type(chosen)()
    changed = (
        _shown(field.name, value)
        for field in fields(chosen)
        if (value := getattr(chosen, field.name)) != getattr(usual, field.name) and str(value) not in words
    )
    told = [*words, *changed]
    return f"{chosen.kind} ({', '.join(told)})" if told else str(chosen.kind)


def _shown(name: str, value: object) -> str:
    if isinstance(value, bool):
        return name if value else f"no {name}"
    if isinstance(value, tuple):
        return f"{name} {' '.join(map(str, value))}"
    return f"{name} {value:g}" if isinstance(value, int | float) else str(value)
