"""What a process and a service can be in an arm. Imports nothing: the sampling program needs it wherever it runs."""

from __future__ import annotations

from enum import StrEnum


class Role(StrEnum):
    """What a process is in an arm."""

    PROXY = "proxy"
    SUPERVISOR = "supervisor"
    WORKER = "worker"
    HELPER = "helper"
    PLATFORM = "platform"


class ServiceKind(StrEnum):
    """Whether a service runs the app under test or a balancer in front of it."""

    APP = "app"
    PROXY = "proxy"
