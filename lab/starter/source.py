"""Which FastAPI apps a folder of Python files defines, and their paths: read as text, nothing is imported or run."""

from __future__ import annotations

import ast
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

MAX_FILES = 2_000
MAX_BYTES = 1_000_000
SKIPPED = {"node_modules", "site-packages", "tests", "test", "venv", "__pycache__"}
READY_WORDS = ("ready", "readyz", "readiness", "healthz", "health", "livez", "ping", "status")


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundApp:
    """One ``name = FastAPI(…)``: ``target`` as uvicorn takes it, and the GET paths without parameters."""

    target: str
    paths: tuple[str, ...]


def find_apps(folder: Path) -> list[FoundApp]:
    """The apps, those nearest to the folder's top first."""
    found = [app for path in _files(folder) for app in _apps(path, folder)]
    return sorted(found, key=lambda app: (app.target.count("."), app.target))


def ready_path(paths: tuple[str, ...]) -> str:
    """The path that looks as if it said whether the app is ready; "" when none does."""
    named = {path.rstrip("/").rpartition("/")[2].lower(): path for path in reversed(paths)}
    return next((named[word] for word in READY_WORDS if word in named), "")


def _files(folder: Path) -> Iterator[Path]:
    count = 0
    for root, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if name not in SKIPPED and not name.startswith("."))
        if root != str(folder) and "pyvenv.cfg" in names:
            folders.clear()
            continue
        for name in sorted(names):
            path = Path(root, name)
            if name.endswith(".py") and path.stat().st_size <= MAX_BYTES:
                yield path
                if (count := count + 1) >= MAX_FILES:
                    return


def _apps(path: Path, folder: Path) -> Iterator[FoundApp]:
    try:
        tree = ast.parse(path.read_bytes())
    except (SyntaxError, ValueError):  # not Python that this version reads: no app to be found in it
        return
    parts = path.relative_to(folder).with_suffix("").parts
    module = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
    for statement in tree.body:
        if name := _app_name(statement):
            yield FoundApp(target=f"{module}:{name}", paths=tuple(_paths(tree, name)))


def _app_name(statement: ast.stmt) -> str:
    """The name that a module gives to a FastAPI object; "" for any other statement."""
    if isinstance(statement, ast.Assign) and len(statement.targets) == 1:
        target: ast.expr | None = statement.targets[0]
    else:
        target = statement.target if isinstance(statement, ast.AnnAssign) else None
    call = statement.value if isinstance(statement, ast.Assign | ast.AnnAssign) else None
    if not (isinstance(target, ast.Name) and isinstance(call, ast.Call)):
        return ""
    maker = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
    return target.id if maker == "FastAPI" else ""


def _paths(tree: ast.Module, app: str) -> Iterator[str]:
    """Literal paths of ``@app.get(…)`` without parameters."""
    for node in ast.walk(tree):
        for call in getattr(node, "decorator_list", ()):
            if not (isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call.args):
                continue
            owner, first = call.func.value, call.args[0]
            if call.func.attr != "get" or getattr(owner, "id", "") != app or not isinstance(first, ast.Constant):
                continue
            if isinstance(first.value, str) and first.value.startswith("/") and "{" not in first.value:
                yield first.value
