"""Names that people type: of runs ``latest``, the beginning of a name, a path inside; of scenarios a file or a name."""

import json
import shlex
from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from pathlib import Path

from lab.errors import UsageError
from lab.host.places import shipped_folder
from lab.record.bundle_reading import BUNDLE
from lab.scenario.expectation import nearest

RUNS = Path("runs")
LATEST = "latest"
RUN_FILE = "run.json"
SHIPPED = shipped_folder() / "scenarios"
SCENARIOS = (Path("scenarios"), SHIPPED)  # of this folder, then those of the lab
SHOWN = 5
SLIP = 0.8  # of a path its letters that are right, at least: below it is another file
NO_RUNS = "`lab run quickstart` makes one"


def run_folder(asked: Path) -> Path:
    """The run that ``asked`` names: a folder or a path inside, a bundle, ``latest``, or what only one run's name holds.

    What names nothing is returned as it is, where it exists, so that reading it says what is wrong. Raises UsageError.
    """
    if asked.suffix == BUNDLE and asked.is_file():
        return asked
    if asked.exists():
        inside = next((each for each in (asked, *asked.parents) if (each / RUN_FILE).is_file()), None)
        if inside is None and any(_of(asked)):
            raise UsageError(f"{asked}: a folder of runs, not a run", f"name one of them, or `{LATEST}`")
        if inside is None and (bundles := _bundles_in(asked)):
            raise UsageError(f"{asked}: a folder of bundles, not a run", f"name one of them: {bundles}")
        return inside or asked
    known = list(_of(RUNS))
    if asked == Path(LATEST):
        if not known:
            bundles = _bundles_in(RUNS)
            hint = f"a bundle is named by its path: {bundles}" if bundles else NO_RUNS
            raise UsageError(f"{LATEST}: there are no runs in {RUNS}/{', only bundles' if bundles else ''}", hint)
        return known[-1]
    return _only(str(asked), known) if len(asked.parts) == 1 else asked


def _only(text: str, known: Sequence[Path]) -> Path:
    found = [run for run in known if run.name.startswith(text)] or [run for run in known if text in run.name]
    if len(found) > 1:
        listed = ", ".join(run.name for run in found[-SHOWN:])
        raise UsageError(f"{text}: {len(found)} runs have this in their names: {listed}", "type more of the name")
    if not known:
        raise UsageError(f"{text}: no such run; there are none in {RUNS}/", NO_RUNS)
    if not found:
        raise UsageError(
            f"{text}: no such run; {nearest(text, [run.name for run in known[-SHOWN:]])}", "see `lab list`"
        )
    return found[0]


def _of(folder: Path) -> Iterator[Path]:
    """The runs in a folder, oldest first."""
    found = [each for each in folder.iterdir() if (each / RUN_FILE).is_file()] if folder.is_dir() else []
    yield from sorted(found, key=lambda run: (_started_at(run), run.name))


def _started_at(run: Path) -> str:
    """As run.json says, of which only this is read; "" where it cannot be read: it is not the newest then."""
    try:
        return str(json.loads((run / RUN_FILE).read_bytes())["started_at"])
    except (OSError, ValueError, LookupError, TypeError, RecursionError):
        return ""


def _bundles_in(folder: Path) -> str:
    """The paths of the newest bundles in a folder, as a shell takes them; "" where there are none."""
    found = sorted(each for each in folder.glob(f"*{BUNDLE}") if each.is_file())
    return ", ".join(shlex.quote(str(each)) for each in found[-SHOWN:])


def scenario_file(asked: Path) -> Path:
    """The scenario that ``asked`` names: a file, one of scenarios/ here or of the lab, or an earlier run, its folder.

    Of a run only the path, the whole name or ``latest``: half a name that is no scenario's must not start another.
    Raises UsageError.
    """
    if asked.is_file():
        return asked
    if (asked / RUN_FILE).is_file():
        return asked
    known = {file.stem: file for folder in reversed(SCENARIOS) for file in _scenarios_in(folder)}
    if asked.is_dir():
        raise UsageError(f"{asked}: a folder, not a scenario", _meant_by_folder(asked))
    if asked.exists() or asked.is_symlink():
        what = "a pipe or a device, not a file" if asked.exists() else "a link that leads to no file"
        raise UsageError(f"{asked}: {what}", "name a TOML file")
    if found := known.get(asked.name.removesuffix(".toml") if len(asked.parts) == 1 else str(asked)):
        return found
    if asked == Path(LATEST) or any(run.name == str(asked) for run in _of(RUNS)):
        return run_folder(asked)
    file = _near_file(asked)
    stems = nearest(asked.stem, list(known)) if known else "there is none here"
    close = f"did you mean {str(file)!r}?" if file else stems
    hint = "name a file, a scenario that the lab ships, or a run by its whole name; `lab init` writes one"
    raise UsageError(f"{asked}: no such scenario; {close}", hint)


def _near_file(asked: Path) -> Path | None:
    """The scenario that a path with a slip in it means: in its folder or one beside that, by its name; None: none."""
    there = [*_scenarios_in(asked.parent), *sorted(asked.parent.parent.glob("*/*.toml"))]
    path = asked if asked.suffix else asked.with_suffix(".toml")
    close = get_close_matches(str(path), map(str, there), n=1, cutoff=SLIP)
    return next((file for file in there if file.name == path.name), None) or next(map(Path, close), None)


def _meant_by_folder(folder: Path) -> str:
    """What to type instead of a folder: a scenario in it, or the command for an app in it."""
    files = [file.name for file in _scenarios_in(folder)]
    if len(files) == 1:
        return f"name the file in it: {folder / files[0]}"
    if files:
        more = f" and {len(files) - SHOWN} more" if len(files) > SHOWN else ""
        return f"name one of the files in it: {', '.join(files[:SHOWN])}{more}"
    if (folder / "Dockerfile").is_file():
        return f"`lab quick --folder {shlex.quote(str(folder))}` writes a scenario for the app in it, and runs it"
    return "there is no TOML file in it; `lab init` writes a scenario for your app"


def shipped_scenario(asked: Path) -> Path:
    """The scenario of the lab that has this name, whatever is in scenarios/ here. Raises UsageError."""
    known = {file.stem: file for file in _scenarios_in(SHIPPED)}
    if found := known.get(str(asked)):
        return found
    raise UsageError(
        f"{asked}: the lab ships no such scenario; {nearest(str(asked), list(known))}", "`lab run FILE` runs your own"
    )


def _scenarios_in(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.toml"))


def complete_run(incomplete: str) -> list[str]:
    """Names of runs, for the shell; the newest first."""
    names = [LATEST, *(run.name for run in reversed(list(_of(RUNS))))]
    return [name for name in names if name.startswith(incomplete)]


def complete_run_or_bundle(incomplete: str) -> list[str]:
    """Names of runs, then paths of bundles in the folder that was typed, for the shell."""
    typed = incomplete[: incomplete.rfind("/") + 1]
    bundles = sorted(f"{typed}{each.name}" for each in Path(typed).glob(f"*{BUNDLE}") if each.is_file())
    return [*complete_run(incomplete), *(path for path in bundles if path.startswith(incomplete))]


def complete_scenario(incomplete: str) -> list[str]:
    """Names of the scenarios in scenarios/ and of those of the lab, for the shell."""
    names = dict.fromkeys(file.stem for folder in SCENARIOS for file in _scenarios_in(folder))
    return [name for name in names if name.startswith(incomplete)]


def complete_shipped(incomplete: str) -> list[str]:
    """Names of the scenarios of the lab, for the shell."""
    return [file.stem for file in _scenarios_in(SHIPPED) if file.stem.startswith(incomplete)]
