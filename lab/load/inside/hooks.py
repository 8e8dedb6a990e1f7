"""Hook both kinds of load process into Locust, set it up, and end it without half a measurement."""

import errno
import os
import signal
import sys
from pathlib import Path
from types import TracebackType
from typing import Any, NoReturn

import gevent.ssl
import locust
import locust.argument_parser
import locust.main
import locust.stats
from geventhttpclient.connectionpool import ConnectionPool, SSLConnectionPool
from locust.clients import HttpSession
from locust.contrib.fasthttp import FastHttpSession, FastRequest
from locust.user.users import User
from urllib3.connection import HTTPConnection, HTTPSConnection

from lab.errors import LoadError
from lab.load.inside.arguments import forget_environment, take_arguments
from lab.load.inside.boot import OwnModules
from lab.load.inside.clients import Asked, describe, request_listener, time_session
from lab.load.inside.hosts import complete_paths, follow_no_further
from lab.load.inside.journal import Journal
from lab.load.inside.load_counts import Tally, fine_bucket
from lab.load.inside.locustfile import Contents, read_locustfile
from lab.load.inside.log_limit import set_up_logging
from lab.load.inside.openings import time_openings
from lab.load.inside.recording import MAX_STRINGS
from lab.load.inside.status import EXIT_BUG, EXIT_DISK, EXIT_REFUSED, Status, refusal_of, write_status
from lab.load.inside.trust import trust_authority
from lab.load.load_plan import LoadPlan


class Hooks:
    """A load process, hooked into Locust."""

    def __init__(self, plan: LoadPlan, process: int, journal: Journal, asked: Asked) -> None:
        self._plan = plan
        self._process = process
        self._journal = journal
        self._asked = asked
        self._errors = UserErrors(plan.root)
        self._own_modules = OwnModules()
        self.remarks: list[str] = []
        """Sentences on how the locustfile is run."""

    def install(self) -> None:
        """Take Locust's hooks, before the locustfile is imported: its own listeners come after ours."""
        if dropped := forget_environment():
            self.remarks.append(f"not used, for the scenario decides: {', '.join(dropped)} of the environment")
        take_arguments(self._plan, self.refuse, self.remarks.append)
        locust.main.get_locustfiles_locally = lambda _options: [str(self._plan.locustfile)]
        locust.main.merge_locustfiles_content = lambda _files: self._contents()
        for session in (HttpSession, FastHttpSession):
            time_session(session, self._journal)
            complete_paths(session, self._plan.base_url, self.leaves)
        follow_no_further(self._plan.base_url, HttpSession, FastRequest)
        trust_authority(self._plan, SSLConnectionPool, HTTPSConnection, gevent.ssl.create_default_context)
        time_openings(self._plan.base_url, ConnectionPool, HTTPConnection, HTTPSConnection)
        events = locust.events
        events.request.add_listener(request_listener(self._journal, self._asked))
        events.user_error.add_listener(self._on_user_error)
        events.init.add_listener(self._on_init)

    def refuse(self, error: LoadError) -> NoReturn:
        """End this process; the lab raises ``error`` on its side."""
        write_status(self._plan.status_file(self._process), Status(refusal=refusal_of(error)))
        os._exit(EXIT_REFUSED)

    def leaves(self, error: LoadError) -> None:
        """A user is about to ask somebody else than the arm; ``error`` tells whom."""
        self.refuse(error)

    def set_up(self, environment: Any, web_ui: Any) -> None:
        """Locust is complete and nothing runs yet. Raises LoadError for what cannot be run."""
        raise NotImplementedError

    def _contents(self) -> Contents:
        self._own_modules.hide()
        try:
            return read_locustfile(self._plan)
        except LoadError as error:
            self.refuse(error)

    def _on_init(self, environment: Any, web_ui: Any, **_: Any) -> None:
        try:
            self.set_up(environment, web_ui)
        except LoadError as error:
            self.refuse(error)
        except OSError as error:  # Locust would log it and go on
            end_with(error)

    def _on_user_error(self, user_instance: Any, exception: BaseException, tb: Any, **_: Any) -> None:
        self._errors.note(self._journal.tally, user_instance, exception, tb)


def prepare_locust() -> None:
    """Only the scenario configures a load process, and its logs and tables cannot grow without end."""
    set_up_logging()
    ignore_configuration_files()
    bound_statistics()


def ignore_configuration_files() -> None:
    """~/.locust.conf, locust.conf and pyproject.toml shall not change a measurement."""
    parser = locust.argument_parser.get_empty_argument_parser
    locust.argument_parser.get_empty_argument_parser = lambda add_help=True, **_: parser(add_help, ())


def bound_statistics() -> None:
    """Locust's own tables stay, because locustfiles and shapes read them, but they may not grow without end."""
    new_entry, log_error = locust.stats.EntriesDict.__missing__, locust.stats.RequestStats.log_error
    overflow = ("other names", "")

    def bounded_entry(entries: Any, key: tuple[str, str]) -> Any:
        return entries[overflow] if len(entries) >= MAX_STRINGS and key != overflow else new_entry(entries, key)

    def bounded_error(stats: Any, method: str, name: str, error: Any) -> None:
        log_error(stats, method, name, error if len(stats.errors) < MAX_STRINGS else "other errors")

    locust.stats.EntriesDict.__missing__ = bounded_entry
    locust.stats.RequestStats.log_error = bounded_error
    locust.stats.bucket_response_time = fine_bucket


def die_with_parent() -> Any:
    """The lab holds the other end of our standard input: when it is gone, so is this process group.

    The watcher must be kept alive by the caller.
    """
    watcher = gevent.get_hub().loop.io(sys.stdin.fileno(), 1)
    watcher.start(lambda: os.killpg(os.getpgrp(), signal.SIGKILL))
    return watcher


def die(greenlet: Any) -> None:
    """Our own greenlet failed: better no measurement than half of one. gevent has printed the traceback."""
    end_with(greenlet.exception)


def end_with(error: BaseException) -> NoReturn:
    """End this process; its exit code says what kind of error it was."""
    os._exit(EXIT_DISK if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT) else EXIT_BUG)


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
