"""Front ``nginx``: one nginx container that balances requests over the app's ports."""

import math
import re
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from signal import SIGHUP
from typing import Any, Literal

from pydantic import model_validator

from lab.errors import ScenarioError
from lab.plan.fronts.front import Front, FrontPlace, Pool, Retries, Timeout, Tls, milliseconds, proxy, render, titled
from lab.plan.topology import SCRATCH, ConfigFile, Service
from lab.plan.upstream import UPSTREAM_HEADER
from lab.scenario.images import ImageSource
from lab.scenario.kinds import options

CONF_PATH = "/etc/lab/nginx.conf"
LISTEN, UPSTREAMS = "{listen}", "{upstreams}"  # in a configuration of the user's: an address, and lines of servers
SCRATCH_FOLDERS = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
ACCESS_LOG, ERROR_LOG = "/var/log/nginx/access.log", "/var/log/nginx/error.log"
LOGS = {ACCESS_LOG: "/dev/stdout", ERROR_LOG: "/dev/stderr"}  # the image links them
HUNG_S = 5.0  # as long as uvicorn's supervisor waits for a worker
COMMENT = re.compile(r"(?m)(?:^|(?<=\s))#.*$")
HTTP = re.compile(r"(?m)^\s*http\s*\{")

IMAGE = ImageSource(
    key="nginx",
    reference="nginx:stable",
    packages=("nginx",),
    # As in the official image: nginx opens the log it was compiled with before it reads its configuration.
    hooks=tuple(f'ln -sf {stream} "$1{log}"' for log, stream in LOGS.items()),
    changes=('CMD ["nginx", "-g", "daemon off;"]',),
    program="nginx",
    ask_version="-v",
)


@options
class Nginx:
    """nginx balances requests.

    `tuned` passes everything that works without nginx, and keeps connections to the app open; `stock` has nginx's own
    limits; `config` is a file of your own, with `{listen}` where its server listens, and `{upstreams}` for the servers
    of its upstream.
    """

    kind: Literal["nginx"] = "nginx"
    balance: Literal["round_robin", "least_conn", "random", "ip_hash"] = "round_robin"
    profile: Literal["tuned", "stock"] = "tuned"
    buffering: bool = False
    timeout: Timeout = 3600.0
    fail_timeout: Timeout = 1.0
    retries: Retries = 1
    pool: Pool = 64
    tls: Tls = False
    config: Path | None = None

    @model_validator(mode="after")
    def _one_of_three(self) -> "Nginx":
        if self.config and self.tls:
            raise ValueError(
                '"tls" says nothing here, because config has what nginx listens with, and the load would not trust a '
                "certificate of yours: leave out tls and let it listen without, or leave out config"
            )
        allowed = {"kind", "config"} if self.config else {"kind", "balance", "profile", "tls"}
        reason = "config has it" if self.config else f'profile = "{self.profile}" has nginx\'s own values'
        for option in fields(self) if self.config or self.profile == "stock" else ():
            if option.name not in allowed and getattr(self, option.name) != option.default:
                raise ValueError(f'"{option.name}" says nothing here, because {reason}: leave one of them out')
        return self


def configuration(chosen: Nginx, place: FrontPlace) -> str:
    """The whole nginx.conf. Every value in it is a number or a word of a closed list, so nothing can break out."""
    return render(
        "nginx.conf.jinja",
        listen=place.listens[0],
        upstreams=[endpoint.address for endpoint in place.app],
        chosen=chosen,
        setting=place.setting,
        tuned=chosen.profile == "tuned",
        timeout=milliseconds(chosen.timeout),
        fail_timeout=f"{math.ceil(chosen.fail_timeout)}s",  # nginx counts it in whole seconds
    )


def own_configuration(chosen: Path, place: FrontPlace) -> str:
    """The user's nginx.conf with the places filled in, and scratch folders and logs that nginx can write to."""
    upstreams = "\n        ".join(f"server {endpoint.address};" for endpoint in place.app)
    text = own_text(chosen).replace(LISTEN, place.listens[0]).replace(UPSTREAMS, upstreams)
    for log, stream in LOGS.items():
        text = text.replace(log, stream)
    missing = [f"{name}_temp_path {name};" for name in SCRATCH_FOLDERS if f"{name}_temp_path" not in text]
    if "access_log" not in COMMENT.sub("", text):
        missing.append(f"access_log {LOGS[ACCESS_LOG]};")  # nginx writes one unless told otherwise
    return HTTP.sub(lambda found: f"{found[0]}\n    {' '.join(missing)}", text, count=1)


def own_text(config: Path) -> str:
    """The file that the user wrote. Raises ScenarioError when it cannot be read."""
    try:
        return config.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ScenarioError(f"front.config: {config} cannot be read: {error}") from None


def check(chosen: Nginx) -> None:
    """Refuse a configuration of the user's that cannot run here. Raises ScenarioError."""
    if chosen.config is None:
        return
    text = COMMENT.sub("", own_text(chosen.config))
    for placeholder, example in ((LISTEN, f"listen {LISTEN};"), (UPSTREAMS, f"upstream app {{ {UPSTREAMS} }}")):
        if placeholder not in text:
            raise ScenarioError(
                f"front.config: {chosen.config} has no placeholder {placeholder}",
                f"write it where the lab shall put an address: {example}",
            )
    if _directive(text, "daemon") not in ("", "off"):
        raise ScenarioError(
            f"front.config: {chosen.config} says daemon on: its container would end at once", "leave the line out"
        )


def _directive(text: str, name: str) -> str:
    """The value of a directive that stands for itself; "" without it."""
    found = re.search(rf"(?:^|[;{{}}])\s*{name}\s+([^;]+);", text)
    return found[1].strip() if found else ""


def service(text: str, place: FrontPlace, *, tls: bool = False) -> Service:
    """An nginx with this configuration, which may name the files of a certificate (``tls``).

    The paths in it that nginx writes to are relative to its scratch folder.
    """
    plain = COMMENT.sub("", text)
    usual = {"daemon": "off", "pid": "nginx.pid"}  # where the configuration says nothing of them
    added = " ".join(f"{name} {value};" for name, value in usual.items() if not _directive(plain, name))
    argv = ("-p", SCRATCH, "-c", CONF_PATH, *(("-g", added) if added else ()))
    return proxy(IMAGE, place, argv, ConfigFile(path=CONF_PATH, content=text.encode()), tls=tls)


def _services(chosen: Nginx, place: FrontPlace) -> tuple[Service, ...]:
    text = own_configuration(chosen.config, place) if chosen.config else configuration(chosen, place)
    return (service(text, place, tls=chosen.tls),)


def _watching(table: Mapping[str, Any]) -> Mapping[str, Any]:
    """It has no active checks: it learns of a process that hangs when a request to it has waited for so long."""
    return {} if table.get("config") or table.get("profile") == "stock" else {"timeout": HUNG_S}


def _title(chosen: Nginx) -> str:
    return f"nginx (own {chosen.config.name})" if chosen.config else titled(chosen, chosen.profile)


NGINX = Front(
    options=Nginx,
    services=_services,
    image=IMAGE,
    check=check,
    tells=lambda chosen: chosen.config is None or UPSTREAM_HEADER in own_text(chosen.config),
    watching=_watching,
    transparent=lambda chosen: chosen.config is None and chosen.profile == "tuned",
    title=_title,
    comment="#",
    reload=SIGHUP,
    threads=lambda place: place.setting.cores,
    started=("compose", "swarm"),
    refused_export=lambda chosen: (
        f"its configuration is a file of yours: carry {chosen.config}" if chosen.config else ""
    ),
    arm_keys=("balance", "profile"),
)
