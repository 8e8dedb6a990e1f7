"""What a container may get beyond the least that the lab gives: a user, capabilities, folders in memory."""

import re
from pathlib import PurePosixPath
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field
from pydantic.dataclasses import dataclass

from lab.scenario.compare import STRICT, unknown
from lab.scenario.quantities import Size

USER = re.compile(r"([a-z_][a-z0-9_.-]{0,31}|\d{1,10})(:([a-z_][a-z0-9_.-]{0,31}|\d{1,10}))?", re.ASCII | re.IGNORECASE)
KERNELS_OWN = ("/proc", "/sys")
MODE = re.compile(r"[0-7]{3,4}", re.ASCII)
CAPABILITIES = (  # linux/capability.h, in its order
    *("CHOWN", "DAC_OVERRIDE", "DAC_READ_SEARCH", "FOWNER", "FSETID", "KILL", "SETGID", "SETUID", "SETPCAP"),
    *("LINUX_IMMUTABLE", "NET_BIND_SERVICE", "NET_BROADCAST", "NET_ADMIN", "NET_RAW", "IPC_LOCK", "IPC_OWNER"),
    *("SYS_MODULE", "SYS_RAWIO", "SYS_CHROOT", "SYS_PTRACE", "SYS_PACCT", "SYS_ADMIN", "SYS_BOOT", "SYS_NICE"),
    *("SYS_RESOURCE", "SYS_TIME", "SYS_TTY_CONFIG", "MKNOD", "LEASE", "AUDIT_WRITE", "AUDIT_CONTROL", "SETFCAP"),
    *("MAC_OVERRIDE", "MAC_ADMIN", "SYSLOG", "WAKE_ALARM", "BLOCK_SUSPEND", "AUDIT_READ", "PERFMON", "BPF"),
    "CHECKPOINT_RESTORE",
)


def _user(text: str) -> str:
    if text and USER.fullmatch(text) is None:
        raise ValueError(f'expected a user such as "10001:10001" or "app", or "" for the image\'s own, got {text!r}')
    return text


def _capability(name: str) -> str:
    bare = name.upper().removeprefix("CAP_")
    if bare not in CAPABILITIES:
        raise ValueError(unknown("capability", name[:80], CAPABILITIES))
    return bare


def _path(text: str) -> str:
    path = PurePosixPath(text)
    if not path.is_absolute() or ".." in path.parts or str(path) == "/" or "\0" in text or ":" in text:
        raise ValueError(f'expected the absolute path of a folder in the container, such as "/data", got {text!r}')
    if any(path.is_relative_to(own) for own in KERNELS_OWN):
        raise ValueError(f"expected a folder of the app, got {text!r}, which is the kernel's")
    return str(path)


def _mode(text: str) -> str:
    if MODE.fullmatch(text) is None:
        raise ValueError(f'expected permissions in octal, such as "1777" or "0700", got {text!r}')
    return text


def _volume(value: object) -> object:
    return {"path": value} if isinstance(value, str) else value


UserId = Annotated[int, Field(ge=0, le=2**32 - 2, strict=True)]
User = Annotated[str, AfterValidator(_user)]
Capability = Annotated[str, AfterValidator(_capability)]


@dataclass(config=STRICT, kw_only=True)
class Volume:
    """A folder in memory, empty when the container starts; everybody in it may write there unless ``mode`` says less.

    What is written counts as the container's memory. ``mode`` is octal, ``uid`` and ``gid`` own the folder.
    """

    path: Annotated[str, AfterValidator(_path)]
    size: Size = 256 * 2**20
    mode: Annotated[str, AfterValidator(_mode)] = "1777"
    uid: UserId = 0
    gid: UserId = 0


VolumeEntry = Annotated[Volume, BeforeValidator(_volume, json_schema_input_type=str | Volume)]


def each_path_once(volumes: tuple[Volume, ...]) -> tuple[Volume, ...]:
    """The volumes. Raises ValueError when two are at one path."""
    paths = [volume.path for volume in volumes]
    if twice := [path for path in paths if paths.count(path) > 1]:
        raise ValueError(f"expected each path once, got {twice[0]!r} twice")
    return volumes


Volumes = Annotated[tuple[VolumeEntry, ...], Field(max_length=32), AfterValidator(each_path_once)]
