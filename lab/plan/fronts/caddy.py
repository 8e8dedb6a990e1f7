"""Front ``caddy``: one Caddy container that balances requests over the app's ports."""

from dataclasses import replace
from pathlib import Path
from signal import SIGUSR1
from typing import Annotated, Literal

from pydantic import Field

from lab.plan.fronts.front import (
    CheckEvery,
    CheckPath,
    Front,
    FrontPlace,
    Pool,
    Retries,
    Timeout,
    Tls,
    asking,
    milliseconds,
    proxy,
    render,
    titled,
)
from lab.plan.topology import SCRATCH, ConfigFile, Service
from lab.scenario.images import ImageSource
from lab.scenario.kinds import options

CONF_PATH = "/etc/lab/Caddyfile"
IMAGE = ImageSource(
    key="caddy",
    reference="caddy:2",
    wheel=Path(__file__).with_name("caddy.txt"),
    program="caddy",
    ask_version="version",
)


@options
class Caddy:
    """Caddy balances requests; `check` is how often it asks every process for `check_path`, 0 for never.

    `underscores`: names of headers with an underscore that are to pass; Caddy drops all others.
    """

    kind: Literal["caddy"] = "caddy"
    balance: Literal["round_robin", "least_conn", "random", "random_choose", "ip_hash"] = "round_robin"
    timeout: Timeout = 3600.0
    check: CheckEvery = 0.0
    check_path: CheckPath = "/ready"
    fail_timeout: Timeout = 1.0
    retries: Retries = 1
    pool: Pool = 64
    tls: Tls = False
    underscores: tuple[Annotated[str, Field(pattern=r"^[\w-]*_[\w-]*$")], ...] = ()


def _services(chosen: Caddy, place: FrontPlace) -> tuple[Service, ...]:
    host, _, port = place.listens[0].rpartition(":")
    text = render(
        "Caddyfile.jinja",
        host=host,
        port=port,
        upstreams=[endpoint.address for endpoint in place.app],
        chosen=chosen,
        setting=place.setting,
        timeout=milliseconds(chosen.timeout),
        check=milliseconds(chosen.check),
        fail_timeout=milliseconds(chosen.fail_timeout),
    )
    argv = ("run", "--adapter", "caddyfile", "--config", CONF_PATH)
    service = proxy(IMAGE, place, argv, ConfigFile(path=CONF_PATH, content=text.encode()), tls=chosen.tls)
    return (replace(service, env=(("XDG_CONFIG_HOME", SCRATCH), ("XDG_DATA_HOME", SCRATCH), *place.go_threads)),)


CADDY = Front(
    options=Caddy,
    services=_services,
    image=IMAGE,
    transparent=lambda _chosen: True,
    watching=asking,
    lacks=("header names with underscores",),  # all but those that it is told of, since 2.11
    title=titled,
    comment="#",
    reload=SIGUSR1,  # since 2.11, which needs no admin endpoint for it
    threads=lambda place: place.threads_of_go,
    started=("compose",),
)
