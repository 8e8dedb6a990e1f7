"""The roles of processes and the kinds of services. Imports nothing: the sampling program needs it everywhere."""

from enum import StrEnum


class Role(StrEnum):
    """The role of a process in an arm."""

    PROXY = "proxy"
    SUPERVISOR = "supervisor"
    WORKER = "worker"
    INIT = "init"
    HELPER = "helper"
    PLATFORM = "platform"


class ServiceKind(StrEnum):
    """The kind of a service: the app under test, or a balancer in front of it."""

    APP = "app"
    PROXY = "proxy"
