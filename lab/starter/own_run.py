"""A Python program that starts uvicorn itself: what its call of uvicorn.run says, read without running it. Pure."""

import ast
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from lab.starter.servers import TARGET

SET_BY_THE_LAB = {
    *("host", "port", "workers", "uds", "fd", "reload", "reload_dirs", "reload_includes", "reload_excludes"),
    *("reload_delay", "ssl_keyfile", "ssl_certfile", "ssl_keyfile_password", "ssl_version", "ssl_cert_reqs"),
    *("ssl_ca_certs", "ssl_ciphers"),
}
WITH_A_VALUE = {  # of uvicorn's command line, called as the arguments of uvicorn.run are
    *("root_path", "forwarded_allow_ips", "log_level", "log_config", "loop", "http", "ws", "ws_max_size", "lifespan"),
    *("ws_ping_interval", "ws_ping_timeout", "interface", "env_file", "timeout_keep_alive", "backlog", "app_dir"),
    *("timeout_graceful_shutdown", "limit_concurrency", "limit_max_requests", "h11_max_incomplete_event_size"),
}
FLAGS = {"proxy_headers", "server_header", "date_header", "access_log", "use_colors", "factory"}
ENVIRONMENT = ("os.getenv", "os.environ.get", "getenv", "environ.get")


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnRun:
    """A call of uvicorn.run: ``app`` as module:name, ``options`` of the command line that say the same as it.

    ``left``: arguments that no option can say. ``env``: the variables by which it can be told where to listen and with
    how many processes, with placeholders; {} where that is not all of it.
    """

    app: str
    options: tuple[str, ...] = ()
    left: tuple[str, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict)


def own_run(text: str, module: str) -> OwnRun | None:
    """The call in the text of a file, which is imported as ``module``; None when there is none that names its app."""
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError):
        return None
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func) in ("uvicorn.run", "run"):
            given = {each.arg: each.value for each in node.keywords if each.arg}
            served = node.args[0] if node.args else given.pop("app", None)
            if app := _app(served, module):
                return _read(app, given, by_name=isinstance(served, ast.Constant))
    return None


def _app(served: ast.expr | None, module: str) -> str:
    if isinstance(served, ast.Constant) and isinstance(served.value, str) and TARGET.fullmatch(served.value):
        return served.value
    return f"{module}:{served.id}" if isinstance(served, ast.Name) else ""


def _read(app: str, given: Mapping[str, ast.expr], *, by_name: bool) -> OwnRun:
    """``by_name``: the app is a text, without which uvicorn serves with one process only."""
    words: list[str] = []
    left: list[str] = []
    for name, value in given.items():
        said = _option(name, value)
        words += said or ()
        left += [name] if said is None else []
    return OwnRun(app=app, options=tuple(words), left=tuple(left), env=_told_by(given) if by_name else {})


def _option(name: str, value: ast.expr) -> Sequence[str] | None:
    """The words of an argument, () where the lab says that itself, or where it is as without; None if none can."""
    if name in SET_BY_THE_LAB:
        return ()
    if not isinstance(value, ast.Constant):
        return None
    option = name.replace("_", "-")
    if name in FLAGS and isinstance(value.value, bool):
        return (f"--{option}",) if value.value else () if name == "factory" else (f"--no-{option}",)
    if name in WITH_A_VALUE and value.value is not None:
        return (f"--{option}", str(value.value))
    return None


def _told_by(given: Mapping[str, ast.expr]) -> dict[str, str]:
    """Variables for the port and the processes, and for the host if that has one; {} where one has none.

    Without ``workers`` uvicorn takes WEB_CONCURRENCY; with ``reload`` it is one process whatever it is told. A host
    that is fixed must be one where it is found in every network.
    """
    port = _variable(given.get("port"))
    workers = _variable(given["workers"]) if "workers" in given else "WEB_CONCURRENCY"
    reload = given.get("reload")
    if not port or not workers or not (reload is None or (isinstance(reload, ast.Constant) and reload.value is False)):
        return {}
    host = _variable(given.get("host"))
    if not host and ast.unparse(given.get("host", ast.Constant(""))) not in ("'0.0.0.0'", "'::'"):
        return {}
    return {**({host: "{host}"} if host else {}), port: "{port}", workers: "{workers}"}


def _variable(value: ast.expr | None) -> str:
    """The variable of the environment that a value is read from, also within int(…); "" for none, or several."""
    found: list[str] = []
    for node in ast.walk(value) if value else ():
        named: ast.expr | None = None
        if isinstance(node, ast.Call) and ast.unparse(node.func) in ENVIRONMENT and node.args:
            named = node.args[0]
        elif isinstance(node, ast.Subscript) and ast.unparse(node.value) in ("os.environ", "environ"):
            named = node.slice
        if isinstance(named, ast.Constant) and isinstance(named.value, str):
            found.append(named.value)
    return found[0] if len(found) == 1 else ""
