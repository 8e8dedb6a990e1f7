"""What `lab init` writes of an image whose first process is no server runs, from its Dockerfile to a report.

Every start comes up and is attested in tests/integration/test_init_starts.py. In a run they differ only by what else is
in the containers: nothing (test_your_own_app.py), an init (here), or sidecars and jobs beside them (test_notes.py).
"""

from pathlib import Path

import polars as pl

from tests.e2e.conftest import ON_THE_ENGINE, check_done, edit, lab, quick, run_beside_others
from tests.starts import project

pytestmark = ON_THE_ENGINE  # `lab clean` of a test beside it could take the cgroup of its pool for one that was left


def test_an_image_behind_an_init_runs_as_lab_init_writes_it_with_a_pooled_budget(tmp_path: Path) -> None:
    """A process beside those that serve in each of the containers, and one quota over an arm, measured and reported.

    From the folder of the project, with the budget that the written scenario offers in a comment.
    """
    shop = project(tmp_path / "shop", "init")
    (shop / "app" / "end_to_end.py").touch()  # another image than the integration tests deploy beside it
    made = lab("init", "--folder", shop, "--processes", 2, "--out", "mine", cwd=tmp_path)
    assert made.code == 0, made.err
    scenario = edit(quick(tmp_path / "mine" / "scenario.toml"), '# cpus = "pooled:2.0"', 'cpus = "pooled:1.5"')
    run_beside_others(scenario.relative_to(tmp_path), "--blocks", 1, "--out", "runs", cwd=tmp_path)

    (folder,) = (tmp_path / "runs").iterdir()
    check_done(folder)
    for arm, containers in (("workers", {"app"}), ("workers-nginx", {"app"}), ("replicas", {"app-1", "app-2"})):
        processes = pl.read_parquet(folder / "trials" / f"b01-{arm}" / "processes.parquet")
        assert set(processes.filter(pl.col("role") == "init")["service"]) == containers
    assert "1.5 CPUs pooled" in (folder / "report.md").read_text()
    cgroups = pl.read_parquet(folder / "trials" / "b01-workers" / "cgroups.parquet")
    assert set(cgroups["service"]) == {"app", "pool"}
