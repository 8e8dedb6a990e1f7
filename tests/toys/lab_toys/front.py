"""Front ``turnstile``: a proxy of a few lines of Python that gives every new connection to the next process."""

from __future__ import annotations

from importlib.resources import files
from typing import Literal

from lab.plan.fronts.front import Front, FrontPlace
from lab.plan.kinds import ServiceKind
from lab.plan.topology import ConfigFile, Service
from lab.plan.upstream import Headers
from lab.scenario.images import ImageSource
from lab.scenario.kinds import FRONTS, options

IMAGE = ImageSource(key="turnstile", reference="python:3.13-slim", packages=("python3",), program="python3")
PROGRAM = "/etc/toys/turnstile.py"
KEY = ConfigFile(path="/etc/toys/key", content=b"a private key of the turnstile", mode=0o400, recorded=False)


@options
class Turnstile:
    """Connections are given out in turn."""

    kind: Literal["turnstile"] = "turnstile"
    backlog: Literal["short", "long"] = "short"


def services(chosen: Turnstile, place: FrontPlace) -> tuple[Service, ...]:
    """One proxy, told where to listen and where the app is."""
    text = files("lab_toys").joinpath("turnstile.py").read_bytes()
    backlog = "16" if chosen.backlog == "short" else "128"
    addresses = (place.listens[0], *(endpoint.address for endpoint in place.app))
    return (
        Service(
            name="turnstile",
            kind=ServiceKind.PROXY,
            image=IMAGE.key,
            entrypoint=("python3",),
            argv=(PROGRAM, KEY.path, backlog, *addresses),
            ports=place.ports,
            limits=place.limits,
            files=(ConfigFile(path=PROGRAM, content=text), KEY),
            user="65534:65534",
        ),
    )


def upstream_of(headers: Headers) -> str | None:
    """It has a header of its own."""
    named = headers.get("X-Turnstile")
    return str(named) if named else None


def title(chosen: Turnstile) -> str:
    """With its option."""
    return f"turnstile ({chosen.backlog} queue)"


FRONTS.add(Front(options=Turnstile, services=services, image=IMAGE, upstream_of=upstream_of, title=title))
