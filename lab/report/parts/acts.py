"""What was done to an arm on purpose, in words: the report has them, and the page of `lab ui`."""

from collections.abc import Mapping

from lab.record.schema import ACTION

ACTS: Mapping[str, str] = {
    "SIGKILL": "killed (SIGKILL)",
    "SIGSTOP": "stopped (SIGSTOP)",
    "SIGCONT": "let go on (SIGCONT)",
    "SIGHUP": "told to replace its workers (SIGHUP)",
    "SIGTTIN": "told to start one worker more (SIGTTIN)",
    "SIGUSR1": "told to read its configuration (SIGUSR1)",
    "SIGUSR2": "told to read its configuration (SIGUSR2)",
    "replaced": "all replaced",
    "kept": "not all replaced",
    "deployed": "gave way to a new one",
    "added": "added",
    "drained": "out of the front, and drained",
    "returned": "back behind the front",
    "removed": "taken away",
    "came": "came",
    "certificate": "every new connection is shown the new certificate",
    "closed": "connections closed since then",
    "restarted": "restarted",
    "updated": "updated by the Swarm",
    "not updated": "not updated by the Swarm, which tried",
    "node drained": "node drained",
    "moved": "came on another node",
    "SIGTERM": "asked to stop (SIGTERM)",
    "stopped": "stopped",
    "killed": "killed (by the kernel, for memory)",
    "gone": "gone: somebody had ended it",
    "request": "asked (the request of the drill)",
    "answer": "answered (the request of the drill)",
    "unanswered": "not answered (the request of the drill)",
    "over": "over",
    "failed": "could not be done",
}


def act_words(kind: str, *, front: bool = False) -> str:
    """An act in words, by its kind; ``front``: it was done to one, which reads its configuration at a signal."""
    what = kind.removeprefix(ACTION)
    if front and what == "SIGHUP":
        return "told to read its configuration (SIGHUP)"
    return ACTS.get(what, what)
