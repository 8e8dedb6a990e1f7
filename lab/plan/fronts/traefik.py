"""Front ``traefik``: one Traefik container that balances requests over the app's ports, told by a file."""

from dataclasses import replace
from pathlib import Path
from signal import SIGHUP
from typing import Literal

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
from lab.plan.topology import ConfigFile, Service
from lab.scenario.images import ImageSource
from lab.scenario.kinds import options

CONF_PATH = "/etc/lab/traefik.yml"
ENTRY = "--entryPoints.clients"
STATIC = (
    "--global.checkNewVersion=false",
    "--global.sendAnonymousUsage=false",
    "--log.level=WARN",
    "--providers.file.watch=false",
    f"{ENTRY}.transport.respondingTimeouts.readTimeout=0s",  # of a whole request: an upload may take its time
    f"{ENTRY}.transport.respondingTimeouts.idleTimeout=60s",
    f"{ENTRY}.http.sanitizePath=false",
    f"{ENTRY}.http.aliasHeadersStrategy=keep",  # underscores
)
IMAGE = ImageSource(
    key="traefik",
    reference="traefik:v3",
    wheel=Path(__file__).with_name("traefik.txt"),
    program="traefik",
    ask_version="version",
)


@options
class Traefik:
    """Traefik balances requests; `check` is how often it asks every process for `check_path`, 0 for never."""

    kind: Literal["traefik"] = "traefik"
    balance: Literal["wrr", "p2c"] = "wrr"
    timeout: Timeout = 3600.0
    check: CheckEvery = 0.0
    check_path: CheckPath = "/ready"
    fail_timeout: Timeout = 1.0
    retries: Retries = 1
    pool: Pool = 64
    tls: Tls = False


def _services(chosen: Traefik, place: FrontPlace) -> tuple[Service, ...]:
    text = render(
        "traefik.yml.jinja",
        upstreams=[endpoint.url for endpoint in place.app],
        chosen=chosen,
        setting=place.setting,
        believing="believe-the-proxy" if place.setting.behind else "believe-nobody",
        timeout=milliseconds(chosen.timeout),
        check=milliseconds(chosen.check),
        fail_timeout=milliseconds(chosen.fail_timeout),
    )
    secured = (f"{ENTRY}.http.tls=true",) if chosen.tls else ()
    told = (f"{ENTRY}.forwardedHeaders.insecure=true",) if place.setting.behind else ()
    argv = (*STATIC, *secured, *told, f"{ENTRY}.address={place.listens[0]}", f"--providers.file.filename={CONF_PATH}")
    service = proxy(IMAGE, place, argv, ConfigFile(path=CONF_PATH, content=text.encode()), tls=chosen.tls)
    return (replace(service, env=place.go_threads),)


# Its answers do not say which process gave them.
TRAEFIK = Front(
    options=Traefik,
    services=_services,
    image=IMAGE,
    upstream_of=None,
    transparent=lambda _chosen: True,
    watching=asking,
    title=titled,
    comment="#",
    reload=SIGHUP,  # also where it does not watch its file
    threads=lambda place: place.threads_of_go,
    started=("compose",),
)
