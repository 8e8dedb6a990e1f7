"""How an image starts, from the words of its ENTRYPOINT and CMD, as the keys of a scenario that say so. Pure.

What a word names is read through a function, so that a folder and a finished image are understood alike.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import PurePath, PurePosixPath

from lab.starter.own_run import OwnRun, own_run
from lab.starter.servers import (
    TLS,
    app_in,
    command_text,
    missing_options,
    plain_target,
    server_at,
    server_of,
    template,
)
from lab.starter.shell import ONLY_A_SHELL, SHELLS, VARIABLE, commands, replaced, shell_at, shell_of

Read = Callable[[str], str | None]  # a path as the image's command names it -> text, None when it cannot be had

IMAGE_COMMAND = "{image}"
WRITERS = ("uv", "poetry", "pipenv", "pdm", "hatch", "rye")  # tools that write caches and locks beside the app
OWN_WORKERS = ("uvicorn", "gunicorn", "fastapi")  # WEB_CONCURRENCY tells them when no option does
DROPS_ROOT = re.compile(r"(?:^|[\s/;&|])(?:gosu|su-exec|setpriv|runuser)(?=\s|$)")
PYTHON = re.compile(r"python[\d.]*")
PORT_VALUE = re.compile(r"(?:--port[= ]|(?:--bind|-b)[= ]\S*:)[\"']?\$\{?(\w+)")
WORKERS_VALUE = re.compile(r"(?:--workers|-w)[= ][\"']?\$\{?(\w+)")
WORKERS_NUMBER = re.compile(r"(?:^|\s)(?:--workers|-w)[= ]?[\"']?(\d{1,3})(?=[\"'\s]|$)")
MAX_SCRIPT = 20_000
RELOADS = re.compile(r"(?:^|\s)(?:--reload|--debug|fastapi dev)(?=\s|$)")
RELOAD_NOTE = "what it does for development (--reload, dev) is left out: it would serve with one process"
TLS_NOTE = "its options of TLS are left out: the lab asks the app in plain HTTP, as a front does that ends TLS"


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """Keys of ``[app]`` that start it. Either ``target`` or ``command`` is set, or neither: not understood.

    ``entrypoint``: "" leaves the image's own out, None keeps it. ``app``: what it serves, module:name, where that is
    known. ``writes``: something in front of the server writes beside /tmp. ``drops_root``: it starts as root and
    goes on as somebody else. ``notes``: sentences for the person. ``workers``: how many it has today, 0 when unknown.
    """

    target: str = ""
    command: str = ""
    entrypoint: str | None = None
    env: Mapping[str, str] = field(default_factory=dict)
    app: str = ""
    writes: bool = False
    drops_root: bool = False
    notes: tuple[str, ...] = ()
    workers: int = 0


def understand(entrypoint: Sequence[str], command: Sequence[str], port: int | None, read: Read) -> Start:
    """The keys for an image with this ENTRYPOINT and CMD; ``port`` is where it listens today, None when unknown."""
    words = _plain([*entrypoint, *command])
    if not entrypoint and (target := plain_target(words)):
        return Start(target=target, app=target, workers=_workers(words))
    changed, more = _template(words, port, read)
    texts = [*words, *filter(None, (_script(word, read) for word in words))]
    text = " ".join(texts)
    tls = any(map(TLS.match, text.split()))
    notes = (*([RELOAD_NOTE] if RELOADS.search(text) else []), *([TLS_NOTE] if tls else []))
    more = replace(
        more,
        workers=_workers(texts),
        notes=(*more.notes, *notes) if changed is not None else more.notes,
        writes=any(PurePath(word).name in WRITERS for word in words),
        drops_root=any(DROPS_ROOT.search(text) for text in texts),
    )
    if changed is None:
        return more
    kept = len(entrypoint) if words[: len(entrypoint)] == list(entrypoint) == changed[: len(entrypoint)] else 0
    if entrypoint and kept and server_at(words[:kept]) < 0:
        return replace(more, command=command_text(changed[kept:]))
    return replace(more, command=command_text(changed), entrypoint="" if entrypoint else None)


def _workers(texts: Sequence[str]) -> int:
    found = WORKERS_NUMBER.search(" ".join(texts))
    return int(found[1]) if found else 0


def beside_own(entrypoint: Sequence[str], target: str) -> Start:
    """The keys for a target that a person has named: an ENTRYPOINT that starts a server itself is left out."""
    starts = server_at(list(entrypoint)) >= 0 or shell_at(list(entrypoint)) >= 0
    return Start(target=target, app=target, entrypoint="" if starts else None)


def instead(entrypoint: Sequence[str], command: Sequence[str], app: str) -> Start:
    """The keys for a start that is not understood: uvicorn serves ``app``, by the tool or the Python that it named."""
    words = [*entrypoint, *command]
    tool = bool(words) and PurePath(words[0]).name in WRITERS and "run" in words
    python = next((word for word in words if "/" in word and PYTHON.fullmatch(PurePath(word).name)), "")
    front = words[: words.index("run") + 1] if tool else [python, "-m"] if python else []
    if not front:
        return beside_own(entrypoint, app)  # found on PATH
    line = command_text([*front, "uvicorn", app, *missing_options("uvicorn", "")])
    return Start(command=line, app=app, entrypoint="" if entrypoint else None, writes=tool)


def _plain(words: list[str]) -> list[str]:
    """The words that a shell form comes to when no shell is needed to tell."""
    if len(words) == 3 and shell_at(words) == 2 and not ONLY_A_SHELL.search(words[2]):
        found = list(commands(words[2]))
        text = found[0].words if len(found) == 1 else ()
        quoted = any("'" in word or '"' in word or "\\" in word for word in text)
        if text and not quoted and "=" not in text[0]:  # A=1 in front of a program means something to a shell only
            return list(text[1:] if text[0] == "exec" else text)
    return words


def _template(words: list[str], port: int | None, read: Read) -> tuple[list[str] | None, Start]:
    """The words with placeholders, None when they cannot be had, and the keys beside the command."""
    if (at := shell_at(words)) >= 0:
        text, more = _in_text(words[at], port, read)
        return (None if text is None else [*words[:at], text, *words[at + 1 :]]), more
    if server_at(words) >= 0:
        return template(words, port), Start(app=app_in(words))
    if (python := _as_uvicorn(words, read)) is not None:
        return python
    for place, word in enumerate(words):
        if (script := _script(word, read)) is not None:
            return _from_script(words, place, script, port, read)
    return None, Start()


def _in_text(text: str, port: int | None, read: Read) -> tuple[str | None, Start]:
    """The text of a shell with placeholders in every command that starts the app."""
    more, found = Start(), False
    for command in reversed(list(commands(text))):  # from the end: what stands before keeps its place
        if command.starts(lambda name: bool(server_of([name]))):
            text, found = replaced(text, command, template(command.words, port)), True
            more = replace(more, app=more.app or app_in(command.words))
        elif command.starts(lambda name: bool(PYTHON.fullmatch(name))):
            words, own = _as_uvicorn(list(command.words), read) or (None, more)
            if words is not None:
                text, found, more = replaced(text, command, words), True, own
    return (text if found else None), more


def _script(word: str, read: Read) -> str | None:
    """The text of a shell script that a word names."""
    named = word.endswith((".sh", ".bash"))
    text = read(word) if named or "/" in word else None
    if text is None or len(text) > MAX_SCRIPT or not (named or text.startswith("#!")):
        return None
    return text if shell_of(text) else None


def _from_script(
    words: list[str], place: int, script: str, port: int | None, read: Read
) -> tuple[list[str] | None, Start]:
    """A start script: told by its environment where that is enough, else its text stands in its place."""
    name = words[place]
    if env := _environment(script):
        told = ", ".join(f"${variable}" for variable in env)
        start = Start(command=IMAGE_COMMAND, env=env, notes=(f"{name} takes {told} from its environment: unchanged",))
        return None, replace(start, app=_in_text(script, port, read)[1].app)
    text, more = _in_text(script.partition("\n")[2] if script.startswith("#!") else script, port, read)
    if text is None:
        return None, Start(notes=(f"{name} starts no server that is known",))
    named = place > 0 and PurePath(words[place - 1]).name in SHELLS  # sh start.sh
    shell = [words[place - 1]] if named else [shell_of(script)]
    note = f"{name} fixes where it listens or how many processes it has: its text is taken over, with placeholders"
    changed = [*words[: place - named], *shell, "-c", text.strip(), *words[place:]]
    return changed, replace(more, notes=(*more.notes, note))


def _environment(script: str) -> dict[str, str]:
    """The variables that tell a script everything, with placeholders; {} when it does not listen to them."""
    env: dict[str, str] = {}
    for command in commands(script):
        if not command.starts(lambda name: bool(server_of([name]))):
            continue
        text = " ".join(command.words)
        port, workers = PORT_VALUE.search(text), WORKERS_VALUE.search(text)
        own = "WEB_CONCURRENCY" if server_of(command.words) in OWN_WORKERS and "--workers" not in text else ""
        variable = workers[1] if workers else own
        if port is None or not variable or any(_set(script, name) for name in (port[1], variable)):
            return {}
        env |= {port[1]: "{port}", variable: "{workers}"}
    return env


def _set(script: str, variable: str) -> bool:
    """Tell whether the script gives the variable a value of its own, whatever the environment says."""
    found = re.findall(rf"(?m)^\s*(?:export\s+)?{variable}=(.*)$", script)
    return any(variable not in VARIABLE.findall(value) for value in found)


def _as_uvicorn(words: list[str], read: Read) -> tuple[list[str] | None, Start] | None:
    """``python main.py``, where main.py calls uvicorn.run: told by its environment, else the same app under uvicorn."""
    at = next((place for place, word in enumerate(words) if PYTHON.fullmatch(PurePath(word.strip("\"'")).name)), -1)
    rest = [word.strip("\"'") for word in words[at + 1 :] if word not in ("-u", "-O", "-B")]
    if at < 0 or not rest:
        return None
    module = rest[0] == "-m"
    path = (rest[1].replace(".", "/") if len(rest) > 1 else "") if module else rest[0]
    for name in (f"{path}.py", f"{path}/__main__.py") if module else (path,):
        called = name if module else PurePosixPath(name).name
        text = read(name)
        if text is not None and (found := own_run(text, called.removesuffix(".py").replace("/", "."))) is not None:
            return _told(name, found) if found.env else _served(words[: at + 1], module, name, found, read)
    return None


def _told(name: str, found: OwnRun) -> tuple[None, Start]:
    told = ", ".join(f"${variable}" for variable in found.env)
    notes = (f"{name} takes {told} from its environment: unchanged",)
    return None, Start(command=IMAGE_COMMAND, env=found.env, app=found.app, notes=notes)


def _served(python: Sequence[str], module: bool, name: str, found: OwnRun, read: Read) -> tuple[list[str], Start]:
    """What it does not take from its environment is fixed: uvicorn's command line, with the options of the call."""
    served = [found.app] if module else _seen_from(found.app, name, read)
    without = f", without {', '.join(found.left)}" if found.left else ""
    note = f"{name} fixes its address in uvicorn.run: the command line of uvicorn serves {served[0]} instead{without}"
    command = [*python, "-m", "uvicorn", *served, *found.options]
    return [*command, *missing_options("uvicorn", "")], Start(app=served[0], notes=(note,))


def _seen_from(app: str, name: str, read: Read) -> list[str]:
    """``[app]``, and where it is found: Python puts the folder of a script, not the current one, before all others."""
    folder = str(PurePosixPath(name).parent)
    module = app.partition(":")[0].replace(".", "/")
    here = read(f"{module}.py") is not None or read(f"{module}/__init__.py") is not None
    return [app] if here or folder in (".", "") else [app, "--app-dir", folder]
