"""The roles of processes and the kinds of services. Imports nothing: the sampling program needs it everywhere."""

from enum import StrEnum


class Role(StrEnum):
    """The role of a process in an arm, or beside it: sidecar and platform are in no sum of an arm."""

    PROXY = "proxy"
    SUPERVISOR = "supervisor"
    WORKER = "worker"
    INIT = "init"
    HELPER = "helper"
    SIDECAR = "sidecar"
    PLATFORM = "platform"


class ServiceKind(StrEnum):
    """The kind of a service: the app under test, a balancer in front of it, or what the app needs beside it."""

    APP = "app"
    PROXY = "proxy"
    SIDECAR = "sidecar"
    JOB = "job"
