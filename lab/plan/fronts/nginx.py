"""Front ``nginx``: one nginx container that balances requests over the app's ports."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.resources import files

from jinja2 import Environment, StrictUndefined

from lab.plan.kinds import ServiceKind
from lab.plan.topology import HOST, SCRATCH, ConfigFile, Service
from lab.scenario.budget import Limits
from lab.scenario.model import Arm

CONF_PATH = "/etc/lab/nginx.conf"
ARGUMENTS = ("-p", SCRATCH, "-c", CONF_PATH)  # the paths that nginx writes to are relative in its configuration
UNPRIVILEGED_USER = "65534:65534"  # nobody: an nginx that binds no low port needs no root


def services(arm: Arm, app_ports: Sequence[int], front_ports: Sequence[int], limits: Limits) -> tuple[Service, ...]:
    """One nginx in front of every port of the app."""
    port = front_ports[0]
    return (
        Service(
            name="nginx",
            kind=ServiceKind.PROXY,
            image="nginx",
            entrypoint=("nginx",),
            argv=ARGUMENTS,
            ports=(port,),
            limits=limits,
            files=(ConfigFile(path=CONF_PATH, text=configuration(arm, app_ports, port)),),
            user=UNPRIVILEGED_USER,
        ),
    )


def configuration(arm: Arm, app_ports: Sequence[int], port: int) -> str:
    """The whole nginx.conf. Every value in it is a number or a word of a closed list, so nothing can break out."""
    template = files("lab.plan.fronts").joinpath("nginx.conf.jinja").read_text(encoding="utf-8")
    environment = Environment(undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, autoescape=False)  # noqa: S701  not HTML
    return environment.from_string(template).render(
        host=HOST, port=port, upstreams=app_ports, balance=arm.balance, tuned=arm.profile == "tuned"
    )
