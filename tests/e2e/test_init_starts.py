"""What `lab init` writes of an image whose first process is no server runs, from its Dockerfile to a report.

Every start comes up and is attested in tests/integration/test_init_starts.py. In a run they differ only by what else is
in the containers: nothing (test_your_own_app.py), an init (here), or sidecars and jobs beside them (test_notes.py).
"""

from pathlib import Path

import pytest

from tests.e2e.conftest import ON_THE_ENGINE, lab, quick, run_valid
from tests.starts import project

pytestmark = [*ON_THE_ENGINE, pytest.mark.alone]


def test_an_image_behind_an_init_runs_as_lab_init_writes_it(tmp_path: Path) -> None:
    """No flag but the folder, and no edit: three valid arms, and a process beside those that serve in each."""
    made = lab("init", "--folder", project(tmp_path / "shop", "init"), "--processes", 2, "--out", tmp_path / "mine")
    assert made.code == 0, made.err
    done = run_valid(quick(tmp_path / "mine" / "scenario.toml"), "--blocks", "1", "--out", tmp_path / "runs")

    assert done.code == 0, done.err
    assert Path(done.out.splitlines()[-1].removeprefix("report: ")).is_file()
