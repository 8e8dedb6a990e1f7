"""Python tracebacks in a log, without the calls inside Python and other people's packages."""

import re
from collections.abc import Iterator
from itertools import groupby

FRAME = re.compile(r'  File "(?P<path>[^"]+)", line \d+')
OTHERS = re.compile(r"^<frozen |/(?:site|dist)-packages/|/lib/python3(?:\.\d+)?/")
PACKAGE = re.compile(r"/(?:site|dist)-packages/(\w+)")
IMPORT = re.compile(r'  File "<frozen importlib')
FEW = 3  # calls that may stand: fewer hide nothing
Frame = list[str]  # its line, and those below it that show the code


def without_inner_calls(log: str) -> str:
    """The same log; of each traceback stand the calls of the app's own code and the last one.

    What was left out is counted in its place, for the app's own line is looked for among thirty of uvicorn's and
    Python's. Calls of which the first line is not in the log stand as they are.
    """
    return "\n".join(line for run in _runs(log.splitlines()) for line in run)


def _runs(lines: list[str]) -> Iterator[list[str]]:
    """Lines that belong to calls, shortened, and those between, as they are."""
    in_calls = False

    def of_call(line: str) -> bool:
        nonlocal in_calls
        in_calls = bool(FRAME.match(line)) or (in_calls and line.startswith("    "))
        return in_calls

    for calls, group in groupby(lines, of_call):
        run = list(group)
        yield _shortened(_frames(run)) if calls else run


def _frames(lines: list[str]) -> list[Frame]:
    starts = [at for at, line in enumerate(lines) if FRAME.match(line)]
    return [lines[start:end] for start, end in zip(starts, [*starts[1:], len(lines)], strict=True)]


def _shortened(frames: list[Frame]) -> list[str]:
    last, own = len(frames) - 1, _installed_app(frames)
    if not own and all(map(_is_others, frames)):
        return [line for frame in frames for line in frame]  # nobody can tell which of them is the app's
    kept: list[str] = []
    for others, group in groupby(enumerate(frames), lambda each: each[0] != last and _is_others(each[1], own)):
        calls = [frame for _, frame in group]
        if others and len(calls) > FEW:
            kept.append(f"  … {len(calls)} calls inside Python and packages")
        else:
            kept += [line for frame in calls for line in frame]
    return kept


def _installed_app(frames: list[Frame]) -> str:
    """The package that is the app's, where it is installed as others' are: the first that was imported; else ""."""
    imported = next((at for at, frame in enumerate(frames) if IMPORT.match(frame[0])), len(frames))
    packages = (found[1] for frame in frames[imported:] if (found := PACKAGE.search(frame[0])))
    return next(packages, "") if all(map(_is_others, frames)) else ""


def _is_others(frame: Frame, own: str = "") -> bool:
    """Whether it is a call inside Python or a package, but for that of the app, ``own``."""
    found, package = FRAME.match(frame[0]), PACKAGE.search(frame[0])
    if own and package and package[1] == own:
        return False
    return found is not None and bool(OTHERS.search(found["path"]))
