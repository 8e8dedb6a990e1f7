"""A locustfile that somebody has already: whether it is one, and in which folder it belongs. It is read, never run."""

import ast
from collections.abc import Iterator, Sequence
from pathlib import Path

from lab.errors import UsageError

FOLDERS_ABOVE = 5  # of the locustfile, in which a project may begin


def check_locustfile(path: Path, paths: Sequence[str] | None) -> None:
    """Raises UsageError when it is not there or is no Python, and when paths are given that it would not know."""
    if paths:
        raise UsageError("give one of --locustfile and --path", "the locustfile says itself what is loaded")
    try:
        ast.parse(path.read_bytes())
    except OSError as error:
        raise UsageError(f"--locustfile: {path}: {error.strerror}") from None
    except (SyntaxError, ValueError) as error:
        raise UsageError(f"--locustfile: {path} is no Python: {error}") from None


def root_of(path: Path) -> Path | None:
    """The nearest folder above it that holds a module which it imports and its own folder lacks; None without one."""
    here = path.resolve()
    wanted = [name for name in _imported(here.read_bytes()) if not _holds(here.parent, name)]
    above = [folder for folder in here.parents[1 : 1 + FOLDERS_ABOVE] if folder != folder.parent]
    return next((folder for folder in above if any(_holds(folder, name) for name in wanted)), None)


def _imported(source: bytes) -> Iterator[str]:
    """First parts of the names of modules, such as ``tests`` of ``from tests.load import users``."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (each.name.partition(".")[0] for each in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.partition(".")[0]


def _holds(folder: Path, name: str) -> bool:
    return (folder / name).is_dir() or (folder / f"{name}.py").is_file()
