"""What was done to an arm on purpose, in words: the report has them, and the page of `lab ui`."""

from collections.abc import Mapping

from lab.record.schema import ACTION

ACTS: Mapping[str, str] = {
    "SIGKILL": "killed (SIGKILL)",
    "SIGSTOP": "stopped (SIGSTOP)",
    "SIGCONT": "let go on (SIGCONT)",
    "SIGHUP": "told to replace its workers, or to read its configuration (SIGHUP)",
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
    "SIGTERM": "asked to stop (SIGTERM)",
    "stopped": "stopped",
    "gone": "gone: somebody had ended it",
    "request": "asked to block",
    "answer": "answered what blocked it",
    "unanswered": "gave no answer to what blocked it",
    "over": "over",
    "failed": "could not be done",
}


def act_words(kind: str) -> str:
    """An act in words, by its kind."""
    what = kind.removeprefix(ACTION)
    return ACTS.get(what, what)
