"""What `lab init` writes of an image whose first process is no server runs, from its Dockerfile to a report.

Every start comes up and is attested in tests/integration/test_init_starts.py. In a run they differ only by what else is
in the containers: nothing (test_your_own_app.py), an init (here), or sidecars and jobs beside them (test_notes.py).
"""

from pathlib import Path

import polars as pl
import pytest

from tests.e2e.conftest import ON_THE_ENGINE, Outcome, edit, lab, quick, run_valid
from tests.starts import project

pytestmark = [*ON_THE_ENGINE, pytest.mark.alone]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> tuple[Outcome, Path]:
    """A run from the folder of the project, with the budget that the written scenario offers in a comment: its folder.

    The last one: the machine may have been too busy before.
    """
    here = tmp_path_factory.mktemp("init")
    made = lab("init", "--folder", project(here / "shop", "init"), "--processes", 2, "--out", "mine", cwd=here)
    assert made.code == 0, made.err
    scenario = edit(quick(here / "mine" / "scenario.toml"), '# cpus = "pooled:2.0"', 'cpus = "pooled:1.5"')
    done = run_valid(scenario.relative_to(here), "--blocks", 1, "--out", "runs", cwd=here)
    assert done.code == 0, done.err
    return done, max((here / "runs").iterdir())


def test_an_image_behind_an_init_runs_as_lab_init_writes_it(run: tuple[Outcome, Path]) -> None:
    """Three valid arms, and a process beside those that serve in each of their containers."""
    _, folder = run
    for arm, containers in (("workers", {"app"}), ("workers-nginx", {"app"}), ("replicas", {"app-1", "app-2"})):
        processes = pl.read_parquet(folder / "trials" / f"b01-{arm}" / "processes.parquet")
        assert set(processes.filter(pl.col("role") == "init")["service"]) == containers


def test_results_in_a_relative_folder(run: tuple[Outcome, Path]) -> None:
    """--out runs, the default, from wherever the command is called; the last line is the page's path from there."""
    done, folder = run
    page = Path(done.out.splitlines()[-1].removeprefix("report: "))
    assert (folder.parent.parent / page).is_file()


def test_a_pooled_budget(run: tuple[Outcome, Path]) -> None:
    """One quota over the arm is measured and reported."""
    _, folder = run
    assert "1.5 CPUs pooled" in (folder / "report.md").read_text()
    cgroups = pl.read_parquet(folder / "trials" / "b01-workers" / "cgroups.parquet")
    assert set(cgroups["service"]) == {"app", "pool"}
