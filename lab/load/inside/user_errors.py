"""Exceptions of the user's own code: what was raised where, and how often."""

from pathlib import Path
from types import TracebackType
from typing import Any

from locust.user.users import User

from lab.load.inside.clients import describe
from lab.load.inside.load_counts import Tally

MAX_KINDS = 50
MAX_LENGTH = 300
OTHERS = "other exceptions"


class UserErrors:
    """Counts exceptions by place and text in a tally, and knows what stopped users in their on_start."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._starts: dict[str, str] = {}

    def note(self, tally: Tally, user: Any, exception: BaseException, tb: TracebackType | None) -> None:
        """Take one that Locust reports: from a task, or (then ``user`` is a user) from on_start."""
        told = " ".join(f"{self._place(tb)}: {describe(exception)}".split())[:MAX_LENGTH]
        tally.user_errors += 1
        kind = told if told in tally.exceptions or len(tally.exceptions) < MAX_KINDS else OTHERS
        tally.exceptions[kind] = tally.exceptions.get(kind, 0) + 1
        if isinstance(user, User):
            self._starts[type(user).__name__] = told

    def of_start(self, user_class: str) -> str:
        """The latest exception in on_start of a user class; a user may also stop there on purpose."""
        return self._starts.get(user_class, "StopUser")

    def _place(self, tb: TracebackType | None) -> str:
        """The innermost line of the user's own files, else the innermost of all, as ``file:line in function``."""
        frames = []
        while tb is not None:
            frames.append((Path(tb.tb_frame.f_code.co_filename), tb.tb_lineno, tb.tb_frame.f_code.co_name))
            tb = tb.tb_next
        own = [
            frame for frame in frames if frame[0].is_relative_to(self._root) and "site-packages" not in frame[0].parts
        ]
        for path, line, function in reversed(own or frames):
            shown = path.relative_to(self._root) if own else path.name
            return f"{shown}:{line} in {function}"
        return "somewhere"
