"""Front ``haproxy``: one HAProxy container that balances requests over the app's ports."""

from signal import SIGUSR2
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

CONF_PATH = "/etc/lab/haproxy.cfg"
MAX_THREADS = 64  # of a group, and it makes one only unless told otherwise
IMAGE = ImageSource(key="haproxy", reference="haproxy:lts", packages=("haproxy",), program="haproxy", ask_version="-v")


@options
class HAProxy:
    """HAProxy balances requests; `check` is how often it asks every process for `check_path`, 0 for never."""

    kind: Literal["haproxy"] = "haproxy"
    balance: Literal["roundrobin", "leastconn", "random", "source"] = "roundrobin"
    timeout: Timeout = 3600.0
    check: CheckEvery = 0.0
    check_path: CheckPath = "/ready"
    retries: Retries = 1
    pool: Pool = 64
    tls: Tls = False


def _threads(place: FrontPlace) -> int | None:
    return min(place.threads, MAX_THREADS) if place.threads else None


def _services(chosen: HAProxy, place: FrontPlace) -> tuple[Service, ...]:
    text = render(
        "haproxy.cfg.jinja",
        listen=place.listens[0],
        upstreams=[endpoint.address for endpoint in place.app],
        chosen=chosen,
        setting=place.setting,
        threads=_threads(place),
        timeout=milliseconds(chosen.timeout),
        check=milliseconds(chosen.check),
    )
    argv = ("-W", "-db", "-f", CONF_PATH)  # in the foreground, as a master that can hand over to another worker
    return (proxy(IMAGE, place, argv, ConfigFile(path=CONF_PATH, content=text.encode()), tls=chosen.tls),)


HAPROXY = Front(
    options=HAProxy,
    services=_services,
    image=IMAGE,
    transparent=lambda _chosen: True,
    watching=asking,
    title=titled,
    comment="#",
    reload=SIGUSR2,
    threads=_threads,
    started=("compose",),
)
