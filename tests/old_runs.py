"""The tables of run folders of earlier versions, as this one makes them: `python -m tests.old_runs` writes them again.

A person reads the diff: what they say of a run that is over changes only for a reason.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from lab.analysis.comparison import compare_run, floors_of
from lab.analysis.summary import summarise
from lab.record.reading import read_info, read_trials
from lab.report.build import build_content
from lab.report.renderers.csv_tables import render_csv

DATA = Path(__file__).parent / "unit" / "data"
NOW = "tables-now"  # beside ``tables``, which that version made itself
VERSIONS = ("run_v1", "run_v2", "run_v4")


def made_now(version: str) -> Mapping[str, str]:
    """Every table of a run folder, by its name."""
    folder = DATA / version
    info = read_info(folder)
    summary = summarise(info, read_trials(folder, info))
    return render_csv(build_content(info, summary, compare_run(summary, floors_of(info))))


def kept(version: str, of: str = NOW) -> Mapping[str, str]:
    """Those that stand beside it."""
    return {path.name: path.read_text(encoding="utf-8") for path in (DATA / version / of).glob("*.csv")}


def main() -> None:
    """Keep those that are not what the version itself has made."""
    for version in VERSIONS:
        folder, then = DATA / version / NOW, kept(version, "tables")
        folder.mkdir(exist_ok=True)
        for old in folder.glob("*.csv"):
            old.unlink()
        for name, text in made_now(version).items():
            if then.get(name) != text:
                (folder / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
