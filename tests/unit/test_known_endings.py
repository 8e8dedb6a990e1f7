"""Every known way to fail is told with the key that helps: what real programs print, and what stands in the table."""

from __future__ import annotations

import re

import pytest

from lab.engines.endings import end_of, ended_error, exit_sign, explain, last_lines
from lab.engines.known_endings import ENDINGS, Sign
from lab.engines.refusals import REFUSALS, refusal, refused_error
from lab.errors import DeploymentError, EndedError, OutsideError
from tests.unit.test_docs import scenario_keys

TABLE = (*REFUSALS, *ENDINGS)
IN_HINTS = re.compile(r"\b((?:app|budget)\.[a-z_]+)")


@pytest.mark.parametrize(
    ("sign", "text", "means", "hint"),
    [
        (
            Sign.EXIT,
            "137 out of memory at 512.0 MiB",
            "the kernel killed a process at 512.0 MiB",
            "raise budget.memory",
        ),
        (Sign.EXIT, "3 out of memory", "memory is full", "lower budget.processes"),
        (Sign.EXIT, "137 limit 512.0 MiB", "most likely by the kernel at 512.0 MiB", "raise budget.memory"),
        (
            Sign.REFUSED,
            'OCI runtime create failed: exec: "uvicorn": executable file not found in $PATH: unknown',
            "no program uvicorn on its PATH",
            "app.command",
        ),
        (
            Sign.REFUSED,
            'exec: "/start.sh": permission denied: unknown',
            "not executable",
            'app.entrypoint = "sh /start.sh"',
        ),
        (
            Sign.REFUSED,
            "standard_init_linux.go:228: exec user process caused: exec format error",
            "architecture",
            "build",
        ),
        (Sign.REFUSED, "unable to find user shop: no matching entries in passwd file", "knows no shop", "app.user"),
        (Sign.REFUSED, "container init was OOM-killed", "before its program began", "raise budget.memory"),
        (Sign.REFUSED, "Minimum memory limit allowed is 6MB", "budget.memory is below 6MB", "raise budget.memory"),
        (
            Sign.REFUSED,
            "Range of CPUs is from 0.01 to 2.00, as there are only 2 CPUs available",
            "more than the 2.00 cores",
            "budget.cpus",
        ),
        (
            Sign.REFUSED,
            "Requested CPUs are not available - requested 0-9, available: 0-1",
            "budget.cpuset, 0-9,",
            "cores that the engine's machine has",
        ),
        (
            Sign.REFUSED,
            'failed to write "500": write /sys/fs/cgroup/cpu/x/cpu.cfs_quota_us: invalid argument: unknown',
            "budget.cpus is next to nothing",
            "raise budget.cpus",
        ),
        (Sign.REFUSED, 'invalid CapAdd: unknown capability: "CAP_X"', "no capability CAP_X", "app.capabilities"),
        (Sign.REFUSED, "invalid specification: destination can't be '/'", "in memory", "app.volumes"),
        (Sign.REFUSED, "mkdir /var/lib/docker/x: no space left on device", "disk is full", "docker system df"),
        (
            Sign.REFUSED,
            "cannot share the host PID namespace when user namespaces are enabled",
            "users of its own",
            "userns-remap",
        ),
        (Sign.REFUSED, "authorization denied by plugin guard: no", "plugin guard forbids", "DOCKER_HOST"),
        (
            Sign.REFUSED,
            "Bind for 10.0.0.1:8080 failed: port is already allocated",
            "taken by which load of another node would reach it",
            "give the first of [[nodes]] another port",
        ),
        (
            Sign.REFUSED,
            "listen tcp4 10.0.0.9:8080: bind: cannot assign requested address",
            "no interface with the address",
            "the address of one of its interfaces",
        ),
        (Sign.ANSWER, '400 "Invalid host header"', "the name that it was asked by", "app.probe_headers = { Host"),
        (Sign.ANSWER, '400 "DisallowedHost at /"', "the name that it was asked by", "app.probe_headers = { Host"),
        (Sign.ANSWER, "307 to https://127.0.0.1:20000/ready", "insists on https", "X-Forwarded-Proto"),
        (
            Sign.ANSWER,
            "301 to https://www.shop.org/ready (Host: 127.0.0.1:20000)",
            "to another host, www.shop.org",
            'app.probe_headers = { Host = "www.shop.org" }',
        ),
        (Sign.ANSWER, "308 to https://127.0.0.1/ready (Host: 127.0.0.1:20000)", "insists on https", "X-Forwarded-P"),
        (
            Sign.ANSWER,
            "307 to http://127.0.0.1:20000/ready/ (Host: 127.0.0.1:20000)",
            "lacks its slash",
            'app.ready_path = "/ready/"',
        ),
        (Sign.ANSWER, "302 to /login?next=/ready", "sends elsewhere", "app.ready_path"),
        (Sign.ANSWER, '401 "{"detail":"Not authenticated"}"', "who asks", "app.probe_headers = { Authorization"),
        (Sign.ANSWER, "403", "who asks", "app.ready_path"),
        (Sign.ANSWER, '404 "{"detail":"Not Found"}"', "no such path", "app.ready_path"),
        (Sign.ANSWER, "204", "only 200 counts", "app.ready_path"),
        (Sign.ANSWER, '503 "database is down"', "not well", "[[sidecars]]"),
        (Sign.TAKEN, "8000", "no part of the arm listens on 8000 in its place", "run it again"),
        (Sign.LISTENS, "8000", "it listens on 8000, and not where it was told", "app.port = 8000"),
        (Sign.LISTENS, "8000, 9090", "it listens on 8000, 9090, and not", "in app.port where it listens: one of 8000"),
        (Sign.LOG, "OSError: [Errno 98] Address already in use", "another's already", "say in app.port where"),
        (
            Sign.LOG,
            "ERROR:    [Errno 98] error while attempting to bind on address ('0.0.0.0', 8000): address already in use",
            "port 8000 is another's",
            "{port}",
        ),
        (
            Sign.LOG,
            "INFO:     Uvicorn running on https://127.0.0.1:20000 (Press CTRL+C to quit)",
            "serves https",
            "options of TLS out of app.command",
        ),
        (Sign.LOG, "[ERROR] Connection in use: ('0.0.0.0', 8000)", "port 8000 is another's", "{port}"),
        (
            Sign.LOG,
            "[Errno 13] error while attempting to bind on address ('0.0.0.0', 80): permission denied",
            "not listen on port 80",
            "{port}",
        ),
        (
            Sign.LOG,
            "OSError: [Errno 30] Read-only file system: '/app/data/cache.db'",
            "writes to /app/data/cache.db",
            "app.volumes",
        ),
        (Sign.LOG, "mkdir: cannot create directory '/srv/run': Read-only file system", "/srv/run", "app.read_only"),
        (Sign.LOG, "/start.sh: 3: cannot create /etc/x.conf: Read-only file system", "/etc/x.conf", "app.volumes"),
        (Sign.LOG, "sqlite3.OperationalError: unable to open database file", "writes to something", "app.volumes"),
        (Sign.LOG, "chown: changing ownership of '/data': Operation not permitted", "owners or users", '"CHOWN"'),
        (Sign.LOG, "setpriv: setresuid failed: Operation not permitted", "owners or users", "app.user"),
        (Sign.LOG, "error: failed switching to 'app': operation not permitted", "owners or users", '"SETUID"'),
        (Sign.LOG, "OSError: [Errno 28] No space left on device", "/tmp has 256 MiB", "app.volumes"),
        (
            Sign.LOG,
            "PermissionError: [Errno 13] Permission denied: '/data/cache'",
            "its user may not use /data/cache",
            "app.volumes",
        ),
        (Sign.LOG, "mkdir: cannot create directory ‘/data/x’: Permission denied", "not use /data/x", "app.user"),
        (Sign.LOG, "sh: 1: cannot create /data/x: Permission denied", "not use /data/x", "app.volumes"),
        (Sign.LOG, 'ERROR:    Error loading ASGI app. Could not import module "man".', "find man", "app.target"),
        (Sign.LOG, 'Error loading ASGI app. Attribute "api" not found in module "main".', "find api", "app.target"),
        (Sign.LOG, "ModuleNotFoundError: No module named 'uvloop'", "lacks uvloop", "app.loop"),
        (
            Sign.LOG,
            "RuntimeWarning: The global interpreter lock (GIL) has been enabled to load module 'orjson.orjson', which\n"
            "[ERROR] Cannot run a free-threaded Granian build with GIL enabled",
            "orjson.orjson switched Python's global lock on",
            "declares free-threading",
        ),
        (Sign.LOG, "ModuleNotFoundError: No module named 'zttp'", "lacks zttp", "app.http"),
        (
            Sign.LOG,
            'Error loading custom loop setup function. Import string "zuvloop" must be in format',
            "uvicorn does not know zuvloop",
            "newer uvicorn",
        ),
        (Sign.LOG, "Invalid value for '--http': 'zttp' is not one of 'auto', 'h11'", "not know zttp", "newer uvicorn"),
        (Sign.LOG, "ModuleNotFoundError: No module named 'shop.db'", "no module shop.db", "app.target"),
        (Sign.LOG, "Error: Got unexpected extra arguments (uvicorn main:app)", "ENTRYPOINT", 'app.entrypoint = ""'),
        (Sign.LOG, "Error: No such option: --worker Did you mean --workers?", "understand", "app.command"),
        (Sign.LOG, "KeyError: 'DATABASE_URL'", "DATABASE_URL is not set", 'app.env = { DATABASE_URL = "…" }'),
        (
            Sign.LOG,
            "pydantic_core._pydantic_core.ValidationError: 1 validation error for Settings\ndatabase_url\n"
            "  Field required [type=missing, input_value={}, input_type=dict]",
            "database_url is not set",
            "app.env",
        ),
        (Sign.LOG, 'environs.EnvError: Environment variable "API_URL" not set', "API_URL is not set", "app.env"),
        (Sign.LOG, "/start.sh: line 2: DB_HOST: unbound variable", "DB_HOST is not set", "app.env"),
        (
            Sign.LOG,
            "OSError: Multiple exceptions: [Errno 111] Connect call failed ('127.0.0.1', 5432)",
            "cannot reach 127.0.0.1:5432",
            "[[sidecars]]",
        ),
        (Sign.LOG, 'could not translate host name "db" to address', "cannot reach db", "[[sidecars]]"),
        (Sign.LOG, "socket.gaierror: [Errno -2] Name or service not known", "cannot reach something", "app.env"),
        (
            Sign.LOG,
            'duplicate key value violates unique constraint "pg_type_typname_nsp_index"',
            "several of its processes make something in the database at the same time",
            "[[jobs]]",
        ),
        (Sign.LOG, 'DuplicateTableError: relation "audit" already exists', "make audit in the database", "[[jobs]]"),
        (Sign.LOG, "exec /start.sh: no such file or directory", "program /start.sh, or the interpreter", "(LF)"),
        (
            Sign.LOG,
            "FileNotFoundError: [Errno 2] No such file or directory: '/run/secrets/db_password'",
            "misses /run/secrets/db_password",
            "app.env",
        ),
        (Sign.LOG, "cat: /etc/shop/config.yaml: No such file or directory", "misses /etc/shop/config.yaml", "(COPY)"),
        (Sign.LOG, "/bin/sh: 1: gunicorn: not found", "no program gunicorn", "app.command"),
        (Sign.LOG, "/start.sh: line 4: exec: uvicorn: not found", "no program uvicorn", "app.command"),
        (
            Sign.LOG,
            "WARNING:  Maximum request limit of 400 exceeded. Terminating process.",
            "ended by itself",
            "always",
        ),
        (
            Sign.MEMORY,
            "app is at its memory limit, 99.9 MiB of 100.0 MiB: in 3 s its processes waited 99 times",
            "app is at its memory limit, 99.9 MiB of 100.0 MiB: in 3 s its processes waited 99 times",
            "raise budget.memory: the kernel kills nobody",
        ),
    ],
)
def test_a_known_way_to_fail_names_the_key(sign: Sign, text: str, means: str, hint: str) -> None:
    """What people see is what happened and what to do about it."""
    found = explain({sign: text}, "unknown", TABLE)

    assert means in found.told
    assert hint in found.hint


@pytest.mark.parametrize("answer", ['400 "Bad Request" (Host: 127.0.0.1:20000)', '409 "busy"'])
def test_the_name_that_was_asked_is_no_reason_of_its_own(answer: str) -> None:
    """It stands in every sentence about an answer."""
    assert explain({Sign.ANSWER: answer}, "unknown").told == ""


@pytest.mark.parametrize(
    "text",
    [
        "[1] [ERROR] Control server error: [Errno 30] Read-only file system: '/.gunicorn'\n[1] [ERROR] Worker (pid:16)",
        "INFO:     Application startup complete.",
        '127.0.0.1:5000 - "GET /ready HTTP/1.1" 200 OK',
        "UserWarning: Redis is not found in the cache",
        "Traceback (most recent call last):\nZeroDivisionError: division by zero",
        "worker 7 exited",
    ],
)
def test_an_ordinary_log_explains_nothing(text: str) -> None:
    """A wrong reason is worse than none."""
    assert explain({Sign.LOG: text}, "look yourself").told == ""


def test_every_row_is_met_by_an_example_and_names_what_there_is() -> None:
    """No row is hidden behind another one, and a hint names only keys that a scenario has."""
    keys = set(scenario_keys())
    examples = test_a_known_way_to_fail_names_the_key.pytestmark[0].args[1]  # type: ignore[attr-defined]  # pytest's own
    met = {explain({sign: text}, "", TABLE).hint for sign, text, *_ in examples}

    for ending in TABLE:
        beginning = ending.hint.partition("{}")[0]
        assert any(hint.startswith(beginning) for hint in met), f"no example of {ending}"
        assert set(IN_HINTS.findall(ending.hint)) <= keys, ending.hint


def test_what_docker_says_stands_behind_what_it_means() -> None:
    """And alone, with the hint of whoever asked, where nobody knows."""
    known = refusal("Minimum memory limit allowed is 6MB", "")
    assert known.told == (
        "its part of budget.memory is below 6MB, the least that Docker takes: Minimum memory limit allowed is 6MB"
    )
    assert refusal("no idea", "look").told == "no idea"
    assert refusal("no idea", "look").hint == "look"


def test_the_labs_own_requests_do_not_hide_the_last_lines() -> None:
    """A server that logs each request says nothing else while it is asked whether it is ready."""
    asked = 'INFO:     127.0.0.1:1 - "GET /ready HTTP/1.1" 200 OK\n'

    assert last_lines("boom\n" + 30 * asked + "bye\n" + asked) == "boom\nbye"
    assert last_lines(3 * asked, most=2) == (2 * asked).rstrip()


def test_an_end_is_told_with_its_last_lines() -> None:
    """Who, how, why as far as known, what it said."""
    end = end_of("container of 'app'", "ended with exit code 1", {Sign.LOG: "KeyError: 'TOKEN_URL'\n"})

    assert end.told == (
        "container of 'app' ended with exit code 1: the variable TOKEN_URL is not set; its last lines:\n"
        "KeyError: 'TOKEN_URL'"
    )
    assert end_of("it", "ended", {}).told == "it ended; its last lines:\n(it logged nothing)"


def test_an_exit_says_what_is_known_of_memory() -> None:
    """A limit without the kernel's word is a suspicion only."""
    assert exit_sign(137, killed=True, limit=2**29) == "137 out of memory at 512.0 MiB"
    assert exit_sign(3, killed=True, limit=None) == "3 out of memory"
    assert exit_sign(137, killed=False, limit=2**29) == "137 limit 512.0 MiB"
    assert exit_sign(1, killed=False, limit=None) == "1"


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("Minimum memory limit allowed is 6MB", EndedError),
        ("runc create failed: container init was OOM-killed (memory limit too low?)", EndedError),
        ("driver failed: Bind for 0.0.0.0:20000 failed: port is already allocated", OutsideError),
        ("no space left on device", OutsideError),
        ("no idea", OutsideError),
    ],
)
def test_a_refusal_is_the_arms_only_for_want_of_memory(text: str, kind: type[DeploymentError]) -> None:
    """Else a smallest limit would be told that is the machine's."""
    assert type(refused_error("Docker refused a container", text, "")) is kind


@pytest.mark.parametrize(
    ("log", "kind"),
    [
        ("Killed", EndedError),
        (
            "[Errno 98] error while attempting to bind on address ('0.0.0.0', 8000): address already in use",
            OutsideError,
        ),
    ],
)
def test_an_end_is_the_arms_unless_something_else_is_known_to_be_at_fault(
    log: str, kind: type[DeploymentError]
) -> None:
    """A port that another program has is not given up by more memory."""
    end = end_of("container of 'app'", "ended with exit code 1", {Sign.LOG: log})

    assert type(ended_error("b01-workers", end)) is kind
