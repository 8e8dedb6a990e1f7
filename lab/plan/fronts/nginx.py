"""Front ``nginx``: one nginx container that balances requests over the app's ports."""

from importlib.resources import files
from typing import Literal

from jinja2 import Environment, StrictUndefined

from lab.plan.fronts.front import Front, FrontPlace
from lab.plan.kinds import ServiceKind
from lab.plan.topology import SCRATCH, ConfigFile, Service
from lab.scenario.budget import Limits
from lab.scenario.images import ImageSource
from lab.scenario.kinds import options

CONF_PATH = "/etc/lab/nginx.conf"
UNPRIVILEGED_USER = "65534:65534"  # nobody: an nginx that binds no low port needs no root

IMAGE = ImageSource(
    key="nginx",
    reference="nginx:stable",
    packages=("nginx",),
    # As in the official image: nginx opens the log it was compiled with before it reads its configuration.
    hooks=('ln -sf /dev/stdout "$1/var/log/nginx/access.log"', 'ln -sf /dev/stderr "$1/var/log/nginx/error.log"'),
    changes=('CMD ["nginx", "-g", "daemon off;"]',),
    program="nginx",
    ask_version="-v",
)


@options
class Nginx:
    """nginx balances requests; `tuned`: explicit limits, keep-alive to the app; `stock`: its own defaults."""

    kind: Literal["nginx"] = "nginx"
    balance: Literal["round_robin", "least_conn", "random", "ip_hash"] = "round_robin"
    profile: Literal["tuned", "stock"] = "tuned"


def configuration(chosen: Nginx, place: FrontPlace) -> str:
    """The whole nginx.conf. Every value in it is a number or a word of a closed list, so nothing can break out."""
    template = files("lab.plan.fronts").joinpath("nginx.conf.jinja").read_text(encoding="utf-8")
    environment = Environment(undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, autoescape=False)  # noqa: S701  not HTML
    return environment.from_string(template).render(
        listen=place.listens[0],
        upstreams=[endpoint.address for endpoint in place.app],
        balance=chosen.balance,
        tuned=chosen.profile == "tuned",
    )


def service(text: str, port: int, limits: Limits) -> Service:
    """An nginx with this configuration; the paths in it that nginx writes to are relative to its scratch folder."""
    return Service(
        name="nginx",
        kind=ServiceKind.PROXY,
        image=IMAGE.key,
        entrypoint=("nginx",),
        argv=("-p", SCRATCH, "-c", CONF_PATH),
        ports=(port,),
        limits=limits,
        files=(ConfigFile(path=CONF_PATH, content=text.encode()),),
        user=UNPRIVILEGED_USER,
    )


def _services(chosen: Nginx, place: FrontPlace) -> tuple[Service, ...]:
    return (service(configuration(chosen, place), place.ports[0], place.limits),)


def _title(chosen: Nginx) -> str:
    balance = "" if chosen.balance == Nginx().balance else f", {chosen.balance}"
    return f"nginx ({chosen.profile}{balance})"


NGINX = Front(options=Nginx, services=_services, image=IMAGE, title=_title, arm_keys=("balance", "profile"))
