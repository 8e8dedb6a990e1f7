"""Check before anything is built that the command of an arm hands on what the app must be told."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from lab.scenario.app import App
from lab.scenario.kinds import MODELS
from lab.scenario.secret import plain

if TYPE_CHECKING:
    from lab.scenario.model import Arm

CERTIFICATE_FILE, KEY_FILE = "{certfile}", "{keyfile}"
OF_TLS: Mapping[str, str] = {CERTIFICATE_FILE: "--ssl-certfile {certfile}", KEY_FILE: "--ssl-keyfile {keyfile}"}
TLS_IN_APP = 'front = { kind = "direct", tls = true }'


def check_command(app: App, arm: Arm, *, port_is_fixed: bool) -> None:
    """Raise ValueError where the command that starts an arm's app lacks a placeholder, or has one that says nothing."""
    if not (command := arm.command or app.command):
        return
    where = "arms[].command" if arm.command else "app.command"
    told = " ".join((command, app.entrypoint, *map(plain, {**app.env, **arm.env}.values())))
    for placeholder in (*(() if port_is_fixed else ("{port}",)), *MODELS[arm.model.kind].placeholders):
        if placeholder not in told:
            raise ValueError(
                f"{where}, or a value of env, needs the placeholder {placeholder}, because of arm "
                f'"{arm.name}" with model = "{arm.model.kind}"'
            )
    for placeholder, example in OF_TLS.items():
        if arm.tls_in_app and placeholder not in told:
            raise ValueError(
                f'{where}, or a value of env, needs the placeholder {placeholder}, because arm "{arm.name}" has TLS in '
                f"the app: write {example}, as your server has it, or take the TLS of a front"
            )
        if placeholder in told and not arm.tls_in_app:
            raise ValueError(
                f'{where}, or a value of env, has the placeholder {placeholder}, and arm "{arm.name}" has no TLS in '
                f"the app: take {TLS_IN_APP}, or give the arm a command of its own"
            )
    if arm.proxy_headers:
        raise ValueError(
            f'arm "{arm.name}": proxy_headers is for the uvicorn that the lab starts itself: write --proxy-headers '
            f"--forwarded-allow-ips into {where}, as your server has it"
        )
