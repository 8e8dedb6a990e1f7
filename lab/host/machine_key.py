"""The key under which secrets are marked on this machine: made at the first need, readable for its owner alone."""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from lab.errors import MissingError, UsageError
from lab.record.folder import disk_errors

KEY_BYTES = 32


def machine_key(root: Path | None = None) -> bytes:
    """The key, the same in every run. ``root`` replaces the state directory.

    Raises UsageError when the file is not a key that only its owner can read, MissingError when it cannot be written.
    """
    path = (root or key_root()) / "secret.key"
    with disk_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        if not path.exists():
            _make(path)
    return _read(path)


def _make(path: Path) -> None:
    """Whole or not at all; of two labs that make one at the same time, the first wins."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600), "wb") as file:
            file.write(secrets.token_bytes(KEY_BYTES))
        with suppress(FileExistsError):
            os.link(draft, path)
    finally:
        draft.unlink(missing_ok=True)


def _read(path: Path) -> bytes:
    advice = "remove it: a new one is made, and runs from before cannot be compared by their secrets, or continued"
    try:
        with open(path, "rb", opener=lambda name, flags: os.open(name, flags | os.O_NOFOLLOW | os.O_NONBLOCK)) as file:
            status, key = os.fstat(file.fileno()), file.read(KEY_BYTES + 1)
    except OSError as error:
        raise MissingError(f"{path}: the key of this machine cannot be read: {error.strerror}", advice) from None
    if status.st_mode & 0o077 or status.st_uid != os.geteuid():
        raise UsageError(f"{path}: others can read or own the key of this machine", f"chmod 600 it, or {advice}")
    if len(key) != KEY_BYTES:
        raise UsageError(f"{path}: not a key of {KEY_BYTES} bytes", advice)
    return key


def key_root(environ: Mapping[str, str] = os.environ) -> Path:
    """Where it is kept: the XDG state directory, beside the noise floors."""
    state = environ.get("XDG_STATE_HOME", "")
    base = Path(state) if Path(state).is_absolute() else Path.home() / ".local" / "state"
    return base / "process-model-lab"
