"""Known ways in which a deployment fails: where each shows, what it means, and the key of the scenario that helps.

A table, because the sentence with the next step is worth more than the code around it: a new way is a new row.
"""

from dataclasses import dataclass
from enum import StrEnum


class Sign(StrEnum):
    """The place where an ending shows, and what the text there is like."""

    REFUSED = "refused"  # what the engine said when it would not start the service
    EXIT = "exit"  # "137", "137 out of memory at 512.0 MiB", "137 limit 512.0 MiB"
    ANSWER = "answer"  # the last one that was no success: '400 "Invalid host header" (Host: 127.0.0.1:20000)'
    TAKEN = "taken"  # "8000": ports that the app was told, on which something else listens and the app does not
    LISTENS = "listens"  # "8000": ports on which the app listens, none of which is the one that it was told
    LOG = "log"  # its last lines
    MEMORY = "memory"  # "app is at its memory limit, 99.9 MiB of 100.0 MiB: …", where nobody was killed: thrashing.py


class Fault(StrEnum):
    """What is at fault, where an ending tells it."""

    UNTOLD = ""
    MEMORY = "memory"  # there was too little of it
    OUTSIDE = "outside"  # the machine, its engine, or what runs beside the arm


@dataclass(frozen=True, slots=True)
class Ending:
    """One way to fail. ``means`` and ``hint`` may hold {}, for what the groups of ``pattern`` found.

    ``lasts``: an app that answers so is set up so, and waiting longer does not help.
    """

    sign: Sign
    pattern: str
    means: str
    hint: str
    lasts: bool = False
    fault: Fault = Fault.UNTOLD


TOLD_HINT = 'let app.command, or a value of app.env ({ PORT = "{port}" }), say {port}'
LISTEN_HINT = f"{TOLD_HINT}; or say in app.port where it listens"
BESIDE_HINT = "what must run beside the app belongs into [[sidecars]], and where it is into app.env"
WRITE_HINT = "name its folder in app.volumes, or set app.read_only = false"
ROOT_HINT = 'set app.capabilities = ["CHOWN", "SETUID", "SETGID"], or app.user = "10001:10001" where it skips that then'
MEMORY_HINT = 'raise budget.memory; with app.restart = "always" a trial goes on after such an end'
THRASHING_HINT = (
    "raise budget.memory: the kernel kills nobody, for it can drop pages of the program, which are needed at once again"
)
PROGRAM_HINT = "give its whole path in app.command; app.entrypoint replaces what the image puts before that"
PATH_HINT = "set app.ready_path to a path that answers 200"
ENTRYPOINT_HINT = 'set app.entrypoint = "" to drop the ENTRYPOINT, or let app.command be what may follow it'
STEP_HINT = (
    'let one process do it: a [[jobs]] entry with times = "once" runs before the app; else lock it in the database'
)

ENDINGS: tuple[Ending, ...] = (
    Ending(Sign.EXIT, r"out of memory at (.+)", "the kernel killed a process at {}, its limit", MEMORY_HINT),
    Ending(Sign.EXIT, r"out of memory", "the kernel killed a process: memory is full", "lower budget.processes"),
    Ending(Sign.EXIT, r"137 limit (.+)", "killed, most likely by the kernel at {}, its limit", MEMORY_HINT),
    Ending(
        Sign.TAKEN,
        r"(.+)",
        "something that is no part of the arm listens on {} in its place",
        'run it again; `ss -ltnp` shows what listens there, and "ports" in the scenario is the range to choose from',
        fault=Fault.OUTSIDE,
    ),
    Ending(
        Sign.ANSWER,
        r"(?i)^400 \".*host.*\"",
        "it does not answer to the name that it was asked by",
        'set app.probe_headers = { Host = "the name that it knows" }, or that name in app.env',
        lasts=True,
    ),
    Ending(
        Sign.ANSWER,
        r"^30\d to https?://([^/\s:]+)(?=[:/ ])\S* \(Host: (?!\1[:)])",
        "it sends to another host, {}",
        'set app.probe_headers = { Host = "{}" }, with X-Forwarded-Proto = "https" where it insists on that too; or '
        "switch that off in app.env",
        lasts=True,
    ),
    Ending(
        Sign.ANSWER,
        r"^30\d to https:",
        "it insists on https",
        "switch that off in app.env; or let it serve behind https: a front with tls = true and "
        "proxy_headers = true in every arm (a command of your own takes them from loopback), and for the lab's own "
        'requests app.probe_headers = { X-Forwarded-Proto = "https" }',
        lasts=True,
    ),
    Ending(
        Sign.ANSWER,
        r"^30\d to (?:https?://[^/\s]+)?(/\S*/)(?: \(|$)",
        "the path lacks its slash",
        'set app.ready_path = "{}"',
        lasts=True,
    ),
    Ending(Sign.ANSWER, r"^30\d to (\S+)", "it sends elsewhere", f"{PATH_HINT} by itself", lasts=True),
    Ending(
        Sign.ANSWER,
        r"^40[137]\b",
        "it wants to know who asks",
        "set app.probe_headers = { Authorization = … }, or app.ready_path to a path that everybody may ask for",
        lasts=True,
    ),
    Ending(
        Sign.LISTENS,
        r"^(\d+)$",
        "it listens on {}, and not where it was told",
        f"{TOLD_HINT}; or say where: app.port = {{}}",
    ),
    Ending(Sign.LISTENS, r"(.+)", "it listens on {}, and not where it was told", f"{LISTEN_HINT}: one of {{}}"),
    Ending(
        Sign.LOG,
        r"(?i)(?:running on|listening at:?) https://",
        "it serves https, and the lab asks it in plain HTTP",
        'leave the options of TLS out of app.command; front = { kind = "direct", tls = true } lets the app end TLS',
    ),
    Ending(
        Sign.LOG,
        r"Maximum request limit of \d+ exceeded",
        "it ended by itself, after as many requests as it was told",
        'set app.restart = "always" to compare recycling: Docker starts it again, as a supervisor does',
    ),
    Ending(
        Sign.LOG,
        r"(?i)bind on address .*?, (\d+)\): (?:\[errno 13\] )?permission denied|permission denied.*\bbind\b",
        "it may not listen on port {}, which is below 1024",
        LISTEN_HINT,
    ),
    Ending(
        Sign.LOG,
        r"(?i)', (\d+)\)[^\n]*address already in use|connection in use: \('[^']*', (\d+)|address already in use",
        "port {} is another's already: it does not listen where it was told",
        LISTEN_HINT,
        fault=Fault.OUTSIDE,
    ),
    Ending(
        Sign.LOG,
        r"(?i)read-only file system: '([^'\n]+)|['\u2018]([^'\u2019\n]+)['\u2019]: read-only file system"
        r"|(/[^:\s]+): read-only file system|read-only file system|unable to open database file|readonly database",
        "it writes to {}, and its root file system is read-only",
        WRITE_HINT,
    ),
    Ending(
        Sign.LOG,
        r"(?i)ch(?:own|grp|mod): .*not permitted|(?:setpriv|gosu|su-exec|su|runuser): |setgroups"
        r"|setres[ug]id|initgroups|failed switching to|no new privileges",
        "it changes owners or users as root, for which the lab leaves it no capabilities",
        ROOT_HINT,
    ),
    Ending(
        Sign.LOG,
        r"(?i)no space left on device",
        "a folder in memory is full; /tmp has 256 MiB",
        'set app.volumes = [{ path = "/tmp", size = "1GiB" }]',
    ),
    Ending(
        Sign.LOG,
        r"(?i)permission denied: '(/[^'\n]+)|['\u2018](/[^'\u2019\n]+)['\u2019]: permission denied"
        r"|(/[^:\s]+): permission denied",
        "its user may not use {}",
        "name the folder in app.volumes, or choose another app.user",
    ),
    Ending(
        Sign.LOG,
        r"Import string \"(zuvloop|zttp)\"|Invalid value for '--(?:loop|http)': '?(zuvloop|zttp)",
        "the image's uvicorn does not know {}",
        'install a newer uvicorn in the image, or leave app.loop and app.http at "auto"',
    ),
    Ending(
        Sign.LOG,
        r"Could not import module \"?([\w.]+)|Attribute \"(\w+)\" not found in module|Import string \"([^\"]+)",
        "uvicorn does not find {}",
        'set app.target = "module:attribute", as seen from the image\'s working directory',
    ),
    Ending(
        Sign.LOG,
        r"(?s)enabled to load module '([^']+)'.*Granian build with GIL enabled|Granian build with GIL enabled",
        "{} switched Python's global lock on, without which its threads would have served at the same time",
        "take a version of it that declares free-threading, such as httptools from 0.8.0 on, or leave it out",
    ),
    Ending(
        Sign.LOG,
        r"No module named '?(uvloop|httptools|zuvloop|zttp)",
        "the image lacks {}",
        'install it in the image (zuvloop needs Python 3.14), leave app.loop and app.http at "auto", or set "asyncio" '
        'and "h11"',
    ),
    Ending(
        Sign.LOG,
        r"No module named '?([\w.]+)",
        "the image has no module {}",
        "install it in the image; if it is the app's own, see app.target and the image's working directory",
    ),
    Ending(
        Sign.LOG,
        r"(?i)unexpected extra argument|unrecognized arguments|no such option|too many arguments",
        "its program does not understand the command, which stands behind the image's ENTRYPOINT",
        ENTRYPOINT_HINT,
    ),
    Ending(
        Sign.LOG,
        r"validation errors? for \w+\n(\w+)\n\s+Field required|KeyError: '([A-Z][A-Z0-9_]+)'"
        r"|(?i:environment variable:?) [\"'`]?([A-Z][A-Z0-9_]+)"
        r"|([A-Z][A-Z0-9_]{2,}) (?:(?:is )?not set|not found|must be set)"
        r"|([A-Z][A-Z0-9_]{2,}): (?:unbound variable|parameter (?:not set|null))",
        "the variable {} is not set",
        'set it: app.env = { {} = "…" }',
    ),
    Ending(
        Sign.LOG,
        r"pg_type_typname_nsp_index|(?i:(?:relation|table|type|database) [\"'`]?([\w.]+)[\"'`]? already exists)",
        "several of its processes make {} in the database at the same time",
        STEP_HINT,
    ),
    Ending(
        Sign.LOG,
        r"(?i)connect call failed \('([^']+)', (\d+)|could not translate host name \"([^\"]+)|connection refused"
        r"|name or service not known|failure in name resolution|getaddrinfo failed|no route to host",
        "it cannot reach {} that it needs",
        BESIDE_HINT,
    ),
    Ending(
        Sign.LOG,
        r"exec format error",
        "its program is for another architecture, or a script without a first line such as #!/bin/sh",
        "build the image for this machine",
    ),
    Ending(
        Sign.LOG,
        r"(?m)(?:^|: )(?:exec: |\d+: |line \d+: )*['\u2018]?([\w./-]+)['\u2019]?: (?:command )?not found$"
        r"|^env: ['\u2018]?([\w./-]+)['\u2019]?: No such file",
        "the image has no program {} on its PATH",
        PROGRAM_HINT,
    ),
    Ending(
        Sign.LOG,
        r"(?im)^exec (/\S+): no such file or directory",
        "its program {}, or the interpreter that its first line names, is not in the image",
        "give the script the line ends of Unix (LF), or install that interpreter in the image",
    ),
    Ending(
        Sign.LOG,
        r"(?i)no such file or directory: ['\"](/[^'\"\n]+)|['\u2018]?(/[\w./-]+)['\u2019]?: no such file or directory",
        "it misses {}",
        "let the image hold it (COPY), for nothing of this machine is mounted; a secret can be a variable: app.env = "
        '{ NAME = { from = "NAME" } }',
    ),
    Ending(Sign.ANSWER, r"^404\b", "it has no such path", PATH_HINT),
    Ending(Sign.ANSWER, r"^405\b", "it does not take GET there", PATH_HINT, lasts=True),
    Ending(Sign.ANSWER, r"^2\d\d\b", "only 200 counts", PATH_HINT),
    Ending(Sign.ANSWER, r"^5\d\d\b", "it says that it is not well", f"{BESIDE_HINT}; or {PATH_HINT} without it"),
    Ending(Sign.MEMORY, r"(.+)", "{}", THRASHING_HINT, fault=Fault.MEMORY),
)
